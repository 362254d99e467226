"""Outbox and projector are killed hard at each of their steps; after a restart everything counts once."""

from __future__ import annotations

import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from sqlalchemy import select

from ledger.chain.outbox import Outbox, Progress
from ledger.chain.outbox_store import NewItem, enqueue
from ledger.chain.projector import Projector
from ledger.chain.settling import OutboxSettings
from ledger.store.chain_index import CHAIN_TABLES
from ledger.store.columns import table_of
from ledger.store.database import Database, open_database
from tests.ledger.chain.world import CHAIN_ID, COMMISSIONED, SERVICED, World

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[3]
OUTBOX_STEPS = ["settle", "settled", "sign", "store signed", "signed", "send", "sent", "marked sent"]
PROJECTOR_STEPS = ["events", "store", "commit", "stored"]


def _killed_at(who: str, step: str, nth: int, world: World, url: str) -> None:
    command = [sys.executable, "-m", "tests.ledger.chain.crash_child", who, step, str(nth), world.text()]
    result = subprocess.run([*command, url], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == -signal.SIGKILL, result.stderr


def _items(world: World, name: str) -> list[NewItem]:
    born = [world.item(f"{name} {n}", COMMISSIONED, n) for n in range(5)]
    return [
        *born,
        *(world.item(f"{name} {n}", SERVICED, n) for n in range(5)),
        *(world.item(f"{name} 0", SERVICED, n) for n in range(9, 13)),
    ]


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("step", OUTBOX_STEPS)
def test_the_outbox_counts_once_when_killed_at(step: str, nth: int, world: World, database: Database) -> None:
    world = World(world.url, world.log, world.consortium, world.keys[:1])
    items = _items(world, f"killed at {step} {nth} {uuid.uuid4()}")
    with database.write() as session:
        enqueue(session, world.signer().address, items)
    _killed_at("outbox", step, nth, world, str(database.path))
    client = world.client()
    settings = OutboxSettings(CHAIN_ID, poll_s=0.02)
    with Outbox(database, client, world.signer(), settings) as outbox:
        with database.write() as session:
            outbox.enqueue(session, items)
        assert outbox.drain(30) == Progress(0, 0, len(items), 0)
    client.close()
    recorded = world.recorded()
    assert [recorded[item.digest] for item in items] == [1] * len(items)


def _dump(database: Database) -> dict[str, list[tuple[object, ...]]]:
    with database.engine.connect() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]
            for table in map(table_of, CHAIN_TABLES)
            if table.name != "cursor"
        }


def _projected(world: World, database: Database, last: int) -> None:
    client = world.client()
    projector = Projector(database, client, world.deployment)
    while projector.step().block_number < last:
        pass
    client.close()


@pytest.mark.parametrize("nth", [1, 3])
@pytest.mark.parametrize("step", PROJECTOR_STEPS)
def test_the_projector_goes_on_when_killed_at(step: str, nth: int, manual_filled: World, tmp_path: Path) -> None:
    whole, killed = open_database(str(tmp_path / "whole.sqlite")), open_database(str(tmp_path / "killed.sqlite"))
    client = manual_filled.client()
    height = client.block_number()
    client.close()
    _killed_at("projector", step, nth, manual_filled, str(killed.path))
    _projected(manual_filled, killed, height)
    _projected(manual_filled, whole, height)
    assert _dump(killed) == _dump(whole)
    whole.close()
    killed.close()


@pytest.mark.parametrize("step", ["store signed", "signed", "sent"])
def test_the_outbox_counts_once_on_postgresql_when_killed_at(step: str, world: World, postgresql_url: str) -> None:
    items = _items(world, f"postgresql {step} {uuid.uuid4()}")
    database, client = open_database(postgresql_url), world.client()
    with database.write() as session:
        enqueue(session, world.signer().address, items)
    _killed_at("outbox", step, 1, world, postgresql_url)
    with Outbox(database, client, world.signer(), OutboxSettings(CHAIN_ID, poll_s=0.02)) as outbox:
        assert outbox.drain(30) == Progress(0, 0, len(items), 0)
    recorded = world.recorded()
    assert [recorded[item.digest] for item in items] == [1] * len(items)
    client.close()
    database.close()
