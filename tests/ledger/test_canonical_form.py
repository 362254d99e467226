"""JSON that must be its own canonical encoding: told from the text, and compared with writing it again."""

from __future__ import annotations

import json
import sys
import tracemalloc
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import MalformedError
from ledger.event import Json
from ledger.json_shape import BYTES_A_VALUE, SMALL_BYTES, check_density
from ledger.strict_json import MAX_DEPTH, canonical_json, parse_canonical_json, parse_json

MAX_BYTES = 1024 * 1024
TEXT = st.text(st.one_of(st.sampled_from('"\\/ \n\r\t\b\f\0\x1f\x7f\x80é—🔋,:[]{}0-'), st.characters(codec="utf-8")))
VALUES = st.recursive(
    TEXT | st.integers(-(2**53) + 1, 2**53 - 1) | st.booleans() | st.none(),
    lambda children: st.lists(children) | st.dictionaries(TEXT, children),
)


def parse(data: bytes) -> Json:
    return parse_canonical_json(data, what="it", max_bytes=MAX_BYTES, max_depth=MAX_DEPTH)


def slow(data: bytes) -> Json:
    """What ``parse_canonical_json`` does, by writing again what was read."""
    value = parse_json(data, what="it", max_bytes=MAX_BYTES, max_depth=MAX_DEPTH)
    if canonical_json(value) != data or has_float(value):
        raise MalformedError("it", "not canonical")
    return value


def has_float(value: Json) -> bool:
    if isinstance(value, dict):
        return any(map(has_float, value.values()))
    return any(map(has_float, value)) if isinstance(value, list) else isinstance(value, float)


def assert_alike(data: bytes) -> bool:
    """Both read it, as the same, or neither does; returns whether they did."""
    try:
        expected = slow(data)
    except MalformedError:
        with pytest.raises(MalformedError):
            parse(data)
        return False
    assert parse(data) == expected
    return True


@given(VALUES)
def test_what_is_written_canonically_is_read(value: Any) -> None:
    try:
        data = canonical_json(value)
        parse_json(data)
    except MalformedError:  # a noncharacter
        return
    assert assert_alike(data)


@given(
    VALUES,
    st.integers(0),
    st.sampled_from([b" ", b"\n", b"\t", b"\r", b"\\", b'"', b"0", b"-0", b",", b"\\u0041", b"\\/"]),
)
def test_one_thing_more_anywhere_is_read_only_where_it_is_canonical(value: Any, place: int, more: bytes) -> None:
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    at = place % (len(data) + 1)
    assert_alike(data[:at] + more + data[at:])


@given(VALUES, st.booleans(), st.booleans(), st.booleans())
def test_other_ways_to_write_the_same_are_refused(value: Any, spaced: bool, escaped: bool, ordered: bool) -> None:
    separators = (", ", ": ") if spaced else (",", ":")
    assert_alike(json.dumps(value, ensure_ascii=escaped, separators=separators, sort_keys=ordered).encode())


@given(st.binary(max_size=200) | st.text('{}[]",:\\ua0-1e.\n tnrb', max_size=60).map(str.encode))
def test_any_bytes_are_read_alike(data: bytes) -> None:
    assert_alike(data)


@pytest.mark.parametrize(
    "data",
    [
        b"[1, 2]",
        b" 1",
        b"1\n",
        b'{"a" :1}',
        b'{"a":1,"a":1}',
        b'{"b":1,"a":1}',
        '{"é":1,"z":1}'.encode(),
        b"-0",
        b"[-0]",
        b"1.0",
        b"1e3",
        b"9007199254740992",
        b"01",
        b"+1",
        b'"\\/"',
        b'"\\u0041"',
        b'"\\u000a"',
        b'"\\u001F"',
        b'"\\u007f"',
        b'"\\u00e9"',
        b'"\\ud83d\\udd0b"',
        b'"\\\\\\u0041"',
        b'"\\',
        b'"\\u12',
        b'"\\x"',
        b'"\x7f" ',
        b'"a" "b"',
        b'"\n"',
        b"\xef\xbb\xbf1",
        b"NaN",
        b"",
    ],
)
def test_what_is_not_canonical_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse(data)
    with pytest.raises(MalformedError):
        slow(data)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":{"b":[]},"z":[" ","{","\\\\","\\"",""," , "]}',
        '"\\u0000\\u0007\\b\\t\\n\\u000b\\f\\r\\u000e\\u001f \x7f/é"'.encode(),
        b'"\\\\u0041"',
        b'["\\\\","\\\\"," "]',
        b'["\\""," ","\\""]',
        # by UTF-16, a surrogate pair comes before the last characters of the first plane
        '{"🔋":1,"\uff5e":2}'.encode(),
    ],
)
def test_what_is_canonical_is_read(data: bytes) -> None:
    assert parse(data) == slow(data)


def test_names_beyond_the_first_plane_stand_in_the_order_of_utf_16() -> None:
    with pytest.raises(MalformedError, match="names that are not in order"):
        parse('{"\uff5e":2,"🔋":1}'.encode())


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_what_is_too_deep_is_refused(opening: bytes) -> None:
    with pytest.raises(MalformedError, match=f"deeper than {MAX_DEPTH}"):
        parse(opening * (MAX_DEPTH + 1))
    with pytest.raises(MalformedError, match="deeper"):
        parse(opening * 10_000)


@pytest.mark.parametrize("value", [b"0", b"[]", b"{}", b'"[[["', b'",,,"'])
def test_what_is_too_dense_is_refused_before_it_is_read(value: bytes) -> None:
    many = b"[" + b",".join([value] * (MAX_BYTES // (len(value) + 2))) + b"]"
    tracemalloc.start()
    with pytest.raises(MalformedError, match=f"more than one value in {BYTES_A_VALUE} bytes"):
        parse(many)
    assert tracemalloc.get_traced_memory()[1] < 4 * len(many)
    tracemalloc.stop()
    with pytest.raises(MalformedError, match="more than one value"):
        check_density(many, "it")


def test_what_is_small_may_be_dense() -> None:
    small = b"[" + b",".join([b"0"] * 1000) + b"]"
    assert len(small) < SMALL_BYTES
    assert parse(small) == cast(Json, [0] * 1000)


def test_white_space_and_escapes_in_strings_take_little_memory() -> None:
    for piece in (b" ", b"\\n", b"\\\\", b'\\"', b"\\u001f"):
        data = b'"' + piece * (MAX_BYTES // len(piece) - 2) + b'"'
        tracemalloc.start()
        parse(data)
        assert tracemalloc.get_traced_memory()[1] < 6 * MAX_BYTES
        tracemalloc.stop()


@pytest.mark.parametrize("piece", [b"\\n", b"\\\\", b'\\"', b"\\u001f"])
def test_escapes_are_not_looked_at_one_by_one(piece: bytes) -> None:
    """That took twenty times as long as reading them: five seconds for the longest file."""
    data, steps = b'"' + piece * 10_000 + b'"', list[str]()
    sys.setprofile(lambda _, event, __: steps.append(event))
    try:
        parse(data)
    finally:
        sys.setprofile(None)
    assert len(steps) < 200
