"""The shared vectors: what any other implementation must accept and refuse too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ledger import errors
from ledger.credential.base64url import parse_base64url
from ledger.credential.capsule import open_capsule
from ledger.credential.capsule_format import CapsuleReference, encode_manifest
from ledger.credential.false_key import prove_false_key, verify_false_key
from ledger.credential.grant import open_grant, verify_grant
from ledger.credential.grant_reader import parse_grant
from ledger.credential.jose import parse_jwk
from ledger.credential.recipient import RecipientPrivateKey, SuiteName, parse_recipient_private
from ledger.credential.sd_jwt import verify_foreign_sd_jwt
from ledger.strict_json import parse_json

FOLDER = Path(__file__).resolve().parents[2] / "vectors" / "credential"


def load(name: str) -> list[Any]:
    document: Any = parse_json((FOLDER / f"{name}.json").read_bytes())
    return [pytest.param(vector, id=vector["description"]) for vector in document["vectors"]]


def expected_error(vector: dict[str, Any]) -> Any:
    """A context that expects the vector's error, and exactly that class."""
    return pytest.raises(getattr(errors, vector["error"]))


def bytes_of(vector: dict[str, Any], name: str) -> bytes:
    return parse_base64url(vector[name], name)


@pytest.mark.parametrize("vector", load("sd_jwt"))
def test_sd_jwt(vector: dict[str, Any]) -> None:
    if "error" in vector:
        with expected_error(vector) as caught:
            verify_foreign_sd_jwt(vector["sd_jwt"], vector["jwk"])
        assert type(caught.value).__name__ == vector["error"]
        return
    assert verify_foreign_sd_jwt(vector["sd_jwt"], vector["jwk"]) == vector["payload"]


def open_all(vector: dict[str, Any]) -> tuple[Any, dict[str, bytes]]:
    files = tuple(parse_base64url(item, "file") for item in vector["files"])
    reference = CapsuleReference("cid", bytes_of(vector, "key_commitment"), files)
    opened = open_capsule([bytes_of(vector, "sealed")], bytes_of(vector, "key"), reference)
    contents = {described.name: b"".join(parts) for described, parts in opened.files}
    return json.loads(encode_manifest(opened.manifest)), contents


@pytest.mark.parametrize("vector", load("capsule"))
def test_capsule(vector: dict[str, Any]) -> None:
    if "error" in vector:
        with expected_error(vector) as caught:
            open_all(vector)
        assert type(caught.value).__name__ == vector["error"]
        return
    manifest, contents = open_all(vector)
    assert manifest == vector["manifest"]
    assert contents == {name: parse_base64url(text, name) for name, text in vector["contents"].items()}


def recipient_of(vector: dict[str, Any]) -> RecipientPrivateKey:
    return parse_recipient_private(SuiteName(vector["suite"]), bytes_of(vector, "recipient_private"))


@pytest.mark.parametrize("vector", load("grant"))
def test_grant(vector: dict[str, Any]) -> None:
    key, recipient = parse_jwk(vector["grantor"]), recipient_of(vector)
    if "error" in vector:
        with expected_error(vector) as caught:
            open_grant(verify_grant(parse_grant(vector["grant"].encode()), key), recipient)
        assert type(caught.value).__name__ == vector["error"]
        return
    verified = verify_grant(parse_grant(vector["grant"].encode()), key)
    if "false_key_of" in vector:
        capsule = vector["capsule"]
        reference = CapsuleReference(capsule["cid"], bytes_of(capsule, "key_commitment"))
        proof = prove_false_key(verified, recipient, reference)
        assert verify_false_key(proof, key, reference) == vector["false_key_of"]
        return
    keys = {cid: parse_base64url(text, cid) for cid, text in vector["keys"].items()}
    assert open_grant(verified, recipient) == keys
