"""The kind table and the mappings: lookups, statuses, and that nothing of the shared documents is left unanswered."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import MalformedError, RuleError, TransitionError
from ledger.event import AssetType
from ledger.kind_table import BUSINESS_STEPS, CHILD_STEPS, REFUSED_BUSINESS_STEPS, STATUSES
from ledger.kinds import (
    Kind,
    all_kinds,
    kind_by_name,
    kind_by_number,
    kind_of_business_step,
    kind_of_child_step,
    next_status,
    refusal_of_business_step,
    role_bit,
    role_names,
    roles_mask,
    status_name,
)

ROOT = Path(__file__).resolve().parents[2]
MAPPINGS = tomllib.loads((ROOT / "ledger/mappings.toml").read_text("utf-8"))
LOGS = {"any": 0, "battery": 1, "vehicle": 2, "part": 3}


# ---- the table ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", all_kinds(), ids=lambda kind: kind.name)
def test_every_kind_is_found_by_name_and_number(kind: Kind) -> None:
    assert kind_by_name(kind.name) is kind
    assert kind_by_number(kind.number) is kind
    assert kind.number >> 10 == kind.role_bit == role_bit(kind.role)
    assert kind.number >> 8 & 3 == LOGS[kind.log]
    assert kind.required
    assert kind.name.startswith(f"{kind.log}.")


def test_numbers_on_chain_never_change() -> None:
    published = {
        "any.correction": 0x2800,
        "any.maker_recall": 0x000C,
        "battery.commissioned": 0x0100,
        "battery.declared_waste": 0x1D08,
        "battery.state_of_health": 0x0510,
        "vehicle.built": 0x0200,
        "vehicle.serviced": 0x0A07,
        "vehicle.scrapped": 0x1E05,
        "part.made": 0x0300,
        "part.quality_alert": 0x030E,
    }
    assert {name: kind_by_name(name).number for name in published} == published


@pytest.mark.parametrize("name", ["", "battery", "battery.", "battery.exploded", "BATTERY.COMMISSIONED", "x" * 10_000])
def test_unknown_names(name: str) -> None:
    with pytest.raises(RuleError, match="there is no kind") as caught:
        kind_by_name(name)
    assert len(str(caught.value)) < 200


@given(st.integers(-(2**70), 2**70))
def test_unknown_numbers(number: int) -> None:
    if number in {kind.number for kind in all_kinds()}:
        assert kind_by_number(number).number == number
    else:
        with pytest.raises(MalformedError, match=r"not in the kind table|out of range"):
            kind_by_number(number)


# ---- statuses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asset_type", list(AssetType))
@pytest.mark.parametrize("kind", all_kinds(), ids=lambda kind: kind.name)
def test_next_status_follows_the_row(kind: Kind, asset_type: AssetType) -> None:
    for status in range(len(STATUSES[asset_type]) + 1):
        if not kind.concerns(asset_type):
            with pytest.raises(RuleError, match="is no kind of the"):
                next_status(kind, status, asset_type)
        elif not kind.changes_status and status:
            assert next_status(kind, status, asset_type) == status
        elif kind.changes_status and status in (kind.from_statuses or (0,)):
            assert next_status(kind, status, asset_type) == kind.to_status
        else:
            with pytest.raises(TransitionError) as caught:
                next_status(kind, status, asset_type)
            assert caught.value.status == status_name(asset_type, status)
            assert caught.value.allowed


def test_a_status_kind_never_leaves_what_it_leads_to_unless_the_table_says_so() -> None:
    repeated = {kind.name for kind in all_kinds() if kind.to_status in kind.from_statuses}
    assert repeated == {"battery.reused", "battery.repurposed", "battery.remanufactured"}


@pytest.mark.parametrize("asset_type", list(AssetType))
def test_the_authority_undoes_every_status_into_every_other(asset_type: AssetType) -> None:
    statuses = set(STATUSES[asset_type].values())
    undone = {
        (status, kind.to_status)
        for kind in all_kinds()
        if kind.role == "regulate" and kind.log == asset_type
        for status in kind.from_statuses
    }
    terminal = max(statuses)
    assert {(terminal, status) for status in statuses - {terminal, STATUSES[asset_type].get("offered")}} <= undone


def test_status_names() -> None:
    assert [status_name(AssetType.BATTERY, byte) for byte in (0, 1, 6)] == ["not registered", "original", "recycled"]
    for status in (-1, 7, 255):
        with pytest.raises(MalformedError):
            status_name(AssetType.BATTERY, status)


# ---- roles --------------------------------------------------------------------------------------------------------


def test_roles() -> None:
    assert roles_mask([]) == 0
    assert roles_mask(["make", "regulate", "make"]) == 1 | 1 << 9
    assert roles_mask(role_names()) == (1 << len(role_names())) - 1
    for name in ("", "root", "MAKE", "x" * 10_000):
        with pytest.raises(RuleError, match="there is no role"):
            roles_mask(["make", name])


# ---- mappings -----------------------------------------------------------------------------------------------------


def named_kinds(value: Any) -> Iterator[str]:
    """Every text in the mappings that reads like a kind and is no explanation."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in {"refused", "item"}:
                yield from named_kinds(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from named_kinds(inner)
    else:
        yield value


@pytest.mark.parametrize("section", MAPPINGS)
def test_every_mapped_kind_exists(section: str) -> None:
    for name in named_kinds(MAPPINGS[section]):
        assert kind_by_name(name)


@pytest.mark.parametrize("table", [BUSINESS_STEPS, CHILD_STEPS])
def test_steps_lead_into_the_asset_types_own_log(table: dict[str, dict[str, str]]) -> None:
    for step, row in table.items():
        for log, name in row.items():
            kind = kind_by_name(name)
            assert kind.log == "any" if log == "any" else kind.concerns(AssetType(log)), step


@pytest.mark.parametrize("section", ["annex_xiii_4", "car_pass", "nmvtis", "nmvtis_brands"])
def test_every_item_has_kinds_or_a_written_refusal(section: str) -> None:
    for key, row in MAPPINGS[section].items():
        assert bool(row.get("kinds")) != (len(row.get("refused", "")) > 20), key
        assert row["item"], key


def test_every_business_step_has_a_kind_for_some_asset_or_a_refusal() -> None:
    for step in MAPPINGS["epcis_business_steps"]:
        found = [kind_of_business_step(step, asset_type) for asset_type in AssetType]
        refusal = refusal_of_business_step(step)
        assert any(found) != (refusal is not None and len(refusal) > 20), step


def test_business_steps_by_asset_type() -> None:
    assert kind_of_business_step("shipping", AssetType.PART) is kind_by_name("any.shipped")
    assert kind_of_business_step("commissioning", AssetType.BATTERY) is kind_by_name("battery.commissioned")
    assert kind_of_business_step("installing", AssetType.PART) is kind_by_name("part.fitted")
    assert kind_of_child_step("assembling", AssetType.PART) is kind_by_name("part.installed")
    assert kind_of_child_step("shipping", AssetType.PART) is None
    assert kind_of_child_step("installing", AssetType.VEHICLE) is None
    for step in ("dispensing", "", "Shipping", "urn:epcglobal:cbv:bizstep:shipping", "https://example.org/x"):
        assert kind_of_business_step(step, AssetType.PART) is None
    assert set(REFUSED_BUSINESS_STEPS) == {"creating_class_instance", "dispensing", "entering_exiting", "killing"}
    assert refusal_of_business_step("shipping") is None


# ---- totality over what other people published --------------------------------------------------------------------


def test_every_dynamic_point_of_the_guidance_is_answered(shared_data: Path) -> None:
    guidance = json.loads((shared_data / "battery/ec-guidance-datapoints.json").read_text("utf-8"))
    dynamic = {str(point["nr"]) for point in guidance["dataPoints"] if point["lifecycle"] == "dynamic"}
    assert dynamic == set(MAPPINGS["annex_xiii_4"]) == {str(number) for number in range(51, 72)}


def test_every_business_step_of_the_standard_is_answered(shared_data: Path) -> None:
    schema = json.loads((shared_data / "epcis/schema/EPCIS-JSON-Schema.json").read_text("utf-8"))
    standard = {word for rule in schema["definitions"]["bizStep"]["anyOf"] for word in rule.get("enum", ())}
    assert standard == set(MAPPINGS["epcis_business_steps"])


def test_every_business_step_of_the_documents_is_answered(shared_data: Path) -> None:
    words = set()
    for path in (*shared_data.glob("**/*.jsonld"), *(shared_data / "epcis").glob("documents/*.json")):
        words |= set(re.findall(r'"bizStep"\s*:\s*"([^"]+)"', path.read_text("utf-8")))
    assert len(words) >= 12
    own = {word.removeprefix("https://ref.gs1.org/cbv/BizStep-") for word in words}
    foreign = {word for word in own if ":" in word}
    assert own - foreign <= set(MAPPINGS["epcis_business_steps"])
    assert all(word.endswith("summarising_discharge") for word in foreign)


CAR_PASS = {
    "vin",
    "make",
    "model",
    "first_registration",
    "odometer_history",
    "euro_standard",
    "co2",
    "post_accident_inspection",
    "open_recalls",
    "unique_number",
    "correction_request",
}
NMVTIS = {"title_state", "title_date", "brand_history", "odometer", "total_loss", "salvage"}
BRANDS = {
    "flood",
    "salt_water",
    "fire",
    "hail",
    "vandalism",
    "rebuilt",
    "junk",
    "salvage",
    "non_repairable",
    "reconstructed",
}


def test_every_item_of_used_car_records_is_answered() -> None:
    assert set(MAPPINGS["car_pass"]) == CAR_PASS
    assert set(MAPPINGS["nmvtis"]) == NMVTIS
    assert set(MAPPINGS["nmvtis_brands"]) == BRANDS


def test_docs_show_every_kind_and_every_answer() -> None:
    docs = (ROOT / "docs/kinds.md").read_text("utf-8")
    for kind in all_kinds():
        assert f"| `{kind.name}` | 0x{kind.number:04x} |" in docs
    for refusal in REFUSED_BUSINESS_STEPS.values():
        assert refusal in docs
    for section in ("annex_xiii_4", "car_pass", "nmvtis", "nmvtis_brands"):
        for key, row in MAPPINGS[section].items():
            assert f"| {key} | {row['item']} |" in docs
