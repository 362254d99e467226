"""Flag what cannot be right, at the source, and drop nothing: a pure state machine over one sensor's readings."""

from __future__ import annotations

from typing import NamedTuple

from light_node.edge.limits import TEXT, Limits, QuantityLimits
from light_node.edge.reading import GOOD, Flag, Quality, Reading, readable


class Watch(NamedTuple):
    """What is remembered of one quantity of one sensor of one asset.

    Attributes:
        latest_us: Latest time of a reading whose time was believed, or -1.
        highest: Of what never falls, the highest value that was believed, in the dimension's base; None before.
        value: The last value of a reading that was on time.
        same_since_us: Time of the first of the equal values in a row.
        same_count: How many of them there are.
    """

    latest_us: int = -1
    highest: float | None = None
    value: float | str | None = None
    same_since_us: int = 0
    same_count: int = 0


NEW = Watch()


def judge_reading(reading: Reading, watch: Watch, limits: Limits, now_us: int) -> tuple[Quality, Watch]:
    """Flag one reading.

    1. ``unreadable``: no value, NaN, infinite, or text where a number belongs; ``no_limits``: the table does not know
       the quantity; ``wrong_unit``: the unit does not measure it.
    2. ``time_travel``: before the latest reading of this sensor, before any plausible time, or ahead of the clock.
    3. ``out_of_range``: below the least or above the most.
    4. ``backwards``: of what never falls, below the highest before.
    5. ``stuck``: the same value too often for too long.

    A reading whose time or range is not believed moves neither ``latest_us`` nor ``highest``, so that one wild value
    does not put all that follow in the wrong.

    Args:
        reading: As the source gave it.
        watch: Of this quantity, sensor and asset; ``NEW`` for the first.
        limits: The table.
        now_us: The device's clock.

    Returns:
        The flags, and what to remember.
    """
    row, taken_at_us = limits.quantities.get(reading.quantity), reading.taken_at_us
    flags, base = _read_value(reading, row, limits)  # 1
    on_time = max(watch.latest_us, limits.earliest_us) <= taken_at_us <= now_us + limits.most_ahead_us
    if not on_time:  # 2
        flags.append(Flag.TIME_TRAVEL)
    highest = watch.highest
    if row is not None and base is not None:
        if not row.least <= base <= row.most:  # 3
            flags.append(Flag.OUT_OF_RANGE)
        elif row.never_falls:  # 4
            if highest is not None and base < highest - row.tolerance:
                flags.append(Flag.BACKWARDS)
            elif on_time and (highest is None or base > highest):
                highest = base
    if on_time:
        watch = _count_equal(watch, reading, highest)
        if row is not None and _is_stuck(watch, row):  # 5
            flags.append(Flag.STUCK)
    return (tuple(sorted(flags)) if flags else GOOD), watch


def _read_value(reading: Reading, row: QuantityLimits | None, limits: Limits) -> tuple[list[Flag], float | None]:
    """Return what is wrong with value and unit, and a number in the base of its dimension where there is one."""
    value, unit = reading.value, limits.units.get(reading.unit)
    if row is None:
        return [Flag.NO_LIMITS] if readable(value) else [Flag.NO_LIMITS, Flag.UNREADABLE], None
    flags = [] if unit is not None and unit.measures == row.measures else [Flag.WRONG_UNIT]
    if not readable(value) or isinstance(value, str) != (row.measures == TEXT):
        flags.append(Flag.UNREADABLE)
    if flags or unit is None or isinstance(value, str) or value is None:
        return flags, None
    return flags, unit.to_base(value)


def _count_equal(watch: Watch, reading: Reading, highest: float | None) -> Watch:
    taken_at_us, value = reading.taken_at_us, reading.value
    if watch.same_count and value == watch.value and value is not None:
        return Watch(taken_at_us, highest, value, watch.same_since_us, watch.same_count + 1)
    return Watch(taken_at_us, highest, value if readable(value) else None, taken_at_us, 1)


def _is_stuck(watch: Watch, row: QuantityLimits) -> bool:
    most = row.stuck_after_readings
    return 0 < most <= watch.same_count and watch.latest_us - watch.same_since_us >= row.stuck_after_us
