"""One line of a conformance run: strict JSON with an id that is echoed, even where the rest is refused.

The numbers of vectors go beyond those of our documents (sizes of trees have 63 bits), so this is I-JSON but for the
integers.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from ledger.errors import MalformedError
from ledger.json_shape import check_depth

MAX_LINE_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 32
MAX_COMMAS = 1_000_000
MAX_NUMBER_CHARACTERS = 80
"""Room for 256 bits."""
_WHAT = "request"


@dataclass(frozen=True, slots=True)
class Request:
    """One line, read.

    Attributes:
        id: As given; None where there is none, or none that can be told.
        members: All but the id; of a refused line what is wrong with it.
    """

    id: object
    members: Mapping[str, object] | MalformedError


def parse_request(line: bytes | None) -> Request:
    """Read one line; what is wrong with it is part of the result, so that the id is kept.

    Args:
        line: *Untrusted*; None for one that was too long to be held.

    Returns:
        The request. Of a line that is JSON but not ours (a name twice, a number too long), the id is echoed where it
        stands there once and is a text, a number or a boolean.
    """
    if line is None:
        return Request(None, MalformedError(_WHAT, f"a line longer than {MAX_LINE_BYTES} bytes"))
    text = ""
    try:
        text = _decode(line)
        value = _STRICT.decode(text)
        if not isinstance(value, dict):
            raise MalformedError(_WHAT, "not a JSON object")
    except json.JSONDecodeError as error:
        return Request(None, MalformedError(_WHAT, f"not JSON: {error.msg}", error.pos))
    except MalformedError as error:
        return Request(_find_id(text), error)
    return Request(value.pop("id", None), value)


def _decode(line: bytes) -> str:
    """Decode; what is returned cannot nest or spread beyond bounds when it is read as JSON."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedError(_WHAT, "not UTF-8", error.start) from None
    if text.count(",") > MAX_COMMAS:
        raise MalformedError(_WHAT, f"more than {MAX_COMMAS} commas")
    check_depth(line, _WHAT, MAX_DEPTH)
    return text


def _find_id(text: str) -> object:
    """The id of a line that was refused, whose bounds were checked or that is empty; None where it cannot be told."""
    try:
        value = _LENIENT.decode(text)
    except json.JSONDecodeError:
        return None
    ids = [item for name, item in value if name == "id"] if isinstance(value, tuple) else []
    return ids[0] if len(ids) == 1 and isinstance(ids[0], (str, int, float)) else None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise MalformedError(_WHAT, "a name stands twice in one object")
    return value


def _integer(text: str) -> int:
    if len(text) > MAX_NUMBER_CHARACTERS:
        raise MalformedError(_WHAT, f"a number of more than {MAX_NUMBER_CHARACTERS} characters")
    return int(text)


def _float(text: str) -> float:
    value = float(text) if len(text) <= MAX_NUMBER_CHARACTERS else math.inf
    if not math.isfinite(value):
        raise MalformedError(_WHAT, f"a number beyond binary64 or of more than {MAX_NUMBER_CHARACTERS} characters")
    return value


def _constant(text: str) -> object:
    raise MalformedError(_WHAT, f"{text} is not JSON")


def _integer_or_none(text: str) -> int | None:
    return int(text) if len(text) <= MAX_NUMBER_CHARACTERS else None


def _float_or_none(text: str) -> float | None:
    value = float(text) if len(text) <= MAX_NUMBER_CHARACTERS else math.inf
    return value if math.isfinite(value) else None


def _nothing(text: str) -> None:
    """NaN and the infinities, which are not JSON."""


_STRICT = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_integer, parse_float=_float, parse_constant=_constant)
_LENIENT = json.JSONDecoder(
    object_pairs_hook=tuple, parse_int=_integer_or_none, parse_float=_float_or_none, parse_constant=_nothing
)
