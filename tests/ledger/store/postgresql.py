"""Fixtures of a real PostgreSQL server, for every test that wants one; skipped with the reason where there is none."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy

UNPRIVILEGED = 65534


def _binaries() -> Path | None:
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return folders[0] if folders else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _as_nobody() -> dict[str, object]:
    return {"user": UNPRIVILEGED, "group": UNPRIVILEGED, "extra_groups": []} if os.geteuid() == 0 else {}


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """A real server on loopback with fsync on, as a user without rights; removed afterwards."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server is installed (initdb is not on the path)")
    with tempfile.TemporaryDirectory(prefix="pg") as name:
        folder = Path(name)
        options = _as_nobody()
        if options:
            os.chown(folder, UNPRIVILEGED, UNPRIVILEGED)
        data, port = folder / "data", _free_port()
        init = [binaries / "initdb", "-D", data, "-U", "vinculum", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(init, check=True, capture_output=True, cwd=folder, **options)  # type: ignore[call-overload]
        command = [binaries / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, **options)  # type: ignore[call-overload]
        try:
            url = f"postgresql://vinculum@127.0.0.1:{port}/postgres"
            _wait(url, server, folder / "log")
            yield url
        finally:
            server.send_signal(2)
            server.wait(30)


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    for _ in range(200):
        assert server.poll() is None, log.read_text()
        try:
            engine.connect().close()
        except sqlalchemy.exc.OperationalError:
            time.sleep(0.05)
        else:
            engine.dispose()
            return
    pytest.fail(f"PostgreSQL did not start: {log.read_text()}")


@pytest.fixture
def postgresql_url(postgresql_server: str, request: pytest.FixtureRequest) -> str:
    """A fresh, empty database on the server."""
    name = f"t{abs(hash(request.node.nodeid))}"
    engine = sqlalchemy.create_engine(postgresql_server.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sqlalchemy.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return postgresql_server.rsplit("/", 1)[0] + f"/{name}"
