"""SingleLevelBomAsBuilt: which parts stand in an assembly as it was built, and what cannot be true of such a tree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from ledger.event import AssetReference, AssetType, Event, Json
from ledger.intake.catena_x.parts import Made, Members, uuid_of
from ledger.intake.faults import Faults, pointer_to
from ledger.intake.times import parse_timestamp


@dataclass(frozen=True, slots=True)
class Child:
    """One entry of an as-built list.

    Attributes:
        uuid: ``urn:uuid:`` of the child.
        body: The entry, as its model accepted it.
        built_in_at: When it was built in (``createdOn``).
        place: Where it stands in the document.
    """

    uuid: str
    body: Members
    built_in_at: datetime
    place: str


@dataclass(frozen=True, slots=True)
class Assembly:
    """One as-built list.

    Attributes:
        uuid: ``urn:uuid:`` of the parent.
        children: In the order of the document.
        place: Where it stands in the document.
    """

    uuid: str
    children: tuple[Child, ...]
    place: str


def read_assembly(body: Members, place: str) -> Assembly:
    """Read one aspect (version 4.0.0) that its model found no fault in."""
    children = []
    for index, entry in enumerate(cast("list[Members]", body["childItems"])):
        when = parse_timestamp(str(entry["createdOn"]))
        if isinstance(when, datetime):
            child = Child(uuid_of(entry["globalAssetId"]), entry, when, pointer_to(place, "childItems", index))
            children.append(child)
    return Assembly(uuid_of(body["globalAssetId"]), tuple(children), place)


def check_tree(assemblies: Sequence[Assembly], made: Mapping[str, Made], faults: Faults) -> None:
    """Refuse what no factory can build: a part inside itself, a cycle, one part in two assemblies at once.

    Batches may be used up by several assemblies.
    """
    parents: defaultdict[str, list[Child]] = defaultdict(list)
    for assembly in assemblies:
        for child in assembly.children:
            if child.uuid == assembly.uuid:
                faults.error(child.place, "part-inside-itself", "a part cannot be its own component")
            parents[child.uuid].append(child)
    for uuid, places in parents.items():
        is_batch = uuid in made and made[uuid].is_batch
        for twice in () if is_batch else places[1:]:
            message = f"{uuid} is already built in at {places[0].place}"
            faults.error(twice.place, "two-assemblies", message)
    _check_cycles({assembly.uuid: assembly for assembly in assemblies}, faults)


def _check_cycles(assemblies: Mapping[str, Assembly], faults: Faults) -> None:
    done: set[str] = set()
    for start in assemblies:
        path: dict[str, None] = {}
        stack: list[tuple[str, Iterator[Child]]] = [(start, iter(_open(assemblies, start, done)))]
        path[start] = None
        while stack:
            child = next(stack[-1][1], None)
            if child is None:
                finished = stack.pop()[0]
                path.pop(finished)
                done.add(finished)
            elif child.uuid in path and child.uuid != stack[-1][0]:
                faults.error(child.place, "cycle", f"{child.uuid} is built into one of its own components")
            elif child.uuid not in path and child.uuid not in done:
                path[child.uuid] = None
                stack.append((child.uuid, iter(_open(assemblies, child.uuid, done))))


def _open(assemblies: Mapping[str, Assembly], uuid: str, done: set[str]) -> tuple[Child, ...]:
    return assemblies[uuid].children if uuid in assemblies and uuid not in done else ()


def bottom_up(assemblies: Sequence[Assembly]) -> list[Assembly]:
    """Order assemblies so that each stands after those it contains; the tree has no cycle."""
    by_uuid = {assembly.uuid: assembly for assembly in assemblies}
    ordered: dict[str, Assembly] = {}
    for assembly in assemblies:
        stack = [(assembly, False)]
        while stack:
            current, expanded = stack.pop()
            if current.uuid in ordered:
                continue
            if expanded:
                ordered[current.uuid] = current
                continue
            stack.append((current, True))
            inner = (by_uuid[child.uuid] for child in reversed(current.children) if child.uuid in by_uuid)
            stack.extend((part, False) for part in inner)
    return list(ordered.values())


def assembly_events(
    assembly: Assembly, assets: Mapping[str, AssetReference], issuer: str | None, batches: frozenset[str]
) -> list[Event]:
    """The list on the parent, and on every child that is known an installation.

    Args:
        assembly: Checked.
        assets: Known assets by ``urn:uuid:``; a parent that is not known is named by its UUID alone.
        issuer: Who the document says issued it, or None.
        batches: Children that are batches: used up in part, hence never ``installed``.
    """
    if not assembly.children:
        return []
    parent = assets.get(assembly.uuid, AssetReference(AssetType.PART, assembly.uuid))
    kind = "vehicle.as_built" if parent.asset_type is AssetType.VEHICLE else "part.as_built"
    children: list[Json] = [_child_entry(child, assets) for child in assembly.children]
    when = max(child.built_in_at for child in assembly.children)
    listed = Event(
        kind, parent, when, {"children": children}, issuer, f"{assembly.uuid}#as-built", (), (), assembly.place
    )
    installed = [
        _installation(child, assets[child.uuid], parent, issuer)
        for child in assembly.children
        if child.uuid in assets and child.uuid not in batches
    ]
    return [*installed, listed]


def _installation(child: Child, asset: AssetReference, parent: AssetReference, issuer: str | None) -> Event:
    kind = "battery.installed" if asset.asset_type is AssetType.BATTERY else "part.installed"
    fields: Members = {"parent": parent.identifier, "quantity": child.body["quantity"]}
    return Event(kind, asset, child.built_in_at, fields, issuer, f"{child.uuid}#installed", (), (), child.place)


def _child_entry(child: Child, assets: Mapping[str, AssetReference]) -> Members:
    known = assets.get(child.uuid)
    entry: Members = {"identifier": child.uuid if known is None else known.identifier}
    entry.update({name: value for name, value in child.body.items() if name != "globalAssetId"})
    return entry
