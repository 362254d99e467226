"""What witnesses hand out about a trust file's successor: one encoding, bounded, and nothing that is believed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ledger.errors import MalformedError, UntrustedError
from ledger.strict_json import canonical_json
from light_node.succession.published import (
    MAX_BYTES,
    Published,
    check_published,
    encode_published,
    parse_published,
)
from light_node.succession.rules import digest_of
from tests.light_node.succession.making import A, B, C, D, note, signed

ONE = Published((signed(A, B),), B)
TWO = Published((signed(A, B), signed(A, C)), B)
VALUE: dict[str, Any] = json.loads(encode_published(ONE))


def changed(**members: Any) -> bytes:
    return canonical_json(VALUE | members)


def test_it_comes_back_as_it_was() -> None:
    for one in (ONE, TWO):
        assert parse_published(encode_published(one)) == one


def test_what_is_no_answer_to_the_question_is_refused() -> None:
    check_published(ONE, digest_of(A))
    for published, old in (
        (ONE, digest_of(B)),
        (Published((signed(A, B),), C), digest_of(A)),
        (Published((signed(B, C),), C), digest_of(A)),
    ):
        with pytest.raises(UntrustedError):
            check_published(published, old)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 5000,
        note(A, B),
        encode_published(ONE)[:-1],
        encode_published(ONE) + b"\n",
        json.dumps(VALUE).encode(),
        changed(type="application/json"),
        changed(version=2),
        changed(version=True),
        changed(notes=[]),
        changed(notes="x"),
        changed(notes=[""]),
        changed(notes=[1]),
        changed(notes=[note(A, one).decode() for one in (B, C, D)]),
        changed(notes=[note(A, B).decode()] * 2),
        changed(notes=[note(A, B).decode(), note(B, C).decode()]),
        changed(notes=[note(A, B).decode()[:-3]]),
        changed(successor=None),
        changed(successor={}),
        changed(successor=VALUE["successor"] | {"k": 1}),
        changed(more=1),
        canonical_json({name: one for name, one in VALUE.items() if name != "successor"}),
    ],
)
def test_what_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_published(data)


def test_what_is_too_long_is_neither_read_nor_written() -> None:
    with pytest.raises(MalformedError):
        parse_published(changed(notes=["x" * MAX_BYTES]))
    with pytest.raises(MalformedError):
        parse_published(encode_published(ONE) + b" " * MAX_BYTES)


@pytest.mark.parametrize("change", [lambda _: TWO.notes[:0], lambda notes: notes * 2, lambda notes: (*notes, *notes)])
def test_what_no_reader_takes_is_not_written(change: Callable[[Any], Any]) -> None:
    with pytest.raises(MalformedError):
        encode_published(Published(change(ONE.notes), B))


def test_each_bit_matters_or_is_refused() -> None:
    data = encode_published(TWO)
    for place in range(0, len(data), 3):
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        try:
            found = parse_published(bytes(flipped))
        except MalformedError:
            continue
        assert encode_published(found) == bytes(flipped) != data
