from __future__ import annotations

import pytest

from ledger.event import AssetType
from ledger.rules import ClosedEvent, OpenedEvent, Ruling, Severity, assess
from tests.ledger.rules.histories import battery, codes, event, finding, history, ruling

COUNTERS = ["full_cycles_count", "energy_throughput_kwh", "capacity_throughput_ah"]


def health(number: int, percent: float, day: float) -> OpenedEvent:
    return event(number, "battery.state_of_health", day, state_of_health_percent=percent)


def test_slow_fade_is_consistent() -> None:
    assessment = battery(health(1, 101.5, 0), health(2, 97, 300), health(3, 98, 400), health(4, 90, 800))
    assert ruling(assessment, "state of health").ruling is Ruling.CONSISTENT
    assert assessment.findings == ()


@pytest.mark.parametrize("percent", [-1, 120.5, 5000])
def test_an_impossible_health_is_inconsistent(percent: float) -> None:
    assessment = battery(health(1, percent, 0))
    assert ruling(assessment, "state of health").ruling is Ruling.INCONSISTENT
    assert codes(assessment) == ["health-out-of-range"]


def test_health_that_rises_without_work_is_inconsistent() -> None:
    assessment = battery(health(1, 80, 0), health(2, 95, 100))
    assert ruling(assessment, "state of health").ruling is Ruling.INCONSISTENT
    assert finding(assessment, "health-rise").events == (1, 2)


def test_health_that_rises_after_work_is_not_judged() -> None:
    serviced = event(2, "battery.serviced", 50, work=["module replaced"])
    assessment = battery(health(1, 80, 0), serviced, health(3, 95, 100))
    assert ruling(assessment, "state of health").ruling is Ruling.NO_JUDGEMENT
    assert finding(assessment, "health-rise-explained").severity is Severity.WARNING


def test_a_sudden_drop_is_a_warning() -> None:
    assessment = battery(health(1, 95, 0), health(2, 60, 5))
    assert finding(assessment, "health-drop").severity is Severity.WARNING
    assert ruling(assessment, "state of health").ruling is Ruling.CONSISTENT


@pytest.mark.parametrize("name", COUNTERS)
def test_counters_only_rise(name: str) -> None:
    def counted(number: int, value: float, day: float) -> OpenedEvent:
        return event(number, "battery.state_of_health", day, **{name: value})

    assert ruling(battery(counted(1, 10, 0), counted(2, 10, 1)), "counters").ruling is Ruling.CONSISTENT
    backwards = battery(counted(1, 300, 0), counted(2, 120, 100))
    assert ruling(backwards, "counters").ruling is Ruling.INCONSISTENT
    assert codes(backwards) == ["counter-backwards"]


@pytest.mark.parametrize("topic", ["state of health", "counters"])
def test_nothing_opened_or_a_hidden_event_leaves_no_judgement(topic: str) -> None:
    assert ruling(battery(), topic).ruling is Ruling.NO_JUDGEMENT
    full = event(1, "battery.state_of_health", 0, state_of_health_percent=90, full_cycles_count=3)
    assert ruling(battery(full, closed=(ClosedEvent(2, None),)), topic).ruling is Ruling.NO_JUDGEMENT
    assert ruling(battery(full, closed=(ClosedEvent(2, "battery.installed"),)), topic).ruling is Ruling.CONSISTENT


@pytest.mark.parametrize(
    ("kind", "name"),
    [("battery.second_life_repurposed", "originals"), ("battery.repurposed", "successors")],
)
def test_a_second_life_names_the_others_and_never_itself(kind: str, name: str) -> None:
    def judged(value: list[str]) -> tuple[Ruling, list[str]]:
        assessment = battery(event(1, kind, 0, **{name: value}))
        return ruling(assessment, "second life").ruling, codes(assessment)

    assert judged(["a", "b"]) == (Ruling.CONSISTENT, [])
    assert judged([]) == (Ruling.INCONSISTENT, ["second-life-unlinked"])
    assert judged(["a", "a"]) == (Ruling.INCONSISTENT, ["second-life-unlinked"])
    assert judged(["a", "own"]) == (Ruling.INCONSISTENT, ["second-life-itself"])


def test_a_withheld_second_life_is_not_judged() -> None:
    assert ruling(battery(closed=(ClosedEvent(1, "battery.reused"),)), "second life").ruling is Ruling.NO_JUDGEMENT


def test_what_happens_after_recycling_is_remarked() -> None:
    recycled = event(1, "battery.recycled", 0, recycled_at="2020-01-01")
    late = health(2, 80, 10)
    assert "after-the-end" in codes(battery(recycled, late))
    restored = event(2, "battery.restored_waste", 5, corrects="id-1", reason="false report")
    assert "after-the-end" not in codes(battery(recycled, restored, health(3, 80, 10)))


def test_a_reading_registered_late_is_not_after_the_end() -> None:
    recycled = event(1, "battery.recycled", 10, recycled_at="2020-01-11")
    assert "after-the-end" not in codes(battery(recycled, health(2, 80, 5)))


def test_identifiers_are_only_compared_when_known() -> None:
    unnamed = history(AssetType.BATTERY, event(1, "battery.reused", 0, successors=["own"]), own="other")
    assert ruling(assess(unnamed), "second life").ruling is Ruling.CONSISTENT
