"""CIDs: one canonical form, everything else refused."""

from __future__ import annotations

import base64
import contextlib
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs.cid import (
    DAG_PB,
    RAW,
    Cid,
    cid_from_digest,
    cid_of_node,
    cid_of_raw,
    parse_cid,
    parse_cid_bytes,
    verify_block,
)
from ledger.errors import ContentMismatchError, MalformedError

EMPTY = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
EMPTY_DIRECTORY = "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"


def test_known_addresses() -> None:
    assert str(cid_of_raw(b"")) == EMPTY
    assert str(cid_of_node(bytes.fromhex("0a020801"))) == EMPTY_DIRECTORY


def test_digest_is_the_address() -> None:
    assert cid_from_digest(sha256(b"a signed JWT").digest()) == cid_of_raw(b"a signed JWT")


@given(st.sampled_from([RAW, DAG_PB]), st.binary(min_size=32, max_size=32))
def test_both_forms_round_trip(codec: int, digest: bytes) -> None:
    cid = Cid(codec, digest)
    assert parse_cid(str(cid)) == parse_cid_bytes(bytes(cid)) == cid


@pytest.mark.parametrize(
    "text",
    [
        "",
        "b",
        EMPTY[:-1],
        EMPTY + "a",
        EMPTY + "=",
        EMPTY.upper(),
        "B" + EMPTY[1:].upper(),
        EMPTY[:-1] + "v",  # the same bytes, with an unused bit set
        " " + EMPTY[:-1],
        EMPTY[:20] + "1" + EMPTY[21:],  # not in the alphabet
        EMPTY[:20] + "ä" + EMPTY[21:],
        "z" + EMPTY[1:],
        "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn",  # CIDv0
        "/ipfs/" + EMPTY,
        "b" + base64.b32encode(b"\x01\x71\x12\x20" + bytes(32)).decode().rstrip("=").lower(),  # dag-cbor
        "b" + base64.b32encode(b"\x01\x55\x1b\x20" + bytes(32)).decode().rstrip("=").lower(),  # keccak-256
        "b" + base64.b32encode(b"\x02\x55\x12\x20" + bytes(32)).decode().rstrip("=").lower(),  # version 2
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_cid(text)


@pytest.mark.parametrize("data", [b"", bytes(36), bytes(cid_of_raw(b""))[:-1], bytes(cid_of_raw(b"")) + b"\0"])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_cid_bytes(data)


@given(st.text(max_size=70) | st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=59, max_size=59))
def test_any_text_is_a_cid_or_malformed(text: str) -> None:
    with contextlib.suppress(MalformedError):
        assert str(parse_cid(text)) == text


@given(st.binary(max_size=40))
def test_any_bytes_are_a_cid_or_malformed(data: bytes) -> None:
    with contextlib.suppress(MalformedError):
        assert bytes(parse_cid_bytes(data)) == data


@pytest.mark.parametrize(("codec", "digest"), [(0x71, bytes(32)), (RAW, bytes(31)), (RAW, bytes(33))])
def test_no_other_cid_can_be_made(codec: int, digest: bytes) -> None:
    with pytest.raises(MalformedError):
        Cid(codec, digest)


def test_a_changed_block_is_refused_with_both_addresses() -> None:
    verify_block(cid_of_raw(b"x"), b"x")
    with pytest.raises(ContentMismatchError) as caught:
        verify_block(cid_of_raw(b"x"), b"y")
    assert caught.value.expected == str(cid_of_raw(b"x"))
    assert caught.value.found == str(cid_of_raw(b"y"))
