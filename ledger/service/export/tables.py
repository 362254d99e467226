"""The tables of an export: every row follows from the evidence files and the proven state, so a reader makes them anew.

CSV after RFC 4180 in UTF-8, every cell quoted; a text that a spreadsheet could take for a formula (CWE-1236), or that
begins with an apostrophe, has one apostrophe before it. JSON has one row a line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from ledger.event import Json
from ledger.proof.evidence import Evidence, OpenEntry
from ledger.proof.evidence_fields import encode_hexadecimal
from ledger.strict_json import canonical_json
from light_node.verdict import Account, EventReport, time_text

Row = Sequence[Json]

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "assets": (
        "number",
        "evidence",
        "asset_type",
        "subject",
        "identifier",
        "aliases",
        "registered_by",
        "by_registrar",
        "status",
        "events",
        "findings",
        "as_of_block",
        "as_of_time",
    ),
    "events": (
        "asset",
        "number",
        "subject",
        "state",
        "kind",
        "organisation",
        "attested_at",
        "status",
        "digest",
        "leaf",
        "marks",
        "missing",
        "fields",
    ),
    "organisations": ("organisation", "name", "roles", "since", "suspended", "profile_digest", "events", "assets"),
    "issuer-keys": (
        "organisation",
        "key_id",
        "algorithm",
        "valid_from",
        "valid_until",
        "revoked_from",
        "changed_at",
        "flags",
        "jwk",
    ),
    "namespaces": ("namespace", "scheme", "prefix", "position", "organisation", "since"),
}
"""Names of the columns by table, in their order."""

STREAMED = ("assets", "events")
_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20'")
_BLANK = " \t\r\n\v\f\u00a0"


class Sink(Protocol):
    """Where the bytes of a table go: a file that is written, or one that they are compared with."""

    def write(self, data: bytes, /) -> object:
        """Take the next bytes."""


class Table:
    """Writes one table in both forms, a row at a time."""

    def __init__(self, name: str, as_csv: Sink, as_json: Sink) -> None:
        self._columns, self._csv, self._json = COLUMNS[name], as_csv, as_json
        self._rows = 0
        as_csv.write(csv_line(self._columns))
        as_json.write(b'{"columns":%s,"table":%s,"rows":[' % (_json([*self._columns]), _json(name)))

    def add(self, row: Row) -> None:
        """Write one row, its cells in the order of ``COLUMNS``."""
        value = dict(zip(self._columns, row, strict=True))
        self._csv.write(csv_line(row))
        self._json.write((b",\n" if self._rows else b"\n") + _json(value))
        self._rows += 1

    def end(self) -> None:
        """Write what follows the last row."""
        self._json.write(b"\n]}\n")


class Totals:
    """What the rows of organisations say of all evidence files together."""

    def __init__(self) -> None:
        self.events: Counter[int] = Counter()
        self.assets: Counter[int] = Counter()

    def count(self, account: Account) -> None:
        """Add one asset; events that do not show who wrote them count for nobody."""
        self.assets[account.registered_by] += 1
        self.events.update(event.organisation for event in account.events if event.organisation is not None)


def asset_row(number: int, path: str, account: Account) -> Row:
    """The row of one asset.

    Args:
        number: Of the evidence file, from 1.
        path: Of the evidence file.
        account: *Verified.*
    """
    return (
        number,
        path,
        str(account.asset_type),
        encode_hexadecimal(account.subject),
        None if account.asset is None else account.asset.identifier,
        [*account.aliases],
        account.registered_by,
        account.by_registrar,
        account.status,
        len(account.events),
        [finding.code for finding in account.findings],
        account.as_of.number,
        time_text(account.as_of.time),
    )


def event_rows(number: int, evidence: Evidence, account: Account) -> Iterator[Row]:
    """The rows of one asset's events, in their order; arguments as for ``asset_row``."""
    subject = encode_hexadecimal(account.subject)
    for event, entry in zip(account.events, evidence.history, strict=True):
        yield (
            number,
            event.number,
            subject,
            str(event.state),
            event.kind,
            event.organisation,
            _time(event),
            event.status,
            encode_hexadecimal(entry.digest) if isinstance(entry, OpenEntry) else None,
            None if isinstance(entry, OpenEntry) else encode_hexadecimal(entry.leaf),
            [str(mark) for mark in sorted(event.marks)],
            [*event.missing],
            dict(event.fields),
        )


def csv_line(cells: Sequence[Json]) -> bytes:
    """Write one line of CSV."""
    return (",".join(f'"{_cell(cell)}"' for cell in cells) + "\r\n").encode()


def _cell(value: Json) -> str:
    if isinstance(value, str):
        return safe_text(value).replace('"', '""')
    return "" if value is None else canonical_json(value).decode().replace('"', '""')


def safe_text(text: str) -> str:
    """A text that no spreadsheet takes for a formula; taking one leading apostrophe off gives it back."""
    begins_blank = text[:1] in tuple(_BLANK[1:])
    return f"'{text}" if begins_blank or text.lstrip(_BLANK).startswith(_FORMULA) else text


def _json(value: Json) -> bytes:
    return canonical_json(value)


def _time(event: EventReport) -> str | None:
    return None if event.attested_at is None else time_text(event.attested_at)
