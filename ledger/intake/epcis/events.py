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

from ledger.event import AssetReference, Event, Json
from ledger.intake.assemble import missing_fields
from ledger.intake.epcis.scene import BATTERY_MARK, Scene, canonical
from ledger.intake.epcis.sensors import Members
from ledger.intake.epcis.single import (
    all_about,
    derived_fields,
    dispositions,
    make_event,
    measurements,
    observation,
    ownership,
)
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
    return [event for asset in _assets(scene) for event in all_about(scene, asset)]


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
        events.append(make_event(scene, "any.aggregated", parent, fields))
        events.extend(measurements(scene, parent, None))
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
        return ownership(scene, child)
    event = make_event(scene, kind, child, fields | derived_fields(scene, kind))
    main = event if not missing_fields(event) else observation(scene, child, fields)
    return [main, *ownership(scene, child)]


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
            events.append(make_event(scene, "any.aggregated", asset, fields | {"children": consumed}))
        else:
            event = make_event(
                scene, kind, asset, fields | scene.readings.fields | {"inputs": consumed} | derived_fields(scene, kind)
            )
            events.append(event if not missing_fields(event) else observation(scene, asset, fields))
        events.extend([*dispositions(scene, asset), *measurements(scene, asset, None)])
    for asset in inputs:
        text = "used up in a transformation"
        events.append(make_event(scene, "any.observation", asset, fields | {"description": text, "outputs": made}))
    return events
