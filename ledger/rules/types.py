"""What the rules read and what they return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from ledger.event import AssetType, Json


class Severity(StrEnum):
    """How much a finding weighs."""

    NOTICE = "notice"
    WARNING = "warning"
    ERROR = "error"


class Ruling(StrEnum):
    """What is said about one topic."""

    CONSISTENT = "consistent"
    INCONSISTENT = "inconsistent"
    NO_JUDGEMENT = "no judgement"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in a history that a reader should know.

    Attributes:
        code: Stable word for machines, e.g. ``odometer-decrease``.
        severity: How much it weighs.
        events: Numbers of the events it rests on, from 1.
        message: One sentence for people.
    """

    code: str
    severity: Severity
    events: tuple[int, ...]
    message: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """The ruling on one topic, with its reasons; always about registered events only.

    Attributes:
        topic: e.g. ``odometer``.
        ruling: Consistent, inconsistent, or no judgement.
        reasons: One sentence each; never empty where the ruling is not *consistent*.
        events: Numbers of the events it rests on.
    """

    topic: str
    ruling: Ruling
    reasons: tuple[str, ...]
    events: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OpenedEvent:
    """An event whose content is shown, with every required field.

    Attributes:
        number: Place in the history, from 1.
        kind: Name in the kind table.
        organisation: Number of the organisation that attested it.
        attested_at: Time of the attestation (aware, UTC).
        occurred_at: When it is said to have happened (aware), or None.
        fields: Disclosed domain fields by name.
        references: The ids under which other events may refer to it: document id, ``jti``.
        withheld: Names of the claims that are not disclosed; None where that is not known.
        digest: Of its credential, as it stands on chain: 64 lowercase hexadecimal digits, or "" where not known.
    """

    number: int
    kind: str
    organisation: int
    attested_at: datetime
    occurred_at: datetime | None
    fields: Mapping[str, Json]
    references: frozenset[str] = frozenset()
    withheld: frozenset[str] | None = frozenset()
    digest: str = ""

    def may_withhold(self, names: frozenset[str]) -> bool:
        """Tell whether one of these claims may stand in the credential without being shown."""
        return self.withheld is None or not self.withheld.isdisjoint(names)

    @property
    def time(self) -> datetime:
        """When it happened as far as is known: the claimed time, else that of the attestation."""
        return (self.occurred_at or self.attested_at).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class ClosedEvent:
    """An event that nothing is concluded from: withheld, hidden, disputed, or lacking a required field.

    Attributes:
        number: Place in the history, from 1.
        kind: Name in the kind table, or None where even the kind is hidden.
        organisation: Number of the organisation that attested it, or None where hidden.
        digest: Of its credential, as it stands on chain: 64 lowercase hexadecimal digits, or "" where hidden.
    """

    number: int
    kind: str | None
    organisation: int | None = None
    digest: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """The registered life of one asset as a reader sees it.

    Attributes:
        asset_type: Battery, vehicle or part.
        identifiers: The primary identifier and aliases, canonical; empty where the identity is not shown.
        status: Name of the status after the last event.
        opened: In order of attestation.
        closed: In order of attestation.
    """

    asset_type: AssetType
    identifiers: tuple[str, ...]
    status: str
    opened: tuple[OpenedEvent, ...]
    closed: tuple[ClosedEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the rules say about a history.

    Attributes:
        status: Name of the status after the last event.
        findings: In the order of the first event they rest on.
        judgements: One a topic.
    """

    status: str
    findings: tuple[Finding, ...] = ()
    judgements: tuple[Judgement, ...] = field(default=())


def number_of(value: Json) -> float | None:
    """Return ``value`` where it is a JSON number, else None."""
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def names_of(value: Json) -> tuple[str, ...]:
    """Return the names in a field that holds one name, a list of them, or objects with an ``identifier``."""
    items = value if isinstance(value, list) else [value]
    names = (item.get("identifier") if isinstance(item, dict) else item for item in items)
    return tuple(name for name in names if isinstance(name, str))


def closed_reasons(
    history: History, kinds: frozenset[str], fields: frozenset[str]
) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return why events that are not shown, or not whole, leave a topic without judgement, and their numbers.

    Args:
        history: As the reader sees it.
        kinds: The kinds that the topic depends on. An event whose kind is hidden may be of any of them.
        fields: The claims that the topic depends on. Who shows an event without them might hide what speaks against
            him, so a reader has to know that they are not there.
    """
    closed = tuple(event.number for event in history.closed if event.kind is None or event.kind in kinds)
    partly = tuple(event.number for event in history.opened if event.kind in kinds and event.may_withhold(fields))
    reasons = (
        ("not opened, or without a field that is needed", closed),
        ("not known to show every field that bears on this", partly),
    )
    return tuple(f"{why}: {_listed(numbers)}" for why, numbers in reasons if numbers), (*closed, *partly)


def _listed(numbers: tuple[int, ...]) -> str:
    listed = ", ".join(str(number) for number in numbers[:8]) + (" ..." if len(numbers) > 8 else "")
    return f"{'event' if len(numbers) == 1 else 'events'} {listed}"


def rule(topic: str, wrong: list[str], doubts: list[str], events: tuple[int, ...]) -> Judgement:
    """Return the ruling: doubts, and a topic that no event bears on, leave no judgement; else what is wrong decides."""
    if not (events or wrong or doubts):
        return Judgement(topic, Ruling.NO_JUDGEMENT, ("nothing that is registered bears on it",), events)
    if doubts:
        return Judgement(topic, Ruling.NO_JUDGEMENT, (*wrong, *doubts), events)
    if wrong:
        return Judgement(topic, Ruling.INCONSISTENT, tuple(wrong), events)
    return Judgement(topic, Ruling.CONSISTENT, (), events)
