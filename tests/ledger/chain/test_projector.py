"""The projector: the same index from any order of events, on both databases, through re-orgs and lost intervals."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from ledger.chain.contracts import Deployment
from ledger.chain.node import NodeSettings, node_status, start_node
from ledger.chain.outbox import Outbox, Progress
from ledger.chain.process import wait_for_exit
from ledger.chain.projection import START, State
from ledger.chain.projector import Projector
from ledger.chain.settling import OutboxSettings
from ledger.errors import ConflictError, UnreachableError
from ledger.store.chain_index import Attestation, Block, Head
from ledger.store.database import Database, open_database
from tests.ledger.chain.test_crashes import _dump
from tests.ledger.chain.world import (
    CHAIN_ID,
    COMMISSIONED,
    SERVICED,
    STATE_OF_HEALTH,
    WASTE,
    World,
    fill,
    mine,
)

pytestmark = pytest.mark.integration


def _sync(world: World, database: Database) -> int:
    with closing(world.client()) as client:
        done = Projector(database, client, world.deployment).sync()
    assert done.complete
    return done.attestations


def _fresh(world: World, tmp_path: Path, name: str = "fresh") -> Database:
    database = open_database(str(tmp_path / f"{name}.sqlite"))
    _sync(world, database)
    return database


@pytest.fixture(params=["sqlite", "postgresql"])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        opened = open_database(str(tmp_path / "index.sqlite"))
    else:
        opened = open_database(request.getfixturevalue("postgresql_url"))
    yield opened
    opened.close()


def test_heads_are_those_of_the_chain(manual_filled: World, index: Database) -> None:
    assert _sync(manual_filled, index) == 60 - 2 + 10 + 5
    with index.read() as session:
        heads = {row.subject: row for row in session.scalars(select(Head))}
        assert session.scalar(select(func.count()).select_from(Attestation)) == 73
    assert len(heads) == 10
    for subject, row in heads.items():
        assert row.head == manual_filled.folded_head(subject)
        assert row.status == 1


def test_running_again_changes_nothing(manual_filled: World, database: Database) -> None:
    _sync(manual_filled, database)
    before = _dump(database)
    assert _sync(manual_filled, database) == 0
    assert _dump(database) == before


def test_a_second_index_beside_the_live_one_is_the_same(manual_filled: World, index: Database, tmp_path: Path) -> None:
    _sync(manual_filled, index)
    beside = _fresh(manual_filled, tmp_path)
    assert _dump(beside) == _dump(index)
    beside.close()


def test_two_projectors_do_not_mix(manual_filled: World, database: Database) -> None:
    client = manual_filled.client()
    other = Projector(database, client, manual_filled.deployment)

    def interfere(step: str) -> None:
        if step == "store":
            other.step()

    slow = Projector(database, client, manual_filled.deployment, observer=interfere)
    with pytest.raises(ConflictError):
        slow.step()
    client.close()


def _snapshot(world: World) -> str:
    client = world.client()
    snapshot = str(client.rpc.read("evm_snapshot"))
    client.close()
    return snapshot


def _revert(world: World, snapshot: str, blocks: int) -> None:
    client = world.client()
    assert client.rpc.read("evm_revert", snapshot) is True
    client.rpc.read("anvil_setCoinbase", "0x" + os.urandom(20).hex())
    mine(client, blocks)
    client.close()


@pytest.mark.parametrize("blocks", [1, 3, 200])
def test_a_reorg_goes_back_to_the_common_block(
    manual_world: World, database: Database, tmp_path: Path, blocks: int
) -> None:
    client = manual_world.client()
    mine(client, 5)
    fill(manual_world, blocks=2)
    _sync(manual_world, database)
    snapshot = _snapshot(manual_world)
    signer = manual_world.signer()
    outbox = Outbox(database, client, signer, OutboxSettings(CHAIN_ID, poll_s=0))
    with database.write() as session:
        outbox.enqueue(
            session, [manual_world.item("filled 1", SERVICED, 1), manual_world.item("lost", COMMISSIONED, 1)]
        )
    outbox.step()
    mine(client)
    _sync(manual_world, database)
    with database.read() as session:
        assert session.scalar(select(func.max(Attestation.sequence))) == 22
    _revert(manual_world, snapshot, blocks)
    _sync(manual_world, database)
    fresh = _fresh(manual_world, tmp_path)
    assert _dump(database) == _dump(fresh)
    with database.read() as session:
        assert session.scalar(select(func.max(Attestation.sequence))) == 20
    fresh.close()
    client.close()


def test_the_outbox_writes_again_what_a_reorg_took(manual_world: World, database: Database, tmp_path: Path) -> None:
    client = manual_world.client()
    settings = OutboxSettings(CHAIN_ID, poll_s=0, finality_depth=3)
    items = [manual_world.item("one", COMMISSIONED, 0), manual_world.item("two", COMMISSIONED, 0)]
    with Outbox(database, client, manual_world.signer(), settings) as outbox:
        snapshot = _snapshot(manual_world)
        with database.write() as session:
            outbox.enqueue(session, items)
        outbox.step()
        mine(client)
        assert outbox.step() == Progress(0, 2, 0, 0)
        _sync(manual_world, database)
        _revert(manual_world, snapshot, 2)
        assert outbox.step() == Progress(0, 2, 0, 0)
        for _ in range(5):
            outbox.step()
            mine(client)
        assert outbox.step() == Progress(0, 0, 2, 0)
    _sync(manual_world, database)
    fresh = _fresh(manual_world, tmp_path)
    assert _dump(fresh) == _dump(database)
    assert set(manual_world.recorded().values()) == {1}
    fresh.close()
    client.close()


def test_another_chain_is_never_mixed_in(manual_filled: World, manual_world: World, database: Database) -> None:
    _sync(manual_filled, database)
    before = _dump(database)
    with pytest.raises(ConflictError, match="another chain"):
        _sync(manual_world, database)
    assert _dump(database) == before


def test_a_hard_kill_of_the_node_loses_an_interval_and_rebroadcast_recovers(
    manual_folder: Path, manual_world: World, database: Database, tmp_path: Path
) -> None:
    client = manual_world.client()
    settings = OutboxSettings(CHAIN_ID, poll_s=0)
    born = manual_world.item("lost", COMMISSIONED, 0)
    late = [manual_world.item("lost", STATE_OF_HEALTH, n) for n in range(3)]
    with Outbox(database, client, manual_world.signer(), settings) as outbox:
        with database.write() as session:
            outbox.enqueue(session, [born])
        outbox.step()
        mine(client)
        assert outbox.step().final == 1
        time.sleep(2.2)  # two dumps
        node = node_status(manual_folder)
        assert node is not None
        kept = (manual_folder / "state.json").read_bytes()
        with database.write() as session:
            outbox.enqueue(session, late)
        outbox.step()
        mine(client)
        assert outbox.step().final == 4
        _sync(manual_world, database)
        os.kill(node.pid, signal.SIGKILL)
        assert wait_for_exit(node.pid, node.started, 10)
        (manual_folder / "state.json").write_bytes(kept)  # the dump of before, however quick the last one was
        with pytest.raises(UnreachableError):
            outbox.step()
        start_node(NodeSettings(manual_folder, CHAIN_ID, block_time_s=None))
        assert sum(manual_world.recorded().values()) == 1
        _sync(manual_world, database)
        with database.read() as session:
            assert session.scalar(select(func.max(Attestation.sequence))) == 1
        outbox.step()
        mine(client)
        assert outbox.step() == Progress(0, 0, 4, 0)
    _sync(manual_world, database)
    assert [manual_world.recorded()[item.digest] for item in (born, *late)] == [1] * 4
    fresh = _fresh(manual_world, tmp_path)
    assert _dump(fresh) == _dump(database)
    fresh.close()
    client.close()


def test_a_status_change_is_folded_with_its_status(manual_world: World, database: Database) -> None:
    fill(manual_world, blocks=1)
    client = manual_world.client()
    subject = manual_world.subject("filled 0")
    with Outbox(database, client, manual_world.signer(), OutboxSettings(CHAIN_ID)) as outbox:
        with database.write() as session:
            outbox.enqueue(session, [manual_world.item("filled 0", WASTE, 1, manual_world.folded_head(subject))])
        outbox.step()
        mine(client)
        outbox.step()
    _sync(manual_world, database)
    with database.read() as session:
        row = session.get(Head, (manual_world.log, subject))
        assert row is not None
        assert (row.status, row.length, row.head) == (5, 2, manual_world.folded_head(subject))
    client.close()


def test_a_successor_goes_on_from_the_old_head(manual_filled: World, database: Database) -> None:
    from ledger.chain.projection import _states  # noqa: PLC0415

    _sync(manual_filled, database)
    new, newer, subject = b"\x0a" * 20, b"\x0b" * 20, manual_filled.subject("filled 3")
    with database.read() as session:
        states = _states(session, {(newer, subject), (newer, bytes(32))}, {newer: new, new: manual_filled.log})
    assert states[newer, subject] == State(manual_filled.folded_head(subject), 1, 0)
    assert states[newer, bytes(32)] == START


def test_every_block_is_kept(manual_filled: World, database: Database) -> None:
    _sync(manual_filled, database)
    client = manual_filled.client()
    chain = {number: block_hash for number, block_hash, _, _ in client.blocks(0, client.block_number())}
    with database.read() as session:
        stored = {row.number: row.hash for row in session.execute(select(col(Block.number), col(Block.hash)))}
    assert stored == chain
    client.close()


def test_nothing_is_asked_below_the_first_block(manual_filled: World, database: Database) -> None:
    client = manual_filled.client()
    height = client.block_number()
    above = Deployment(CHAIN_ID, manual_filled.consortium, manual_filled.deployment.logs, first_block=height + 1)
    assert Projector(database, client, above).sync().attestations == 0
    client.close()
