"""What commands print: for people through rich, for machines one JSON value on stdout; messages go to stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from light_node.describe import ascii_json, visible


class ReaderGoneError(Exception):
    """Nobody reads what is printed any more."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to ``main`` how the process ends."""
        raise ReaderGoneError


class Output:
    """Where a command prints to."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.people = _Console(highlight=False, soft_wrap=True)
        self.errors = _Console(stderr=True, highlight=False, soft_wrap=True)

    def result(self, value: Any, text: str | Iterable[str] | None = None) -> None:
        """Print a result: ``value`` for machines, ``text`` for people (untrusted text is not interpreted).

        Whatever has untrusted words in it is handed over line by line: they can add none of their own then.
        """
        if self.as_json:
            _write(ascii_json(value, indent=2, default=_encode) + "\n")
        elif text is not None:
            shown = _visible(text) if isinstance(text, str) else "\n".join(map(visible, text))
            self.people.print(Text(shown))

    def say(self, text: str) -> None:
        """Print a line for people; machines do not see it."""
        if not self.as_json:
            self.people.print(Text(visible(text)))

    def warn(self, text: str) -> None:
        """Print a line to stderr."""
        self.errors.print(Text(visible(text)))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
        """Lay rows out for people, below headings where there are any; untrusted cells are shown, not obeyed."""
        cells = [[visible(str(cell)) for cell in row] for row in ([columns] if any(columns) else [])]
        cells += [[visible(str(cell)) for cell in row] for row in rows]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
        return "\n".join(line.rstrip() for line in lines)

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


def _write(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise ReaderGoneError from None


def utc(seconds: int) -> str:
    """Write a time for people: ``2026-11-21 08:00:05Z``."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def counted(number: int, noun: str) -> str:
    """Write ``1 event``, ``2 events``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def short(value: bytes) -> str:
    """Write the beginning of a hash for people."""
    return value.hex()[:12]


def _visible(text: str) -> str:
    """Untrusted text without what a terminal would obey: escape sequences and other controls become visible."""
    return "\n".join(map(visible, text.split("\n")))


def _encode(value: object) -> object:
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
