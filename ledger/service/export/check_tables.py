"""Check 6: every table of a bag is made anew and compared, byte by byte, while the evidence is verified."""

from __future__ import annotations

import itertools
from collections.abc import Generator
from contextlib import ExitStack

from ledger.errors import ContentMismatchError
from ledger.proof.evidence import parse_evidence
from ledger.service.export.archive import Archive
from ledger.service.export.layout import table_path
from ledger.service.export.rows import small_tables
from ledger.service.export.state import State
from ledger.service.export.tables import COLUMNS, Table, Totals, asset_row, event_rows
from light_node.verdict import Account


class Comparison:
    """A sink that compares what a table should be with what lies in the bag."""

    def __init__(self, path: str, pieces: Generator[bytes, None, None]) -> None:
        self.path, self._pieces = path, pieces
        self._piece, self._at = b"", 0
        self._lines = 0
        self._difference: int | None = None

    def write(self, data: bytes) -> None:
        """Compare the next line."""
        self._lines += 1
        if self._difference is None and self._take(len(data)) != data:
            self._difference = self._lines

    def finish(self) -> None:
        """Ask that there was no difference, and that nothing follows.

        Raises: ContentMismatchError, with the first line that differs.
        """
        if self._difference is None and self._take(1):
            self._difference = self._lines + 1
        if self._difference is not None:
            raise ContentMismatchError(self.path, "what the evidence says", f"another line {self._difference}")

    def close(self) -> None:
        """Let the file go."""
        self._pieces.close()

    def _take(self, size: int) -> bytes:
        taken = self._piece[self._at : self._at + size]
        self._at += len(taken)
        while len(taken) < size and (piece := next(self._pieces, b"")):
            self._piece, self._at = piece, size - len(taken)
            taken += piece[: self._at]
        return taken


class ComparedTables:
    """All tables of a bag, compared while the evidence is verified."""

    def __init__(self, archive: Archive, stack: ExitStack) -> None:
        self._archive = archive
        self._sinks = {
            (name, form): Comparison(table_path(name, form), archive.pieces(table_path(name, form)))
            for name, form in itertools.product(COLUMNS, ("csv", "json"))
        }
        self._tables = {name: Table(name, self._sinks[name, "csv"], self._sinks[name, "json"]) for name in COLUMNS}
        for sink in self._sinks.values():
            stack.callback(sink.close)

    def add(self, number: int, path: str, data: bytes, account: Account) -> None:
        """Compare the rows of one asset."""
        self._tables["assets"].add(asset_row(number, path, account))
        for row in event_rows(number, parse_evidence(data), account):
            self._tables["events"].add(row)

    def finish(self, state: State, totals: Totals) -> None:
        """Compare the rest.

        Raises: ContentMismatchError, with the first table that differs.
        """
        for name, rows in small_tables(state, totals).items():
            for row in rows:
                self._tables[name].add(row)
        for table in self._tables.values():
            table.end()
        for sink in self._sinks.values():
            sink.finish()
