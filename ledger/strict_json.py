"""JSON as we accept and write it: no duplicate names, no NaN, bounded depth and size; RFC 8785 on the way out."""

from __future__ import annotations

import json
import math
import re
from json.encoder import encode_basestring
from typing import cast

from ledger.ecmascript_number import ecmascript_number
from ledger.errors import MalformedError
from ledger.event import Json
from ledger.json_shape import NOT_CANONICAL, check_depth, check_one_form

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 64
MAX_NUMBER_CHARACTERS = 40
MAX_INTEGER = 2**53 - 1
FIRST_EXPONENT = 1e21  # from here on ECMAScript writes an exponent, so that no integer comes of it

_PLANE_ENDS = "".join(chr(plane << 16 | end) for plane in range(17) for end in (0xFFFE, 0xFFFF))
_NOT_INTERCHANGEABLE = re.compile(f"[\ud800-\udfff\ufdd0-\ufdef{_PLANE_ENDS}]")
_NONCHARACTERS_BEGIN = (b"\xef", b"\xf0", b"\xf1", b"\xf2", b"\xf3", b"\xf4")
"""One of these bytes stands in the UTF-8 of every noncharacter, and in few texts; surrogates have no UTF-8."""
_UNICODE_ESCAPE = re.compile(rb"\\u")
_WHITE_SPACE = " \t\n\r"


def parse_json(data: bytes, *, what: str = "JSON", max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Json:
    """Parse untrusted bytes as I-JSON (RFC 7493).

    Args:
        data: Untrusted, UTF-8 without byte order mark.
        what: Name for error messages.
        max_bytes: Longest input, in bytes.
        max_depth: Deepest nesting of arrays and objects.

    Returns:
        The value; every integer is within ±(2**53 - 1), every float finite, every name unique in its object, no text
        has surrogates or noncharacters, there are at most 500,000 arrays and objects, and `canonical_json` of it can be
        parsed again.

    Raises:
        MalformedError: Anything else.
    """
    _check_length(data, what, max_bytes)
    check_depth(data, what, max_depth)
    return _parse(data, what, _DECODER)


def parse_canonical_json(data: bytes, *, what: str, max_bytes: int, max_depth: int) -> Json:
    """Parse untrusted bytes that are the one canonical encoding (RFC 8785) of JSON without floats.

    Nothing has to be written again to be compared: white space, escapes, the order of names and the form of integers
    tell.

    Args:
        data: *Untrusted*.
        what: Name for error messages.
        max_bytes: Longest input, in bytes.
        max_depth: Deepest nesting of arrays and objects.

    Returns:
        The value, as of ``parse_json``; ``canonical_json`` of it is ``data``.

    Raises:
        MalformedError: Anything else, also what is denser than ``check_density`` allows.
    """
    _check_length(data, what, max_bytes)
    check_one_form(data, what, max_depth)
    return _parse(data, what, _CANONICAL_DECODER)


def _check_length(data: bytes, what: str, max_bytes: int) -> None:
    if len(data) > max_bytes:
        raise MalformedError(what, f"{len(data)} bytes, at most {max_bytes} are read")


def _parse(data: bytes, what: str, decoder: json.JSONDecoder) -> Json:
    try:
        text = data.decode("utf-8")
        value = _decode(text, decoder)
    except UnicodeDecodeError as error:
        raise MalformedError(what, "not UTF-8", error.start) from None
    except MalformedError as error:
        raise MalformedError(what, error.why) from None
    except json.JSONDecodeError as error:
        raise MalformedError(what, error.msg, error.pos) from None
    if not _is_plain(data, text):
        _check_text(value, what)
    return cast(Json, value)


def canonical_json(value: Json) -> bytes:
    """Serialise after RFC 8785 (JSON Canonicalization Scheme).

    Raises: MalformedError, for a value outside I-JSON, or nested so deeply that Python gives up.
    Source: RFC 8785, 3.2. Floats are written as ECMAScript does.
    """
    parts: list[str] = []
    try:
        _write(value, parts)
        return "".join(parts).encode("utf-8")
    except RecursionError:
        raise MalformedError("JSON", "nested too deeply") from None
    except UnicodeEncodeError:
        raise MalformedError("JSON", "a lone surrogate in a string") from None


def _decode(text: str, decoder: json.JSONDecoder) -> object:
    start = len(text) - len(text.lstrip(_WHITE_SPACE))
    value, end = decoder.raw_decode(text, start)
    if end != len(text) and text[end:].strip(_WHITE_SPACE):
        raise json.JSONDecodeError("Extra data", text, end)
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise MalformedError("JSON", f"the name {twice[:64]!r} stands twice in one object")
    return value


def _ascending(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = _unique(pairs)
    names = [*value]
    if names != sorted(names, key=None if "".join(names).isascii() else _utf16):
        raise MalformedError("JSON", f"{NOT_CANONICAL}: names that are not in order")
    return value


def _integer(text: str) -> int:
    if len(text) <= MAX_NUMBER_CHARACTERS and -MAX_INTEGER <= (value := int(text)) <= MAX_INTEGER:
        return value
    raise MalformedError("JSON", "an integer beyond ±(2**53 - 1)")


def _float(text: str) -> float:
    value = float(text) if len(text) <= MAX_NUMBER_CHARACTERS else math.inf
    if not math.isfinite(value):
        raise MalformedError("JSON", "a number beyond binary64 or longer than 40 characters")
    if MAX_INTEGER < abs(value) < FIRST_EXPONENT:
        raise MalformedError("JSON", "a number whose canonical form is an integer beyond ±(2**53 - 1)")
    return value


def _shortest(text: str) -> int:
    if text == "-0":
        raise MalformedError("JSON", f"{NOT_CANONICAL}: a zero with a sign")
    return _integer(text)


def _no_float(text: str) -> float:
    raise MalformedError("JSON", "a number that is no integer")


def _constant(text: str) -> object:
    raise MalformedError("JSON", f"{text} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_integer, parse_float=_float, parse_constant=_constant)
_CANONICAL_DECODER = json.JSONDecoder(
    object_pairs_hook=_ascending, parse_int=_shortest, parse_float=_no_float, parse_constant=_constant
)


def _is_plain(data: bytes, text: str) -> bool:
    """Whether no string in a document can hold a surrogate or noncharacter, as far as a quick look tells."""
    if b"\\" in data and _UNICODE_ESCAPE.search(data):
        return False
    return text.isascii() or not any(byte in data for byte in _NONCHARACTERS_BEGIN)


def _check_text(value: object, what: str) -> None:
    """Refuse lone surrogates and noncharacters (RFC 7493, 2.1); the depth is bounded by now."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            if not item.isascii() and _NOT_INTERCHANGEABLE.search(item):
                raise MalformedError(what, "a lone surrogate or noncharacter in a string")
        elif isinstance(item, dict):
            stack.extend(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)


def _write(value: Json, parts: list[str]) -> None:
    if isinstance(value, str):
        parts.append(encode_basestring(value))
    elif value is None or isinstance(value, bool):
        parts.append("null" if value is None else "true" if value else "false")
    elif isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise MalformedError("JSON", "an integer beyond ±(2**53 - 1)")
        parts.append(str(value))
    elif isinstance(value, float):
        parts.append(ecmascript_number(value))
    elif isinstance(value, list):
        _write_many("[", "]", value, parts)
    elif isinstance(value, dict):
        _write_object(value, parts)
    else:
        raise MalformedError("JSON", f"{type(value).__name__} is not a JSON type")


def _write_many(opening: str, closing: str, values: list[Json], parts: list[str]) -> None:
    parts.append(opening)
    for index, item in enumerate(values):
        if index:
            parts.append(",")
        _write(item, parts)
    parts.append(closing)


def _write_object(value: dict[str, Json], parts: list[str]) -> None:
    parts.append("{")
    for index, name in enumerate(sorted(value, key=_utf16)):
        if index:
            parts.append(",")
        parts.append(encode_basestring(name))
        parts.append(":")
        _write(value[name], parts)
    parts.append("}")


def _utf16(name: str) -> bytes:
    if not isinstance(name, str):
        raise MalformedError("JSON", "a name that is not a string")
    return name.encode("utf-16-be")
