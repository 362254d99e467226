"""Strict JSON: what is refused, how long it takes, and the vectors of RFC 8785."""

from __future__ import annotations

import json
import math
import struct
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import MalformedError
from ledger.json_shape import MAX_CONTAINERS, check_depth
from ledger.strict_json import MAX_BYTES, MAX_DEPTH, MAX_INTEGER, canonical_json, parse_json

# RFC 8785, appendix B: IEEE 754 bits, ECMAScript text
NUMBERS = [
    ("0000000000000000", "0"),
    ("8000000000000000", "0"),
    ("0000000000000001", "5e-324"),
    ("8000000000000001", "-5e-324"),
    ("7fefffffffffffff", "1.7976931348623157e+308"),
    ("ffefffffffffffff", "-1.7976931348623157e+308"),
    ("4340000000000000", "9007199254740992"),
    ("c340000000000000", "-9007199254740992"),
    ("4430000000000000", "295147905179352830000"),
    ("44b52d02c7e14af5", "9.999999999999997e+22"),
    ("44b52d02c7e14af6", "1e+23"),
    ("44b52d02c7e14af7", "1.0000000000000001e+23"),
    ("444b1ae4d6e2ef4e", "999999999999999700000"),
    ("444b1ae4d6e2ef4f", "999999999999999900000"),
    ("444b1ae4d6e2ef50", "1e+21"),
    ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
    ("3eb0c6f7a0b5ed8d", "0.000001"),
    ("41b3de4355555553", "333333333.3333332"),
    ("41b3de4355555554", "333333333.33333325"),
    ("41b3de4355555555", "333333333.3333333"),
    ("41b3de4355555556", "333333333.3333334"),
    ("41b3de4355555557", "333333333.33333343"),
    ("becbf647612f3696", "-0.0000033333333333333333"),
    ("43143ff3c1cb0959", "1424953923781206.2"),
]


@pytest.mark.parametrize(("bits", "text"), NUMBERS)
def test_numbers_are_written_as_ecmascript_does(bits: str, text: str) -> None:
    (value,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical_json(value).decode() == text


def test_the_sample_of_the_standard() -> None:
    source = (
        b'{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],'
        b'"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}'
    )
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    assert canonical_json(parse_json(source)).decode() == expected


def test_names_are_sorted_by_their_utf16_units() -> None:
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    found = json.loads(canonical_json(dict.fromkeys(names)))
    assert list(found) == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


@pytest.mark.parametrize("character", [chr(code) for code in (*range(0x20), 0x22, 0x5C, 0x7F, 0x2028, 0x1F600)])
def test_characters_are_escaped_only_where_they_must_be(character: str) -> None:
    short = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
    escaped = short.get(character, f"\\u{ord(character):04x}" if character < " " else character)
    assert canonical_json(character).decode() == f'"{escaped}"'


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        MAX_INTEGER + 1,
        -MAX_INTEGER - 1,
        "\ud800",
        {"\udfff": 1},
        {1: 2},
        {None: 2},
        b"bytes",
        (1, 2),
        {"a": {1, 2}},
    ],
)
def test_what_is_not_json_is_not_written(value: Any) -> None:
    with pytest.raises(MalformedError):
        canonical_json(value)


def test_a_value_nested_beyond_reason_is_not_written() -> None:
    value: Any = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(MalformedError):
        canonical_json(value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"{",
        b"[1,]",
        b"{'a':1}",
        b'{"a":1,}',
        b"{a:1}",
        b"[1] x",
        b"01",
        b"+1",
        b".5",
        b"1.",
        b"0x10",
        b"1_000",
        b"NaN",
        b"[Infinity]",
        b"-Infinity",
        b"nul",
        b"// x\n1",
        b'"\x01"',
        b'"\n"',
        b'"\\x41"',
        b'"\\u12"',
        b'"abc',
        b"\xef\xbb\xbf{}",
        b"\xff",
        b'"\xc3"',
        b'"\xc0\x80"',
        b'"\xed\xa0\x80"',
        "{}".encode("utf-16"),
        b'"\\ud800"',
        b'{"\\udc00": 1}',
        b'"\\udc00\\ud800"',
        b'"\\uffff"',
        b'"\\ufdd0"',
        b'{"\xf0\x9f\xbf\xbe": 1}',
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b'[{"b":{"a":1,"a":2}}]',
        b"9007199254740992",
        b"-9007199254740992",
        b"123456789012345678901234567890",
        b"9007199254740992.0",
        b"1e20",
        b"1e309",
        b"-1e999",
        b"1" * 41,
        b"0." + b"1" * 40,
        b"1e" + b"9" * 5000,
        b"9" * 5000,
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1),
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_json(data)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"9007199254740991", MAX_INTEGER),
        (b"-9007199254740991", -MAX_INTEGER),
        (b"-0", 0),
        (b"1e21", 1e21),
        (b"1e300", 1e300),
        (b"9007199254740991.0", 9007199254740991.0),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'"\\u0000"', "\x00"),
        (b'"[[[[{{{{\\"[["', '[[[[{{{{"[['),
        (b" \t\r\n[ ] ", []),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, None),
    ],
)
def test_what_is_at_the_limit_is_read(data: bytes, value: object) -> None:
    found = parse_json(data)
    assert value is None or found == value


def test_limits_are_the_callers() -> None:
    with pytest.raises(MalformedError, match="at most 3"):
        parse_json(b"[10]", max_bytes=3)
    with pytest.raises(MalformedError, match="deeper than 1"):
        parse_json(b"[[]]", max_depth=1)
    with pytest.raises(MalformedError, match="malformed passport"):
        parse_json(b"{", what="passport")


def test_errors_do_not_echo_long_input() -> None:
    name = b"x" * 100_000
    with pytest.raises(MalformedError) as caught:
        parse_json(b'{"' + name + b'":1,"' + name + b'":2}')
    assert len(str(caught.value)) < 300


HOSTILE = {
    "open brackets": b"[" * MAX_BYTES,
    "empty objects": b"[" + b"{}," * (MAX_BYTES // 3 - 1) + b"{}]",
    "nested pairs": b"[" + b"[[]]," * (MAX_BYTES // 5 - 1) + b"1]",
    "quotes": b'"' * MAX_BYTES,
    "backslashes": b'"' + b"\\" * (MAX_BYTES - 1),
    "escaped quotes": b'"' + b'\\"' * (MAX_BYTES // 2 - 1),
    "digits": b"1" * MAX_BYTES,
    "exponent": b"1e" + b"1" * (MAX_BYTES - 2),
    "blanks": b" " * MAX_BYTES,
    "one name again and again": b"{" + b'"a":1,' * 2_000_000 + b'"a":1}',
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_input_is_refused_in_bounded_time(data: bytes) -> None:
    started = time.process_time()
    with pytest.raises(MalformedError):
        parse_json(data)
    assert time.process_time() - started < 10


def test_the_number_of_containers_is_bounded() -> None:
    assert len(parse_json(b"[" + b"[]," * (MAX_CONTAINERS - 2) + b"[]]")) == MAX_CONTAINERS - 1  # type: ignore[arg-type]
    with pytest.raises(MalformedError, match="arrays and objects"):
        parse_json(b"[" + b"[]," * MAX_CONTAINERS + b"[]]")


def test_too_many_bytes_are_refused_unread() -> None:
    with pytest.raises(MalformedError, match="bytes"):
        parse_json(b"[" * (MAX_BYTES + 1))


TEXT = st.text(
    st.characters(exclude_categories=["Cs"]).filter(
        lambda c: ord(c) & 0xFFFE != 0xFFFE and not 0xFDD0 <= ord(c) <= 0xFDEF
    )
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda x: not MAX_INTEGER < abs(x) < 1e21)
    | TEXT,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(TEXT, children, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_canonical_form_is_read_back_and_is_its_own_canonical_form(value: Any) -> None:
    written = canonical_json(value)
    found = parse_json(written)
    assert found == value
    assert canonical_json(found) == written
    assert json.loads(written) == value


@given(st.binary(max_size=80))
def test_no_bytes_do_more_than_be_refused(data: bytes) -> None:
    try:
        value = parse_json(data)
    except MalformedError:
        return
    assert parse_json(canonical_json(value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_read_back_to_the_same_bits(value: float) -> None:
    assert float(canonical_json(value)) == value


NONCHARACTERS = [
    *range(0xFDD0, 0xFDF0),
    *(plane << 16 | end for plane in range(17) for end in (0xFFFE, 0xFFFF)),
]


@pytest.mark.parametrize("code", NONCHARACTERS)
def test_no_noncharacter_is_read_however_it_is_written(code: int) -> None:
    for text in (f'["{chr(code)}"]', json.dumps([chr(code)]), f'{{"{chr(code)}":1}}'):
        with pytest.raises(MalformedError, match="noncharacter"):
            parse_json(text.encode())


@pytest.mark.parametrize("code", [0xE000, 0xFDCF, 0xFDF0, 0xFFFD, 0x10000, 0x1F50B, 0x1FFFD, 0x10FFFD])
def test_its_neighbours_are_read(code: int) -> None:
    for text in (f'"{chr(code)}"', json.dumps(chr(code))):
        assert parse_json(text.encode()) == chr(code)


def is_too_deep(text: str, most: int) -> bool:
    """Count character by character."""
    depth, within, escaped = 0, False, False
    for character in text:
        if within:
            within, escaped = (escaped or character != '"'), (character == "\\" and not escaped)
        elif character == '"':
            within = True
        else:
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(character, 0)
            if depth > most:
                return True
    return False


@given(st.recursive(TEXT, lambda children: st.lists(children) | st.dictionaries(TEXT, children)), st.integers(0, 6))
def test_depth_is_counted_outside_of_strings(value: Any, most: int) -> None:
    text = json.dumps(value, ensure_ascii=False)
    if is_too_deep(text, most):
        with pytest.raises(MalformedError, match=f"deeper than {most}"):
            check_depth(text.encode(), "it", most)
    else:
        check_depth(text.encode(), "it", most)


@given(st.text('[]{}"\\,1a', max_size=40), st.integers(0, 3))
def test_depth_of_anything_is_bounded_as_far_as_a_parser_would_come(text: str, most: int) -> None:
    try:
        json.loads(text)
        read = text
    except json.JSONDecodeError as error:
        read = text[: error.pos]
    if is_too_deep(read, most):
        with pytest.raises(MalformedError, match="deeper"):
            check_depth(text.encode(), "it", most)


BUSY = {
    "short strings": b"[" * 9 + b'"a" ,' * 50_000,
    "strings of brackets": b"[" * 9 + b'"[[" ,' * 50_000,
    "escapes": b"[" * 9 + b'"' + b'\\"aa' * 50_000,
    "empty strings": b"[" * 9 + b'"",' * 50_000,
}


@pytest.mark.parametrize("data", BUSY.values(), ids=BUSY.keys())
def test_depth_is_measured_in_little_memory(data: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(MalformedError, match="deeper than 8"):
            check_depth(data, "it", 8)
        assert tracemalloc.get_traced_memory()[1] < 3 * len(data)
    finally:
        tracemalloc.stop()
