"""Asking many at the same time: each has one thread, one question at a time, and one time limit for all."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from ledger.errors import RejectedError, SourceTimeoutError, VinculumError

_T = TypeVar("_T")
_POLL_S = 0.1


class Crew(Generic[_T]):
    """Runs questions side by side. Who does not answer in time is left alone until it does: its thread is not joined.

    There are never more threads than there are names.
    """

    def __init__(self, stop: threading.Event, tell: Callable[[str], None]) -> None:
        """Nothing is asked yet.

        Args:
            stop: Ends every waiting soon.
            tell: Told of a fault of ours over somebody's answer, with its traceback; the others go on.
        """
        self._stop, self._tell = stop, tell
        self._busy = set[str]()
        self._lock = threading.Lock()

    def ask(self, questions: Mapping[str, Callable[[], _T]], limit_s: float) -> dict[str, _T | VinculumError]:
        """Ask all, and return what each came to within the limit: a value, or its error.

        Args:
            questions: By name; one whose earlier question is still under way is not asked.
            limit_s: For all of them together.
        """
        answers: SimpleQueue[tuple[str, _T | VinculumError]] = SimpleQueue()
        found = dict[str, _T | VinculumError]()
        waiting = set[str]()
        for name, question in questions.items():
            if self._start(name, question, answers):
                waiting.add(name)
            else:
                found[name] = SourceTimeoutError(f"{name} is still busy with an earlier question, or no thread is left")
        deadline = time.monotonic() + limit_s
        while waiting and not self._stop.is_set() and (left := deadline - time.monotonic()) > 0:
            try:
                name, answer = answers.get(timeout=min(left, _POLL_S))
            except Empty:
                continue
            found[name] = answer
            waiting.discard(name)
        late = {name: SourceTimeoutError(f"{name} did not answer within {limit_s:g} s") for name in waiting}
        return found | late

    def _start(
        self, name: str, question: Callable[[], _T], answers: SimpleQueue[tuple[str, _T | VinculumError]]
    ) -> bool:
        with self._lock:
            if name in self._busy:
                return False
            self._busy.add(name)
        work = threading.Thread(target=self._work, args=(name, question, answers), name=name, daemon=True)
        try:
            work.start()
        except RuntimeError:  # the system gives no more threads; others may end meanwhile
            with self._lock:
                self._busy.discard(name)
            return False
        return True

    def _work(
        self, name: str, question: Callable[[], _T], answers: SimpleQueue[tuple[str, _T | VinculumError]]
    ) -> None:
        answer: _T | VinculumError
        try:
            answer = question()
        except VinculumError as error:
            answer = error.with_traceback(None)  # it would hold all that was read until the others have answered
            answer.__context__ = None
        except Exception:  # noqa: BLE001 - no answer may end the others' work
            self._tell(traceback.format_exc())
            answer = RejectedError(f"a fault of ours over an answer of {name}")
        with self._lock:
            self._busy.discard(name)
        answers.put((name, answer))
