"""What the logs fold and emit, compared with what readers fold."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.proof.keccak import keccak256
from ledger.proof.slots import head_slot
from tests.contracts.car import BUILT, CAR, FIRST, RESTORED, SCRAPPED, SERVICED, meta
from tests.contracts.evm import Replay, digest_of, subject_of
from tests.contracts.world import MAKER, World

ATTESTED = keccak256(b"Attested(bytes32,bytes32,uint256)")
ATTESTED_MANY = keccak256(b"AttestedMany(uint256,uint256,bytes32[2][])")


def test_genesis_and_ordinary_fold_as_readers_fold(world: World) -> None:
    replay = Replay()
    for kind, digest, status in ((BUILT, digest_of(1), 1), (SERVICED, digest_of(2), None)):
        receipt = world.vehicle.send(world.maker, "attest", CAR, kind, digest)
        expected = replay.append(CAR, digest, meta(receipt, kind), status)
        assert world.vehicle.read("head", CAR) == world.vehicle.read("latestHead", CAR) == expected
        assert world.vehicle.storage(head_slot(CAR)) == int.from_bytes(expected, "big")
        (log,) = receipt.logs
        assert log["topics"] == [f"0x{ATTESTED.hex()}", f"0x{CAR.hex()}"]
        assert log["data"] == f"0x{digest.hex()}{meta(receipt, kind).word.hex()}"


def test_status_kind_moves_the_status(born: World) -> None:
    head = born.vehicle.read("head", CAR)
    receipt = born.vehicle.send(born.maker, "attestIf", CAR, FIRST, digest_of(3), head)
    replay = Replay()
    replay.heads[CAR] = head
    assert born.vehicle.read("head", CAR) == replay.append(CAR, digest_of(3), meta(receipt, FIRST), 2)
    assert len(receipt.logs) == 1


def test_many_fold_in_order_with_an_event_each(world: World) -> None:
    other = subject_of(MAKER, 2)
    items = [
        (CAR, BUILT, digest_of(1)),
        (other, BUILT, digest_of(2)),
        (CAR, SERVICED, digest_of(3)),
        (CAR, SERVICED, digest_of(4)),
    ]
    receipt = world.vehicle.send(world.maker, "attestMany", items)
    replay = Replay()
    for subject, kind, digest in items:
        replay.append(subject, digest, meta(receipt, kind), 1)
    assert {subject: world.vehicle.read("head", subject) for subject in (CAR, other)} == replay.heads
    assert [log["topics"][1] for log in receipt.logs] == [f"0x{subject.hex()}" for subject, _, _ in items]


def test_pairs_fold_in_order_with_one_event(world: World) -> None:
    pairs = [(subject_of(MAKER, index), digest_of(index)) for index in range(5)]
    receipt = world.vehicle.send(world.maker, "attestPairs", BUILT, pairs)
    replay = Replay()
    for subject, digest in pairs:
        replay.append(subject, digest, meta(receipt, BUILT), 1)
    assert {subject: world.vehicle.read("head", subject) for subject, _ in pairs} == replay.heads
    (log,) = receipt.logs
    assert log["topics"] == [f"0x{ATTESTED_MANY.hex()}", f"0x{MAKER:064x}"]
    words = meta(receipt, BUILT).word + (64).to_bytes(32, "big") + (5).to_bytes(32, "big")
    assert log["data"] == f"0x{(words + b''.join(subject + digest for subject, digest in pairs)).hex()}"


def test_the_same_subject_twice_in_pairs_folds_twice(born: World) -> None:
    replay = Replay()
    replay.heads[CAR] = born.vehicle.read("head", CAR)
    receipt = born.vehicle.send(born.maker, "attestPairs", SERVICED, [(CAR, digest_of(5)), (CAR, digest_of(5))])
    for _ in range(2):
        replay.append(CAR, digest_of(5), meta(receipt, SERVICED))
    assert born.vehicle.read("head", CAR) == replay.heads[CAR]


def test_series_folds_in_order_with_an_event_each(born: World) -> None:
    replay = Replay()
    replay.heads[CAR] = born.vehicle.read("head", CAR)
    digests = [digest_of(index) for index in range(7)]
    receipt = born.vehicle.send(born.maker, "attestSeries", CAR, SERVICED, digests)
    for digest in digests:
        replay.append(CAR, digest, meta(receipt, SERVICED))
    assert born.vehicle.read("head", CAR) == replay.heads[CAR]
    assert len(receipt.logs) == len(digests)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 2), st.binary(min_size=32, max_size=32)), min_size=1, max_size=20))
def test_any_batch_folds_as_singles_would(founded: World, choices: list[tuple[int, bytes]]) -> None:
    subjects = [subject_of(MAKER, 100 + index) for index in range(3)]
    snapshot = founded.chain.tester.take_snapshot()
    founded.vehicle.send(founded.maker, "attestPairs", BUILT, [(subject, digest_of(0)) for subject in subjects])
    replay = Replay()
    replay.heads = {subject: founded.vehicle.read("head", subject) for subject in subjects}
    items = [(subjects[index], SERVICED, digest) for index, digest in choices]
    receipt = founded.vehicle.send(founded.maker, "attestMany", items)
    for subject, kind, digest in items:
        replay.append(subject, digest, meta(receipt, kind))
    assert {subject: founded.vehicle.read("head", subject) for subject in subjects} == replay.heads
    founded.chain.tester.revert_to_snapshot(snapshot)


def test_five_organisations_in_a_row_succeed_whatever_the_status(born: World) -> None:
    head = born.vehicle.read("head", CAR)
    born.vehicle.send(born.authority, "attestIf", CAR, SCRAPPED, digest_of(1), head)
    for by in (born.maker, born.workshop, born.authority, born.workshop, born.maker):
        born.vehicle.send(by, "attest", CAR, SERVICED, digest_of(2))
    assert born.vehicle.read("head", CAR)[0] == 5


def test_authority_undoes_a_false_terminal_status(born: World) -> None:
    born.vehicle.send(born.maker, "attestIf", CAR, SCRAPPED, digest_of(1), born.vehicle.read("head", CAR))
    born.vehicle.send(born.authority, "attestIf", CAR, RESTORED, digest_of(2), born.vehicle.read("head", CAR))
    assert born.vehicle.read("head", CAR)[0] == 2
