"""Everything that the logs refuse, by its error and the error's arguments."""

from __future__ import annotations

import pytest

from contracts import LOGS
from ledger.kinds import kind_by_name
from tests.contracts.car import BUILT, CAR, FIRST, RESTORED, SERVICED
from tests.contracts.evm import digest_of, refused, subject_of
from tests.contracts.world import AUTHORITY, MAKER, WORKSHOP, World


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("attest", (SERVICED, digest_of(1))),
        ("attestIf", (FIRST, digest_of(1), digest_of(2))),
        ("attestIf", (FIRST, digest_of(1), bytes(32))),
        ("attestSeries", (SERVICED, [digest_of(1)])),
    ],
)
def test_unknown_subject(world: World, function: str, arguments: tuple[object, ...]) -> None:
    assert refused(world.vehicle, "UnknownSubject", world.maker, function, CAR, *arguments) == (CAR,)


def test_one_unknown_subject_refuses_the_whole_batch(born: World) -> None:
    head = born.vehicle.read("head", CAR)
    unknown = subject_of(MAKER, 99)
    items = [(CAR, SERVICED, digest_of(1)), (unknown, SERVICED, digest_of(1))]
    assert refused(born.vehicle, "UnknownSubject", born.maker, "attestMany", items) == (unknown,)
    pairs = [(subject, digest) for subject, _, digest in items]
    assert refused(born.vehicle, "UnknownSubject", born.maker, "attestPairs", SERVICED, pairs) == (unknown,)
    assert born.vehicle.read("head", CAR) == head


def test_genesis_only_once(born: World) -> None:
    assert refused(born.vehicle, "SubjectExists", born.maker, "attest", CAR, BUILT, digest_of(1)) == (CAR,)
    twice = [(subject_of(MAKER, 3), digest_of(1))] * 2
    assert refused(born.vehicle, "SubjectExists", born.maker, "attestPairs", BUILT, twice) == (subject_of(MAKER, 3),)


def test_genesis_only_by_the_organisation_in_the_subject(world: World) -> None:
    foreign = subject_of(AUTHORITY, 1)
    assert refused(world.vehicle, "ForeignSubject", world.maker, "attest", foreign, BUILT, digest_of(1)) == (
        foreign,
        MAKER,
    )
    assert refused(world.vehicle, "ForeignSubject", world.maker, "attestMany", [(bytes(32), BUILT, digest_of(1))])
    assert refused(world.vehicle, "ForeignSubject", world.maker, "attestPairs", BUILT, [(foreign, digest_of(1))])


def test_status_kinds_only_with_the_expected_head(born: World) -> None:
    assert refused(born.vehicle, "ExpectedHeadRequired", born.maker, "attest", CAR, FIRST, digest_of(1)) == (FIRST,)
    assert refused(born.vehicle, "ExpectedHeadRequired", born.maker, "attestMany", [(CAR, FIRST, digest_of(1))])
    assert refused(born.vehicle, "ExpectedHeadRequired", born.maker, "attestPairs", FIRST, [(CAR, digest_of(1))])
    assert refused(born.vehicle, "NotAnOrdinaryKind", born.maker, "attestSeries", CAR, FIRST, [digest_of(1)]) == (
        FIRST,
    )
    assert refused(born.vehicle, "NotAnOrdinaryKind", born.maker, "attestSeries", CAR, BUILT, [digest_of(1)]) == (
        BUILT,
    )


@pytest.mark.parametrize("kind", [BUILT, SERVICED, kind_by_name("any.observation").number])
def test_attest_if_takes_transitions_alone(born: World, kind: int) -> None:
    head = born.vehicle.read("head", CAR)
    assert refused(born.vehicle, "NotATransition", born.maker, "attestIf", CAR, kind, digest_of(1), head) == (kind,)


def test_moved_head(born: World) -> None:
    seen = born.vehicle.read("head", CAR)
    born.vehicle.send(born.workshop, "attest", CAR, SERVICED, digest_of(1))
    now = born.vehicle.read("head", CAR)
    assert refused(born.vehicle, "HeadMoved", born.maker, "attestIf", CAR, FIRST, digest_of(2), seen) == (
        CAR,
        seen,
        now,
    )
    assert refused(born.vehicle, "HeadMoved", born.maker, "attestIf", CAR, FIRST, digest_of(2), bytes(32))


def test_illegal_transition_names_the_status(born: World) -> None:
    head = born.vehicle.read("head", CAR)
    arguments = (CAR, RESTORED, digest_of(1), head)
    assert refused(born.vehicle, "IllegalTransition", born.authority, "attestIf", *arguments) == (CAR, RESTORED, 1)


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize(
    ("function", "arguments"),
    [("attestMany", ([],)), ("attestPairs", (SERVICED, [])), ("attestSeries", (CAR, SERVICED, []))],
)
def test_empty_batches(world: World, log: str, function: str, arguments: tuple[object, ...]) -> None:
    assert refused(getattr(world, log), "EmptyBatch", world.maker, function, *arguments) == ()


def test_strangers_and_the_suspended(born: World) -> None:
    error = refused(born.vehicle, "UnknownAccount", born.stranger, "attest", CAR, SERVICED, digest_of(1))
    assert str(error[0]).lower() == born.stranger.lower()
    head = born.vehicle.read("head", CAR)
    born.council.decide("suspendOrganisation", WORKSHOP)
    for function, arguments in (
        ("attest", (CAR, SERVICED, digest_of(1))),
        ("attestIf", (CAR, FIRST, digest_of(1), head)),
        ("attestMany", ([(CAR, SERVICED, digest_of(1))],)),
        ("attestPairs", (SERVICED, [(CAR, digest_of(1))])),
        ("attestSeries", (CAR, SERVICED, [digest_of(1)])),
    ):
        assert refused(born.vehicle, "SuspendedOrganisation", born.workshop, function, *arguments) == (WORKSHOP,)
    assert born.vehicle.read("head", CAR) == head
    born.council.decide("resumeOrganisation", WORKSHOP)
    born.vehicle.send(born.workshop, "attest", CAR, SERVICED, digest_of(1))
