"""What anchoring costs: the promised ceilings, and a snapshot that may not grow.

Refresh the snapshot after a change that is meant: ``VINCULUM_WRITE_GAS=1 pytest tests/contracts/test_gas.py``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contracts.car import BUILT, FIRST, SERVICED
from tests.contracts.evm import NO_END, digest_of, subject_of
from tests.contracts.world import MAKER, World

SNAPSHOT = Path(__file__).with_name("gas.json")
CEILINGS = {
    "attest, existing asset": 38_500,
    "attestMany of 100, each": 9_200,
    "attestPairs of 100, each": 8_000,
    "attestSeries of 100, each": 3_400,
}
SLACK = 0.01
COUNT = 100


def measure(world: World) -> dict[str, int]:
    """Gas of the second call of each kind."""
    log, by = world.vehicle, world.maker
    subjects = [subject_of(MAKER, number) for number in range(COUNT)]
    numbers = iter(range(10**6))

    def digest() -> bytes:
        return digest_of(next(numbers))

    def second(function: str, *arguments: Callable[[], object]) -> int:
        return [log.send(by, function, *(make() for make in arguments)).gas for _ in range(2)][1]

    def items(kind: int, count: int = COUNT) -> list[tuple[bytes, int, bytes]]:
        return [(subject, kind, digest()) for subject in subjects[:count]]

    new = iter(subject_of(MAKER, COUNT + number) for number in range(COUNT))
    one, kind = (lambda: subjects[0]), (lambda: SERVICED)
    return {
        "attestMany of 100 new assets, each": each(log.send(by, "attestMany", items(BUILT)).gas),
        "attest, new asset": second("attest", lambda: next(new), lambda: BUILT, digest),
        "attest, existing asset": second("attest", one, kind, digest),
        "attestIf": log.send(by, "attestIf", subjects[0], FIRST, digest(), log.read("head", subjects[0])).gas,
        "attestMany of 100, each": each(second("attestMany", lambda: items(SERVICED))),
        "attestMany of 10, each": each(second("attestMany", lambda: items(SERVICED, 10)), 10),
        "attestPairs of 100, each": each(second("attestPairs", kind, lambda: [(s, d) for s, _, d in items(0)])),
        "attestSeries of 100, each": each(second("attestSeries", one, kind, lambda: [d for _, _, d in items(0)])),
    } | governance(world)


def governance(world: World) -> dict[str, int]:
    consortium = world.consortium
    keys = [consortium.send(world.maker, "addIssuerKey", digest_of(n), 0, NO_END, 1, 0).gas for n in range(2)]
    limited = consortium.send(world.maker, "limitIssuerKey", digest_of(0), 0).gas
    action = consortium.data("addOrganisation", 77, 1, digest_of(0), world.stranger)
    steps = ("propose", "confirm", "confirm and add an organisation")
    council = {
        f"council of 3 of 5: {name}": consortium.send(administrator, "confirm", action, bytes(32)).gas
        for name, administrator in zip(steps, world.chain.accounts, strict=False)
    }
    return {"addIssuerKey": keys[1], "limitIssuerKey": limited} | council


def each(gas: int, count: int = COUNT) -> int:
    return round(gas / count)


def test_costs_no_more_than_promised_and_no_more_than_before(world: World) -> None:
    figures = measure(world)
    if os.environ.get("VINCULUM_WRITE_GAS"):
        SNAPSHOT.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    snapshot = json.loads(SNAPSHOT.read_text("utf-8"))
    assert figures.keys() == snapshot.keys()
    for name, gas in figures.items():
        assert gas <= CEILINGS.get(name, gas), f"{name}: {gas} is over the promised {CEILINGS[name]}"
        assert gas <= snapshot[name], f"{name}: {gas} grew from {snapshot[name]}"
        assert gas >= snapshot[name] * (1 - SLACK), f"{name}: {gas} fell from {snapshot[name]}; refresh the snapshot"


@pytest.mark.parametrize("name", CEILINGS)
def test_snapshot_keeps_the_promise(name: str) -> None:
    assert json.loads(SNAPSHOT.read_text("utf-8"))[name] <= CEILINGS[name]


def test_docs_show_the_snapshot() -> None:
    docs = (Path(__file__).parents[2] / "docs/contracts.md").read_text("utf-8")
    for name, gas in json.loads(SNAPSHOT.read_text("utf-8")).items():
        assert f"| {name} | {gas:,} |" in docs, name
