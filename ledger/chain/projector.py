"""Follows the chain into SQL: one range of blocks a transaction, all of it or nothing.

A step asks for headers, then for events, then for the last header again, so that what it stores was one chain. When
the chain has left the stored blocks, it goes back to the last common block first. Running it again changes nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlmodel import Session

from ledger.chain import projection as sql
from ledger.chain.answers import Log
from ledger.chain.blocks import append_blocks, cut_blocks
from ledger.chain.client import ChainClient
from ledger.chain.contracts import Deployment, governance_abis
from ledger.chain.events import GovernanceDecoder
from ledger.errors import ConflictError, MissingError, RejectedError
from ledger.store.database import Database

CURSOR = "projector"
FIRST_SPAN = 8
MAX_SPAN = 1024
EVENTS_PER_STEP = 20_000
LOOK_BACK = 64
MOST_FRUITLESS = 20


@dataclass(frozen=True, slots=True)
class Projection:
    """How far the index is.

    Attributes:
        block_number: The last block whose effects are in the index; -1 for none.
        height: The chain's.
        attestations: Stored by this step (or, from :meth:`Projector.sync`, altogether).
    """

    block_number: int
    height: int
    attestations: int

    @property
    def complete(self) -> bool:
        """Whether the index has reached the chain's height."""
        return self.block_number == self.height


def _nobody(_step: str) -> None:
    return None


class Projector:
    """The one writer of the index of a deployment in a database."""

    def __init__(
        self,
        database: Database,
        client: ChainClient,
        deployment: Deployment,
        *,
        observer: Callable[[str], None] = _nobody,
    ) -> None:
        """Nothing is asked or written yet.

        Args:
            database: Index to write; another database takes a second index beside the live one.
            client: Any node of the chain; what it says is checked by ``audit`` and by every verifier, not here.
            deployment: The contracts to follow.
            observer: Told the name of each step before it is taken.
        """
        self._database, self._client, self._deployment = database, client, deployment
        self._observe = observer
        self._decoder = GovernanceDecoder(*governance_abis())
        self._span = FIRST_SPAN
        self._mutex = threading.Lock()

    def sync(self, on_progress: Callable[[Projection], None] | None = None) -> Projection:
        """Step until the index has the height that the chain had when it was last asked; threads take turns.

        Raises: SourceError; what was stored stays, and the next call goes on from there.
        """
        with self._mutex:
            return self._sync(on_progress)

    def _sync(self, on_progress: Callable[[Projection], None] | None) -> Projection:
        stored = fruitless = 0
        before = None
        while True:
            step = self.step()
            stored += step.attestations
            fruitless = fruitless + 1 if step.block_number == before else 0
            before = step.block_number
            if fruitless > MOST_FRUITLESS:
                raise RejectedError("node: headers and events do not fit together")
            if on_progress is not None:
                on_progress(step)
            if step.complete:
                return Projection(step.block_number, step.height, stored)

    def step(self) -> Projection:
        """Store the next range of blocks, or go back where the chain has left what is stored.

        Raises:
            SourceError: Node or database did not deliver; nothing of this step is stored.
            ConflictError: The index belongs to another chain.
            ConfigurationError: A log was closed for one that is not followed; the index stays before that.
        """
        height = self._client.block_number()
        with self._database.read() as session:
            cursor = sql.cursor(session, CURSOR)
        if not self._still_there(cursor):
            return self._go_back(cursor, height)
        first, last = cursor.number + 1, min(cursor.number + self._span, height)
        if first > last:
            return Projection(cursor.number, height, 0)
        return self._advance(cursor, first, last, height)

    def _advance(self, cursor: sql.Position, first: int, last: int, height: int) -> Projection:
        blocks = self._client.blocks(first, last)
        self._observe("events")
        lowest = max(first, self._deployment.first_block)
        logs = list(self._client.logs(self._deployment.addresses, lowest, last))
        hashes = {block[0]: block[1] for block in blocks}
        if not self._one_chain(cursor, blocks) or any(log.block_hash != hashes[log.block_number] for log in logs):
            return Projection(cursor.number, height, 0)  # a re-org while we asked: the next step sees it
        self._observe("store")
        with self._database.write() as session:
            if sql.cursor(session, CURSOR) != cursor:
                raise ConflictError("another program is writing this index")
            stored = self._store(session, blocks, logs)
            self._observe("commit")
        self._observe("stored")
        self._span = _next_span(self._span, stored)
        return Projection(last, height, stored)

    def _store(self, session: Session, blocks: Sequence[sql.BlockFact], logs: Sequence[Log]) -> int:
        first, last = blocks[0][0], blocks[-1]
        sql.store_blocks(session, blocks)
        append_blocks(session, first, [block[1] for block in blocks])
        stored = sql.store_attestations(session, logs, self._deployment)
        sql.store_governance(session, logs, self._decoder, {block[0]: block[3] for block in blocks})
        sql.check_successors(session, self._deployment)
        sql.move_cursor(session, CURSOR, sql.Position(last[0], last[1]))
        return stored

    def _one_chain(self, cursor: sql.Position, blocks: Sequence[sql.BlockFact]) -> bool:
        """Tell whether the blocks are linked from the cursor on, and the last is still in the chain."""
        previous = cursor.hash
        for _, block_hash, parent, _ in blocks:
            if previous not in (parent, b""):
                return False
            previous = block_hash
        return self._still_there(sql.Position(blocks[-1][0], previous))

    def _still_there(self, position: sql.Position) -> bool:
        if position.number < 0:
            return True
        try:
            return self._client.blocks(position.number, position.number)[0][1] == position.hash
        except MissingError:
            return False

    def _go_back(self, cursor: sql.Position, height: int) -> Projection:
        ancestor = self._common_ancestor(min(cursor.number, height))
        if ancestor.number <= self._deployment.first_block < cursor.number:  # not even the contracts are shared
            raise ConflictError("the index was made from another chain: rebuild it in a new database")
        self._observe("go back")
        with self._database.write() as session:
            sql.forget_after(session, ancestor.number)
            cut_blocks(session, ancestor.number + 1)
            sql.move_cursor(session, CURSOR, ancestor)
            self._observe("commit going back")
        return Projection(ancestor.number, max(height, ancestor.number + 1), 0)

    def _common_ancestor(self, highest: int) -> sql.Position:
        for top in range(highest, -1, -LOOK_BACK):
            bottom = max(top - LOOK_BACK + 1, 0)
            with self._database.read() as session:
                stored = sql.block_hashes(session, bottom, top)
            for number, block_hash, _, _ in reversed(self._client.blocks(bottom, top)):
                if stored.get(number) == block_hash:
                    return sql.Position(number, block_hash)
        raise ConflictError("the index was made from another chain: rebuild it in a new database")


def _next_span(span: int, stored: int) -> int:
    if stored > EVENTS_PER_STEP:
        return max(span // 2, 1)
    return min(span * 2, MAX_SPAN) if stored < EVENTS_PER_STEP // 4 else span
