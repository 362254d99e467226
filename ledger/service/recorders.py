"""Recorders as use cases open them: the member's own key checked, earlier work settled, everything given back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol

from sqlmodel import col, select

from ledger.errors import NotAuthorisedError
from ledger.event import Document
from ledger.service.members import Member
from ledger.service.plan import Plan, Planner
from ledger.service.record import Recipient, Recorder
from ledger.service.rows import forget_refused
from ledger.service.workspace import Workspace
from ledger.store.chain_index import IssuerKey
from ledger.store.database import Database
from ledger.store.document_index import SourceDocument, SourceEvent
from ledger.store.work import ItemState, OutboxItem


class Taker(Protocol):
    """Takes planned documents: a ``Recorder``, or a rehearsal that only plans."""

    def add(
        self,
        document: Document,
        source: SourceDocument | None = None,
        carried: Mapping[str, Document] | None = None,
    ) -> Plan:
        """Plan a document, and record it where this is not a rehearsal."""


class Rehearsal:
    """Plans and records nothing."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner

    def add(
        self,
        document: Document,
        source: SourceDocument | None = None,
        carried: Mapping[str, Document] | None = None,
    ) -> Plan:
        """Plan a document."""
        return self._planner.plan(document)


@contextmanager
def open_recorder(workspace: Workspace, member: Member, recipients: Sequence[Recipient]) -> Iterator[Recorder]:
    """Open a member's recorder; what an earlier run left in its outbox, or the chain lost, is settled first.

    The member itself receives the keys of what it records, whoever else does: without them nobody could open it.

    Raises:
        NotAuthorisedError: Its credential key is not valid now.
        ConflictError: Another program writes for this account.
        SourceError: What was left cannot be settled.
    """
    check_issuer_key(workspace, member)
    others = [one for one in recipients if one.organisation != member.organisation]
    with workspace.outbox(member) as outbox:
        recorder = Recorder(
            member,
            [Recipient(member.organisation, member.recipient.public), *others],
            contracts=workspace.contracts,
            database=workspace.database,
            documents=workspace.documents,
            outbox=outbox,
            projector=workspace.projector,
        )
        if not outbox.step().idle:
            recorder.settle()
        _forget_left_over(workspace.database, outbox.account)
        yield recorder


def _forget_left_over(database: Database, account: bytes) -> None:
    """Let events be recorded anew that the contract refused when nobody waited for the answer.

    So it may be with what the outbox sent again after the chain had lost it: other events came back before it.
    """
    with database.write() as session:
        question = (
            select(OutboxItem.digest)
            .join(SourceEvent, col(SourceEvent.digest) == col(OutboxItem.digest))
            .where(OutboxItem.account == account, OutboxItem.state == ItemState.REFUSED)
        )
        forget_refused(session, session.exec(question).all())


def check_issuer_key(workspace: Workspace, member: Member, clock: Callable[[], float] = time.time) -> None:
    """Ask that what a member signs now will verify.

    Raises: NotAuthorisedError, where its credential key is unknown, has ended or is revoked.
    """
    workspace.projector.sync()
    with workspace.database.read() as session:
        key = session.get(IssuerKey, (member.organisation, member.issuer.public.thumbprint))
    now = int(clock())
    if key is None:
        raise NotAuthorisedError(f"the credential key of {member.name} is not in Consortium: nobody could verify it")
    if key.revoked_from and key.revoked_from <= now:
        raise NotAuthorisedError(f"the credential key of {member.name} is revoked since {_time_text(key.revoked_from)}")
    if key.valid_until <= now:
        raise NotAuthorisedError(f"the credential key of {member.name} ended at {_time_text(key.valid_until)}")


def _time_text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
