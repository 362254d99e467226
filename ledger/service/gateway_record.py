"""Record what a gateway took, as events of the telemetry kind, and make the receipts that devices ask for.

The credential names the statement by its digest, with root, size, sequence, predecessor and the device's key; statement
and readings travel in the capsule. The statement's digest is the event's own id: after a crash the same batch is
recognised, not recorded twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import sha256

from sqlmodel import col, select

from ledger.credential.base64url import parse_base64url
from ledger.errors import DocumentError, RuleError, VerificationError
from ledger.event import AssetReference, Document, Event, Json
from ledger.proof.evidence import parse_evidence
from ledger.proof.header import parse_header
from ledger.service.evidence import build_receipt
from ledger.service.gateway_inbox import Inbox
from ledger.service.gateway_summary import summary_of
from ledger.service.gateway_tables import Kept, KeptReceipt
from ledger.service.knowledge import ANY_DOCUMENT
from ledger.service.members import Member
from ledger.service.presentable import read_key
from ledger.service.record import Recipient, Recorder
from ledger.service.recorders import open_recorder
from ledger.service.same_event import content_hash, event_key
from ledger.service.workspace import Workspace
from ledger.store.document_index import SourceEvent
from light_node.edge.batch import verify_readings
from light_node.edge.limits import MICROSECONDS
from light_node.edge.receipt import KIND, batch_fields
from light_node.edge.statement import parse_statement, verify_statement

DOCUMENT_TYPE = "telemetry-batch"
BATCHES, BATCHES_BYTES = 200, 64 * 1024 * 1024
KEEP_RECEIPTS_S = 3600
RECEIPT_CLAIMS = frozenset({"root", "size", "sequence", "device_key", "previous_batch", "batch_digest"})


class GatewayRecorder:
    """Carries an inbox onto the chain for one member; of one thread."""

    def __init__(
        self,
        workspace: Workspace,
        member: Member,
        inbox: Inbox,
        recipients: Sequence[Recipient] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._workspace, self._member, self._inbox = workspace, member, inbox
        self._recipients, self._clock = recipients, clock

    def round(self) -> bool:
        """Record what came, and make the receipts that are wanted.

        Returns: Whether there was anything to do.

        Raises:
            ConflictError: Another program writes for this account; later.
            NotAuthorisedError: The member cannot attest now.
            SourceError: Node, store or witnesses do not deliver; the same again goes on.
        """
        kept = self._inbox.received(BATCHES, BATCHES_BYTES)
        if kept:
            self._record(kept)
        wanted = self._inbox.wanted()
        for subject, batches in wanted.items():
            self._make_receipt(subject, batches)
        return bool(kept or wanted)

    # ---- onto the chain -----------------------------------------------------------------------------------------

    def _record(self, batches: Sequence[Kept]) -> None:
        taken: list[tuple[Kept, Event]] = []
        with open_recorder(self._workspace, self._member, self._recipients) as recorder:
            for kept in batches:
                event = self._add(recorder, kept)
                if event is not None:
                    taken.append((kept, event))
            refused = dict(recorder.finish().refused)
        done = []
        for kept, event in taken:
            credential = self._credential_of(event)
            if credential is None or credential in refused:
                self._inbox.refuse(kept.digest, refused.get(credential or b"", "it was not recorded"))
            else:
                done.append((kept.digest, credential))
        self._inbox.recorded(done)

    def _add(self, recorder: Recorder, kept: Kept) -> Event | None:
        try:
            document = self._document(kept)
            recorder.add(document)
            return document.events[0]
        except (DocumentError, VerificationError, RuleError) as error:
            self._inbox.refuse(kept.digest, str(error))
            return None

    def _document(self, kept: Kept) -> Document:
        """The batch as a document: verified once more, since a disk lay between."""
        raw = parse_statement(kept.statement)
        key = read_key(self._workspace, parse_base64url(raw.key_id, "kid", size=32))
        batch = verify_readings(verify_statement(raw, key), kept.readings or b"")
        told = batch.statement.statement
        asset = self._workspace.reader().asset(told.subject.hex())
        fields: dict[str, Json] = {**batch_fields(batch.statement), "flagged": told.flagged, **summary_of(batch)}
        event = Event(
            kind=KIND,
            asset=AssetReference(asset.asset_type, asset.identifier),
            occurred_at=datetime.fromtimestamp(told.last_at_us // MICROSECONDS, UTC),
            fields=fields,
            document_id=kept.digest.hex(),
        )
        data = kept.statement.encode("ascii") + b"\n" + (kept.readings or b"")
        return Document(DOCUMENT_TYPE, sha256(data).digest(), (event,), raw=data)

    def _credential_of(self, event: Event) -> bytes | None:
        """The credential that an event was recorded with, now or before a crash."""
        organisation = self._member.organisation
        scopes = [f"{organisation}:{name}" for name in (DOCUMENT_TYPE, ANY_DOCUMENT)]
        name = event_key(event, content_hash(event))
        with self._workspace.database.read() as session:
            question = select(SourceEvent.digest).where(
                col(SourceEvent.scope).in_(scopes), col(SourceEvent.document_id) == name
            )
            return session.exec(question).first()

    # ---- receipts -----------------------------------------------------------------------------------------------

    def _make_receipt(self, subject: bytes, batches: Sequence[Kept]) -> None:
        asset = self._workspace.reader().asset(subject.hex())
        credentials = frozenset(kept.credential for kept in batches if kept.credential is not None)
        data = build_receipt(self._workspace, asset, credentials, RECEIPT_CLAIMS)
        now = int(self._clock())
        receipt = KeptReceipt(parse_header(parse_evidence(data).header).number, now, data)
        self._inbox.give([kept.digest for kept in batches], receipt, now - KEEP_RECEIPTS_S)
