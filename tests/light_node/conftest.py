from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.light_node.fleet import Fleet
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
