"""Documents that were taken in, known again by their bytes: those of this run, and those that stand in the index."""

from __future__ import annotations

import time

from ledger.errors import Fault
from ledger.service.results import Outcome, Result
from ledger.service.sources import Source
from ledger.store.database import Database
from ledger.store.document_index import SourceDocument


class TakenDocuments:
    """Knows documents again; of this run only those are remembered that the index does not have yet."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._fresh: dict[bytes, str] = {}

    def add(self, source: Source, digest: bytes) -> None:
        """Remember a document that is about to be in the index."""
        self._fresh[digest] = source.name

    def forget_recorded(self) -> None:
        """Drop what was added: all of it is in the index by now, or the contract refused it."""
        self._fresh = {}

    def repetition(self, source: Source, digest: bytes) -> Result | None:
        """The result of a document whose very bytes were taken in before; None for a new one."""
        with self._database.read() as session:
            row = session.get(SourceDocument, digest)
        first = self._fresh.get(digest) or (None if row is None else row.name)
        if first is None:
            return None
        message = f"the same content as {first}, which was taken in before: no new event"
        repeated = 0 if row is None else row.events
        notice = Fault("", "same-content", message, "notice")
        what = "" if row is None else row.document_type
        return Result(source.name, None, Outcome.REPEATED, what, repeated=repeated, notices=(notice,))


def row_of(source: Source, digest: bytes, document_type: str, size: int, events: int) -> SourceDocument:
    """The index row of a document that is taken in now."""
    return SourceDocument(
        digest=digest,
        document_type=document_type,
        name=source.name if source.path is None else source.path.name,
        size=size,
        events=events,
        received_at=int(time.time()),
    )
