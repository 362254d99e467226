"""Which credentials can be shown: those that a verifier will accept where they stand.

Any member may attest any digest to any asset (DESIGN, Contracts): of nothing, of another asset's event, of something
signed with no key of his. The attestation stands in the history for good, and whoever shows its credential is refuted.
So an honest file withholds it: the event stays, its content is no judgement's ground.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ipfs.cid import cid_from_digest, parse_cid
from ledger.credential.binding import Place, log_name, schema_of, verify_binding
from ledger.credential.jose import PublicKey, parse_jwk
from ledger.credential.jws import RawJws
from ledger.credential.sd_jwt import RawSdJwt, verify_sd_jwt
from ledger.errors import IssuerError, MissingError, VerificationError
from ledger.key_validity import was_valid
from ledger.proof.fold import EMPTY_HEAD
from ledger.service.read import Entry, ReadCredential, reference_of
from ledger.service.workspace import Workspace
from ledger.store.chain_index import IssuerKey
from ledger.strict_json import parse_json

NOTHING = ReadCredential(RawJws("", {}, {}, b""), {})
"""Stands for a credential that is not there, or is not one."""


@dataclass(frozen=True, slots=True)
class Presented:
    """A credential as it can be shown where it stands.

    Attributes:
        credential: Verified; ``NOTHING`` where a verifier would refuse it.
        refused: Why he would; empty where he would not.
    """

    credential: ReadCredential
    refused: str = ""


def presentable(workspace: Workspace, entries: Sequence[Entry]) -> list[Presented]:
    """Fetch the credentials of a history, oldest first, as far as this home's keys open them.

    Raises: SourceError, where the store does not answer.
    """
    heads = [EMPTY_HEAD, *(entry.row.head for entry in entries)]
    key = lru_cache(maxsize=None)(lambda thumbprint: read_key(workspace, thumbprint))
    found = []
    with workspace.database.read() as session:
        record = lru_cache(maxsize=None)(lambda organisation, key_id: session.get(IssuerKey, (organisation, key_id)))
        for entry, head in zip(entries, heads, strict=False):
            try:
                credential = _verified(workspace, entry, _place(workspace.contracts.chain_id, entry, head), key)
                if not was_valid(record(entry.organisation, credential.key_id), entry.attested_at):
                    raise IssuerError("its key was not one of the organisation's then")
                found.append(Presented(credential))
            except (MissingError, VerificationError) as error:
                found.append(Presented(NOTHING, str(error)))
    return found


def read_key(workspace: Workspace, thumbprint: bytes) -> PublicKey:
    """Fetch a public key: its RFC 7638 thumbprint is the digest of its canonical JSON, so the CID of its document.

    Raises: MissingError, MalformedError.
    """
    return parse_jwk(parse_json(workspace.documents.get(cid_from_digest(thumbprint)), what="JWK"))


def _verified(workspace: Workspace, entry: Entry, place: Place, key: Callable[[bytes], PublicKey]) -> ReadCredential:
    """Fetch and verify, or remember: what was once verified for a place is so for good, while its capsule is there."""
    known = workspace.verified.get((entry.digest, place))
    if known is not None and workspace.documents.has(parse_cid(reference_of(known.jws).cid)):
        return known
    credential = workspace.reader().read(entry.digest)
    raw = RawSdJwt(credential.jws, tuple(credential.claims.values()))
    verify_binding(verify_sd_jwt(raw, key(credential.key_id)), place)
    if credential.claims:  # else a grant may yet come
        workspace.verified.put((entry.digest, place), credential)
    return credential


def _place(chain_id: int, entry: Entry, head: bytes) -> Place:
    return Place(
        subject=entry.row.subject,
        kind=entry.kind.number,
        schema=schema_of(entry.kind.name),
        log=log_name(chain_id, entry.row.log),
        organisation=entry.organisation,
        previous_head=head if entry.kind.from_statuses else None,
        attested_at=entry.attested_at,
    )
