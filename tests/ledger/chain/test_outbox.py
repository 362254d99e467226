"""The outbox on a real chain: what is queued counts once, in order, or is refused with its reason."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ledger.chain.outbox import Outbox, Progress
from ledger.chain.outbox_questions import statuses
from ledger.chain.outbox_store import NewItem, enqueue, retry
from ledger.chain.settling import OutboxSettings
from ledger.errors import ConfigurationError, ConflictError, SourceTimeoutError, UnreachableError
from ledger.store.database import Database, open_database
from tests.ledger.chain.world import (
    CHAIN_ID,
    COMMISSIONED,
    RECYCLED,
    SERVICED,
    STATE_OF_HEALTH,
    WASTE,
    World,
    digest,
    mine,
)

pytestmark = pytest.mark.integration


@contextmanager
def _outbox(database: Database, world: World, account: int = 0, **settings: object) -> Iterator[Outbox]:
    client = world.client()
    values = OutboxSettings(CHAIN_ID, **({"poll_s": 0.02} | settings))  # type: ignore[arg-type]
    with Outbox(database, client, world.signer(account), values) as outbox:
        yield outbox
    client.close()


def _write(outbox: Outbox, database: Database, items: list[NewItem], timeout_s: float = 20) -> Progress:
    with database.write() as session:
        outbox.enqueue(session, items)
    return outbox.drain(timeout_s)


def test_one_event_becomes_final(world: World, database: Database) -> None:
    item = world.item("one", COMMISSIONED, 0)
    with _outbox(database, world) as outbox:
        assert _write(outbox, database, [item]) == Progress(0, 0, 1, 0)
    with database.read() as session:
        status = statuses(session, [item.digest, bytes(32)])
    assert list(status) == [item.digest]
    assert (status[item.digest].state, status[item.digest].subject) == ("final", item.subject)
    assert world.recorded()[item.digest] == 1


def test_a_thousand_go_in_few_transactions(world: World, database: Database) -> None:
    items = [world.item(f"many {n}", COMMISSIONED, n) for n in range(1000)]
    with _outbox(database, world) as outbox:
        before = outbox._client.nonce(outbox.account)
        _write(outbox, database, items)
        assert outbox._client.nonce(outbox.account) - before == 4
    recorded = world.recorded()
    assert all(recorded[item.digest] == 1 for item in items)


def test_a_whole_life_keeps_its_order(world: World, database: Database) -> None:
    life = [COMMISSIONED, STATE_OF_HEALTH, SERVICED, STATE_OF_HEALTH, *[STATE_OF_HEALTH] * 5]
    items = [world.item("life", kind, number) for number, kind in enumerate(life)]
    with _outbox(database, world) as outbox:
        _write(outbox, database, items[:4])
        _write(outbox, database, items[4:])
        head = world.folded_head(items[0].subject)
        waste = world.item("life", WASTE, 100, head)
        after = world.item("life", STATE_OF_HEALTH, 101)
        assert _write(outbox, database, [waste, after]).final == len(life) + 2
    assert world.folded_head(items[0].subject)[0] == 5
    client = world.client()
    logs = [log for log in client.logs([world.log], 0, client.block_number()) if items[0].subject in log.topics]
    assert [log.data[:32] for log in logs] == [item.digest for item in (*items, waste, after)]
    client.close()


def test_the_same_item_again_counts_once(world: World, database: Database) -> None:
    item = world.item("twice", COMMISSIONED, 0)
    with _outbox(database, world) as outbox:
        _write(outbox, database, [item, item])
        assert _write(outbox, database, [item]).final == 1
    assert world.recorded()[item.digest] == 1


def test_what_the_caller_rolls_back_is_never_sent(world: World, database: Database) -> None:
    item = world.item("rolled back", COMMISSIONED, 0)

    def fail() -> None:
        with database.write() as session:
            enqueue(session, world.signer().address, [item])
            raise KeyError(0)

    with pytest.raises(KeyError):
        fail()
    with _outbox(database, world) as outbox:
        assert outbox.drain(5).final == 0
    assert item.digest not in world.recorded()


def test_bad_items_are_refused_and_the_others_go_on(world: World, database: Database) -> None:
    good = [world.item(f"good {n}", COMMISSIONED, n) for n in range(40)]
    bad = [world.item(f"never born {n}", STATE_OF_HEALTH, n) for n in range(3)]
    mixed = [*good[:10], bad[0], *good[10:35], bad[1], bad[2], *good[35:]]
    with _outbox(database, world) as outbox:
        assert _write(outbox, database, mixed) == Progress(0, 0, 40, 3)
    with database.read() as session:
        found = statuses(session, [item.digest for item in bad])
    assert {status.state for status in found.values()} == {"refused"}
    assert all(status.reason and status.error for status in found.values())
    recorded = world.recorded()
    assert all(recorded[item.digest] == 1 for item in good)
    assert not any(recorded[item.digest] for item in bad)


def test_followers_of_a_refused_genesis_are_refused_too(world: World, database: Database) -> None:
    first = world.item("born twice", COMMISSIONED, 0)
    again = [world.item("born twice", COMMISSIONED, 1), world.item("not born", SERVICED, 2)]
    with _outbox(database, world) as outbox:
        _write(outbox, database, [first])
        assert _write(outbox, database, again) == Progress(0, 0, 1, 2)


def test_a_moved_head_refuses_the_status_and_not_the_rest(world: World, database: Database) -> None:
    born = world.item("moved", COMMISSIONED, 0)
    with _outbox(database, world) as outbox:
        _write(outbox, database, [born])
        head = world.folded_head(born.subject)
        late = [world.item("moved", SERVICED, 1), world.item("moved", WASTE, 2, head), world.item("moved", SERVICED, 3)]
        assert _write(outbox, database, late) == Progress(0, 0, 3, 1)


def test_a_refused_item_can_be_tried_again(world: World, database: Database) -> None:
    early, born = world.item("early", SERVICED, 1), world.item("early", COMMISSIONED, 0)
    with _outbox(database, world) as outbox:
        assert _write(outbox, database, [early]).refused == 1
        _write(outbox, database, [born])
        with database.write() as session:
            retry(session, [statuses(session, [early.digest])[early.digest].id])
        assert outbox.drain(20) == Progress(0, 0, 2, 0)


def test_one_account_has_one_outbox(world: World, database: Database) -> None:
    def second() -> None:
        with _outbox(database, world):
            pass

    with _outbox(database, world):
        with pytest.raises(ConflictError):
            second()
        with _outbox(database, world, 1):
            pass
    second()


def test_nonces_that_others_take_are_noticed(world: World, database: Database) -> None:
    with _outbox(database, world) as outbox:
        _write(outbox, database, [world.item("nonce", COMMISSIONED, 0)])
        outbox._client.transact(world.signer(), world.signer().address, b"", gas=30_000)
        assert _write(outbox, database, [world.item("nonce", SERVICED, 1)]).final == 2


def test_a_transaction_whose_nonce_was_taken_lets_its_items_go(manual_world: World, database: Database) -> None:
    born, item = manual_world.item("taken", COMMISSIONED, 0), manual_world.item("taken", SERVICED, 1)
    with _outbox(database, manual_world) as outbox:
        client = outbox._client
        with database.write() as session:
            outbox.enqueue(session, [born])
        outbox.step()
        mine(client)
        outbox.step()
        with database.write() as session:
            outbox.enqueue(session, [item])
        outbox.step()
        client.rpc.read("anvil_dropAllTransactions")
        nonce = client.nonce(outbox.account)
        fields = {"nonce": nonce, "gasPrice": 0, "gas": 21_000, "to": outbox.account, "value": 0, "data": b""}
        raw, _ = manual_world.signer().sign(fields | {"chainId": CHAIN_ID})
        assert client.send([raw]) == [None]
        for _ in range(12):
            mine(client)
            outbox.step()
        assert outbox.progress() == Progress(0, 0, 2, 0)
    assert manual_world.recorded()[item.digest] == 1


def test_a_gap_is_filled(manual_world: World, database: Database) -> None:
    with _outbox(database, manual_world) as outbox:
        client = outbox._client
        snapshot = client.rpc.read("evm_snapshot")
        fields = {"gasPrice": 0, "gas": 21_000, "to": outbox.account, "value": 0, "data": b"", "chainId": CHAIN_ID}
        raw, _ = manual_world.signer().sign(fields | {"nonce": client.nonce(outbox.account)})
        client.send([raw])
        mine(client)
        with database.write() as session:
            outbox.enqueue(session, [manual_world.item("gap", COMMISSIONED, 0)])
        outbox.step()
        mine(client)
        assert outbox.step().final == 1
        client.rpc.read("evm_revert", snapshot)
        for _ in range(4):
            outbox.step()
            mine(client)
        assert outbox.step() == Progress(0, 0, 1, 0)
    assert sum(manual_world.recorded().values()) == 1


def test_pending_is_not_final(manual_world: World, database: Database) -> None:
    item = manual_world.item("deep", COMMISSIONED, 0)
    with _outbox(database, manual_world, finality_depth=2) as outbox:
        with database.write() as session:
            outbox.enqueue(session, [item])
        seen = []
        for _ in range(4):
            outbox.step()
            with database.read() as session:
                seen.append(statuses(session, [item.digest])[item.digest].state)
            mine(outbox._client)
    assert seen == ["sent", "mined", "mined", "final"]


def test_waiting_ends_in_time(manual_world: World, database: Database) -> None:
    with _outbox(database, manual_world) as outbox:
        with pytest.raises(SourceTimeoutError):
            _write(outbox, database, [manual_world.item("slow", COMMISSIONED, 0)], timeout_s=0.3)
        mine(outbox._client)
        assert outbox.drain(5).final == 1


def test_a_node_that_is_away_loses_patience_and_nothing_else(world: World, database: Database) -> None:
    item = world.item("away", COMMISSIONED, 0)
    away = World("http://127.0.0.1:9", world.log, world.consortium, world.keys)
    with _outbox(database, away, patience_s=0.1) as outbox, pytest.raises(UnreachableError):
        _write(outbox, database, [item])
    with _outbox(database, world) as outbox:
        assert outbox.drain(20).final == 1
    assert world.recorded()[item.digest] == 1


def test_another_chain_is_not_signed_for(world: World, database: Database) -> None:
    client = world.client()
    wrong = OutboxSettings(CHAIN_ID + 1, patience_s=0.1)
    with (
        Outbox(database, client, world.signer(), wrong) as outbox,
        pytest.raises(ConfigurationError, match="chain"),
    ):
        _write(outbox, database, [world.item("elsewhere", COMMISSIONED, 0)])
    client.close()


def test_four_accounts_at_once(world: World, tmp_path: Path) -> None:
    database = open_database(str(tmp_path / "four.sqlite"))
    shared = world.item("shared by four", COMMISSIONED, 0)
    with _outbox(database, world) as outbox:
        _write(outbox, database, [shared])
    faults: list[str] = []

    def write(number: int) -> None:
        items = [NewItem(world.log, shared.subject, STATE_OF_HEALTH, digest(f"four {number} {n}")) for n in range(300)]
        try:
            with _outbox(database, world, number) as outbox:
                for start in range(0, 300, 50):
                    _write(outbox, database, items[start : start + 50], timeout_s=60)
        except Exception as fault:  # noqa: BLE001 - reported by the test itself
            faults.append(repr(fault))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    recorded = world.recorded()
    assert all(recorded[digest(f"four {number} {n}")] == 1 for number in range(4) for n in range(300))
    database.close()


def test_recycling_needs_waste_first(world: World, database: Database) -> None:
    born = world.item("end", COMMISSIONED, 0)
    with _outbox(database, world) as outbox:
        _write(outbox, database, [born])
        for number, kind in enumerate((WASTE, RECYCLED), start=1):
            _write(outbox, database, [world.item("end", kind, number, world.folded_head(born.subject))])
        assert outbox.progress() == Progress(0, 0, 3, 0)
    assert world.folded_head(born.subject)[0] == 6
