"""A consortium of five administrators and three organisations, rolled back after every test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from contracts import LOGS
from ledger.kinds import kind_by_name, role_names, roles_mask
from tests.contracts.evm import NOBODY, Chain, Contract, Council, digest_of, subject_of

DELAY = 3600
MAKER, WORKSHOP, AUTHORITY = 1, 2, 3


@dataclass(frozen=True)
class World:
    """What every test starts from; accounts 0 to 4 are administrators."""

    chain: Chain
    consortium: Contract
    council: Council
    battery: Contract
    vehicle: Contract
    part: Contract

    @property
    def maker(self) -> str:
        """Organisation 1: every role but the authority's."""
        return self.chain.accounts[5]

    @property
    def workshop(self) -> str:
        """Organisation 2: service and measure."""
        return self.chain.accounts[6]

    @property
    def authority(self) -> str:
        """Organisation 3: every role."""
        return self.chain.accounts[7]

    @property
    def stranger(self) -> str:
        """Nobody's account."""
        return self.chain.accounts[8]


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
