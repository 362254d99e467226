"""What JSON text shows before anything parses it: how deep and dense it is, and whether in a second form. Pure.

Whoever gives JSON decides what stands in it: nothing but small values takes thirty times its length to read.
"""

from __future__ import annotations

import re

from ledger.errors import MalformedError

MAX_CONTAINERS = 500_000
BYTES_A_VALUE = 24
"""A node's events and proofs have over 40 bytes a value, evidence over 150; bare leaves alone have 29."""
NOT_CANONICAL = "not the canonical encoding of its content"
SMALL_BYTES = 64 * 1024
"""What is no longer can do no harm."""

_SHORT_BYTES = 4096
"""Up to here counting brackets takes less than leaving all else out."""
_QUOTE, _OPENING, _SPACE = ord('"'), frozenset(b"[{"), b" \t\r\n"
_ESCAPED_MARK = re.compile(rb'\\["\\]')
_NOT_NEEDED = re.compile(rb"\\(?![bfnrt]|u00(?:0[0-7bef]|1[0-9a-f]))")
"""An escape that RFC 8785, 3.2.2.2, does not write, where those of quotes and of themselves are left out."""
_NO_MARKS = bytes(set(range(256)) - set(b'"[]{},' + _SPACE))


def check_depth(data: bytes, what: str, max_depth: int) -> None:
    """Refuse JSON that nests too deeply, or in too many arrays and objects.

    Args:
        data: *Untrusted*.
        what: Name for error messages.
        max_depth: Deepest nesting that is allowed.

    Raises: MalformedError.
    """
    if len(data) > _SHORT_BYTES or data.count(b"[") + data.count(b"{") > max_depth:  # even if each opened a container
        _check_nesting(_marks(data).translate(None, _SPACE), what, max_depth)


def check_density(data: bytes, what: str) -> None:
    """Refuse JSON that holds more values than evidence or a node's answer of its length can.

    Args:
        data: *Untrusted*.
        what: Name for error messages.

    Raises: MalformedError.
    """
    if len(data) > SMALL_BYTES:
        _check_density(data, len(data), what)


def check_one_form(data: bytes, what: str, max_depth: int) -> None:
    """Refuse what is too deep or dense, and of the ways to write the same JSON those that RFC 8785 does not write.

    That its names are in order, and its numbers in their one form, is told when it is parsed.

    1. It is not too dense: see ``check_density``.
    2. Only those characters are escaped that have to be, each in its shortest form.
    3. There is no white space between tokens, and it is not too deep: see ``check_depth``.

    Args:
        data: *Untrusted*; one that is no JSON may pass.
        what: Name for error messages.
        max_depth: Deepest nesting that is allowed.

    Raises: MalformedError.
    """
    marks = _marks(data)
    if len(data) > SMALL_BYTES:  # 1
        _check_density(marks, len(data), what)
    if b"\\" in data and _NOT_NEEDED.search(_without_escaped_marks(data)):  # 2
        raise MalformedError(what, f"{NOT_CANONICAL}: an escape that is not needed")
    _check_nesting(marks, what, max_depth)  # 3


def _check_density(marks: bytes, size: int, what: str) -> None:
    """At least as many values are counted as there are: what stands in strings counts too."""
    if sum(map(marks.count, (b",", b"{", b"["))) > size // BYTES_A_VALUE:
        raise MalformedError(what, f"more than one value in {BYTES_A_VALUE} bytes")


def _check_nesting(marks: bytes, what: str, max_depth: int) -> None:
    depth = containers = 0
    within = False
    for mark in marks.translate(None, b",").replace(b'""', b""):
        if mark == _QUOTE:
            within = not within
        elif within:
            continue
        elif mark in _OPENING:
            depth, containers = depth + 1, containers + 1
            if containers > MAX_CONTAINERS:
                raise MalformedError(what, f"more than {MAX_CONTAINERS} arrays and objects")
            if depth > max_depth:
                raise MalformedError(what, f"nested deeper than {max_depth}")
        elif mark in _SPACE:
            raise MalformedError(what, f"{NOT_CANONICAL}: white space between tokens")
        else:
            depth -= 1


def _marks(data: bytes) -> bytes:
    """Brackets, commas, white space, and the quotes that tell which of them stand in strings; in little more memory.

    Where two quotes follow each other, leaving both out changes nothing for what stands before and after them.
    """
    return _without_escaped_marks(data).translate(None, _NO_MARKS).replace(b'""', b"")


def _without_escaped_marks(data: bytes) -> bytes:
    """Without each quote that ends no string, and each backslash that escapes nothing."""
    if b"\\" in data and _ESCAPED_MARK.search(data):
        return data.replace(rb"\\", b"").replace(rb"\"", b"")
    return data
