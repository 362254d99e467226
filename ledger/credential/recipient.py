"""Keys that capsule keys are sealed for: hybrid ML-KEM-768 with X25519, or X25519 alone.

Public keys are JWKs with exactly these members; the key id is their RFC 7638 thumbprint:

* ``{"alg": "MLKEM768-X25519", "kty": "AKP", "pub": …}``: ML-KEM-768 key (1184 bytes) ‖ X25519 key (32), as the
  hybrid KEM of the HPKE drafts orders them; ``AKP`` is the key type for algorithm key pairs.
* ``{"crv": "X25519", "kty": "OKP", "x": …}``: RFC 8037.

Source: RFC 9180; draft-ietf-hpke-pq (MLKEM768-X25519); FIPS 203.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from ledger.credential.base64url import encode_base64url, parse_base64url
from ledger.credential.jose import Jwk, thumbprint
from ledger.credential.signing import Random
from ledger.errors import ContentMismatchError, MalformedError

NativePublic: TypeAlias = X25519PublicKey | MLKEM768X25519PublicKey
NativePrivate: TypeAlias = X25519PrivateKey | MLKEM768X25519PrivateKey

ML_KEM_PUBLIC_BYTES = 1184
ML_KEM_SEED_BYTES = 64
X25519_BYTES = 32


class SuiteName(StrEnum):
    """HPKE suites, as grants name them."""

    HYBRID = "MLKEM768-X25519+HKDF-SHA256+AES-256-GCM"
    X25519 = "X25519+HKDF-SHA256+AES-256-GCM"


_SUITES = {
    SuiteName.HYBRID: Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM),
    SuiteName.X25519: Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM),
}
_PRIVATE_BYTES = {SuiteName.HYBRID: ML_KEM_SEED_BYTES + X25519_BYTES, SuiteName.X25519: X25519_BYTES}
SEALED_BYTES = {SuiteName.HYBRID: 1088 + 32 + 32 + 16, SuiteName.X25519: 32 + 32 + 16}
"""Length of a sealed key of 32 bytes: encapsulation, key, tag."""


@dataclass(frozen=True, slots=True)
class RecipientKey:
    """A public key to seal for; ``parse_recipient_jwk`` makes it.

    Attributes:
        suite: The one suite that it is used with.
        jwk: Its required members and no others.
        thumbprint: RFC 7638 with SHA-256, 32 bytes.
        native: The library's object.
    """

    suite: SuiteName
    jwk: Jwk = field(hash=False)
    thumbprint: bytes
    native: NativePublic = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class RecipientPrivateKey:
    """A private key to open with, and its public half; ``parse_recipient_private`` makes it."""

    public: RecipientKey
    data: bytes = field(repr=False, compare=False)
    native: NativePrivate = field(repr=False, compare=False)


def parse_recipient_jwk(value: object) -> RecipientKey:
    """Read a recipient's public key.

    Args:
        value: *Untrusted*; an object of exactly the members named above.

    Raises:
        MalformedError: another member, type or encoding, a point of small order, or no ML-KEM key.
    """
    if not isinstance(value, Mapping) or not all(isinstance(item, str) for item in (*value, *value.values())):
        raise MalformedError("recipient key", "not an object of strings")
    members = dict(value)
    if set(members) == {"crv", "kty", "x"} and (members["kty"], members["crv"]) == ("OKP", "X25519"):
        data = parse_base64url(members["x"], "recipient key", size=X25519_BYTES)
        return RecipientKey(SuiteName.X25519, members, thumbprint(members), _load_x25519(data))
    if set(members) == {"alg", "kty", "pub"} and (members["kty"], members["alg"]) == ("AKP", "MLKEM768-X25519"):
        data = parse_base64url(members["pub"], "recipient key", size=ML_KEM_PUBLIC_BYTES + X25519_BYTES)
        return RecipientKey(SuiteName.HYBRID, members, thumbprint(members), _load_hybrid(data))
    raise MalformedError("recipient key", "not exactly the public members of an X25519 or MLKEM768-X25519 key")


def parse_recipient_private(suite: SuiteName, data: bytes) -> RecipientPrivateKey:
    """Read raw private bytes, as keystores hold them.

    Args:
        suite: What the key opens.
        data: 32 bytes of X25519, or 64 of the ML-KEM seed (d ‖ z) followed by 32 of X25519.

    Raises:
        MalformedError: another length.
    """
    if len(data) != _PRIVATE_BYTES[suite]:
        raise MalformedError("recipient private key", f"{len(data)} bytes, {_PRIVATE_BYTES[suite]} are needed")
    x25519 = X25519PrivateKey.from_private_bytes(data[-X25519_BYTES:])
    public = x25519.public_key().public_bytes_raw()
    if suite is SuiteName.X25519:
        jwk = {"crv": "X25519", "kty": "OKP", "x": encode_base64url(public)}
        return RecipientPrivateKey(parse_recipient_jwk(jwk), data, x25519)
    ml_kem = MLKEM768PrivateKey.from_seed_bytes(data[:ML_KEM_SEED_BYTES])
    pair = encode_base64url(ml_kem.public_key().public_bytes_raw() + public)
    jwk = {"alg": "MLKEM768-X25519", "kty": "AKP", "pub": pair}
    return RecipientPrivateKey(parse_recipient_jwk(jwk), data, MLKEM768X25519PrivateKey(ml_kem, x25519))


def generate_recipient_key(random: Random, suite: SuiteName = SuiteName.HYBRID) -> RecipientPrivateKey:
    """Make a new key from randomness that is handed in; ``data`` of it is what a keystore keeps."""
    return parse_recipient_private(suite, random(_PRIVATE_BYTES[suite]))


def seal_for(recipient: RecipientKey, secret: bytes, info: bytes) -> bytes:
    """Encrypt a short secret for one recipient, with a new encapsulation.

    Args:
        recipient: Decides the suite.
        secret: Any bytes.
        info: What the message belongs to; opening needs the same.

    Returns:
        Encapsulation ‖ ciphertext. Not reproducible: the library draws the ephemeral key.
    """
    return _SUITES[recipient.suite].encrypt(secret, recipient.native, info)


def open_sealed(key: RecipientPrivateKey, sealed: bytes, info: bytes) -> bytes:
    """Decrypt what ``seal_for`` made.

    Raises: ContentMismatchError, where it was sealed for another key or ``info``, or was changed.
    """
    try:
        return _SUITES[key.public.suite].decrypt(sealed, key.native, info)
    except (InvalidTag, ValueError):
        raise ContentMismatchError("sealed key", "a message for this key", "another or a changed one") from None


def _load_x25519(data: bytes) -> X25519PublicKey:
    """Refuse points whose shared secret is zero whatever the private key, and second encodings of a point."""
    if int.from_bytes(data, "little") >= 2**255 - 19:
        raise MalformedError("recipient key", "the X25519 key is not below the field's prime")
    public = X25519PublicKey.from_public_bytes(data)
    try:
        X25519PrivateKey.from_private_bytes(bytes(X25519_BYTES)).exchange(public)
    except ValueError:
        raise MalformedError("recipient key", "an X25519 point of small order") from None
    return public


def _load_hybrid(data: bytes) -> MLKEM768X25519PublicKey:
    x25519 = _load_x25519(data[ML_KEM_PUBLIC_BYTES:])
    try:
        ml_kem = MLKEM768PublicKey.from_public_bytes(data[:ML_KEM_PUBLIC_BYTES])
    except ValueError:
        raise MalformedError("recipient key", "not an ML-KEM-768 key") from None
    return MLKEM768X25519PublicKey(ml_kem, x25519)
