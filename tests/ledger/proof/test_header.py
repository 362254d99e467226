"""Headers: hashes of real engines, every field's format, and what of a QBFT header its hashes cover."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import coincurve
import pytest
import rlp  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import MalformedError
from ledger.proof.header import MAX_HEADER_BYTES, RawHeader, block_hash, commit_seal_hash, parse_header
from ledger.proof.keccak import keccak256
from ledger.proof.qbft_extra import (
    MAX_EXTRA_BYTES,
    MAX_VALIDATORS,
    QbftExtra,
    ValidatorVote,
    encode_qbft_extra,
    parse_qbft_extra,
)
from ledger.proof.rlp import encode_rlp, parse_rlp
from tests.ledger.proof.vectors import FOLDER, Vector, assert_refused, octets, vectors

VECTORS: list[Vector] = json.loads((FOLDER / "header.json").read_text(encoding="utf-8"))["vectors"]
ALL_FIELDS = octets(VECTORS[0]["rlp"])
QBFT_HEADER = octets(next(one for one in VECTORS if "qbft" in one)["rlp"])
EXTRAS = st.builds(
    QbftExtra,
    st.binary(min_size=32, max_size=32),
    st.lists(st.binary(min_size=20, max_size=20), max_size=7).map(tuple),
    st.none() | st.builds(ValidatorVote, st.binary(min_size=20, max_size=20), st.booleans()),
    st.integers(0, 2**32 - 1),
    st.lists(st.binary(min_size=65, max_size=65), max_size=7).map(tuple),
)


def value_of(value: Any) -> Any:
    return octets(value) if isinstance(value, str) else [value_of(one) for one in value]


def with_field(number: int, value: Any, header: bytes = ALL_FIELDS) -> bytes:
    fields = list(rlp.decode(header))
    fields[number] = value
    return bytes(rlp.encode(fields))


def with_extra(extra: QbftExtra) -> RawHeader:
    return parse_header(with_field(12, encode_qbft_extra(extra), QBFT_HEADER))


@vectors("header", refused=False)
def test_a_header_and_its_hashes(vector: Vector) -> None:
    header = parse_header(octets(vector["rlp"]))
    assert (header.number, header.timestamp) == (vector["number"], vector["timestamp"])
    assert block_hash(header) == octets(vector["plain"])
    assert list(header.fields) == rlp.decode(header.rlp)
    if "qbft" in vector:
        assert block_hash(header, "qbft") == octets(vector["qbft"])
        assert commit_seal_hash(header) == octets(vector["seal"])
        assert parse_qbft_extra(header.extra_data) == extra_of(vector["extra"])


def extra_of(value: Vector) -> QbftExtra:
    vote = None if value["vote"] is None else ValidatorVote(octets(value["vote"][0]), value["vote"][1])
    validators, seals = (tuple(octets(one) for one in value[name]) for name in ("validators", "seals"))
    return QbftExtra(octets(value["vanity"]), validators, vote, value["round"], seals)


@vectors("header", refused=True)
def test_what_is_no_header(vector: Vector) -> None:
    if "extra_rlp" in vector:
        header = parse_header(with_field(12, octets(vector["extra_rlp"])))
        assert_refused(vector, lambda: parse_qbft_extra(header.extra_data))
        assert_refused(vector, lambda: block_hash(header, "qbft"))
        assert_refused(vector, lambda: commit_seal_hash(header))
        return
    data = octets(vector["rlp"]) if "rlp" in vector else with_field(vector["field"], value_of(vector["value"]))
    assert_refused(vector, lambda: parse_header(data))


def test_limits() -> None:
    longest = parse_header(with_field(12, bytes(MAX_EXTRA_BYTES)))
    assert len(longest.extra_data) == MAX_EXTRA_BYTES
    with pytest.raises(MalformedError, match="extra data is not in its format"):
        parse_header(with_field(12, bytes(MAX_EXTRA_BYTES + 1)))
    with pytest.raises(MalformedError, match=f"1 to {MAX_HEADER_BYTES} are read"):
        parse_header(with_field(12, bytes(MAX_HEADER_BYTES)))
    extra = parse_qbft_extra(with_extra(QbftExtra(bytes(32), (bytes(20),) * MAX_VALIDATORS, None, 0, ())).extra_data)
    assert len(extra.validators) == MAX_VALIDATORS


def test_a_rule_must_be_known() -> None:
    with pytest.raises(ValueError, match="ibft"):
        block_hash(parse_header(QBFT_HEADER), "ibft")


@given(st.binary(max_size=700))
def test_any_bytes_are_a_header_or_malformed(data: bytes) -> None:
    for parse in (parse_header, parse_qbft_extra):
        with pytest.raises(MalformedError):
            parse(data)


@given(st.integers(0, 8 * len(QBFT_HEADER) - 1))
def test_a_bit_flipped_is_refused_or_another_block(bit: int) -> None:
    data = bytearray(QBFT_HEADER)
    data[bit // 8] ^= 1 << bit % 8
    try:
        changed = parse_header(bytes(data))
    except MalformedError:
        return
    assert block_hash(changed) != block_hash(parse_header(QBFT_HEADER))
    assert encode_rlp(list(changed.fields)) == bytes(data)


def test_a_header_cut_anywhere_is_refused() -> None:
    for length in range(len(QBFT_HEADER)):
        with pytest.raises(MalformedError):
            parse_header(QBFT_HEADER[:length])


@given(EXTRAS)
def test_extra_data_has_one_encoding(extra: QbftExtra) -> None:
    data = encode_qbft_extra(extra)
    assert parse_qbft_extra(data) == extra
    vote = [] if extra.vote is None else [extra.vote.validator, b"\xff" if extra.vote.adds else b""]
    assert data == rlp.encode([extra.vanity, extra.validators, vote, extra.round, extra.seals])


@given(EXTRAS, EXTRAS)
def test_the_block_hash_covers_all_but_round_and_seals(one: QbftExtra, other: QbftExtra) -> None:
    header = with_extra(one)
    same = with_extra(replace(one, round=other.round, seals=other.seals))
    assert block_hash(same, "qbft") == block_hash(header, "qbft")
    for name in ("vanity", "validators", "vote"):
        changed = with_extra(replace(one, **{name: getattr(other, name)}))
        equal = getattr(one, name) == getattr(other, name)
        assert (block_hash(changed, "qbft") == block_hash(header, "qbft")) is equal


@given(EXTRAS, EXTRAS)
def test_the_seals_cover_the_round_too(one: QbftExtra, other: QbftExtra) -> None:
    header = with_extra(one)
    assert commit_seal_hash(with_extra(replace(one, seals=other.seals))) == commit_seal_hash(header)
    other_round = with_extra(replace(one, round=other.round))
    assert (commit_seal_hash(other_round) == commit_seal_hash(header)) is (one.round == other.round)


@given(st.integers(0, 14).filter(lambda number: number != 12), st.data())
def test_both_hashes_cover_every_other_field(number: int, draw: st.DataObject) -> None:
    field = rlp.decode(QBFT_HEADER)[number]
    size = len(field) or 1
    value = draw.draw(st.binary(min_size=size, max_size=size).filter(lambda one: one != field and one[0]))
    header, changed = parse_header(QBFT_HEADER), parse_header(with_field(number, value, QBFT_HEADER))
    assert block_hash(changed, "qbft") != block_hash(header, "qbft")
    assert commit_seal_hash(changed) != commit_seal_hash(header)


def test_a_genesis_is_hashed_as_it_stands() -> None:
    header = parse_header(with_field(8, b"", QBFT_HEADER))
    assert parse_qbft_extra(header.extra_data).seals
    assert block_hash(header, "qbft") == keccak256(header.rlp) == block_hash(header)


@pytest.fixture(scope="module", params=["four-validators", "contract-validators", "lying-proposer"])
def recorded(request: pytest.FixtureRequest, shared_data: Path) -> list[Vector]:
    data = json.loads((shared_data / "qbft" / f"{request.param}.json").read_text())
    return [*data["headers"], *data.get("alt_headers", [])]


def test_every_recorded_block_hashes_as_its_node_says(recorded: list[Vector]) -> None:
    for block in recorded:
        header = parse_header(octets(block["rlp"]))
        extra = parse_qbft_extra(header.extra_data)
        assert header.number == block["number"]
        assert block_hash(header, "qbft") == octets(block["hash"])
        assert (extra.round, len(extra.seals)) == (block["round"], block["seals"])
        assert len(extra.validators) == block.get("validators_in_header", len(extra.validators))
        assert encode_qbft_extra(extra) == header.extra_data


def test_every_recorded_block_names_its_parent(recorded: list[Vector]) -> None:
    hashes = {block["number"]: octets(block["hash"]) for block in recorded}
    for block in recorded:
        header = parse_header(octets(block["rlp"]))
        assert header.parent_hash == hashes.get(header.number - 1, bytes(32))


def test_every_recorded_seal_is_a_validators_over_the_seal_hash(recorded: list[Vector], shared_data: Path) -> None:
    signers: set[bytes] = set()
    for block in recorded:
        header = parse_header(octets(block["rlp"]))
        message = commit_seal_hash(header)
        for seal in parse_qbft_extra(header.extra_data).seals:
            key = coincurve.PublicKey.from_signature_and_message(seal, message, hasher=None)
            signers.add(keccak256(key.format(compressed=False)[1:])[12:])
    files = [json.loads(path.read_text()) for path in (shared_data / "qbft").glob("*.json")]
    assert any(signers <= {octets(node) for node in file["nodes"]} for file in files)


def test_the_seals_of_one_block_are_nothing_to_another(recorded: list[Vector]) -> None:
    one, other = (parse_header(octets(block["rlp"])) for block in recorded[1:3])
    assert commit_seal_hash(one) != commit_seal_hash(other)


def test_the_same_block_on_two_nodes_has_one_hash(shared_data: Path) -> None:
    data = json.loads((shared_data / "qbft" / "four-validators.json").read_text())
    headers = {block["number"]: block for block in data["headers"]}
    for block in data["alt_headers"]:
        mine, other = parse_header(octets(headers[block["number"]]["rlp"])), parse_header(octets(block["rlp"]))
        assert block_hash(mine, "qbft") == block_hash(other, "qbft")
        assert block_hash(mine, "plain") != block_hash(other, "plain")


def test_parsing_keeps_the_whole_encoding() -> None:
    header = parse_header(ALL_FIELDS)
    assert list(header.fields) == parse_rlp(ALL_FIELDS)
    assert header.coinbase == header.fields[2]
    assert (header.transactions_root, header.receipts_root) == header.fields[4:6]
