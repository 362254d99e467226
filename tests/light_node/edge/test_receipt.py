"""Receipts: nothing but verified evidence, by the device's own trust file, lets go of a batch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from ledger.errors import InclusionError, StaleError, VerificationError
from ledger.proof.evidence import encode_evidence
from light_node.edge.receipt import KIND, VerifiedInclusion, batch_fields, verify_receipt
from light_node.edge.statement import VerifiedStatement
from light_node.judgement import judge
from light_node.trust import Trust, TrustedBlock
from tests.light_node.edge.making import OTHER_KEY, chained, signed, stated
from tests.simulator.chain import CHAIN_ID
from tests.simulator.world import MAKER, WORKSHOP, World


def statements(world: World, count: int = 2) -> list[VerifiedStatement]:
    """A chain of batches about the world's battery."""
    chain: list[VerifiedStatement] = []
    for sequence in range(count):
        previous = chain[-1].digest if chain else None
        told = stated(range(sequence * 3, sequence * 3 + 3), sequence, previous, world.battery.subject)
        last = (world.chain.time - 90) * 1_000_000
        chain.append(signed(told, first_at_us=last - 5, last_at_us=last))
    return chain


@dataclass(frozen=True)
class Reader:
    """A device, with what it believes."""

    trust: Trust
    organisation: int
    now: int
    accepted: TrustedBlock | None = None


def prove(data: bytes, statement: VerifiedStatement, reader: Reader) -> VerifiedInclusion:
    verdict = judge(data, reader.trust, now=reader.now, accepted=reader.accepted, identity_required=False)
    return verify_receipt(verdict, statement, reader.organisation)


def reader(world: World, **changes: object) -> Reader:
    return replace(Reader(world.chain.trust(), MAKER, world.chain.time), **changes)  # type: ignore[arg-type]


def record(world: World, statement: VerifiedStatement, organisation: int = MAKER, **changes: object) -> None:
    fields = {name: value for name, value in {**batch_fields(statement), **changes}.items() if value is not None}
    world.chain.record(world.battery, organisation, KIND, **fields)  # type: ignore[arg-type]


def test_an_attested_batch_is_proven_with_its_lag(world: World) -> None:
    first, second = statements(world)
    record(world, first)
    record(world, second)
    data = world.chain.file(world.battery)
    block = world.chain.blocks[-1]
    for place, statement in enumerate((first, second)):
        inclusion = prove(data, statement, reader(world))
        assert inclusion.digest == statement.digest
        assert inclusion.lag_seconds == 90 + 60 * place
        assert inclusion.block == TrustedBlock(block.number, block.hash, block.time)


@pytest.mark.parametrize("ahead_s", [1, 3600, 10 * 365 * 86400])
def test_a_clock_that_is_ahead_of_the_chain_shows_as_a_lag_below_zero(world: World, ahead_s: int) -> None:
    """The device's time is a claim; the chain's stands beside it, and is what counts."""
    last = (world.chain.time + ahead_s) * 1_000_000
    told = stated(range(3), 0, None, world.battery.subject)
    statement = signed(told, first_at_us=last - 5, last_at_us=last)
    record(world, statement)
    assert prove(world.chain.file(world.battery), statement, reader(world)).lag_seconds == -ahead_s


def test_everything_else_may_be_withheld(world: World) -> None:
    first, second = statements(world)
    record(world, first)
    record(world, second)
    place = len(world.battery.history)
    data = world.chain.file(world.battery, withheld=range(1, place))
    assert prove(data, second, reader(world)).digest == second.digest
    with pytest.raises(InclusionError, match="batch in the receipt"):
        prove(data, first, reader(world))


def test_a_batch_that_is_not_attested_is_refused(world: World) -> None:
    first, second = statements(world)
    record(world, first)
    with pytest.raises(InclusionError, match="batch in the receipt"):
        prove(world.chain.file(world.battery), second, reader(world))


@pytest.mark.parametrize(
    "changes",
    [
        {"root": "0x" + "00" * 32},
        {"size": 4},
        {"size": "3"},
        {"sequence": 0},
        {"previous_batch": None},
        {"previous_batch": "0x" + "00" * 32},
        {"device_key": OTHER_KEY.public.key_id},
        {"device_key": None},
        {"batch_digest": "0x" + "00" * 32},
        {"batch_digest": None},
    ],
)
def test_an_event_that_says_something_else_of_the_batch_is_refused(world: World, changes: dict[str, object]) -> None:
    second = statements(world)[1]
    record(world, second, **changes)
    with pytest.raises(InclusionError, match="batch in the receipt"):
        prove(world.chain.file(world.battery), second, reader(world))


def test_a_first_batch_that_is_given_a_predecessor_is_refused(world: World) -> None:
    (first,) = statements(world, 1)
    record(world, first, previous_batch="0x" + "00" * 32)
    with pytest.raises(InclusionError):
        prove(world.chain.file(world.battery), first, reader(world))


def test_another_member_or_kind_does_not_count(world: World) -> None:
    (first,) = statements(world, 1)
    record(world, first, WORKSHOP)
    world.chain.record(world.battery, MAKER, "any.sensor_report", readings=[], **batch_fields(first))
    with pytest.raises(InclusionError, match="batch in the receipt"):
        prove(world.chain.file(world.battery), first, reader(world))


def test_an_event_that_is_not_opened_does_not_count(world: World) -> None:
    (first,) = statements(world, 1)
    record(world, first)
    place = len(world.battery.history)
    for choice in ({"withheld": [place]}, {"hidden": [place]}, {"shown": {place: ["root", "size", "sequence"]}}):
        with pytest.raises(InclusionError, match="batch in the receipt"):
            prove(world.chain.file(world.battery, **choice), first, reader(world))


def test_a_receipt_about_another_asset_is_refused(world: World) -> None:
    (first,) = statements(world, 1)
    world.chain.record(world.vehicle, MAKER, KIND, **batch_fields(first))
    with pytest.raises(InclusionError, match="subject"):
        prove(world.chain.file(world.vehicle), first, reader(world))


@pytest.mark.parametrize("data", [b"", b"{}", b"<html>503</html>", b'{"type":"application/problem+json"}'])
def test_what_is_no_evidence_is_refused(world: World, data: bytes) -> None:
    with pytest.raises(InclusionError, match="malformed"):
        prove(data, chained(1)[0], reader(world))


def test_evidence_that_leaves_an_event_out_is_refused(world: World) -> None:
    (first,) = statements(world, 1)
    record(world, first)
    evidence = world.chain.evidence(world.battery)
    shorter = replace(evidence, history=evidence.history[:1] + evidence.history[2:])
    count = replace(shorter.segments[0], entries=len(shorter.history))
    with pytest.raises(InclusionError, match=r"refuted|malformed"):
        prove(encode_evidence(replace(shorter, segments=(count,))), first, reader(world))


def test_every_changed_byte_is_refused(world: World) -> None:
    (first,) = statements(world, 1)
    record(world, first)
    data = world.chain.file(world.battery)
    for place in range(0, len(data), 997):
        changed = data[:place] + bytes((data[place] ^ 1,)) + data[place + 1 :]
        with pytest.raises(VerificationError):
            prove(changed, first, reader(world))


def test_too_few_witnesses_another_chain_and_old_blocks_prove_nothing_here_and_now(world: World) -> None:
    (first,) = statements(world, 1)
    record(world, first)
    data, trust = world.chain.file(world.battery), world.chain.trust()
    lonely = replace(trust, finality=replace(trust.finality, threshold=len(trust.finality.witnesses)))
    later = TrustedBlock(world.chain.blocks[-1].number + 5, b"\x01" * 32, world.chain.time)
    for changes in (
        {"trust": lonely},
        {"trust": replace(trust, chain_id=CHAIN_ID + 1)},
        {"now": world.chain.time + 30 * 86400},
        {"now": world.chain.time - 30 * 86400},
        {"accepted": later},
    ):
        with pytest.raises(StaleError):
            prove(data, first, reader(world, **changes))
    prove(data, first, reader(world))
