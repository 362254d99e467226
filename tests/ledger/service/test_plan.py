"""Planning: what may be recorded, by whom, in which state; a document is taken as a whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ledger.errors import DocumentError
from ledger.event import AssetReference, AssetType, Document, Json
from ledger.service.council import assign_namespace, change_roles, suspend
from ledger.service.knowledge import Knowledge
from ledger.service.plan import Planner
from ledger.service.same_event import content_hash
from ledger.service.workspace import Workspace
from tests.ledger.service.conftest import MAKER_ROLES, battery, birth, document, event, record

pytestmark = pytest.mark.integration


def plan(workspace: Workspace, organisation: int, one: Document) -> object:
    return Planner(organisation, Knowledge(workspace.database)).plan(one)


def refusal(workspace: Workspace, organisation: int, one: Document) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        plan(workspace, organisation, one)
    return [f"{fault.code}: {fault.message}" for fault in caught.value.faults]


def test_genesis_outside_the_own_namespace_is_refused(workspace: Workspace, asset: AssetReference) -> None:
    assert "organisation 1's, not organisation 2's" in refusal(workspace, 2, document(birth(asset)))[0]


def test_genesis_in_nobodys_namespace_needs_a_registrar(workspace: Workspace) -> None:
    stranger = AssetReference(AssetType.BATTERY, "https://id.gs1.org/01/04012345678901/21/X1")
    assert "nobody's" in refusal(workspace, 1, document(birth(stranger)))[0]


def test_event_of_an_unknown_asset_is_refused(workspace: Workspace, asset: AssetReference) -> None:
    found = refusal(workspace, 1, document(event("battery.state_of_health", asset)))
    assert found == [f"unknown-asset: no battery {asset.identifier} is registered: its genesis comes first"]


def test_missing_role_is_refused(workspace: Workspace, asset: AssetReference) -> None:
    found = refusal(workspace, 1, document(birth(asset), event("battery.declared_waste", asset, reason="x")))
    assert found == ["not-authorised: organisation 1 lacks the role 'recycle' of battery.declared_waste"]


def test_unknown_organisation_is_refused(workspace: Workspace, asset: AssetReference) -> None:
    assert "unknown or suspended" in refusal(workspace, 77, document(birth(asset)))[0]


def test_status_that_skips_a_step_is_refused(workspace: Workspace, asset: AssetReference) -> None:
    record(workspace, "maker", document(birth(asset)))
    found = refusal(workspace, 2, document(event("battery.recycled", asset, recycled_at="2026-06-01T08:00:00Z")))
    assert found[0].startswith("illegal-transition")
    assert "waste" in found[0]


def test_every_fault_of_a_document_is_listed_and_nothing_assumed(workspace: Workspace, asset: AssetReference) -> None:
    knowledge = Knowledge(workspace.database)
    bad = document(birth(asset), event("battery.declared_waste", asset), event("vehicle.sold", asset))
    with pytest.raises(DocumentError) as caught:
        Planner(1, knowledge).plan(bad)
    assert len(caught.value.faults) == 2
    assert len(Planner(1, knowledge).plan(document(birth(asset))).planned) == 1


def test_second_genesis_of_one_identifier_is_a_conflict(workspace: Workspace, asset: AssetReference) -> None:
    record(workspace, "maker", document(birth(asset)))
    assert refusal(workspace, 1, document(birth(asset, model="B")))[0].startswith("conflict")


def test_passport_that_registered_its_battery_is_no_update_of_it(workspace: Workspace, asset: AssetReference) -> None:
    """Once the bytes are forgotten, as after a rebuild, intake takes it for an update: the battery is known by then."""
    passport = replace(birth(asset, chemistry="NMC"), document_id="https://dpp.example/1#2026-06-01T08:00:00+00:00")
    record(workspace, "maker", document(passport))
    again = replace(passport, kind="battery.passport_updated")
    planned = Planner(1, Knowledge(workspace.database)).plan(document(again))
    assert (planned.planned, len(planned.repeated)) == ([], 1)
    newer = replace(again, document_id="https://dpp.example/1#2026-06-02T08:00:00+00:00")
    other = replace(again, fields={**again.fields, "chemistry": "LFP"})
    for update in (newer, other):
        planned = Planner(1, Knowledge(workspace.database)).plan(document(update))
        assert (len(planned.planned), planned.repeated) == (1, [])


def test_same_event_again_is_a_repetition(workspace: Workspace, asset: AssetReference) -> None:
    first = record(workspace, "maker", document(birth(asset), event("battery.state_of_health", asset, "soh-1")))
    again = record(workspace, "maker", document(birth(asset), event("battery.state_of_health", asset, "soh-1")))
    assert (len(first.events), first.repeated) == (2, 0)
    assert (len(again.events), again.repeated) == (0, 2)


def test_same_id_with_other_content_is_a_conflict(workspace: Workspace, asset: AssetReference) -> None:
    record(workspace, "maker", document(birth(asset), event("battery.state_of_health", asset, "soh-1", cycle_count=1)))
    changed = document(event("battery.state_of_health", asset, "soh-1", cycle_count=2))
    assert refusal(workspace, 1, changed)[0].startswith("conflict")


def test_suspended_organisation_is_refused_until_it_is_resumed(workspace: Workspace, asset: AssetReference) -> None:
    record(workspace, "maker", document(birth(asset)))
    suspend(workspace, 2)
    note = document(event("battery.state_of_health", asset))
    try:
        assert "suspended" in refusal(workspace, 2, note)[0]
    finally:
        suspend(workspace, 2, resume=True)
    plan(workspace, 2, note)


def test_role_that_was_taken_away_is_refused(workspace: Workspace, numbers: Callable[[], int]) -> None:
    asset = battery(numbers())
    record(workspace, "maker", document(birth(asset)))
    change_roles(workspace, 1, ["make", "member"])
    try:
        assert "lacks the role" in refusal(workspace, 1, document(event("battery.state_of_health", asset)))[0]
    finally:
        change_roles(workspace, 1, MAKER_ROLES)


def test_content_hash_covers_what_an_event_says(asset: AssetReference) -> None:
    base = event("battery.state_of_health", asset, "id", cycle_count=1)
    others = [
        event("battery.state_of_health", asset, "id", cycle_count=2),
        event("battery.state_of_health", asset, "other", cycle_count=1),
        event("battery.negative_event", asset, "id", cycle_count=1),
        event("battery.state_of_health", battery(99), "id", cycle_count=1),
    ]
    assert len({content_hash(one) for one in (base, *others)}) == 5
    assert content_hash(base) == content_hash(event("battery.state_of_health", asset, "id", cycle_count=1))


def test_an_alias_in_anothers_namespace_is_refused(workspace: Workspace, numbers: Callable[[], int]) -> None:
    # Else whoever registers an asset of his own could draw another maker's events to it, and keep him from registering.
    victim = battery(numbers())
    own = AssetReference(AssetType.PART, "urn:bpn:BPNL00000003CML1:X2")
    assign_namespace(workspace, 4, "BPNL00000003CML1", 2)
    squatter = replace(event("part.made", own, identifier=own.identifier), aliases=(victim.identifier,))
    assert "organisation 1's, not organisation 2's" in refusal(workspace, 2, document(squatter))[0]


def test_an_alias_that_another_asset_has_is_refused(workspace: Workspace, numbers: Callable[[], int]) -> None:
    first, second = battery(numbers()), battery(numbers())
    record(workspace, "maker", document(birth(first)))
    doubled = replace(birth(second), aliases=(first.identifier,))
    assert "conflict" in refusal(workspace, 1, document(doubled))[0]
    both = document(birth(second), replace(birth(battery(numbers())), aliases=(second.identifier,)))
    assert "conflict" in refusal(workspace, 1, both)[0]


@pytest.mark.parametrize(
    "name",
    [
        *("status", "kind", "exp", "_sd", "...", "claim_names"),
        # A credential says these itself: the field would be lost, or taken for it, by the audit too.
        *("salt", "identifier", "asset_type", "aliases", "occurred_at", "document_id"),
    ],
)
def test_a_field_that_no_reader_would_take_is_refused_before_it_is_signed(
    workspace: Workspace, asset: AssetReference, name: str
) -> None:
    # Else the event stands on chain for good, and every evidence that shows its credential is malformed.
    found = refusal(workspace, 1, document(replace(birth(asset), fields={name: 1})))
    assert found[0].startswith("bad-value")


@pytest.mark.parametrize(
    "fields",
    [
        {"note": "x" * 1024 * 1024},
        {f"note_{number}": "x" * 500_000 for number in range(8)},
        {"note": {"_sd": []}},
        {"note": [{"...": "x"}]},
        {f"{number:05}" * 200: 1 for number in range(1500)},
    ],
    ids=["one too long", "all too long", "hash below", "element below", "names too long"],
)
def test_content_that_no_reader_would_take_is_refused_before_anything_is_signed(
    workspace: Workspace, asset: AssetReference, fields: dict[str, Json]
) -> None:
    # Else what was signed before it stands on chain when it is refused, or nobody can ever open it and audits fail.
    found = refusal(workspace, 1, document(replace(birth(asset), fields=fields)))
    assert found[0].startswith("bad-value")


def test_content_that_is_nested_too_deep_is_refused(workspace: Workspace, asset: AssetReference) -> None:
    value: Json = 1
    for _ in range(60):
        value = [value]
    found = refusal(workspace, 1, document(replace(birth(asset), fields={"note": value})))
    assert found == ["bad-value: malformed field: note: nested deeper than 48"]
