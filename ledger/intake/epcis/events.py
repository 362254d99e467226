"""EPCIS events to events of single assets.

One EPCIS event becomes, for each asset that it names:

1. an ``any.error_declaration``, if it carries one, and nothing else: it takes the earlier event back;
2. otherwise the kind that its business step stands for (`ledger.intake.epcis.steps`), or ``any.observation``;
3. a change of owner beside it, where source and destination name two owning parties;
4. the persistent dispositions that it sets and unsets; ``recalled`` among them is a recall of the maker;
5. what its sensors measured, if the kind of 2 is not itself the report of a measurement.

The EPCIS ``eventID`` is kept as the document's own id; what stands beside (3 to 5) carries it with a suffix.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

from ledger.event import AssetReference, AssetType, Event, Json
from ledger.intake.assemble import missing_fields
from ledger.intake.epcis.scene import BATTERY_MARK, Scene, canonical
from ledger.intake.epcis.sensors import Members
from ledger.intake.epcis.steps import kind_of_child, kind_of_step
from ledger.intake.expansion import check_expansion
from ledger.intake.faults import pointer_to
from ledger.intake.times import parse_timestamp
from ledger.kinds import kind_by_name, refusal_of_business_step

MEASURING_STEPS = frozenset({"sensor_reporting", "inspecting"})
RECALLED = "recalled"


def events_of(scene: Scene) -> list[Event]:
    """All events that one EPCIS event stands for; faults are recorded in the scene."""
    refusal = None if scene.step is None else refusal_of_business_step(scene.step)
    if refusal is not None:
        scene.faults.error(pointer_to(scene.place, "bizStep"), "refused-step", f"{scene.step}: {refusal}")
        return []
    if not _fits(scene):
        return []
    if "errorDeclaration" in scene.body:
        return _error_declarations(scene)
    if scene.type in ("AggregationEvent", "AssociationEvent"):
        return _assembled(scene)
    if scene.type == "TransformationEvent":
        return _transformed(scene)
    return [event for asset in _assets(scene) for event in _all_about(scene, asset)]


def _fits(scene: Scene) -> bool:
    """What is said once stands in the record of every asset; lists of inputs and outputs do too."""
    lists = ("epcList", "childEPCs", "inputEPCList", "outputEPCList")
    count = sum(len(cast("list[Json]", scene.body.get(name, []))) for name in lists)
    shared = scene.body
    if scene.type != "TransformationEvent":
        shared = {name: item for name, item in scene.body.items() if name not in lists}
    before = len(scene.faults.errors)
    check_expansion(cast("Json", shared), count, scene.place, scene.faults)
    return len(scene.faults.errors) == before


def _epcs(scene: Scene) -> Iterator[tuple[Json, str]]:
    """The EPCs that the event is about, with their places; no children, no inputs."""
    for name in ("epcList", "outputEPCList"):
        for index, epc in enumerate(cast("list[Json]", scene.body.get(name, []))):
            yield epc, pointer_to(scene.place, name, index)
    if "parentID" in scene.body:
        yield scene.body["parentID"], pointer_to(scene.place, "parentID")


def _assets(scene: Scene) -> list[AssetReference]:
    found = (scene.asset(epc, place) for epc, place in _epcs(scene))
    return list(dict.fromkeys(asset for asset in found if asset is not None))


def _children(scene: Scene, name: str) -> list[AssetReference]:
    epcs = cast("list[Json]", scene.body.get(name, []))
    found = (scene.asset(epc, pointer_to(scene.place, name, index)) for index, epc in enumerate(epcs))
    return list(dict.fromkeys(asset for asset in found if asset is not None))


def _event(scene: Scene, kind: str, asset: AssetReference, fields: Members, suffix: str = "") -> Event:
    document_id = scene.event_id + suffix if "eventID" in scene.body else None
    return Event(kind, asset, scene.occurred_at, fields, scene.issuer, document_id, (), (), scene.place)


def _error_declarations(scene: Scene) -> list[Event]:
    """The declaration stands in a copy of the event that it takes back, under the same ``eventID``."""
    declaration = cast("Members", scene.body["errorDeclaration"])
    if any(name.startswith(f"{BATTERY_MARK}hasEventType") for name in scene.body):
        message = "the event reports an incident and declares itself erroneous: only one of the two can be meant"
        scene.faults.error(pointer_to(scene.place, "errorDeclaration"), "contradiction", message)
    fields = scene.fields() | {
        "corrects": scene.event_id,
        "reason": declaration.get("reason", "not given"),
        "declared_at": declaration["declarationTime"],
        "corrective_events": declaration.get("correctiveEventIDs", []),
    }
    more = {name: value for name, value in declaration.items() if ":" in name}
    when = parse_timestamp(str(declaration["declarationTime"]))
    assets = [*_assets(scene), *_children(scene, "childEPCs"), *_children(scene, "inputEPCList")]
    return [
        Event(
            "any.error_declaration",
            asset,
            scene.occurred_at if isinstance(when, str) else when,
            fields | more,
            scene.issuer,
            f"{scene.event_id}#error-declaration",
            source_pointer=scene.place,
        )
        for asset in dict.fromkeys(assets)
    ]


def _all_about(scene: Scene, asset: AssetReference) -> list[Event]:
    main = _main(scene, asset)
    beside = [*_ownership(scene, asset), *_dispositions(scene, asset), *_measurements(scene, asset, main)]
    silent = "bizStep" not in scene.body and main is not None and main.kind == "any.observation" and beside
    return beside if silent else [*([main] if main is not None else []), *beside]


def _main(scene: Scene, asset: AssetReference) -> Event | None:
    """What the business step says; an incident before it, and a measurement where the step only measures."""
    fields = scene.fields()
    incident = scene.body.get(f"{BATTERY_MARK}hasEventType")
    if incident is not None and asset.asset_type is AssetType.BATTERY:
        return _event(scene, "battery.negative_event", asset, fields | _incident(scene))
    if scene.step in MEASURING_STEPS and scene.readings.reports:
        return _measurement(scene, asset, "")
    kind = kind_of_step(scene.step, scene.action, asset.asset_type)
    if kind is None or _already_born(scene, kind, asset):
        return _observation(scene, asset, fields)
    event = _event(scene, kind, asset, fields | scene.readings.fields | _derived(scene, kind))
    missing = missing_fields(event)
    if missing:
        message = f"{kind} would need {', '.join(missing)}: kept as an observation"
        scene.faults.notice(scene.place, "incomplete", message)
        return _observation(scene, asset, fields)
    return event


def _already_born(scene: Scene, kind: str, asset: AssetReference) -> bool:
    """Whether this would be the second birth of an asset that the ledger knows (its passport may have come first)."""
    known = kind_by_name(kind).genesis and asset.identifier in scene.hint.asset_types
    if known:
        scene.faults.notice(scene.place, "already-registered", f"{kind} of a known asset: kept as an observation")
    return known


def _observation(scene: Scene, asset: AssetReference, fields: Members) -> Event:
    step = scene.body.get("bizStep", "without a business step")
    note = scene.body.get(f"{BATTERY_MARK}note")
    text = str(note) if note is not None else f"EPCIS {scene.type} {scene.action}: {step}"
    return _event(scene, "any.observation", asset, fields | {"description": text})


def _incident(scene: Scene) -> Members:
    names = {"hasEventType": "event_type", "hasIncidentSeverity": "severity", "note": "description"}
    found = {ours: scene.body.get(f"{BATTERY_MARK}{theirs}") for theirs, ours in names.items()}
    return {name: value for name, value in found.items() if value is not None}


def _derived(scene: Scene, kind: str) -> Members:
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


def _ownership(scene: Scene, asset: AssetReference) -> list[Event]:
    old, new = scene.party("source", "owning_party"), scene.party("destination", "owning_party")
    if new is None or old == new:
        return []
    fields = scene.fields() | {"to_party": new} | ({} if old is None else {"from_party": old})
    return [_event(scene, "any.transferred", asset, fields, "#transferred")]


def _dispositions(scene: Scene, asset: AssetReference) -> list[Event]:
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
            events.append(_event(scene, "any.maker_recall", asset, fields, f"#recall-{state}"))
    if any(changed.values()):
        lists = cast("Members", {"dispositions_set": changed["set"], "dispositions_unset": changed["unset"]})
        events.append(_event(scene, "any.disposition", asset, scene.fields() | lists, "#disposition"))
    return events


def _measurements(scene: Scene, asset: AssetReference, main: Event | None) -> list[Event]:
    if not scene.readings.reports or (main is not None and "readings" in main.fields):
        return []
    return [_measurement(scene, asset, "#readings")]


def _measurement(scene: Scene, asset: AssetReference, suffix: str) -> Event:
    readings = scene.readings
    fields = scene.fields() | readings.fields | {"readings": readings.reports}
    is_condition = asset.asset_type is AssetType.BATTERY and readings.condition
    if not is_condition:
        return _event(scene, "any.sensor_report", asset, fields, suffix)
    fields["measured_at"] = readings.measured_at or scene.body["eventTime"]
    return _event(scene, "battery.state_of_health", asset, fields, suffix)


def _assembled(scene: Scene) -> list[Event]:
    """Aggregation and association: the list stands on the parent, the installation on each child."""
    parents, children = _parents(scene), _children(scene, "childEPCs")
    names: list[Json] = [canonical(str(epc)) for epc in cast("list[Json]", scene.body.get("childEPCs", []))]
    fields = scene.fields() | {"children": names}
    fields.setdefault("action", scene.action)
    events: list[Event] = []
    for child in children:
        events.extend(_child_events(scene, child, listed_only=bool(parents)))
    for parent in parents:
        events.append(_event(scene, "any.aggregated", parent, fields))
        events.extend(_measurements(scene, parent, None))
    return events


def _parents(scene: Scene) -> list[AssetReference]:
    """The parent, which no word of the event makes a battery: it may be what the battery is built into."""
    if "parentID" not in scene.body:
        return []
    parent = scene.asset(scene.body["parentID"], pointer_to(scene.place, "parentID"), said=scene.hint.default_type)
    return [] if parent is None else [parent]


def _child_events(scene: Scene, child: AssetReference, *, listed_only: bool) -> Iterable[Event]:
    """An installation or removal; else the parent's list says it all, unless the parent has no history of its own."""
    fields = scene.fields()
    if "parentID" in scene.body:
        fields["parent"] = canonical(str(scene.body["parentID"]))
    kind = kind_of_child(scene.step, scene.action, child.asset_type)
    if kind is None and not listed_only:
        kind = kind_of_step(scene.step, scene.action, child.asset_type) or "any.observation"
    if kind is None:
        return _ownership(scene, child)
    event = _event(scene, kind, child, fields | _derived(scene, kind))
    main = event if not missing_fields(event) else _observation(scene, child, fields)
    return [main, *_ownership(scene, child)]


def _transformed(scene: Scene) -> list[Event]:
    """Inputs become outputs: births (or a list of inputs) on the outputs, an observation on each input."""
    inputs, outputs = _children(scene, "inputEPCList"), _children(scene, "outputEPCList")
    consumed: list[Json] = [canonical(str(epc)) for epc in cast("list[Json]", scene.body.get("inputEPCList", []))]
    made: list[Json] = [canonical(str(epc)) for epc in cast("list[Json]", scene.body.get("outputEPCList", []))]
    fields = scene.fields() | {"action": "ADD"}
    events: list[Event] = []
    for asset in outputs:
        kind = kind_of_step(scene.step, "ADD", asset.asset_type)
        if kind is None or not kind_by_name(kind).genesis:
            events.append(_event(scene, "any.aggregated", asset, fields | {"children": consumed}))
        else:
            event = _event(
                scene, kind, asset, fields | scene.readings.fields | {"inputs": consumed} | _derived(scene, kind)
            )
            events.append(event if not missing_fields(event) else _observation(scene, asset, fields))
        events.extend([*_dispositions(scene, asset), *_measurements(scene, asset, None)])
    for asset in inputs:
        text = "used up in a transformation"
        events.append(_event(scene, "any.observation", asset, fields | {"description": text, "outputs": made}))
    return events
