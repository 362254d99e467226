"""CSV, row by row: each row becomes an event or its list of faults; the file is never held in memory.

Rows are counted from 1 after the heading; faults point to ``/row/column``.
"""

from __future__ import annotations

import csv
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol

from ledger.errors import DocumentError, Fault
from ledger.event import AssetReference, Event, Json
from ledger.intake.assemble import check_event, known_kind
from ledger.intake.assets import read_identifier
from ledger.intake.csv_cells import read_cell
from ledger.intake.csv_types import Cell, CsvMapping
from ledger.intake.faults import Faults, pointer_to
from ledger.intake.times import parse_timestamp

MAX_LINE_BYTES = 256 * 1024
MAX_COLUMNS = 1000
MAX_ROWS = 500_000
MAX_READINGS = 10_000

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one row.

    Attributes:
        row: From 1, without the heading.
        event: None if the row is refused.
        faults: Why; notices stand beside an event too.
    """

    row: int
    event: Event | None
    faults: tuple[Fault, ...] = ()


class TextSink(Protocol):
    """Where the result file is written."""

    def write(self, text: str, /) -> object:
        """Write text."""


def parse_csv(stream: BinaryIO, mapping: CsvMapping, *, as_of: datetime) -> Iterator[RowResult]:
    """Read rows as they come; nothing is recorded here, so a dry run is the same call.

    Args:
        stream: Untrusted bytes.
        mapping: Checked.
        as_of: Now, aware.

    Yields:
        One result for each row, in order. A row that cannot be cut into cells (encoding, quotes, length) ends the
        file with a fault, because what follows it has no known place.

    Raises:
        DocumentError: The kind is unknown, or the heading is missing, repeated or lacks a column of the mapping.
    """
    if not known_kind(mapping.kind):
        raise DocumentError([Fault("/kind", "unknown-kind", f"there is no kind {mapping.kind!r}")], "CSV mapping")
    lines = _Lines(stream, mapping.encoding)
    rows = csv.reader(lines, delimiter=mapping.delimiter, quotechar=mapping.quote, strict=True)
    heading = _heading(rows, lines, mapping)
    history = _Odometers()
    number = 0
    while True:
        number += 1
        try:
            cells = next(rows, None)
        except (csv.Error, _LineError) as error:
            yield RowResult(number, None, (Fault(f"/{number}", "malformed", f"{error}; reading stops here"),))
            return
        if cells is None:
            return
        if number > MAX_ROWS:
            yield RowResult(number, None, (Fault(f"/{number}", "too-many", f"at most {MAX_ROWS} rows are read"),))
            return
        yield _row(number, cells, heading, mapping, (as_of, history))


class _LineError(Exception):
    """A line that is too long or not in the encoding."""


class _Lines:
    """Lines of bounded length, decoded; every encoding in use is a superset of ASCII, so lines can be cut first."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._stream, self._encoding, self._number = stream, encoding, 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._stream.readline(MAX_LINE_BYTES + 1)
        if not line:
            raise StopIteration
        self._number += 1
        if len(line) > MAX_LINE_BYTES:
            raise _LineError(f"line {self._number} is longer than {MAX_LINE_BYTES} bytes")
        if b"\x00" in line:
            raise _LineError(f"line {self._number} has a zero byte")
        try:
            return line.decode("utf-8-sig" if self._number == 1 and "utf" in self._encoding else self._encoding)
        except UnicodeDecodeError:
            raise _LineError(f"line {self._number} is not {self._encoding}") from None


def _heading(rows: Iterator[Sequence[str]], lines: _Lines, mapping: CsvMapping) -> Sequence[str]:
    try:
        heading = next(rows, None)
    except (csv.Error, _LineError) as error:
        raise DocumentError([Fault("/0", "malformed", str(error))], "csv") from None
    if heading is None or len(heading) > MAX_COLUMNS:
        raise DocumentError([Fault("/0", "missing", f"a heading of 1 to {MAX_COLUMNS} columns is needed")], "csv")
    faults = [
        Fault(pointer_to("/0", name), "missing", f"the mapping needs a column {name!r}")
        for name in sorted(mapping.columns() - set(heading))
    ]
    faults += [
        Fault(pointer_to("/0", name), "duplicate-name", f"two columns are named {name!r}")
        for name in sorted({name for name in mapping.columns() if heading.count(name) > 1})
    ]
    if faults:
        raise DocumentError(faults, "csv")
    return heading


def _row(
    number: int, cells: Sequence[str], heading: Sequence[str], mapping: CsvMapping, now: tuple[datetime, _Odometers]
) -> RowResult:
    place, faults = f"/{number}", Faults()
    if len(cells) != len(heading):
        faults.error(place, "wrong-width", f"{len(cells)} cells, the heading has {len(heading)}")
        return RowResult(number, None, tuple(faults.errors))
    event = _event(dict(zip(heading, cells, strict=True)), place, mapping, faults)
    if event is not None and not faults.errors:
        check_event(event, now[0], faults)
        if not faults.errors:
            now[1].check(event, number, faults)
    if faults.errors:
        return RowResult(number, None, (*faults.errors, *faults.notices))
    return RowResult(number, event, tuple(faults.notices))


def _event(row: Mapping[str, str], place: str, mapping: CsvMapping, faults: Faults) -> Event | None:
    text = read_cell(mapping.identifier, "", row, place, faults)
    at = _place_of(mapping.identifier, place)
    identifier = read_identifier(str(text), at, faults, mapping.asset_type) if text is not None else None
    when = read_cell(mapping.occurred_at, "occurred_at", row, place, faults)
    fields: dict[str, Json] = {}
    for name, cell in mapping.fields.items():
        value = read_cell(cell, name, row, place, faults)
        if value is not None:
            fields[name] = value
    document_id = None if mapping.document_id is None else read_cell(mapping.document_id, "", row, place, faults)
    issuer = None if mapping.issuer is None else read_cell(mapping.issuer, "", row, place, faults)
    moment = parse_timestamp(str(when))
    if identifier is None or not isinstance(moment, datetime):
        return None
    asset = AssetReference(mapping.asset_type, identifier.canonical)
    hint = None if issuer is None else str(issuer)
    own_id = None if document_id is None else str(document_id)
    return Event(mapping.kind, asset, moment, fields, hint, own_id, (), (), place)


def _place_of(cell: Cell, place: str) -> str:
    return place if cell.column is None else pointer_to(place, cell.column)


class _Odometers:
    """Readings so far, by vehicle and in order of time; rows come in any order."""

    def __init__(self) -> None:
        self._by_vehicle: dict[str, list[tuple[datetime, float, int]]] = {}

    def check(self, event: Event, row: int, faults: Faults) -> None:
        """Refuse a reading that is lower than an earlier one, or higher than a later one."""
        value = event.fields.get("odometer_km")
        if isinstance(value, bool) or not isinstance(value, int | float):
            return
        readings = self._by_vehicle.setdefault(event.asset.identifier, [])
        entry = (event.occurred_at, float(value), row)
        if len(readings) >= MAX_READINGS:
            faults.error(
                f"/{row}", "too-many", f"at most {MAX_READINGS} readings of one vehicle are read from one file"
            )
            return
        position = bisect_left(readings, entry)
        before = readings[position - 1] if position else None
        after = readings[position] if position < len(readings) else None
        for other, wrong in ((before, before and before[1] > value), (after, after and after[1] < value)):
            if other is not None and wrong and other[0] != event.occurred_at:
                message = f"{value:g} km, but {other[1]:g} km in row {other[2]} on {other[0].date().isoformat()}"
                faults.error(f"/{row}", "backwards-odometer", message)
                return
        readings.insert(position, entry)


def write_results(results: Iterable[RowResult], sink: TextSink) -> tuple[int, int]:
    """Write one line per row: number, outcome, kind, identifier, faults. Safe to open in a spreadsheet.

    Returns: How many rows were accepted and how many refused.
    """
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(("row", "outcome", "kind", "identifier", "faults"))
    accepted = refused = 0
    for result in results:
        event, faults = (
            result.event,
            "; ".join(f"{fault.pointer} {fault.code}: {fault.message}" for fault in result.faults),
        )
        outcome = "refused" if event is None else "accepted"
        accepted, refused = accepted + (event is not None), refused + (event is None)
        kind, identifier = ("", "") if event is None else (event.kind, event.asset.identifier)
        writer.writerow([harmless(text) for text in (str(result.row), outcome, kind, identifier, faults)])
    return accepted, refused


def harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula (CWE-1236)."""
    return f"'{text}" if text.startswith(_FORMULA) else text
