"""SD-JWTs of others, and the keys that come with them: the standard's example, the library, our own vectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jwcrypto.jwk import JWK
from sd_jwt.common import SDObj
from sd_jwt.issuer import SDJWTIssuer

from ledger.credential.base64url import encode_base64url
from ledger.credential.jose import Algorithm
from ledger.credential.signing import private_bytes
from tests.ledger.credential.builders import key_of
from tests.light_node.conformance.asking import ask, ok, refusal
from tests.light_node.conformance.requests import fields_of

FOLDER = Path(__file__).parents[2] / "vectors" / "credential"
VECTORS = json.loads((FOLDER / "sd_jwt.json").read_text("utf-8"))["vectors"]
# RFC 9901, A.1 (the presentation) and A.5 (the issuer's key).
ISSUER = {
    "kty": "EC",
    "crv": "P-256",
    "x": "b28d4MwZMjw8-00CG4xfnn9SLMVMM19SlqZpVb_uNtQ",
    "y": "Xv5zWwuoaTgdS6hV43yI6gBwTnjukmFQQnJ_kCxzqk8",
}
STRUCTURED = (
    "eyJhbGciOiAiRVMyNTYiLCAidHlwIjogImV4YW1wbGUrc2Qtand0In0.eyJfc2QiOiBbIkM5aW5wNllvUmFFWFI0Mjd6WUpQN1FyazFXSF84Ym"
    "R3T0FfWVVyVW5HUVUiLCAiS3VldDF5QWEwSElRdlluT1ZkNTloY1ZpTzlVZzZKMmtTZnFZUkJlb3d2RSIsICJNTWxkT0ZGekIyZDB1bWxtcFRJ"
    "YUdlcmhXZFVfUHBZZkx2S2hoX2ZfOWFZIiwgIlg2WkFZT0lJMnZQTjQwVjd4RXhad1Z3ejd5Um1MTmNWd3Q1REw4Ukx2NGciLCAiWTM0em1Jbz"
    "BRTExPdGRNcFhHd2pCZ0x2cjE3eUVoaFlUMEZHb2ZSLWFJRSIsICJmeUdwMFdUd3dQdjJKRFFsbjFsU2lhZW9iWnNNV0ExMGJRNTk4OS05RFRz"
    "IiwgIm9tbUZBaWNWVDhMR0hDQjB1eXd4N2ZZdW8zTUhZS08xNWN6LVJaRVlNNVEiLCAiczBCS1lzTFd4UVFlVTh0VmxsdE03TUtzSVJUckVJYT"
    "FQa0ptcXhCQmY1VSJdLCAiaXNzIjogImh0dHBzOi8vaXNzdWVyLmV4YW1wbGUuY29tIiwgImlhdCI6IDE2ODMwMDAwMDAsICJleHAiOiAxODgz"
    "MDAwMDAwLCAiYWRkcmVzcyI6IHsiX3NkIjogWyI2YVVoelloWjdTSjFrVm1hZ1FBTzN1MkVUTjJDQzFhSGhlWnBLbmFGMF9FIiwgIkF6TGxGb2"
    "JrSjJ4aWF1cFJFUHlvSnotOS1OU2xkQjZDZ2pyN2ZVeW9IemciLCAiUHp6Y1Z1MHFiTXVCR1NqdWxmZXd6a2VzRDl6dXRPRXhuNUVXTndrclEt"
    "ayIsICJiMkRrdzBqY0lGOXJHZzhfUEY4WmN2bmNXN3p3Wmo1cnlCV3ZYZnJwemVrIiwgImNQWUpISVo4VnUtZjlDQ3lWdWIyVWZnRWs4anZ2WG"
    "V6d0sxcF9KbmVlWFEiLCAiZ2xUM2hyU1U3ZlNXZ3dGNVVEWm1Xd0JUdzMyZ25VbGRJaGk4aEdWQ2FWNCIsICJydkpkNmlxNlQ1ZWptc0JNb0d3"
    "dU5YaDlxQUFGQVRBY2k0MG9pZEVlVnNBIiwgInVOSG9XWWhYc1poVkpDTkUyRHF5LXpxdDd0NjlnSkt5NVFhRnY3R3JNWDQiXX0sICJfc2RfYW"
    "xnIjogInNoYS0yNTYifQ.oJdAsPFk47txJvbiGPxFpMHxY3y_-f2RqT_3BqCdb82f2ZI9vuDNQzhwyXHDudbdM6hlseqpyGRRyiky6DXlSA~Wy"
    "JHMDJOU3JRZmpGWFE3SW8wOXN5YWpBIiwgInJlZ2lvbiIsICJcdTZlMmZcdTUzM2EiXQ~WyJsa2x4RjVqTVlsR1RQVW92TU5JdkNBIiwgImNvd"
    "W50cnkiLCAiSlAiXQ~"
)
STRUCTURED_PAYLOAD = {
    "iss": "https://issuer.example.com",
    "iat": 1683000000,
    "exp": 1883000000,
    "address": {"region": "\u6e2f\u533a", "country": "JP"},
}


def test_an_example_of_the_standard() -> None:
    """RFC 9901, A.1."""
    assert ok("sd_jwt", sd_jwt=STRUCTURED, jwk=ISSUER) == STRUCTURED_PAYLOAD
    jwt, *disclosures, end = STRUCTURED.split("~")
    assert ok("sd_jwt", sd_jwt=jwt + "~", jwk=ISSUER) == STRUCTURED_PAYLOAD | {"address": {}}
    for text, error in (
        (jwt, "MalformedError"),
        (STRUCTURED[:-1], "MalformedError"),
        ("~".join([jwt, *disclosures, disclosures[0], end]), "MalformedError"),
        ("~".join([jwt, *disclosures, encode_base64url(b'["salt","a",1]'), end]), "ContentMismatchError"),
        (f"{jwt[:-10]}AAAAAAAAAA~", "SignatureError"),
    ):
        assert refusal("sd_jwt", sd_jwt=text, jwk=ISSUER) == error, text[-60:]
    other = dict(key_of(Algorithm.ES256).public.jwk)
    assert refusal("sd_jwt", sd_jwt=STRUCTURED, jwk=other) == "SignatureError"


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["description"])
def test_vectors_of_credentials(vector: dict[str, Any]) -> None:
    found = ask("sd_jwt", sd_jwt=vector["sd_jwt"], jwk=vector["jwk"])
    assert found.get("error") == vector.get("error"), found
    assert found.get("ok") == vector.get("payload")


@pytest.mark.parametrize("algorithm", [Algorithm.ES256, Algorithm.EDDSA])
def test_what_the_library_issues(algorithm: Algorithm) -> None:
    key = key_of(algorithm)
    claims = {
        "iss": "https://issuer.example",
        SDObj("name"): "M\u00f6bius",
        "tags": ["a", SDObj("b"), {SDObj("c"): 1.5}],
        SDObj("deep"): {"x": {SDObj("y"): [SDObj(None)]}},
    }
    private = JWK(**key.public.jwk, d=encode_base64url(private_bytes(key)))
    issuer = SDJWTIssuer(claims, private, sign_alg=algorithm.value, add_decoy_claims=True)
    expected = {
        "iss": "https://issuer.example",
        "name": "M\u00f6bius",
        "tags": ["a", "b", {"c": 1.5}],
        "deep": {"x": {"y": [None]}},
    }
    assert ok("sd_jwt", sd_jwt=issuer.sd_jwt_issuance, jwk=dict(key.public.jwk)) == expected


@pytest.mark.parametrize(
    "more",
    [
        {"kid": "none"},
        {"use": "sig", "key_ops": ["verify"], "ext": True},
        {"alg": "ES256"},
        {"x5c": ["MIIB"], "x5t": 1, "other": {"a": [None]}},
    ],
)
def test_what_a_key_says_beside_itself_is_passed_over(more: dict[str, Any]) -> None:
    fields = fields_of(Algorithm.ES256)
    assert ok("signature", **fields | {"jwk": fields["jwk"] | more}) is True
    assert ok("sd_jwt", sd_jwt=STRUCTURED, jwk=ISSUER | more) == STRUCTURED_PAYLOAD


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"use": "enc"}, "SignatureError"),
        ({"use": None}, "SignatureError"),
        ({"key_ops": ["encrypt"]}, "SignatureError"),
        ({"key_ops": "verify"}, "SignatureError"),
        ({"key_ops": None}, "SignatureError"),
        ({"alg": "ES256K"}, "SignatureError"),
        ({"alg": ["ES256"]}, "SignatureError"),
        ({"d": "AA"}, "MalformedError"),
        ({"d": None}, "MalformedError"),
        ({"y": None}, "MalformedError"),
        ({"x": 1}, "MalformedError"),
        ({"x": ""}, "MalformedError"),
        ({"x": "\udc80"}, "MalformedError"),
        ({"kty": "RSA"}, "MalformedError"),
        ({"crv": "P-384"}, "MalformedError"),
        ({"crv": "secp256k1"}, "MalformedError"),
        ({"kty": "OKP", "crv": "Ed25519"}, "MalformedError"),
        ({"x": ISSUER["y"]}, "MalformedError"),
        ({"x": ISSUER["x"] + "="}, "MalformedError"),
    ],
)
def test_a_key_that_is_none_of_ours(change: dict[str, Any], error: str) -> None:
    assert refusal("sd_jwt", sd_jwt=STRUCTURED, jwk=ISSUER | change) == error
    fields = fields_of(Algorithm.ES256)
    assert refusal("signature", **fields | {"jwk": fields["jwk"] | change}) == error
