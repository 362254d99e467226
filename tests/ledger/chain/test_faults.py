"""After SQLite's method: the i-th operation fails, for every i; then nothing is lost, doubled or half recorded.

Each failure comes in four kinds: once or from then on, and not done or done but reported as failed.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from ledger.chain.client import ChainClient
from ledger.chain.outbox import Outbox, Progress
from ledger.chain.outbox_store import enqueue
from ledger.chain.projector import Projector
from ledger.chain.rpc import Rpc
from ledger.chain.settling import OutboxSettings
from ledger.errors import SourceError
from ledger.store.database import Database, open_database, sqlite_engine
from tests.ledger.chain.test_crashes import _dump
from tests.ledger.chain.world import (
    CHAIN_ID,
    COMMISSIONED,
    SERVICED,
    STATE_OF_HEALTH,
    World,
    mine,
)

pytestmark = pytest.mark.integration


@dataclass
class Fault:
    """Decides which operation fails, and how."""

    at: int
    lasting: bool
    done: bool
    healed: bool = False
    _seen: count[int] = field(default_factory=count)

    def now(self) -> bool:
        number = next(self._seen)
        return not self.healed and (number == self.at or (self.lasting and number > self.at))

    @property
    def hit(self) -> bool:
        return next(self._seen) > self.at


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
    dialect.do_commit = committing  # type: ignore[method-assign]
    return world.client()


def _try_outbox(world: World, database: Database, client: ChainClient, control: ChainClient, steps: int) -> None:
    with Outbox(database, client, world.signer(), OutboxSettings(CHAIN_ID)) as outbox:
        for _ in range(steps):
            with suppress(SourceError):
                outbox.step()
            mine(control)


INJECTORS: list[Callable[[Fault, World, Database], ChainClient]] = [_inject_rpc, _inject_sql]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database to copy: making one anew each time would be most of the work."""
    path = tmp_path_factory.mktemp("template") / "empty.sqlite"
    open_database(str(path)).close()
    return path


def _copy(empty: Path, number: int) -> Database:
    path = empty.with_name(f"{uuid.uuid4()}-{number}.sqlite")
    shutil.copyfile(empty, path)
    return Database(sqlite_engine(path))


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
    empty: Path,
) -> None:
    control = manual_world.client()
    for number in count():
        fault, first = Fault(number, lasting, done), control.block_number()
        database = _copy(empty, number)
        items = [manual_world.item(f"life {number}", kind, 0) for kind in (COMMISSIONED, STATE_OF_HEALTH, SERVICED)]
        with database.write() as session:
            enqueue(session, manual_world.signer().address, items[:2])
        client = inject(fault, manual_world, database)
        _try_outbox(manual_world, database, client, control, 3)
        with suppress(SourceError), database.write() as session:
            enqueue(session, manual_world.signer().address, items[2:])
        _try_outbox(manual_world, database, client, control, 1)
        hit, fault.healed = fault.hit, True
        with database.write() as session:
            enqueue(session, manual_world.signer().address, items)
        _try_outbox(manual_world, database, client, control, 3)
        with Outbox(database, client, manual_world.signer(), OutboxSettings(CHAIN_ID)) as outbox:
            assert outbox.progress() == Progress(0, 0, 3, 0), f"operation {number}"
        recorded = manual_world.recorded(first)
        assert [recorded[item.digest] for item in items] == [1, 1, 1], f"operation {number}"
        client.close()
        database.close()
        if not hit:
            break
    assert number > 5
    control.close()


@pytest.mark.parametrize("done", [False, True], ids=["not-done", "done-but-reported-failed"])
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
@pytest.mark.parametrize("inject", INJECTORS)
def test_the_projector_survives_each_failing_operation(
    inject: Callable[[Fault, World, Database], ChainClient],
    lasting: bool,
    done: bool,
    manual_filled: World,
    tmp_path: Path,
    empty: Path,
) -> None:
    whole = open_database(str(tmp_path / "whole.sqlite"))
    plain = manual_filled.client()
    Projector(whole, plain, manual_filled.deployment).sync()
    for number in count():
        fault = Fault(number, lasting, done)
        database = _copy(empty, number)
        client = inject(fault, manual_filled, database)
        projector = Projector(database, client, manual_filled.deployment)
        with suppress(SourceError):
            projector.sync()
        hit, fault.healed = fault.hit, True
        Projector(database, client, manual_filled.deployment).sync()
        assert _dump(database) == _dump(whole), f"operation {number}"
        client.close()
        database.close()
        if not hit:
            break
    assert number > 1
    plain.close()
    whole.close()


def test_a_database_error_is_told_as_one(database: Database) -> None:
    event.listen(database.engine, "before_cursor_execute", _fail)
    with pytest.raises(SourceError, match="injected"), database.read() as session:
        session.execute(sqlalchemy.text("SELECT 1"))


def _fail(*_: Any) -> None:
    raise OperationalError("injected", None, Exception("injected"))
