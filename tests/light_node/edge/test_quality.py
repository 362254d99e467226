"""Flags: what cannot be right is marked, kept, and does not spoil what follows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import MalformedError
from light_node.edge.limits import default_limits, parse_limits
from light_node.edge.quality import NEW, Watch, judge_reading
from light_node.edge.reading import Flag, Quality, Reading, encode_reading

NOW = 1_790_000_000_000_000
SECOND = 1_000_000
LIMITS = default_limits()


def judged(values: Sequence[object], quantity: str = "odometer", unit: str = "km", step: int = SECOND) -> list[Quality]:
    """The flags of values that come one step apart, the last of them now."""
    start = NOW - step * len(values)
    return flags_of([Reading(quantity, value, unit, start + step * n, "s") for n, value in enumerate(values)])  # type: ignore[arg-type]


def flags_of(readings: Sequence[Reading], now_us: int = NOW) -> list[Quality]:
    watch, found = NEW, []
    for reading in readings:
        quality, watch = judge_reading(reading, watch, LIMITS, now_us)
        found.append(quality)
    return found


def at(*times: int) -> list[Quality]:
    return flags_of([Reading("odometer", n, "km", time, "s") for n, time in enumerate(times)])


def test_good_readings_have_no_flags() -> None:
    assert judged([10, 10, 10.5, 11]) == [(), (), (), ()]


@pytest.mark.parametrize("value", [-0.1, 100.1, 1e300, -7])
def test_out_of_range(value: float) -> None:
    assert judged([value], "state_of_charge", "percent") == [(Flag.OUT_OF_RANGE,)]


@pytest.mark.parametrize("value", [0, 100, 50.5])
def test_limits_are_inclusive(value: float) -> None:
    assert judged([value], "state_of_charge", "percent") == [()]


def test_a_value_in_another_unit_is_held_to_the_same_limits() -> None:
    assert judged([392], "temperature", "fahrenheit") == [()]
    assert judged([393], "temperature", "fahrenheit") == [(Flag.OUT_OF_RANGE,)]
    assert judged([1501000], "voltage", "millivolt") == [(Flag.OUT_OF_RANGE,)]


def test_backwards_until_it_is_above_the_highest_again() -> None:
    assert judged([100, 90, 95, 99.9, 101]) == [(), (Flag.BACKWARDS,), (Flag.BACKWARDS,), (), ()]


def test_a_fault_and_a_turned_back_odometer_look_alike_and_a_plausible_lie_like_the_truth() -> None:
    """A flag says what cannot be right, not why; nothing at the source tells a true value from one made up well."""
    new_instrument, turned_back = judged([90_000, 0, 1]), judged([90_000, 40_000, 40_001])
    assert new_instrument == turned_back == [(), (Flag.BACKWARDS,), (Flag.BACKWARDS,)]
    assert judged([40_000, 40_001, 40_002]) == [(), (), ()]


def test_backwards_across_units() -> None:
    readings = [Reading("odometer", 100, "mi", NOW, "s"), Reading("odometer", 120, "km", NOW, "s")]
    assert flags_of(readings) == [(), (Flag.BACKWARDS,)]


def test_one_wild_value_does_not_put_what_follows_in_the_wrong() -> None:
    assert judged([100, 9e9, 101]) == [(), (Flag.OUT_OF_RANGE,), ()]


def test_what_may_fall_is_not_backwards() -> None:
    assert judged([80, 20], "state_of_charge", "percent") == [(), ()]


def test_stuck_needs_both_readings_and_time() -> None:
    long, quick = judged([400.0] * 601, "voltage", "volt", 7 * SECOND), judged([400.0] * 700, "voltage", "volt", SECOND)
    assert long[:599] == [()] * 599
    assert long[599:] == [(Flag.STUCK,)] * 2
    assert quick == [()] * 700


def test_a_value_that_moves_is_no_longer_stuck() -> None:
    assert judged([400.0] * 600 + [400.1], "voltage", "volt", 7 * SECOND)[-2:] == [(Flag.STUCK,), ()]


def test_a_parked_car_is_not_stuck() -> None:
    assert set(judged([15021] * 2000, step=3600 * SECOND)) == {()}


def test_no_value_is_unreadable_and_never_stuck() -> None:
    assert set(judged([None] * 700, "voltage", "volt", 7 * SECOND)) == {(Flag.UNREADABLE,)}


def test_time_travel() -> None:
    assert at(NOW - 10, NOW - 20, NOW - 11, NOW - 10, NOW) == [(), (Flag.TIME_TRAVEL,), (Flag.TIME_TRAVEL,), (), ()]


def test_ahead_of_the_clock_is_time_travel_and_does_not_spoil_what_follows() -> None:
    assert at(NOW, NOW + 6 * SECOND, NOW + 5 * SECOND) == [(), (Flag.TIME_TRAVEL,), ()]


def test_a_clock_without_a_battery_is_time_travel() -> None:
    assert at(0, 86_400 * SECOND, NOW) == [(Flag.TIME_TRAVEL,), (Flag.TIME_TRAVEL,), ()]


@pytest.mark.parametrize("value", [math.nan, math.inf, None, "12", 2**53])
def test_unreadable(value: object) -> None:
    assert judged([value]) == [(Flag.UNREADABLE,)]


def test_a_number_is_no_fault_code() -> None:
    assert judged(["P0A80", 7], "fault_code", "code") == [(), (Flag.UNREADABLE,)]


def test_an_unknown_quantity_is_kept() -> None:
    assert judged([1, None], "humidity", "percent") == [(Flag.NO_LIMITS,), (Flag.NO_LIMITS, Flag.UNREADABLE)]


@pytest.mark.parametrize("unit", ["volt", "furlong"])
def test_wrong_unit(unit: str) -> None:
    assert judged([7], unit=unit) == [(Flag.WRONG_UNIT,)]


def test_several_flags_stand_in_order() -> None:
    readings = [Reading("odometer", 10, "km", NOW, "s"), Reading("odometer", -1, "km", NOW - 1, "s")]
    assert flags_of(readings)[1] == (Flag.OUT_OF_RANGE, Flag.TIME_TRAVEL)


values = st.one_of(st.integers(), st.floats(), st.text(max_size=8), st.none())


@given(
    st.lists(
        st.builds(
            Reading,
            st.sampled_from(["odometer", "voltage", "fault_code", "other"]),
            values,
            st.sampled_from(["km", "volt", "code", "inch"]),
            st.integers(0, 2 * NOW),
            st.just("s"),
        ),
        max_size=20,
    )
)
def test_whatever_comes_is_judged_and_written(readings: list[Reading]) -> None:
    watches: dict[str, Watch] = {}
    for reading in readings:
        quality, watches[reading.quantity] = judge_reading(reading, watches.get(reading.quantity, NEW), LIMITS, NOW)
        assert list(quality) == sorted(set(quality))
        assert encode_reading(reading, quality)


TABLE = """
[units]
volt = { measures = "voltage" }
[time]
earliest = 2000-01-01T00:00:00Z
most_ahead_seconds = 5
[quantities]
voltage = { unit = "volt", least = 0, most = 5 }
"""


def test_a_table_of_ones_own() -> None:
    assert parse_limits(TABLE.encode()).quantities["voltage"].most == 5


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[units]", "[unit]"),
        ("[time]", "[tim]"),
        ("least = 0", "least = 6"),
        ("least = 0", "least = nan"),
        ("least = 0", "least = true"),
        ("least = 0", 'least = "0"'),
        ("least = 0", "lowest = 0"),
        ("least = 0", "stuck_after_readings = 1.5"),
        ("least = 0", "stuck_after_seconds = -1"),
        ("least = 0", "never_falls = 1"),
        ('unit = "volt"', 'unit = "vault"'),
        ('{ measures = "voltage" }', '{ measures = "voltage", factor = 0 }'),
        ('{ measures = "voltage" }', "{ factor = 2 }"),
        ('{ measures = "voltage" }', '"voltage"'),
        ("00:00:00Z", "00:00:00"),
        ("most_ahead_seconds = 5", "most_ahead_seconds = -5"),
        ("most_ahead_seconds = 5", ""),
        ("[quantities]", "[quantities"),
        ("voltage = {", "voltage = 7 #"),
    ],
)
def test_a_table_out_of_its_form_is_refused(old: str, new: str) -> None:
    assert old in TABLE
    with pytest.raises(MalformedError):
        parse_limits(TABLE.replace(old, new).encode())


@pytest.mark.parametrize("data", [b"\xff", b"x = 1\n", b"#" * 1_048_577])
def test_what_is_no_table_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_limits(data)
