"""The world of tests.contracts.world, rolled back after every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from contracts import LOGS
from ledger.kinds import kind_by_name, role_names, roles_mask
from tests.contracts.evm import NOBODY, Chain, Council, digest_of, subject_of
from tests.contracts.world import AUTHORITY, DELAY, MAKER, WORKSHOP, World


@pytest.fixture(scope="session")
def founded() -> World:
    chain = Chain()
    administrators = chain.accounts[:5]
    consortium = chain.deploy("Consortium", administrators, 3, DELAY, [chain.accounts[9]])
    council = Council(consortium, administrators, 3)
    logs = {log: chain.deploy(name, consortium.address, NOBODY) for log, name in LOGS.items()}
    world = World(chain, consortium, council, **logs)
    every = set(role_names())
    for organisation, roles, account in (
        (MAKER, every - {"regulate"}, world.maker),
        (WORKSHOP, {"service", "measure", "member"}, world.workshop),
        (AUTHORITY, every, world.authority),
    ):
        council.decide("addOrganisation", organisation, roles_mask(roles), bytes(32), account)
    return world


@pytest.fixture
def world(founded: World) -> Iterator[World]:
    """The world as it was founded."""
    snapshot = founded.chain.tester.take_snapshot()
    yield founded
    founded.chain.tester.revert_to_snapshot(snapshot)


@pytest.fixture
def born(world: World) -> World:
    """The car of ``tests.contracts.car`` is built."""
    world.vehicle.send(world.maker, "attest", subject_of(MAKER, 1), kind_by_name("vehicle.built").number, digest_of(0))
    return world
