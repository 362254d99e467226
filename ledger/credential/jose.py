"""Public keys of issuers and their signatures: ES256, ES256K and EdDSA, each with one encoding.

Source: RFC 7517 and 7518 (JWK), RFC 7638 (thumbprint), RFC 8037 (OKP, EdDSA), RFC 8812 (ES256K). How they are made:
``ledger.credential.signing``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import TypeAlias

import coincurve
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from ledger.credential.base64url import encode_base64url, parse_base64url
from ledger.edwards import check_ed25519_point
from ledger.errors import MalformedError, SignatureError
from ledger.strict_json import canonical_json

Jwk: TypeAlias = Mapping[str, str]
NativePublicKey: TypeAlias = ec.EllipticCurvePublicKey | coincurve.PublicKey | ed25519.Ed25519PublicKey

SIGNATURE_BYTES = 64
_PREHASHED = ec.ECDSA(Prehashed(hashes.SHA256()))


class Algorithm(StrEnum):
    """The signature algorithms that are read and written; every other name, ``none`` included, is refused."""

    ES256 = "ES256"
    ES256K = "ES256K"
    EDDSA = "EdDSA"


ORDERS = {
    Algorithm.ES256: 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    Algorithm.ES256K: 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
}
_CURVES = {("EC", "P-256"): Algorithm.ES256, ("EC", "secp256k1"): Algorithm.ES256K, ("OKP", "Ed25519"): Algorithm.EDDSA}
_MEMBERS = {"EC": {"kty", "crv", "x", "y"}, "OKP": {"kty", "crv", "x"}}


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key whose encoding and curve point were checked; ``parse_jwk`` and ``signing_key`` make it.

    Attributes:
        algorithm: The one algorithm that this key is used with.
        jwk: Its required members and no others.
        thumbprint: RFC 7638 with SHA-256, 32 bytes: the key's id on chain.
        native: The library's object.
    """

    algorithm: Algorithm
    jwk: Jwk = field(hash=False)
    thumbprint: bytes
    native: NativePublicKey = field(repr=False, compare=False)

    @property
    def key_id(self) -> str:
        """The thumbprint in base64url, as ``kid`` carries it."""
        return encode_base64url(self.thumbprint)


def parse_jwk(value: object) -> PublicKey:
    """Read a public JSON Web Key.

    Args:
        value: *Untrusted*; an object with exactly the required members: ``kty``, ``crv``, ``x`` and, for ``EC``, ``y``.

    Returns:
        The key; its point lies on the curve and generates the prime-order group.

    Raises:
        MalformedError: another member, type, curve or encoding, or not such a point.
    """
    if not isinstance(value, Mapping) or not all(isinstance(item, str) for item in (*value, *value.values())):
        raise MalformedError("JWK", "not an object of strings")
    algorithm = _CURVES.get((value.get("kty", ""), value.get("crv", "")))
    if algorithm is None or set(value) != _MEMBERS[value["kty"]]:
        raise MalformedError("JWK", "not exactly the public members of a P-256, secp256k1 or Ed25519 key")
    point = b"".join(parse_base64url(value[name], f"JWK {name}", size=32) for name in ("x", "y") if name in value)
    return _public_at(algorithm, point)


@lru_cache(maxsize=128)
def _public_at(algorithm: Algorithm, point: bytes) -> PublicKey:
    """The last ones are kept: few issuers sign many documents."""
    return public_half(algorithm, _load_point(algorithm, point))


def thumbprint(jwk: Jwk) -> bytes:
    """SHA-256 of the key's required members in canonical JSON, 32 bytes.

    Args:
        jwk: Exactly the required members, e.g. of a ``PublicKey``.

    Source: RFC 7638, 3.
    """
    return sha256(canonical_json(dict(jwk))).digest()


def verify_signature(key: PublicKey, message: bytes, signature: bytes, *, low_s: bool = True) -> None:
    """Prove that the holder of ``key`` signed ``message``.

    Args:
        key: Decides the algorithm.
        message: *Untrusted*.
        signature: *Untrusted*; 64 bytes raw.
        low_s: Refuse an s in the upper half, so that nobody can make a second signature out of one. Only for
            documents of other systems, whose algorithm does not ask for it, may it be off.

    Raises:
        SignatureError: It does not verify, or is not in its one encoding.
    """
    if len(signature) != SIGNATURE_BYTES:
        raise SignatureError(f"a signature of {len(signature)} bytes, {SIGNATURE_BYTES} are needed")
    try:
        if isinstance(key.native, ed25519.Ed25519PublicKey):
            key.native.verify(signature, message)
        else:
            r, s = _scalars(signature, ORDERS[key.algorithm], low_s=low_s)
            _verify_digest(key, sha256(message).digest(), r, s)
    except InvalidSignature:
        raise SignatureError("the signature does not verify") from None


@lru_cache(maxsize=1024)
def _verify_digest(key: PublicKey, digest: bytes, r: int, s: int) -> None:
    """Verify an ECDSA signature over a SHA-256.

    The last ones that verified are kept: who follows an asset is shown its whole history again with every block.
    """
    if isinstance(key.native, ec.EllipticCurvePublicKey):
        key.native.verify(encode_dss_signature(r, s), digest, _PREHASHED)
        return
    lower = encode_dss_signature(r, min(s, ORDERS[Algorithm.ES256K] - s))
    if not isinstance(key.native, coincurve.PublicKey) or not key.native.verify(lower, digest, hasher=None):
        raise InvalidSignature


def _scalars(signature: bytes, order: int, *, low_s: bool) -> tuple[int, int]:
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not (0 < r < order and 0 < s < order):
        raise SignatureError("r or s is zero or not below the group's order")
    if low_s and s > order // 2:
        raise SignatureError("s is in the upper half: a second form of the same signature")
    return r, s


def _load_point(algorithm: Algorithm, point: bytes) -> NativePublicKey:
    """Make the library's key of 32 bytes (Ed25519) or of x ‖ y."""
    if algorithm is Algorithm.EDDSA:
        check_ed25519_point(point)
        return ed25519.Ed25519PublicKey.from_public_bytes(point)
    try:
        if algorithm is Algorithm.ES256K:
            return coincurve.PublicKey(b"\x04" + point)
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + point)
    except ValueError:
        raise MalformedError("JWK", "no point of the curve") from None


def public_half(algorithm: Algorithm, native: NativePublicKey) -> PublicKey:
    """Describe a key of the library's whose point is known to be one of the curve."""
    jwk = _jwk_of(native)
    return PublicKey(algorithm, jwk, thumbprint(jwk), native)


def _jwk_of(native: NativePublicKey) -> Jwk:
    if isinstance(native, ed25519.Ed25519PublicKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": encode_base64url(native.public_bytes_raw())}
    if isinstance(native, coincurve.PublicKey):
        curve, (x, y) = "secp256k1", native.point()
    else:
        numbers = native.public_numbers()
        curve, x, y = "P-256", numbers.x, numbers.y
    return {"kty": "EC", "crv": curve, "x": _coordinate(x), "y": _coordinate(y)}


def _coordinate(value: int) -> str:
    return encode_base64url(value.to_bytes(32, "big"))
