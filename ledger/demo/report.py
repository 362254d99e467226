"""What the demonstration prints: a line a step for people, one JSON value for machines."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ledger.cli.output import Output


@dataclass(slots=True)
class Step:
    """A step under way; ``done`` is told when it is over."""

    what: str
    done: str = ""


@dataclass(slots=True)
class Report:
    """Prints, and keeps what was printed.

    Attributes:
        output: Where to.
        steps: Of each step what was done, and how many seconds it took.
    """

    output: Output
    steps: list[dict[str, object]] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)

    @contextmanager
    def step(self, what: str) -> Iterator[Step]:
        """Do a step: its line is printed at the end, with the time that it took."""
        began, step = time.monotonic(), Step(what)
        yield step
        seconds = time.monotonic() - began
        self.steps.append({"step": what, "result": step.done, "seconds": round(seconds, 3)})
        self.output.say(f"{seconds:6.1f} s  {what}: {step.done}")

    def chapter(self, title: str) -> None:
        """Print a heading."""
        self.output.say("")
        self.output.say(title)

    def say(self, text: str) -> None:
        """Print a line that belongs to the step before it."""
        self.output.say(f"          {text}")

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._began


def many(count: int, noun: str) -> str:
    """Count things: ``1 event``, ``2 events``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
