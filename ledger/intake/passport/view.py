"""A passport as its rules read it: attributes by name, values only where they have their type."""

from __future__ import annotations

from datetime import date, datetime

from ledger.event import Json
from ledger.intake.faults import pointer_to
from ledger.intake.passport.table import ROOT, Category, Table
from ledger.intake.times import parse_date, parse_timestamp


class View:
    """Read access to one document that may still be wrong everywhere.

    Args:
        table: Attributes by name.
        category: Which model it is judged by.
        document: *Untrusted*.
    """

    def __init__(self, table: Table, category: Category, document: Json) -> None:
        self.table, self.category = table, category
        root = document.get(ROOT) if isinstance(document, dict) else None
        self.groups: dict[str, Json] = root if isinstance(root, dict) else {}

    def pointer(self, name: str, *inner: str | int) -> str:
        """Return the JSON Pointer of an attribute, or of what is in it."""
        return pointer_to("", ROOT, self.table.attributes[name].group, name, *inner)

    def value(self, name: str) -> Json:
        """Return the raw value of an attribute; None if it is not there."""
        group = self.groups.get(self.table.attributes[name].group)
        return group.get(name) if isinstance(group, dict) else None

    def member(self, name: str, inner: str) -> Json:
        """Return a value in an attribute that is an object; ``inner`` "" is the attribute itself."""
        value = self.value(name)
        if not inner:
            return value
        return value.get(inner) if isinstance(value, dict) else None

    def number(self, name: str, which: int = 0) -> float | None:
        """Return a number of an attribute, or None where it is absent or not a number."""
        attribute = self.table.attributes[name]
        values = self.table.shape(attribute, self.category).values
        value = self.member(name, values[which])
        return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None

    def text(self, name: str, inner: str = "") -> str:
        """Return a text of an attribute, or ``""``."""
        value = self.member(name, inner)
        return value if isinstance(value, str) else ""

    def day(self, name: str) -> date | None:
        """Return a calendar date, or None where it is absent or not one."""
        return parse_date(self.text(name))

    def updated_at(self) -> datetime | None:
        """Return the time of the latest update, or None where it is absent or not a time with a zone."""
        found = parse_timestamp(self.text("Date-timeOfLatestUpdateOfDPP"))
        return found if isinstance(found, datetime) else None

    @property
    def status(self) -> str:
        """Return the battery status, or ``""``."""
        return self.text("BatteryStatus", "batteryStatusValues")
