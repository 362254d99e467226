"""One database for outbox and index: SQLite in WAL by default, PostgreSQL by URL."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlmodel import Session

from ledger.errors import ConfigurationError, RejectedError, UnreachableError
from ledger.store.migrate import migrate

BUSY_TIMEOUT_MS = 30_000
_WRITES = "vinculum_writes"


class Database:
    """Short transactions over one engine; safe to share between threads.

    What :meth:`write` commits is on disk when it returns (SQLite: WAL with ``synchronous=FULL``).
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writer = engine.execution_options(**{_WRITES: True})

    @property
    def name(self) -> str:
        """Return the dialect: ``sqlite`` or ``postgresql``."""
        return self.engine.dialect.name

    @property
    def path(self) -> Path | None:
        """Return the file of a SQLite database, else None."""
        return Path(self.engine.url.database) if self.name == "sqlite" and self.engine.url.database else None

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open one consistent snapshot; readers never wait for the writer."""
        with _translated(), Session(self.engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open one transaction that commits as a whole when the block ends, and not at all when it raises."""
        with _translated(), Session(self._writer) as session, session.begin():
            yield session

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def open_database(url: str) -> Database:
    """Open, create and migrate a database.

    Args:
        url: ``sqlite:///path``, a plain path, or ``postgresql://user@host/name``.

    Raises:
        ConfigurationError: The URL is of another kind, or unusable.
        UnreachableError: The server does not answer.
    """
    engine = _engine(url)
    try:
        with _translated():
            migrate(engine)
    except BaseException:
        engine.dispose()
        raise
    return Database(engine)


def _engine(url: str) -> Engine:
    address = url if "://" in url else f"sqlite:///{url}"
    try:
        parsed = sqlalchemy.make_url(address)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise ConfigurationError(f"not a database URL: {url!r}; use sqlite:///PATH or postgresql://…") from None
    match parsed.get_backend_name():
        case "sqlite":
            return sqlite_engine(_sqlite_file(parsed))
        case "postgresql":
            return sqlalchemy.create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
        case other:
            raise ConfigurationError(f"{other} is not supported; use sqlite:///PATH or postgresql://…")


def sqlite_engine(path: Path) -> Engine:
    """Return an engine over a file, which may not be there yet; nothing is migrated."""
    engine = sqlalchemy.create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _sqlite_file(url: sqlalchemy.URL) -> Path:
    if not url.database or url.database == ":memory:":
        raise ConfigurationError("the database needs a file: sqlite:///PATH")
    path = Path(url.database)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _configure_sqlite(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # BEGIN is ours: the driver's own starts too late and never IMMEDIATE
    for pragma in (f"busy_timeout={BUSY_TIMEOUT_MS}", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()
    _use_wal(connection)


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL; while another program is doing the same SQLite answers "locked" at once, without waiting."""
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            return connection.execute("PRAGMA journal_mode=WAL").close()
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: sqlalchemy.Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise UnreachableError(f"database: {error.orig}") from error
    except DBAPIError as error:
        raise RejectedError(f"database: {error.orig}") from error
