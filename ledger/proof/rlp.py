"""RLP as Ethereum writes it: one encoding for each value, and bounds on what is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from ledger.errors import MalformedError

RlpItem: TypeAlias = "bytes | list[RlpItem]"
RlpInput: TypeAlias = "bytes | Sequence[RlpInput]"

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 16
MAX_ITEMS = 65_536
_WHAT = "RLP"
_WORD_BYTES = 32
_WORD = 0x80 + _WORD_BYTES


def parse_rlp(data: bytes, *, max_bytes: int = MAX_BYTES) -> RlpItem:
    """Parse exactly one item.

    Args:
        data: *Untrusted*.
        max_bytes: Longest input, in bytes.

    Returns:
        Bytes, or a list of items, nested at most ``MAX_DEPTH`` deep, with at most ``MAX_ITEMS`` items in all;
        ``encode_rlp`` of it is ``data``.

    Raises:
        MalformedError: Anything else, also another encoding of the same value.

    Source: Ethereum Yellow Paper, appendix B.
    """
    if not 0 < len(data) <= max_bytes:
        raise MalformedError(_WHAT, f"{len(data)} bytes, 1 to {max_bytes} are read")
    is_list, start, end = _extent(data, 0, len(data))
    if end != len(data):
        raise MalformedError(_WHAT, f"{len(data) - end} bytes after the item", end)
    return _parse_items(data, start, end, [MAX_DEPTH, MAX_ITEMS]) if is_list else data[start:end]


def parse_integer(data: bytes, max_bytes: int, what: str) -> int:
    """Read an unsigned integer: big-endian, without leading zero bytes; zero is empty.

    Args:
        data: *Untrusted*; payload of an item.
        max_bytes: Longest payload.
        what: Name for error messages.

    Raises:
        MalformedError: Too long, or a leading zero.
    """
    if len(data) > max_bytes or data[:1] == b"\0":
        raise MalformedError(what, f"not an integer of at most {max_bytes} bytes without leading zeros")
    return int.from_bytes(data, "big")


def encode_rlp(item: RlpInput) -> bytes:
    """Encode bytes, or a sequence of items."""
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < 0x80:
            return item
        return _prefix(len(item), 0x80) + item
    payload = b"".join([encode_rlp(one) for one in item])
    return _prefix(len(payload), 0xC0) + payload


def encode_integer(value: int) -> bytes:
    """Write an unsigned integer as ``parse_integer`` reads it."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _prefix(length: int, offset: int) -> bytes:
    if length < 56:
        return bytes((offset + length,))
    digits = encode_integer(length)
    return bytes((offset + 55 + len(digits),)) + digits


def _parse_items(data: bytes, at: int, end: int, left: list[int]) -> list[RlpItem]:
    """Parse the items from ``at`` to ``end``; ``left`` holds how much depth and how many items may still come."""
    left[0] -= 1
    if left[0] < 0:
        raise MalformedError(_WHAT, f"nested deeper than {MAX_DEPTH}", at)
    items: list[RlpItem] = []
    while at < end:
        left[1] -= 1
        if left[1] < 0:
            raise MalformedError(_WHAT, f"more than {MAX_ITEMS} items", at)
        if data[at] == _WORD and at + _WORD_BYTES < end:  # most items of a proof: spare them the general way
            items.append(data[at + 1 : at + 1 + _WORD_BYTES])
            at += 1 + _WORD_BYTES
            continue
        is_list, start, stop = _extent(data, at, end)
        items.append(_parse_items(data, start, stop, left) if is_list else data[start:stop])
        at = stop
    left[0] += 1
    return items


def _extent(data: bytes, at: int, end: int) -> tuple[bool, int, int]:
    """Return whether the item at ``at`` is a list, and from where to where its payload goes."""
    first = data[at]
    if first < 0x80:
        return False, at, at + 1
    is_list = first >= 0xC0
    length = first - (0xC0 if is_list else 0x80)
    start = at + 1
    if length > 55:
        start += length - 55
        length = _long_length(data, at + 1, start, end)
    stop = start + length
    if stop > end:
        raise MalformedError(_WHAT, "an item that goes beyond its end", at)
    if length == 1 and not is_list and data[start] < 0x80:
        raise MalformedError(_WHAT, "a single byte below 0x80 with a length", at)
    return is_list, start, stop


def _long_length(data: bytes, at: int, start: int, end: int) -> int:
    if start > end:
        raise MalformedError(_WHAT, "a length that goes beyond its end", at)
    length = int.from_bytes(data[at:start], "big")
    if data[at] == 0 or length < 56:
        raise MalformedError(_WHAT, "a length that is not in its shortest form", at)
    return length
