"""The manifest of the demo: every document is there, and its submitter may submit it."""

from __future__ import annotations

import tomllib
from typing import Any

from ledger.event import Event
from ledger.identifiers import parse_identifier
from ledger.intake.csv_map import parse_mapping
from ledger.intake.csv_rows import parse_csv
from ledger.intake.document import parse_document
from ledger.kinds import kind_by_name, next_status
from tests.ledger.intake.conftest import AS_OF, EXAMPLES

MANIFEST: dict[str, Any] = tomllib.loads((EXAMPLES / "demo.toml").read_text("utf-8"))
SCHEMES = {"wmi": 1, "gs1": 2, "gbt34014": 3, "bpn": 4}


def events_of(document: dict[str, str]) -> list[Event]:
    path = EXAMPLES / document["file"]
    if "map" not in document:
        return list(parse_document(path.read_bytes(), as_of=AS_OF).events)
    with path.open("rb") as stream:
        mapping = parse_mapping((EXAMPLES / document["map"]).read_bytes())
        return [found.event for found in parse_csv(stream, mapping, as_of=AS_OF) if found.event is not None]


def test_the_manifest_names_every_document_once() -> None:
    named = [document["file"] for document in MANIFEST["documents"]]
    there = {
        path.relative_to(EXAMPLES).as_posix()
        for path in EXAMPLES.rglob("*")
        if path.suffix in (".json", ".jsonld", ".csv")
    }
    assert sorted(named) == sorted(there)
    assert {document["organisation"] for document in MANIFEST["documents"]} == MANIFEST["organisations"].keys()


def test_every_submitter_has_the_roles_and_the_namespaces() -> None:
    for document in MANIFEST["documents"]:
        organisation = MANIFEST["organisations"][document["organisation"]]
        owned = {(SCHEMES[each["scheme"]], each["prefix"]) for each in organisation["namespaces"]}
        for event in events_of(document):
            kind = kind_by_name(event.kind)
            assert kind.role in organisation["roles"], (document["file"], event.kind)
            if kind.genesis:
                assert owned & set(parse_identifier(event.asset.identifier).namespaces), document["file"]


def test_the_lives_are_possible_in_this_order() -> None:
    status: dict[str, int] = {}
    for document in MANIFEST["documents"]:
        for event in events_of(document):
            name = event.asset.identifier
            status[name] = next_status(kind_by_name(event.kind), status.get(name, 0), event.asset.asset_type)
    assert len(status) >= 50


def test_an_identifier_has_one_type_and_attachments_exist() -> None:
    types: dict[str, str] = {}
    for document in MANIFEST["documents"]:
        for event in events_of(document):
            assert types.setdefault(event.asset.identifier, event.asset.asset_type) == event.asset.asset_type
            for file in event.attachments:
                assert (EXAMPLES / document["file"]).parent.joinpath(file.path).is_file()


def test_odometers_rise_over_all_documents() -> None:
    readings = sorted(
        (event.occurred_at, event.fields["odometer_km"])
        for document in MANIFEST["documents"]
        for event in events_of(document)
        if event.asset.identifier == "VCU4EZ7R9K1004176" and "odometer_km" in event.fields
    )
    values = [value for _, value in readings]
    assert len(values) > 12
    assert values == sorted(values)  # type: ignore[type-var]
