"""Telling changes, one JSON value a line, and keeping what was told: told first, so that none is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from ledger.errors import MalformedError
from ledger.event import Json
from ledger.proof.evidence_fields import encode_hexadecimal
from light_node.describe import ascii_json
from light_node.memory import Memory
from light_node.run.changes import Line, changes_of, placed
from light_node.run.exposition import Metrics
from light_node.run.health import Health, health_of
from light_node.run.record import Followed, Record, encode_record, parse_record
from light_node.sources.port import Wanted
from light_node.state import StateFolder
from light_node.verdict import Outcome, Verdict, time_text

CHANGES = ("head", "verdict", "event", "status", "fork", "source", "anchor", "succession")


class Teller:
    """What was told so far, and how to tell more; used while ``StateFolder.alone`` is held."""

    def __init__(
        self,
        state: StateFolder,
        wanted: Iterable[Wanted],
        metrics: Metrics,
        write: Callable[[str], None],
        warn: Callable[[str], None],
    ) -> None:
        """Read what was told before; where that is damaged, everything is told anew.

        Args:
            state: The light node's folder.
            wanted: The assets; what was told of others, or of another asset under one of their names, is forgotten.
            metrics: Count what is told.
            write: Takes a line.
            warn: Told what is not for machines.
        """
        self._state, self.metrics, self._write = state, metrics, write
        self.record, self.forks = Record(), len(state.forks())
        try:
            data = state.followed()
            self.record = self.record if data is None else parse_record(data)
        except MalformedError as error:
            warn(f"what was told before cannot be read, and is told anew: {error}")
        named = {one.name: one for one in wanted}
        known = {name: one for name, one in self.record.assets.items() if named.get(name) == one.wanted}
        self.record = replace(self.record, assets=known)
        self._now = 0
        for change in CHANGES:
            metrics.count("changes_total", change, by=0)
        metrics.set("forks", self.forks)

    def begin(self, now: int) -> None:
        """Tell from now on as of this time, in seconds since the epoch."""
        self._now = now

    def tell(self, line: Line) -> None:
        """Tell one change."""
        self.metrics.count("changes_total", str(line["change"]))
        self._write(f"{ascii_json({'at': time_text(self._now), **line})}\n")

    def head(self, memory: Memory | None) -> None:
        """Tell a new head."""
        if memory is None:
            return
        block = memory.block
        self.metrics.set("head_height", block.number)
        self.metrics.set("head_time_seconds", block.time)
        if self.record.head == (block.number, block.hash):
            return
        told: Json = {"block": block.number, "time": block.time, "hash": encode_hexadecimal(block.hash)}
        self.tell({"change": "head", "verified": True, "as_of": told})
        self.record = replace(self.record, head=(block.number, block.hash))

    def asset(self, name: str, after: Followed, verdict: Verdict | None) -> None:
        """Tell what changed about an asset; ``verdict`` is the verified one, where there is one."""
        before = self.record.assets.get(name)
        for line in changes_of(before, after, verdict):
            self.tell(placed(line, name, after))
        self.metrics.set("asset_verified", float(after.outcome is Outcome.VERIFIED), name)
        self.metrics.set("asset_events", after.events, name)
        self.metrics.set("asset_block", after.block, name)
        if verdict is not None:
            self.metrics.set("last_success_time_seconds", self._now)
            self.record = replace(self.record, success_at=self._now)
        if after != before:
            self.record = replace(self.record, assets={**self.record.assets, name: after})

    def fork(self, details: Mapping[str, Json]) -> None:
        """Tell two signed heads that contradict each other."""
        self.forks = len(self._state.forks())
        self.metrics.set("forks", self.forks)
        self.tell({"change": "fork", "verified": True, **details})

    def trust(self, pinned: bytes, successor: bytes | None) -> None:
        """Remember which trust file is pinned, and which successor of it was told, by fingerprint."""
        self.record = replace(self.record, trust=pinned, successor=successor)
        self.metrics.set("succession_available", float(successor is not None))

    def finish(self, *, whole: bool) -> None:
        """Keep what was told; ``whole``: every asset was asked for."""
        if whole:
            self.record = replace(self.record, round_at=self._now)
            self.metrics.count("rounds_total")
            self.metrics.set("last_round_time_seconds", self._now)
        self._state.keep_followed(encode_record(self.record))

    def health(self, names: tuple[str, ...], now: int, healthy_s: float) -> Health:
        """How it is; may be asked while others tell."""
        return health_of(self.record, names, self.forks, now, healthy_s)
