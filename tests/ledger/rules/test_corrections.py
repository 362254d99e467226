from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.event import AssetType, Json
from ledger.kinds import all_kinds
from ledger.rules import ClosedEvent, OpenedEvent, Ruling, Severity, assess
from tests.ledger.rules.histories import battery, codes, event, finding, history, ruling, vehicle


def test_a_correction_of_the_issuer_replaces_the_field() -> None:
    events = (
        event(1, "vehicle.odometer_reading", 0, odometer_km=150_000),
        event(2, "vehicle.odometer_reading", 100, odometer_km=16_000),
        event(3, "any.correction", 101, corrects="id-1", reason="typing error", odometer_km=15_000),
    )
    assessment = vehicle(*events)
    assert ruling(assessment, "odometer").ruling is Ruling.CONSISTENT
    assert finding(assessment, "corrected").events == (1, 3)


def test_an_error_declaration_of_the_issuer_sets_the_event_aside() -> None:
    events = (
        event(1, "vehicle.accident", 0, severity="minor"),
        event(2, "any.error_declaration", 1, corrects=["id-1"], reason="another car"),
    )
    assert codes(vehicle(*events)) == ["declared-erroneous"]


@pytest.mark.parametrize("kind", ["any.correction", "any.error_declaration"])
def test_another_organisation_cannot_correct(kind: str) -> None:
    events = (
        event(1, "vehicle.odometer_reading", 0, odometer_km=120_000),
        event(2, "vehicle.odometer_reading", 100, odometer_km=16_000),
        event(3, kind, 101, organisation=9, corrects="id-1", reason="please", odometer_km=15_000),
    )
    assessment = vehicle(*events)
    assert ruling(assessment, "odometer").ruling is Ruling.INCONSISTENT
    assert finding(assessment, "contradicted").severity is Severity.WARNING


def test_a_correction_cannot_reach_forward_or_itself() -> None:
    events = (
        event(1, "any.correction", 0, corrects="id-2", reason="no", odometer_km=1),
        event(2, "vehicle.odometer_reading", 1, odometer_km=5),
        event(3, "any.correction", 2, corrects="id-3", reason="no"),
    )
    assert codes(vehicle(*events)) == ["correction-without-target", "correction-without-target"]


@pytest.mark.parametrize("corrects", [None, 5, [], {"a": 1}, [None, [1]]])
def test_a_correction_of_nothing_readable_is_said(corrects: Json) -> None:
    assert codes(vehicle(event(1, "any.correction", 0, corrects=corrects, reason=3))) == ["correction-without-target"]


def odometers(*events: OpenedEvent, closed: tuple[ClosedEvent, ...] = ()) -> Ruling:
    return ruling(vehicle(*events, closed=closed), "odometer").ruling


READ = (
    event(1, "vehicle.odometer_reading", 0, odometer_km=150_000),
    event(2, "vehicle.serviced", 9, odometer_km=16_000),
)


def test_a_correction_that_was_declared_erroneous_corrects_nothing() -> None:
    fixed = event(3, "any.correction", 10, corrects="id-1", reason="typing error", odometer_km=15_000)
    undone = event(4, "any.error_declaration", 11, corrects="id-3", reason="it was right")
    again = event(5, "any.error_declaration", 12, corrects="id-4", reason="it was not")
    assert odometers(*READ, fixed) is Ruling.CONSISTENT
    assert odometers(*READ, fixed, undone) is Ruling.INCONSISTENT
    assert codes(vehicle(*READ, fixed, undone)).count("declared-erroneous") == 1
    assert odometers(*READ, fixed, undone, again) is Ruling.CONSISTENT


def test_a_correction_can_be_corrected() -> None:
    fixed = event(3, "any.correction", 10, corrects="id-1", reason="typing error", odometer_km=1_500_000)
    better = event(4, "any.correction", 11, corrects="id-3", reason="typing error", odometer_km=15_000)
    assert odometers(*READ, fixed) is Ruling.INCONSISTENT
    assert odometers(*READ, fixed, better) is Ruling.CONSISTENT


def test_all_events_that_a_correction_names_are_corrected() -> None:
    wrong = event(3, "any.error_declaration", 10, corrects=["id-2", "id-1"], reason="another car")
    assert codes(vehicle(*READ, wrong)) == ["declared-erroneous", "declared-erroneous"]


def test_an_id_of_another_organisation_draws_no_correction_to_itself() -> None:
    decoy = replace(event(1, "any.observation", 0, organisation=9), references=frozenset({"id-2"}))
    read = (
        event(2, "vehicle.odometer_reading", 1, odometer_km=150_000),
        event(3, "vehicle.serviced", 9, odometer_km=16_000),
    )
    fixed = event(4, "any.correction", 10, corrects="id-2", reason="typing error", odometer_km=15_000)
    assert odometers(decoy, *read) is Ruling.INCONSISTENT
    assert odometers(decoy, *read, fixed) is Ruling.CONSISTENT


def test_a_reading_that_its_issuer_takes_back_leaves_no_judgement() -> None:
    taken = event(3, "any.correction", 10, corrects="id-1", reason="not sure", odometer_km=None)
    third = event(4, "vehicle.serviced", 12, odometer_km=17_000)
    assert odometers(*READ, taken, third) is Ruling.NO_JUDGEMENT


@pytest.mark.parametrize("withheld", [None, frozenset({"odometer_km"})])
def test_a_correction_that_does_not_show_its_change_leaves_no_judgement(withheld: frozenset[str] | None) -> None:
    fine = (READ[1], event(3, "vehicle.serviced", 10, odometer_km=17_000))
    fixed = replace(event(4, "any.correction", 11, corrects="id-2", reason="typing error"), withheld=withheld)
    assert odometers(*fine) is Ruling.CONSISTENT
    assert odometers(*fine, fixed) is Ruling.NO_JUDGEMENT


@pytest.mark.parametrize(("organisation", "expected"), [(1, Ruling.NO_JUDGEMENT), (9, Ruling.CONSISTENT)])
def test_a_correction_may_aim_at_an_own_event_that_hides_its_id(organisation: int, expected: Ruling) -> None:
    shy = replace(event(2, "vehicle.serviced", 9, odometer_km=16_000), withheld=frozenset({"document_id"}))
    last = event(3, "vehicle.serviced", 10, odometer_km=17_000)
    fixed = event(4, "any.correction", 11, organisation, corrects="unseen", reason="typing error", odometer_km=90_000)
    assert odometers(shy, last, fixed) is expected


@pytest.mark.parametrize("kind", ["any.correction", "any.error_declaration", "any.erasure"])
def test_a_closed_correction_leaves_the_second_life_without_judgement(kind: str) -> None:
    link = event(1, "battery.repurposed", 0, successors=["next"])
    assert ruling(battery(link), "second life").ruling is Ruling.CONSISTENT
    assert ruling(battery(link, closed=(ClosedEvent(2, kind),)), "second life").ruling is Ruling.NO_JUDGEMENT


def test_no_kind_bears_a_reading_that_it_could_hide_when_closed() -> None:
    for kind in (kind.name for kind in all_kinds() if kind.concerns(AssetType.VEHICLE)):
        low = event(3, kind, 20, odometer_km=1, odometer_before_km=1, odometer_after_km=1)
        shown = odometers(READ[1], event(2, "vehicle.serviced", 10, odometer_km=17_000), low)
        hidden = odometers(
            READ[1], event(2, "vehicle.serviced", 10, odometer_km=17_000), closed=(ClosedEvent(3, kind),)
        )
        assert shown is Ruling.CONSISTENT or hidden is Ruling.NO_JUDGEMENT, kind


def test_junk_under_one_id_costs_no_more_than_its_length() -> None:
    one = frozenset({"one"})
    kinds = ("any.correction", "any.observation")
    junk = [replace(event(n, kinds[n % 2], n, corrects="one", reason="x"), references=one) for n in range(1, 20_001)]
    assert finding(vehicle(*junk), "corrected").events == (1, 2)


def test_an_erasure_is_said_with_its_reason() -> None:
    events = (event(1, "vehicle.claim", 0), event(2, "any.erasure", 1, erases="id-1", reason="request of the owner"))
    assert "request of the owner" in finding(vehicle(*events), "erased").message


def test_open_recalls_are_listed_until_closed() -> None:
    opened = event(1, "any.recalled", 0, recall_reference="R1", recall_state="open")
    closed = event(2, "any.maker_recall", 1, recall_reference="R1", recall_state="closed")
    assert codes(vehicle(opened)) == ["open-recall"]
    assert codes(vehicle(opened, closed)) == []


def test_a_time_after_its_attestation_is_said() -> None:
    normal = event(1, "vehicle.claim", 0)
    assert normal.occurred_at is not None
    ahead = OpenedEvent(1, "vehicle.claim", 1, normal.attested_at, normal.occurred_at + timedelta(days=2), {})
    assert "after-attestation" in codes(vehicle(ahead))
    assert "after-attestation" not in codes(vehicle(normal))


_values: st.SearchStrategy[Json] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["identifier", "x"]), inner, max_size=2)
    ),
    max_leaves=6,
)
_FIELDS = sorted(
    {name for kind in all_kinds() for name in kind.required} | {"odometer_km", "brands", "action", "imported"}
)


@given(
    st.sampled_from(list(AssetType)),
    st.lists(
        st.tuples(
            st.sampled_from(sorted(kind.name for kind in all_kinds())),
            st.dictionaries(st.sampled_from(_FIELDS), _values),
        ),
        max_size=8,
    ),
    st.lists(st.integers(9, 12), max_size=2),
)
def test_any_signed_content_gets_an_assessment(
    asset_type: AssetType, contents: list[tuple[str, dict[str, Json]]], closed: list[int]
) -> None:
    events = [event(n, kind, n * 30, **fields) for n, (kind, fields) in enumerate(contents, 1)]
    seen = assess(history(asset_type, *events, closed=tuple(ClosedEvent(n, None) for n in closed)))
    assert all(judgement.reasons for judgement in seen.judgements if judgement.ruling is not Ruling.CONSISTENT)
    if closed:
        assert all(judgement.ruling is Ruling.NO_JUDGEMENT for judgement in seen.judgements)
