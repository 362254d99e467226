"""From a planned event to its credential and capsule, as documents of one batch."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from ipfs.batch import Batch
from ledger.credential.base64url import encode_base64url
from ledger.credential.binding import Binding, claims_of, coarse_time, schema_of
from ledger.credential.capsule import seal_capsule
from ledger.credential.capsule_format import (
    KEY_BYTES,
    PREFIX_BYTES,
    CapsuleReference,
    FileDescription,
    Manifest,
    commit_key,
    describe_file,
)
from ledger.credential.capsule_format import SALT_BYTES as FILE_SALT_BYTES
from ledger.credential.salting import make_disclosures
from ledger.credential.sd_jwt import issue
from ledger.errors import DocumentError, Fault
from ledger.event import Document, Event, Json
from ledger.service.claims import claims_of_event
from ledger.service.members import Member
from ledger.service.plan import PlannedEvent

JTI_BYTES = 16
_READ_BYTES = 1024 * 1024
_DOCUMENT_NAME = "source"


@dataclass(frozen=True, slots=True)
class IssuedEvent:
    """A signed credential whose documents lie in a batch.

    Attributes:
        planned: What it says.
        digest: SHA-256 of the issuer-signed JWT, 32 bytes.
        jti: Its id at the issuer.
        payload_hash: SHA-256 of the JWT's payload part: two of one ``jti`` are equivocation.
        issued_at: Seconds since 1970, whole hours.
        capsule_cid: Where its encrypted contents are.
        capsule_key: 32 bytes; secret, for grants.
        previous_head: Head that it names, 32 bytes, or None.
    """

    planned: PlannedEvent
    digest: bytes
    jti: str
    payload_hash: bytes
    issued_at: int
    capsule_cid: str
    capsule_key: bytes
    previous_head: bytes | None


class Issuer:
    """Signs credentials of one member into batches."""

    def __init__(self, member: Member, log_names: dict[str, str]) -> None:
        """Nothing is asked yet; ``log_names`` gives the CAIP-10 name of each asset type's log."""
        self._member, self._log_names = member, log_names

    def issue(
        self, planned: PlannedEvent, document: Document | None, previous_head: bytes | None, now: int, batch: Batch
    ) -> IssuedEvent:
        """Sign one event; its JWT and its capsule are added to ``batch``.

        Args:
            planned: What to sign.
            document: The source document, where its bytes are to go into this capsule; else None.
            previous_head: Proven or read from one's own node, 32 bytes, for kinds that name it.
            now: Seconds since 1970.
            batch: Receives the two documents.

        Raises:
            DocumentError: An attachment cannot be read, or changed while it was read.
        """
        event, key = planned.event, os.urandom(KEY_BYTES)
        disclosures = make_disclosures(claims_to_disclose(planned), os.urandom)
        manifest = self._manifest(event, document, disclosures)
        sealed = seal_capsule(manifest, _streams(event, document), key, os.urandom(PREFIX_BYTES))
        files = tuple(item.salted_hash for item in manifest.files)
        place = len(batch)
        capsule = CapsuleReference(str(batch.add_file(sealed, f"{place}.capsule")), commit_key(key), files)
        binding = self._binding(planned, capsule, previous_head, coarse_time(now))
        credential = issue(claims_of(binding), disclosures, self._member.issuer, os.urandom)
        batch.add(credential.jwt.encode("ascii"), f"{place}.jwt")
        payload = credential.jwt.split(".")[1].encode("ascii")
        return IssuedEvent(
            planned,
            credential.digest,
            binding.jti,
            sha256(payload).digest(),
            binding.issued_at,
            capsule.cid,
            key,
            previous_head,
        )

    def _binding(
        self, planned: PlannedEvent, capsule: CapsuleReference, previous_head: bytes | None, issued_at: int
    ) -> Binding:
        return Binding(
            subject=planned.subject,
            kind=planned.kind.number,
            schema=schema_of(planned.kind.name),
            log=self._log_names[planned.event.asset.asset_type],
            organisation=self._member.organisation,
            jti=encode_base64url(os.urandom(JTI_BYTES)),
            issued_at=issued_at,
            capsule=capsule,
            previous_head=previous_head,
        )

    @staticmethod
    def _manifest(event: Event, document: Document | None, disclosures: Sequence[str]) -> Manifest:
        files: list[FileDescription] = []
        if document is not None:
            media_type = "application/json" if document.raw.lstrip()[:1] in b"{[" else "application/octet-stream"
            files.append(describe_file((document.raw,), _DOCUMENT_NAME, media_type, os.urandom(FILE_SALT_BYTES)))
        for file in event.attachments:
            chunks = read_attachment(event, file.path)
            files.append(describe_file(chunks, file.name, file.media_type, os.urandom(FILE_SALT_BYTES)))
        return Manifest(tuple(disclosures), None if document is None else document.digest, tuple(files))


def claims_to_disclose(planned: PlannedEvent) -> dict[str, Json]:
    """The claims that are hashed into the credential one by one; see ``claims_of_event``."""
    return claims_of_event(planned.event, planned.salt)


def read_attachment(event: Event, path: str) -> Iterator[bytes]:
    """Read a raw file in pieces of 1 MiB.

    Raises: DocumentError, where it cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            while chunk := file.read(_READ_BYTES):
                yield chunk
    except OSError as error:
        fault = Fault(f"{event.source_pointer}/attachments", "unreadable", f"{Path(path).name}: {error.strerror}")
        raise DocumentError([fault]) from None


def _streams(event: Event, document: Document | None) -> Iterator[Iterator[bytes]]:
    if document is not None:
        yield iter((document.raw,))
    for file in event.attachments:
        yield read_attachment(event, file.path)
