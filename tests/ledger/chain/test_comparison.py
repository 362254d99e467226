"""A damaged index is found by asking the chain."""

from __future__ import annotations

from contextlib import closing

import pytest
from sqlalchemy import delete, update
from sqlmodel import col

from ledger.chain.comparison import HeadDifference, compare_heads
from ledger.chain.projector import Projector
from ledger.errors import SourceError
from ledger.store.chain_index import Cursor, Head
from ledger.store.database import Database
from tests.ledger.chain.world import World

pytestmark = pytest.mark.integration


def _found(world: World, database: Database) -> list[HeadDifference]:
    with closing(world.client()) as client, database.read() as session:
        return list(compare_heads(session, client))


@pytest.fixture
def synced(manual_filled: World, database: Database) -> Database:
    with closing(manual_filled.client()) as client:
        Projector(database, client, manual_filled.deployment).sync()
    return database


def test_an_honest_index_has_no_difference(manual_filled: World, synced: Database) -> None:
    assert _found(manual_filled, synced) == []


def test_a_changed_head_is_named(manual_filled: World, synced: Database) -> None:
    subject = manual_filled.subject("filled 4")
    with synced.write() as session:
        session.execute(update(Head).where(col(Head.subject) == subject).values(head=bytes(32)))
    (found,) = _found(manual_filled, synced)
    assert (found.subject, found.indexed, found.on_chain) == (subject, bytes(32), manual_filled.folded_head(subject))


def test_an_invented_subject_is_named(manual_filled: World, synced: Database) -> None:
    with synced.write() as session:
        row = {"log": manual_filled.log, "subject": b"\x09" * 32, "head": b"\x01" * 32}
        session.add(Head(**row, status=1, length=1, block_number=1))
    assert [found.on_chain for found in _found(manual_filled, synced)] == [bytes(32)]


def test_a_block_that_the_node_has_not_is_an_error(manual_filled: World, synced: Database) -> None:
    with synced.write() as session:
        session.execute(update(Cursor).values(block_number=10_000))
    with pytest.raises(SourceError):
        _found(manual_filled, synced)


def test_without_a_head_there_is_nothing_to_ask(manual_filled: World, synced: Database) -> None:
    with synced.write() as session:
        session.execute(delete(Head))
    assert _found(manual_filled, synced) == []
