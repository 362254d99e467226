"""One life, one writable log: what a successor takes over, and what it cannot."""

from __future__ import annotations

import pytest

from tests.contracts.car import BUILT, CAR, FIRST, SERVICED, meta
from tests.contracts.evm import NOBODY, Contract, RefusedError, Replay, digest_of, refused, subject_of
from tests.contracts.world import MAKER, WORKSHOP, World


@pytest.fixture
def succeeded(born: World) -> tuple[World, Contract]:
    """A new log, which continues the vehicle log."""
    successor = born.chain.deploy("VehicleHistory", born.consortium.address, born.vehicle.address)
    born.council.decide("retireLog", born.vehicle.address, successor.address)
    return born, successor


def test_one_life_goes_on_in_the_successor(succeeded: tuple[World, Contract]) -> None:
    world, successor = succeeded
    replay = Replay()
    replay.heads[CAR] = world.vehicle.read("head", CAR)
    assert successor.read("head", CAR) == bytes(32)
    assert successor.read("latestHead", CAR) == replay.heads[CAR]
    receipt = successor.send(world.workshop, "attest", CAR, SERVICED, digest_of(7))
    assert successor.read("head", CAR) == replay.append(CAR, digest_of(7), meta(receipt, SERVICED, WORKSHOP))
    assert successor.read("generation") == 1


def test_heads_come_from_any_generation(succeeded: tuple[World, Contract]) -> None:
    world, second = succeeded
    third = world.chain.deploy("VehicleHistory", world.consortium.address, second.address)
    world.council.decide("retireLog", second.address, third.address)
    head = world.vehicle.read("head", CAR)
    assert third.read("latestHead", CAR) == head
    third.send(world.maker, "attestIf", CAR, FIRST, digest_of(1), head)
    assert third.read("head", CAR)[0] == 2


def test_a_closed_log_refuses_every_write(succeeded: tuple[World, Contract]) -> None:
    world, successor = succeeded
    head = world.vehicle.read("head", CAR)
    for function, arguments in (
        ("attest", (CAR, SERVICED, digest_of(1))),
        ("attest", (subject_of(MAKER, 50), BUILT, digest_of(1))),
        ("attestIf", (CAR, FIRST, digest_of(1), head)),
        ("attestMany", ([(CAR, SERVICED, digest_of(1))],)),
        ("attestPairs", (SERVICED, [(CAR, digest_of(1))])),
        ("attestSeries", (CAR, SERVICED, [digest_of(1)])),
    ):
        error = refused(world.vehicle, "LogClosed", world.maker, function, *arguments)
        assert str(error[0]).lower() == successor.address.lower()


def test_no_second_genesis_in_the_successor(succeeded: tuple[World, Contract]) -> None:
    world, successor = succeeded
    assert refused(successor, "SubjectExists", world.maker, "attest", CAR, BUILT, digest_of(1)) == (CAR,)


def test_a_successor_cannot_write_while_its_predecessor_is_open(born: World) -> None:
    early = born.chain.deploy("VehicleHistory", born.consortium.address, born.vehicle.address)
    for kind, subject in ((SERVICED, CAR), (BUILT, subject_of(MAKER, 60))):
        assert refused(early, "NotSuccessor", born.maker, "attest", subject, kind, digest_of(1))


def test_a_successor_is_named_once_and_by_the_council_alone(succeeded: tuple[World, Contract]) -> None:
    world, successor = succeeded
    rival = world.chain.deploy("VehicleHistory", world.consortium.address, world.vehicle.address)
    assert refused(world.vehicle, "NotConsortium", world.maker, "setSuccessor", rival.address)
    assert refused(world.consortium, "NotCouncil", world.maker, "retireLog", successor.address, rival.address)
    with pytest.raises(RefusedError, match="LogClosed"):
        world.council.decide("retireLog", world.vehicle.address, rival.address)


def test_a_successor_must_continue_this_log(born: World) -> None:
    unrelated = born.chain.deploy("VehicleHistory", born.consortium.address, NOBODY)
    with pytest.raises(RefusedError, match="UnsuitableLog"):
        born.council.decide("retireLog", born.vehicle.address, unrelated.address)


def test_a_predecessor_must_be_of_the_same_type_and_consortium(born: World) -> None:
    with pytest.raises(RefusedError, match="UnsuitableLog"):
        born.chain.deploy("PartsProvenance", born.consortium.address, born.vehicle.address)
    other = born.chain.deploy("Consortium", born.chain.accounts[:1], 1, 0, [born.stranger])
    with pytest.raises(RefusedError, match="UnsuitableLog"):
        born.chain.deploy("VehicleHistory", other.address, born.vehicle.address)
    with pytest.raises(RefusedError, match="UnsuitableLog"):
        born.chain.deploy("VehicleHistory", NOBODY, NOBODY)


def test_generations_are_bounded(world: World) -> None:
    log = world.part
    for _ in range(7):
        log = world.chain.deploy("PartsProvenance", world.consortium.address, log.address)
    with pytest.raises(RefusedError, match="TooManyGenerations"):
        world.chain.deploy("PartsProvenance", world.consortium.address, log.address)
