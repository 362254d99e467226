"""What became of each document and each row that was taken in; lines for people, programs and spreadsheets."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TextIO

from ledger.errors import Fault
from ledger.intake.csv_rows import harmless
from ledger.service.plan import EventName, Plan, PlannedEvent

COLUMNS = ("source", "row", "outcome", "what", "identifier", "events", "repeated", "credentials", "faults")


class Outcome(StrEnum):
    """What became of a document or row.

    ``recorded``: final on the chain. ``repeated``: the same content was recorded before, nothing is new.
    ``valid``: would be recorded. ``refused``: nothing of it was recorded.
    """

    RECORDED = "recorded"
    REPEATED = "repeated"
    VALID = "valid"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Awaited:
    """An event that the chain has not spoken of yet; its contents are with the recorder, and soon in the store.

    Attributes:
        name: By which its credential is found.
        pointer: Where in its document it stands.
    """

    name: EventName
    pointer: str


@dataclass(frozen=True, slots=True)
class Result:
    """One line.

    Attributes:
        source: Name of the document.
        row: Number of the row in a table, from 1; None for a document.
        outcome: What became of it.
        what: Type of the document, or kind of the row's event.
        identifier: Of the row's asset, canonical; empty for documents.
        events: How many events are new.
        repeated: How many events were recorded before.
        credentials: Digests of the new ones.
        faults: Why it is refused, by place and cause.
        notices: What is worth saying although it is not refused.
        awaited: What is being recorded; empty once it is settled.
    """

    source: str
    row: int | None
    outcome: Outcome
    what: str = ""
    identifier: str = ""
    events: int = 0
    repeated: int = 0
    credentials: tuple[bytes, ...] = ()
    faults: tuple[Fault, ...] = ()
    notices: tuple[Fault, ...] = ()
    awaited: tuple[Awaited, ...] = field(default=(), repr=False)

    @property
    def weight(self) -> int:
        """How much it holds in memory, counted in events and faults; at least 1."""
        return max(1, len(self.awaited) + len(self.faults))

    def settled(self, digests: Mapping[EventName, bytes], refused: Mapping[bytes, str]) -> Result:
        """The same line once the chain has spoken.

        Args:
            digests: Of the credentials, by the name of the event.
            refused: Reasons of the contract, by digest.
        """
        found = [(event, digests[event.name]) for event in self.awaited if event.name in digests]
        faults = tuple(
            Fault(event.pointer, "refused-by-contract", refused[digest]) for event, digest in found if digest in refused
        )
        taken = tuple(digest for _, digest in found if digest not in refused)
        outcome = Outcome.REFUSED if faults else self.outcome
        return replace(self, outcome=outcome, events=len(taken), credentials=taken, faults=faults, awaited=())


@dataclass(slots=True)
class Tally:
    """Counts over all results.

    Attributes:
        documents: By outcome.
        rows: By outcome, of tables.
        events: New events on the chain; with a dry run, events that would be.
        repeated: Events that were recorded before.
    """

    documents: Counter[Outcome] = field(default_factory=Counter)
    rows: Counter[Outcome] = field(default_factory=Counter)
    events: int = 0
    repeated: int = 0

    def count(self, result: Result) -> None:
        """Add a result; a table's own line repeats what its rows say."""
        (self.documents if result.row is None else self.rows)[result.outcome] += 1
        if result.row is not None or result.what != "csv":
            self.events += result.events
            self.repeated += result.repeated

    @property
    def refused(self) -> int:
        """How many documents and rows were refused."""
        return self.documents[Outcome.REFUSED] + self.rows[Outcome.REFUSED]


def awaited(planned: Iterable[PlannedEvent]) -> tuple[Awaited, ...]:
    """What has to be known of planned events until they are final."""
    return tuple(Awaited(one.name, one.event.source_pointer) for one in planned)


def document_result(name: str, plan: Plan, outcome: Outcome) -> Result:
    """The result of a document that was planned; ``repeated`` where none of its events is new."""
    notices = tuple(fault for fault in plan.document.notices if isinstance(fault, Fault))
    if plan.repeated and not plan.planned:
        outcome = Outcome.REPEATED
    return Result(
        name,
        None,
        outcome,
        plan.document.document_type,
        events=len(plan.planned),
        repeated=len(plan.repeated),
        notices=notices,
        awaited=awaited(plan.planned),
    )


class ResultFile:
    """Writes results as they come: JSON lines, or CSV that is safe to open in a spreadsheet."""

    def __init__(self, stream: TextIO, *, as_csv: bool) -> None:
        self._stream, self._table = stream, csv.writer(stream, lineterminator="\n") if as_csv else None
        if self._table is not None:
            self._table.writerow(COLUMNS)

    def write(self, result: Result) -> None:
        """Write one line."""
        line = line_of(result)
        if self._table is None:
            self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")
            return
        line["credentials"] = " ".join(digest.hex() for digest in result.credentials)
        line["faults"] = "; ".join(f"{fault.pointer} {fault.code}: {fault.message}" for fault in result.faults)
        cells = ("" if line[name] is None else str(line[name]) for name in COLUMNS)
        self._table.writerow([harmless(cell) for cell in cells])


@contextmanager
def open_results(path: Path) -> Iterator[ResultFile]:
    """Open a result file: CSV where its name ends so, JSON lines otherwise. An existing one is replaced."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        yield ResultFile(stream, as_csv=path.suffix.lower() == ".csv")


def line_of(result: Result) -> dict[str, object]:
    """A result with every name of ``COLUMNS``, as JSON takes it."""
    return {
        "source": result.source,
        "row": result.row,
        "outcome": str(result.outcome),
        "what": result.what,
        "identifier": result.identifier,
        "events": result.events,
        "repeated": result.repeated,
        "credentials": [f"0x{digest.hex()}" for digest in result.credentials],
        "faults": [fault_of(fault) for fault in result.faults],
    }


def fault_of(fault: Fault) -> dict[str, str]:
    """A fault as JSON takes it."""
    return {"pointer": fault.pointer, "code": fault.code, "message": fault.message}
