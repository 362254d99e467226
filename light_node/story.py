"""From proven entries and opened credentials to event reports and to the history that the rules read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from ledger.event import Json
from ledger.kinds import status_name
from ledger.proof.evidence import Evidence, OpenEntry
from ledger.rules import ClosedEvent, History, OpenedEvent
from light_node.credentials import Opened
from light_node.history import ProvenEntry
from light_node.identity import Opening
from light_node.verdict import EventReport, EventState, Mark

UNKNOWN = "unknown."
_CLOSING = frozenset({Mark.DISPUTED, Mark.EQUIVOCATION, Mark.INCOMPLETE})


def report_events(
    evidence: Evidence, entries: Sequence[ProvenEntry], opened: Mapping[int, Opened]
) -> tuple[EventReport, ...]:
    """Describe each proven entry: how much of it is shown, and what is to be known about it."""
    marks = _find_repetitions(entries, opened)
    return tuple(_report(evidence, proven, opened.get(proven.number), marks[proven.number]) for proven in entries)


def _report(evidence: Evidence, proven: ProvenEntry, opened: Opened | None, marks: set[Mark]) -> EventReport:
    status = status_name(evidence.asset_type, proven.entry.status)
    if proven.meta is None:
        return EventReport(proven.number, EventState.HIDDEN, status)
    if opened is not None and opened.disputed:
        marks.add(Mark.DISPUTED)
    if opened is not None and opened.missing:
        marks.add(Mark.INCOMPLETE)
    return EventReport(
        number=proven.number,
        state=EventState.WITHHELD if opened is None else EventState.OPENED,
        status=status,
        kind=f"{UNKNOWN}{proven.meta.kind}" if proven.kind is None else proven.kind.name,
        organisation=proven.meta.organisation,
        attested_at=proven.meta.time,
        marks=frozenset(marks),
        missing=() if opened is None else opened.missing,
        fields={} if opened is None else opened.fields,
    )


def _find_repetitions(entries: Sequence[ProvenEntry], opened: Mapping[int, Opened]) -> dict[int, set[Mark]]:
    """Find events that say the same again, and events of one id that say different things.

    The same (issuer, ``jti``) with the same payload is a repetition: kept in the fold, counted once. With another
    payload the issuer contradicts itself: no judgement on either. Of withheld events only the digest can be compared.
    One digest under two kinds is no repetition, and one that changes the status never is: a credential is bound to its
    kind, and to its head, so that the later event is none of what the earlier one says.
    """
    marks: dict[int, set[Mark]] = {proven.number: set() for proven in entries}
    digests: set[tuple[int, int, bytes]] = set()
    first: dict[tuple[int, str], int] = {}
    for proven in entries:
        if proven.meta is None or not isinstance(proven.entry, OpenEntry):
            continue
        one = opened.get(proven.number)
        same_digest = (proven.meta.organisation, proven.meta.kind, proven.entry.digest)
        if one is None:
            if same_digest in digests and proven.kind is not None and not proven.kind.changes_status:
                marks[proven.number].add(Mark.REPETITION)
        else:
            earlier = first.setdefault((proven.meta.organisation, one.content.binding.jti), proven.number)
            if earlier != proven.number and opened[earlier].content.raw.jws.payload == one.content.raw.jws.payload:
                marks[proven.number].add(Mark.REPETITION)
            elif earlier != proven.number:
                marks[earlier].add(Mark.EQUIVOCATION)
                marks[proven.number].add(Mark.EQUIVOCATION)
        digests.add(same_digest)
    return marks


def history_for_rules(
    evidence: Evidence, reports: Sequence[EventReport], opened: Mapping[int, Opened], opening: Opening | None
) -> History:
    """Sort the reports into what the rules may conclude from and what they may not.

    A kind that the table of this version does not hold may bear on anything, as a hidden one may.
    """
    readable, closed, repeated = [], [], _digests_by_id(opened)
    for report, entry in zip(reports, evidence.history, strict=True):
        one = opened.get(report.number)
        if Mark.REPETITION in report.marks:
            continue
        if one is None or report.marks & _CLOSING:
            digest = entry.digest.hex() if isinstance(entry, OpenEntry) else ""
            closed.append(ClosedEvent(report.number, _known(report.kind), report.organisation, digest))
        else:
            readable.append(_event(one, repeated[_id_of(one)]))
    names = () if opening is None else (opening.asset.identifier, *aliases_of(opened))
    status = status_name(evidence.asset_type, evidence.history[-1].status)
    return History(evidence.asset_type, names, status, tuple(readable), tuple(closed))


def _known(kind: str | None) -> str | None:
    return None if kind is None or kind.startswith(UNKNOWN) else kind


def _id_of(one: Opened) -> tuple[int, str]:
    return one.at.meta.organisation, one.content.binding.jti


def _digests_by_id(opened: Mapping[int, Opened]) -> Mapping[tuple[int, str], set[str]]:
    """The digests of each event and of its repetitions: a correction may name any of them."""
    digests: dict[tuple[int, str], set[str]] = {}
    for one in opened.values():
        digests.setdefault(_id_of(one), set()).add(one.at.entry.digest.hex())
    return digests


def _event(one: Opened, digests: set[str]) -> OpenedEvent:
    at, document_id = one.at, one.fields.get("document_id")
    names = {one.content.binding.jti, *digests}
    return OpenedEvent(
        number=at.proven.number,
        kind=at.kind.name,
        organisation=at.meta.organisation,
        attested_at=datetime.fromtimestamp(at.meta.time, UTC),
        occurred_at=_moment(one.fields.get("occurred_at")),
        fields=one.fields,
        references=frozenset(names | {document_id} if isinstance(document_id, str) else names),
        withheld=one.content.withheld,
        digest=at.entry.digest.hex(),
    )


def _moment(value: Json) -> datetime | None:
    """Read a claimed time; what cannot be placed in UTC is no time."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def aliases_of(opened: Mapping[int, Opened]) -> tuple[str, ...]:
    """Return the aliases that the genesis discloses."""
    genesis = opened.get(1)
    aliases = None if genesis is None else genesis.fields.get("aliases")
    return tuple(item for item in aliases if isinstance(item, str)) if isinstance(aliases, list) else ()
