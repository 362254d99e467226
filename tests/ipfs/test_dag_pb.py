"""Nodes: one canonical encoding, any other bytes refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs.cid import cid_of_raw
from ipfs.dag_pb import Link, decode_varint, encode_field, encode_node, encode_varint, parse_node
from ledger.errors import MalformedError

LINK = Link(cid_of_raw(b"leaf"), "name", 4)
NODE = encode_node([LINK], b"\x08\x01")
CID = bytes(LINK.cid)


def _node_with(link: bytes) -> bytes:
    return encode_field(2, link) + encode_field(1, b"\x08\x01")


def test_node_round_trips() -> None:
    node = parse_node(NODE)
    assert node.links == (LINK,)
    assert encode_node(node.links, node.data) == NODE


@given(st.integers(0, 2**63 - 1))
def test_varint_round_trips(value: int) -> None:
    data = encode_varint(value)
    assert decode_varint(b"\xff" + data, 1) == (value, 1 + len(data))


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80\x00", b"\x81\x80\x00", b"\xff" * 9, b"\xff" * 9 + b"\x01"])
def test_other_varints_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        decode_varint(data, 0)


@pytest.mark.parametrize(
    ("why", "data"),
    [
        ("nothing", b""),
        ("data before links", encode_field(1, b"\x08\x01") + NODE[: -len(encode_field(1, b"\x08\x01"))]),
        ("data twice", NODE + encode_field(1, b"\x08\x01")),
        ("unknown field", NODE + encode_field(3, b"")),
        ("data as varint", encode_field(1, 5)),
        ("link as varint", encode_field(2, 5) + encode_field(1, b"")),
        ("wire type 5", b"\x0d\0\0\0\0"),
        ("cut off", NODE[:-1]),
        ("no hash", _node_with(encode_field(2, b"n") + encode_field(3, 4))),
        ("no name", _node_with(encode_field(1, CID) + encode_field(3, 4))),
        ("no size", _node_with(encode_field(1, CID) + encode_field(2, b"n"))),
        ("name first", _node_with(encode_field(2, b"n") + encode_field(1, CID) + encode_field(3, 4))),
        ("size as bytes", _node_with(encode_field(1, CID) + encode_field(2, b"n") + encode_field(3, b"4"))),
        ("name not UTF-8", _node_with(encode_field(1, CID) + encode_field(2, b"\xff") + encode_field(3, 4))),
        ("name too long", _node_with(encode_field(1, CID) + encode_field(2, b"n" * 256) + encode_field(3, 4))),
        ("CIDv0", _node_with(encode_field(1, CID[2:]) + encode_field(2, b"n") + encode_field(3, 4))),
        ("long varint", b"\x12\x80\x00" + encode_field(1, b"")),
    ],
)
def test_other_nodes_are_refused(why: str, data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_node(data)


def test_every_truncation_is_refused() -> None:
    for size in range(len(NODE)):
        with pytest.raises(MalformedError):
            parse_node(NODE[:size])


@given(st.binary(max_size=200) | st.binary(max_size=20).map(lambda tail: NODE + tail))
def test_any_bytes_are_a_node_or_malformed(data: bytes) -> None:
    try:
        node = parse_node(data)
    except MalformedError:
        return
    assert encode_node(node.links, node.data) == data
