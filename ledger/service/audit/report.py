"""What an audit finds: each difference by name, in words for people and in codes for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

MAX_DIFFERENCES = 10_000
"""More are counted, not listed."""

OnProgress = Callable[[str, int], None]
"""Told what is being checked and how much of it is done."""


class Severity(StrEnum):
    """``error``: something is not as it was attested. ``notice``: worth knowing, nothing is wrong."""

    ERROR = "error"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference.

    Attributes:
        code: Stable word for machines; ``docs/audit.md`` lists them.
        place: Which row, document, subject or witness.
        message: One sentence for people.
        severity: Whether it makes the audit fail.
    """

    code: str
    place: str
    message: str
    severity: Severity = Severity.ERROR


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit came to.

    Attributes:
        differences: In the order found; at most ``MAX_DIFFERENCES``.
        checked: How many of each thing were checked.
        omitted: How many differences more there are than are listed.
        block: Everything was compared as of this block.
        errors: How many differences are errors, those that are not listed included.
    """

    differences: tuple[Difference, ...]
    checked: Mapping[str, int]
    omitted: int
    block: int
    errors: int

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong; notices may stand."""
        return self.errors == 0


class Findings:
    """Collects differences and counts while an audit or a rebuild is under way."""

    def __init__(self, on_progress: OnProgress | None = None) -> None:
        self._on_progress = on_progress
        self._differences: list[Difference] = []
        self._checked: Counter[str] = Counter()
        self._omitted = self._errors = 0

    def add(self, code: str, place: str, message: str, severity: Severity = Severity.ERROR) -> None:
        """Note a difference."""
        self._errors += severity is Severity.ERROR
        if len(self._differences) < MAX_DIFFERENCES:
            self._differences.append(Difference(code, place, message, severity))
        else:
            self._omitted += 1

    def notice(self, code: str, place: str, message: str) -> None:
        """Note what is worth knowing."""
        self.add(code, place, message, Severity.NOTICE)

    def count(self, what: str, number: int = 1) -> None:
        """Note that something was checked."""
        self._checked[what] += number
        if self._on_progress is not None:
            self._on_progress(what, self._checked[what])

    def first(self, codes: Collection[str]) -> Difference | None:
        """The first difference of one of these codes; None where there is none."""
        return next((one for one in self._differences if one.code in codes), None)

    @property
    def checked(self) -> dict[str, int]:
        """Counts so far."""
        return dict(self._checked)

    def report(self, block: int) -> AuditReport:
        """Put everything together."""
        return AuditReport(tuple(self._differences), self.checked, self._omitted, block, self._errors)
