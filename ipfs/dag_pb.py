"""The dag-pb node: the few lines of protobuf that files and directories of IPFS are made of.

Source: DAG-PB specification of IPLD (links before data, in canonical order and shortest varints); UnixFS
specification, data format.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ipfs.cid import Cid, parse_cid_bytes
from ledger.errors import MalformedError

MAX_NAME_BYTES = 255
_MAX_VARINT_BYTES = 9
_VARINT, _BYTES = 0, 2


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a node.

    Attributes:
        cid: What it points to.
        name: The entry's name in a directory, UTF-8; empty in files.
        total_bytes: Size of all blocks below, the linked one included (``Tsize``).
    """

    cid: Cid
    name: str
    total_bytes: int


@dataclass(frozen=True, slots=True)
class Node:
    """A dag-pb node: links, and the UnixFS message as bytes."""

    links: tuple[Link, ...]
    data: bytes


def encode_varint(value: int) -> bytes:
    """The shortest unsigned varint of ``value`` (not negative)."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def decode_varint(data: bytes, at: int) -> tuple[int, int]:
    """Read one varint of *untrusted* ``data`` at offset ``at``.

    Returns:
        The value and the offset behind it.

    Raises:
        MalformedError: cut off, longer than 9 bytes, or not the shortest form.
    """
    value = 0
    for index, byte in enumerate(data[at : at + _MAX_VARINT_BYTES]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            if byte == 0 and index:
                raise MalformedError("varint", "not the shortest form", at)
            return value, at + index + 1
    raise MalformedError("varint", "cut off or too long", at)


def encode_field(number: int, value: int | bytes) -> bytes:
    """One protobuf field: a varint for an int, length-delimited for bytes."""
    if isinstance(value, int):
        return encode_varint(number << 3 | _VARINT) + encode_varint(value)
    return encode_varint(number << 3 | _BYTES) + encode_varint(len(value)) + value


def decode_fields(data: bytes) -> list[tuple[int, int | bytes]]:
    """Split *untrusted* protobuf into its fields (varint and length-delimited only), in order.

    Raises:
        MalformedError: another wire type, or cut off.
    """
    fields: list[tuple[int, int | bytes]] = []
    at = 0
    while at < len(data):
        tag, at = decode_varint(data, at)
        value, at = decode_varint(data, at)
        if tag & 7 == _VARINT:
            fields.append((tag >> 3, value))
            continue
        if tag & 7 != _BYTES or at + value > len(data):
            raise MalformedError("protobuf", "another wire type, or cut off", at)
        fields.append((tag >> 3, data[at : at + value]))
        at += value
    return fields


def encode_node(links: Sequence[Link], data: bytes) -> bytes:
    """The canonical bytes of a node; links stay in the order given."""
    return b"".join(encode_field(2, _encode_link(link)) for link in links) + encode_field(1, data)


def _encode_link(link: Link) -> bytes:
    name = link.name.encode()
    return encode_field(1, bytes(link.cid)) + encode_field(2, name) + encode_field(3, link.total_bytes)


def parse_node(data: bytes) -> Node:
    """Read a node.

    Args:
        data: *Untrusted*; a block of at most ``MAX_BLOCK_BYTES``, which bounds time and memory.

    Returns:
        The node; ``encode_node`` of it is ``data`` again, byte by byte.

    Raises:
        MalformedError: not dag-pb, or not in its one canonical encoding.
    """
    links: list[Link] = []
    message = b""
    for number, value in decode_fields(data):
        if number == 2 and isinstance(value, bytes):
            links.append(_parse_link(value))
        elif number == 1 and isinstance(value, bytes):
            message = value
        else:
            raise MalformedError("dag-pb node", f"unknown field {number}")
    if encode_node(links, message) != data:
        raise MalformedError("dag-pb node", "not in canonical form")
    return Node(tuple(links), message)


def _parse_link(data: bytes) -> Link:
    fields = decode_fields(data)
    if [number for number, _ in fields] != [1, 2, 3]:
        raise MalformedError("dag-pb link", "needs hash, name and size, once each and in order")
    cid, name, total_bytes = (value for _, value in fields)
    if not isinstance(cid, bytes) or not isinstance(name, bytes) or not isinstance(total_bytes, int):
        raise MalformedError("dag-pb link", "a field has another type")
    if len(name) > MAX_NAME_BYTES:
        raise MalformedError("dag-pb link", f"a name is longer than {MAX_NAME_BYTES} bytes")
    try:
        return Link(parse_cid_bytes(cid), name.decode(), total_bytes)
    except UnicodeDecodeError:
        raise MalformedError("dag-pb link", "a name is not UTF-8") from None
