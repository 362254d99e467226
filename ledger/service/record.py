"""Record documents: plan, issue, keep, queue, follow; off chain before on chain, and each event counted once.

::

    document ─ plan ─ credential + capsule ─ batch ─ store (durable, read back)
                                                       │
                                        SQL: credentials, assets, grants, outbox items (one transaction)
                                                       │
                                              outbox ─ chain ─ projector

A crash before the SQL transaction leaves encrypted documents that nothing refers to; a crash after it leaves items
that the outbox sends on. The same document again records only what is missing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ipfs.batch import Batch
from ipfs.store import DocumentStore
from ledger.chain.outbox import Outbox, Progress
from ledger.chain.outbox_store import NewItem, statuses
from ledger.chain.projector import Projector
from ledger.credential.grant import context_for, seal_grant
from ledger.credential.grant_format import Grant, Policy, encode_grant
from ledger.credential.recipient import RecipientKey
from ledger.errors import RejectedError, RuleError
from ledger.event import AssetType, Document, Event
from ledger.service.contracts import Contracts
from ledger.service.issue import IssuedEvent, Issuer
from ledger.service.knowledge import Knowledge
from ledger.service.members import Member
from ledger.service.plan import Plan, PlannedEvent, Planner
from ledger.service.rows import save_batch
from ledger.store.chain_index import Head
from ledger.store.database import Database

BATCH_EVENTS = 400
DRAIN_TIMEOUT_S = 600.0
MEMBER_POLICY = Policy("urn:vinculum:odrl:profile:1", "member-record")


@dataclass(frozen=True, slots=True)
class Recipient:
    """An organisation that receives the capsule keys of what is recorded."""

    organisation: int
    key: RecipientKey


@dataclass(slots=True)
class Recorded:
    """What recording came to.

    Attributes:
        events: Events that were signed and queued, with the digests of their credentials.
        repeated: Events that were recorded before, with the same content.
        refused: Digest and reason of each item that the contract did not take.
    """

    events: list[tuple[PlannedEvent, bytes]] = field(default_factory=list)
    repeated: list[Event] = field(default_factory=list)
    refused: list[tuple[bytes, str]] = field(default_factory=list)


class Recorder:
    """Records documents of one member; many documents go into one batch under load."""

    def __init__(  # noqa: PLR0913 - the ports that recording joins
        self,
        member: Member,
        recipients: Sequence[Recipient],
        *,
        contracts: Contracts,
        database: Database,
        documents: DocumentStore,
        outbox: Outbox,
        projector: Projector,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._member, self._recipients = member, recipients
        self._contracts, self._database, self._documents = contracts, database, documents
        self._outbox, self._projector, self._clock = outbox, projector, clock
        self._knowledge = Knowledge(database, contracts)
        self._planner = Planner(member.organisation, self._knowledge)
        self._issuer = Issuer(member, {kind: contracts.log_name(kind) for kind in AssetType})
        self._batch, self._issued = Batch(), list[IssuedEvent]()
        self._sources: list[Plan] = []
        self._unsettled: set[bytes] = set()
        self.result = Recorded()

    def add(self, document: Document) -> Plan:
        """Plan a document and sign its events; what fills a batch is kept and queued.

        Raises:
            DocumentError: Refused as a whole, every fault by place; nothing of it was kept.
            SourceError: Store, database or node did not deliver; the same document again records what is missing.
        """
        plan = self._planner.plan(document)
        self.result.repeated += plan.repeated
        carrier: Document | None = document
        for planned in plan.planned:
            self._issue(planned, carrier)
            carrier = None
            if len(self._issued) >= BATCH_EVENTS:
                self.flush()
        self._sources.append(plan)
        return plan

    def flush(self) -> None:
        """Keep and queue everything that was signed, then send what can be sent; waits for no block."""
        if not self._issued:
            return
        grants = self._grants()
        for grant in grants:
            self._batch.add(encode_grant(grant))
        root = self._batch.put(self._documents)
        with self._database.write() as session:
            save_batch(session, self._member, self._contracts, str(root), self._issued, grants)
            self._outbox.enqueue(session, map(self._item, self._issued))
        self.result.events += [(issued.planned, issued.digest) for issued in self._issued]
        self._unsettled.update(issued.planned.subject for issued in self._issued)
        self._batch.__exit__(None, None, None)
        self._batch, self._issued = Batch(), []
        self._knowledge.forget_pending(projected=False)
        self._outbox.step()

    def settle(self, on_progress: Callable[[Progress], None] | None = None) -> None:
        """Wait until everything queued is final or refused, and until the index shows it.

        Raises: SourceTimeoutError, where it takes too long; the items stay queued.
        """
        self.flush()
        self._outbox.drain(DRAIN_TIMEOUT_S, on_progress)
        self._projector.sync()
        self._knowledge.forget_pending(projected=True)
        self._unsettled.clear()

    def finish(self, on_progress: Callable[[Progress], None] | None = None) -> Recorded:
        """Settle, and say what the contract refused."""
        self.settle(on_progress)
        digests = [digest for _, digest in self.result.events]
        with self._database.read() as session:
            found = statuses(session, digests)
        self.result.refused = [(digest, item.reason or "") for digest, item in found.items() if item.state == "refused"]
        return self.result

    def _issue(self, planned: PlannedEvent, carrier: Document | None) -> None:
        head = None
        if planned.needs_head:
            if planned.subject in self._unsettled or any(
                one.planned.subject == planned.subject for one in self._issued
            ):
                self.settle()
            head = self._head(planned)
        self._issued.append(self._issuer.issue(planned, carrier, head, int(self._clock()), self._batch))

    def _head(self, planned: PlannedEvent) -> bytes:
        log = self._contracts.log(planned.event.asset.asset_type)
        with self._database.read() as session:
            row = session.get(Head, (log, planned.subject))
        if row is None:
            raise RuleError(f"the history of this {planned.event.asset.asset_type} is not on the chain yet")
        return row.head

    def _item(self, issued: IssuedEvent) -> NewItem:
        planned = issued.planned
        log = self._contracts.log(planned.event.asset.asset_type)
        return NewItem(log, planned.subject, planned.kind.number, issued.digest, issued.previous_head)

    def _grants(self) -> list[Grant]:
        keys = [(issued.capsule_cid, issued.capsule_key) for issued in self._issued]
        now = int(self._clock())
        grants = []
        for recipient in self._recipients:
            context = context_for(recipient.key, self._member.organisation, recipient.organisation, MEMBER_POLICY, now)
            grants.append(seal_grant(recipient.key, context, keys, self._member.issuer, os.urandom(32)))
        return grants


def raise_refused(recorded: Recorded) -> None:
    """Turn what the contract refused into an error.

    Raises: RejectedError, with the first reason and the number of the others.
    """
    if recorded.refused:
        digest, reason = recorded.refused[0]
        more = f" (and {len(recorded.refused) - 1} more)" if len(recorded.refused) > 1 else ""
        raise RejectedError(f"the contract refused {digest.hex()[:16]}: {reason}{more}")
