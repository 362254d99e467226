"""The side of the queue where batches go out: shown oldest first, deleted only with a verified inclusion."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from ledger.credential.jose import PublicKey, parse_jwk
from ledger.errors import MissingError
from ledger.strict_json import parse_json
from light_node.edge.queue_tables import connect, read_leaves, transaction, translated
from light_node.edge.receipt import VerifiedInclusion

_MAX_REASON = 500


class Waiting(NamedTuple):
    """A signed batch that is not yet proven on chain.

    Attributes:
        number: In this queue.
        digest: Of the statement, 32 bytes.
        statement: The compact JWS.
        size: Readings.
        refused: Why the receiver will not have it; empty where it may.
    """

    number: int
    digest: bytes
    statement: str
    size: int
    refused: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """What was deleted of one chain of batches, each after its inclusion was verified.

    Attributes:
        key_id: Of the device's key.
        subject: 32 bytes.
        batches: How many.
        readings: How many.
        sequence: The highest.
        last_at_us: Time of the latest reading, by the device's clock.
        attested_at: When the last of them was attested, by the chain's clock, in seconds since 1970.
        block_number: Where it was proven.
    """

    key_id: str
    subject: bytes
    batches: int
    readings: int
    sequence: int
    last_at_us: int
    attested_at: int
    block_number: int

    @property
    def lag_seconds(self) -> int:
        """From the latest reading to its attestation; below 0 where the device's clock is ahead of the chain's."""
        return self.attested_at - self.last_at_us // 1_000_000


@dataclass(frozen=True, slots=True)
class QueueState:
    """What the queue holds.

    Attributes:
        readings: Undelivered readings.
        byte_count: Their leaves.
        batches: Signed batches among them.
        refused: Batches that the receiver will not have.
        oldest_at_us: Time of the oldest reading of a batch that waits or grows; None where it is empty.
        delivered: By chain of batches.
    """

    readings: int
    byte_count: int
    batches: int
    refused: int
    oldest_at_us: int | None
    delivered: tuple[Delivered, ...]


class Outgoing:
    """Batches that wait for their proof. Of one thread; may be open while another process takes readings."""

    def __init__(self, path: Path) -> None:
        """Open the queue's file.

        Raises:
            ConfigurationError, UnreachableError: It cannot be used.
        """
        self._path = path
        with ExitStack() as stack:
            self._connection = connect(path)
            stack.callback(self._connection.close)
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def waiting(self) -> Iterator[Waiting]:
        """Yield signed batches, oldest first; one at a time is in memory."""
        last = 0
        while (row := self._next(last)) is not None:
            yield row
            last = row.number

    def _next(self, after: int) -> Waiting | None:
        sql = (
            "SELECT number, digest, statement, size, coalesce(refused, '') FROM batch"
            " WHERE number > ? AND statement IS NOT NULL ORDER BY number LIMIT 1"
        )
        with translated(self._path):
            row = self._connection.execute(sql, (after,)).fetchone()
        return None if row is None else Waiting(*row)

    def readings(self, number: int) -> bytes:
        """Return a batch's leaves, each with a line feed.

        Raises: MissingError, where it is not in the queue any more.
        """
        with translated(self._path):
            leaves = read_leaves(self._connection, number)
        if not leaves:
            raise MissingError(f"batch {number} is not in the queue")
        return leaves

    def refuse(self, digest: bytes, reason: str) -> None:
        """Note why the receiver will not have a batch; it stays in the queue. An empty reason takes the note back."""
        with translated(self._path), transaction(self._connection):
            sql = "UPDATE batch SET refused = nullif(?, '') WHERE digest = ?"
            self._connection.execute(sql, (reason[:_MAX_REASON], digest))

    def delete(self, inclusion: VerifiedInclusion) -> None:
        """Delete a batch that is proven on chain; one that is gone already changes nothing."""
        with translated(self._path), transaction(self._connection):
            run = self._connection.execute
            row = run(
                "SELECT number, size, byte_count, key_id, subject, sequence, last_at_us FROM batch WHERE digest = ?",
                (inclusion.digest,),
            ).fetchone()
            if row is None:
                return
            number, size, byte_count, key_id, subject, sequence, last_at_us = row
            run("DELETE FROM piece WHERE batch = ?", (number,))
            run("DELETE FROM batch WHERE number = ?", (number,))
            run("UPDATE held SET readings = readings - ?, byte_count = byte_count - ?", (size, byte_count))
            run(_ADD, (key_id, subject, size, sequence, last_at_us, inclusion.attested_at, inclusion.block.number))

    def key(self, key_id: str) -> PublicKey:
        """Return the public half of a key that signed here.

        Raises: MissingError, where none of that id did.
        """
        with translated(self._path):
            row = self._connection.execute("SELECT jwk FROM device_key WHERE key_id = ?", (key_id,)).fetchone()
        if row is None:
            raise MissingError(f"no key {key_id} signed for this queue")
        return parse_jwk(parse_json(row[0], what="JWK"))

    def proven_up_to(self) -> int:
        """Return the highest block that anything was deleted at; 0 where nothing was.

        No memory of heads, which the light node's folder is: it shows where that was lost, or put back from a copy.
        """
        with translated(self._path):
            (block,) = self._connection.execute("SELECT coalesce(max(block_number), 0) FROM delivered").fetchone()
        return int(block)

    def state(self) -> QueueState:
        """Return what the queue holds, and what it delivered."""
        with translated(self._path):
            run = self._connection.execute
            readings, byte_count = run("SELECT readings, byte_count FROM held").fetchone()
            batches, refused = run("SELECT count(statement), count(refused) FROM batch").fetchone()
            (oldest,) = run("SELECT min(first_at_us) FROM batch").fetchone()
            rows = run("SELECT * FROM delivered ORDER BY key_id, subject").fetchall()
        return QueueState(readings, byte_count, batches, refused, oldest, tuple(Delivered(*row) for row in rows))


_ADD = """
INSERT INTO delivered VALUES (?, ?, 1, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
  batches = batches + 1,
  readings = readings + excluded.readings,
  sequence = max(sequence, excluded.sequence),
  last_at_us = max(last_at_us, excluded.last_at_us),
  attested_at = max(attested_at, excluded.attested_at),
  block_number = max(block_number, excluded.block_number)
"""
