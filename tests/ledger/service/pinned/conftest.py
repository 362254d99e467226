"""Homes of four validators, before and after somebody pins them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ledger.service.pinned.line import begin, new_home
from tests.ledger.service.sealed_home import Home
from tests.simulator.sealed import SealedSimulator
from tests.simulator.sealed_node import SealedNode


@pytest.fixture
def empty(tmp_path: Path) -> Home:
    """Three blocks of four; nothing is pinned yet."""
    home = new_home(tmp_path / "home", SealedNode(SealedSimulator()))
    home.chain.grow(3)
    return home


@pytest.fixture
def home(empty: Home) -> Home:
    """The four are pinned at block 2: block 3 was the newest."""
    begin(empty)
    return empty
