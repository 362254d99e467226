"""One node with fast blocks for the session, and one that mines only when told to, for each test that asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.chain.node import NodeSettings, RunningNode, find_anvil, start_node, stop_node
from ledger.errors import ConfigurationError
from ledger.store.database import Database, open_database
from tests.ledger.chain.deployed import deploy_world
from tests.ledger.chain.world import CHAIN_ID, World, fill
from tests.ledger.store.postgresql import postgresql_server, postgresql_url

__all__ = ["postgresql_server", "postgresql_url"]


@pytest.fixture(scope="session")
def anvil() -> Path:
    try:
        return find_anvil()
    except ConfigurationError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def fast_node(anvil: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    folder = tmp_path_factory.mktemp("fast-chain")
    yield start_node(NodeSettings(folder, CHAIN_ID, block_time_s=0.1, state_interval_s=3600, binary=anvil))
    stop_node(folder)


@pytest.fixture(scope="session")
def world(fast_node: RunningNode) -> World:
    return deploy_world(fast_node.url)


@pytest.fixture
def manual_folder(anvil: Path, tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "chain"
    yield folder
    stop_node(folder)


@pytest.fixture
def manual_world(anvil: Path, manual_folder: Path) -> World:
    node = start_node(NodeSettings(manual_folder, CHAIN_ID, block_time_s=None, binary=anvil))
    return deploy_world(node.url, mines=False)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(str(tmp_path / "store.sqlite"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def manual_filled(anvil: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A chain of about 60 blocks with 40 attestations, that stands still."""
    folder = tmp_path_factory.mktemp("filled-chain")
    node = start_node(NodeSettings(folder, CHAIN_ID, block_time_s=None, binary=anvil))
    filled = deploy_world(node.url, mines=False)
    fill(filled)
    yield filled
    stop_node(folder)
