"""CAN frames from a candump log, which can be read again from any place, or from a live bus.

A line of ``candump -l``: ``(1436509052.249713) can0 1A0#2A366C2BBA``; eight digits of id: extended; ``##`` and a digit
of flags: CAN FD; ``#R``: a remote frame, which carries no data. A direction (``R`` or ``T``) may follow.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from ipfs.files import open_regular
from ledger.errors import MalformedError, UnreachableError

if TYPE_CHECKING:
    from types import TracebackType

    import can

MAX_LINE_BYTES = 512
MAX_DATA_BYTES = 64
_ERROR_FLAG, _ID_MASK = 0x2000_0000, 0x1FFF_FFFF
_LINE = re.compile(
    rb"\((\d{1,11})\.(\d{6})\)[ \t]+(\S{1,32})[ \t]+"
    rb"([0-9A-Fa-f]{3}|[0-9A-Fa-f]{8})#(?:(R\d?)|#[0-9A-Fa-f]((?:[0-9A-Fa-f]{2}){0,64})|((?:[0-9A-Fa-f]{2}){0,8}))"
    rb"(?:[ \t]+[RT])?[ \t]*\r?"
)
_READ_LINES = 256


class Frame(NamedTuple):
    """A data frame.

    Attributes:
        taken_at_us: When, by the clock of whoever recorded it; microseconds since 1970.
        channel: E.g. ``can0``.
        frame_id: 11 or 29 bits.
        extended: Whether it has 29.
        data: 0 to 64 bytes.
        place: Behind it in its log; 0 on a live bus.
    """

    taken_at_us: int
    channel: str
    frame_id: int
    extended: bool
    data: bytes
    place: int = 0


def parse_candump(line: bytes, place: int = 0) -> Frame | None:
    """Read one line of a candump log.

    Args:
        line: *Untrusted*.
        place: Behind it.

    Returns: The frame; None for a remote or an error frame, which carry no reading.

    Raises: MalformedError.
    """
    match = _LINE.fullmatch(line)
    if match is None:
        raise MalformedError("candump line", "not '(seconds.microseconds) channel id#data'", place)
    seconds, fraction, channel, identifier, remote, flexible, classic = match.groups()
    frame_id, extended = int(identifier, 16), len(identifier) == 8
    if remote is not None or (frame_id & _ERROR_FLAG and extended):
        return None
    data = bytes.fromhex((classic if flexible is None else flexible).decode())
    taken_at_us = int(seconds) * 1_000_000 + int(fraction)
    name = channel.decode("ascii", "replace")
    return Frame(taken_at_us, name, frame_id & _ID_MASK, extended, data, place)


class CandumpLog:
    """Frames of a candump log.

    Attributes:
        name: Of the file and of how it begins, so that another file of the same name is another source.
        refused: Lines that are none, so far.
    """

    def __init__(self, path: Path, on_refused: Callable[[str], None] = lambda _: None) -> None:
        """Open it.

        Args:
            path: Of the log.
            on_refused: Told of each line that is none.

        Raises: UnreachableError.
        """
        try:
            self._file = open_regular(path)
            first = self._file.readline(MAX_LINE_BYTES)
            self._file.seek(0)
        except OSError as error:
            raise UnreachableError(f"{path.name}: {error.strerror}") from None
        self.name = f"{path.name}:{sha256(first).hexdigest()[:16]}"
        self.refused, self._on_refused = 0, on_refused

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def seek(self, place: int) -> None:
        """Go on behind a frame."""
        self._file.seek(place)

    def read(self, timeout_s: float) -> list[Frame] | None:
        """Return some frames; None at the end."""
        frames: list[Frame] = []
        for _ in range(_READ_LINES):
            line = self._file.readline(MAX_LINE_BYTES)
            if not line:
                return frames or None
            try:
                frame = parse_candump(line.removesuffix(b"\n"), self._file.tell()) if line.strip() else None
            except MalformedError as error:
                self.refused += 1
                self._on_refused(str(error))
                continue
            if frame is not None:
                frames.append(frame)
        return frames


class LiveBus:
    """Frames of a live bus, through python-can."""

    name = None

    def __init__(self, bus: can.BusABC) -> None:
        """Give it a bus that is open; whoever opened it closes it."""
        self._bus = bus

    def seek(self, place: int) -> None:
        """Cannot be asked for."""
        raise NotImplementedError

    def read(self, timeout_s: float) -> list[Frame] | None:
        """Return what came, waiting for the first frame only.

        Raises: UnreachableError, where the bus is gone.
        """
        frames: list[Frame] = []
        message = self._receive(timeout_s)
        while message is not None:
            if not message.is_error_frame and not message.is_remote_frame:
                frames.append(_frame(message))
            message = self._receive(0) if len(frames) < _READ_LINES else None
        return frames

    def _receive(self, timeout_s: float) -> can.Message | None:
        try:
            return self._bus.recv(timeout_s)
        except Exception as error:  # noqa: BLE001 - each of its drivers has errors of its own
            raise UnreachableError(f"CAN bus: {error}") from None


def _frame(message: can.Message) -> Frame:
    taken_at_us, channel = int(message.timestamp * 1_000_000), str(message.channel)
    return Frame(taken_at_us, channel, message.arbitration_id, message.is_extended_id, bytes(message.data))
