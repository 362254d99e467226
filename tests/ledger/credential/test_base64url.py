"""One text for each byte string."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.credential.base64url import encode_base64url, parse_base64url
from ledger.errors import MalformedError


@given(st.binary(max_size=100))
def test_agrees_with_the_standard_library(data: bytes) -> None:
    text = encode_base64url(data)
    assert text == base64.urlsafe_b64encode(data).decode().rstrip("=")
    assert parse_base64url(text, "x", size=len(data)) == data


@given(st.text(alphabet="ABYZabyz0189-_+/= \n", max_size=12))
def test_accepts_exactly_what_it_writes(text: str) -> None:
    try:
        data = parse_base64url(text, "x")
    except MalformedError:
        return
    assert encode_base64url(data) == text


@pytest.mark.parametrize(
    "text",
    [
        "A",
        "AAAAA",
        "AA==",
        "AA=",
        "AB",
        "A_",
        "AAB",
        "AA\n",
        " AA",
        "A+",
        "A/",
        "AÄ",
        "A٣",
        "AA.",
        None,
        7,
        b"AA",
        ["AA"],
    ],
)
def test_refuses(text: object) -> None:
    with pytest.raises(MalformedError):
        parse_base64url(text, "x")


@pytest.mark.parametrize("size", [0, 1, 3, 32])
def test_refuses_another_size(size: int) -> None:
    with pytest.raises(MalformedError):
        parse_base64url("AAA", "x", size=size)
