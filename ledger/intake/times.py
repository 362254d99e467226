"""Times and dates of documents: RFC 3339 with a zone, or an exact word for what is wrong. Nothing is guessed."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

from ledger.intake.faults import Faults

CLOCK_TOLERANCE = timedelta(hours=24)

_TIMESTAMP = re.compile(
    r"([0-9]{4})-(0[1-9]|1[0-2])-([0-9]{2})[Tt]([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])"
    r"(?:\.([0-9]+))?([Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?"
)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def parse_timestamp(text: str) -> datetime | str:
    """Read an RFC 3339 date-time.

    Args:
        text: Untrusted.

    Returns:
        The time in UTC, cut to microseconds; or the code of what is wrong: ``no-time-zone``, ``bad-format``.
    """
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return "bad-format"
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        micro = int((fraction or "")[:6].ljust(6, "0"))
        local = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), micro, tzinfo=UTC)
        return "no-time-zone" if zone is None else _in_utc(local, zone)
    except (ValueError, OverflowError):
        return "bad-format"


def _in_utc(local: datetime, zone: str) -> datetime:
    if zone in "Zz":
        return local
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[4:6]))
    return local.replace(tzinfo=timezone(-offset if zone[0] == "-" else offset)).astimezone(UTC)


def read_timestamp(text: str, pointer: str, faults: Faults) -> datetime | None:
    """``parse_timestamp``, with the fault recorded at ``pointer``; None if there was one."""
    value = parse_timestamp(text)
    if isinstance(value, datetime):
        return value
    if value == "no-time-zone":
        faults.error(pointer, value, "this time has no zone: add Z or an offset such as +01:00")
    else:
        faults.error(pointer, value, "not an RFC 3339 date-time, e.g. 2026-07-22T06:45:00+02:00")
    return None


def parse_date(text: str) -> date | None:
    """Read a full ISO 8601 calendar date (``2026-07-22``); None if it is not one. Untrusted."""
    if _DATE.fullmatch(text) is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def start_of(day: date) -> datetime:
    """The calendar day as a time: its beginning in UTC. A day is a claim of a whole day, said so in the field."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def check_not_in_future(when: datetime, as_of: datetime, pointer: str, faults: Faults) -> None:
    """Refuse a time that lies after ``as_of`` by more than ``CLOCK_TOLERANCE`` (zones and clocks differ)."""
    if when > as_of + CLOCK_TOLERANCE:
        faults.error(pointer, "in-future", f"{when.isoformat()} is later than now ({as_of.isoformat()})")
