"""Whole JSON or not, told in pieces: the same verdict as a parser's, wherever the pieces end; and in bounded memory."""

from __future__ import annotations

import io
import json
import tracemalloc
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.chain import whole_json
from ledger.chain.whole_json import verify_whole_json
from ledger.errors import MalformedError

MIB = 1024 * 1024
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
TEXTS = st.builds(
    lambda value, indent, plain: json.dumps(value, indent=indent, ensure_ascii=plain),
    VALUES,
    st.sampled_from([None, 1]),
    st.booleans(),
)
PIECES = st.integers(1, 9)


def is_whole(data: bytes, piece_bytes: int = MIB) -> bool:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole_json, "_PIECE_BYTES", piece_bytes)
        try:
            verify_whole_json(io.BytesIO(data))
        except MalformedError:
            return False
    return True


def is_json(data: bytes) -> bool:
    def no_number(name: str) -> NoReturn:
        raise ValueError(name)

    try:
        json.loads(data.decode("utf-8"), parse_constant=no_number)
    except ValueError:
        return False
    return True


@given(TEXTS, PIECES)
def test_a_whole_text_is_whole_wherever_its_pieces_end(text: str, piece_bytes: int) -> None:
    assert is_whole(text.encode(), piece_bytes)


@given(TEXTS, st.data(), PIECES)
def test_a_text_that_is_cut_off_gets_the_verdict_of_a_parser(text: str, data: st.DataObject, piece_bytes: int) -> None:
    whole = text.encode()
    part = whole[: data.draw(st.integers(0, len(whole)))]
    assert is_whole(part, piece_bytes) == is_json(part)


@given(TEXTS, st.data(), PIECES)
def test_a_text_with_a_change_gets_the_verdict_of_a_parser(text: str, data: st.DataObject, piece_bytes: int) -> None:
    whole = bytearray(text.encode())
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place : place + data.draw(st.integers(0, 2))] = data.draw(
        st.sampled_from([b"", b"\0", b",", b":", b'"', b"\\", b"]", b"}", b"[", b"{", b"0", b".", b"-", b" ", b"\xff"])
    )
    assert is_whole(bytes(whole), piece_bytes) == is_json(bytes(whole))


@pytest.mark.parametrize("piece_bytes", [1, 3, MIB])
@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "{",
            "[",
            '"',
            "[1",
            "[1,",
            "[1,]",
            "[,1]",
            '{"a"',
            '{"a":',
            '{"a":1',
            '{"a":1,',
            '{"a":1,}',
            "{1:2}",
        ),
        *('{"a" 1}', '{"a":1 "b":2}', "[1 2]", "]", "[]]", "[}", "{]", '{"a":[}', "[] []", "{}x", "tru", "truefalse"),
        *(
            "01",
            "-",
            "1.",
            ".5",
            "1e",
            "+1",
            "0x1",
            "NaN",
            "Infinity",
            "[-Infinity]",
            "'a'",
            '"\\x"',
            '"\\u12"',
            '"\\"',
        ),
        *('"a\nb"', '["a\tb"]', "[[[1,[2,]]]]", '{"a":{"b":{"c":{"d":1,}}}}', "\ufeff{}", "//\n{}", "[1,\0]", "\v1"),
    ],
)
def test_what_is_no_json_is_refused(text: str, piece_bytes: int) -> None:
    assert not is_whole(text.encode(), piece_bytes)


@pytest.mark.parametrize("tail", [b"\xc3", b'"\xff"', b'"\xed\xa0\x80"'])
def test_what_is_not_utf_8_is_refused(tail: bytes) -> None:
    assert not is_whole(b"[" + tail + b"]")
    assert not is_whole(b'"' + tail)


@pytest.mark.parametrize("torn", [b"\0" * MIB, b"1" * MIB, b'"abc' * MIB, b"[" * MIB, b"\\" * MIB])
def test_a_large_torn_dump_is_refused(torn: bytes) -> None:
    assert not is_whole(b'{"accounts":{"0x00":' + torn)


@pytest.mark.parametrize(
    "text",
    [
        b"[" + b'{"storage":{"0x01":"%s","list":[1,null,[true]]}},' % (b"ab" * 500) * 16_000 + b"0]",
        b'{"input":"0x' + b"ab" * (8 * MIB) + b'"}',
        b"[" + b" " * (16 * MIB) + b"]",
    ],
    ids=["many values", "one long string", "blanks"],
)
def test_a_large_text_is_not_held(text: bytes) -> None:
    stream = io.BytesIO(text)
    verify_whole_json(io.BytesIO(b"[]"))
    tracemalloc.start()
    try:
        verify_whole_json(stream)
        held = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(text) > 14 * MIB
    assert held < 8 * MIB
