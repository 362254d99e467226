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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ipfs.batch import Batch
from ipfs.store import DocumentStore
from ledger.chain.outbox import Outbox, Progress
from ledger.chain.outbox_questions import statuses
from ledger.chain.outbox_store import NewItem
from ledger.chain.projection import state_of
from ledger.chain.projector import Projector
from ledger.credential.grant import context_for, seal_grant
from ledger.credential.grant_format import Grant, Policy, encode_grant
from ledger.credential.recipient import RecipientKey
from ledger.errors import DocumentError, Fault, RuleError, VerificationError, VinculumError
from ledger.event import AssetType, Document
from ledger.proof.fold import EMPTY_HEAD
from ledger.service.background import Background
from ledger.service.contracts import Contracts
from ledger.service.issue import IssuedEvent, Issuer
from ledger.service.knowledge import Knowledge
from ledger.service.members import Member
from ledger.service.plan import Plan, PlannedEvent, Planner
from ledger.service.recorded import Recorded
from ledger.service.rows import save_batch, save_sources
from ledger.service.targets import Targets
from ledger.store.database import Database
from ledger.store.document_index import SourceDocument

BATCH_EVENTS = 400
DRAIN_TIMEOUT_S = 600.0
MEMBER_POLICY = Policy("urn:vinculum:odrl:profile:1", "member-record")


@dataclass(frozen=True, slots=True)
class Recipient:
    """An organisation that receives the capsule keys of what is recorded."""

    organisation: int
    key: RecipientKey


class Recorder:
    """Records documents of one member; many documents go into one batch under load.

    An event that names the head before it can be signed only once everything earlier of its asset is on the chain.
    Such events are held back, with all that follows of the same asset, and signed together, a wave for each block.
    """

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
        self._knowledge = Knowledge(database)
        self._planner = Planner(member.organisation, self._knowledge)
        self._issuer = Issuer(member, {kind: contracts.log_name(kind) for kind in AssetType})
        self._targets = Targets(member.organisation, database)
        self._batch, self._issued = Batch(), list[IssuedEvent]()
        self._sources: list[SourceDocument] = []
        self._flushes = 0
        self._sending = Background()
        self._unsettled: set[bytes] = set()
        self._held = list[tuple[PlannedEvent, Document | None]]()
        self.result = Recorded()

    def add(
        self,
        document: Document,
        source: SourceDocument | None = None,
        carried: Mapping[str, Document] | None = None,
    ) -> Plan:
        """Plan a document and sign its events; what fills a batch is kept and queued.

        Args:
            document: As intake gave it; the paths of its attachments can be read.
            source: Written with the last of its events, so that the same bytes are recognised again.
            carried: The part of the document that goes into an event's capsule, by the event's pointer; without it
                a document about one asset goes as a whole into the capsule of its first event. One about several
                goes into none: whoever is granted an event must not learn of another asset by it.

        Raises:
            DocumentError: Refused as a whole, every fault by place; nothing of it was kept, unless a file of its
                changed after it had been checked: the same document again records what is missing then.
            SourceError: Store, database or node did not deliver; the same document again records what is missing.
        """
        self._make_room(len(document.events))
        plan = self._planner.plan(document)
        if carried is None:
            alone = len({event.asset for event in document.events}) == 1
            carried = {planned.event.source_pointer: document for planned in plan.planned[:1] if alone}
        before = self._flushes, len(self._issued), len(self._held)
        try:
            for planned in plan.planned:
                self._issue_or_hold(planned, carried.get(planned.event.source_pointer))
                if len(self._issued) >= BATCH_EVENTS:
                    self.flush()
        except (DocumentError, VerificationError) as error:
            self._let_go(*before)
            self._say_what_stays(plan, error)
            raise
        self.result.repeated += len(plan.repeated)
        if source is not None:
            self._sources.append(source)
        return plan

    def flush(self) -> None:
        """Keep and queue everything that was signed, then send what can be sent; waits for no block.

        Sending goes on beside the next batch; what the node said to it is raised by the next call that needs it.
        What is held back until a block is mined stays so until ``settle``.
        """
        if not self._issued:
            self._save_sources()
            return
        sources = [] if self._held else self._sources
        grants = self._grants()
        for grant in grants:
            self._batch.add_file([encode_grant(grant)], f"{grant.context.recipient}.grant")
        root = self._batch.put(self._documents)
        self._sending.wait()
        with self._database.write() as session:
            save_batch(session, self._member, self._contracts, str(root), self._issued, grants)
            self._outbox.enqueue(session, map(self._item, self._issued))
            save_sources(session, sources)
        self.result.events += [(issued.planned.name, issued.digest) for issued in self._issued]
        self._unsettled.update(issued.planned.subject for issued in self._issued)
        self._batch.__exit__(None, None, None)
        self._batch, self._issued = Batch(), []
        self._sources = self._sources[len(sources) :]
        self._flushes += 1
        self._sending.start(self._outbox.step)

    def settle(self, on_progress: Callable[[Progress], None] | None = None) -> None:
        """Wait until everything added is final or refused, wave after wave, and until the index shows it.

        Raises:
            SourceTimeoutError: It takes too long; the items stay queued.
            RuleError: An event names the head before it, and the contract has refused what was to be before it.
        """
        while True:
            self.flush()
            self._sending.wait()
            self._outbox.drain(DRAIN_TIMEOUT_S, on_progress)
            self._projector.sync()
            self._unsettled.clear()
            if not self._held:
                break
            self._issue_held()
        self._knowledge.forget_pending(projected=True)

    def finish(self, on_progress: Callable[[Progress], None] | None = None) -> Recorded:
        """Settle, and say what the contract refused."""
        self.settle(on_progress)
        digests = [digest for _, digest in self.result.events]
        with self._database.read() as session:
            found = statuses(session, digests)
        self.result.refused = [(digest, item.reason or "") for digest, item in found.items() if item.state == "refused"]
        return self.result

    def _save_sources(self) -> None:
        """Remember documents all of whose events were recorded before."""
        if self._sources and not self._held:
            with self._database.write() as session:
                save_sources(session, self._sources)
            self._sources = []

    def _let_go(self, flushes: int, issued: int, held: int) -> None:
        """Forget the events of a document that cannot be signed to its end, and what was assumed because of it."""
        if self._flushes == flushes:
            del self._issued[issued:]
        del self._held[held:]
        self.settle()

    def _say_what_stays(self, plan: Plan, error: Exception) -> None:
        """Raise an error that counts the events of a document which were sent before one of its files changed."""
        names = {planned.name for planned in plan.planned}
        stay = sum(name in names for name, _ in self.result.events)
        if stay:
            message = f"{error}; {stay} of its events stay recorded: the same document again records the rest"
            raise DocumentError([Fault("", "changed", message)]) from error

    def _make_room(self, events: int) -> None:
        """Begin a new batch where a document does not fit into this one; what is in SQL need not be remembered."""
        if len(self._held) + events > BATCH_EVENTS and self._held:
            self.settle()
        elif len(self._issued) + events > BATCH_EVENTS:
            self.flush()
        if not self._issued and not self._held:
            self._knowledge.forget_pending(projected=False)

    def _issue_or_hold(self, planned: PlannedEvent, carrier: Document | None) -> None:
        held = any(one.subject == planned.subject for one, _ in self._held)
        if held or (planned.needs_head and self._is_moving(planned.subject)):
            self._held.append((planned, carrier))
            return
        head = self._head(planned) if planned.needs_head else None
        aimed = self._targets.aim(planned, self._issued)
        self._issued.append(self._issuer.issue(aimed, carrier, head, int(self._clock()), self._batch))

    def _issue_held(self) -> None:
        """Sign what was held back, as far as it can be signed in one wave; the rest stays held back.

        An event that cannot be signed takes what was held back with it: the same documents again record it.
        """
        held, self._held = self._held, []
        try:
            for planned, carrier in held:
                self._issue_or_hold(planned, carrier)
        except VinculumError:
            self._held, self._sources = [], []
            raise

    def _is_moving(self, subject: bytes) -> bool:
        """Whether the head in the index is not yet the one that everything signed so far leads to."""
        return subject in self._unsettled or any(one.planned.subject == subject for one in self._issued)

    def _head(self, planned: PlannedEvent) -> bytes:
        log = self._contracts.log(planned.event.asset.asset_type)
        with self._database.read() as session:
            head = state_of(session, (log, planned.subject), self._contracts.deployment).head
        if head == EMPTY_HEAD:
            raise RuleError(f"the history of this {planned.event.asset.asset_type} is not on the chain yet")
        return head

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
