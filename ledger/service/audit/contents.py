"""The second walk: each credential at its place on the chain, and everything in its capsule that can be opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert
from sqlalchemy import select as select_core
from sqlalchemy.dialects import sqlite
from sqlmodel import Session, col, select

from ipfs.cid import cid_from_digest
from ipfs.store import DocumentStore
from ledger.chain.projection import state_of
from ledger.credential.binding import Place, log_name, schema_of, verify_binding
from ledger.credential.sd_jwt import Disclosed, RawSdJwt, parse_sd_jwt, verify_sd_jwt
from ledger.errors import (
    BindingError,
    IssuerError,
    MalformedError,
    SignatureError,
    SourceError,
    VerificationError,
    VinculumError,
)
from ledger.kinds import Kind, all_kinds, kind_by_number
from ledger.proof.fold import EMPTY_HEAD
from ledger.service.audit.batches import credential_row, parse_payload
from ledger.service.audit.identity import verify_birth
from ledger.service.audit.keys import CapsuleKeys, IssuerKeys
from ledger.service.audit.opening import CapsuleOpener
from ledger.service.audit.report import Findings
from ledger.service.audit.said import said_rows
from ledger.service.contracts import Contracts
from ledger.store.chain_index import Attestation
from ledger.store.columns import table_of
from ledger.store.database import Database
from ledger.store.document_index import Asset, AssetAlias, Credential, SourceEvent
from ledger.store.work import ItemState, OutboxItem

PART = 200


@dataclass(frozen=True, slots=True)
class Home:
    """What an audit reads from: the live index only for what is queued, the second index for everything else.

    Attributes:
        live: Index of the home.
        beside: The second index.
        documents: The store.
        contracts: Of the home.
        organisations: Numbers of those whose keys lie in the home.
    """

    live: Database
    beside: Database
    documents: DocumentStore
    contracts: Contracts
    organisations: frozenset[int]


class ContentWalk:
    """Checks every credential of the second index, and fills the assets and events that they tell of."""

    def __init__(self, home: Home, issuers: IssuerKeys, capsules: CapsuleKeys, findings: Findings) -> None:
        self._home, self._issuers, self._findings = home, issuers, findings
        self._opener = CapsuleOpener(home.documents, capsules, findings)

    def run(self) -> None:
        """Births first: what happens to an asset later is told by its identifier."""
        self._fetch_missing()
        births = [kind.number for kind in all_kinds() if kind.genesis]
        for is_birth in (True, False):
            kinds = col(Credential.kind).in_(births) if is_birth else col(Credential.kind).not_in(births)
            # batch by batch, so that a grant is opened once
            order = (col(Credential.batch_cid), col(Credential.digest))
            question = select_core(table_of(Credential)).where(kinds).order_by(*order).execution_options(yield_per=PART)
            with self._home.beside.read() as reading:
                for part in reading.connection().execute(question).mappings().partitions():
                    with self._home.beside.write() as session, self._home.live.read() as live:
                        for row in part:
                            self._check(session, live, Credential(**row))

    def _fetch_missing(self) -> None:
        """Ask the store for what was attested and lies in none of its batches."""
        with self._home.beside.read() as session:
            question = (
                select(Attestation.digest, Attestation.organisation, Attestation.log, Attestation.subject)
                .outerjoin(Credential, col(Credential.digest) == col(Attestation.digest))
                .where(col(Credential.digest).is_(None))
                .order_by(col(Attestation.sequence))
            )
            for digest, organisation, _, subject in session.execute(question.execution_options(yield_per=PART)):
                self._fetch(digest, organisation, subject)

    def _fetch(self, digest: bytes, organisation: int, subject: bytes) -> None:
        place = f"{digest.hex()} of subject {subject.hex()}"
        try:
            row = credential_row(self._home.documents.get(cid_from_digest(digest)).decode("ascii"), "")
        except (VinculumError, UnicodeDecodeError) as error:
            message = f"what organisation {organisation} attested is not in the store: {error}"
            if organisation in self._home.organisations:
                self._findings.add("document-missing", place, message)
            else:
                self._findings.notice("document-elsewhere", place, message)
            return
        self._findings.notice("document-unpinned", place, "an attested credential lies in no batch of the store")
        with self._home.beside.write() as session:
            if session.get(Credential, digest) is None:
                session.execute(insert(table_of(Credential)), [row])

    def _check(self, session: Session, live: Session, row: Credential) -> None:
        """Check one credential; its faults are differences, each by its kind."""
        place = f"{row.digest.hex()} of subject {row.subject.hex()}"
        try:
            jwt = self._home.documents.get(cid_from_digest(row.digest)).decode("ascii")
            kind = kind_by_number(row.kind)
            payload = parse_payload(jwt)
            disclosures, files = self._opener.open(session, payload.binding.capsule, place)
            raw = parse_sd_jwt("~".join((jwt, *disclosures, "")))
            shown = verify_sd_jwt(raw, self._issuers.key(payload.key_id))
            attested = self._verify_places(session, row, kind, shown, place)
        except (VinculumError, UnicodeDecodeError) as error:
            self._findings.add(_code(error), place, str(error))
            return
        self._findings.count("credentials verified")
        if disclosures and (attested or _is_pending(live, row)):
            self._tell(session, row, kind, raw, shown, files)

    def _verify_places(self, session: Session, row: Credential, kind: Kind, shown: Disclosed, place: str) -> bool:
        """Compare a credential with every attestation of it.

        Returns: Whether there is one.
        """
        question = select(Attestation).where(Attestation.digest == row.digest).order_by(col(Attestation.sequence))
        attestations = session.exec(question).all()
        for one in attestations:
            verify_binding(
                shown,
                Place(
                    subject=one.subject,
                    kind=one.kind,
                    schema=schema_of(kind_by_number(one.kind).name),
                    log=log_name(self._home.contracts.chain_id, one.log),
                    organisation=one.organisation,
                    previous_head=self._head_before(session, one) if kind.from_statuses else None,
                    attested_at=one.attested_at,
                ),
            )
            if self._issuers.verify(session, shown.key, one.organisation, one.attested_at):
                message = "attested between the time from which its key is revoked and the revocation"
                self._findings.notice("disputed", place, message)
            self._findings.count("attestations")
        return bool(attestations)

    def _head_before(self, session: Session, attestation: Attestation) -> bytes:
        if attestation.position:
            question = select(Attestation.head).where(
                Attestation.log == attestation.log,
                Attestation.subject == attestation.subject,
                Attestation.position == attestation.position - 1,
            )
            return session.exec(question).one()
        deployment = self._home.contracts.deployment
        older = deployment.predecessors.get(attestation.log)
        return EMPTY_HEAD if older is None else state_of(session, (older, attestation.subject), deployment).head

    def _tell(
        self,
        session: Session,
        row: Credential,
        kind: Kind,
        raw: RawSdJwt,
        shown: Disclosed,
        files: Sequence[tuple[str, str]],
    ) -> None:
        """Fill what an opened credential tells: the asset of a birth, and the event by which it is recognised."""
        missing = [name for name in kind.required if shown.disclosed.get(name) is None]
        if missing:
            message = f"lacks {', '.join(missing)}: nothing is concluded from it"
            self._findings.notice("incomplete", row.digest.hex(), message)
        if kind.genesis:
            asset_type = self._home.contracts.deployment.asset_type_of(row.log)
            born = verify_birth(session, row, kind, asset_type, raw, self._findings)
            if born is not None:
                _insert(session, Asset, [born.row(own=row.issuer in self._home.organisations)])
                _insert(session, AssetAlias, born.alias_rows())
        rows = said_rows(session, row, kind, shown.disclosed, files)
        if not rows:
            self._findings.count("events not recognisable")
        _insert(session, SourceEvent, rows)


def _is_pending(live: Session, row: Credential) -> bool:
    question = select(OutboxItem.state).where(OutboxItem.digest == row.digest)
    return any(state != ItemState.REFUSED for state in live.exec(question))


def _insert(session: Session, table: Any, rows: Sequence[dict[str, Any]]) -> None:
    """Add rows that are not there yet; the second index is always SQLite."""
    if rows:
        session.execute(sqlite.insert(table_of(table)).on_conflict_do_nothing(), rows)


_CODES: tuple[tuple[type[Exception], str], ...] = (
    (BindingError, "binding"),
    (SignatureError, "signature"),
    (IssuerError, "issuer-key"),
    (SourceError, "document-missing"),
    (MalformedError, "malformed"),
    (VerificationError, "document-damaged"),
)


def _code(error: Exception) -> str:
    return next((code for kind, code in _CODES if isinstance(error, kind)), "malformed")
