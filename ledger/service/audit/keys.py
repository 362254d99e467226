"""Keys for an audit: issuers' from the chain and the store, capsules' from the grants that this home can open."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from sqlmodel import Session, col, select

from ipfs.cid import cid_from_digest
from ipfs.store import DocumentStore
from ledger.credential.base64url import parse_base64url
from ledger.credential.binding import MAX_CLOCK_SKEW_SECONDS
from ledger.credential.capsule_format import CapsuleReference, verify_key
from ledger.credential.grant import open_grant, verify_grant
from ledger.credential.grant_reader import parse_grant
from ledger.credential.jose import PublicKey, parse_jwk
from ledger.credential.recipient import RecipientPrivateKey
from ledger.errors import ContentMismatchError, IssuerError, MissingError, VinculumError
from ledger.key_validity import Standing, is_devices, standing_at, was_valid
from ledger.store.chain_index import IssuerKey
from ledger.store.document_index import Grant, GrantedCapsule
from ledger.strict_json import parse_json
from light_node.issuer import ALGORITHMS

OPEN_GRANTS = 32
"""Grants whose keys are held in memory; one opens a whole batch."""


class IssuerKeys:
    """Public keys of issuers with their records."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents
        self._known: dict[bytes, PublicKey] = {}

    def key(self, key_id: str) -> PublicKey:
        """Fetch a key: the SHA-256 of its document is its thumbprint.

        Raises: SourceError, MalformedError.
        """
        thumbprint = parse_base64url(key_id, "kid", size=32)
        if thumbprint not in self._known:
            key = parse_jwk(parse_json(self._documents.get(cid_from_digest(thumbprint)), what="JWK"))
            if key.thumbprint != thumbprint:
                raise ContentMismatchError("document of a key", thumbprint.hex(), key.thumbprint.hex())
            self._known[thumbprint] = key
        return self._known[thumbprint]

    @staticmethod
    def verify(session: Session, key: PublicKey, organisation: int, time: int) -> bool:
        """Ask that a key was its organisation's at a time; the same rule as ``light_node.issuer.verify_issuer``.

        Returns: Whether what it signed then is disputed.

        Raises: IssuerError.
        """
        row = session.get(IssuerKey, (organisation, key.thumbprint))
        if row is None or ALGORITHMS.get(row.algorithm) is not key.algorithm:
            raise IssuerError(f"organisation {organisation} never added this {key.algorithm} key")
        if is_devices(row):
            raise IssuerError(f"organisation {organisation} added this key for a device: it signs no credentials")
        standing = standing_at(row, time)
        if not was_valid(row, time):
            why = "revoked before" if standing is Standing.REVOKED else "not valid at"
            raise IssuerError(f"the key of organisation {organisation} was {why} {time}")
        return standing is Standing.DISPUTED


class CapsuleKeys:
    """Keys of capsules, from the grants of an index; one decapsulation opens all capsules of a grant."""

    def __init__(self, issuers: IssuerKeys, keys: Sequence[RecipientPrivateKey]) -> None:
        self._issuers = issuers
        self._private = {key.public.thumbprint.hex(): key for key in keys}
        self._open: OrderedDict[bytes, Mapping[str, bytes]] = OrderedDict()

    def key(self, session: Session, reference: CapsuleReference) -> bytes:
        """The key that a credential commits to, 32 bytes.

        Raises:
            MissingError: Nothing was granted to a key here.
            VinculumError: What was granted does not open; the last reason, where there are several grants.
        """
        question = (
            select(Grant.digest)
            .join(GrantedCapsule, col(GrantedCapsule.grant_digest) == col(Grant.digest))
            .where(GrantedCapsule.capsule_cid == reference.cid, col(Grant.recipient).in_(list(self._private)))
            .order_by(col(Grant.digest))
        )
        failure: VinculumError = MissingError("none of the keys here opens this capsule")
        candidates = sorted(session.exec(question), key=lambda digest: digest not in self._open)
        for digest in candidates:
            try:
                key = self._opened(session, digest)[reference.cid]
                verify_key(key, reference.key_commitment)
                return key
            except VinculumError as error:
                failure = error
        raise failure

    def _opened(self, session: Session, digest: bytes) -> Mapping[str, bytes]:
        if digest not in self._open:
            row = session.get_one(Grant, digest)
            grant = parse_grant(row.body)
            issuer = self._issuers.key(grant.jws.header.get("kid", ""))
            record = session.get(IssuerKey, (row.grantor, issuer.thumbprint))
            if not was_valid(record, grant.context.issued_at, MAX_CLOCK_SKEW_SECONDS):
                why = "a key that is not its own, or was not valid then"
                raise IssuerError(f"a grant of organisation {row.grantor} is signed by {why}")
            self._open[digest] = open_grant(verify_grant(grant, issuer), self._private[row.recipient])
            if len(self._open) > OPEN_GRANTS:
                self._open.popitem(last=False)
        self._open.move_to_end(digest)
        return self._open[digest]
