"""Batches of readings in a history: contradictions and gaps are found, and nothing is said of what may be hidden."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.event import Json
from ledger.rules import ClosedEvent, OpenedEvent
from ledger.rules.telemetry import BATCH
from tests.ledger.rules.histories import battery, codes, event, finding


def batch(
    number: int, sequence: Json, digest: str = "", previous: str | None = "", device: Json = "device"
) -> OpenedEvent:
    """A batch; by default the honest one of its number, which names the one before."""
    fields: dict[str, Json] = {"root": "0x00", "size": 4, "sequence": sequence, "device_key": device}
    fields["batch_digest"] = digest or f"batch-{sequence}"
    if sequence != 0 and previous is not None and isinstance(sequence, int):
        fields["previous_batch"] = previous or f"batch-{sequence - 1}"
    return event(number, BATCH, **fields)


def test_an_honest_chain_in_any_order_has_no_finding() -> None:
    assert codes(battery(batch(1, 0), batch(2, 2), batch(3, 1))) == []


def test_a_batch_that_is_attested_twice_is_no_second_history() -> None:
    assert codes(battery(batch(1, 0), batch(2, 1), batch(3, 1), batch(4, 2))) == []


def test_chains_of_two_devices_are_apart() -> None:
    assert codes(battery(batch(1, 0), batch(2, 0, "other", device="second"))) == []


def test_another_members_word_about_a_device_does_not_convict_it() -> None:
    assert codes(battery(batch(1, 0), replace(batch(2, 0, "other"), organisation=2))) == []


@pytest.mark.parametrize(
    ("events", "numbers"),
    [
        ([batch(1, 0), batch(2, 0, "other")], (1, 2)),
        ([batch(1, 0), batch(2, 1), batch(3, 1, "other")], (2, 3)),
        ([batch(1, 0), batch(2, 1, previous="another")], (1, 2)),
        ([batch(1, 1, previous="another"), batch(2, 0)], (1, 2)),
    ],
)
def test_two_histories_of_one_device_are_an_error(events: list[OpenedEvent], numbers: tuple[int, int]) -> None:
    found = finding(battery(*events), "batch-equivocation")
    assert (found.events, found.severity) == (numbers, "error")


@pytest.mark.parametrize(
    ("sequences", "missing"),
    [((0, 2), "batch 1 "), ((3,), "batches 0 to 2 "), ((0, 1, 5), "batches 2 to 4 ")],
)
def test_a_gap_is_named(sequences: tuple[int, ...], missing: str) -> None:
    events = [batch(number, sequence) for number, sequence in enumerate(sequences, 1)]
    found = finding(battery(*events), "batch-gap")
    assert missing in found.message
    assert found.events == (len(events),)


@pytest.mark.parametrize("closed", [ClosedEvent(3, BATCH), ClosedEvent(3, None)])
def test_no_gap_is_said_where_the_missing_batch_may_be_closed(closed: ClosedEvent) -> None:
    assert codes(battery(batch(1, 0), batch(2, 2), closed=(closed,))) == []


def test_no_gap_is_said_where_a_batch_may_withhold_which_it_is() -> None:
    shown = replace(batch(3, 1), fields={"root": "0x00", "size": 4, "sequence": 1}, withheld=frozenset({"device_key"}))
    assert codes(battery(batch(1, 0), batch(2, 2), shown)) == []


@pytest.mark.parametrize(
    "event", [batch(1, "7"), batch(1, True), batch(1, -1), batch(1, 7, device=None), batch(1, 1.5)]
)
def test_what_is_no_place_in_a_chain_is_passed_over(event: OpenedEvent) -> None:
    assert codes(battery(event)) == []


def test_another_kind_with_such_fields_is_no_batch() -> None:
    assert codes(battery(replace(batch(1, 7), kind="any.sensor_report"))) == []
