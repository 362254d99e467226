"""Give another organisation the keys of an asset's events, as far as the grantor has them himself."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from ipfs.batch import Batch
from ipfs.cid import cid_from_digest
from ledger.credential.capsule_format import verify_key
from ledger.credential.grant import context_for, seal_grant
from ledger.credential.grant_format import MAX_ITEMS, Grant, Policy, encode_grant
from ledger.credential.sd_jwt import parse_sd_jwt
from ledger.errors import MissingError, NotAuthorisedError, UnknownAssetError
from ledger.service.members import Member
from ledger.service.read import AssetRecord, Entry, Reader, reference_of
from ledger.service.record import MEMBER_POLICY, Recipient
from ledger.service.rows import save_grants
from ledger.service.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Granted:
    """What was given.

    Attributes:
        recipient: Number of the organisation that can open it now.
        events: How many events it can open.
        withheld: How many events the grantor cannot open himself.
        grants: SHA-256 of each grant, 32 bytes.
    """

    recipient: int
    events: int
    withheld: int
    grants: tuple[bytes, ...]


def grant_history(  # noqa: PLR0913 - who, what, to whom, what for, which
    workspace: Workspace,
    grantor: Member,
    asset: AssetRecord,
    recipient: int,
    policy: Policy = MEMBER_POLICY,
    *,
    events: Sequence[int] = (),
    clock: Callable[[], float] = time.time,
) -> Granted:
    """Seal the keys of an asset's capsules for one organisation. A key that was given cannot be taken back.

    Args:
        workspace: The home.
        grantor: Gives only what its own key opens, each key checked against its credential.
        asset: Whose events.
        recipient: Number of the receiving organisation.
        policy: What for, and until when.
        events: Places in the history, from 1; empty means all there are now.
        clock: Seconds since 1970.

    Raises:
        UnknownAssetError: An event that the history does not have.
        NotAuthorisedError: The grantor opens none of these events.
        SourceError: A document cannot be had.
    """
    workspace.projector.sync()
    reader = Reader(workspace.database, workspace.documents, workspace.contracts, [grantor.recipient])
    wanted = _wanted(reader.history(asset), events)
    keys = dict(_keys(workspace, reader, wanted))
    if not keys:
        raise NotAuthorisedError(f"{grantor.name} opens none of these events, so it cannot grant them")
    to = Recipient(recipient, reader.profile(recipient).recipient)
    grants = list(_seal(grantor, to, policy, list(keys.items()), int(clock())))
    _keep(workspace, grants)
    digests = tuple(sha256(encode_grant(grant)).digest() for grant in grants)
    return Granted(recipient, len(keys), len(wanted) - len(keys), digests)


def _wanted(history: Sequence[Entry], events: Sequence[int]) -> list[bytes]:
    """Digests of the chosen events; all of them where none is named."""
    absent = sorted(set(events) - {entry.position for entry in history})
    if absent:
        raise UnknownAssetError(f"this history has {len(history)} events, and no event {absent[0]}")
    return [entry.digest for entry in history if not events or entry.position in events]


def _keys(workspace: Workspace, reader: Reader, digests: Sequence[bytes]) -> Iterator[tuple[str, bytes]]:
    for digest in digests:
        jwt = workspace.documents.get(cid_from_digest(digest)).decode("ascii", "replace")
        capsule = reference_of(parse_sd_jwt(f"{jwt}~").jws)
        try:
            key = reader.capsule_key(capsule.cid, capsule.key_commitment)
        except MissingError:
            continue
        verify_key(key, capsule.key_commitment)
        yield capsule.cid, key


def _seal(
    grantor: Member, to: Recipient, policy: Policy, keys: Sequence[tuple[str, bytes]], now: int
) -> Iterator[Grant]:
    context = context_for(to.key, grantor.organisation, to.organisation, policy, now)
    for start in range(0, len(keys), MAX_ITEMS):
        yield seal_grant(to.key, context, keys[start : start + MAX_ITEMS], grantor.issuer, os.urandom(32))


def _keep(workspace: Workspace, grants: Sequence[Grant]) -> None:
    """Documents first, then the index: a crash in between leaves a sealed grant that the index does not know."""
    with Batch() as batch:
        for number, grant in enumerate(grants):
            batch.add_file([encode_grant(grant)], f"{grant.context.recipient}.{number}.grant")
        batch.put(workspace.documents)
    with workspace.database.write() as session:
        save_grants(session, grants)
