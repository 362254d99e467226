"""What waits for ever fails instead."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

MOST_S = 20


@contextmanager
def alarm() -> Iterator[None]:
    """Fail what takes longer than ``MOST_S``, also within a call of the system."""

    def ring(*_: object) -> None:
        raise AssertionError("it waited")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(MOST_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
