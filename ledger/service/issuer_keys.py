"""The keys that sign an organisation's credentials: publish, end, revoke, and put a new one in the old one's place.

A key's document is its canonical JSON, whose SHA-256 is the thumbprint: whoever reads the chain finds it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ipfs.batch import Batch
from ledger.chain import contracts as calls
from ledger.credential.jose import Algorithm, PublicKey
from ledger.credential.signing import generate_private_key, private_bytes
from ledger.service.council import signer_of
from ledger.service.directory import issuer_keys
from ledger.service.members import ISSUER_ALGORITHM, can_sign, load_issuer, own_issuers
from ledger.service.record import DRAIN_TIMEOUT_S
from ledger.service.workspace import Workspace
from ledger.store.chain_index import IssuerKey
from ledger.strict_json import canonical_json

NO_END = 2**48 - 1
ALGORITHM_NUMBERS: Mapping[Algorithm, int] = {Algorithm.ES256: 1, Algorithm.ES256K: 2, Algorithm.EDDSA: 3}


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did.

    Attributes:
        thumbprint: Of the key that signs from now on, 32 bytes.
        ended: Thumbprints of the keys whose validity ends by it.
        continued: Whether it went on with a rotation that was broken off.
    """

    thumbprint: bytes
    ended: tuple[bytes, ...]
    continued: bool


def add_issuer_key(workspace: Workspace, name: str, key: PublicKey, flags: int = 0) -> None:
    """Publish a credential key and add it to the organisation of keystore ``name``, valid from now on, without end.

    Args:
        workspace: The home.
        name: Of the keystore.
        key: Its public half.
        flags: ``DEVICE_KEY`` for the key of a device, which signs batches of readings and no credentials.
    """
    publish_issuer_key(workspace, name, key, flags)
    workspace.projector.sync()


def publish_issuer_key(workspace: Workspace, name: str, key: PublicKey, flags: int = 0) -> None:
    """As ``add_issuer_key``; the index follows later."""
    with Batch() as batch:
        batch.add(canonical_json(dict(key.jwk)), "issuer.jwk")
        batch.put(workspace.documents)
    action = calls.ADD_ISSUER_KEY.encode(key.thumbprint, 0, NO_END, ALGORITHM_NUMBERS[key.algorithm], flags)
    workspace.client.transact(signer_of(workspace, name), workspace.contracts.consortium, action)


def revoke_issuer_key(workspace: Workspace, name: str, thumbprint: bytes) -> None:
    """Revoke an own credential key from now on."""
    _as_organisation(workspace, name, calls.REVOKE_ISSUER_KEY.encode(thumbprint))


def limit_issuer_key(workspace: Workspace, name: str, thumbprint: bytes, until: int) -> None:
    """Let an own credential key end at a time."""
    _as_organisation(workspace, name, calls.LIMIT_ISSUER_KEY.encode(thumbprint, until))


def rotate_issuer_key(workspace: Workspace, name: str) -> Rotation:
    """Sign with a new key from now on, and let the old one end.

    1. Nobody else signs with this account, and what is signed already is in the chain while its key is valid.
    2. The new key is in a file of its own. A crash from here on leaves a home that signs with the old key.
    3. It is published. A crash from here on leaves a home that signs with the new key, and the old one still valid.
    4. The older keys that were made here end: after the last second in which they were used.

    The same again after a crash goes on with the key that there is.

    Raises:
        ConflictError: Another program writes for this account.
        NotAuthorisedError: The organisation may not act now.
        SourceError: Node or store did not deliver; start it again.
    """
    member = workspace.member(name)
    with workspace.outbox(member) as outbox:
        outbox.drain(DRAIN_TIMEOUT_S)  # 1
        until = workspace.client.header().timestamp + 1
        records, own = _records(workspace, member.organisation), own_issuers(workspace.keyring, name)
        newest = list(own)[-1]
        continued = newest not in records or _is_half_done(own, records, until)
        number = own[newest] if continued else _make(workspace, name)  # 2
        key = load_issuer(workspace.keyring, name, number).public
        if key.thumbprint not in records:
            add_issuer_key(workspace, name, key)  # 3
        ended = [one for one in own if one != key.thumbprint and one in records and can_sign(records[one], until)]
        for thumbprint in ended:
            limit_issuer_key(workspace, name, thumbprint, until)  # 4
    return Rotation(key.thumbprint, tuple(ended), continued)


def _is_half_done(own: Iterable[bytes], records: Mapping[bytes, IssuerKey], until: int) -> bool:
    """Whether the newest key is valid, and an older one still beside it."""
    *older, newest = (one in records and can_sign(records[one], until) for one in own)
    return newest and any(older)


def _make(workspace: Workspace, name: str) -> int:
    key = generate_private_key(ISSUER_ALGORITHM, os.urandom)
    return workspace.keyring.add_issuer(name, private_bytes(key), key.public.thumbprint)


def _records(workspace: Workspace, organisation: int) -> dict[bytes, IssuerKey]:
    return {row.thumbprint: row for row in issuer_keys(workspace, organisation)}


def _as_organisation(workspace: Workspace, name: str, calldata: bytes) -> None:
    workspace.client.transact(signer_of(workspace, name), workspace.contracts.consortium, calldata)
    workspace.projector.sync()
