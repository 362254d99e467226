"""Stores to test: a folder, and a private Kubo daemon where the program is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ipfs.kubo import KuboStore
from ipfs.local import LocalStore
from ipfs.store import DocumentStore
from tests.ipfs.kubo_daemon import TOKEN, KuboDaemon, find_program


@pytest.fixture(scope="session")
def kubo_program() -> str:
    program = find_program()
    if program is None:
        pytest.skip("no Kubo: put ipfs on the path, or name it in VINCULUM_IPFS")
    return program


@pytest.fixture(scope="session")
def kubo(kubo_program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KuboDaemon]:
    daemon = KuboDaemon(kubo_program, tmp_path_factory.mktemp("kubo"))
    daemon.make()
    daemon.start()
    yield daemon
    daemon.stop()


@pytest.fixture
def kubo_store(kubo: KuboDaemon) -> Iterator[KuboStore]:
    with KuboStore(kubo.api, TOKEN) as store:
        yield store


@pytest.fixture
def local_store(tmp_path: Path) -> Iterator[LocalStore]:
    with LocalStore(tmp_path / "store") as store:
        yield store


@pytest.fixture(params=["local", pytest.param("kubo", marks=pytest.mark.integration)])
def store(request: pytest.FixtureRequest) -> DocumentStore:
    chosen: DocumentStore = request.getfixturevalue(f"{request.param}_store")
    return chosen
