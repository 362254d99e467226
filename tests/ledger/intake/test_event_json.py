"""Our own event JSON: strict about its own members, kinds, units, times and paths."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ledger.event import AssetType
from ledger.intake.event_json import is_inner_path
from tests.ledger.intake.conftest import Accept, Refuse

VIN = "VCU4EZ7R9K1004176"
Members = dict[str, Any]


def event(**changes: Any) -> Members:
    whole: Members = {
        "vinculum_event": 1,
        "kind": "vehicle.serviced",
        "asset": {"type": "vehicle", "identifier": VIN},
        "occurred_at": "2024-03-01T10:00:00+01:00",
        "fields": {"odometer_km": 15021, "work": ["oil"]},
    }
    return {name: value for name, value in (whole | changes).items() if value is not None}


def test_one_event(accept: Accept) -> None:
    aliases = ["urn:uuid:00000000-0000-4000-8000-00000000000A"]
    asset = {"type": "vehicle", "identifier": VIN.lower(), "aliases": aliases}
    found = accept(event(asset=asset, id="job-7", issuer="BPNLVCUDEMOCARS1")).events[0]
    assert (found.kind, found.asset.asset_type, found.asset.identifier) == ("vehicle.serviced", AssetType.VEHICLE, VIN)
    assert found.occurred_at.isoformat() == "2024-03-01T09:00:00+00:00"
    assert found.aliases == (aliases[0].lower(),)
    assert (found.document_id, found.issuer_hint, found.source_pointer) == ("job-7", "BPNLVCUDEMOCARS1", "")


def test_unknown_fields_are_kept(accept: Accept) -> None:
    fields = {"odometer_km": 1, "work": [], "shop:bay": {"number": 4}}
    assert accept(event(fields=fields)).events[0].fields == fields


def test_lists_and_lines(accept: Accept, refuse: Refuse) -> None:
    assert len(accept([event(), event()]).events) == 2
    lines = b"\n".join(json.dumps(event(id=str(number))).encode() for number in range(3)) + b"\n\n"
    assert [found.source_pointer for found in accept(lines).events] == ["/0", "/1", "/2"]
    assert refuse(lines + b"{broken") == {"/3": "malformed"}
    assert refuse(lines + b"{}")["/3/kind"] == "missing"


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"vinculum_event": 2}, "/vinculum_event", "unknown-version"),
        ({"vinculum_event": True}, "/vinculum_event", "unknown-version"),
        ({"vinculum_event": "1"}, "/vinculum_event", "unknown-version"),
        ({"kind": None}, "/kind", "missing"),
        ({"kind": 7}, "/kind", "wrong-type"),
        ({"kind": "vehicle.flown"}, "", "unknown-kind"),
        ({"kind": "battery.serviced"}, "", "wrong-kind"),
        ({"odometer_km": 5}, "/odometer_km", "unknown-field"),
        ({"asset": "VIN"}, "/asset", "wrong-type"),
        ({"asset": {"type": "boat", "identifier": VIN}}, "/asset/type", "bad-value"),
        ({"asset": {"type": "vehicle"}}, "/asset/identifier", "missing"),
        ({"asset": {"type": "vehicle", "identifier": "SGZCZ43D13S812715X"}}, "/asset/identifier", "bad-identifier"),
        ({"asset": {"type": "vehicle", "identifier": "1M8GDM9A1KP042788"}}, "/asset/identifier", "bad-identifier"),
        ({"asset": {"type": "battery", "identifier": VIN}}, "/asset/identifier", "bad-identifier"),
        ({"asset": {"type": "vehicle", "identifier": VIN, "owner": "x"}}, "/asset/owner", "unknown-field"),
        ({"asset": {"type": "vehicle", "identifier": VIN, "aliases": "x"}}, "/asset/aliases", "wrong-type"),
        ({"asset": {"type": "vehicle", "identifier": VIN, "aliases": ["x"]}}, "/asset/aliases/0", "bad-identifier"),
        ({"occurred_at": "2024-03-01T10:00:00"}, "/occurred_at", "no-time-zone"),
        ({"occurred_at": "2024-03-01"}, "/occurred_at", "bad-format"),
        ({"occurred_at": "2024-02-30T10:00:00Z"}, "/occurred_at", "bad-format"),
        ({"occurred_at": "0001-01-01T00:00:00+10:00"}, "/occurred_at", "bad-format"),
        ({"occurred_at": 1709283600}, "/occurred_at", "wrong-type"),
        ({"id": ""}, "/id", "wrong-type"),
        ({"id": "a\nb"}, "/id", "wrong-type"),
        ({"fields": []}, "/fields", "wrong-type"),
        ({"fields": {"odometer_km": 1}}, "", "missing"),
        ({"fields": {"odometer_km": None, "work": []}}, "", "missing"),
        ({"fields": {"odometer_km": "15021", "work": []}}, "/fields/odometer_km", "wrong-type"),
        ({"fields": {"odometer_km": True, "work": []}}, "/fields/odometer_km", "wrong-type"),
        ({"fields": {"odometer_km": -1, "work": []}}, "/fields/odometer_km", "out-of-range"),
        ({"fields": {"odometer_km": 1e9, "work": []}}, "/fields/odometer_km", "out-of-range"),
        ({"fields": {"odometer": 5, "odometer_km": 5, "work": []}}, "/fields/odometer", "unknown-unit"),
        ({"fields": {"mileage": 5, "odometer_km": 5, "work": []}}, "/fields/mileage", "unknown-unit"),
        ({"fields": {"odometer_mi": 5, "odometer_km": 5, "work": []}}, "/fields/odometer_mi", "unknown-unit"),
        ({"fields": {"odometer_km": 1, "work": [], "state_of_charge_percent": 101}}, None, "out-of-range"),
        ({"fields": {"odometer_km": 1, "work": [], "checked_at": "2024-03-01T10:00:00"}}, None, "no-time-zone"),
        ({"fields": {"odometer_km": 1, "work": [], "next_service_date": "spring"}}, None, "bad-format"),
        ({"attachments": {}}, "/attachments", "wrong-type"),
        ({"attachments": [{"name": "a"}]}, "/attachments/0", "wrong-type"),
    ],
)
def test_faults_have_their_place(refuse: Refuse, changes: Members, pointer: str | None, code: str) -> None:
    faults = refuse(event(**changes))
    place = next(iter(faults)) if pointer is None else pointer
    assert faults[place] == code


def test_every_fault_is_listed(refuse: Refuse) -> None:
    broken = event(kind=None, occurred_at="now", asset={"type": "vehicle", "identifier": "x"}, colour="red")
    assert refuse([event(), broken]) == {
        "/1/kind": "missing",
        "/1/occurred_at": "bad-format",
        "/1/asset/identifier": "bad-identifier",
        "/1/colour": "unknown-field",
    }


def test_attachments_stay_in_their_folder(accept: Accept, refuse: Refuse) -> None:
    file = {"name": "a.png", "media_type": "image/png", "path": "files/a.png"}
    assert accept(event(attachments=[file])).events[0].attachments[0].path == "files/a.png"
    for path in ("/etc/passwd", "../a", "a/../b", "a//b", "./a", "~/a", "C:/a", "a\\b", "a/", ""):
        assert not is_inner_path(path)
    assert refuse(event(attachments=[file | {"path": "../a.png"}])) == {"/attachments/0/path": "outside"}
    assert refuse(event(attachments=[file | {"name": "x/a.png"}])) == {"/attachments/0/name": "bad-value"}
    assert refuse(event(attachments=[file | {"media_type": "png"}])) == {"/attachments/0/media_type": "bad-format"}
    assert refuse(event(attachments=[file, file])) == {"/attachments": "duplicate-name"}


def test_a_repetition_is_taken_once_and_a_contradiction_refused(accept: Accept, refuse: Refuse) -> None:
    document = accept([event(id="a"), event(id="a")])
    assert len(document.events) == 1
    assert [fault.code for fault in document.notices] == ["repetition"]  # type: ignore[attr-defined]
    other = event(id="a", fields={"odometer_km": 15022, "work": ["oil"]})
    assert refuse([event(id="a"), other]) == {"/1": "conflict"}


def test_an_odometer_does_not_run_backwards(accept: Accept, refuse: Refuse) -> None:
    later = event(occurred_at="2024-04-01T10:00:00Z", fields={"odometer_km": 15020, "work": []})
    assert refuse([event(), later]) == {"/1": "backwards-odometer"}
    assert refuse([later, event()]) == {"/0": "backwards-odometer"}
    swap = {"odometer_before_km": 15030, "odometer_after_km": 0}
    replaced = event(kind="vehicle.odometer_replaced", occurred_at="2024-03-20T10:00:00Z", fields=swap)
    assert len(accept([event(), later, replaced]).events) == 3
    same_time = event(fields={"odometer_km": 15000, "work": []})
    assert len(accept([event(), same_time]).events) == 2


def test_births_come_first(accept: Accept) -> None:
    birth = event(kind="vehicle.built", fields={}, occurred_at="2019-01-01T00:00:00Z")
    assert [found.kind for found in accept([event(), birth]).events] == ["vehicle.built", "vehicle.serviced"]
