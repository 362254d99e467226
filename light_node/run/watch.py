"""What is told of sources and witnesses: each change of standing once, each failure counted, and who is left alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from ledger.errors import VinculumError
from light_node.http_source import HttpSource
from light_node.run.changes import Line
from light_node.run.exposition import Metrics
from light_node.run.patience import Patience
from light_node.sources.port import EvidenceSource
from light_node.sources.standing import Heard, Standing, heard_error

_OF_THE_SOURCE = (Standing.DEAD, Standing.SLOW)
"""Standings that have nothing to do with what was asked for: then nobody asks for other assets either."""


class Watch:
    """Knows how each source stands, with each asset."""

    def __init__(
        self, patience: Patience, metrics: Metrics, tell: Callable[[Line], None], about: str | None = None
    ) -> None:
        """Nothing is known yet.

        Args:
            patience: Who is left alone.
            metrics: Count what fails.
            tell: Takes a line of change.
            about: What they are asked about, where it is not an asset, nor how far the chain is.
        """
        self._patience, self._metrics, self._tell, self._about = patience, metrics, tell, about
        self._standings: dict[tuple[str, str], Standing] = {}

    def ready(self, sources: Iterable[EvidenceSource], asset: str) -> Sequence[EvidenceSource]:
        """The sources that are not to be left alone now."""
        return [one for one in sources if self._patience.may_ask(one.name, (one.name, asset))]

    def ready_witnesses(self, witnesses: Mapping[str, HttpSource]) -> dict[str, HttpSource]:
        """The witnesses that are not to be left alone now."""
        return {name: one for name, one in witnesses.items() if self._patience.may_ask(name, (name, ""))}

    def answering(self, witnesses: Mapping[str, HttpSource]) -> dict[str, HttpSource]:
        """The witnesses that are not known to be slow or dead, whatever came of their answers."""
        return {name: one for name, one in witnesses.items() if self._patience.may_ask(name)}

    def forgive(self, witnesses: Iterable[str]) -> None:
        """Ask witnesses as ever, whatever came of their answers; who is slow or dead is left alone still."""
        self._patience.succeeded(*((name, "") for name in witnesses))

    def sources(self, heard: Sequence[Heard], asset: str, now: int) -> None:
        """Take note of what came of each source."""
        for one in heard:
            verdict = one.verdict
            if verdict is not None:
                self._metrics.count("verdicts_total", str(verdict.outcome))
            self._note(one, asset, now)

    def witnesses(self, faults: Mapping[str, VinculumError], names: Iterable[str], now: int) -> None:
        """Take note of what came of each witness's checkpoint."""
        for name in names:
            error = faults.get(name)
            self._note(Heard(name, Standing.VERIFIED) if error is None else heard_error(name, error), "", now)

    def _note(self, one: Heard, asset: str, now: int) -> None:
        whole = one.standing in _OF_THE_SOURCE
        if one.standing is Standing.VERIFIED:
            self._patience.succeeded(one.source, (one.source, asset))
            if self._about is None:
                self._metrics.set("source_last_success_time_seconds", now, one.source)
        else:
            self._metrics.count("source_failures_total", one.source, str(one.standing))
            self._patience.failed(one.source if whole else (one.source, asset))
        self._change(one, asset, "" if whole else asset)

    def _change(self, one: Heard, asset: str, place: str) -> None:
        """Tell it where it stands otherwise than before; of a source, where it answers again, too."""
        before = self._standings.pop((one.source, ""), None) or self._standings.get((one.source, asset))
        self._standings[one.source, place] = one.standing
        if one.standing is before or (before is None and one.standing is Standing.VERIFIED):
            return
        line: Line = {"change": "source", "source": one.source, "to": str(one.standing), "reason": one.reason}
        line |= {"from": None if before is None else str(before), "asset": asset or None, "verified": False}
        self._tell(line if self._about is None else line | {"about": self._about})
