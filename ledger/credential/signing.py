"""Private keys of issuers, and the signatures that are made with them; ``ledger.credential.jose`` verifies them.

Source: RFC 6979 and RFC 8032 (signatures without randomness).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import coincurve
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from ledger.credential.jose import ORDERS, SIGNATURE_BYTES, Algorithm, PublicKey, public_half
from ledger.errors import MalformedError

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | coincurve.PrivateKey | ed25519.Ed25519PrivateKey
Random: TypeAlias = Callable[[int], bytes]
"""Gives that many random bytes; production hands in ``os.urandom``."""
PRIVATE_BYTES = 32
_SHA256_DETERMINISTIC = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with its public half; ``signing_key`` makes it."""

    public: PublicKey
    private: PrivateKey = field(repr=False, compare=False)


def signing_key(private: PrivateKey) -> SigningKey:
    """Join a private key with its public half and algorithm.

    Raises: MalformedError, for a curve that no algorithm here uses.
    """
    if isinstance(private, coincurve.PrivateKey):
        return SigningKey(public_half(Algorithm.ES256K, private.public_key), private)
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return SigningKey(public_half(Algorithm.EDDSA, private.public_key()), private)
    if not isinstance(private.curve, ec.SECP256R1):
        raise MalformedError("private key", "not on P-256; secp256k1 keys are coincurve's")
    return SigningKey(public_half(Algorithm.ES256, private.public_key()), private)


def parse_private_key(algorithm: Algorithm, data: bytes) -> SigningKey:
    """Read raw private bytes, as keystores hold them.

    Args:
        algorithm: What the key signs with.
        data: 32 bytes: the scalar, big-endian, or the Ed25519 seed.

    Raises:
        MalformedError: another length, or a scalar of zero or beyond the group's order.
    """
    if len(data) != PRIVATE_BYTES:
        raise MalformedError("private key", f"{len(data)} bytes, {PRIVATE_BYTES} are needed")
    if algorithm is Algorithm.EDDSA:
        return signing_key(ed25519.Ed25519PrivateKey.from_private_bytes(data))
    scalar = int.from_bytes(data, "big")
    if not 0 < scalar < ORDERS[algorithm]:
        raise MalformedError("private key", "the scalar is zero or not below the group's order")
    if algorithm is Algorithm.ES256K:
        return signing_key(coincurve.PrivateKey(data))
    return signing_key(ec.derive_private_key(scalar, ec.SECP256R1()))


def private_bytes(key: SigningKey) -> bytes:
    """The 32 raw bytes that ``parse_private_key`` reads; secret."""
    if isinstance(key.private, coincurve.PrivateKey):
        return key.private.secret
    if isinstance(key.private, ed25519.Ed25519PrivateKey):
        return key.private.private_bytes_raw()
    return key.private.private_numbers().private_value.to_bytes(PRIVATE_BYTES, "big")


def generate_private_key(algorithm: Algorithm, random: Random) -> SigningKey:
    """Make a new key from randomness that is handed in; draws again where the scalar is out of range."""
    while True:
        data = random(PRIVATE_BYTES)
        if algorithm is Algorithm.EDDSA or 0 < int.from_bytes(data, "big") < ORDERS[algorithm]:
            return parse_private_key(algorithm, data)


def sign(key: SigningKey, message: bytes) -> bytes:
    """Sign, without randomness (RFC 6979, RFC 8032).

    Returns:
        64 bytes: r ‖ s with s in the lower half, or R ‖ S.
    """
    if isinstance(key.private, coincurve.PrivateKey):
        return key.private.sign_recoverable(message)[:SIGNATURE_BYTES]
    if isinstance(key.private, ed25519.Ed25519PrivateKey):
        return key.private.sign(message)
    r, s = decode_dss_signature(key.private.sign(message, _SHA256_DETERMINISTIC))
    return lower_half(r, s)


def lower_half(r: int, s: int) -> bytes:
    """Write an ES256 signature in its one encoding, 64 bytes, whichever half of the order ``s`` lies in."""
    s = min(s, ORDERS[Algorithm.ES256] - s)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")
