"""Results held back, in order, until what they speak of is final; then counted and told."""

from __future__ import annotations

from collections.abc import Callable

from ledger.errors import RejectedError, RuleError, VerificationError
from ledger.service.record import Recorder
from ledger.service.recorded import Recorded
from ledger.service.results import Result, Tally
from ledger.service.rows import forget_refused
from ledger.store.database import Database

SETTLE_EVENTS = 5_000
"""So many results, names of events and faults are held in memory at most, and those of one document more."""

Watch = Callable[[str, int, int], None]
"""Told what is going on (``documents``, ``rows``, ``chain``), how much is done, and of how much (0: not known)."""


class Outlet:
    """Takes results as documents are taken in, and lets them out once the chain has spoken."""

    def __init__(
        self, database: Database, recorder: Recorder | None, on_result: Callable[[Result], None], watch: Watch
    ) -> None:
        """``recorder`` is None where nothing is recorded: every result is final then."""
        self._database, self._recorder = database, recorder
        self._on_result, self._watch = on_result, watch
        self._waiting, self._weight = list[Result](), 0
        self.tally = Tally()

    @property
    def is_empty(self) -> bool:
        """Whether everything that was taken in is final and told."""
        return not self._waiting

    def add(self, result: Result) -> None:
        """Take a result; it is let out after everything before it."""
        self._waiting.append(result)
        self._weight += result.weight
        if self._recorder is None or self._weight >= SETTLE_EVENTS:
            self.settle()

    def settle(self) -> None:
        """Wait until everything is final or refused, and let all results out.

        Raises: SourceError; what was recorded stays, and the results of this wait are not told.
        """
        recorded = Recorded() if self._recorder is None else self._finish(self._recorder)
        digests = dict(recorded.events)
        reasons = dict(recorded.refused)
        if reasons:
            with self._database.write() as session:
                forget_refused(session, list(reasons))
        waiting, self._waiting, self._weight = self._waiting, [], 0
        for result in waiting:
            final = self._recorder is None or not result.awaited
            self.tell(result if final else result.settled(digests, reasons))

    def tell(self, result: Result) -> None:
        """Let a result out at once."""
        self.tally.count(result)
        self._on_result(result)

    def _finish(self, recorder: Recorder) -> Recorded:
        recorder.flush()
        total = len(recorder.result.events)
        try:
            recorded = recorder.finish(lambda at: self._watch("chain", max(total - at.ready - at.pending, 0), total))
        except (RuleError, VerificationError) as error:
            raise RejectedError(f"{error}; what was recorded before stays: start again for the rest") from error
        recorder.result = Recorded()
        return recorded
