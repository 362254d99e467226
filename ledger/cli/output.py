"""What commands print: for people through rich, for machines one JSON value on stdout; messages go to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text


class Output:
    """Where a command prints to."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.people = Console(highlight=False, soft_wrap=True)
        self.errors = Console(stderr=True, highlight=False, soft_wrap=True)

    def result(self, value: Any, text: str | Table | None = None) -> None:
        """Print a result: ``value`` for machines, ``text`` for people (untrusted text is not interpreted)."""
        if self.as_json:
            sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=_encode) + "\n")
        elif text is not None:
            self.people.print(Text(text) if isinstance(text, str) else text)

    def say(self, text: str) -> None:
        """Print a line for people; machines do not see it."""
        if not self.as_json:
            self.people.print(Text(text))

    def warn(self, text: str) -> None:
        """Print a line to stderr."""
        self.errors.print(Text(text))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
        """Lay rows out for people; cells are plain text."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(Text(str(cell)) for cell in row))
        return table

    @contextmanager
    def progress(self, what: str, total: int | None = None) -> Iterator[Progress]:
        """Show a bar on a terminal, and nothing elsewhere; its one task is number 0."""
        shown = self.errors.is_terminal and not self.as_json
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.errors, disable=not shown, transient=True) as bar:
            bar.add_task(what, total=total)
            yield bar


def utc(seconds: int) -> str:
    """Write a time for people: ``2026-11-21 08:00:05Z``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def short(value: bytes) -> str:
    """Write the beginning of a hash for people."""
    return value.hex()[:12]


def _encode(value: object) -> object:
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
