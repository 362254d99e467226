from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.light_node.fleet import Fleet
from tests.light_node.sealed_worlds import rotated_world, sealing
from tests.simulator.sealed import SealedSimulator
from tests.simulator.world import World, make_world


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture(scope="session")
def honest() -> World:
    """A world that nobody changes."""
    return make_world()


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Fleet]:
    with ExitStack() as stack:
        yield Fleet(tmp_path, stack, monkeypatch, lambda: capsys.readouterr().out)


@pytest.fixture(scope="module")
def still() -> World:
    """Seven blocks of four validators; nobody changes it."""
    world = make_world(SealedSimulator())
    sealing(world).grow(6)
    return world


@pytest.fixture(scope="module")
def rotated() -> World:
    """Nine blocks: the state of block 3 adds a validator, that of block 6 removes another. Nobody changes it."""
    return rotated_world()
