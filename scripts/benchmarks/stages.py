"""Where the time goes: wraps methods so that each stage's own time is counted, nested stages apart.

Stages of a second thread are counted beside those of the first, so that their sum can exceed the time that passed.
"""

from __future__ import annotations

import functools
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any


class Stages:
    """Seconds by stage; a stage inside another is not counted twice."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._local = threading.local()

    def wrap(self, owner: Any, name: str, stage: str) -> None:
        """Count the time of ``owner.name`` under ``stage``."""
        method: Callable[..., Any] = getattr(owner, name)

        @functools.wraps(method)
        def timed(*arguments: Any, **named: Any) -> Any:
            started, inner = time.perf_counter(), self._stack()
            inner.append(0.0)
            try:
                return method(*arguments, **named)
            finally:
                whole = time.perf_counter() - started
                self.seconds[stage] += whole - inner.pop()
                inner[-1] += whole

        setattr(owner, name, timed)

    def _stack(self) -> list[float]:
        """Seconds of the stages inside each open one, of this thread."""
        if not hasattr(self._local, "inner"):
            self._local.inner = [0.0]
        inner: list[float] = self._local.inner
        return inner

    def report(self) -> dict[str, float]:
        """Seconds by stage, largest first."""
        return {stage: round(seconds, 3) for stage, seconds in sorted(self.seconds.items(), key=lambda item: -item[1])}
