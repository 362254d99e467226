"""RLP: one encoding for each value, bounds, and agreement with the `rlp` library."""

from __future__ import annotations

from typing import Any

import pytest
import rlp  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import MalformedError
from ledger.proof.rlp import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_ITEMS,
    RlpItem,
    encode_integer,
    encode_rlp,
    parse_integer,
    parse_rlp,
)
from tests.ledger.proof.vectors import Vector, assert_refused, octets, vectors

ITEMS: st.SearchStrategy[Any] = st.recursive(
    st.binary(max_size=80), lambda one: st.lists(one, max_size=6), max_leaves=30
)


def item_of(value: Any) -> RlpItem:
    return octets(value) if isinstance(value, str) else [item_of(one) for one in value]


@vectors("rlp", refused=False)
def test_a_value_has_one_encoding(vector: Vector) -> None:
    item = item_of(vector["value"])
    assert parse_rlp(octets(vector["rlp"])) == item
    assert encode_rlp(item) == octets(vector["rlp"])


@vectors("rlp", refused=True)
def test_other_encodings_are_refused(vector: Vector) -> None:
    assert_refused(vector, lambda: parse_rlp(octets(vector["rlp"])))


@given(ITEMS)
def test_reads_what_it_writes_as_the_library_does(item: RlpItem) -> None:
    data = encode_rlp(item)
    assert parse_rlp(data) == item
    assert data == rlp.encode(item)


def library_verdict(data: bytes) -> Any:
    try:
        return rlp.decode(data)
    except rlp.DecodingError:
        return None


def verdict(data: bytes) -> Any:
    try:
        return parse_rlp(data)
    except MalformedError:
        return None


def lists_of(item: Any) -> Any:
    return [lists_of(one) for one in item] if isinstance(item, (list, tuple)) else item


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_malformed_and_the_library_agrees(data: bytes) -> None:
    assert verdict(data) == lists_of(library_verdict(data))


@given(ITEMS, st.data())
def test_a_changed_encoding_is_refused_or_another_value(item: RlpItem, draw: st.DataObject) -> None:
    data = bytearray(encode_rlp(item))
    bit = draw.draw(st.integers(0, 8 * len(data) - 1))
    data[bit // 8] ^= 1 << bit % 8
    found = verdict(bytes(data))
    assert found is None or (found != item and encode_rlp(found) == data)
    assert found == lists_of(library_verdict(bytes(data)))


@given(ITEMS, st.data())
def test_a_truncated_encoding_is_refused(item: RlpItem, draw: st.DataObject) -> None:
    data = encode_rlp(item)
    assert verdict(data[: draw.draw(st.integers(0, len(data) - 1))]) is None


def test_depth_is_bounded() -> None:
    item: RlpItem = []
    for _ in range(MAX_DEPTH - 1):
        item = [item]
    assert parse_rlp(encode_rlp(item)) == item
    with pytest.raises(MalformedError, match=f"nested deeper than {MAX_DEPTH}"):
        parse_rlp(encode_rlp([item]))


def test_depth_counts_what_is_nested_not_what_stands_side_by_side() -> None:
    item: RlpItem = [[[]] for _ in range(10 * MAX_DEPTH)]
    assert parse_rlp(encode_rlp(item)) == item


def test_nesting_far_beyond_the_limit_is_refused() -> None:
    item: RlpItem = []
    for _ in range(400):
        item = [item]
    with pytest.raises(MalformedError, match="nested deeper"):
        parse_rlp(encode_rlp(item))


def test_the_number_of_items_is_bounded_over_all_lists() -> None:
    half: RlpItem = [b""] * (MAX_ITEMS // 2)
    assert parse_rlp(encode_rlp([half[:-1], half[:-1]]))
    with pytest.raises(MalformedError, match=f"more than {MAX_ITEMS} items"):
        parse_rlp(encode_rlp([half, half]))


def test_the_length_of_the_input_is_bounded() -> None:
    longest = encode_rlp(bytes(MAX_BYTES - 4))
    assert len(longest) == MAX_BYTES
    assert parse_rlp(longest)
    with pytest.raises(MalformedError, match=f"1 to {MAX_BYTES} are read"):
        parse_rlp(encode_rlp(bytes(MAX_BYTES - 3)))
    with pytest.raises(MalformedError, match="1 to 9 are read"):
        parse_rlp(bytes(10), max_bytes=9)


@given(st.integers(0, 2**256 - 1))
def test_integers_have_one_encoding(value: int) -> None:
    data = encode_integer(value)
    assert parse_integer(data, 32, "number") == value
    with pytest.raises(MalformedError):
        parse_integer(b"\0" + data, 33, "number")
    if data:
        with pytest.raises(MalformedError):
            parse_integer(data, len(data) - 1, "number")


def test_zero_is_no_byte() -> None:
    assert encode_integer(0) == b""
    assert parse_integer(b"", 8, "number") == 0
    with pytest.raises(MalformedError):
        parse_integer(b"\0", 8, "number")
