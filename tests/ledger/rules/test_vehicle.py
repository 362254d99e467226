from __future__ import annotations

import pytest

from ledger.rules import OpenedEvent, Severity
from tests.ledger.rules.histories import codes, event, finding, vehicle


def inspected(number: int, day: float, result: str, test_number: str | None = None) -> OpenedEvent:
    fields = {} if test_number is None else {"test_number": test_number}
    return event(number, "vehicle.inspected", day, result=result, odometer_result="read", **fields)


def test_fail_and_retest_on_one_day_is_a_notice() -> None:
    assessment = vehicle(inspected(1, 0, "failed"), inspected(2, 0.2, "passed"))
    assert finding(assessment, "retest").severity is Severity.NOTICE


def test_pass_then_fail_on_one_day_is_no_retest() -> None:
    assert "retest" not in codes(vehicle(inspected(1, 0, "passed"), inspected(2, 0.2, "failed")))


def test_a_retest_on_another_day_is_not_remarked() -> None:
    assert codes(vehicle(inspected(1, 0, "failed"), inspected(2, 3, "passed"))) == []


def test_one_test_twice_is_said() -> None:
    assert codes(vehicle(inspected(1, 0, "passed", "77"), inspected(2, 0.3, "passed", "77"))) == ["duplicate-test"]
    assert codes(vehicle(inspected(1, 0, "passed"), inspected(2, 0, "passed"))) == ["duplicate-test"]


def test_two_numbers_are_two_tests() -> None:
    assert "duplicate-test" not in codes(vehicle(inspected(1, 0, "passed", "77"), inspected(2, 0, "passed", "78")))


@pytest.mark.parametrize("brand", ["flood", ["flood"]])
def test_a_brand_stays_and_its_loss_is_found(brand: str | list[str]) -> None:
    branded = event(1, "vehicle.branded", 0, brand=brand)
    clean = event(2, "vehicle.title_event", 10, title_state="US-TX", title_date="2020-01-11", brands=[])
    assessment = vehicle(branded, clean)
    assert codes(assessment) == ["brand", "brand-dropped"]
    assert finding(assessment, "brand-dropped").events == (1, 2)


def test_a_title_that_carries_the_brand_or_lists_none_is_not_remarked() -> None:
    branded = event(1, "vehicle.branded", 0, brand="flood")
    carried = event(2, "vehicle.title_event", 10, brands=["flood", "rebuilt"])
    silent = event(3, "vehicle.title_event", 20)
    assert codes(vehicle(branded, carried, silent)) == ["brand"]


def test_accidents_claims_and_losses_are_listed() -> None:
    events = [event(n, f"vehicle.{kind}", n) for n, kind in enumerate(["accident", "claim", "total_loss"], 1)]
    assert codes(vehicle(*events)) == ["accident", "claim", "total-loss"]


def test_a_battery_changed_for_itself_is_found() -> None:
    same = event(1, "vehicle.battery_changed", 0, battery_removed="B1", battery_installed="B1")
    other = event(2, "vehicle.battery_changed", 1, battery_removed="B1", battery_installed="B2")
    assert codes(vehicle(same, other)) == ["battery-unchanged"]


def test_no_wording_promises_what_is_not_known() -> None:
    texts = [item.message for item in vehicle(event(1, "vehicle.accident", 0)).findings]
    assert not any("accident-free" in text or "anonymous" in text for text in texts)
