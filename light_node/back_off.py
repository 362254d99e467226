"""How long to leave somebody alone who failed. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BackOff:
    """How long to wait after the nth failure in a row: doubling, bounded, and never twice the same.

    Attributes:
        first_s: After the first.
        most_s: At most.
        jitter: Gives numbers from 0 to 1; half of the wait hangs on it, so that a fleet does not come back at once.
    """

    jitter: Callable[[], float]
    first_s: float = 1.0
    most_s: float = 300.0

    def wait_s(self, failures: int) -> float:
        """Return the wait; ``failures`` from 1."""
        whole = min(self.most_s, self.first_s * 2.0 ** min(failures - 1, 40))
        return whole * (0.5 + self.jitter() / 2)
