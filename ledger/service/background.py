"""One call at a time beside the caller's own work; its error reaches the caller when he waits."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread


class Background:
    """Runs a call in a thread, for work that mostly waits for others."""

    def __init__(self) -> None:
        self._running: Future[None] | None = None

    def start(self, call: Callable[[], object]) -> None:
        """Run ``call``; the one before must have been waited for."""
        if self._running is not None:
            raise RuntimeError("the call before was not waited for")
        running: Future[None] = Future()
        self._running = running

        def run() -> None:
            try:
                call()
                running.set_result(None)
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised where the caller waits
                running.set_exception(error)

        Thread(target=run, daemon=True).start()

    def wait(self) -> None:
        """Wait until nothing runs.

        Raises: What the call raised.
        """
        running, self._running = self._running, None
        if running is not None:
            running.result()
