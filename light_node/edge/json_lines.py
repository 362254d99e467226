"""Readings as JSON lines, on standard input or a pipe.

::

    {"asset": "pack", "quantity": "state_of_charge", "value": 81.5, "unit": "percent", "sensor": "bms"}

``taken_at_us`` is optional: without it the time is the one at which the line came. ``asset`` may be left out where the
device has only one. A line that is no reading is refused with its number; a value that cannot be right is no such line.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Sequence

from ledger.errors import MalformedError
from ledger.event import Json
from ledger.strict_json import parse_json
from light_node.edge.attester import clock_us
from light_node.edge.reading import Reading
from light_node.edge.source import Item

MAX_LINE_BYTES = 8192
_CHUNK = 65_536
_MEMBERS = frozenset({"asset", "quantity", "value", "unit", "sensor", "taken_at_us"})
_TEXTS = ("quantity", "unit", "sensor")


def parse_line(line: bytes, asset: str | None, now_us: int) -> Item:
    """Read one line.

    Args:
        line: *Untrusted*.
        asset: Whose reading it is where the line does not say; None where it must.
        now_us: The device's clock.

    Raises: MalformedError.
    """
    fields = parse_json(line, what="line", max_bytes=MAX_LINE_BYTES, max_depth=2)
    if not isinstance(fields, dict) or not fields.keys() <= _MEMBERS or "value" not in fields:
        raise MalformedError("line", f"an object with value, and no other members than {', '.join(sorted(_MEMBERS))}")
    value, taken_at_us, name = fields["value"], fields.get("taken_at_us", now_us), fields.get("asset", asset)
    if isinstance(value, bool | list | dict):
        raise MalformedError("line", "a number, a text or null is needed", "/value")
    if type(taken_at_us) is not int:
        raise MalformedError("line", "whole microseconds since 1970 are needed", "/taken_at_us")
    if not isinstance(name, str):
        raise MalformedError("line", "the name of an asset is needed", "/asset")
    quantity, unit, sensor = (_text(fields, name) for name in _TEXTS)
    return Item(name, Reading(quantity, value, unit, taken_at_us, sensor))


def _text(fields: dict[str, Json], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise MalformedError("line", "a text is needed", f"/{name}")
    return value


class JsonLines:
    """Readings from a file descriptor that cannot be read again; see ``Source``."""

    name = None

    def __init__(
        self,
        descriptor: int,
        asset: str | None,
        on_refused: Callable[[str], None],
        clock: Callable[[], int] = clock_us,
    ) -> None:
        """Nothing is read yet.

        Args:
            descriptor: E.g. 0, standard input.
            asset: Whose readings they are where a line does not say.
            on_refused: Told why a line was not taken, with its number.
            clock: The device's.
        """
        self._descriptor, self._asset, self._on_refused, self._clock = descriptor, asset, on_refused, clock
        self._rest, self._number, self._ended, self._skipping = b"", 0, False, False

    def read(self, timeout_s: float) -> Sequence[Item] | None:
        """Return the readings of the lines that came; see ``Source``."""
        if self._ended:
            return None
        if not select.select([self._descriptor], [], [], timeout_s)[0]:
            return ()
        data = os.read(self._descriptor, _CHUNK)
        self._ended = not data
        *lines, self._rest = (self._rest + data).split(b"\n")
        if self._ended and self._rest:
            lines, self._rest = [*lines, self._rest], b""
        items = [item for line in lines if (item := self._parse(line)) is not None]
        self._bound()
        return items

    def seek(self, place: int) -> None:
        """Cannot be asked for."""
        raise NotImplementedError

    def _bound(self) -> None:
        """Let go of a line that is longer than any reading; its end is refused when it comes."""
        if len(self._rest) > MAX_LINE_BYTES:
            self._rest, self._skipping = b"", True

    def _parse(self, line: bytes) -> Item | None:
        self._number += 1
        try:
            if self._skipping:
                self._skipping = False
                raise MalformedError("line", f"longer than {MAX_LINE_BYTES} bytes")
            return parse_line(line, self._asset, self._clock()) if line.strip() else None
        except MalformedError as error:
            self._on_refused(f"line {self._number}: {error}")
            return None
