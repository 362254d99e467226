"""After SQLite's method: the i-th operation fails, for every i; then nothing is lost, doubled or half recorded.

Each failure comes in four kinds: once or from then on, and not done or done but reported as failed.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy
from sqlalchemy import delete, event
from sqlalchemy.exc import OperationalError

from ledger.chain.client import ChainClient
from ledger.chain.outbox import Outbox
from ledger.chain.outbox_questions import counts
from ledger.chain.outbox_store import enqueue
from ledger.chain.projector import Projector
from ledger.chain.rpc import Rpc
from ledger.chain.settling import OutboxSettings
from ledger.errors import SourceError
from ledger.store.chain_index import CHAIN_TABLES
from ledger.store.database import Database, open_database
from tests.ledger.chain.test_crashes import _dump
from tests.ledger.chain.world import CHAIN_ID, COMMISSIONED, SERVICED, STATE_OF_HEALTH, World, mine

pytestmark = pytest.mark.integration


@dataclass
class Fault:
    """Decides which operation fails, and how; armed anew for each round."""

    lasting: bool
    done: bool
    at: int = 0
    seen: int = 0
    armed: bool = False

    def arm(self, at: int) -> None:
        self.at, self.seen, self.armed = at, 0, True

    def now(self) -> bool:
        number, self.seen = self.seen, self.seen + 1
        return self.armed and (number == self.at or (self.lasting and number > self.at))

    def disarm(self) -> bool:
        """Tell whether it has struck."""
        self.armed = False
        return self.seen > self.at


class FaultyTransport(httpx.HTTPTransport):
    """Loses requests before they are sent, or answers after they took effect."""

    def __init__(self, fault: Fault) -> None:
        super().__init__()
        self._fault = fault

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        failing = self._fault.now()
        if failing and not self._fault.done:
            raise httpx.ConnectError("injected", request=request)
        response = super().handle_request(request)
        if failing:
            response.close()
            raise httpx.ReadTimeout("injected", request=request)
        return response


def _inject_rpc(fault: Fault, world: World, _database: Database) -> ChainClient:
    return ChainClient(Rpc(world.url, transport=FaultyTransport(fault)))


def _inject_sql(fault: Fault, world: World, database: Database) -> ChainClient:
    """Fail statements before they run, or commits after they are done."""
    error = OperationalError("injected", None, Exception("injected"))
    dialect, commit = database.engine.dialect, database.engine.dialect.do_commit

    def before(*_: Any) -> None:
        if not fault.done and fault.now():
            raise error

    def committing(connection: Any) -> None:
        failing = fault.now()
        if failing and not fault.done:
            raise error
        commit(connection)
        if failing:
            raise error

    event.listen(database.engine, "before_cursor_execute", before)
    dialect.do_commit = committing  # type: ignore[assignment, method-assign]
    return world.client()


def _try_outbox(world: World, database: Database, client: ChainClient, control: ChainClient, steps: int) -> None:
    with Outbox(database, client, world.signer(), OutboxSettings(CHAIN_ID)) as outbox:
        for _ in range(steps):
            with suppress(SourceError):
                outbox.step()
            mine(control)


INJECTORS: list[Callable[[Fault, World, Database], ChainClient]] = [_inject_rpc, _inject_sql]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.chain.rpc.PAUSE_S", 0)
    monkeypatch.setattr("ledger.chain.rpc.READ_ATTEMPTS", 1)


@pytest.mark.parametrize("done", [False, True], ids=["not-done", "done-but-reported-failed"])
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
@pytest.mark.parametrize("inject", INJECTORS)
def test_the_outbox_survives_each_failing_operation(
    inject: Callable[[Fault, World, Database], ChainClient],
    lasting: bool,
    done: bool,
    manual_world: World,
    database: Database,
) -> None:
    control, fault = manual_world.client(), Fault(lasting, done)
    client, account = inject(fault, manual_world, database), manual_world.signer().address
    for number in count():
        first, items = control.block_number(), []
        for kind in (COMMISSIONED, STATE_OF_HEALTH, SERVICED):
            items.append(manual_world.item(f"life {number}", kind, 0))
        with database.write() as session:
            enqueue(session, account, items[:2])
        fault.arm(number)
        _try_outbox(manual_world, database, client, control, 3)
        with suppress(SourceError), database.write() as session:
            enqueue(session, account, items[2:])
        _try_outbox(manual_world, database, client, control, 1)
        struck = fault.disarm()
        with database.write() as session:
            enqueue(session, account, items)
        _try_outbox(manual_world, database, client, control, 4)
        with database.read() as session:
            assert counts(session, account) == {"final": 3 * (number + 1)}, f"operation {number}"
        recorded = manual_world.recorded(first)
        assert [recorded[item.digest] for item in items] == [1, 1, 1], f"operation {number}"
        if not struck:
            break
    assert number > 5
    client.close()
    control.close()


@pytest.mark.parametrize("done", [False, True], ids=["not-done", "done-but-reported-failed"])
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
@pytest.mark.parametrize("inject", INJECTORS)
def test_the_projector_survives_each_failing_operation(
    inject: Callable[[Fault, World, Database], ChainClient],
    lasting: bool,
    done: bool,
    manual_filled: World,
    database: Database,
    tmp_path: Path,
) -> None:
    whole = open_database(str(tmp_path / "whole.sqlite"))
    plain, fault = manual_filled.client(), Fault(lasting, done)
    Projector(whole, plain, manual_filled.deployment).sync()
    expected = _dump(whole)
    client = inject(fault, manual_filled, database)
    for number in count():
        with database.write() as session:
            for table in CHAIN_TABLES:
                session.execute(delete(table))
        fault.arm(number)
        with suppress(SourceError):
            Projector(database, client, manual_filled.deployment).sync()
        struck = fault.disarm()
        Projector(database, client, manual_filled.deployment).sync()
        assert _dump(database) == expected, f"operation {number}"
        if not struck:
            break
    assert number > 1
    client.close()
    plain.close()
    whole.close()


def test_a_database_error_is_told_as_one(database: Database) -> None:
    event.listen(database.engine, "before_cursor_execute", _fail)
    with pytest.raises(SourceError, match="injected"), database.read() as session:
        session.execute(sqlalchemy.text("SELECT 1"))


def _fail(*_: Any) -> None:
    raise OperationalError("injected", None, Exception("injected"))
