"""Open the capsule of each credential, as far as this home's keys open it, and read it to its end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlmodel import Session

from ipfs.cid import parse_cid
from ipfs.store import DocumentStore, read_file
from ledger.credential.capsule import OpenedCapsule, open_capsule
from ledger.credential.capsule_format import CapsuleReference
from ledger.errors import MissingError, VinculumError
from ledger.service.audit.keys import CapsuleKeys
from ledger.service.audit.report import Findings
from ledger.service.read import MAX_CAPSULE_BYTES


class CapsuleOpener:
    """Opens capsules; what is wrong with one is a difference."""

    def __init__(self, documents: DocumentStore, keys: CapsuleKeys, findings: Findings) -> None:
        self._documents, self._capsules, self._findings = documents, keys, findings

    def open(
        self, session: Session, reference: CapsuleReference, place: str
    ) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
        """Read a capsule to its end.

        Args:
            session: Of the second index, for the grants.
            reference: As its credential names it.
            place: Of the credential, for the findings.

        Returns: Disclosures, and name and media type of each attachment; none where no key opens it.
        """
        try:
            key = self._capsules.key(session, reference)
        except MissingError:
            self._findings.count("capsules closed")
            for _ in read_file(self._documents, parse_cid(reference.cid), MAX_CAPSULE_BYTES):
                pass
            return (), ()
        except VinculumError as error:
            self._findings.add("key-false", place, f"no grant opens its capsule: {error}")
            return (), ()
        try:
            sealed = read_file(self._documents, parse_cid(reference.cid), MAX_CAPSULE_BYTES)
            opened = open_capsule(sealed, key, reference)
            files = tuple((one.name, one.media_type) for one in _drain(opened))
        except VinculumError as error:
            self._findings.add("capsule", place, f"its capsule {reference.cid} is not what it commits to: {error}")
            return (), ()
        self._findings.count("capsules opened")
        return opened.manifest.disclosures, files[1:] if opened.manifest.document is not None else files


def _drain(opened: OpenedCapsule) -> Iterator[Any]:
    """Read every file to its end, so that every hash is checked; yields their descriptions."""
    for description, pieces in opened.files:
        for _ in pieces:
            pass
        yield description
