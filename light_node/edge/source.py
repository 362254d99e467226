"""Where readings come from: a port, and the loop that carries them into the queue."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from ledger.errors import MalformedError, QueueFullError
from light_node.edge.attester import Attester, EdgeAsset
from light_node.edge.reading import GOOD, Reading, encode_reading
from light_node.edge.statement import VerifiedStatement

_FULL_WAIT_S = 1.0


class Item(NamedTuple):
    """A reading as a source gives it.

    Attributes:
        asset: The asset's name in the device's settings.
        reading: Of it.
        place: How far a recorded source was read with it; 0 where it cannot be read again.
    """

    asset: str
    reading: Reading
    place: int = 0


class Source(Protocol):
    """Gives readings in order. A recorded one gives the same again from a place on; nothing here is durable."""

    @property
    def name(self) -> str | None:
        """What its places are kept under; None where it cannot be read again."""
        ...

    def read(self, timeout_s: float) -> Sequence[Item] | None:
        """Return what came, nothing after ``timeout_s`` without any, None at the end. Items of one place come at once.

        Raises: SourceError, where it does not deliver any more.
        """
        ...

    def seek(self, place: int) -> None:
        """Go on behind a place; only before anything was read, and only where ``name`` is one."""
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    """How readings are written.

    Attributes:
        group: After so many.
        flush_s: Or after so many seconds; what came since is lost when the power goes, which a source that can be read
            again makes up for.
        wait_when_full: Hold the source up while the queue is full, and else end with ``QueueFullError``.
    """

    group: int = 1024
    flush_s: float = 1.0
    wait_when_full: bool = True


@dataclass(slots=True)
class Told:
    """What a run came to.

    Attributes:
        readings: Taken.
        flagged: Of them, with a flag.
        refused: Items that are no readings or of no known asset: their reasons go to ``on_refused``.
        repeated: Items that were in the queue already.
    """

    readings: int = 0
    flagged: int = 0
    refused: int = 0
    repeated: int = 0


@dataclass(slots=True)
class Run:
    """Carries a source into an attester.

    Attributes:
        attester: Takes the readings.
        assets: By the name that items carry.
        pace: How.
        on_closed: Told each batch once it is on the disk.
        on_refused: Told why an item was not taken.
        sleep: Waits; handed in for tests.
        told: So far.
    """

    attester: Attester
    assets: Mapping[str, EdgeAsset]
    pace: Pace = field(default_factory=Pace)
    on_closed: Callable[[VerifiedStatement], None] = lambda _: None
    on_refused: Callable[[str], None] = lambda _: None
    sleep: Callable[[float], None] = time.sleep
    told: Told = field(default_factory=Told)

    def run(self, source: Source, *, positions: Callable[[str], str | None], close: bool = True) -> Told:
        """Carry everything over.

        Args:
            source: What.
            positions: Of the queue; where an earlier run stopped.
            close: Close the open batches at the end.

        Raises: SourceError, where source, disk or key do not deliver; what was taken stays, and a new run goes on.
        """
        behind = self._go_on(source, positions)
        items: list[Item] = []
        since = time.monotonic()
        while (more := source.read(self.pace.flush_s)) is not None:
            items += self._new(more, behind)
            if len(items) >= self.pace.group or time.monotonic() - since >= self.pace.flush_s:
                self._write(source, items)
                self._tell(self.attester.close_due())
                items, since = [], time.monotonic()
        self._write(source, items)
        self._tell(self.attester.close_all() if close else self.attester.close_due())
        return self.told

    def _go_on(self, source: Source, positions: Callable[[str], str | None]) -> dict[str, int]:
        """Return how far each asset's readings are in the queue, and go to the first place that is not for all."""
        if source.name is None:
            return {}
        behind = {asset: int(positions(f"{source.name}#{asset}") or 0) for asset in self.assets}
        source.seek(min(behind.values(), default=0))
        return behind

    def _new(self, items: Sequence[Item], behind: Mapping[str, int]) -> list[Item]:
        fresh = []
        for item in items:
            if item.place and item.place <= behind.get(item.asset, 0):
                self.told.repeated += 1
            elif self._is_reading(item):
                fresh.append(item)
        return fresh

    def _is_reading(self, item: Item) -> bool:
        try:
            if item.asset not in self.assets:
                raise MalformedError("reading", f"no asset is called {item.asset[:64]!r} here")
            encode_reading(item.reading, GOOD)
        except MalformedError as error:
            self.told.refused += 1
            self.on_refused(str(error))
            return False
        return True

    def _write(self, source: Source, items: Sequence[Item]) -> None:
        for name in dict.fromkeys(item.asset for item in items):
            readings = [item.reading for item in items if item.asset == name]
            position = None if source.name is None else (f"{source.name}#{name}", str(items[-1].place))
            self._take(name, readings, position)

    def _take(self, name: str, readings: Sequence[Reading], position: tuple[str, str] | None) -> None:
        while True:
            try:
                taken = self.attester.take(self.assets[name], readings, position)
                break
            except QueueFullError:
                if not self.pace.wait_when_full:
                    raise
                self.sleep(_FULL_WAIT_S)
        self.told.readings += taken.readings
        self.told.flagged += taken.flagged
        self._tell(taken.closed)

    def _tell(self, closed: Sequence[VerifiedStatement]) -> None:
        for statement in closed:
            self.on_closed(statement)
