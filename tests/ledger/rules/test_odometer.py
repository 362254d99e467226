from __future__ import annotations

import pytest

from ledger.rules import ClosedEvent, OpenedEvent, Ruling, Severity
from tests.ledger.rules.histories import codes, event, finding, ruling, vehicle


def reading(number: int, km: float, day: float) -> OpenedEvent:
    return event(number, "vehicle.odometer_reading", day, odometer_km=km)


def test_rising_readings_are_consistent() -> None:
    assessment = vehicle(reading(1, 10, 0), reading(2, 10_000, 200), reading(3, 20_000, 500))
    judgement = ruling(assessment, "odometer")
    assert (judgement.ruling, judgement.reasons, judgement.events) == (Ruling.CONSISTENT, (), (1, 2, 3))
    assert assessment.findings == ()


def test_a_fall_is_inconsistent_and_named() -> None:
    assessment = vehicle(reading(1, 80_000, 0), reading(2, 45_000, 100))
    assert ruling(assessment, "odometer").ruling is Ruling.INCONSISTENT
    assert ruling(assessment, "odometer").reasons == ("the odometer fell from 80000 km to 45000 km",)
    assert finding(assessment, "odometer-decrease").severity is Severity.ERROR
    assert finding(assessment, "odometer-decrease").events == (1, 2)


@pytest.mark.parametrize("fall", [0.4, 1, 2])
def test_rounding_between_miles_and_kilometres_is_no_fall(fall: float) -> None:
    assert ruling(vehicle(reading(1, 10_000, 0), reading(2, 10_000 - fall, 1)), "odometer").ruling is Ruling.CONSISTENT


def test_order_of_occurrence_counts_not_of_registration() -> None:
    assert ruling(vehicle(reading(1, 20_000, 400), reading(2, 10_000, 100)), "odometer").ruling is Ruling.CONSISTENT


@pytest.mark.parametrize(
    ("first", "second", "cause"),
    [(99_000, 4_000, "rollover"), (960_000, 50_000, "rollover"), (80_000, 50_000, "miles"), (160_000, 3_000, "roll")],
)
def test_known_innocent_causes_leave_no_judgement(first: float, second: float, cause: str) -> None:
    judgement = ruling(vehicle(reading(1, first, 0), reading(2, second, 100)), "odometer")
    assert judgement.ruling is Ruling.NO_JUDGEMENT
    assert cause in judgement.reasons[0]


def test_import_in_between_leaves_no_judgement() -> None:
    imported = event(2, "vehicle.first_registered", 50, registration_date="2020-02-20", country="NL", imported=True)
    judgement = ruling(vehicle(reading(1, 80_000, 0), imported, reading(3, 30_000, 100)), "odometer")
    assert judgement.ruling is Ruling.NO_JUDGEMENT
    assert "imported" in judgement.reasons[0]


def test_import_before_does_not_excuse_a_later_fall() -> None:
    imported = event(1, "vehicle.first_registered", 0, imported=True)
    assert (
        ruling(vehicle(imported, reading(2, 80_000, 10), reading(3, 30_000, 100)), "odometer").ruling
        is Ruling.INCONSISTENT
    )


def replaced(number: int, before: float, after: float, day: float) -> OpenedEvent:
    return event(number, "vehicle.odometer_replaced", day, odometer_before_km=before, odometer_after_km=after)


def test_a_replaced_meter_starts_anew() -> None:
    assessment = vehicle(reading(1, 80_000, 0), replaced(2, 81_000, 0, 50), reading(3, 5_000, 100))
    assert ruling(assessment, "odometer").ruling is Ruling.CONSISTENT
    assert "odometer-replaced" in codes(assessment)


def test_a_replacement_that_reads_less_than_before_is_inconsistent() -> None:
    assessment = vehicle(reading(1, 80_000, 0), replaced(2, 30_000, 30_000, 50), reading(3, 31_000, 100))
    assert ruling(assessment, "odometer").ruling is Ruling.INCONSISTENT


def test_a_fall_after_the_replacement_is_inconsistent() -> None:
    assessment = vehicle(replaced(1, 81_000, 40_000, 50), reading(2, 5_000, 100))
    assert ruling(assessment, "odometer").ruling is Ruling.INCONSISTENT


@pytest.mark.parametrize("kind", [None, "vehicle.serviced", "vehicle.odometer_replaced", "any.correction"])
def test_a_closed_event_that_may_bear_a_reading_leaves_no_judgement(kind: str | None) -> None:
    for second in (20_000, 5_000):
        judgement = ruling(
            vehicle(reading(1, 10_000, 0), reading(3, second, 100), closed=(ClosedEvent(2, kind),)), "odometer"
        )
        assert judgement.ruling is Ruling.NO_JUDGEMENT
        assert "event 2" in judgement.reasons[-1]


def test_a_closed_event_that_bears_no_reading_does_not_matter() -> None:
    closed = (ClosedEvent(2, "vehicle.lien"),)
    judgement = ruling(vehicle(reading(1, 10, 0), reading(3, 20, 1), closed=closed), "odometer")
    assert judgement.ruling is Ruling.CONSISTENT


def test_one_reading_is_not_judged() -> None:
    assert ruling(vehicle(reading(1, 10, 0)), "odometer").ruling is Ruling.NO_JUDGEMENT


def test_an_impossible_jump_is_not_judged() -> None:
    assessment = vehicle(reading(1, 15_000, 0), reading(2, 150_000, 10))
    assert ruling(assessment, "odometer").ruling is Ruling.NO_JUDGEMENT
    assert codes(assessment) == ["odometer-jump"]


def test_a_long_gap_is_shown() -> None:
    assessment = vehicle(reading(1, 10, 0), reading(2, 20_000, 1_000))
    assert ruling(assessment, "odometer").ruling is Ruling.CONSISTENT
    assert codes(assessment) == ["odometer-gap"]


def test_two_orders_within_one_day_are_not_judged() -> None:
    assessment = vehicle(reading(1, 10_000, 0), reading(2, 9_000, 0.1))
    assert ruling(assessment, "odometer").ruling is Ruling.NO_JUDGEMENT
    assert codes(assessment) == ["odometer-same-day"]


@pytest.mark.parametrize("value", [None, "12000", True, [1], {"km": 1}])
def test_what_is_no_number_is_no_reading(value: object) -> None:
    odd = event(2, "vehicle.serviced", 50, odometer_km=value)  # type: ignore[arg-type]
    assert ruling(vehicle(reading(1, 10_000, 0), odd, reading(3, 20_000, 100)), "odometer").events == (1, 3)


@pytest.mark.parametrize("result", ["unreadable", "no_odometer"])
def test_an_unread_meter_is_said(result: str) -> None:
    assert codes(vehicle(event(1, "vehicle.inspected", odometer_result=result, result="passed"))) == [
        "odometer-not-read"
    ]
