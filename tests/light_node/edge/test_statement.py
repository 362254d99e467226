"""The batch statement: one encoding, one type, one signer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.credential.base64url import encode_base64url, parse_base64url
from ledger.credential.jws import sign_jws
from ledger.credential.signing import sign
from ledger.errors import MalformedError, SignatureError
from ledger.strict_json import canonical_json, parse_json
from light_node.edge.statement import MAX_CHARACTERS, TYPE, parse_statement, sign_statement, verify_statement
from tests.light_node.edge.making import KEY, OTHER_KEY, SUBJECT, signed, stated

STATEMENT = stated(range(5))
SIGNED = signed(STATEMENT)


def with_member(name: str, value: object) -> str:
    """The statement with one member changed and signed again, as a device that lies would."""
    payload = parse_json(parse_base64url(SIGNED.text.split(".")[1], "payload"))
    assert isinstance(payload, dict)
    payload = {**payload, name: value}  # type: ignore[dict-item]
    return sign_jws(canonical_json({k: v for k, v in payload.items() if v != "gone"}), KEY, TYPE)


def test_what_was_signed_is_read_and_verified() -> None:
    verified = verify_statement(parse_statement(SIGNED.text), KEY.public)
    assert verified == SIGNED
    assert verified.statement == STATEMENT
    assert parse_statement(SIGNED.text).key_id == KEY.public.key_id


def test_a_later_statement_names_the_one_before() -> None:
    later = signed(stated(range(5), 1, SIGNED.digest))
    assert later.statement.previous == SIGNED.digest


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("version", 2),
        ("version", True),
        ("log", ""),
        ("log", "x" * 129),
        ("subject", "0x" + "00" * 31),
        ("subject", "00" * 32),
        ("subject", "0x" + "AA" * 32),
        ("sequence", 1),
        ("sequence", -1),
        ("sequence", 1.0),
        ("sequence", 2**53),
        ("previous", "0x" + "00" * 32),
        ("previous", "0x" + "00" * 33),
        ("root", None),
        ("size", 0),
        ("size", 65_537),
        ("bytes", 4),
        ("bytes", 16 * 1024 * 1024 + 1),
        ("flagged", 6),
        ("flagged", -1),
        ("first_at_us", STATEMENT.last_at_us + 1),
        ("first_at_us", "1"),
        ("closed_at_us", None),
        ("size", "gone"),
        ("note", "more"),
    ],
)
def test_a_statement_out_of_its_form_is_refused(name: str, value: object) -> None:
    with pytest.raises(MalformedError):
        parse_statement(with_member(name, value))


@pytest.mark.parametrize("text", ["", "a.b", "ä" + SIGNED.text, SIGNED.text + "." + "x", "x" * (MAX_CHARACTERS + 1)])
def test_what_is_no_statement_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_statement(text)


def test_another_key_did_not_sign_it() -> None:
    with pytest.raises(SignatureError):
        verify_statement(parse_statement(SIGNED.text), OTHER_KEY.public)


def test_a_document_of_another_type_is_no_statement() -> None:
    payload = parse_base64url(SIGNED.text.split(".")[1], "payload")
    with pytest.raises(SignatureError):
        verify_statement(parse_statement(sign_jws(payload, KEY, "dc+sd-jwt")), KEY.public)


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_changed_bit_is_refused(part: int) -> None:
    parts = SIGNED.text.split(".")
    data = bytearray(parse_base64url(parts[part], "part"))
    for place in range(0, len(data), 7):
        changed = bytes(data[:place]) + bytes((data[place] ^ 1,)) + bytes(data[place + 1 :])
        text = ".".join((*parts[:part], encode_base64url(changed), *parts[part + 1 :]))
        with pytest.raises((MalformedError, SignatureError)):
            verify_statement(parse_statement(text), KEY.public)


def test_a_key_store_that_signs_with_another_key_shows_at_once() -> None:
    with pytest.raises(SignatureError):
        sign_statement(STATEMENT, KEY.public, lambda message: sign(OTHER_KEY, message))


@pytest.mark.parametrize("signature", [b"", b"\0" * 64, b"\xff" * 64, b"\0" * 63])
def test_a_key_store_that_gives_no_signature_shows_at_once(signature: bytes) -> None:
    with pytest.raises(SignatureError):
        sign_statement(STATEMENT, KEY.public, lambda _: signature)


def test_what_cannot_be_read_back_is_not_signed() -> None:
    with pytest.raises(MalformedError):
        sign_statement(replace(STATEMENT, subject=SUBJECT[:31]), KEY.public, lambda message: sign(KEY, message))
