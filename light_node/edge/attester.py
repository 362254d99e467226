"""The Python call of a device: readings in, flagged, batched, signed, and on the disk when it returns.

::

    with Queue(Path("queue.db")) as queue:
        attester = Attester(queue, load_key_file(Path("device.pem")))
        attester.take(asset, [Reading("odometer", 15021, "km", now_us, "can0/cluster")])
        attester.close_due()          # from time to time
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from light_node.edge.batch import BatchLimits, OpenBatch
from light_node.edge.keys import DeviceSigner
from light_node.edge.limits import Limits, default_limits
from light_node.edge.quality import NEW, Watch, judge_reading
from light_node.edge.queue import Growth, Queue, Taken, WatchKey
from light_node.edge.reading import Reading, encode_reading
from light_node.edge.statement import VerifiedStatement, sign_statement


def clock_us() -> int:
    """The device's clock, in microseconds since 1970."""
    return time.time_ns() // 1000


@dataclass(frozen=True, slots=True)
class EdgeAsset:
    """An asset as a device knows it: not by its identifier.

    Attributes:
        subject: Its pseudonym, 32 bytes.
        log: CAIP-10 name of the log that keeps its history (``ledger.credential.binding.log_name``).
    """

    subject: bytes
    log: str


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What was taken.

    Attributes:
        readings: How many; all are on the disk.
        flagged: How many of them have a flag.
        closed: Batches that were closed and signed, in order.
    """

    readings: int = 0
    flagged: int = 0
    closed: tuple[VerifiedStatement, ...] = ()


@dataclass(slots=True)
class _State:
    """What is known of one asset: the same as on the disk, between two calls."""

    batch: OpenBatch
    watches: dict[WatchKey, Watch]


@dataclass(slots=True)
class _Draft:
    """What a call is about to write."""

    growths: list[Growth] = field(default_factory=list)
    leaves: list[bytes] = field(default_factory=list)
    watches: dict[WatchKey, Watch] = field(default_factory=dict)
    readings: int = 0
    flagged: int = 0


class Attester:
    """Takes readings of any number of assets into one queue, signed by one key. Of one thread."""

    def __init__(
        self,
        queue: Queue,
        signer: DeviceSigner,
        *,
        limits: Limits | None = None,
        batches: BatchLimits | None = None,
        clock: Callable[[], int] = clock_us,
    ) -> None:
        """Nothing is read yet.

        Args:
            queue: Where readings go.
            signer: The device's key.
            limits: What is plausible; the table that comes with the program by default.
            batches: When a batch is closed.
            clock: The device's, in microseconds since 1970.
        """
        self._queue, self._signer, self._clock = queue, signer, clock
        self._limits, self._batches = limits or default_limits(), batches or BatchLimits()
        self._states: dict[bytes, _State] = {}

    def take(
        self, asset: EdgeAsset, readings: Iterable[Reading], position: tuple[str, str] | None = None
    ) -> Acknowledgement:
        """Take readings of one asset: all of them, or none.

        Args:
            asset: Whose.
            readings: As the sensors gave them; what cannot be right is flagged, not refused. A call costs one flush of
                the disk: many readings a call are quick.
            position: Source, and how far it was read with these readings; written with them, so that whoever goes on
                from there after a crash takes each reading once.

        Returns: What was taken; it survives the loss of power.

        Raises:
            MalformedError: A name or time is out of its form; nothing was taken.
            QueueFullError: The queue holds all it may; nothing was taken. Try again once something is delivered.
            SourceError: The disk or the key's hardware did not deliver; nothing was taken.
        """
        now_us = self._clock()
        try:
            state, draft = self._state(asset, now_us), _Draft()
            for reading in readings:
                self._add(asset, state, draft, reading, now_us)
            return self._write(asset, state, draft, position)
        except BaseException:
            self._states.pop(asset.subject, None)  # the disk says where we are
            raise

    def close_due(self) -> tuple[VerifiedStatement, ...]:
        """Close and sign every batch that is old enough; errors as for ``take``."""
        return self._close_all(lambda batch, now_us: batch.is_due(now_us, self._batches))

    def close_all(self) -> tuple[VerifiedStatement, ...]:
        """Close and sign every batch that holds a reading, e.g. before a journey without power."""
        return self._close_all(lambda batch, _: batch.size > 0)

    def _close_all(self, wanted: Callable[[OpenBatch, int], bool]) -> tuple[VerifiedStatement, ...]:
        closed: list[VerifiedStatement] = []
        for subject, log in self._queue.growing():
            asset, now_us = EdgeAsset(subject, log), self._clock()
            try:
                state, draft = self._state(asset, now_us), _Draft()
                if wanted(state.batch, now_us):
                    self._close(asset, state, draft, now_us)
                    closed += self._write(asset, state, draft, None).closed
            except BaseException:
                self._states.pop(subject, None)
                raise
        return tuple(closed)

    def _state(self, asset: EdgeAsset, now_us: int) -> _State:
        state = self._states.get(asset.subject)
        if state is None:
            key_id = self._signer.public.key_id
            state = _State(self._queue.open_batch(asset.subject, key_id, now_us), self._queue.watches(asset.subject))
            self._states[asset.subject] = state
        return state

    def _add(self, asset: EdgeAsset, state: _State, draft: _Draft, reading: Reading, now_us: int) -> None:
        key = reading.quantity, reading.sensor
        watch = state.watches.get(key, NEW)
        quality, watch = judge_reading(reading, watch, self._limits, now_us)
        leaf = encode_reading(reading, quality)
        if not state.batch.has_room(leaf, self._batches) or state.batch.is_due(now_us, self._batches):
            self._close(asset, state, draft, now_us)
        if not state.batch.size:
            state.batch.opened_at_us = now_us
        state.watches[key] = draft.watches[key] = watch
        state.batch.add(leaf, reading.taken_at_us, quality)
        draft.leaves.append(leaf)
        draft.readings += 1
        draft.flagged += bool(quality)

    def _close(self, asset: EdgeAsset, state: _State, draft: _Draft, now_us: int) -> None:
        """Sign the batch and begin the next; what is signed leaves the device only after it is written."""
        told = state.batch.close(asset.log, asset.subject, now_us)
        statement = sign_statement(told, self._signer.public, self._signer.sign)
        self._grow(state, draft, statement)
        state.batch = OpenBatch(told.sequence + 1, statement.digest, now_us)

    @staticmethod
    def _grow(state: _State, draft: _Draft, statement: VerifiedStatement | None) -> None:
        leaves = b"\n".join([*draft.leaves, b""])
        draft.growths.append(Growth(state.batch, leaves, statement))
        draft.leaves = []

    def _write(
        self, asset: EdgeAsset, state: _State, draft: _Draft, position: tuple[str, str] | None
    ) -> Acknowledgement:
        if state.batch.size >= self._batches.readings:
            self._close(asset, state, draft, self._clock())
        elif draft.leaves:
            self._grow(state, draft, None)
        taken = Taken(asset.subject, asset.log, draft.growths, draft.watches, position)
        self._queue.write(taken, self._signer.public.key_id)
        closed = tuple(growth.statement for growth in draft.growths if growth.statement is not None)
        return Acknowledgement(draft.readings, draft.flagged, closed)
