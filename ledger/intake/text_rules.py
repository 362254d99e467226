"""Rules that texts of documents are held to: dates, times, links and patterns, each fault with its code and message.

A rule returns None, or (code, message).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ledger.intake.faults import shown
from ledger.intake.times import parse_date, parse_timestamp

_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):[!-~]+", re.ASCII)
_WEB = re.compile(r"//[A-Za-z0-9\[][^/?#@\\]*([/?#].*)?", re.ASCII)
LINK_SCHEMES = frozenset({"http", "https", "urn", "ipfs", "did"})
TextRule = Callable[[str], tuple[str, str] | None]


def calendar_date(text: str) -> tuple[str, str] | None:
    """Text rule: a full calendar date."""
    return None if parse_date(text) else ("bad-format", "a calendar date such as 2026-07-22 is needed")


def zoned_time(text: str) -> tuple[str, str] | None:
    """Text rule: an RFC 3339 date-time with its zone."""
    found = parse_timestamp(text)
    if found == "no-time-zone":
        return "no-time-zone", "this time has no zone: add Z or an offset such as +01:00"
    if isinstance(found, str):
        return "bad-format", "an RFC 3339 date-time such as 2026-07-22T06:45:00+02:00 is needed"
    return None


def link(text: str) -> tuple[str, str] | None:
    """Text rule: an absolute URI of a scheme that is safe to show as a link."""
    found = _URI.fullmatch(text)
    if found is None:
        return "bad-uri", "an absolute URI is needed"
    scheme = found[1].lower()
    if scheme not in LINK_SCHEMES:
        return "bad-uri", f"a URI of {', '.join(sorted(LINK_SCHEMES))} is needed, not of {shown(scheme)}"
    if scheme in ("http", "https") and not _WEB.fullmatch(text[len(scheme) + 1 :]):
        return "bad-uri", "a URI with a domain and without a user is needed"
    return None


def matching(pattern: str, what: str, code: str = "bad-format") -> TextRule:
    """Make a text rule from a regular expression that the whole text must match."""
    compiled = re.compile(pattern, re.ASCII)
    return lambda text: None if compiled.fullmatch(text) else (code, f"{what} is needed")
