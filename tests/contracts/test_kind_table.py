"""The contracts and the kind table agree, row by row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import TransitionError
from ledger.event import AssetType
from ledger.kinds import Kind, all_kinds, next_status, role_names, roles_mask
from tests.contracts.car import CAR, SERVICED
from tests.contracts.evm import Contract, RefusedError, digest_of, refused, subject_of
from tests.contracts.world import AUTHORITY, WORKSHOP, World


def grown(world: World, log: Contract, asset_type: AssetType, status: int) -> bytes:
    """A subject of that status: one genesis, then what leads there."""
    subject = subject_of(AUTHORITY, status)
    genesis = next(kind for kind in all_kinds() if kind.genesis and kind.log == asset_type)
    log.send(world.authority, "attest", subject, genesis.number, digest_of(0))
    while (head := log.read("head", subject))[0] != status:
        steps = [kind for kind in all_kinds() if kind.log == asset_type and head[0] in kind.from_statuses]
        step = next((kind for kind in steps if kind.to_status == status), steps[-1])
        log.send(world.authority, "attestIf", subject, step.number, digest_of(0), head)
    return subject


@pytest.mark.parametrize("asset_type", list(AssetType))
def test_contract_and_table_agree_on_every_transition(world: World, asset_type: AssetType) -> None:
    log = getattr(world, str(asset_type))
    for status in {kind.to_status for kind in all_kinds() if kind.log == asset_type and kind.changes_status}:
        assert status is not None
        subject = grown(world, log, asset_type, status)
        head = log.read("head", subject)
        for kind in all_kinds():
            assert outcome(world, log, subject, kind, head) == predicted(kind, status, asset_type), (kind, status)


def outcome(world: World, log: Contract, subject: bytes, kind: Kind, head: bytes) -> str:
    """What the contract would say; nothing is sent."""
    data = (
        log.data("attestIf", subject, kind.number, digest_of(1), head)
        if kind.from_statuses
        else log.data("attest", subject, kind.number, digest_of(1))
    )
    try:
        world.chain.call(world.authority, log.address, data, log.name)
    except RefusedError as refusal:
        return refusal.name
    return "accepted"


def predicted(kind: Kind, status: int, asset_type: AssetType) -> str:
    if not kind.concerns(asset_type):
        return "UnknownKind"
    if kind.genesis:
        return "SubjectExists"
    try:
        next_status(kind, status, asset_type)
    except TransitionError:
        return "IllegalTransition"
    return "accepted"


@pytest.mark.parametrize("role", role_names())
def test_every_kind_needs_its_role(world: World, role: str) -> None:
    every = roles_mask(role_names())
    world.council.decide("setOrganisation", WORKSHOP, every & ~roles_mask([role]), bytes(32))
    for kind in all_kinds():
        log = getattr(world, "part" if kind.log == "any" else kind.log)
        function, more = ("attestIf", (bytes(32),)) if kind.from_statuses else ("attest", ())
        data = log.data(function, CAR, kind.number, digest_of(1), *more)
        with pytest.raises(RefusedError) as caught:
            world.chain.call(world.workshop, log.address, data, log.name)
        assert (caught.value.name == "MissingRole") == (kind.role == role), kind
        assert caught.value.name != "MissingRole" or caught.value.arguments == (WORKSHOP, kind.number)


@given(st.integers(0, 0xFFFF))
def test_numbers_outside_the_table_are_refused(founded: World, kind: int) -> None:
    known = {one.number for one in all_kinds() if one.concerns(AssetType.VEHICLE)}
    data = founded.vehicle.data("attest", CAR, kind, digest_of(1))
    with pytest.raises(RefusedError) as caught:
        founded.chain.call(founded.authority, founded.vehicle.address, data, "VehicleHistory")
    assert (caught.value.name == "UnknownKind") == (kind not in known)


def test_a_kind_under_another_role_is_refused(born: World) -> None:
    assert refused(born.vehicle, "UnknownKind", born.authority, "attest", CAR, SERVICED & 0x3FF, digest_of(1))
