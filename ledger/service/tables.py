"""Tables row by row: each row becomes an event of its own, with its own line of the file as its source."""

from __future__ import annotations

import csv
import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO, cast

from ledger.errors import DocumentError, Fault
from ledger.event import Document, Event
from ledger.intake.csv_rows import RowResult, parse_csv
from ledger.intake.csv_types import CsvMapping
from ledger.service.plan import Plan, PlannedEvent
from ledger.service.recorders import Taker
from ledger.service.results import Outcome, Result, awaited
from ledger.service.sources import Source, open_source

DOCUMENT_TYPE = "csv"
CHUNK_ROWS = 200
_SPOOL_BYTES = 16 * 1024 * 1024
_READ_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Table:
    """A table that can be read more than once.

    Attributes:
        stream: Its bytes, seekable.
        digest: SHA-256 over the digests of mapping and file, 32 bytes: another mapping is another document.
        size: Bytes.
    """

    stream: BinaryIO
    digest: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Row:
    """A row with the bytes that it was read from.

    Attributes:
        result: As intake gave it.
        raw: The heading and the row's own line or lines.
    """

    result: RowResult
    raw: bytes

    @property
    def part(self) -> Document:
        """The row as a document of its own, for its event's capsule."""
        return Document(DOCUMENT_TYPE, hashlib.sha256(self.raw).digest(), (), (), self.raw)


@contextmanager
def open_table(source: Source, mapping: bytes) -> Iterator[Table]:
    """Open a table; standard input is laid down in an unnamed temporary file first.

    Args:
        source: Where it is.
        mapping: The mapping file.

    Raises: DocumentError, where it cannot be read.
    """
    with open_source(source) as given, tempfile.SpooledTemporaryFile(_SPOOL_BYTES) as spool:
        stream = given
        if source.path is None:
            shutil.copyfileobj(given, spool, _READ_BYTES)
            stream = cast(BinaryIO, spool)
        stream.seek(0)
        digest, size = hashlib.sha256(), 0
        while piece := stream.read(_READ_BYTES):
            digest.update(piece)
            size += len(piece)
        whole = hashlib.sha256(b"csv" + hashlib.sha256(mapping).digest() + digest.digest()).digest()
        yield Table(stream, whole, size)


def read_rows(table: Table, mapping: CsvMapping, as_of: datetime) -> Iterator[Row]:
    """Read a table from its beginning.

    Raises: DocumentError, for a heading or mapping that does not fit.
    """
    table.stream.seek(0)
    lines = _KeptLines(table.stream)
    heading: bytes | None = None
    for result in parse_csv(cast(BinaryIO, lines), mapping, as_of=as_of):
        raw = lines.take()
        if heading is None:
            heading, raw = _cut_heading(raw, mapping)
        yield Row(result, heading + b"".join(raw))


def take_rows(source: Source, table: Table, mapping: CsvMapping, taker: Taker, outcome: Outcome) -> Iterator[Result]:
    """Take a table row by row.

    Args:
        source: For the name.
        table: Read from its beginning.
        mapping: What its columns mean.
        taker: Records the rows, or rehearses it.
        outcome: Of a row that nothing is wrong with.

    Yields: A result for each row, in order; those of recorded rows are not final yet.

    Raises: DocumentError, for a heading or mapping that does not fit.
    """
    for chunk in _chunks(read_rows(table, mapping, datetime.now(UTC))):
        yield from _take_chunk(source, table, chunk, taker, outcome)


def _chunks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Gather rows so that they are planned together."""
    chunk: list[Row] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == CHUNK_ROWS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _faults_by_row(error: DocumentError) -> dict[str, list[Fault]]:
    """Sort the faults of a chunk by the pointer of the row that they concern (``/12``)."""
    found: dict[str, list[Fault]] = {}
    for fault in error.faults:
        found.setdefault("/" + fault.pointer.split("/")[1], []).append(fault)
    return found


def chunk_document(table: Table, events: Sequence[Event]) -> Document:
    """Rows as one document to plan; its bytes go into no capsule as a whole."""
    return Document(DOCUMENT_TYPE, table.digest, tuple(events))


def _by_pointer(plan: Plan) -> dict[str, list[int]]:
    """Which planned events a row came to: positions in the plan by the row's pointer."""
    found: dict[str, list[int]] = {}
    for position, planned in enumerate(plan.planned):
        found.setdefault(planned.event.source_pointer, []).append(position)
    return found


def _take_chunk(source: Source, table: Table, chunk: list[Row], taker: Taker, outcome: Outcome) -> Iterator[Result]:
    """Plan the rows of a chunk together; those that a rule refuses are taken out."""
    refusals: dict[str, list[Fault]] = {}
    while True:
        good = [row for row in chunk if row.result.event is not None and f"/{row.result.row}" not in refusals]
        events = [row.result.event for row in good if row.result.event is not None]
        carried = {f"/{row.result.row}": row.part for row in good}
        try:
            plan = taker.add(chunk_document(table, events), None, carried)
            break
        except DocumentError as error:
            fresh = _faults_by_row(error)
            if not fresh.keys() - refusals.keys():
                raise
            refusals |= fresh
    places = _by_pointer(plan)
    for row in chunk:
        found = [plan.planned[position] for position in places.get(f"/{row.result.row}", ())]
        faults = (*row.result.faults, *refusals.get(f"/{row.result.row}", ()))
        yield _row_result(source, row, found, faults, outcome)


def _row_result(
    source: Source, row: Row, planned: Sequence[PlannedEvent], faults: tuple[Fault, ...], outcome: Outcome
) -> Result:
    event = row.result.event
    wrong = tuple(fault for fault in faults if fault.severity == "error")
    what, identifier = ("", "") if event is None else (event.kind, event.asset.identifier)
    number = row.result.row
    if wrong or event is None:
        return Result(source.name, number, Outcome.REFUSED, what, identifier, faults=wrong)
    if not planned:
        return Result(source.name, number, Outcome.REPEATED, what, identifier, repeated=1)
    return Result(source.name, number, outcome, what, identifier, len(planned), awaited=awaited(planned))


class _KeptLines:
    """Hands lines on and keeps them until they are taken."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._kept = stream, list[bytes]()

    def readline(self, limit: int = -1) -> bytes:
        line = self._stream.readline(limit)
        self._kept.append(line)
        return line

    def take(self) -> list[bytes]:
        kept, self._kept = self._kept, []
        return kept


def _cut_heading(lines: list[bytes], mapping: CsvMapping) -> tuple[bytes, list[bytes]]:
    """Split the lines of heading and first row; the heading may have more than one line."""
    texts = (line.decode(mapping.encoding, "replace") for line in lines)
    reader = csv.reader(texts, delimiter=mapping.delimiter, quotechar=mapping.quote)
    next(reader, None)
    return b"".join(lines[: reader.line_num]), lines[reader.line_num :]
