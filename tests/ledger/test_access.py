"""Access tiers: every required field and passport attribute has one, unknown fields never become public."""

from __future__ import annotations

import csv
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.access import Tier, fields_visible, sees, tier_of, tier_table
from ledger.intake.passport import Category, passport_table

ROOT = Path(__file__).resolve().parents[2]
LONGLIST_TIERS = {
    "public": Tier.PUBLIC,
    "legitimate-interest": Tier.LEGITIMATE_INTEREST,
    "legitimate-interest+commission": Tier.LEGITIMATE_INTEREST,
    "authorities": Tier.AUTHORITIES,
}
GUIDANCE_TIERS = {
    "public": Tier.PUBLIC,
    "legitimateInterest": Tier.LEGITIMATE_INTEREST,
    "notifiedBodiesAndAuthorities": Tier.AUTHORITIES,
}
LETTERS = {"mandatory": "M", "voluntary": "o", "": "-"}


@pytest.fixture(scope="session")
def longlist(shared_data: Path) -> dict[int, dict[str, str]]:
    with (shared_data / "battery" / "attributes.csv").open(encoding="utf-8", newline="") as file:
        return {int(row["no"]): row for row in csv.DictReader(file)}


@pytest.fixture(scope="session")
def guidance(shared_data: Path) -> dict[int, dict[str, Any]]:
    data = json.loads((shared_data / "battery" / "ec-guidance-datapoints.json").read_bytes())
    return {point["nr"]: point for point in data["dataPoints"]}


@pytest.fixture(scope="session")
def schemas(shared_data: Path) -> dict[Category, dict[str, Any]]:
    folder = shared_data / "battery" / "passport"
    return {category: json.loads((folder / f"{category}.schema.json").read_bytes())["$defs"] for category in Category}


@pytest.fixture(scope="session")
def conflicts() -> set[tuple[str, str]]:
    """What attributes.toml lists: (about, attribute)."""
    data = tomllib.loads((ROOT / "ledger/intake/passport/attributes.toml").read_text("utf-8"))
    return {(entry["about"], name) for entry in data["conflict"] for name in entry["attributes"]}


def published() -> list[Any]:
    return [attribute for attribute in passport_table().attributes.values() if not attribute.extension]


def tier_of_schema(definitions: dict[str, Any], group: str, name: str) -> Tier:
    readers = definitions[group]["properties"][name]["x-AccessRights"]["read"]
    if "public" in readers:
        return Tier.PUBLIC
    return Tier.LEGITIMATE_INTEREST if "legitimate_interest" in readers else Tier.AUTHORITIES


def test_every_required_field_has_a_tier_of_its_own() -> None:
    kinds = tomllib.loads((ROOT / "ledger/kinds.toml").read_text("utf-8"))
    table = tier_table()
    for log in ("any", "battery", "vehicle", "part"):
        for name, kind in kinds[log].items():
            for field in kind["required"]:
                known = any(field in table.get(section, {}) for section in (f"{log}.{name}", log, "any"))
                assert known, f"{log}.{name}: {field}"


def test_every_passport_attribute_has_a_tier_and_nothing_else_does() -> None:
    named = {field for field in tier_table()["battery"] if "." in field}
    assert named == {attribute.field for attribute in published()}


def test_the_tiers_are_those_of_the_longlist(longlist: dict[int, dict[str, str]]) -> None:
    for attribute in published():
        for number in attribute.longlist:
            assert tier_of("battery.commissioned", attribute.field) is LONGLIST_TIERS[longlist[number]["access"]]
    covered = {number for attribute in published() for number in attribute.longlist}
    assert longlist.keys() - covered == {26}  # a repetition of 6.1 and 6.2


def test_attributes_outside_the_longlist_have_the_schemas_tier(schemas: dict[Category, dict[str, Any]]) -> None:
    for attribute in published():
        if not attribute.longlist:
            expected = tier_of_schema(schemas[Category.EV], attribute.group, attribute.name)
            assert tier_of("battery.commissioned", attribute.field) is expected


def test_every_conflict_of_tiers_is_listed(
    longlist: dict[int, dict[str, str]],
    guidance: dict[int, dict[str, Any]],
    schemas: dict[Category, dict[str, Any]],
    conflicts: set[tuple[str, str]],
) -> None:
    found = set()
    for attribute in published():
        tiers = {LONGLIST_TIERS[longlist[number]["access"]] for number in attribute.longlist}
        tiers |= {GUIDANCE_TIERS[guidance[number]["accessTier"]] for number in attribute.guidance}
        for definitions in schemas.values():
            if attribute.name in definitions[attribute.group]["properties"]:
                tiers.add(tier_of_schema(definitions, attribute.group, attribute.name))
        if len(tiers) > 1:
            found.add(("tier", attribute.name))
    assert found == {entry for entry in conflicts if entry[0] == "tier"}


def test_every_conflict_of_behaviour_is_listed(
    longlist: dict[int, dict[str, str]], guidance: dict[int, dict[str, Any]], conflicts: set[tuple[str, str]]
) -> None:
    found = set()
    for attribute in published():
        behaviours = {longlist[number]["behaviour"] for number in attribute.longlist}
        behaviours |= {guidance[number]["lifecycle"] for number in attribute.guidance}
        if len(behaviours) > 1:
            found.add(("behaviour", attribute.name))
    assert found == {entry for entry in conflicts if entry[0] == "behaviour"}


def test_every_conflict_of_need_is_listed(
    longlist: dict[int, dict[str, str]], schemas: dict[Category, dict[str, Any]], conflicts: set[tuple[str, str]]
) -> None:
    data = tomllib.loads((ROOT / "ledger/intake/passport/attributes.toml").read_text("utf-8"))
    columns = {Category(entry["name"]): entry.get("longlist") for entry in data["category"]}
    found = set()
    for attribute in published():
        for letter, category in zip(attribute.need, Category, strict=True):
            group = schemas[category][attribute.group]
            schema = (
                "-"
                if attribute.name not in group["properties"]
                else "M"
                if attribute.name in group["required"]
                else "o"
            )
            assert letter == schema, f"{category} {attribute.name}"
            column = columns[category]
            if column and any(LETTERS[longlist[number][column]] != letter for number in attribute.longlist):
                found.add(("need", attribute.name))
    assert found == {entry for entry in conflicts if entry[0] == "need"}


def test_the_guidances_pending_points_are_the_editions(guidance: dict[int, dict[str, Any]]) -> None:
    data = tomllib.loads((ROOT / "ledger/intake/passport/attributes.toml").read_text("utf-8"))
    listed = {entry["guidance"] for edition in data["edition"] for entry in edition.get("pending", [])}
    states = {
        number: {entry["status"] for entry in point["applicability"].values()} for number, point in guidance.items()
    }
    assert listed == {number for number, found in states.items() if "pending" in found}


@given(st.sampled_from(sorted(tier_table())), st.text(max_size=40))
def test_an_unknown_field_is_private(section: str, field: str) -> None:
    if not any(field in names for names in tier_table().values()):
        assert tier_of(section, field) is Tier.PRIVATE
        assert tier_of(f"{section}.x", field) is Tier.PRIVATE


@pytest.mark.parametrize(
    ("kind", "field", "tier"),
    [
        ("battery.commissioned", "identifier", Tier.PUBLIC),
        ("vehicle.built", "identifier", Tier.LEGITIMATE_INTEREST),
        ("part.made", "identifier", Tier.MEMBERS),
        ("battery.commissioned", "occurred_at", Tier.PUBLIC),
        ("battery.negative_event", "occurred_at", Tier.LEGITIMATE_INTEREST),
        ("vehicle.inspected", "odometer_km", Tier.LEGITIMATE_INTEREST),
        ("vehicle.warranty_claim", "customer_comment", Tier.PRIVATE),
        ("any.transferred", "to_party", Tier.MEMBERS),
        ("battery.installed", "parent", Tier.MEMBERS),
        ("any.recalled", "recall_reference", Tier.PUBLIC),
        ("any.correction", "corrects", Tier.LEGITIMATE_INTEREST),
        ("any.correction", "corrects_document_id", Tier.MEMBERS),
        ("any.erasure", "erases_document_id", Tier.MEMBERS),
        ("battery.restored_waste", "corrects_document_id", Tier.MEMBERS),
        ("battery.commissioned", "PerformanceAndDurability.RemainingCapacity", Tier.LEGITIMATE_INTEREST),
        ("vehicle.built", "PerformanceAndDurability.RatedCapacity", Tier.PRIVATE),
        ("battery.commissioned", "/Battery_Passport/Extra", Tier.PRIVATE),
        ("battery.commissioned", "mot:anything", Tier.PRIVATE),
        ("no.such_kind", "no_such_field", Tier.PRIVATE),
        ("", "", Tier.PRIVATE),
    ],
)
def test_tiers_are_looked_up_by_kind_then_log_then_any(kind: str, field: str, tier: Tier) -> None:
    assert tier_of(kind, field) is tier


@pytest.mark.parametrize("kind", ["any.correction", "any.error_declaration", "any.erasure"])
@pytest.mark.parametrize("reader", list(Tier))
def test_who_sees_why_something_was_corrected_sees_what(kind: str, reader: Tier) -> None:
    naming = "erases" if kind == "any.erasure" else "corrects"
    assert sees(reader, tier_of(kind, naming)) == sees(reader, tier_of(kind, "reason"))
    assert sees(reader, tier_of(kind, f"{naming}_document_id")) == sees(reader, tier_of(kind, "document_id"))


def test_nothing_of_a_vehicle_is_public() -> None:
    assert Tier.PUBLIC not in tier_table()["vehicle"].values()


def test_a_wider_reader_sees_what_a_narrower_one_sees() -> None:
    for wide, narrow in (
        (Tier.LEGITIMATE_INTEREST, Tier.PUBLIC),
        (Tier.AUTHORITIES, Tier.LEGITIMATE_INTEREST),
        (Tier.MEMBERS, Tier.PUBLIC),
        (Tier.PRIVATE, Tier.AUTHORITIES),
        (Tier.PRIVATE, Tier.MEMBERS),
    ):
        assert all(sees(wide, tier) for tier in Tier if sees(narrow, tier))
    assert not any(sees(reader, Tier.PRIVATE) for reader in Tier if reader is not Tier.PRIVATE)
    assert not sees(Tier.MEMBERS, Tier.LEGITIMATE_INTEREST)


def test_visible_fields_keep_their_order() -> None:
    names = [
        "salt",
        "note",
        "PerformanceAndDurability.RatedCapacity",
        "PerformanceAndDurability.CapacityFade",
        "identifier",
    ]
    kind = "battery.commissioned"
    assert fields_visible(kind, names, Tier.PUBLIC) == ("salt", "PerformanceAndDurability.RatedCapacity", "identifier")
    assert fields_visible(kind, names, Tier.PRIVATE) == tuple(names)


def test_the_docs_list_every_field_under_its_tier() -> None:
    text = (ROOT / "docs/access.md").read_text("utf-8")
    for section, fields in tier_table().items():
        for tier in Tier:
            names = [name for name, found in fields.items() if found is tier and "." not in name]
            if names:
                assert f"| {section} | {tier} | {', '.join(f'`{name}`' for name in names)} |" in text
    for attribute in published():
        tier = tier_of("battery.commissioned", attribute.field)
        (line,) = [line for line in text.splitlines() if line.startswith(f"| {attribute.group} | {tier} |")]
        assert f"`{attribute.name}`" in line
