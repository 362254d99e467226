"""The published JSON Schemas as oracle: the same faults at the same places, apart from the listed rules."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ledger.errors import DocumentError, Fault
from ledger.intake.faults import pointer_to
from ledger.intake.passport import RULES, Category, parse_passport, passport_table
from ledger.intake.passport.identity_rules import ORIGINALS
from tests.ledger.intake.passport.mutations import mutated

BEFORE_RELIEF, WITH_RELIEF = date(2026, 5, 1), date(2026, 11, 21)
MUTATIONS_PER_CATEGORY = 800
OF_FORM = {"missing", "wrong-type", "out-of-range", "unknown-unit", "bad-value", "bad-format", "no-time-zone"}


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def places_of(oracle: Draft202012Validator, document: Any) -> set[str]:
    found = set()
    for error in oracle.iter_errors(document):
        place = pointer_to("", *error.absolute_path)
        if error.validator == "required":
            found |= {pointer_to(place, name) for name in error.validator_value if name not in error.instance}
        else:
            found.add(place)
    return found


def faults_of(document: Any, category: Category, as_of: date) -> tuple[tuple[Fault, ...], tuple[Fault, ...]]:
    """Errors and notices."""
    try:
        accepted = parse_passport(document, as_of=as_of, category=category, kind="battery.passport_updated")
    except DocumentError as error:
        return error.faults, ()
    return (), tuple(fault for fault in accepted.notices if isinstance(fault, Fault))


def test_both_published_passports_are_accepted(published: dict[str, bytes], schemas: dict[Category, Any]) -> None:
    for name, category in (("ev", Category.EV), ("stationary", Category.STATIONARY)):
        (event,) = parse_passport(published[name], as_of=WITH_RELIEF).events
        assert event.kind == "battery.commissioned"
        assert event.fields["IdentifiersAndProductData.BatteryCategory"] == {
            "batteryCategoryValue": passport_table().category_values[category]
        }


@pytest.mark.parametrize("category", list(Category))
def test_the_passport_of_each_category_is_accepted_by_both(
    category: Category, passports: dict[Category, Any], schemas: dict[Category, Any]
) -> None:
    assert places_of(validator(schemas[category]), passports[category]) == set()
    assert faults_of(passports[category], category, BEFORE_RELIEF)[0] == ()


@pytest.mark.parametrize("category", list(Category))
def test_mutations_have_the_oracles_faults_at_the_oracles_places(
    category: Category, passports: dict[Category, Any], schemas: dict[Category, Any]
) -> None:
    oracle = validator(schemas[category])
    seen: Counter[str] = Counter()
    for seed in range(MUTATIONS_PER_CATEGORY):
        document = mutated(passports[category], seed)
        expected = places_of(oracle, document)
        errors, _ = faults_of(document, category, BEFORE_RELIEF)
        form = {fault.pointer for fault in errors if fault.code in OF_FORM and ORIGINALS not in fault.pointer}
        assert form == expected, f"seed {seed}"
        assert {fault.code for fault in errors} <= OF_FORM | RULES.keys(), f"seed {seed}"
        seen["refused by both" if expected else "by a rule only" if errors else "accepted"] += 1
    assert min(seen["refused by both"], seen["accepted"], seen["by a rule only"]) > MUTATIONS_PER_CATEGORY / 25, seen


@pytest.mark.parametrize("category", list(Category))
def test_the_relief_of_the_guidance_explains_every_further_acceptance(
    category: Category, passports: dict[Category, Any], schemas: dict[Category, Any]
) -> None:
    oracle = validator(schemas[category])
    edition = passport_table().edition_at(WITH_RELIEF)
    for seed in range(MUTATIONS_PER_CATEGORY // 2):
        document = mutated(passports[category], 100_000 + seed)
        expected = places_of(oracle, document)
        errors, notices = faults_of(document, category, WITH_RELIEF)
        form = {fault.pointer for fault in errors if fault.code in OF_FORM and ORIGINALS not in fault.pointer}
        assert form <= expected, f"seed {seed}"
        for place in expected - form:
            assert _is_pending(place, edition.pending), f"seed {seed}: {place}"
        if not errors:
            told = {fault.pointer for fault in notices if fault.code == "not-yet-required"}
            assert told >= expected - form, f"seed {seed}"


def _is_pending(place: str, pending: Any) -> bool:
    name = place.rsplit("/", 1)[-1]
    return name in pending or name in ("BatteryCarbonFootprint", "SupplyChainDueDiligence")
