"""The tables of a device's queue, and how its file is opened: durable at every commit, readable by its owner alone."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.errors import ConfigurationError, QueueFullError, UnreachableError, VinculumError

VERSION = 1
BUSY_TIMEOUT_S = 10.0
PAGE_BYTES = 4096
CACHE_KIBIBYTES = 4096

_SCHEMA = """
CREATE TABLE held (                      -- one row: what the queue holds
  readings INTEGER NOT NULL,
  byte_count INTEGER NOT NULL
);
CREATE TABLE device_key (                -- public keys that signed here: the last batches of an old one are sent too
  key_id TEXT PRIMARY KEY,
  jwk BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE chain (                     -- where the next batch of a device's key about a subject goes
  key_id TEXT NOT NULL,
  subject BLOB NOT NULL,
  sequence INTEGER NOT NULL,             -- of the next statement
  previous BLOB,                         -- digest of the last one
  PRIMARY KEY (key_id, subject)
) WITHOUT ROWID;
CREATE TABLE batch (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  subject BLOB NOT NULL,
  log TEXT NOT NULL,
  opened_at_us INTEGER NOT NULL,
  size INTEGER NOT NULL,
  byte_count INTEGER NOT NULL,
  flagged INTEGER NOT NULL,
  first_at_us INTEGER NOT NULL,
  last_at_us INTEGER NOT NULL,
  pieces INTEGER NOT NULL,
  key_id TEXT,                           -- these four once it is closed and signed
  sequence INTEGER,
  digest BLOB UNIQUE,
  statement TEXT,
  refused TEXT,                          -- why the receiver will not have it
  UNIQUE (key_id, subject, sequence)
);
CREATE UNIQUE INDEX one_open_batch ON batch (subject) WHERE statement IS NULL;
CREATE TABLE piece (                     -- leaves, each with a line feed, as they were committed together
  batch INTEGER NOT NULL REFERENCES batch (number),
  place INTEGER NOT NULL,
  leaves BLOB NOT NULL,
  PRIMARY KEY (batch, place)
);
CREATE TABLE watch (                     -- what the flags compare with
  subject BLOB NOT NULL,
  quantity TEXT NOT NULL,
  sensor TEXT NOT NULL,
  latest_us INTEGER NOT NULL,
  highest,
  value,
  same_since_us INTEGER NOT NULL,
  same_count INTEGER NOT NULL,
  PRIMARY KEY (subject, quantity, sensor)
) WITHOUT ROWID;
CREATE TABLE position (                  -- how far a recorded source was read
  source TEXT PRIMARY KEY,
  place TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE delivered (                 -- what was deleted after its inclusion was verified
  key_id TEXT NOT NULL,
  subject BLOB NOT NULL,
  batches INTEGER NOT NULL,
  readings INTEGER NOT NULL,
  sequence INTEGER NOT NULL,             -- highest
  last_at_us INTEGER NOT NULL,           -- latest reading, by the device's clock
  attested_at INTEGER NOT NULL,          -- by the chain's clock, in seconds
  block_number INTEGER NOT NULL,
  PRIMARY KEY (key_id, subject)
) WITHOUT ROWID;
INSERT INTO held VALUES (0, 0);
"""


def connect(path: Path) -> sqlite3.Connection:
    """Open the file, make its tables where there are none, and see to it that a commit is on the disk.

    Raises:
        ConfigurationError: The file is no queue, or others may read it, or its disk cannot do what is needed.
        UnreachableError: It cannot be opened.
    """
    _make_file(path)
    with translated(path):
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        try:
            _prepare(connection)
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Write all or nothing; when it ends well, everything is on the disk."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def read_leaves(connection: sqlite3.Connection, number: int) -> bytes:
    """Return the leaves of a batch, each with a line feed; nothing where it is gone."""
    rows = connection.execute("SELECT leaves FROM piece WHERE batch = ? ORDER BY place", (number,))
    return b"".join(leaves for (leaves,) in rows)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite says into our errors."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        raise _error(code, f"queue {path.name}: {error}") from error


def _error(code: int, message: str) -> VinculumError:
    if code == sqlite3.SQLITE_FULL:
        return QueueFullError(message)
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return ConfigurationError(f"{message}; keep the file, and start with another")
    return UnreachableError(message)


def _make_file(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            mode = os.fstat(descriptor).st_mode
        finally:
            os.close(descriptor)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise UnreachableError(f"queue {path.name}: {error.strerror}") from None
    if mode & 0o077:
        raise ConfigurationError(f"queue {path.name}: others may read or write it; chmod 600")


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIBIBYTES}")
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise ConfigurationError("the queue's disk cannot hold a write-ahead log (a network share?)")
    with transaction(connection):
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0 and not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            for statement in _statements():
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
            return
    if version != VERSION:
        raise ConfigurationError(f"the queue's file is of version {version}, {VERSION} is needed")


def _statements() -> Iterator[str]:
    lines = (line.split("--")[0] for line in _SCHEMA.splitlines())
    yield from (text for text in "\n".join(lines).split(";") if text.strip())
