"""One running home for the session, and the daemons and servers that other tests start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ledger.chain.node import find_anvil
from ledger.errors import ConfigurationError
from ledger.service.enrolment import Enrolment
from ledger.service.witness_serve import answers_of, witness_of
from ledger.service.workspace import Workspace
from tests.ipfs.conftest import kubo, kubo_program
from tests.ledger.service.witness.running import Running
from tests.ledger.store.postgresql import postgresql_server, postgresql_url
from tests.system.house import READING, SERVICED, House, Life, running_house, settings_for

__all__ = ["kubo", "kubo_program", "postgresql_server", "postgresql_url"]


@pytest.fixture(scope="session")
def anvil() -> None:
    """Skip, with the reason, where there is no chain to start."""
    try:
        find_anvil()
    except ConfigurationError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def house(anvil: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Organisations on a running chain; every test registers assets of its own, and three garages meet misfortune."""
    roles = ["service", "measure", "member"]
    later = [Enrolment(name, name.title(), roles) for name in ("robbed-garage", "suspended-garage", "closed-garage")]
    with running_house(settings_for(tmp_path_factory.mktemp("house")), later) as running:
        yield running


@pytest.fixture(scope="session")
def story(house: House) -> Life:
    """A car with two readings and a service, that nobody writes to any more."""
    cars, shop = house.party("car-maker"), house.party("workshop")
    life = house.register(cars)
    house.tell(life, shop, READING, {"odometer_km": 10})
    house.tell(life, shop, SERVICED, {"odometer_km": 100, "work": ["oil"]})
    house.tell(life, shop, READING, {"odometer_km": 200})
    return life


@pytest.fixture
def witness(house: House) -> Iterator[str]:
    """A member's witness over HTTP, with a workspace of its own."""
    with Workspace(house.workspace.settings) as own:
        running = Running(answers_of(own, witness_of(own, "car-maker")).answer)
        yield running.url
        running.close()
