"""Which earlier events a correcting event names: by the digests that stand on chain, else by ids. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ledger.rules.types import ClosedEvent, Finding, History, OpenedEvent, Severity, names_of

NAMING_FIELDS: Mapping[str, str] = MappingProxyType(
    {"any.correction": "corrects", "any.error_declaration": "corrects", "any.erasure": "erases"}
)
"""The field in which each correcting kind names earlier events."""
ID_FIELDS: Mapping[str, str] = MappingProxyType({"corrects": "corrects_document_id", "erases": "erases_document_id"})
"""Where the ids stand by which the document named those events; few readers see them."""
UNKNOWN = "unknown"
"""In place of a digest: the event that the document names was not known when this was signed."""
MAX_TARGETS = 16

_DIGEST = re.compile(r"(?:0x)?([0-9a-f]{64})", re.ASCII | re.IGNORECASE)
_DOCUMENT_ID = frozenset({"document_id"})


@dataclass(frozen=True, slots=True)
class Target:
    """An earlier event that is named.

    Attributes:
        number: Place in the history, from 1.
        organisation: Number of the organisation that attested it.
        opened: Whether its content is shown.
    """

    number: int
    organisation: int
    opened: bool


@dataclass(frozen=True, slots=True)
class Aim:
    """What the names in one correcting event come to.

    Attributes:
        targets: Earlier events, each once, those of its own organisation first; at most ``MAX_TARGETS``.
        findings: On names that lead to none of them, one of a code.
        unsure: Whether it may mean an event of its own organisation that cannot be told.
    """

    targets: tuple[Target, ...]
    findings: tuple[Finding, ...]
    unsure: bool


def digest_of(name: str) -> str | None:
    """Return a credential's digest as 64 lowercase hexadecimal digits, or None where a name is none. *Untrusted*."""
    found = _DIGEST.fullmatch(name)
    return found[1].lower() if found else None


def aims_of(history: History) -> dict[int, Aim]:
    """Return what each correcting event that is opened names, by its number, in order.

    A name is a digest first: no two events share one, and every reader of the history sees it. Where no event has that
    digest, it may be an id. Of several events of one name those of the own organisation are meant, so that an id that
    another organisation gave to an event of its own draws no correction to itself. An id of more than ``MAX_TARGETS``
    events names none of them, so that junk cannot make the work grow with its square.
    """
    aims = dict[int, Aim]()
    if all(event.kind not in NAMING_FIELDS for event in history.opened):
        return aims
    index = _Index(history)
    for event in history.opened:
        if event.kind in NAMING_FIELDS:
            aims[event.number] = _aim(event, index)
        index.add(event)
    return aims


class _Index:
    """Digests of the whole history, and the names of the events up to one of them."""

    def __init__(self, history: History) -> None:
        self._digests: dict[tuple[int | None, str], Target] = {}
        self._names: dict[tuple[int | None, str], list[Target]] = {}
        self._organisations: set[int] = set()
        self._shy: set[int] = set()
        self._hidden = min((event.number for event in history.closed if not event.digest), default=None)
        events: tuple[OpenedEvent | ClosedEvent, ...] = (*history.opened, *history.closed)
        for event in events:
            if event.digest and event.organisation is not None:
                target = Target(event.number, event.organisation, isinstance(event, OpenedEvent))
                self._digests.setdefault((event.organisation, event.digest), target)
                self._digests.setdefault((None, event.digest), target)

    def add(self, event: OpenedEvent) -> None:
        """Know the ids of an event to those that come after it."""
        self._organisations.add(event.organisation)
        if event.may_withhold(_DOCUMENT_ID):
            self._shy.add(event.organisation)
        target = Target(event.number, event.organisation, opened=True)
        for reference in event.references:
            for key in ((event.organisation, reference), (None, reference)):
                known = self._names.setdefault(key, [])
                if len(known) <= MAX_TARGETS:
                    known.append(target)

    def by_digest(self, organisation: int, digest: str) -> Target | None:
        return self._digests.get((organisation, digest)) or self._digests.get((None, digest))

    def by_id(self, organisation: int, name: str) -> list[Target]:
        return self._names.get((organisation, name)) or self._names.get((None, name)) or []

    def may_be_hidden(self, number: int) -> bool:
        """Whether an event before this one shows not even its digest."""
        return self._hidden is not None and self._hidden < number

    def hides_ids(self, organisation: int) -> bool:
        """Whether an earlier event of the organisation may have an id that it does not show."""
        return organisation in self._shy

    def has_events_of(self, organisation: int) -> bool:
        return organisation in self._organisations


@dataclass(slots=True)
class _Found:
    """What was found so far of one correcting event's names."""

    event: OpenedEvent
    targets: dict[int, Target] = field(default_factory=dict)
    findings: dict[str, Finding] = field(default_factory=dict)
    unsure: bool = False

    def wrong(self, code: str, message: str, *more: int, severity: Severity = Severity.WARNING) -> None:
        numbers = (self.event.number, *more)
        self.findings.setdefault(code, Finding(code, severity, numbers, f"event {self.event.number} {message}"))

    def own(self, targets: Iterable[Target]) -> bool:
        return any(target.organisation == self.event.organisation for target in targets)


def _aim(event: OpenedEvent, index: _Index) -> Aim:
    found = _Found(event)
    for name in dict.fromkeys(_names(event)):
        _follow(name, found, index)
    ordered = sorted(found.targets.values(), key=lambda target: target.organisation != event.organisation)
    if len(ordered) > MAX_TARGETS:
        found.wrong("correction-of-too-many", f"names {len(ordered)} events: only {MAX_TARGETS} of them are looked at")
        found.unsure |= found.own(ordered[MAX_TARGETS:])
    return Aim(tuple(ordered[:MAX_TARGETS]), tuple(found.findings.values()), found.unsure)


def _names(event: OpenedEvent) -> Iterator[str]:
    """The names, digests where they were known; in place of one that was not, the ids where they are shown."""
    naming = NAMING_FIELDS[event.kind]
    names = names_of(event.fields.get(naming))
    ids = names_of(event.fields.get(ID_FIELDS[naming])) if UNKNOWN in names else ()
    yield from (name for name in names if name != UNKNOWN or not ids)
    yield from ids
    if not names:
        yield ""


def _follow(name: str, found: _Found, index: _Index) -> None:
    own, digest = found.event.organisation, digest_of(name)
    target = None if digest is None else index.by_digest(own, digest)
    targets = [target] if target else []
    if target is None and name != UNKNOWN:
        targets = index.by_id(own, name) or index.by_id(own, digest or name)
    if not targets:
        _miss(name, found, index)
    elif len(targets) > MAX_TARGETS:
        found.wrong("correction-of-too-many", f"names more than {MAX_TARGETS} events by one id: none of them is meant")
        found.unsure |= found.own(targets)
    elif targets[0].number >= found.event.number:
        later = targets[0].number
        found.wrong("correction-of-later-event", f"names event {later}, which came after it", later)
        found.unsure |= found.own(targets)
    else:
        found.targets |= {one.number: one for one in targets}


def _miss(name: str, found: _Found, index: _Index) -> None:
    event = found.event
    if digest_of(name) is not None and not index.may_be_hidden(event.number):
        found.wrong("correction-of-no-event", "names a digest that no event of this history has")
    else:
        message = "refers to an event that is not opened here"
        found.wrong("correction-without-target", message, severity=Severity.NOTICE)
    ids = frozenset({ID_FIELDS[NAMING_FIELDS[event.kind]]})
    unseen = name == UNKNOWN and event.may_withhold(ids) and index.has_events_of(event.organisation)
    found.unsure |= unseen or index.hides_ids(event.organisation)
