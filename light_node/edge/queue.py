"""The durable queue of a device: readings go in before they are acknowledged, and out after they are proven on chain.

::

    readings ─ open batch ─ closed: statement signed ─ submitted … ─ inclusion verified ─ deleted
              └──────────── each arrow one SQL transaction, on the disk when it returns ────────┘

SQLite in write-ahead mode with ``synchronous = FULL``: a commit survives the loss of power, and a loss of power in a
commit leaves the state before it. A statement leaves the device only after the commit that holds it, so that a crash
never makes it sign two for one place. Full is full: what is offered is refused as a whole, nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from ledger.errors import ConflictError, QueueFullError
from ledger.strict_json import canonical_json
from light_node.edge.batch import OpenBatch, split_leaves
from light_node.edge.locks import hold
from light_node.edge.quality import Watch
from light_node.edge.queue_tables import connect, read_leaves, transaction, translated
from light_node.edge.reading import parse_reading
from light_node.edge.statement import VerifiedStatement

WatchKey = tuple[str, str]
"""Quantity and sensor."""


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """What a queue holds at most; on top come about 4 KiB a batch for statements and SQLite's own pages.

    Attributes:
        readings: Undelivered readings.
        byte_count: Their leaves, with their line feeds.
    """

    readings: int = 5_000_000
    byte_count: int = 1024 * 1024 * 1024


class Growth(NamedTuple):
    """What one batch gained.

    Attributes:
        batch: As it is now.
        leaves: What is new in it, each with a line feed.
        statement: Where it is closed now, else None.
    """

    batch: OpenBatch
    leaves: bytes
    statement: VerifiedStatement | None


@dataclass(frozen=True, slots=True)
class Taken:
    """What is written together: readings of one asset, what the flags remember, how far the source was read.

    Attributes:
        subject: 32 bytes.
        log: CAIP-10 name of its log.
        growths: The open batch first, if it grew; then the batches begun after it.
        watches: Those that changed.
        position: Source and place, or None.
    """

    subject: bytes
    log: str
    growths: Sequence[Growth]
    watches: Mapping[WatchKey, Watch]
    position: tuple[str, str] | None = None


class Queue:
    """The side of the queue where readings go in; ``outgoing`` is the other. Of one thread."""

    def __init__(self, path: Path, limits: QueueLimits | None = None) -> None:
        """Open or make it, and hold it against every other process that takes readings: two would sign two histories.

        Args:
            path: Of the file; its folder must be there.
            limits: What it holds at most.

        Raises:
            ConflictError: Another process takes readings for it.
            ConfigurationError, UnreachableError: It cannot be used.
        """
        self._path, self._limits = path, limits or QueueLimits()
        with ExitStack() as stack:
            self._connection = connect(path)
            stack.callback(self._connection.close)
            stack.enter_context(hold(path, "taking"))
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give it back."""
        self._stack.close()

    # ---- taking -------------------------------------------------------------------------------------------------

    def write(self, taken: Taken, key_id: str) -> None:
        """Write readings; when it returns they survive the loss of power.

        Args:
            taken: What belongs together.
            key_id: Of the key that signs.

        Raises:
            QueueFullError: It holds all it may, or the disk is full; nothing was written.
            ConflictError: Another process went on with the chain of batches.
        """
        with translated(self._path), transaction(self._connection):
            self._make_room(taken)
            for growth in taken.growths:
                self._grow(taken, growth, key_id)
            self._save_watches(taken)
            if taken.position is not None:
                self._connection.execute("REPLACE INTO position VALUES (?, ?)", taken.position)

    def _make_room(self, taken: Taken) -> None:
        more_bytes = sum(len(growth.leaves) for growth in taken.growths)
        more = sum(growth.leaves.count(b"\n") for growth in taken.growths)
        readings, byte_count = self._find("SELECT readings, byte_count FROM held")
        if more and (readings + more > self._limits.readings or byte_count + more_bytes > self._limits.byte_count):
            limits = f"{self._limits.readings} readings or {self._limits.byte_count} bytes"
            raise QueueFullError(
                f"the queue holds {readings} readings in {byte_count} bytes, {more} more would be over {limits}"
            )
        self._run("UPDATE held SET readings = readings + ?, byte_count = byte_count + ?", more, more_bytes)

    def _grow(self, taken: Taken, growth: Growth, key_id: str) -> None:
        batch = growth.batch
        row = self._find("SELECT number, pieces FROM batch WHERE subject = ? AND statement IS NULL", taken.subject)
        if row is None:
            self._run(
                "INSERT INTO batch (subject, log, opened_at_us, size, byte_count, flagged, first_at_us, last_at_us,"
                " pieces) VALUES (?, ?, ?, 0, 0, 0, 0, 0, 0)",
                *(taken.subject, taken.log, batch.opened_at_us),
            )
            row = self._find("SELECT last_insert_rowid(), 0")
        number, pieces = row
        if growth.leaves:
            self._run("INSERT INTO piece VALUES (?, ?, ?)", number, pieces, growth.leaves)
        self._run(
            "UPDATE batch SET size = ?, byte_count = ?, flagged = ?, first_at_us = ?, last_at_us = ?, pieces = ?"
            " WHERE number = ?",
            *(batch.size, batch.byte_count, batch.flagged, batch.first_at_us, batch.last_at_us),
            *(pieces + bool(growth.leaves), number),
        )
        if growth.statement is not None:
            self._close(number, growth.statement, key_id)

    def _close(self, number: int, statement: VerifiedStatement, key_id: str) -> None:
        told = statement.statement
        expected = self._chain(key_id, told.subject)
        if expected != (told.sequence, told.previous):
            raise ConflictError("the chain of batches was continued by somebody else")
        self._run(
            "UPDATE batch SET key_id = ?, sequence = ?, digest = ?, statement = ? WHERE number = ?",
            *(key_id, told.sequence, statement.digest, statement.text, number),
        )
        self._run("INSERT OR IGNORE INTO device_key VALUES (?, ?)", key_id, canonical_json(dict(statement.key.jwk)))
        self._run("REPLACE INTO chain VALUES (?, ?, ?, ?)", key_id, told.subject, told.sequence + 1, statement.digest)

    def _save_watches(self, taken: Taken) -> None:
        rows = ((taken.subject, *key, *watch) for key, watch in taken.watches.items())
        self._connection.executemany("REPLACE INTO watch VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)

    # ---- where taking goes on ------------------------------------------------------------------------------------

    def open_batch(self, subject: bytes, key_id: str, now_us: int) -> OpenBatch:
        """Return the batch that grows, rebuilt from what is on the disk, or a new one, next in the chain."""
        with translated(self._path):
            sequence, previous = self._chain(key_id, subject)
            row = self._find("SELECT number, opened_at_us FROM batch WHERE subject = ? AND statement IS NULL", subject)
            batch = OpenBatch(sequence, previous, now_us if row is None else row[1])
            for leaf in [] if row is None else split_leaves(read_leaves(self._connection, row[0])):
                reading, quality = parse_reading(leaf)
                batch.add(leaf, reading.taken_at_us, quality)
        return batch

    def growing(self) -> list[tuple[bytes, str]]:
        """Return subject and log of every batch that is not closed."""
        with translated(self._path):
            return self._all("SELECT subject, log FROM batch WHERE statement IS NULL ORDER BY number")

    def watches(self, subject: bytes) -> dict[WatchKey, Watch]:
        """Return what the flags remember of an asset's sensors."""
        with translated(self._path):
            rows = self._all("SELECT * FROM watch WHERE subject = ?", subject)
        return {(row[1], row[2]): Watch(*row[3:]) for row in rows}

    def position(self, source: str) -> str | None:
        """Return how far a source was read, as of the last reading that is in the queue; None where never."""
        with translated(self._path):
            row = self._find("SELECT place FROM position WHERE source = ?", source)
        return None if row is None else str(row[0])

    # ---- SQL ----------------------------------------------------------------------------------------------------

    def _chain(self, key_id: str, subject: bytes) -> tuple[int, bytes | None]:
        row = self._find("SELECT sequence, previous FROM chain WHERE key_id = ? AND subject = ?", key_id, subject)
        return (0, None) if row is None else (row[0], row[1])

    def _run(self, sql: str, *values: object) -> None:
        self._connection.execute(sql, values)

    def _find(self, sql: str, *values: object) -> Any:
        return self._connection.execute(sql, values).fetchone()

    def _all(self, sql: str, *values: object) -> list[Any]:
        return self._connection.execute(sql, values).fetchall()
