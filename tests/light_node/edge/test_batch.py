"""Batches: when they close, that readings are those that were signed, and that each can be proven alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.errors import ContentMismatchError, InclusionError, MalformedError, SignatureError
from light_node.edge.batch import BatchLimits, OpenBatch, split_leaves, verify_readings
from light_node.edge.reading import GOOD, Flag, encode_reading
from light_node.edge.reading_proof import ReadingProof, encode_proof, parse_proof, prove_reading, verify_reading
from tests.light_node.edge.making import KEY, NOW_US, OTHER_KEY, SECOND, joined, leaves_of, reading, signed, stated

LEAVES = leaves_of(*range(5))
SIGNED = signed(stated(range(5)))


def test_the_readings_of_a_batch_are_those_that_were_signed() -> None:
    batch = verify_readings(SIGNED, joined(LEAVES))
    assert [found for found, _ in batch.readings] == [reading(number) for number in range(5)]
    assert split_leaves(joined(LEAVES)) == LEAVES


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", ContentMismatchError),
        (joined(LEAVES[:4]), ContentMismatchError),
        (joined(LEAVES) + b"\n", ContentMismatchError),
        (b"\n" + joined(LEAVES)[:-1], ContentMismatchError),
        (joined(LEAVES).replace(b"\n", b" ", 1), ContentMismatchError),
        (joined([LEAVES[1], LEAVES[0], *LEAVES[2:]]), InclusionError),
        (joined(LEAVES).replace(b"380.4", b"380.5"), InclusionError),
        (joined([*LEAVES[:4], LEAVES[3].replace(b"380.3", b"380.4")]), InclusionError),
    ],
)
def test_other_readings_are_refused(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        verify_readings(SIGNED, data)


def test_a_flag_that_is_taken_off_or_put_on_after_signing_is_refused() -> None:
    flagged = encode_reading(reading(9), (Flag.OUT_OF_RANGE,))
    batch = OpenBatch(0, None, NOW_US)
    batch.add(flagged, reading(9).taken_at_us, (Flag.OUT_OF_RANGE,))
    statement = signed(batch.close("log", b"\x01" * 32, NOW_US))
    verify_readings(statement, joined([flagged]))
    clean = encode_reading(reading(9), GOOD)
    assert len(clean) != len(flagged)
    with pytest.raises(ContentMismatchError):
        verify_readings(statement, joined([clean]))
    other = flagged.replace(b"out_of_range", b"time_travel\x20")
    with pytest.raises(InclusionError):
        verify_readings(statement, joined([other]))
    stuck = encode_reading(reading(1), (Flag.STUCK,))
    with pytest.raises(ContentMismatchError):
        verify_readings(SIGNED, joined([LEAVES[0], stuck, *LEAVES[2:]]))


@pytest.mark.parametrize(
    "changes",
    [
        {"flagged": 1},
        {"first_at_us": NOW_US - 1},
        {"last_at_us": NOW_US + 5 * SECOND},
        {"size": 4},
        {"byte_count": 700},
    ],
)
def test_a_statement_that_sums_up_falsely_is_refused(changes: dict[str, int]) -> None:
    with pytest.raises(ContentMismatchError):
        verify_readings(signed(stated(range(5)), **changes), joined(LEAVES))


def test_a_signed_leaf_that_is_no_reading_is_refused() -> None:
    batch = OpenBatch(0, None, NOW_US)
    batch.add(b"junk", NOW_US, GOOD)
    with pytest.raises(MalformedError):
        verify_readings(signed(batch.close("log", b"\x01" * 32, NOW_US)), b"junk\n")


def test_flags_and_times_are_summed_up() -> None:
    batch = OpenBatch(0, None, NOW_US)
    data = b""
    for place, number in enumerate((7, 3, 5)):
        quality = (Flag.TIME_TRAVEL,) if place else GOOD
        leaf = encode_reading(reading(number), quality)
        batch.add(leaf, reading(number).taken_at_us, quality)
        data += leaf + b"\n"
    told = batch.close("log", b"\x01" * 32, NOW_US)
    assert (told.flagged, told.first_at_us, told.last_at_us) == (2, NOW_US + 3 * SECOND, NOW_US + 7 * SECOND)
    verify_readings(signed(told), data)


# ---- when a batch closes -----------------------------------------------------------------------------------------


def test_a_batch_has_room_until_the_count() -> None:
    batch, limits = OpenBatch(0, None, NOW_US), BatchLimits(readings=2)
    assert batch.has_room(LEAVES[0], limits)
    batch.add(LEAVES[0], NOW_US, GOOD)
    assert batch.has_room(LEAVES[1], limits)
    batch.add(LEAVES[1], NOW_US, GOOD)
    assert not batch.has_room(LEAVES[2], limits)


def test_a_batch_has_room_until_the_bytes() -> None:
    batch, limits = OpenBatch(0, None, NOW_US), BatchLimits(byte_count=2050)
    while batch.has_room(LEAVES[0], limits):
        batch.add(LEAVES[0], NOW_US, GOOD)
    assert 2050 - len(LEAVES[0]) - 1 < batch.byte_count <= 2050


@pytest.mark.parametrize(("later", "due"), [(0, False), (59 * SECOND, False), (60 * SECOND, True), (-1, True)])
def test_a_batch_is_due_by_age_or_by_a_clock_that_went_back(later: int, due: bool) -> None:
    batch = OpenBatch(0, None, NOW_US)
    assert not batch.is_due(NOW_US + later, BatchLimits())
    batch.add(LEAVES[0], NOW_US, GOOD)
    assert batch.is_due(NOW_US + later, BatchLimits()) is due


@pytest.mark.parametrize(
    "limits", [{"readings": 0}, {"readings": 65_537}, {"byte_count": 2048}, {"byte_count": 2**24 + 1}, {"age_us": 0}]
)
def test_limits_out_of_range_are_refused(limits: dict[str, int]) -> None:
    with pytest.raises(MalformedError):
        BatchLimits(**limits)


# ---- one reading alone -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13])
def test_each_reading_is_proven_alone(size: int) -> None:
    leaves, statement = leaves_of(*range(size)), signed(stated(range(size)))
    for index in range(size):
        proof = parse_proof(encode_proof(prove_reading(statement.text, leaves, index)))
        assert verify_reading(proof, KEY.public) == (statement, reading(index), GOOD)


PROOF = prove_reading(SIGNED.text, LEAVES, 2)


@pytest.mark.parametrize(
    ("proof", "error"),
    [
        (replace(PROOF, leaf=LEAVES[1]), InclusionError),
        (replace(PROOF, index=1), InclusionError),
        (replace(PROOF, index=5), MalformedError),
        (replace(PROOF, index=-1), MalformedError),
        (replace(PROOF, path=PROOF.path[:-1]), MalformedError),
        (replace(PROOF, path=(*PROOF.path, b"\0" * 32)), MalformedError),
        (replace(PROOF, path=(b"\0" * 32, *PROOF.path[1:])), InclusionError),
        (replace(PROOF, statement=signed(stated(range(6))).text), InclusionError),
        (replace(PROOF, statement=signed(stated(range(5)), OTHER_KEY).text), SignatureError),
    ],
)
def test_a_false_proof_is_refused(proof: ReadingProof, error: type[Exception]) -> None:
    with pytest.raises(error):
        verify_reading(proof, KEY.public)


def test_there_is_no_proof_of_what_is_not_there() -> None:
    with pytest.raises(ValueError, match="entry 5 of 5"):
        prove_reading(SIGNED.text, LEAVES, 5)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"index":2', b'"index":2.5'),
        (b'"index":2', b'"index":70000'),
        (b'"index":2', b'"indices":2'),
        (b'"0x', b'"0y'),
        (b'"path":[', b'"path":["0x00",'),
        (b'{"index"', b'["index"'),
        (b'{"index"', b'{"extra":1,"index"'),
    ],
)
def test_a_proof_out_of_its_form_is_refused(old: bytes, new: bytes) -> None:
    data = encode_proof(PROOF)
    assert old in data
    with pytest.raises(MalformedError):
        parse_proof(data.replace(old, new))
