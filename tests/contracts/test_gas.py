"""What anchoring costs: the promised ceilings, and a snapshot that may not grow.

Refresh the snapshot after a change that is meant: ``VINCULUM_WRITE_GAS=1 pytest tests/contracts/test_gas.py``.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ledger.kinds import kind_by_name
from tests.contracts.conftest import MAKER, World
from tests.contracts.evm import NO_END, digest_of, subject_of

SNAPSHOT = Path(__file__).with_name("gas.json")
CEILINGS = {
    "attest, existing asset": 38_500,
    "attestMany of 100, each": 9_200,
    "attestPairs of 100, each": 8_000,
    "attestSeries of 100, each": 3_400,
}
SLACK = 0.01
COUNT = 100

BORN = kind_by_name("vehicle.built").number
SERVICED = kind_by_name("vehicle.serviced").number
REGISTERED = kind_by_name("vehicle.first_registered").number


def measure(world: World) -> dict[str, int]:
    """Gas of the second call of each kind."""
    log, by = world.vehicle, world.maker
    subjects = [subject_of(MAKER, number) for number in range(COUNT)]
    numbers = iter(range(10**6))
    digest = lambda: digest_of(next(numbers))  # noqa: E731
    many = lambda: [(subject, SERVICED, digest()) for subject in subjects]  # noqa: E731
    pairs = lambda: [(subject, digest()) for subject in subjects]  # noqa: E731
    figures = {
        "attestMany of 100 new assets, each": _each(
            log.send(by, "attestMany", [(s, BORN, digest()) for s in subjects]).gas
        )
    }
    new = [log.send(by, "attest", subject_of(MAKER, COUNT + n), BORN, digest()).gas for n in range(2)]
    figures["attest, new asset"] = new[1]
    figures["attest, existing asset"] = [log.send(by, "attest", subjects[0], SERVICED, digest()).gas for _ in range(2)][
        1
    ]
    head = log.read("head", subjects[0])
    figures["attestIf"] = log.send(by, "attestIf", subjects[0], REGISTERED, digest(), head).gas
    figures["attestMany of 100, each"] = _each([log.send(by, "attestMany", many()).gas for _ in range(2)][1])
    figures["attestMany of 10, each"] = round(log.send(by, "attestMany", many()[:10]).gas / 10)
    figures["attestPairs of 100, each"] = _each(
        [log.send(by, "attestPairs", SERVICED, pairs()).gas for _ in range(2)][1]
    )
    series = lambda: [digest() for _ in range(COUNT)]  # noqa: E731
    figures["attestSeries of 100, each"] = _each(
        [log.send(by, "attestSeries", subjects[0], SERVICED, series()).gas for _ in range(2)][1]
    )
    key = lambda: digest()  # noqa: E731
    keys = [world.consortium.send(by, "addIssuerKey", one, 0, NO_END, 1, 0).gas for one in (key(), key())]
    figures["addIssuerKey"] = keys[1]
    action = world.consortium.data("addOrganisation", 77, 1, digest(), world.stranger)
    for name, administrator in zip(
        ("propose", "confirm", "confirm and add an organisation"), world.chain.accounts, strict=False
    ):
        figures[f"council of 3 of 5: {name}"] = world.consortium.send(administrator, "confirm", action, bytes(32)).gas
    return figures


def _each(gas: int) -> int:
    return round(gas / COUNT)


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
