"""Reading settings in TOML strictly: within limits, every name known, every value of its type. Pure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ledger.errors import MalformedError

LEAST_S, MOST_S = 0.05, 7 * 86400.0
MAX_CHARACTERS, MAX_NAME_CHARACTERS = 4096, 64
MAX_DEPTH = 64
_LONG_KEY = re.compile(rb"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){%d}""" % MAX_DEPTH)
"""A name such as ``a.b.c`` of too many parts; reading it takes a time that grows with their square."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Fields:
    """One table.

    Attributes:
        row: Its names and values.
        at: JSON Pointer of it.
    """

    row: Mapping[str, object]
    at: str

    def text(self, name: str) -> str:
        """A text that must be there.

        Raises: MalformedError; as do all others here.
        """
        value = self.row.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= MAX_CHARACTERS or not value.isprintable():
            raise MalformedError("settings", "a text is needed", f"{self.at}/{name}")
        return value

    def text_or_none(self, name: str) -> str | None:
        """A text that may be missing."""
        return self.text(name) if name in self.row else None

    def name(self) -> str:
        """What the reader calls it: no path, and short enough for a label."""
        value = self.text("name")
        if len(value) > MAX_NAME_CHARACTERS or "/" in value or "\\" in value or value in {".", ".."}:
            raise MalformedError("settings", f"a name of at most {MAX_NAME_CHARACTERS} characters", f"{self.at}/name")
        return value

    def seconds(self, name: str, usual: float) -> float:
        """A time, with a usual one."""
        value = self.row.get(name, usual)
        if isinstance(value, bool) or not isinstance(value, int | float) or not LEAST_S <= value <= MOST_S:
            raise MalformedError("settings", f"seconds from {LEAST_S:g} to {MOST_S:g}", f"{self.at}/{name}")
        return float(value)

    def number(self, name: str, usual: int | None, *, least: int = 0, most: int = 2**53 - 1) -> int:
        """A whole number, with a usual one, or None where it must be there."""
        value = self.row.get(name, usual)
        if type(value) is not int or not least <= value <= most:
            raise MalformedError("settings", f"a whole number from {least} to {most}", f"{self.at}/{name}")
        return value

    def texts(self, name: str, most: int) -> tuple[str, ...]:
        """A list of texts; none where it is missing."""
        value = self.row.get(name, [])
        if not isinstance(value, list) or len(value) > most or not all(isinstance(one, str) and one for one in value):
            raise MalformedError("settings", f"a list of at most {most} texts is needed", f"{self.at}/{name}")
        return tuple(map(str, value))


def parse_toml(data: bytes, what: str) -> dict[str, object]:
    """Read TOML.

    Args:
        data: Trusted as to its meaning, not as to its form; whoever hands it over bounds its length.
        what: It is to be, for errors.

    Raises: MalformedError: No TOML in UTF-8, nested deeper than ``MAX_DEPTH``, or with a name of more parts.
    """
    if _LONG_KEY.search(data):
        raise MalformedError(what, f"a name of more than {MAX_DEPTH} parts")
    try:
        table = tomllib.loads(data.decode("utf-8"))
    except RecursionError:
        raise MalformedError(what, "nested too deeply") from None
    except ValueError as error:  # also of a number with too many digits
        raise MalformedError(what, f"not TOML: {error}") from None
    _check_depth(table, what)
    return table


def _check_depth(table: dict[str, object], what: str) -> None:
    """Where Python stops by itself depends on who else is in the process."""
    level: list[dict[str, object] | list[object]] = [table]
    for _ in range(MAX_DEPTH):
        inner = [value for one in level for value in (one.values() if isinstance(one, dict) else one)]
        level = [value for value in inner if isinstance(value, dict | list)]
        if not level:
            return
    raise MalformedError(what, "nested too deeply")


def members(row: object, known: frozenset[str], at: str) -> Fields:
    """A table in which no other name stands.

    Raises: MalformedError.
    """
    if not isinstance(row, dict):
        raise MalformedError("settings", "a table is needed", at)
    for name in row.keys() - known:
        raise MalformedError("settings", "an unknown name", f"{at}/{name[:MAX_NAME_CHARACTERS]}")
    return Fields(row, at)


def table(top: Fields, name: str, known: frozenset[str]) -> Fields:
    """A table in another, empty where it is missing; it has no other names than those.

    Raises: MalformedError.
    """
    return members(top.row.get(name, {}), known, f"{top.at}/{name}")


def tables(
    top: Fields, name: str, read: Callable[[object, str], tuple[str, _T]], *, least: int = 0, most: int
) -> Sequence[tuple[str, _T]]:
    """A list of tables, each with a name of its own.

    Args:
        top: Where the list stands.
        name: Of the list.
        read: Gives name and value of one, from it and its place.
        least: How many there must be.
        most: How many there may be.

    Raises: MalformedError.
    """
    listed, at = top.row.get(name, []), f"{top.at}/{name}"
    if not isinstance(listed, list) or not least <= len(listed) <= most:
        raise MalformedError("settings", f"{least} to {most} tables [[{name}]] are needed", at)
    found = [read(row, f"{at}/{place}") for place, row in enumerate(listed)]
    if len(dict(found)) != len(found):
        raise MalformedError("settings", "one name twice", at)
    return found
