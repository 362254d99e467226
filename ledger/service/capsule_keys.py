"""The keys of capsules, from grants to this home's recipient keys."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import col, select

from ipfs.store import DocumentStore
from ledger.credential.capsule_format import commit_key
from ledger.credential.grant import open_grant, verify_grant
from ledger.credential.grant_reader import parse_grant
from ledger.credential.recipient import RecipientPrivateKey
from ledger.errors import MissingError, VerificationError
from ledger.service.bounded_cache import BoundedCache
from ledger.service.grantors import GrantorKeys
from ledger.store.database import Database
from ledger.store.document_index import Grant, GrantedCapsule

MAX_KNOWN_KEYS = 65_536
"""So many keys of capsules are kept in memory."""


class CapsuleKeys:
    """Opens the grants to whoever holds these recipient keys."""

    def __init__(self, database: Database, documents: DocumentStore, keys: Sequence[RecipientPrivateKey]) -> None:
        self._database = database
        self._keys = {key.public.thumbprint.hex(): key for key in keys}
        self._grantors = GrantorKeys(database, documents)
        self._known: BoundedCache[str, bytes] = BoundedCache(MAX_KNOWN_KEYS, lambda _: 1)

    def key(self, capsule_cid: str, commitment: bytes | None = None) -> bytes:
        """The key of a capsule, from a grant to one of these keys; 32 bytes.

        Args:
            capsule_cid: Which.
            commitment: As its credential states it; grants of other keys are passed over.

        Raises: MissingError, where nothing was granted.
        """
        known = self._known.get(capsule_cid)
        if known is not None and _fits(known, commitment):
            return known
        for row in self._grants_of(capsule_cid):
            try:
                keys = self._open(row, capsule_cid)
            except (VerificationError, MissingError):
                continue  # anybody may grant what does not open
            for cid, key in keys.items():
                self._known.put(cid, key)
            if _fits(keys[capsule_cid], commitment):  # or a false key
                return keys[capsule_cid]
        raise MissingError("none of the keys here opens this capsule")

    def _grants_of(self, capsule_cid: str) -> Sequence[Grant]:
        question = (
            select(Grant)
            .join(GrantedCapsule, col(GrantedCapsule.grant_digest) == col(Grant.digest))
            .where(GrantedCapsule.capsule_cid == capsule_cid, col(Grant.recipient).in_(list(self._keys)))
        )
        with self._database.read() as session:
            return session.exec(question).all()

    def _open(self, row: Grant, capsule_cid: str) -> dict[str, bytes]:
        """The keys of all capsules of a grant, as the rest of its batch is mostly read next; or of this one alone."""
        grant, private = parse_grant(row.body), self._keys[row.recipient]
        issuer = self._grantors.key(grant)
        try:
            return open_grant(verify_grant(grant, issuer), private)
        except VerificationError:  # another item may be false
            return open_grant(verify_grant(grant.only(capsule_cid), issuer), private)


def _fits(key: bytes, commitment: bytes | None) -> bool:
    return commitment is None or commit_key(key) == commitment
