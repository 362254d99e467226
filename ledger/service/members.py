"""Members: the keys they hold here, and the profile by which others know them.

A profile is canonical JSON, kept as one raw block; its SHA-256 stands in ``Consortium``, so it is found from the
chain alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from ledger.chain.signer import KeySigner
from ledger.credential.jose import Algorithm, Jwk
from ledger.credential.recipient import (
    RecipientKey,
    RecipientPrivateKey,
    SuiteName,
    generate_recipient_key,
    parse_recipient_jwk,
    parse_recipient_private,
)
from ledger.credential.signing import SigningKey, generate_private_key, parse_private_key, private_bytes
from ledger.errors import ConfigurationError, MalformedError
from ledger.event import Json
from ledger.proof.cosignature import witness_key_from_seed
from ledger.proof.note import SigningKey as NoteKey
from ledger.service.keyring import Keyring, Keys
from ledger.store.chain_index import IssuerKey
from ledger.strict_json import canonical_json, parse_json

ISSUER, RECIPIENT, WITNESS = "issuer", "recipient", "witness"
ISSUER_ALGORITHM = Algorithm.ES256
ATTESTED_AFTER_SECONDS = 2
"""What is signed now is attested in a block to come: a key that was rotated away within this second signs no more."""
FIRST = 1
"""Number of the issuer key that an organisation is enrolled with; later ones count on."""
VERSION = 1
_MAX_PROFILE_BYTES = 16 * 1024
_MEMBERS = {"vinculum_organisation", "name", "issuer_jwk", "recipient_jwk", "witness"}


@dataclass(frozen=True, slots=True)
class Member:
    """An organisation whose keys are unlocked here.

    Attributes:
        name: Name of its keys in this home.
        organisation: Number in ``Consortium``.
        signer: Its chain account.
        issuer: Signs credentials and grants.
        recipient: Opens what is granted to it.
    """

    name: str
    organisation: int
    signer: KeySigner
    issuer: SigningKey
    recipient: RecipientPrivateKey


@dataclass(frozen=True, slots=True)
class Profile:
    """What an organisation publishes of itself; believed as far as its digest stands in ``Consortium``.

    Attributes:
        name: For people.
        issuer_jwk: Public key of its credentials when it was enrolled; the keys that it has and had since then, and
            when each is valid, stand in ``Consortium``.
        recipient: Key to seal capsule keys for.
        witness: Verifier key of its witness, in the text form of C2SP signed-note.
    """

    name: str
    issuer_jwk: Jwk
    recipient: RecipientKey
    witness: str


def new_secrets() -> dict[str, bytes]:
    """Make fresh private keys by purpose, as keystores hold them."""
    return {
        ISSUER: private_bytes(generate_private_key(ISSUER_ALGORITHM, os.urandom)),
        RECIPIENT: generate_recipient_key(os.urandom).data,
        WITNESS: os.urandom(32),
    }


def member_of(keys: Keys, organisation: int, issuer: SigningKey) -> Member:
    """Put an organisation's unlocked keys to use; ``issuer`` is the one that signs now (``issuer_of``).

    Raises: MalformedError, where a stored key is unusable.
    """
    return Member(
        name=keys.name,
        organisation=organisation,
        signer=KeySigner(bytes(keys.account.key)),
        issuer=issuer,
        recipient=recipient_key(keys.secrets),
    )


def own_issuers(keyring: Keyring, name: str) -> dict[bytes, int]:
    """Numbers of the issuer keys that were made here, by thumbprint, oldest first; 1 is the first."""
    first = load_issuer(keyring, name, FIRST).public.thumbprint
    return {first: FIRST} | {thumbprint: number for number, thumbprint in keyring.later_issuers(name).items()}


def load_issuer(keyring: Keyring, name: str, number: int) -> SigningKey:
    """An issuer key by its number.

    Raises: ConfigurationError, where its file says that it is another key.
    """
    if number == FIRST:
        return parse_private_key(ISSUER_ALGORITHM, keyring.unlock(name).secrets[ISSUER])
    key = parse_private_key(ISSUER_ALGORITHM, keyring.later_issuer(name, number))
    if key.public.thumbprint != keyring.later_issuers(name)[number]:
        raise ConfigurationError(f"issuer-{number}.json of {name!r} holds another key than it names")
    return key


def issuer_of(keyring: Keyring, name: str, record: Callable[[bytes], IssuerKey | None], time: int) -> SigningKey:
    """The issuer key that signs: the newest that is valid on the chain.

    Args:
        keyring: Where the keys lie.
        name: Whose.
        record: Gives the record of a key in ``Consortium``, by its thumbprint, or None.
        time: When what it signs is attested, in seconds since 1970.

    Returns: Where none is valid, the newest that the chain knows, and where there is none, the first.
    """
    if not keyring.later_issuers(name):
        return load_issuer(keyring, name, FIRST)
    newest_first = [(number, record(key)) for key, number in reversed(own_issuers(keyring, name).items())]
    known = [number for number, row in newest_first if row is not None]
    valid = [number for number, row in newest_first if row is not None and can_sign(row, time)]
    return load_issuer(keyring, name, [*valid, *known, FIRST][0])


def can_sign(row: IssuerKey, time: int) -> bool:
    """Whether a key is neither revoked nor ended; its beginning is never later than its record."""
    return not row.revoked_from and time < row.valid_until


def profile_of(name: str, title: str, secrets: Mapping[str, bytes]) -> Profile:
    """Make the profile that belongs to an organisation's private keys.

    Args:
        name: Of its keystores.
        title: Name of the organisation, for people.
        secrets: As ``new_secrets`` makes them.
    """
    issuer = parse_private_key(ISSUER_ALGORITHM, secrets[ISSUER])
    return Profile(title, issuer.public.jwk, recipient_key(secrets).public, witness_key(name, secrets).public.vkey)


def recipient_key(secrets: Mapping[str, bytes]) -> RecipientPrivateKey:
    """The key that opens what is granted to the organisation."""
    return parse_recipient_private(SuiteName.HYBRID, secrets[RECIPIENT])


def witness_key(name: str, secrets: Mapping[str, bytes]) -> NoteKey:
    """The key with which the organisation whose keystores are ``name`` signs checkpoints."""
    return witness_key_from_seed(f"{name}.witness.vinculum", secrets[WITNESS])


def encode_profile(profile: Profile) -> bytes:
    """Write a profile as canonical JSON."""
    value: dict[str, Json] = {
        "vinculum_organisation": VERSION,
        "name": profile.name,
        "issuer_jwk": dict(profile.issuer_jwk),
        "recipient_jwk": dict(profile.recipient.jwk),
        "witness": profile.witness,
    }
    return canonical_json(value)


def parse_profile(data: bytes) -> Profile:
    """Read a profile.

    Args:
        data: Untrusted, until its digest was compared with the one in ``Consortium``.

    Raises: MalformedError.
    """
    value = parse_json(data, what="profile", max_bytes=_MAX_PROFILE_BYTES, max_depth=3)
    if not isinstance(value, dict) or set(value) != _MEMBERS or value["vinculum_organisation"] != VERSION:
        raise MalformedError("profile", "not exactly the members of version 1")
    name, jwk, witness = value["name"], value["issuer_jwk"], value["witness"]
    if not isinstance(name, str) or not isinstance(witness, str) or not isinstance(jwk, dict):
        raise MalformedError("profile", "a member of the wrong type")
    texts = {key: text for key, text in jwk.items() if isinstance(text, str)}
    return Profile(name, texts, parse_recipient_jwk(value["recipient_jwk"]), witness)


def digest_profile(data: bytes) -> bytes:
    """SHA-256 of an encoded profile, 32 bytes: stands in ``Consortium`` and addresses the profile in the store."""
    return sha256(data).digest()
