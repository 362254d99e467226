from __future__ import annotations

import pytest

from tests.simulator.world import World, make_world


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture(scope="session")
def honest() -> World:
    """A world that nobody changes."""
    return make_world()
