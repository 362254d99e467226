"""The schema is what the models say, commits are whole and durable, and errors have our names."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import delete, func, insert, select, text

from ledger.errors import ConfigurationError, ConflictError, RejectedError, UnreachableError
from ledger.store.chain_index import Attestation, Head
from ledger.store.database import Database, open_database
from ledger.store.locks import exclusive
from ledger.store.tables import ALL_TABLES, CHAIN_TABLES, METADATA
from ledger.store.work import OutboxItem

LOG, ACCOUNT = b"\x01" * 20, b"\x02" * 20


def _item(number: int) -> dict[str, object]:
    return {
        "account": ACCOUNT,
        "log": LOG,
        "subject": number.to_bytes(32, "big"),
        "kind": 4096,
        "digest": number.to_bytes(32, "big"),
        "state": "ready",
    }


def _attestation(number: int) -> dict[str, object]:
    return {
        "sequence": number,
        "log": LOG,
        "subject": number.to_bytes(32, "big"),
        "position": 0,
        "digest": number.to_bytes(32, "big"),
        "version": 1,
        "kind": 4096,
        "organisation": 2**32 - 1,
        "attested_at": 2**47,
        "status": 1,
        "head": bytes(32),
        "block_number": 7,
        "log_index": 0,
        "item": number,
        "transaction_hash": bytes(32),
    }


def test_migrations_make_exactly_the_models(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_a_second_start_changes_nothing(database: Database, url: str) -> None:
    with database.write() as session:
        session.execute(insert(OutboxItem), [_item(1)])
    again = open_database(url)
    with again.read() as session:
        assert session.scalar(select(func.count()).select_from(OutboxItem)) == 1
    again.close()


def test_two_starts_at_once_migrate_once(url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        for opened in pool.map(open_database, [url] * 4):
            opened.close()


def test_a_newer_schema_is_refused(database: Database, url: str) -> None:
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match="9999"):
        open_database(url)


def test_every_table_is_in_one_set() -> None:
    assert {table.__tablename__ for table in ALL_TABLES} == set(METADATA.tables)
    assert len(ALL_TABLES) == len(METADATA.tables)


def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.write() as session:
            session.execute(insert(OutboxItem), [_item(1)])
            raise KeyError(1)

    with pytest.raises(KeyError):
        fail()
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(OutboxItem)) == 0


def test_a_broken_constraint_is_rejected(database: Database) -> None:
    with database.write() as session:
        session.execute(insert(OutboxItem), [_item(1)])

    def twice() -> None:
        with database.write() as session:
            session.execute(insert(OutboxItem), [_item(2), _item(1)])

    with pytest.raises(RejectedError):
        twice()


def test_foreign_keys_hold(database: Database) -> None:
    def dangle() -> None:
        with database.write() as session:
            session.execute(insert(OutboxItem), [_item(1) | {"transaction_id": 99}])

    with pytest.raises(RejectedError):
        dangle()


def test_a_reader_sees_one_snapshot_while_another_writes(database: Database) -> None:
    count = select(func.count()).select_from(OutboxItem)
    with database.read() as session:
        assert session.scalar(count) == 0
        with database.write() as writer:
            writer.execute(insert(OutboxItem), [_item(1)])
        if database.name == "sqlite":
            assert session.scalar(count) == 0
    with database.read() as session:
        assert session.scalar(count) == 1


def test_writers_wait_for_each_other(database: Database) -> None:
    def write(start: int) -> None:
        for number in range(start, start + 20):
            with database.write() as session:
                session.execute(insert(OutboxItem), [_item(number)])

    threads = [threading.Thread(target=write, args=(1000 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(OutboxItem)) == 80


def test_bulk_rows_are_quick(database: Database) -> None:
    rows = [_attestation(number) for number in range(10_000)]
    started = time.perf_counter()
    with database.write() as session:
        session.execute(insert(Attestation), rows)
    assert time.perf_counter() - started < 10_000 / 5_000
    with database.read() as session:
        last = session.get(Attestation, 9_999)
        assert last is not None
        assert (last.organisation, last.attested_at, last.digest) == (2**32 - 1, 2**47, (9_999).to_bytes(32, "big"))


def test_the_chain_tables_can_be_emptied_in_order(database: Database) -> None:
    with database.write() as session:
        session.execute(insert(Attestation), [_attestation(1)])
        session.execute(
            insert(Head), [{"log": LOG, "subject": LOG, "head": LOG, "status": 1, "length": 1, "block_number": 1}]
        )
    with database.write() as session:
        for table in CHAIN_TABLES:
            session.execute(delete(table))


def test_sqlite_is_durable(tmp_path: Path) -> None:
    opened = open_database(str(tmp_path / "folder" / "plain.sqlite"))
    with opened.engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    opened.close()


@pytest.mark.parametrize("bad", ["mysql://host/name", "sqlite://", "sqlite:///:memory:", "postgresql://host:port/x"])
def test_other_urls_are_refused(bad: str) -> None:
    with pytest.raises(ConfigurationError):
        open_database(bad)


def test_nobody_answers() -> None:
    with pytest.raises(UnreachableError):
        open_database("postgresql://nobody@127.0.0.1:1/none?connect_timeout=2")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"not a database, but long enough to look at" * 100)
    with pytest.raises((RejectedError, UnreachableError)):
        open_database(str(tmp_path / "x"))


def test_a_lock_is_held_by_one(database: Database, url: str) -> None:
    other = open_database(url)

    def take() -> None:
        with exclusive(other, "account-1"):
            pass

    with exclusive(database, "account-1"):
        with pytest.raises(ConflictError):
            take()
        with exclusive(other, "account-2"):
            pass
    take()
    other.close()


def test_no_connection_is_left_behind(database: Database) -> None:
    with database.read() as session:
        session.execute(text("SELECT 1"))
    pool = database.engine.pool
    assert isinstance(pool, sqlalchemy.pool.QueuePool)
    assert pool.checkedout() == 0
