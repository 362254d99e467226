"""Everything that one EPCIS event says about one asset."""

from __future__ import annotations

from typing import cast

from ledger.event import AssetReference, AssetType, Event, Json
from ledger.intake.assemble import missing_fields
from ledger.intake.epcis.scene import BATTERY_MARK, Scene
from ledger.intake.epcis.sensors import Members
from ledger.intake.epcis.steps import kind_of_step
from ledger.kinds import kind_by_name

MEASURING_STEPS = frozenset({"sensor_reporting", "inspecting"})
RECALLED = "recalled"


def make_event(scene: Scene, kind: str, asset: AssetReference, fields: Members, suffix: str = "") -> Event:
    """Make the event of an asset; what stands beside the main event has a suffix to the document's id."""
    document_id = scene.event_id + suffix if "eventID" in scene.body else None
    return Event(kind, asset, scene.occurred_at, fields, scene.issuer, document_id, (), (), scene.place)


def all_about(scene: Scene, asset: AssetReference) -> list[Event]:
    """What the step says, and beside it owners, dispositions and measurements; a silent step says nothing itself."""
    main = _main(scene, asset)
    beside = [*ownership(scene, asset), *dispositions(scene, asset), *measurements(scene, asset, main)]
    silent = "bizStep" not in scene.body and main is not None and main.kind == "any.observation" and beside
    return beside if silent else [*([main] if main is not None else []), *beside]


def _main(scene: Scene, asset: AssetReference) -> Event | None:
    """What the business step says; an incident before it, and a measurement where the step only measures."""
    fields = scene.fields()
    incident = scene.body.get(f"{BATTERY_MARK}hasEventType")
    if incident is not None and asset.asset_type is AssetType.BATTERY:
        return make_event(scene, "battery.negative_event", asset, fields | _incident(scene))
    if scene.step in MEASURING_STEPS and scene.readings.reports:
        return _measurement(scene, asset, "")
    kind = kind_of_step(scene.step, scene.action, asset.asset_type)
    if kind is None or _already_born(scene, kind, asset):
        return observation(scene, asset, fields)
    event = make_event(scene, kind, asset, fields | scene.readings.fields | derived_fields(scene, kind))
    missing = missing_fields(event)
    if missing:
        message = f"{kind} would need {', '.join(missing)}: kept as an observation"
        scene.faults.notice(scene.place, "incomplete", message)
        return observation(scene, asset, fields)
    return event


def _already_born(scene: Scene, kind: str, asset: AssetReference) -> bool:
    """Whether this would be the second birth of an asset that the ledger knows (its passport may have come first)."""
    known = kind_by_name(kind).genesis and asset.identifier in scene.hint.asset_types
    if known:
        scene.faults.notice(scene.place, "already-registered", f"{kind} of a known asset: kept as an observation")
    return known


def observation(scene: Scene, asset: AssetReference, fields: Members) -> Event:
    """Keep what has no kind of its own, with a description for people."""
    step = scene.body.get("bizStep", "without a business step")
    note = scene.body.get(f"{BATTERY_MARK}note")
    text = str(note) if note is not None else f"EPCIS {scene.type} {scene.action}: {step}"
    return make_event(scene, "any.observation", asset, fields | {"description": text})


def _incident(scene: Scene) -> Members:
    names = {"hasEventType": "event_type", "hasIncidentSeverity": "severity", "note": "description"}
    found = {ours: scene.body.get(f"{BATTERY_MARK}{theirs}") for theirs, ours in names.items()}
    return {name: value for name, value in found.items() if value is not None}


def derived_fields(scene: Scene, kind: str) -> Members:
    """Fields that kinds require and that EPCIS says in its own way."""
    certificate = _transaction(scene, "cert")
    disposition = scene.body.get("disposition")
    own: dict[str, Json] = {
        "reason": disposition if disposition is not None else scene.step,
        "recycled_at": scene.body["eventTime"],
        "certificate": certificate,
        "result": disposition,
        "measured_at": scene.readings.measured_at or scene.body["eventTime"],
        "work": scene.body.get(f"{BATTERY_MARK}note"),
    }
    wanted = _WANTED.get(kind, ())
    return {name: own[name] for name in wanted if own[name] is not None}


_WANTED = {
    "battery.declared_waste": ("reason",),
    "battery.recycled": ("recycled_at",),
    "battery.inspected": ("result",),
    "battery.serviced": ("work",),
    "battery.state_of_health": ("measured_at",),
    "part.inspected": ("result",),
    "part.serviced": ("work",),
    "part.scrapped": ("reason",),
    "vehicle.deregistered": ("reason",),
    "vehicle.scrapped": ("certificate",),
}


def _transaction(scene: Scene, kind: str) -> str | None:
    for entry in cast("list[Members]", scene.body.get("bizTransactionList", [])):
        if entry.get("type") == kind:
            return str(entry["bizTransaction"])
    return None


def ownership(scene: Scene, asset: AssetReference) -> list[Event]:
    """A change of owner, where source and destination name two owning parties."""
    old, new = scene.party("source", "owning_party"), scene.party("destination", "owning_party")
    if new is None or old == new:
        return []
    fields = scene.fields() | {"to_party": new} | ({} if old is None else {"from_party": old})
    return [make_event(scene, "any.transferred", asset, fields, "#transferred")]


def dispositions(scene: Scene, asset: AssetReference) -> list[Event]:
    """Persistent dispositions set and unset; ``recalled`` is a recall of the maker, opened or closed."""
    persistent = scene.body.get("persistentDisposition")
    if not isinstance(persistent, dict):
        return []
    changed = {side: list(cast("list[str]", persistent.get(side, []))) for side in ("set", "unset")}
    events = []
    for side, state in (("set", "open"), ("unset", "closed")):
        if RECALLED in changed[side]:
            changed[side].remove(RECALLED)
            reference: Json = _transaction(scene, "rma") or scene.event_id
            fields = scene.fields() | {"recall_reference": reference, "recall_state": state}
            events.append(make_event(scene, "any.maker_recall", asset, fields, f"#recall-{state}"))
    if any(changed.values()):
        lists = cast("Members", {"dispositions_set": changed["set"], "dispositions_unset": changed["unset"]})
        events.append(make_event(scene, "any.disposition", asset, scene.fields() | lists, "#disposition"))
    return events


def measurements(scene: Scene, asset: AssetReference, main: Event | None) -> list[Event]:
    """What the sensors measured, unless the main event already is that report."""
    if not scene.readings.reports or (main is not None and "readings" in main.fields):
        return []
    return [_measurement(scene, asset, "#readings")]


def _measurement(scene: Scene, asset: AssetReference, suffix: str) -> Event:
    readings = scene.readings
    fields = scene.fields() | readings.fields | {"readings": readings.reports}
    is_condition = asset.asset_type is AssetType.BATTERY and readings.condition
    if not is_condition:
        return make_event(scene, "any.sensor_report", asset, fields, suffix)
    fields["measured_at"] = readings.measured_at or scene.body["eventTime"]
    return make_event(scene, "battery.state_of_health", asset, fields, suffix)
