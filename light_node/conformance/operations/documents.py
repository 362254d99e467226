"""Signatures and SD-JWTs of other systems, judged by the standards alone."""

from __future__ import annotations

from ledger.credential.jose import Algorithm, PublicKey, parse_jwk, verify_signature
from ledger.credential.sd_jwt import verify_foreign_sd_jwt
from ledger.errors import MalformedError, SignatureError
from ledger.event import Json
from light_node.conformance.fields import Fields

_MEMBERS = frozenset({"kty", "crv", "x", "y"})
_ALGORITHMS = frozenset(algorithm.value for algorithm in Algorithm)


def signature(fields: Fields) -> bool:
    """Prove that the holder of a key signed a message; either half of s."""
    fields.exactly("alg", "jwk", "message", "signature")
    if fields.text("alg") not in _ALGORITHMS:
        raise MalformedError("field", "not one of ES256, ES256K and EdDSA", "/alg")
    key = _public_key(fields)
    if fields.text("alg") != key.algorithm.value:
        raise SignatureError("the algorithm is not the key's")
    verify_signature(key, fields.octets("message"), fields.octets("signature"), low_s=False)
    return True


def sd_jwt(fields: Fields) -> dict[str, Json]:
    """Verify an SD-JWT of another issuer and return the processed payload."""
    fields.exactly("sd_jwt", "jwk")
    return verify_foreign_sd_jwt(fields.text("sd_jwt"), _public_key(fields).jwk)


def _public_key(fields: Fields) -> PublicKey:
    """Read a key; members that say nothing about it, such as ``kid``, are passed over (RFC 7517, 4).

    Raises:
        MalformedError: Not a public key of an algorithm here.
        SignatureError: The key says that it is for something else.
    """
    jwk = fields.members("jwk")
    if "d" in jwk:
        raise MalformedError("JWK", "a private key: it belongs to its holder alone")
    key = parse_jwk({name: value for name, value in jwk.items() if name in _MEMBERS})
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations or jwk.get("use", "sig") != "sig":
        raise SignatureError("the key is not for signatures")
    if jwk.get("alg", key.algorithm.value) != key.algorithm.value:
        raise SignatureError("the key is for another algorithm")
    return key
