"""Catena-X parts, batches, as-built lists and whole trees."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from ledger.event import AssetType
from ledger.intake.assets import IntakeHint
from ledger.intake.catena_x.twins import ROOT
from tests.ledger.intake.conftest import Accept, Refuse, example

BPNL = "BPNLVCUDEMOCARS1"
VIN = "VCU4EZ7R3T1000058"
SERIAL, BATCH, BOM = (
    "urn:samm:io.catenax.serial_part:4.0.0#SerialPart",
    "urn:samm:io.catenax.batch:4.0.0#Batch",
    "urn:samm:io.catenax.single_level_bom_as_built:4.0.0#SingleLevelBomAsBuilt",
)
Members = dict[str, Any]


def uuid(number: int) -> str:
    return f"urn:uuid:00000000-0000-4000-8000-{number:012d}"


def scoped(number: int) -> str:
    return f"urn:bpn:{BPNL}:{uuid(number).removeprefix('urn:uuid:')}"


def part(number: int, *, batch: bool = False, maker: str = BPNL, **local: str) -> Members:
    keys = {"manufacturerId": maker, ("batchId" if batch else "partInstanceId"): f"S-{number}"} | local
    names = {"manufacturerPartId": "P-1", "nameAtManufacturer": "hub"}
    if not batch:
        names |= {"nameAtCustomer": "hub", "customerPartId": "P-1", "partClassification": []}  # type: ignore[dict-item]
    return {
        "globalAssetId": uuid(number),
        "localIdentifiers": [{"key": key, "value": value} for key, value in keys.items()],
        "manufacturingInformation": {"productionDate": "2026-01-10", "country": "AUT"},
        "partTypeInformation": names,
    }


def child(number: int, created: str = "2026-01-12T10:00:00Z") -> Members:
    return {
        "globalAssetId": uuid(number),
        "businessPartner": BPNL,
        "quantity": {"value": 1, "unit": "unit:piece"},
        "hasAlternatives": False,
        "createdOn": created,
    }


def bom(number: int, *children: int) -> Members:
    return {"globalAssetId": uuid(number), "childItems": [child(each) for each in children]}


def twin(number: int, *children: int, batch: bool = False, **local: str) -> Members:
    found: Members = {"catenaXId": uuid(number), "bpnl": BPNL}
    found[BATCH if batch else SERIAL] = [part(number, batch=batch, **local)]
    if children:
        found[BOM] = [bom(number, *children)]
    return found


def container(*twins: Members) -> Members:
    return {ROOT: list(twins)}


def test_a_serial_part_is_scoped_by_its_maker(accept: Accept) -> None:
    found = accept(part(1)).events[0]
    assert (found.kind, found.asset.identifier) == ("part.made", scoped(1))
    assert found.aliases == (uuid(1),)
    assert (found.issuer_hint, found.document_id) == (BPNL, uuid(1))
    assert (found.fields["part_number"], found.fields["granularity"]) == ("P-1", "item")
    assert found.fields["production_date"] == "2026-01-10"


def test_a_batch_is_told_from_a_part(accept: Accept) -> None:
    assert accept(part(1, batch=True)).events[0].fields["granularity"] == "batch"
    assert accept(part(1)).events[0].fields["granularity"] == "item"


def test_a_vehicle_number_makes_a_vehicle(accept: Accept) -> None:
    named = accept(part(1, van=VIN)).events[0]
    assert (named.kind, named.asset.asset_type, named.asset.identifier) == ("vehicle.built", AssetType.VEHICLE, VIN)
    assert named.aliases == (scoped(1), uuid(1))
    hidden = accept(part(1, van="OMCOFCRMXMBASAFZY")).events[0]
    assert hidden.asset.identifier == scoped(1)
    assert hidden.aliases == (uuid(1), f"urn:bpn:{BPNL}:van:OMCOFCRMXMBASAFZY")


def test_without_a_bpnl_nobody_owns_the_name(accept: Accept) -> None:
    found = accept(part(1, maker="BID12345678"))
    assert found.events[0].asset.identifier == uuid(1)
    assert [fault.code for fault in found.notices] == ["no-namespace"]  # type: ignore[attr-defined]
    helped = accept(part(1, maker="BID12345678"), IntakeHint(maker=BPNL))
    assert helped.events[0].asset.identifier == scoped(1)


@pytest.mark.parametrize(
    ("path", "value", "pointer", "code"),
    [
        (("globalAssetId",), "123", "/globalAssetId", "bad-format"),
        (("localIdentifiers",), None, "/localIdentifiers", "wrong-type"),
        (("localIdentifiers", 0, "key"), "vin", "/localIdentifiers/0/key", "bad-value"),
        (("manufacturingInformation", "productionDate"), "2026-1-1", None, "bad-format"),
        (("manufacturingInformation", "productionDate"), "2026-02-30", None, "bad-format"),
        (("manufacturingInformation", "productionDate"), "2027-02-03", "", "in-future"),
        (("manufacturingInformation", "country"), "AT", "/manufacturingInformation/country", "bad-format"),
        (("partTypeInformation", "nameAtCustomer"), 7, "/partTypeInformation/nameAtCustomer", "wrong-type"),
    ],
)
def test_faults_of_a_part(refuse: Refuse, path: tuple[Any, ...], value: object, pointer: str | None, code: str) -> None:
    changed: Any = part(1)
    place = changed
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    assert refuse(changed) == {"/" + "/".join(map(str, path)) if pointer is None else pointer: code}


def test_missing_members_are_all_listed(refuse: Refuse) -> None:
    assert refuse({"partTypeInformation": {"nameAtCustomer": "x"}}) == {
        "/globalAssetId": "missing",
        "/localIdentifiers": "missing",
        "/manufacturingInformation": "missing",
        "/partTypeInformation/customerPartId": "missing",
        "/partTypeInformation/partClassification": "missing",
    }


def test_a_list_alone_names_its_parent_by_uuid(accept: Accept, refuse: Refuse) -> None:
    found = accept(bom(1, 2, 3)).events
    assert [(each.kind, each.asset.identifier) for each in found] == [("part.as_built", uuid(1))]
    known = IntakeHint({uuid(1): AssetType.VEHICLE, uuid(2): AssetType.PART})
    helped = accept(bom(1, 2, 3), known).events
    assert [each.kind for each in helped] == ["part.installed", "vehicle.as_built"]
    assert refuse(bom(1, 1)) == {"/childItems/0": "part-inside-itself"}
    assert refuse(bom(1, 2, 2))["/childItems/1"] in ("repeated", "two-assemblies")
    assert accept(bom(1)).events == ()


@pytest.mark.parametrize(
    ("created", "code"),
    [
        ("2026-01-12T10:00:00", "no-time-zone"),
        ("2026-01-12T24:00:00Z", "inexact-time"),
        ("about 2026-01-12T10:00:00Z", "inexact-time"),
        ("2026-01-12", "bad-format"),
    ],
)
def test_times_of_a_list(refuse: Refuse, created: str, code: str) -> None:
    body = bom(1, 2)
    body["childItems"][0]["createdOn"] = created
    assert refuse(body) == {"/childItems/0/createdOn": code}


def test_a_unit_that_is_not_listed(refuse: Refuse) -> None:
    body = bom(1, 2)
    body["childItems"][0]["quantity"]["unit"] = "unit:bushel"
    assert refuse(body) == {"/childItems/0/quantity/unit": "unknown-unit"}


def test_a_tree_is_born_from_the_leaves(accept: Accept) -> None:
    found = accept(container(twin(1, 2, 3, van=VIN), twin(2, 4), twin(3), twin(4, batch=True))).events
    assert [(each.kind, each.asset.identifier[-1]) for each in found] == [
        ("part.made", "4"),
        ("part.made", "2"),
        ("part.made", "3"),
        ("vehicle.built", "8"),
        ("part.as_built", "2"),
        ("part.installed", "2"),
        ("part.installed", "3"),
        ("vehicle.as_built", "8"),
    ]
    assert found[5].fields["parent"] == VIN
    children = found[7].fields["children"]
    assert isinstance(children, list)
    assert [each["identifier"] for each in children] == [scoped(2), scoped(3)]  # type: ignore[call-overload,index]
    assert len({each.document_id for each in found}) == len(found)


def place(number: int, aspect: str, tail: str = "") -> str:
    return f"/{ROOT.replace('/', '~1')}/{number}/{aspect}/0{tail}"


def test_what_no_factory_builds_is_refused(refuse: Refuse) -> None:
    assert refuse(container(twin(1, 1))) == {place(0, BOM, "/childItems/0"): "part-inside-itself"}
    assert refuse(container(twin(1, 2), twin(2, 3), twin(3, 1))) == {place(2, BOM, "/childItems/0"): "cycle"}
    both = container(twin(1, 3), twin(2, 3), twin(3))
    assert refuse(both) == {place(1, BOM, "/childItems/0"): "two-assemblies"}
    same_serial = container(twin(1), twin(2, partInstanceId="S-1"), twin(3, partInstanceId="S-1"))
    assert refuse(same_serial) == {
        place(1, SERIAL): "serial-on-several-twins",
        place(2, SERIAL): "serial-on-several-twins",
    }
    twice = container(twin(1), twin(1, partInstanceId="S-9"))
    assert refuse(twice) == {place(1, SERIAL): "repeated"}


def test_a_batch_may_be_used_in_several_assemblies(accept: Accept) -> None:
    found = accept(container(twin(1, 3), twin(2, 3), twin(3, batch=True))).events
    assert "part.installed" not in {each.kind for each in found}


def test_faults_of_a_container(refuse: Refuse) -> None:
    assert refuse({ROOT: 7}) == {f"/{ROOT.replace('/', '~1')}": "wrong-type"}
    assert list(refuse(container({"catenaXId": uuid(1)})).values()) == ["missing"]
    assert list(refuse({ROOT: ["x"]}).values()) == ["wrong-type"]
    two = twin(1)
    two[SERIAL].append(part(2))
    assert list(refuse(container(two)).values()) == ["repeated"]


def test_children_outside_the_document_are_listed_and_noted(accept: Accept) -> None:
    found = accept(container(twin(1, 9)))
    assert [each.kind for each in found.events] == ["part.made", "part.as_built"]
    assert [fault.code for fault in found.notices] == ["unknown-child"]  # type: ignore[attr-defined]


def test_a_deep_chain_is_walked_without_recursion(accept: Accept, refuse: Refuse) -> None:
    chain = [twin(number, number + 1) for number in range(1, 3000)]
    assert len(accept(container(*chain, twin(3000))).events) == 3000 + 2 * 2999
    assert "cycle" in refuse(container(*chain, twin(3000, 1))).values()


def test_our_own_car_is_three_levels_deep(accept: Accept) -> None:
    found = accept(example("parts/as-built-twins.json")).events
    assert sum(each.kind == "part.made" for each in found) >= 40
    parents = {each.asset.identifier: each.fields["parent"] for each in found if each.kind == "part.installed"}

    def depth(name: object) -> int:
        return 1 + depth(parents[name]) if name in parents else 0

    assert max(depth(name) for name in parents) == 3
    assert {each.asset.identifier for each in found if each.kind == "vehicle.built"} == {VIN}


def mended(document: Members) -> Members:
    """The published twins with what is wrong in them put right: zones, one number written as text, serials."""
    document = copy.deepcopy(document)
    for number, each in enumerate(document[ROOT]):
        for name, bodies in each.items():
            if name.endswith(("#SerialPart", "#Batch")):
                made = bodies[0]["manufacturingInformation"]
                made["date"] += "" if made["date"].endswith("Z") else "Z"
                for entry in bodies[0]["localIdentifiers"]:
                    if entry["key"] in ("partInstanceId", "van"):
                        entry["value"] += f"-{number}"
            if name.endswith("#SingleLevelBomAsBuilt"):
                for entry in bodies[0]["childItems"]:
                    entry["quantity"]["quantityNumber"] = float(entry["quantity"]["quantityNumber"])
    return document


def test_the_published_twins(shared_data: Path, accept: Accept, refuse: Refuse) -> None:
    original = json.loads((shared_data / "parts/as-built-twins.json").read_text("utf-8"))
    faults = refuse(original)
    assert sorted(set(faults.values())) == ["no-time-zone", "serial-on-several-twins", "wrong-type"]
    assert sum(code == "serial-on-several-twins" for code in faults.values()) == 21
    found = accept(mended(original))
    kinds = [each.kind for each in found.events]
    assert (kinds.count("vehicle.built"), kinds.count("part.made")) == (4, 41)
    assert kinds.index("part.as_built") > 44 > kinds.index("vehicle.built")
    position = {each.asset.identifier: index for index, each in enumerate(found.events[:45])}
    for each in found.events:
        if each.kind == "part.installed":
            assert position[each.asset.identifier] < position[str(each.fields["parent"])]
    assert "contradiction" in {fault.code for fault in found.notices}  # type: ignore[attr-defined]
