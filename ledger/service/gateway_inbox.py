"""What a gateway has taken: batches until they are on chain, receipts while they are asked for, and equivocations.

One SQLite file, durable at every commit: a batch that was acknowledged is recorded, whatever becomes of the process.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from ledger.errors import ForkError, QueueFullError
from ledger.service.gateway_tables import SCHEMA, Kept, KeptReceipt, State, kept_from_row
from light_node.edge.lineage import Gap
from light_node.edge.queue_tables import transaction, translated
from light_node.edge.statement import VerifiedStatement

MAX_BYTES = 1024 * 1024 * 1024
MAX_SHOWN_TOGETHER = 256
_TIMEOUT_S = 10.0


class Inbox:
    """The file, for one thread; several may have it open."""

    def __init__(self, path: Path) -> None:
        """Open it, and make it where it is not there.

        Raises: SourceError.
        """
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = path
        with ExitStack() as stack, translated(path):
            self._connection = sqlite3.connect(path, timeout=_TIMEOUT_S, isolation_level=None, check_same_thread=False)
            stack.callback(self._connection.close)
            path.chmod(0o600)
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.executescript(SCHEMA)
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # ---- taking -------------------------------------------------------------------------------------------------

    def find(self, digest: bytes) -> Kept | None:
        """Return a batch, or None."""
        sql = "SELECT digest, subject, statement, state, reason, readings, credential FROM batch WHERE digest = ?"
        with translated(self._path):
            row = self._connection.execute(sql, (digest,)).fetchone()
        return None if row is None else kept_from_row(row)

    def neighbours(self, statement: VerifiedStatement) -> list[str]:
        """Return the statements of the same chain with the number before, the same, and the number after."""
        told = statement.statement
        sql = "SELECT statement FROM batch WHERE key_id = ? AND subject = ? AND sequence BETWEEN ? AND ?"
        values = statement.key.key_id, told.subject, told.sequence - 1, told.sequence + 1
        with translated(self._path):
            return [text for (text,) in self._connection.execute(sql, values)]

    def gap_before(self, statement: VerifiedStatement) -> Gap | None:
        """Return what is missing between a batch and the one before it that is here."""
        told = statement.statement
        sql = "SELECT max(sequence) FROM batch WHERE key_id = ? AND subject = ? AND sequence < ?"
        with translated(self._path):
            values = statement.key.key_id, told.subject, told.sequence
            (last,) = self._connection.execute(sql, values).fetchone()
        first = 0 if last is None else last + 1
        return Gap(first, told.sequence - 1) if first < told.sequence else None

    def take(self, statement: VerifiedStatement, readings: bytes, now: int) -> None:
        """Keep a batch; the same again, where it had been refused, is tried again.

        Raises: QueueFullError, where too much waits for the chain.
        """
        told = statement.statement
        with translated(self._path), transaction(self._connection):
            (held,) = self._connection.execute("SELECT coalesce(sum(length(readings)), 0) FROM batch").fetchone()
            if held + len(readings) > MAX_BYTES:
                raise QueueFullError(f"{held} bytes of readings wait for the chain")
            self._connection.execute(
                "INSERT INTO batch (digest, key_id, subject, sequence, statement, received_at, state, readings)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (digest) DO UPDATE SET state = excluded.state, reason = '', readings = excluded.readings"
                " WHERE state = 'refused'",
                (
                    *(statement.digest, statement.key.key_id, told.subject, told.sequence, statement.text),
                    *(now, State.RECEIVED, readings),
                ),
            )

    def keep_fork(self, fork: ForkError, now: int) -> None:
        """Keep a signed contradiction."""
        values = fork.first.decode("ascii"), fork.second.decode("ascii"), now
        with translated(self._path), transaction(self._connection):
            self._connection.execute("INSERT OR IGNORE INTO equivocation VALUES (?, ?, ?)", values)

    def forks(self) -> list[tuple[str, str]]:
        """Return the signed contradictions, each as two statements."""
        with translated(self._path):
            return self._connection.execute("SELECT first, second FROM equivocation ORDER BY found_at").fetchall()

    # ---- recording ----------------------------------------------------------------------------------------------

    def received(self, most: int, most_bytes: int) -> list[Kept]:
        """Return batches that are to be recorded, oldest first: one at least, more while they are not too much."""
        sql = (
            "SELECT digest, subject, statement, state, reason, readings, credential FROM batch"
            " WHERE state = 'received' ORDER BY number LIMIT ?"
        )
        found: list[Kept] = []
        with translated(self._path):
            for row in self._connection.execute(sql, (most,)):
                kept = kept_from_row(row)
                most_bytes -= len(kept.readings or b"")
                if found and most_bytes < 0:
                    break
                found.append(kept)
        return found

    def recorded(self, credentials: Sequence[tuple[bytes, bytes]]) -> None:
        """Note that batches are on chain: pairs of the batch's and its credential's digest. Receipts are wanted now."""
        sql = "UPDATE batch SET state = 'recorded', readings = NULL, credential = ?, wanted = 1 WHERE digest = ?"
        with translated(self._path), transaction(self._connection):
            self._connection.executemany(sql, [(credential, digest) for digest, credential in credentials])

    def refuse(self, digest: bytes, reason: str) -> None:
        """Note why a batch cannot be recorded."""
        sql = "UPDATE batch SET state = 'refused', reason = ?, readings = NULL WHERE digest = ?"
        with translated(self._path), transaction(self._connection):
            self._connection.execute(sql, (reason[:500], digest))

    # ---- receipts -----------------------------------------------------------------------------------------------

    def want(self, digest: bytes) -> None:
        """Note that somebody asks for a receipt."""
        with translated(self._path), transaction(self._connection):
            self._connection.execute("UPDATE batch SET wanted = 1 WHERE digest = ?", (digest,))

    def wanted(self) -> dict[bytes, list[Kept]]:
        """Return the batches whose receipts are asked for, by subject; not more of one than fit a receipt."""
        sql = (
            "SELECT digest, subject, statement, state, reason, NULL, credential FROM batch"
            " WHERE wanted AND state = 'recorded' ORDER BY number LIMIT 4096"
        )
        found: dict[bytes, list[Kept]] = {}
        with translated(self._path):
            for row in self._connection.execute(sql):
                of_subject = found.setdefault(row[1], [])
                if len(of_subject) < MAX_SHOWN_TOGETHER:
                    of_subject.append(kept_from_row(row))
        return found

    def give(self, digests: Sequence[bytes], receipt: KeptReceipt, forget_before: int) -> None:
        """Keep a receipt for these batches, and forget those that were made before a time."""
        with translated(self._path), transaction(self._connection):
            run = self._connection.execute
            values = receipt.block, receipt.made_at, receipt.data
            number = run("INSERT INTO receipt (block, made_at, data) VALUES (?, ?, ?)", values).lastrowid
            pairs = [(number, digest) for digest in digests]
            self._connection.executemany("UPDATE batch SET wanted = 0, receipt = ? WHERE digest = ?", pairs)
            old = "UPDATE batch SET receipt = NULL WHERE receipt IN (SELECT number FROM receipt WHERE made_at < ?)"
            run(old, (forget_before,))
            run("DELETE FROM receipt WHERE made_at < ?", (forget_before,))

    def receipt(self, digest: bytes) -> KeptReceipt | None:
        """Return the last receipt that was made for a batch, or None."""
        sql = "SELECT block, made_at, data FROM receipt JOIN batch ON receipt = receipt.number WHERE digest = ?"
        with translated(self._path):
            row = self._connection.execute(sql, (digest,)).fetchone()
        return None if row is None else KeptReceipt(*row)

    def counts(self) -> dict[str, int]:
        """Return how many batches are in which state."""
        with translated(self._path):
            rows = dict(self._connection.execute("SELECT state, count(*) FROM batch GROUP BY state"))
        return {str(state): rows.get(state, 0) for state in State}
