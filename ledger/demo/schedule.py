"""Which documents can be recorded side by side: waves, so that different organisations share blocks. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from ledger.event import AssetReference


@dataclass(frozen=True, slots=True)
class Task:
    """A document to record: ``number`` is its place in the story, ``assets`` whose histories it adds to."""

    number: int
    organisation: str
    assets: AbstractSet[AssetReference]


def waves(tasks: Iterable[Task]) -> list[dict[str, list[int]]]:
    """Order documents so that each asset's history keeps the order of the story.

    1. In one wave no two organisations write to the same asset; each takes its documents in the order given.
    2. What an organisation adds to an asset stands in a later wave than what another added to it before.

    Returns:
        For each wave the numbers of the documents of each organisation.
    """
    last: dict[AssetReference, tuple[int, str]] = {}
    result: list[dict[str, list[int]]] = []
    for task in tasks:
        level = max(_levels(task, last), default=0)
        for asset in task.assets:
            last[asset] = level, task.organisation
        while len(result) <= level:
            result.append({})
        result[level].setdefault(task.organisation, []).append(task.number)
    return result


def _levels(task: Task, last: dict[AssetReference, tuple[int, str]]) -> Sequence[int]:
    found = [last[asset] for asset in task.assets if asset in last]
    return [level if organisation == task.organisation else level + 1 for level, organisation in found]
