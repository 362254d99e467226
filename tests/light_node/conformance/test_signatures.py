"""Signatures of others: examples of the standards, Wycheproof, and forgeries."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from ledger.credential.base64url import encode_base64url, parse_base64url
from ledger.credential.jose import Algorithm
from tests.ledger.credential.builders import ALGORITHMS
from tests.light_node.conformance.asking import ask, ok, refusal
from tests.light_node.conformance.requests import fields_of

ORDERS = {
    Algorithm.ES256: 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    Algorithm.ES256K: 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
}
ORDER_25519 = 2**252 + 27742317777372353535851937790883648493
WYCHEPROOF = (
    ("ecdsa_secp256r1_sha256_p1363_test.json", "ES256"),
    ("ecdsa_secp256k1_sha256_p1363_test.json", "ES256K"),
    ("ed25519_test.json", "EdDSA"),
)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_signature_verifies_and_no_changed_one_does(algorithm: Algorithm) -> None:
    fields = fields_of(algorithm)
    assert ok("signature", **fields) is True
    assert ok("signature", **fields | {"signature": fields["signature"].upper()}) is True
    signature = bytes.fromhex(fields["signature"])
    for bit in range(0, 512, 7):
        changed = bytearray(signature)
        changed[bit // 8] ^= 1 << bit % 8
        assert refusal("signature", **fields | {"signature": bytes(changed).hex()}) == "SignatureError"
    for other in ("", "00" * 64, "00" * 63, "ff" * 64, fields["signature"] + "00", fields["signature"][2:]):
        assert refusal("signature", **fields | {"signature": other}) == "SignatureError"
    assert refusal("signature", **fields | {"message": ""}) == "SignatureError"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("named", [*ALGORITHMS, "none", "RS256", "HS256", "es256", "ES384", "Ed25519", ""])
def test_the_algorithm_is_the_keys_own(algorithm: Algorithm, named: str) -> None:
    found = ask("signature", **fields_of(algorithm, alg=str(named)))
    known = named in ALGORITHMS
    expected = None if named == algorithm else "SignatureError" if known else "MalformedError"
    assert found.get("error") == expected, found


@pytest.mark.parametrize("algorithm", list(ORDERS))
def test_either_half_of_s_is_taken_of_others(algorithm: Algorithm) -> None:
    fields = fields_of(algorithm)
    signature = bytes.fromhex(fields["signature"])
    low, order = int.from_bytes(signature[32:], "big"), ORDERS[algorithm]
    high = signature[:32] + (order - low).to_bytes(32, "big")
    assert ok("signature", **fields | {"signature": high.hex()}) is True
    if low + order < 2**256:
        beyond = signature[:32] + (low + order).to_bytes(32, "big")
        assert refusal("signature", **fields | {"signature": beyond.hex()}) == "SignatureError"


def test_s_of_ed25519_is_below_the_order() -> None:
    """RFC 8032, 5.1.7."""
    fields = fields_of(Algorithm.EDDSA)
    signature = bytes.fromhex(fields["signature"])
    beyond = int.from_bytes(signature[32:], "little") + ORDER_25519
    other = signature[:32] + beyond.to_bytes(32, "little")
    assert refusal("signature", **fields | {"signature": other.hex()}) == "SignatureError"


def test_known_answer_of_es256_with_a_high_s() -> None:
    """RFC 7515, A.3."""
    jwk = {
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }
    payload = b'{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}'
    message = ".".join(map(encode_base64url, (b'{"alg":"ES256"}', payload))).encode()
    text = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    signature = parse_base64url(text, "signature").hex()
    assert ok("signature", alg="ES256", jwk=jwk, message=message.hex(), signature=signature) is True


def test_known_answer_of_ed25519() -> None:
    """RFC 8032, 7.1, test 2."""
    public = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    signature = (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": encode_base64url(bytes.fromhex(public))}
    assert ok("signature", alg="EdDSA", jwk=jwk, message="72", signature=signature) is True
    assert refusal("signature", alg="EdDSA", jwk=jwk, message="73", signature=signature) == "SignatureError"


def test_a_key_under_which_one_signature_fits_everything_is_none() -> None:
    weak = encode_base64url(b"\1" + bytes(31))
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": weak}
    signature = (b"\1" + bytes(63)).hex()
    assert refusal("signature", alg="EdDSA", jwk=jwk, message="00", signature=signature) == "MalformedError"
    ed25519.Ed25519PublicKey.from_public_bytes(b"\1" + bytes(31)).verify(bytes.fromhex(signature), b"\0")  # OpenSSL's


@pytest.mark.parametrize(("name", "algorithm"), WYCHEPROOF)
def test_every_case_of_wycheproof(name: str, algorithm: str) -> None:
    path = Path(os.environ.get("VINCULUM_WYCHEPROOF", "wycheproof/testvectors_v1")) / name
    if not path.is_file():
        pytest.skip(f"no {path}: set VINCULUM_WYCHEPROOF to the folder testvectors_v1 of C2SP's Wycheproof")
    for group in json.loads(path.read_text("utf-8"))["testGroups"]:
        for case in group["tests"]:
            found = ask("signature", alg=algorithm, jwk=_jwk_of(group), message=case["msg"], signature=case["sig"])
            assert ("ok" in found) == (case["result"] == "valid"), (case, found)


def _jwk_of(group: dict[str, Any]) -> dict[str, Any]:
    if "publicKeyJwk" in group:
        return dict(group["publicKeyJwk"])
    point = bytes.fromhex(group["publicKey"]["uncompressed"])
    curve = {"secp256r1": "P-256", "secp256k1": "secp256k1"}[group["publicKey"]["curve"]]
    x, y = (encode_base64url(part) for part in (point[1:33], point[33:]))
    return {"kty": "EC", "crv": curve, "x": x, "y": y}
