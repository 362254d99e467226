"""A reading and its one encoding: the leaf of a batch.

A leaf is canonical JSON (RFC 8785), e.g.

::

    {"quality":[],"quantity":"odometer","sensor":"can0/cluster","taken_at_us":1790000000000000,"unit":"km","value":15021}
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from ledger.errors import MalformedError
from ledger.event import Json
from ledger.strict_json import FIRST_EXPONENT, MAX_INTEGER, canonical_json, parse_json

MAX_LEAF_BYTES = 2048
MAX_SENSOR_CHARACTERS = 128
MAX_VALUE_CHARACTERS = 256
_CACHED = 16_384

_WORD = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PRINTABLE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_MEMBERS = {"quality", "quantity", "sensor", "taken_at_us", "unit", "value"}


class Flag(StrEnum):
    """What is wrong with a reading, as far as its source can tell; names stand in leaves for ever."""

    BACKWARDS = "backwards"
    NO_LIMITS = "no_limits"
    OUT_OF_RANGE = "out_of_range"
    STUCK = "stuck"
    TIME_TRAVEL = "time_travel"
    UNREADABLE = "unreadable"
    WRONG_UNIT = "wrong_unit"


class Reading(NamedTuple):
    """One value of one quantity, as one sensor gave it.

    Attributes:
        quantity: What was measured, e.g. ``state_of_charge``; lowercase word.
        value: A number, or the text of a code. None or NaN: the sensor gave nothing that can be read.
        unit: As the sensor gives it, e.g. ``km`` or ``mi``; lowercase word.
        taken_at_us: Microseconds since 1970, by the device's clock: a claim.
        sensor: Which, e.g. ``can0/BMS_Status``; 1 to 128 characters.
    """

    quantity: str
    value: float | str | None
    unit: str
    taken_at_us: int
    sensor: str


Quality = tuple[Flag, ...]
"""Flags in ascending order of their names, each once; empty where nothing was found wrong."""
GOOD: Quality = ()


def readable(value: float | str | None) -> bool:
    """Whether a value can be written as it is: a finite number that I-JSON holds exactly, or a short text."""
    if isinstance(value, str):
        return 0 < len(value) <= MAX_VALUE_CHARACTERS and _PRINTABLE.fullmatch(value) is not None
    if value is None or isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    size = abs(value)
    return size <= MAX_INTEGER or (isinstance(value, float) and size >= FIRST_EXPONENT)


def encode_reading(reading: Reading, quality: Quality) -> bytes:
    """Write the leaf of a reading.

    Args:
        reading: *Untrusted* in its names and time; a value that is not ``readable`` is written as null.
        quality: From ``quality.judge_reading``.

    Returns:
        Canonical JSON of at most 2,048 bytes, in one line; ``parse_reading`` returns the same.

    Raises: MalformedError, for a name out of its form or a time that is no whole number of microseconds from 1970 on.
    """
    quantity, value, unit, taken_at_us, sensor = reading
    if type(taken_at_us) is not int or not 0 <= taken_at_us <= MAX_INTEGER:
        raise MalformedError("reading", "taken_at_us is no number of microseconds since 1970")
    before, after = _frame(quantity, sensor, unit)
    return f"{_quality_text(quality)}{before}{taken_at_us}{after}{_value_text(value)}}}".encode()


def parse_reading(leaf: bytes) -> tuple[Reading, Quality]:
    """Read a leaf.

    Args:
        leaf: *Untrusted*.

    Raises: MalformedError, for anything but the one encoding of a reading.
    """
    fields = parse_json(leaf, what="reading", max_bytes=MAX_LEAF_BYTES, max_depth=2)
    if not isinstance(fields, dict) or set(fields) != _MEMBERS:
        raise MalformedError("reading", f"not exactly the members {', '.join(sorted(_MEMBERS))}")
    quality, taken_at_us = _parse_quality(fields["quality"]), fields["taken_at_us"]
    value = fields["value"]
    if isinstance(value, bool | list | dict) or not isinstance(taken_at_us, int):
        raise MalformedError("reading", "a value of another type")
    names = [_text(fields, name) for name in ("quantity", "unit", "sensor")]
    reading = Reading(names[0], value, names[1], taken_at_us, names[2])
    if encode_reading(reading, quality) != leaf:
        raise MalformedError("reading", "not in its one encoding")
    return reading, quality


def _text(fields: Mapping[str, Json], name: str) -> str:
    value = fields[name]
    if not isinstance(value, str):
        raise MalformedError("reading", "a text is needed", f"/{name}")
    return value


def _parse_quality(value: Json) -> Quality:
    try:
        flags = tuple(Flag(str(name)) for name in value) if isinstance(value, list) else None
    except ValueError:
        flags = None
    if flags is None or list(flags) != sorted(set(flags)):
        raise MalformedError("reading", "quality is no ascending list of known flags", "/quality")
    return flags


@lru_cache(maxsize=_CACHED)
def _frame(quantity: str, sensor: str, unit: str) -> tuple[str, str]:
    """The constant parts of a sensor's leaves: what stands before and after the time."""
    for name, word in (("quantity", quantity), ("unit", unit)):
        if _WORD.fullmatch(word) is None:
            raise MalformedError("reading", "a lowercase word of at most 64 characters is needed", f"/{name}")
    if len(sensor) > MAX_SENSOR_CHARACTERS or _PRINTABLE.fullmatch(sensor) is None:
        raise MalformedError("reading", f"1 to {MAX_SENSOR_CHARACTERS} printable characters are needed", "/sensor")
    name = canonical_json(sensor).decode()
    return f',"quantity":"{quantity}","sensor":{name},"taken_at_us":', f',"unit":"{unit}","value":'


@lru_cache(maxsize=256)
def _quality_text(quality: Quality) -> str:
    flags: list[Json] = [str(flag) for flag in quality]
    return f'{{"quality":{canonical_json(flags).decode()}'


def _value_text(value: float | str | None) -> str:
    if isinstance(value, float) and 1e-4 <= abs(value) <= MAX_INTEGER:
        return float.__repr__(value).removesuffix(".0")  # in this range it differs from ECMAScript's in nothing else
    return canonical_json(value).decode() if readable(value) else "null"
