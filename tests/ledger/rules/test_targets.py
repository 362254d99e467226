"""What a correcting event names: by the digest that stands on chain, else by an id; nothing is dropped in silence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.event import Json
from ledger.rules import Assessment, ClosedEvent, OpenedEvent, Ruling, Severity
from ledger.rules.targets import MAX_TARGETS, UNKNOWN, digest_of
from tests.ledger.rules.histories import codes, event, finding, ruling, vehicle

BUYER_SEES_NOT = frozenset({"document_id", "corrects_document_id"})


def digest(number: int) -> str:
    return f"{number:064x}"


def on_chain(one: OpenedEvent, withheld: frozenset[str] = BUYER_SEES_NOT) -> OpenedEvent:
    """An event as a buyer sees it: with its digest, without its id."""
    return replace(one, digest=digest(one.number), references=frozenset(), withheld=withheld)


def reading(number: int, day: float, km: int, organisation: int = 1) -> OpenedEvent:
    return on_chain(event(number, "vehicle.odometer_reading", day, organisation, odometer_km=km))


def correction(number: int, corrects: Json, organisation: int = 1, **fields: Json) -> OpenedEvent:
    made = event(number, "any.correction", number, organisation, corrects=corrects, reason="typing error", **fields)
    return on_chain(made)


READ = (reading(1, 0, 150_000), reading(2, 9, 16_000))
FINE = (reading(1, 0, 15_000), reading(2, 9, 16_000))


def odometer(assessment: Assessment) -> Ruling:
    return ruling(assessment, "odometer").ruling


@pytest.mark.parametrize("written", [digest(1), "0x" + digest(1), digest(1).upper(), [digest(1)]])
def test_a_reader_without_ids_can_tell_what_is_corrected(written: Json) -> None:
    assessment = vehicle(*READ, correction(3, written, odometer_km=15_000))
    assert odometer(assessment) is Ruling.CONSISTENT
    assert finding(assessment, "corrected").events == (1, 3)


def test_the_digest_goes_before_an_id_of_the_same_letters() -> None:
    decoy = replace(reading(1, 0, 15_500), references=frozenset({digest(2)}))
    assessment = vehicle(
        decoy, reading(2, 1, 150_000), reading(3, 9, 16_000), correction(4, [digest(2)], odometer_km=15_600)
    )
    assert finding(assessment, "corrected").events == (2, 4)
    assert odometer(assessment) is Ruling.CONSISTENT


def test_a_digest_under_which_no_event_stands_may_be_an_id() -> None:
    named = replace(READ[0], references=frozenset({digest(77)}))
    assert finding(vehicle(named, READ[1], correction(3, [digest(77)])), "corrected").events == (1, 3)


def test_a_digest_of_no_event_is_a_finding_and_leaves_no_judgement() -> None:
    assessment = vehicle(*READ, correction(3, [digest(77)], odometer_km=15_000))
    assert finding(assessment, "correction-of-no-event").severity is Severity.WARNING
    assert odometer(assessment) is Ruling.NO_JUDGEMENT


def test_a_digest_that_may_be_of_a_hidden_event_is_not_called_none() -> None:
    assessment = vehicle(READ[0], correction(3, [digest(77)]), closed=(ClosedEvent(2, None),))
    assert "correction-of-no-event" not in codes(assessment)
    assert "correction-without-target" in codes(assessment)
    assert odometer(assessment) is Ruling.NO_JUDGEMENT


def test_a_hidden_event_that_came_later_excuses_no_digest() -> None:
    assessment = vehicle(READ[0], correction(2, [digest(77)]), closed=(ClosedEvent(3, None),))
    assert "correction-of-no-event" in codes(assessment)


def test_a_later_event_is_not_corrected_and_the_reader_is_told() -> None:
    assessment = vehicle(reading(1, 0, 15_000), correction(2, [digest(3)], odometer_km=1), reading(3, 9, 16_000))
    told = finding(assessment, "correction-of-later-event")
    assert (told.events, told.severity) == ((2, 3), Severity.WARNING)
    assert "corrected" not in codes(assessment)
    assert odometer(assessment) is Ruling.NO_JUDGEMENT


def test_a_later_event_of_another_is_no_ground_for_doubt() -> None:
    events = reading(1, 0, 15_000), correction(2, [digest(3)], organisation=9), reading(3, 9, 16_000)
    assert "correction-of-later-event" in codes(vehicle(*events))
    assert odometer(vehicle(*events)) is Ruling.CONSISTENT


@pytest.mark.parametrize("kind", ["any.correction", "any.error_declaration"])
def test_an_event_of_another_organisation_is_contradicted_not_corrected(kind: str) -> None:
    against = replace(correction(3, [digest(1)], organisation=9, odometer_km=15_000), kind=kind)
    assessment = vehicle(*READ, against)
    assert finding(assessment, "contradicted").events == (1, 3)
    assert odometer(assessment) is Ruling.INCONSISTENT


def test_a_closed_event_of_another_organisation_is_contradicted_too() -> None:
    closed = ClosedEvent(2, "vehicle.lien", 1, digest(2))
    assessment = vehicle(READ[0], correction(3, [digest(2)], organisation=9), closed=(closed,))
    assert finding(assessment, "contradicted").events == (2, 3)


def test_a_closed_event_that_is_corrected_keeps_its_own_topics_open_alone() -> None:
    events = reading(1, 0, 15_000), correction(3, [digest(2)]), reading(4, 9, 16_000)
    lien, service = ClosedEvent(2, "vehicle.lien", 1, digest(2)), ClosedEvent(2, "vehicle.serviced", 1, digest(2))
    assessment = vehicle(*events, closed=(lien,))
    assert finding(assessment, "correction-without-target").events == (2, 3)
    assert odometer(assessment) is Ruling.CONSISTENT
    assert odometer(vehicle(*events, closed=(service,))) is Ruling.NO_JUDGEMENT


def test_anothers_attestation_of_the_same_digest_draws_no_correction_to_itself() -> None:
    copied = ClosedEvent(1, "vehicle.lien", 9, digest(2))
    late = ClosedEvent(5, "vehicle.lien", 9, digest(2))
    own = reading(2, 1, 150_000), reading(3, 9, 16_000)
    assessment = vehicle(*own, correction(4, [digest(2)], odometer_km=15_000), closed=(copied, late))
    assert finding(assessment, "corrected").events == (2, 4)
    assert odometer(assessment) is Ruling.CONSISTENT


def test_a_correction_is_corrected_by_its_digest() -> None:
    first = correction(3, [digest(1)], odometer_km=1_500_000)
    assert odometer(vehicle(*READ, first)) is Ruling.INCONSISTENT
    assert odometer(vehicle(*READ, first, correction(4, [digest(3)], odometer_km=15_000))) is Ruling.CONSISTENT


def test_every_name_of_a_correction_is_answered() -> None:
    assessment = vehicle(*READ, correction(3, [digest(1), digest(77), digest(9)], odometer_km=15_000))
    assert {"corrected", "correction-of-no-event"} <= set(codes(assessment))
    assert codes(assessment).count("correction-of-no-event") == 1
    assert odometer(assessment) is Ruling.NO_JUDGEMENT


def test_an_event_that_was_set_aside_before_is_said() -> None:
    aside = replace(correction(3, [digest(1)]), kind="any.error_declaration")
    assert codes(vehicle(*READ, aside, correction(4, [digest(1)]))).count("correction-without-target") == 1


# ---- events that were not known when the correction was signed ----------------------------------------------------


def with_id(one: OpenedEvent, document_id: str) -> OpenedEvent:
    return replace(one, references=frozenset({document_id}), withheld=frozenset())


def test_an_unknown_event_leaves_a_doubt_on_the_issuers_events_alone() -> None:
    unknown = correction(3, [UNKNOWN], odometer_km=1)
    assert "correction-without-target" in codes(vehicle(*FINE, unknown))
    assert odometer(vehicle(*FINE, unknown)) is Ruling.NO_JUDGEMENT
    assert odometer(vehicle(*FINE, replace(unknown, organisation=9))) is Ruling.CONSISTENT


def test_an_unknown_event_leaves_a_doubt_where_its_id_is_not_shown() -> None:
    named = with_id(FINE[0], "r-1"), with_id(FINE[1], "r-2")
    assert odometer(vehicle(*named, correction(3, [UNKNOWN]))) is Ruling.NO_JUDGEMENT
    shown = replace(correction(3, [UNKNOWN], corrects_document_id="r-9"), withheld=frozenset())
    assert odometer(vehicle(*named, shown)) is Ruling.CONSISTENT


def test_who_sees_the_id_sees_what_it_names() -> None:
    named = with_id(READ[0], "r-1")
    shown = replace(correction(3, [UNKNOWN], corrects_document_id="r-1", odometer_km=15_000), withheld=frozenset())
    assert finding(vehicle(named, READ[1], shown), "corrected").events == (1, 3)


def test_an_id_adds_nothing_to_digests() -> None:
    events = with_id(READ[0], "r-1"), with_id(READ[1], "r-1")
    shown = correction(3, [digest(1)], corrects_document_id="r-1", odometer_km=15_000)
    assessment = vehicle(*events, replace(shown, withheld=frozenset()))
    assert [one.events for one in assessment.findings if one.code == "corrected"] == [(1, 3)]


def test_no_event_is_called_unknown() -> None:
    named = with_id(READ[0], UNKNOWN)
    assert "corrected" not in codes(vehicle(named, READ[1], correction(3, [UNKNOWN], odometer_km=15_000)))


def test_a_correction_does_not_withhold_its_own_ids_from_its_target() -> None:
    fixed = correction(3, [digest(1)], odometer_km=15_000)
    assert fixed.withheld == BUYER_SEES_NOT
    assert odometer(vehicle(*READ, fixed)) is Ruling.CONSISTENT


# ---- too many -------------------------------------------------------------------------------------------------------


def shared(count: int, organisation: int = 1) -> list[OpenedEvent]:
    one = frozenset({"one"})
    events = (event(n, "vehicle.odometer_reading", n, organisation, odometer_km=n) for n in range(1, count + 1))
    return [replace(item, references=one) for item in events]


def test_an_id_of_as_many_events_as_are_looked_at_names_them_all() -> None:
    fixed = event(99, "any.correction", 99, corrects="one", reason="x", odometer_km=5)
    assert codes(vehicle(*shared(MAX_TARGETS), fixed)).count("corrected") == MAX_TARGETS


@pytest.mark.parametrize("kind", ["any.correction", "any.error_declaration"])
def test_an_id_of_too_many_own_events_leaves_a_doubt(kind: str) -> None:
    fixed = event(99, kind, 99, corrects="one", reason="x", odometer_km=5)
    assessment = vehicle(*shared(MAX_TARGETS + 1), fixed)
    assert finding(assessment, "correction-of-too-many").severity is Severity.WARNING
    assert not {"corrected", "declared-erroneous"} & set(codes(assessment))
    assert odometer(assessment) is Ruling.NO_JUDGEMENT


def test_an_id_of_too_many_events_of_others_is_said_and_leaves_no_doubt() -> None:
    fixed = event(99, "any.correction", 99, 9, corrects="one", reason="x", odometer_km=5)
    assessment = vehicle(*shared(MAX_TARGETS + 1), fixed)
    assert "correction-of-too-many" in codes(assessment)
    assert odometer(assessment) is Ruling.CONSISTENT


def test_more_digests_than_are_looked_at_leave_a_doubt() -> None:
    events = [reading(n, n, n) for n in range(1, MAX_TARGETS + 2)]
    every = [digest(n) for n in range(1, MAX_TARGETS + 2)]
    assessment = vehicle(*events, correction(99, every[:-1]))
    assert odometer(assessment) is Ruling.CONSISTENT
    assessment = vehicle(*events, correction(99, every))
    assert "correction-of-too-many" in codes(assessment)
    assert odometer(assessment) is Ruling.NO_JUDGEMENT


def test_others_events_push_no_own_target_out() -> None:
    events = [reading(n, n, n, organisation=9) for n in range(1, MAX_TARGETS + 2)]
    own = reading(50, 50, 150_000), reading(51, 59, 16_000)
    every = [*(digest(n) for n in range(1, MAX_TARGETS + 2)), digest(50)]
    assessment = vehicle(*events, *own, correction(99, every, odometer_km=15_000))
    assert finding(assessment, "corrected").events == (50, 99)
    assert odometer(assessment) is Ruling.CONSISTENT


# ---- erasures -------------------------------------------------------------------------------------------------------


def erasure(number: int, erases: Json, organisation: int = 1) -> OpenedEvent:
    return on_chain(event(number, "any.erasure", number, organisation, erases=erases, reason="request of the owner"))


def test_an_erased_event_that_nobody_can_open_is_named_by_its_digest() -> None:
    gone = ClosedEvent(2, "vehicle.lien", 1, digest(2))
    assessment = vehicle(READ[0], erasure(3, [digest(2)]), closed=(gone,))
    assert (finding(assessment, "erased").events, finding(assessment, "erased").severity) == ((2, 3), Severity.NOTICE)


@pytest.mark.parametrize("target", [1, 2])
def test_an_erasure_by_another_organisation_is_its_claim(target: int) -> None:
    gone = ClosedEvent(2, "vehicle.lien", 1, digest(2))
    assessment = vehicle(READ[0], erasure(3, [digest(target)], organisation=9), closed=(gone,))
    told = finding(assessment, "erasure-claimed")
    assert (told.events, told.severity) == ((target, 3), Severity.WARNING)
    assert "organisation 9 claims" in told.message
    assert "erased" not in codes(assessment)


def test_an_erasure_by_another_organisation_by_id_is_its_claim() -> None:
    events = event(1, "vehicle.claim", 0), event(2, "any.erasure", 1, 9, erases="id-1", reason="x")
    assert "erased" not in codes(vehicle(*events))
    assert finding(vehicle(*events), "erasure-claimed").events == (1, 2)


@pytest.mark.parametrize("erases", [[digest(77)], [UNKNOWN], "one", None])
def test_an_erasure_of_nothing_that_is_known_leaves_no_doubt(erases: Json) -> None:
    assessment = vehicle(*FINE, erasure(3, erases))
    assert "erased" not in codes(assessment)
    assert odometer(assessment) is Ruling.CONSISTENT


def test_an_erasure_that_was_taken_back_says_nothing() -> None:
    back = replace(correction(3, [digest(2)]), kind="any.error_declaration")
    assert "erased" not in codes(vehicle(READ[1], erasure(2, [digest(1)]), back))


# ---- digests --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "0x", "id-1", "f" * 63, "f" * 65, "g" * 64, "0x" + "f" * 62, " " + "f" * 64])
def test_what_is_no_digest(name: str) -> None:
    assert digest_of(name) is None


def test_a_digest_has_one_form() -> None:
    assert digest_of("0x" + "AB" * 32) == digest_of("ab" * 32) == "ab" * 32
