"""Short forms of ``ledger.intake.model`` for formats that a published JSON Schema defines, and what it lacks for them.

The formats allow blanks as text, names of their own anywhere, lists without repetitions and alternatives.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from ledger.event import Json
from ledger.intake.faults import Faults, pointer_to
from ledger.intake.model import Boolean, Check, Choice, Field, Items, Need, Number, Record, Text
from ledger.intake.text_rules import TextRule, calendar_date, zoned_time

MAX_ENTRIES = 100_000

BOOLEAN = Boolean()
NUMBER = Number()
TEXT = Text(filled=False)
TIMESTAMP = Text((zoned_time,), filled=False)
DATE = Text((calendar_date,), filled=False)


def text(pattern: str, what: str) -> Text:
    """A string in which ``pattern`` is found; ``what`` says what is needed instead."""
    compiled = re.compile(pattern, re.ASCII)
    return rule(lambda value: None if compiled.search(value) else ("bad-format", f"{what} is needed"))


def rule(check: TextRule) -> Text:
    """A string that one rule holds for."""
    return Text((check,), filled=False)


def one_of(*words: str) -> Choice:
    """One of the words."""
    return Choice(words)


def record(members: Mapping[str, Check], *, required: Collection[str] = ()) -> Record:
    """An object in which ``required`` members are there; members without a check may be anything."""
    fields = {
        name: Field(check, Need.REQUIRED if name in required else Need.OPTIONAL) for name, check in members.items()
    }
    return Record(fields, tell_unknown=False)


def list_of(item: Check, *, least: int = 0) -> Items:
    """A list of at least ``least`` items of one kind."""
    return Items(item, least, MAX_ENTRIES)


@dataclass(frozen=True, slots=True)
class Unique:
    """A list in which no item stands twice (``repeated``)."""

    items: Items

    def check(self, value: Json, pointer: str, faults: Faults) -> None:
        """See `Check.check`."""
        self.items.check(value, pointer, faults)
        if isinstance(value, list) and len(value) <= self.items.most:
            _check_unique(value, pointer, faults)


def _check_unique(items: Iterable[Json], pointer: str, faults: Faults) -> None:
    seen: dict[object, int] = {}
    for index, item in enumerate(items):
        first = seen.setdefault(frozen(item), index)
        if first != index:
            faults.error(pointer_to(pointer, index), "repeated", f"the same as item {first}")


def frozen(value: Json) -> object:
    """A hashable stand-in: equal exactly where two JSON values are (``true`` is not 1, but 1.0 is)."""
    if isinstance(value, dict):
        return "object", frozenset((name, frozen(item)) for name, item in value.items())
    if isinstance(value, list):
        return "array", tuple(frozen(item) for item in value)
    return ("boolean" if isinstance(value, bool) else "scalar"), value


@dataclass(frozen=True, slots=True)
class Closed:
    """A record in which no other names may stand (``unknown-field``)."""

    record: Record

    def check(self, value: Json, pointer: str, faults: Faults) -> None:
        """See `Check.check`."""
        self.record.check(value, pointer, faults)
        known = self.record.fields
        for name in value.keys() - known.keys() if isinstance(value, dict) else ():
            faults.error(pointer_to(pointer, name), "unknown-field", f"only {', '.join(known)} may stand here")


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of some alternatives.

    Attributes:
        what: All of them, for the message.
        alternatives: Tried in order.
    """

    what: str
    alternatives: tuple[Check, ...]

    def check(self, value: Json, pointer: str, faults: Faults) -> None:
        """See `Check.check`."""
        for alternative in self.alternatives:
            trial = Faults()
            alternative.check(value, pointer, trial)
            if not trial.errors:
                return
        faults.error(pointer, "wrong-type", f"{self.what} is needed")


@dataclass(frozen=True, slots=True)
class Anything:
    """Whatever it is, it is kept."""

    def check(self, value: Json, pointer: str, faults: Faults) -> None:
        """See `Check.check`."""
