"""Whom to leave alone for now: who failed is asked again after a wait that grows, and is never twice the same."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

from light_node.back_off import BackOff


class Patience:
    """Counts failures in a row, by whatever failed; in memory only."""

    def __init__(self, back_off: BackOff, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` gives seconds that never go back."""
        self._back_off, self._clock = back_off, clock
        self._failures: dict[Hashable, tuple[int, float]] = {}

    def may_ask(self, *keys: Hashable) -> bool:
        """Whether none of these is to be left alone."""
        now = self._clock()
        return all(self._failures.get(key, (0, now))[1] <= now for key in keys)

    def failed(self, key: Hashable) -> None:
        """Leave it alone for a while."""
        count = self._failures.get(key, (0, 0.0))[0] + 1
        self._failures[key] = count, self._clock() + self._back_off.wait_s(count)

    def succeeded(self, *keys: Hashable) -> None:
        """Ask it as ever."""
        for key in keys:
            self._failures.pop(key, None)
