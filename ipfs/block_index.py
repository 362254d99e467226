"""Where each block stands in the CARs of a folder: an index that may be thrown away at any time.

It is never trusted: who reads by it hashes what he reads. It is flushed lazily; after a power loss it may lack the
last batches, which are then found again in the folder. A damaged index is replaced by one of the next number, so
that a process which still has the old one open disturbs nobody.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ipfs.cid import Cid, parse_cid_bytes

_BUSY_S = 30.0
_CACHE_KIB = 32 * 1024
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_SCHEMA = """
CREATE TABLE IF NOT EXISTS car (
    id INTEGER PRIMARY KEY AUTOINCREMENT, root BLOB NOT NULL,
    inode INTEGER NOT NULL, size INTEGER NOT NULL, modified_ns INTEGER NOT NULL,
    UNIQUE (root, inode, size, modified_ns)
);
CREATE TABLE IF NOT EXISTS block (
    cid BLOB NOT NULL, car INTEGER NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL,
    PRIMARY KEY (cid, car)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class CarFile:
    """A CAR as it was when it was indexed; a file that differs is indexed anew.

    Attributes:
        root: Its root, which is its name.
        inode: File number.
        size: Bytes.
        modified_ns: Time of its last change.
    """

    root: Cid
    inode: int
    size: int
    modified_ns: int

    @classmethod
    def of(cls, root: Cid, status: os.stat_result) -> Self:
        """The CAR of ``root`` with the file status ``status``."""
        return cls(root, status.st_ino, status.st_size, status.st_mtime_ns)

    def row(self) -> tuple[bytes, int, int, int]:
        """Its columns."""
        return bytes(self.root), self.inode, self.size, self.modified_ns


@dataclass(frozen=True, slots=True)
class Place:
    """Where a block is said to stand: the CAR's root, offset and length in bytes."""

    root: Cid
    offset: int
    length: int


def is_damaged(error: sqlite3.Error) -> bool:
    """Whether an error means that the index file itself is broken, and a new one would help."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED


class BlockIndex:
    """One index file. Methods raise ``sqlite3.Error``; calls from several threads wait for each other."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mutex = threading.Lock()
        self._base = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute("PRAGMA synchronous = NORMAL")
            self._base.execute("PRAGMA secure_delete = ON")
            self._base.execute("PRAGMA wal_autocheckpoint = 8000")
            self._base.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            self._base.executescript(_SCHEMA)
            self._inode = path.stat().st_ino
        except (sqlite3.Error, OSError):
            self._base.close()
            raise

    def is_in_place(self) -> bool:
        """Whether the file that is open is still the one of this name; if not, nobody else will see what is added."""
        try:
            return self.path.stat().st_ino == self._inode
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """Close the file; the index must not be used afterwards."""
        with self._mutex:
            self._base.close()

    def find(self, cid: Cid) -> list[Place]:
        """All places where the block is said to be, the newest CAR first."""
        query = (
            "SELECT car.root, block.offset, block.length FROM block JOIN car ON car.id = block.car "
            "WHERE block.cid = ? ORDER BY car.id DESC"
        )
        with self._mutex:
            rows = self._base.execute(query, (bytes(cid),)).fetchall()
        return [Place(parse_cid_bytes(root), offset, length) for root, offset, length in rows]

    def cars(self) -> dict[CarFile, int]:
        """All CARs indexed, with their numbers."""
        with self._mutex:
            rows = self._base.execute("SELECT id, root, inode, size, modified_ns FROM car").fetchall()
        return {CarFile(parse_cid_bytes(root), *status): number for number, root, *status in rows}

    def add(self, car: CarFile, blocks: Iterable[tuple[Cid, int, int]]) -> None:
        """Enter a CAR and its blocks (CID, offset, length), in place of what was known of the same file."""
        with self._mutex, self._base:
            self._base.execute("BEGIN IMMEDIATE")
            where = "root = ? AND inode = ? AND size = ? AND modified_ns = ?"
            known = self._base.execute(f"SELECT id FROM car WHERE {where}", car.row()).fetchall()  # noqa: S608
            self._remove([number for (number,) in known])
            number = self._base.execute(
                "INSERT INTO car (root, inode, size, modified_ns) VALUES (?, ?, ?, ?)", car.row()
            ).lastrowid
            self._base.executemany(
                "INSERT OR REPLACE INTO block VALUES (?, ?, ?, ?)",
                ((bytes(cid), number, offset, length) for cid, offset, length in blocks),
            )

    def keep_only(self, root: Cid, car: CarFile | None) -> None:
        """Forget every CAR of ``root`` but ``car``."""
        with self._mutex, self._base:
            rows = self._base.execute("SELECT id, inode, size, modified_ns FROM car WHERE root = ?", (bytes(root),))
            others = [number for number, *status in rows if car is None or CarFile(root, *status) != car]
            if others:
                self._base.execute("BEGIN IMMEDIATE")
                self._remove(others)

    def remove(self, numbers: Iterable[int]) -> None:
        """Forget CARs by number."""
        with self._mutex, self._base:
            self._base.execute("BEGIN IMMEDIATE")
            self._remove(list(numbers))

    def truncate_log(self) -> None:
        """Leave nothing of what was removed in the write-ahead log."""
        with self._mutex, closing(self._base.execute("PRAGMA wal_checkpoint(TRUNCATE)")):
            pass

    def _remove(self, numbers: list[int]) -> None:
        """Runs through the whole index once, however many there are: removals are rare, an index for them is not."""
        if not numbers:
            return
        self._base.execute("CREATE TEMP TABLE IF NOT EXISTS doomed (id INTEGER PRIMARY KEY)")
        self._base.executemany("INSERT OR IGNORE INTO doomed VALUES (?)", ((number,) for number in numbers))
        self._base.execute("DELETE FROM block WHERE car IN (SELECT id FROM doomed)")
        self._base.execute("DELETE FROM car WHERE id IN (SELECT id FROM doomed)")
        self._base.execute("DELETE FROM doomed")
