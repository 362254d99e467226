"""Whether a text is one whole JSON value: read piece by piece, so that its size does not matter.

The state of a chain grows with its history. To take it apart as objects would need many times its size in memory; to
know that nothing is missing, it is enough to follow its grammar.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from enum import Enum, auto
from functools import cache
from typing import BinaryIO

from ledger.errors import MalformedError

_PIECE_BYTES = 1024 * 1024
_LONGEST_REST = 4096
"""Nothing but strings and blanks, which are taken in parts, is longer."""

_AT_ONCE = 2
"""Values nested no deeper are taken in at once: it is four times as quick."""

_BLANK = r"[ \t\n\r]"
_PART = r'(?:[^"\\\x00-\x1f]++|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})'
_STRING = rf'"{_PART}*+"'
_PLAIN = rf"(?:-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+|true|false|null)(?={_BLANK}|[,\]}}])"
_NAME = rf"{_BLANK}*+{_STRING}{_BLANK}*+:"
_NOTHING = r"(?!)"


class _Place(Enum):
    """What may come next."""

    VALUE = auto()
    FIRST_ITEM = auto()
    ITEM = auto()
    FIRST_NAME = auto()
    NAME = auto()
    IN_NAME = auto()
    IN_VALUE = auto()
    COLON = auto()
    REST_OF_LIST = auto()
    REST_OF_OBJECT = auto()
    END = auto()


_AFTER_RUN = {_Place.FIRST_ITEM: _Place.ITEM, _Place.FIRST_NAME: _Place.NAME}


def verify_whole_json(stream: BinaryIO) -> None:
    """Prove that a stream is one JSON value from its beginning to its end, in UTF-8.

    Holds a few pieces of 1 MiB at a time, and one byte for each list or object that is open.

    Raises: MalformedError, where the text breaks off, goes on after its end, or is no JSON.
    Source: RFC 8259.
    """
    text, rest = _Text(), ""
    try:
        for piece in _pieces(stream):
            rest = text.take(rest + piece)
            if len(rest) > _LONGEST_REST:
                raise MalformedError("JSON", f"not readable from {rest[:20]!r} on")
    except UnicodeDecodeError as error:
        raise MalformedError("JSON", f"not UTF-8: {error.reason}") from None
    if rest or not text.is_whole:
        raise MalformedError("JSON", "it breaks off, or goes on after its end")


def _pieces(stream: BinaryIO) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    while piece := stream.read(_PIECE_BYTES):
        yield decoder.decode(piece)
    yield decoder.decode(b"", final=True) + "\n"  # a number ends with the text too


class _Text:
    """Where a text stands, and which brackets have to be closed."""

    def __init__(self) -> None:
        self._expected, self._place, self._open = _expected(), _Place.VALUE, bytearray()

    @property
    def is_whole(self) -> bool:
        return self._place is _Place.END

    def take(self, text: str) -> str:
        """Take in as much as fits; return the rest, which more text may complete."""
        at = 0
        while (found := self._expected[self._place].match(text, at)) is not None:
            at = found.end()
            if found["run"] is not None:
                self._place = _AFTER_RUN.get(self._place, self._place)
            elif found["mark"] is not None:
                self._place = self._after(found["mark"])
        return text[at:]

    def _after(self, mark: str) -> _Place:
        match mark:
            case "{" | "[":
                self._open.append(ord(mark))
                return _Place.FIRST_NAME if mark == "{" else _Place.FIRST_ITEM
            case "}" | "]":
                self._open.pop()
                return self._after_value()
            case '"':
                return self._after_quote()
            case ":":
                return _Place.VALUE
            case ",":
                return _Place.NAME if self._open.endswith(b"{") else _Place.ITEM
            case _:
                return self._after_value()

    def _after_quote(self) -> _Place:
        match self._place:
            case _Place.IN_NAME:
                return _Place.COLON
            case _Place.IN_VALUE:
                return self._after_value()
            case _Place.NAME | _Place.FIRST_NAME:
                return _Place.IN_NAME
            case _:
                return _Place.IN_VALUE

    def _after_value(self) -> _Place:
        if not self._open:
            return _Place.END
        return _Place.REST_OF_OBJECT if self._open.endswith(b"{") else _Place.REST_OF_LIST


@cache
def _expected() -> dict[_Place, re.Pattern[str]]:
    """What fits at each place; made when it is first needed, because it takes 20 ms."""
    item = _value(_AT_ONCE)
    items, members = rf"(?:{item},)++", rf"(?:{_NAME}{item},)++"
    in_string = re.compile(rf'(?P<run>{_PART}++)|(?P<mark>")')
    return {
        _Place.VALUE: _after_blanks(rf'["{{\[]|{_PLAIN}'),
        _Place.FIRST_ITEM: _after_blanks(rf'["{{\[\]]|{_PLAIN}', items),
        _Place.ITEM: _after_blanks(rf'["{{\[]|{_PLAIN}', items),
        _Place.FIRST_NAME: _after_blanks(r'["}]', members),
        _Place.NAME: _after_blanks(r'"', members),
        _Place.IN_NAME: in_string,
        _Place.IN_VALUE: in_string,
        _Place.COLON: _after_blanks(":"),
        _Place.REST_OF_LIST: _after_blanks(r"[,\]]"),
        _Place.REST_OF_OBJECT: _after_blanks("[,}]"),
        _Place.END: _after_blanks(_NOTHING),
    }


def _after_blanks(mark: str, run: str = _NOTHING) -> re.Pattern[str]:
    """A mark after blanks; or a run of values or members, each with its comma; or blanks alone."""
    return re.compile(rf"(?P<run>{run})|{_BLANK}*+(?P<mark>{mark})|{_BLANK}++")


def _value(depth: int) -> str:
    """A value in which lists and objects are nested at most so deep, with the blanks around it."""
    if depth == 0:
        return rf"{_BLANK}*+(?:{_STRING}|{_PLAIN}){_BLANK}*+"
    item = _value(depth - 1)
    items, members = (rf"(?:{one}(?:,{one})*+|{_BLANK}*+)" for one in (item, _NAME + item))
    return rf"{_BLANK}*+(?:{_STRING}|{_PLAIN}|\[{items}\]|{{{members}}}){_BLANK}*+"
