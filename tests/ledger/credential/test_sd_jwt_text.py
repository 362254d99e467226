"""Credentials whose text or header was changed: no change survives."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ledger.credential.base64url import parse_base64url
from ledger.credential.jose import Algorithm
from ledger.credential.salting import make_disclosures
from ledger.credential.sd_jwt import MAX_CHARACTERS, MAX_DISCLOSURES, MAX_JWT_CHARACTERS, parse_sd_jwt, verify_sd_jwt
from ledger.errors import ContentMismatchError, MalformedError, SignatureError, VerificationError
from tests.ledger.credential.builders import (
    ALGORITHMS,
    FIELDS,
    JWK,
    checked,
    credential,
    encode,
    forge,
    forge_jws,
    key_of,
    payload_of,
    seeded,
)

# ---- changes of the text -----------------------------------------------------------------------------------------


def test_every_flipped_bit_is_refused() -> None:
    """One field and its credential, each bit of each character."""
    key = key_of(Algorithm.ES256K)
    text = credential(key, {"cycles": 412}).text
    verify_sd_jwt(parse_sd_jwt(text), key.public)
    for place in range(len(text)):
        for bit in range(7):
            changed = text[:place] + chr(ord(text[place]) ^ 1 << bit) + text[place + 1 :]
            with pytest.raises(VerificationError):
                verify_sd_jwt(parse_sd_jwt(changed), key.public)


def test_every_truncation_is_refused_or_shows_fewer_fields() -> None:
    issued = credential()
    presentations = {len("~".join((issued.jwt, *issued.disclosures[:count], ""))) for count in range(len(FIELDS) + 1)}
    for length in range(len(issued.text)):
        if length in presentations:
            checked(issued.text[:length])
            continue
        with pytest.raises(MalformedError):
            parse_sd_jwt(issued.text[:length])


@pytest.mark.parametrize("inserted", ["~", ".", "=", " ", "\n", "A", "AAAA", "~~", "é", "\x00"])
def test_every_insertion_is_refused(inserted: str) -> None:
    text = credential(fields={"cycles": 412}).text
    for place in range(0, len(text) + 1, 7):
        with pytest.raises(VerificationError):
            checked(text[:place] + inserted + text[place:])
    for text_ in (text + inserted, inserted + text):
        with pytest.raises(VerificationError):
            checked(text_)


def test_a_disclosure_twice_is_refused() -> None:
    issued = credential()
    with pytest.raises(MalformedError, match="twice"):
        checked(issued.text + issued.disclosures[0] + "~")


def test_another_credentials_disclosure_is_refused() -> None:
    other = make_disclosures({"cycles": 1}, seeded("other"))
    with pytest.raises(ContentMismatchError):
        checked(credential().jwt + "~" + other[0] + "~")


def test_a_changed_value_is_refused() -> None:
    issued = credential()
    for text in issued.disclosures:
        salt, name, _ = json.loads(parse_base64url(text, "d"))
        with pytest.raises(ContentMismatchError):
            checked(f"{issued.jwt}~{encode([salt, name, 'changed'])}~")


def test_a_disclosure_with_other_spaces_is_refused() -> None:
    """The hash is of the text, not of the value."""
    issued = credential()
    array = json.loads(parse_base64url(issued.disclosures[0], "d"))
    with pytest.raises(ContentMismatchError):
        checked(f"{issued.jwt}~{encode(json.dumps(array, indent=1).encode())}~")


def test_a_holders_key_binding_is_refused() -> None:
    binding = forge_jws(
        {"iat": 1, "aud": "x", "nonce": "y", "sd_hash": "z"}, key_of(), {"alg": "ES256", "typ": "kb+jwt"}
    )
    with pytest.raises(MalformedError, match="holder"):
        checked(credential().text + binding)


@pytest.mark.parametrize("text", ["", "~", "~~", ".", "..", "..~", "a.b.c~", "a.b.c.d~", "a.b~", "jwt", "{}~"])
def test_what_is_no_sd_jwt_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_sd_jwt(text)


def test_a_jwt_of_four_parts_is_refused() -> None:
    jwt = credential().jwt
    for text in (f"{jwt}.~", f"{jwt}.AA~", f".{jwt}~", f"{jwt}.{jwt}~"):
        with pytest.raises(MalformedError):
            parse_sd_jwt(text)


def test_limits_are_refused_before_anything_is_read() -> None:
    jwt = credential().jwt
    for text in (
        "A" * (MAX_CHARACTERS + 1),
        jwt + "~" * (MAX_DISCLOSURES + 2),
        "A" * MAX_JWT_CHARACTERS + ".A.A~",
        "A" * 2000 + ".AA.AA~",
        f"{jwt}~{'A' * (1024 * 1024 + 1)}~",
    ):
        with pytest.raises(MalformedError):
            parse_sd_jwt(text)


# ---- headers -----------------------------------------------------------------------------------------------------

USUAL = {"alg": "ES256", "kid": key_of().public.key_id, "typ": "dc+sd-jwt"}


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "none"},
        {"alg": "None"},
        {"alg": ""},
        {"alg": "HS256"},
        {"alg": "ES384"},
        {"alg": "RS256"},
        {"alg": "es256"},
        {"alg": "ES256 "},
        {"alg": None},
        {"alg": ["ES256"]},
        {"alg": "ES256K"},
        {"alg": "EdDSA"},
        {"typ": "vc+sd-jwt"},
        {"typ": "JWT"},
        {"typ": "application/dc+sd-jwt"},
        {"typ": "DC+SD-JWT"},
        {"typ": ""},
        {"typ": None},
        {"typ": 1},
        {"kid": ""},
        {"kid": "other"},
        {"kid": key_of(label="other").public.key_id},
        {"kid": None},
        {"kid": {"a": 1}},
        {"crit": []},
        {"crit": ["exp"]},
        {"b64": False},
        {"b64": True},
        {"jku": "https://example.org"},
        {"jwk": dict(JWK)},
        {"x5u": "https://example.org"},
        {"x5c": []},
        {"x5t": "AA"},
        {"x5t#S256": "AA"},
        {"cty": "JWT"},
        {"zip": "DEF"},
        {"enc": "A256GCM"},
        {"vctm": []},
        {"": ""},
    ],
)
def test_another_header_is_refused_though_it_is_signed(change: dict[str, Any]) -> None:
    with pytest.raises((MalformedError, SignatureError)):
        checked(forge(payload_of(credential().jwt), header=USUAL | change))


@pytest.mark.parametrize("name", ["alg", "kid", "typ"])
def test_a_header_without_a_member_is_refused(name: str) -> None:
    header = {other: value for other, value in USUAL.items() if other != name}
    with pytest.raises((MalformedError, SignatureError)):
        checked(forge(payload_of(credential().jwt), header=header))


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"null",
        b"[]",
        b'"ES256"',
        b"{",
        b"\xff",
        b'{"alg":"none","alg":"ES256","kid":"%s","typ":"dc+sd-jwt"}' % key_of().public.key_id.encode(),
        b'{"alg":"ES256","kid":"%s","typ":"x","typ":"dc+sd-jwt"}' % key_of().public.key_id.encode(),
        b'\xef\xbb\xbf{"alg":"ES256","kid":"%s","typ":"dc+sd-jwt"}' % key_of().public.key_id.encode(),
        b'{"\\u0061lg":"none","alg":"ES256","kid":"%s","typ":"dc+sd-jwt"}' % key_of().public.key_id.encode(),
    ],
)
def test_a_header_that_is_not_strict_json_is_refused(header: bytes) -> None:
    with pytest.raises(MalformedError):
        checked(forge(payload_of(credential().jwt), header=header))


def test_an_unsigned_token_is_refused() -> None:
    head = encode({"alg": "none", "typ": "dc+sd-jwt"})
    body = credential().jwt.split(".")[1]
    for text in (f"{head}.{body}.~", f"{credential().jwt.rsplit('.', 1)[0]}.~"):
        with pytest.raises((MalformedError, SignatureError)):
            checked(text)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_another_issuers_key_is_refused(algorithm: Algorithm) -> None:
    raw = parse_sd_jwt(credential().text)
    with pytest.raises(SignatureError):
        verify_sd_jwt(raw, key_of(algorithm, "other").public)
