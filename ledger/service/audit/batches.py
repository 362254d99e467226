"""The first walk over the store: every block hashed again, every credential and grant brought into an index anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session, col, select

from ipfs.cid import RAW, Cid
from ipfs.dag_pb import Link
from ipfs.store import DocumentStore, read_file
from ipfs.unixfs_directory import parse_directory
from ledger.credential.binding import Binding, parse_binding
from ledger.credential.grant_format import Grant, encode_grant
from ledger.credential.grant_reader import MAX_BYTES as MAX_GRANT_BYTES
from ledger.credential.grant_reader import parse_grant
from ledger.credential.sd_jwt import parse_sd_jwt
from ledger.errors import MalformedError, SourceError, VerificationError
from ledger.service.audit.report import Findings
from ledger.service.read import MAX_CAPSULE_BYTES
from ledger.service.rows import save_grants
from ledger.store.chain_index import Attestation
from ledger.store.columns import table_of
from ledger.store.database import Database
from ledger.store.document_index import Credential
from ledger.store.document_index import Grant as GrantRow
from ledger.store.work import OutboxItem

LOOK_UP = 400
_PROFILE_NAMES = frozenset({"profile.json", "issuer.jwk"})


@dataclass(frozen=True, slots=True)
class Payload:
    """The visible part of a credential, not verified.

    Attributes:
        binding: What it says of its place.
        payload_hash: SHA-256 of the payload part of the JWT, 32 bytes.
        key_id: Thumbprint of the key that it names, in base64url.
    """

    binding: Binding
    payload_hash: bytes
    key_id: str


def parse_payload(jwt: str) -> Payload:
    """Read what every reader of a JWT sees.

    Args:
        jwt: *Untrusted.*

    Raises: MalformedError.
    """
    raw = parse_sd_jwt(f"{jwt}~").jws
    visible = {name: value for name, value in raw.payload.items() if name not in {"_sd", "_sd_alg"}}
    binding = parse_binding(visible)
    return Payload(binding, sha256(jwt.split(".")[1].encode("ascii")).digest(), raw.header.get("kid", ""))


def credential_row(jwt: str, batch: str | None) -> dict[str, Any]:
    """The row of a credential, as recording writes it; ``source_digest`` stands in no document.

    Raises: MalformedError.
    """
    payload = parse_payload(jwt)
    binding = payload.binding
    return {
        "digest": sha256(jwt.encode("ascii")).digest(),
        "issuer": binding.organisation,
        "jti": binding.jti,
        "payload_hash": payload.payload_hash,
        "log": bytes.fromhex(binding.log.rpartition("0x")[2]),
        "subject": binding.subject,
        "kind": binding.kind,
        "issued_at": binding.issued_at,
        "capsule_cid": binding.capsule.cid,
        "batch_cid": batch,
        "source_digest": None,
    }


class BatchWalk:
    """Goes through every batch of a store and fills credentials and grants of an index that holds the chain already."""

    def __init__(self, documents: DocumentStore, live: Database, beside: Database, findings: Findings) -> None:
        """``live`` is asked only what is queued to be attested; ``beside`` is written."""
        self._documents, self._live, self._beside, self._findings = documents, live, beside, findings
        self._grants: list[tuple[Cid, str]] = []

    def run(self) -> None:
        """Do it; whatever cannot be read is a difference."""
        for root in sorted(self._documents.roots(), key=str):
            self._batch(root)
            self._findings.count("batches")
        for start in range(0, len(self._grants), LOOK_UP):
            self._save_grants(self._grants[start : start + LOOK_UP])

    def _batch(self, root: Cid) -> None:
        try:
            entries = parse_directory(self._documents.get(root))
        except (VerificationError, SourceError) as error:
            self._findings.add("batch-damaged", str(root), f"the directory of a batch cannot be read: {error}")
            return
        rows: list[dict[str, Any]] = []
        for name, link in entries.items():
            data = self._read(root, name, link)
            if data is not None and name not in _PROFILE_NAMES:
                rows += self._sort(root, name, link, data)
        self._save(rows, str(root))

    def _read(self, root: Cid, name: str, link: Link) -> bytes | None:
        """Hash every block of a document; return the bytes of one that is a single block."""
        try:
            if link.cid.codec == RAW:
                self._findings.count("blocks")
                return self._documents.get(link.cid)
            for _ in read_file(self._documents, link.cid, MAX_CAPSULE_BYTES):
                self._findings.count("blocks")
        except (VerificationError, SourceError) as error:
            self._findings.add("block-damaged", f"{root}/{name}", f"a stored document cannot be read: {error}")
            return None
        return b""

    def _sort(self, root: Cid, name: str, link: Link, data: bytes) -> Iterator[dict[str, Any]]:
        if name.endswith(".grant") or (link.cid.codec == RAW and data[:10] == b'{"items":['):
            self._grants.append((link.cid, f"{root}/{name}"))
        elif link.cid.codec == RAW and data[:3] == b"eyJ":
            try:
                yield credential_row(data.decode("ascii"), str(root))
            except (MalformedError, UnicodeDecodeError) as error:
                self._findings.notice("unknown-document", f"{root}/{name}", f"no credential of this version: {error}")

    def _save(self, rows: Sequence[dict[str, Any]], root: str) -> None:
        """Keep the credentials that were attested or are queued; others are what a crash left behind."""
        with self._beside.write() as session, self._live.read() as live:
            digests = [row["digest"] for row in rows]
            known = _known(session, digests) | _queued(live, digests)
            stored = set(_find(session, Credential.digest, digests))
            kept = [row for row in rows if row["digest"] in known - stored]
            if kept:
                session.execute(insert(table_of(Credential)), kept)
        self._findings.count("credentials", len(kept))
        for digest in (one for one in digests if one not in known):
            message = "a credential in the store that was never queued to be attested: a crash left it, or a refusal"
            self._findings.notice("orphan", f"{root}/{digest.hex()}", message)

    def _save_grants(self, places: Sequence[tuple[Cid, str]]) -> None:
        with self._beside.write() as session:
            for cid, place in places:
                grant = self._grant(cid, place)
                if grant is not None and self._is_ours(session, grant):
                    save_grants(session, [grant])
                    self._findings.count("grants")

    def _grant(self, cid: Cid, place: str) -> Grant | None:
        try:
            return parse_grant(b"".join(read_file(self._documents, cid, MAX_GRANT_BYTES)))
        except (VerificationError, SourceError) as error:
            self._findings.add("grant-damaged", place, f"a grant cannot be read: {error}")
            return None

    @staticmethod
    def _is_ours(session: Session, grant: Grant) -> bool:
        """Whether it opens a credential that is kept, and is not there yet."""
        capsules = [item.capsule for item in grant.items]
        if not _find(session, Credential.capsule_cid, capsules):
            return False
        digest = sha256(encode_grant(grant)).digest()
        return session.get(GrantRow, digest) is None


def _known(session: Session, digests: Sequence[bytes]) -> set[bytes]:
    return set(_find(session, Attestation.digest, digests))


def _queued(session: Session, digests: Sequence[bytes]) -> set[bytes]:
    return set(_find(session, OutboxItem.digest, digests))


def _find(session: Session, column: Any, values: Sequence[Any]) -> list[Any]:
    """Those of the values that stand in a column."""
    found: list[Any] = []
    for start in range(0, len(values), LOOK_UP):
        question = select(column).where(col(column).in_(values[start : start + LOOK_UP])).distinct()
        found += session.exec(question)
    return found
