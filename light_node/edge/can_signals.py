"""Readings from CAN frames, by a DBC and a table of signals. Needs the extra ``can``.

::

    [signals."BMS_Status.StateOfCharge"]
    asset = "pack"
    quantity = "state_of_charge"
    unit = "percent"

The unit is the one that the signal has after the DBC's factor and offset. A frame that cannot be decoded gives readings
without a value, which are flagged as unreadable; a signal whose value is a name in the DBC (*not available*) likewise,
unless the unit is ``code``: then the name is the value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import cantools.database
from cantools.database import Database, Message
from cantools.database.namedsignalvalue import NamedSignalValue

from ledger.errors import MalformedError
from light_node.edge.can_frames import Frame
from light_node.edge.reading import Reading
from light_node.edge.source import Item
from light_node.settings_table import parse_toml

CODE = "code"
MAX_BYTES = 16 * 1024 * 1024
_ROW = frozenset({"asset", "quantity", "unit"})
_WHAT = "table of signals"
Value = float | str | None


class Frames(Protocol):
    """Gives frames in order; as ``source.Source`` does items."""

    @property
    def name(self) -> str | None:
        """What its places are kept under; None where it cannot be read again."""
        ...

    def read(self, timeout_s: float) -> Sequence[Frame] | None:
        """Return what came; None at the end."""
        ...

    def seek(self, place: int) -> None:
        """Go on behind a place."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a signal is."""

    signal: str
    asset: str
    quantity: str
    unit: str


Decoder = Mapping[tuple[int, bool], tuple[Message, tuple[Wanted, ...]]]
"""Messages with a wanted signal, by id and whether it is extended."""


def parse_signals(dbc: bytes, table: bytes) -> Decoder:
    """Read a DBC and a table of signals.

    Args:
        dbc: Trusted as to its meaning, not as to its form.
        table: TOML; likewise.

    Raises: MalformedError: One of them is out of its form, or the table names a signal that the DBC does not have.
    """
    if len(dbc) > MAX_BYTES or len(table) > MAX_BYTES:
        raise MalformedError(_WHAT, f"at most {MAX_BYTES} bytes are read")
    try:
        database = cantools.database.load_string(dbc.decode("utf-8", "replace"), "dbc")
    except Exception as error:  # noqa: BLE001 - its parser has many
        raise MalformedError("DBC", str(error)[:300]) from None
    rows = parse_toml(table, _WHAT).get("signals")
    if not isinstance(database, Database) or not isinstance(rows, dict) or not rows:
        raise MalformedError(_WHAT, "no signals are named")
    decoder: dict[tuple[int, bool], tuple[Message, tuple[Wanted, ...]]] = {}
    for name, row in rows.items():
        message, wanted = _wanted(database, name, row)
        key = message.frame_id, message.is_extended_frame
        decoder[key] = message, (*decoder.get(key, (message, ()))[1], wanted)
    return decoder


def _wanted(database: Database, name: str, row: object) -> tuple[Message, Wanted]:
    at = f"/signals/{name}"
    message_name, _, signal = name.partition(".")
    if not isinstance(row, dict) or row.keys() != _ROW or not all(isinstance(item, str) for item in row.values()):
        raise MalformedError(_WHAT, f"texts for {', '.join(sorted(_ROW))} are needed", at)
    message = next((one for one in database.messages if one.name == message_name), None)
    if message is None or signal not in {one.name for one in message.signals}:
        raise MalformedError(_WHAT, "the DBC has no such message and signal", at)
    return message, Wanted(signal, row["asset"], row["quantity"], row["unit"])


class CanReadings:
    """Readings of a bus or a log; see ``source.Source``."""

    def __init__(self, frames: Frames, decoder: Decoder) -> None:
        self._frames, self._decoder = frames, decoder
        self._sensors: dict[tuple[str, int, str], str] = {}

    @property
    def name(self) -> str | None:
        """That of the frames."""
        return self._frames.name

    def seek(self, place: int) -> None:
        """Go on behind a place."""
        self._frames.seek(place)

    def read(self, timeout_s: float) -> list[Item] | None:
        """Return the readings of the frames that came."""
        frames = self._frames.read(timeout_s)
        if frames is None:
            return None
        items: list[Item] = []
        for frame in frames:
            found = self._decoder.get((frame.frame_id, frame.extended))
            if found is not None:
                self._decode(frame, *found, items.append)
        return items

    def _decode(self, frame: Frame, message: Message, wanted: Sequence[Wanted], add: Callable[[Item], None]) -> None:
        values = decode_frame(message, frame.data)
        for one in wanted:
            if values is not None and one.signal not in values:
                continue  # multiplexed: not in this frame
            value = None if values is None else _value(values[one.signal], one.unit)
            sensor = self._sensor(frame, message, one.signal)
            add(Item(one.asset, Reading(one.quantity, value, one.unit, frame.taken_at_us, sensor), frame.place))

    def _sensor(self, frame: Frame, message: Message, signal: str) -> str:
        key = frame.channel, frame.frame_id, signal
        return self._sensors.get(key) or self._sensors.setdefault(key, f"{frame.channel}/{message.name}.{signal}")


def decode_frame(message: Message, data: bytes) -> Mapping[str, object] | None:
    """Decode a frame's data; None where it does not fit the message."""
    try:
        values = message.decode(data)
    except Exception:  # noqa: BLE001 - whatever the bus carries, it must not stop the device
        return None
    return values if isinstance(values, dict) else None


def _value(value: object, unit: str) -> Value:
    if isinstance(value, NamedSignalValue):
        return value.name if unit == CODE else None
    if isinstance(value, int | float):
        if unit == CODE:
            return f"0x{int(value):X}"
        return value if isinstance(value, int) else float(f"{value:.12g}")  # what scaling adds is no measurement
    return None
