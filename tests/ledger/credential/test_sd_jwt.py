"""Credentials: what is issued verifies and shows what it should, and anything else is refused."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.credential.base64url import parse_base64url
from ledger.credential.binding import claims_of
from ledger.credential.disclosure import MAX_DISCLOSURE_CHARACTERS, parse_disclosure
from ledger.credential.jose import Algorithm
from ledger.credential.salting import make_disclosures, verify_disclosable
from ledger.credential.sd_jwt import (
    ALWAYS_VISIBLE,
    MAX_DISCLOSURES,
    issue,
    parse_sd_jwt,
    present,
    verify_foreign_sd_jwt,
    verify_sd_jwt,
)
from ledger.errors import MalformedError, VerificationError
from tests.ledger.credential.builders import (
    ALGORITHMS,
    BINDING,
    DECOY,
    FIELDS,
    JWK,
    checked,
    credential,
    digest_of,
    encode,
    forge,
    key_of,
    payload_of,
    seeded,
)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_issued_is_read_back(algorithm: Algorithm) -> None:
    key = key_of(algorithm)
    issued = credential(key)
    disclosed = verify_sd_jwt(parse_sd_jwt(issued.text), key.public)
    assert disclosed.disclosed == FIELDS
    assert disclosed.visible == claims_of(BINDING)
    assert disclosed.digest == issued.digest == sha256(issued.jwt.encode()).digest()
    assert disclosed.withheld == 16 - len(FIELDS)
    assert disclosed.key == key.public


@pytest.mark.parametrize("names", [[], ["note"], ["note", "cycles"], ["unknown"], list(FIELDS)])
def test_a_part_is_presented(names: list[str]) -> None:
    shown = present(credential(), names)
    disclosed = checked(shown.text)
    assert disclosed.disclosed == {name: FIELDS[name] for name in FIELDS if name in names}
    assert disclosed.digest == credential().digest
    assert disclosed.withheld == 16 - len(disclosed.disclosed)


def test_the_order_of_disclosures_says_nothing() -> None:
    issued = credential()
    text = "~".join((issued.jwt, *reversed(issued.disclosures), ""))
    assert checked(text).disclosed == FIELDS


@pytest.mark.parametrize(("fields", "hashes"), [(0, 16), (1, 16), (15, 16), (16, 16), (17, 32), (32, 32), (33, 48)])
def test_decoys_hide_how_many_fields_there_are(fields: int, hashes: int) -> None:
    issued = credential(fields={f"field_{number}": number for number in range(fields)})
    digests = payload_of(issued.jwt)["_sd"]
    assert len(set(digests)) == hashes
    assert digests == sorted(digests)
    assert {len(digest) for digest in digests} == {43}


def test_the_signed_part_shows_no_field() -> None:
    signed = parse_base64url(credential().jwt.split(".")[1], "payload").decode()
    assert not [name for name in FIELDS if f'"{name}"' in signed]
    assert "93.5" not in signed


def test_salts_and_decoys_are_fresh() -> None:
    first, second = (make_disclosures({"a": 1, "b": 1}, seeded(label)) for label in ("x", "y"))
    salts = [json.loads(parse_base64url(text, "d"))[0] for text in first + second]
    assert len(set(salts)) == 4
    assert all(len(parse_base64url(salt, "salt")) == 16 for salt in salts)


@pytest.mark.parametrize(
    "fields",
    [
        {"_sd": 1},
        {"_sd_alg": "sha-256"},
        {"...": 1},
        {"a": {"_sd": []}},
        {"a": [{"...": "x"}]},
        {"a": [[{"b": {"_sd_alg": 1}}]]},
        {"a": 2**53},
        {"a": [-(2**53)]},
        {"a": float("nan")},
        {"a": [float("inf")]},
        {"a": "\ud800"},
        {"\udfff": 1},
    ],
)
def test_what_no_reader_would_read_is_not_issued(fields: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        make_disclosures(fields, seeded("x"))
    with pytest.raises(MalformedError):
        verify_disclosable(fields)


def test_a_claim_that_is_too_long_is_not_issued() -> None:
    longest = {"a": "x" * (MAX_DISCLOSURE_CHARACTERS * 3 // 4 - 33)}
    verify_disclosable(longest)
    (text,) = make_disclosures(longest, seeded("x"))
    assert len(text) == MAX_DISCLOSURE_CHARACTERS
    assert parse_disclosure(text).value == longest["a"]
    for issue_it in (verify_disclosable, lambda claims: make_disclosures(claims, seeded("x"))):
        with pytest.raises(MalformedError, match="longer than"):
            issue_it({"a": longest["a"] + "x"})


def test_a_value_that_is_too_deep_is_not_issued() -> None:
    value: Any = 1
    for _ in range(60):
        value = [value]
    with pytest.raises(MalformedError):
        make_disclosures({"a": value}, seeded("x"))


@pytest.mark.parametrize("depth", [1, 20, 40, 44])
def test_a_value_that_is_issued_is_read_whatever_its_depth(depth: int) -> None:
    value: Any = 1
    for _ in range(depth):
        value = {"x": [value]} if depth < 21 else [value]
    assert checked(credential(fields={"a": value}).text).disclosed == {"a": value}


@pytest.mark.parametrize("name", ["_sd", "_sd_alg", "..."])
def test_a_reserved_visible_claim_is_not_issued(name: str) -> None:
    with pytest.raises(MalformedError):
        issue({name: []}, (), key_of(), seeded("x"))


def test_too_many_disclosures_are_not_issued() -> None:
    with pytest.raises(MalformedError):
        issue({}, ["AA"] * (MAX_DISCLOSURES + 1), key_of(), seeded("x"))


# ---- anything ----------------------------------------------------------------------------------------------------


@given(st.text(alphabet=st.characters(), max_size=60) | st.text(alphabet="eyJ.~-_A=", max_size=60))
def test_any_text_is_read_or_malformed(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_sd_jwt(text)


@given(st.binary(max_size=60))
def test_any_disclosure_is_read_or_malformed(data: bytes) -> None:
    try:
        parse_disclosure(encode(data))
    except MalformedError:
        return
    assert isinstance(json.loads(data), list)


def forge_any(claims: dict[str, Any]) -> str:
    texts = [encode(json.dumps(["salt", name, value], ensure_ascii=False).encode()) for name, value in claims.items()]
    return forge({"_sd": [digest_of(text) for text in texts], "_sd_alg": "sha-256"}, texts)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.integers(-(2**54), 2**54) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(TEXT, JSON, max_size=5))
def test_any_claims_are_issued_and_read_back_or_refused(claims: dict[str, Any]) -> None:
    try:
        disclosures = make_disclosures(claims, seeded("any"))
    except MalformedError:
        with pytest.raises(MalformedError):
            checked(forge_any(claims))
        return
    if not ALWAYS_VISIBLE.isdisjoint(claims):
        return
    issued = issue({}, disclosures, key_of(Algorithm.ES256K), seeded("decoys"))
    disclosed = verify_sd_jwt(parse_sd_jwt(issued.text), key_of(Algorithm.ES256K).public)
    assert disclosed.disclosed == claims


@given(st.dictionaries(st.sampled_from(["_sd", "_sd_alg", "...", "a"]), JSON | st.just([DECOY]), max_size=4))
def test_any_signed_payload_is_resolved_or_refused(payload: dict[str, Any]) -> None:
    try:
        verify_foreign_sd_jwt(forge(payload), JWK)
    except VerificationError:
        return
    assert "..." not in payload


def test_what_a_reader_does_to_one_header_does_not_reach_another() -> None:
    text = credential().text
    first, second = parse_sd_jwt(text), parse_sd_jwt(text)
    assert isinstance(first.jws.header, dict)
    first.jws.header["alg"] = "none"
    assert second.jws.header["alg"] == parse_sd_jwt(text).jws.header["alg"] == "ES256"
