"""Payloads and disclosures that a misbehaving issuer signs, and nested ones of other systems."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.credential.base64url import parse_base64url
from ledger.credential.disclosure import parse_disclosure, resolve
from ledger.credential.sd_jwt import ALWAYS_VISIBLE, verify_foreign_sd_jwt
from ledger.errors import ContentMismatchError, MalformedError, SignatureError
from tests.ledger.credential.builders import DECOY, JWK, checked, digest_of, encode, forge

# ---- payloads that a misbehaving issuer signs --------------------------------------------------------------------

ONE = encode(["salt", "cycles", 412])
TWO = encode(["salt", "note", {"_sd": [digest_of(ONE)]}])
ELEMENT = encode(["salt", "value"])


def test_a_forged_payload_is_accepted_where_it_keeps_the_rules() -> None:
    """The positive control of the forgeries below."""
    assert checked(forge({"_sd": [digest_of(ONE)], "_sd_alg": "sha-256"}, [ONE])).disclosed == {"cycles": 412}


@pytest.mark.parametrize(
    "payload",
    [
        {"_sd": [digest_of(ONE), digest_of(ONE)]},
        {"_sd": [digest_of(ONE)], "a": {"_sd": [digest_of(ONE)]}},
        {"_sd": [digest_of(ONE)], "a": [{"...": digest_of(ONE)}]},
        {"_sd": [digest_of(ONE), DECOY, DECOY]},
        {"_sd": digest_of(ONE)},
        {"_sd": {"0": digest_of(ONE)}},
        {"_sd": None},
        {"_sd": [digest_of(ONE), 7]},
        {"_sd": [digest_of(ONE), None]},
        {"_sd": [digest_of(ONE), "short"]},
        {"_sd": [digest_of(ONE), DECOY + "="]},
        {"_sd": [digest_of(ONE), DECOY[:-1] + "B"]},
        {"_sd": [digest_of(ONE)], "cycles": 1},
        {"_sd": [digest_of(ONE)], "...": "x"},
        {"_sd": [digest_of(ONE)], "a": {"...": DECOY}},
        {"_sd": [digest_of(ONE)], "a": [{"...": DECOY, "b": 1}]},
        {"_sd": [digest_of(ONE)], "a": [{"...": 7}]},
        {"_sd": [digest_of(ONE)], "a": [{"...": None}]},
        {"_sd": [digest_of(ONE)], "a": [{"...": [DECOY]}]},
        {"a": [{"...": digest_of(ONE)}]},
        {"_sd": []},
        {},
    ],
)
def test_a_payload_that_breaks_the_rules_is_refused(payload: dict[str, Any]) -> None:
    text = forge(payload | {"_sd_alg": "sha-256"}, [ONE])
    with pytest.raises((MalformedError, ContentMismatchError)):
        checked(text)
    with pytest.raises((MalformedError, ContentMismatchError)):
        verify_foreign_sd_jwt(text, JWK)


@pytest.mark.parametrize("last", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
def test_a_hash_has_one_text(last: str) -> None:
    """Exactly the last characters that 32 bytes can end in."""
    text = forge({"_sd": ["A" * 42 + last]})
    try:
        parse_base64url("A" * 42 + last, "hash", size=32)
    except MalformedError:
        with pytest.raises(MalformedError):
            verify_foreign_sd_jwt(text, JWK)
    else:
        assert verify_foreign_sd_jwt(text, JWK) == {}


@pytest.mark.parametrize("name", ["sha-512", "SHA-256", "sha256", "md5", "", None, 256, ["sha-256"]])
def test_another_hash_algorithm_is_refused(name: object) -> None:
    text = forge({"_sd": [digest_of(ONE)], "_sd_alg": name}, [ONE])
    for verify in (checked, lambda value: verify_foreign_sd_jwt(value, JWK)):
        with pytest.raises(MalformedError):
            verify(text)


def test_ours_names_its_hash_algorithm_and_others_need_not() -> None:
    text = forge({"_sd": [digest_of(ONE)]}, [ONE])
    assert verify_foreign_sd_jwt(text, JWK) == {"cycles": 412}
    with pytest.raises(MalformedError):
        checked(text)


@pytest.mark.parametrize("name", sorted(ALWAYS_VISIBLE))
def test_a_claim_that_must_be_visible_cannot_be_hidden(name: str) -> None:
    hidden = encode(["salt", name, 1])
    with pytest.raises(MalformedError, match="visible"):
        checked(forge({"_sd": [digest_of(hidden)], "_sd_alg": "sha-256"}, [hidden]))


@pytest.mark.parametrize(
    "payload",
    [{"_sd": [DECOY], "capsule": {"_sd": [digest_of(ONE)]}}, {"_sd": [DECOY], "a": [{"...": digest_of(ELEMENT)}]}],
)
def test_ours_hides_nothing_below_the_top_level(payload: dict[str, Any]) -> None:
    with pytest.raises(MalformedError, match="top level"):
        checked(forge(payload | {"_sd_alg": "sha-256"}))


@pytest.mark.parametrize(
    "disclosure",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b'["salt"]',
        b'["salt","a",1,2]',
        b'[1,"a",1]',
        b'[null,"a",1]',
        b'["salt",1,1]',
        b'["salt",null,1]',
        b'["salt","_sd",[]]',
        b'["salt","_sd_alg","sha-256"]',
        b'["salt","...",1]',
        b'["salt","a",{"b":1,"b":2}]',
        b'["salt","a",NaN]',
        b'["salt","a",1e999]',
        b'["salt","a",9007199254740993]',
        b'["salt","a","\\ud800"]',
        b'["salt","a",1]x',
        b'["salt","a",1,]',
        b"\xff\xfe",
        b'\xef\xbb\xbf["salt","a",1]',
        b'["salt","a",' + b"[" * 60 + b"]" * 60 + b"]",
    ],
)
def test_a_disclosure_in_another_form_is_refused_though_it_is_signed(disclosure: bytes) -> None:
    text = encode(disclosure)
    with pytest.raises(MalformedError):
        checked(forge({"_sd": [digest_of(text)], "_sd_alg": "sha-256"}, [text]))


@pytest.mark.parametrize("end", ["=", "==", "B", "\n", " ", "%3D"])
def test_a_disclosure_in_another_encoding_is_refused_though_it_is_signed(end: str) -> None:
    text = encode(b'["salt","a",12]') + end
    with pytest.raises(MalformedError):
        checked(forge({"_sd": [digest_of(text)], "_sd_alg": "sha-256"}, [text]))


def test_claims_and_elements_do_not_stand_for_each_other() -> None:
    for payload, text in (({"_sd": [digest_of(ELEMENT)]}, ELEMENT), ({"a": [{"...": digest_of(ONE)}]}, ONE)):
        with pytest.raises(MalformedError):
            verify_foreign_sd_jwt(forge(payload, [text]), JWK)


# ---- nested, of other systems ------------------------------------------------------------------------------------


def test_recursive_disclosures_are_resolved() -> None:
    text = forge({"_sd": [digest_of(TWO)]}, [ONE, TWO])
    assert verify_foreign_sd_jwt(text, JWK) == {"note": {"cycles": 412}}
    assert verify_foreign_sd_jwt(forge({"_sd": [digest_of(TWO)]}, [TWO]), JWK) == {"note": {}}


def test_an_inner_disclosure_without_its_outer_one_is_refused() -> None:
    with pytest.raises(ContentMismatchError):
        verify_foreign_sd_jwt(forge({"_sd": [digest_of(TWO)]}, [ONE]), JWK)


def test_a_hash_within_a_disclosure_and_in_the_payload_is_refused() -> None:
    with pytest.raises(MalformedError, match="twice"):
        verify_foreign_sd_jwt(forge({"_sd": [digest_of(ONE), digest_of(TWO)]}, [ONE, TWO]), JWK)


def test_two_disclosures_of_one_name_are_refused() -> None:
    other = encode(["other", "cycles", 7])
    with pytest.raises(MalformedError):
        verify_foreign_sd_jwt(forge({"_sd": [digest_of(ONE), digest_of(other)]}, [ONE, other]), JWK)


def test_undisclosed_elements_disappear() -> None:
    second = encode(["salt", ["x", {"...": digest_of(ELEMENT)}]])
    payload = {"a": ["first", {"...": DECOY}, {"...": digest_of(second)}, {"b": 1}]}
    assert verify_foreign_sd_jwt(forge(payload, [second]), JWK) == {"a": ["first", ["x"], {"b": 1}]}
    assert verify_foreign_sd_jwt(forge(payload), JWK) == {"a": ["first", {"b": 1}]}
    assert verify_foreign_sd_jwt(forge(payload, [ELEMENT, second]), JWK)["a"][1] == ["x", "value"]  # type: ignore[index]


def test_a_chain_of_disclosures_is_bounded_in_depth() -> None:
    texts, digest = [], digest_of(ONE)
    for number in range(60):
        texts.append(encode([str(number), "a", {"_sd": [digest]}]))
        digest = digest_of(texts[-1])
    with pytest.raises(MalformedError, match="deeper"):
        verify_foreign_sd_jwt(forge({"_sd": [digest]}, [ONE, *texts]), JWK)


def test_another_systems_header_is_read_within_the_list() -> None:
    text = forge({"_sd": [digest_of(ONE)]}, [ONE], header={"alg": "ES256", "typ": "example+sd-jwt"})
    assert verify_foreign_sd_jwt(text, JWK) == {"cycles": 412}
    for header in ({"alg": "none"}, {"alg": "ES256", "crit": ["x"], "x": 1}, {"alg": "EdDSA"}, {"typ": "x"}):
        with pytest.raises((MalformedError, SignatureError)):
            verify_foreign_sd_jwt(forge({"_sd": [digest_of(ONE)]}, [ONE], header=header), JWK)


@pytest.mark.parametrize("value", [{}, [], [1, [2, {"a": {"b": [{}]}}]], {"a": [{"b": None}], "c": "x"}])
def test_what_hides_nothing_is_not_copied(value: Any) -> None:
    disclosure = parse_disclosure(encode(["salt", "name", value]))
    payload = {"_sd": [disclosure.digest], "plain": value, "list": [value]}
    resolved = resolve(payload, [disclosure])
    assert resolved.payload == {"plain": value, "list": [value], "name": value}
    assert resolved.disclosed["name"] is disclosure.value
    assert resolved.payload["plain"] is value


@pytest.mark.parametrize(
    "place", [lambda hidden: hidden, lambda hidden: [0, {"a": hidden}], lambda hidden: {"a": [hidden]}]
)
def test_what_hides_something_is_copied_and_stays_as_it_was(place: Any) -> None:
    inner = parse_disclosure(encode(["salt", "inner", 1]))
    hidden = {"_sd": [inner.digest], "beside": [{}]}
    payload = {"outer": place(hidden)}
    resolved = resolve(payload, [inner])
    assert resolved.payload == {"outer": place({"beside": [{}], "inner": 1})}
    assert payload == {"outer": place(hidden)}
    assert hidden == {"_sd": [inner.digest], "beside": [{}]}


def test_an_empty_list_of_hashes_disappears_too() -> None:
    assert resolve({"a": {"_sd": [], "b": 1}}, []).payload == {"a": {"b": 1}}
