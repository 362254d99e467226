"""Whose key signed a grant: the one that it names, where that was the grantor's on the chain when it was signed."""

from __future__ import annotations

from functools import lru_cache

from ipfs.cid import cid_from_digest
from ipfs.store import DocumentStore
from ledger.credential.base64url import parse_base64url
from ledger.credential.binding import MAX_CLOCK_SKEW_SECONDS
from ledger.credential.grant_format import Grant
from ledger.credential.jose import PublicKey, parse_jwk
from ledger.errors import ContentMismatchError, IssuerError
from ledger.key_validity import is_devices, was_valid
from ledger.store.chain_index import IssuerKey
from ledger.store.database import Database
from ledger.strict_json import parse_json
from light_node.issuer import ALGORITHMS

MAX_KNOWN_KEYS = 1024


class GrantorKeys:
    """Public keys that grants name."""

    def __init__(self, database: Database, documents: DocumentStore) -> None:
        self._database, self._documents = database, documents
        self._document = lru_cache(maxsize=MAX_KNOWN_KEYS)(self._read)

    def key(self, grant: Grant) -> PublicKey:
        """The key that a grant says it is signed with; ``verify_grant`` proves that it is.

        1. It is one that the grantor added in ``Consortium``, for its algorithm, and not as a device's.
        2. It was valid when the grant says that it was signed, and not revoked before: the grant's own time, which
           nobody attests, so a clock may differ. A span in doubt counts, as it does for credentials.

        Raises:
            IssuerError: One of these fails.
            MalformedError: The grant names no key.
            SourceError: The key's document cannot be had.
        """
        organisation, time = grant.context.grantor, grant.context.issued_at
        thumbprint = parse_base64url(grant.jws.header.get("kid"), "kid", size=32)
        with self._database.read() as session:
            row = session.get(IssuerKey, (organisation, thumbprint))
        if row is None:  # 1
            raise IssuerError(f"organisation {organisation} never added the key that its grant names")
        if is_devices(row):
            raise IssuerError(f"organisation {organisation} added this key for a device: it signs no grants")
        if not was_valid(row, time, MAX_CLOCK_SKEW_SECONDS):  # 2
            raise IssuerError(f"the key of organisation {organisation} was not valid at {time}")
        key = self._document(thumbprint)
        if ALGORITHMS.get(row.algorithm) is not key.algorithm:  # 1
            raise IssuerError(f"organisation {organisation} added its key for another algorithm")
        return key

    def _read(self, thumbprint: bytes) -> PublicKey:
        key = parse_jwk(parse_json(self._documents.get(cid_from_digest(thumbprint)), what="JWK"))
        if key.thumbprint != thumbprint:
            raise ContentMismatchError("document of a key", thumbprint.hex(), key.thumbprint.hex())
        return key
