"""Models of documents as data: what a value must be, checked with every fault by its place.

A model is built once from ``Text``, ``Number``, ``Choice``, ``Items`` and ``Record`` and then checks any number of
values. Checks never stop at the first fault and never change a value; names that a record does not know stay in it.

Codes: ``missing``, ``not-yet-required``, ``not-applicable``, ``wrong-type``, ``out-of-range``, ``unknown-unit``,
``no-time-zone``, ``bad-format``, ``bad-value``, ``too-long``, ``too-many``, ``empty``, ``bad-uri``, ``unknown-field``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from ledger.event import Json
from ledger.intake.faults import Faults, pointer_to, shown, type_name
from ledger.intake.text_rules import TextRule

MAX_TEXT_CHARACTERS = 16 * 1024
MAX_ITEMS = 10_000
MAX_NAME_CHARACTERS = 256


class Check(Protocol):
    """Something that a value must be."""

    def check(self, value: Json, pointer: str, faults: Faults) -> None:
        """Record every fault of ``value`` (*untrusted*, of bounded depth), which stands at ``pointer``."""


class Need(StrEnum):
    """Whether a field of a record must be there."""

    REQUIRED = "required"
    PENDING = "pending"
    OPTIONAL = "optional"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record.

    Attributes:
        check: What its value must be.
        need: ``PENDING`` is going to be required: absent, it is noted and not refused.
        reason: Why it is pending, or where the requirement stands; ends the message.
    """

    check: Check
    need: Need = Need.REQUIRED
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A string.

    Attributes:
        rules: Each returns None, or (code, message).
        filled: Refuse a text of blanks only.
        longest: In characters.
    """

    rules: tuple[TextRule, ...] = ()
    filled: bool = True
    longest: int = MAX_TEXT_CHARACTERS

    def check(self, value: Json, pointer: str, faults: Faults) -> None:
        """See `Check.check`."""
        if not isinstance(value, str):
            faults.error(pointer, "wrong-type", f"a string is needed, not {type_name(value)}")
        elif len(value) > self.longest:
            faults.error(pointer, "too-long", f"{len(value)} characters, at most {self.longest} are taken")
        else:
            found = [fault for rule in self.rules if (fault := rule(value))]
            if self.filled and not found and not value.strip():
                found = [("empty", "a text is needed, not blanks only")]
            for code, message in found:
                faults.error(pointer, code, message)


@dataclass(frozen=True, slots=True)
class Number:
    """A number; its unit stands in the field's name or beside it.

    Attributes:
        integer: Refuse fractions (``2.0`` is whole).
        minimum: Smallest value, or None.
        maximum: Largest value, or None.
        code: Code of a value outside, where a document type tells its own rules from the official schema's.
    """

    integer: bool = False
    minimum: float | None = None
    maximum: float | None = None
    code: str = "out-of-range"

    def check(self, value: Json, pointer: str, faults: Faults) -> None:
        """See `Check.check`."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            faults.error(pointer, "wrong-type", f"a number is needed, not {type_name(value)}")
        elif self.integer and isinstance(value, float) and not value.is_integer():
            faults.error(pointer, "wrong-type", f"a whole number is needed, not {shown(value)}")
        elif self.minimum is not None and value < self.minimum:
            faults.error(pointer, self.code, f"{value} is less than {self.minimum}")
        elif self.maximum is not None and value > self.maximum:
            faults.error(pointer, self.code, f"{value} is more than {self.maximum}")


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some texts.

    Attributes:
        values: The texts, compared exactly.
        code: ``bad-value``, or ``unknown-unit`` where the texts are units.
    """

    values: tuple[str, ...]
    code: str = "bad-value"

    def check(self, value: Json, pointer: str, faults: Faults) -> None:
        """See `Check.check`."""
        if not isinstance(value, str):
            faults.error(pointer, "wrong-type", f"a string is needed, not {type_name(value)}")
        elif value not in self.values:
            expected = " or ".join(repr(text) for text in self.values)
            faults.error(pointer, self.code, f"{expected} is needed, not {shown(value)}")


def unit(*values: str) -> Choice:
    """A unit symbol."""
    return Choice(values, "unknown-unit")


@dataclass(frozen=True, slots=True)
class Boolean:
    """True or false."""

    def check(self, value: Json, pointer: str, faults: Faults) -> None:
        """See `Check.check`."""
        if not isinstance(value, bool):
            faults.error(pointer, "wrong-type", f"true or false is needed, not {type_name(value)}")


@dataclass(frozen=True, slots=True)
class Items:
    """An array.

    Attributes:
        item: What each element must be.
        fewest: Number of elements needed.
        most: Number of elements taken.
    """

    item: Check
    fewest: int = 0
    most: int = MAX_ITEMS

    def check(self, value: Json, pointer: str, faults: Faults) -> None:
        """See `Check.check`."""
        if not isinstance(value, list):
            faults.error(pointer, "wrong-type", f"an array is needed, not {type_name(value)}")
        elif len(value) > self.most:
            faults.error(pointer, "too-many", f"{len(value)} elements, at most {self.most} are taken")
        else:
            if len(value) < self.fewest:
                faults.error(pointer, "empty", f"{self.fewest} or more elements are needed")
            for index, element in enumerate(value):
                self.item.check(element, pointer_to(pointer, index), faults)


@dataclass(frozen=True, slots=True)
class Record:
    """An object.

    Attributes:
        fields: By name.
        not_applicable: Why a name that is known elsewhere does not belong here, by name.
        tell_unknown: Note names that are in neither.
    """

    fields: Mapping[str, Field]
    not_applicable: Mapping[str, str] = field(default_factory=dict)
    tell_unknown: bool = True

    def check(self, value: Json, pointer: str, faults: Faults) -> None:
        """See `Check.check`."""
        if not isinstance(value, dict):
            faults.error(pointer, "wrong-type", f"an object is needed, not {type_name(value)}")
            return
        for name, wanted in self.fields.items():
            place = pointer_to(pointer, name)
            if name in value:
                wanted.check.check(value[name], place, faults)
            else:
                _absent(wanted, name, place, faults)
        for name in value:
            if len(name) > MAX_NAME_CHARACTERS:
                faults.error(pointer, "too-long", f"a name of {len(name)} characters, at most {MAX_NAME_CHARACTERS}")
            elif name not in self.fields:
                self._tell(name, pointer_to(pointer, name), faults)

    def _tell(self, name: str, place: str, faults: Faults) -> None:
        if name in self.not_applicable:
            faults.notice(place, "not-applicable", self.not_applicable[name])
        elif self.tell_unknown:
            faults.notice(place, "unknown-field", "not a field of this model; kept, and never public")


def _absent(wanted: Field, name: str, place: str, faults: Faults) -> None:
    reason = f" ({wanted.reason})" if wanted.reason else ""
    if wanted.need is Need.REQUIRED:
        faults.error(place, "missing", f"{shown(name)} is required{reason}")
    elif wanted.need is Need.PENDING:
        faults.notice(place, "not-yet-required", f"{shown(name)} is not yet required{reason}")
