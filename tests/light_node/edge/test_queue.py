"""The queue's file: who may read it, what goes out, and what a loss of power leaves."""

from __future__ import annotations

import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ledger.errors import ConfigurationError, MissingError, UnreachableError
from light_node.edge.outgoing import Outgoing
from light_node.edge.queue import Queue
from light_node.trust import TrustedBlock
from tests.light_node.edge.making import ASSET, KEY, NOW_US, SECOND, attester, held, included, reading

GROUP = 3


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


def fill(path: Path, groups: int) -> None:
    with Queue(path) as queue:
        device = attester(queue)
        for group in range(groups):
            device.take(ASSET, [reading(number) for number in range(group * GROUP, (group + 1) * GROUP)])


# ---- the file ----------------------------------------------------------------------------------------------------


def test_every_commit_is_flushed_to_the_disk(path: Path) -> None:
    with Queue(path) as queue:
        assert queue._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert queue._connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_nobody_else_can_read_it(path: Path) -> None:
    with Queue(path) as queue:
        attester(queue).take(ASSET, [reading(0)])
        modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir() if "lock" not in file.name}
    assert modes == {"queue.db": 0o600, "queue.db-wal": 0o600, "queue.db-shm": 0o600}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
def test_a_file_that_others_can_read_is_refused(path: Path, mode: int) -> None:
    fill(path, 1)
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        Queue(path)


def test_a_file_that_is_no_queue_is_refused_and_kept(path: Path) -> None:
    path.write_bytes(b"not a database, but somebody's notes" * 100)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError):
        Queue(path)
    assert path.read_bytes().startswith(b"not a database")


@pytest.mark.parametrize("change", ["PRAGMA user_version = 2", "PRAGMA user_version = 0"])
def test_a_file_of_another_version_is_refused(path: Path, change: str) -> None:
    fill(path, 1)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(change)
    with pytest.raises(ConfigurationError, match="version"):
        Queue(path)


def test_a_folder_that_is_not_there_is_said(path: Path) -> None:
    with pytest.raises(UnreachableError):
        Queue(path.parent / "nowhere" / "queue.db")


# ---- going out ---------------------------------------------------------------------------------------------------


def test_batches_wait_oldest_first_and_leave_with_their_proof_alone(path: Path) -> None:
    fill(path, 4)
    with Outgoing(path) as outgoing:
        first, second, third = outgoing.waiting()
        assert first.number < second.number < third.number
        outgoing.delete(included(second.digest))
        assert [one.digest for one in outgoing.waiting()] == [first.digest, third.digest]
        with pytest.raises(MissingError):
            outgoing.readings(second.number)
        assert outgoing.readings(first.number).count(b"\n") == 4
    assert len(held(path)[1]) == 8


def test_deleting_again_or_what_is_not_there_changes_nothing(path: Path) -> None:
    fill(path, 4)
    with Outgoing(path) as outgoing:
        digest = next(outgoing.waiting()).digest
        outgoing.delete(included(digest))
        before = outgoing.state()
        outgoing.delete(included(digest, TrustedBlock(99, b"\x01" * 32, 99)))
        outgoing.delete(included(b"\x00" * 32, TrustedBlock(99, b"\x01" * 32, 99)))
        assert outgoing.state() == before


def test_the_chain_goes_on_after_everything_was_delivered(path: Path) -> None:
    fill(path, 4)
    last = held(path)[0][-1]
    with Outgoing(path) as outgoing:
        for waiting in outgoing.waiting():
            outgoing.delete(included(waiting.digest))
    with Queue(path) as queue:
        (closed,) = attester(queue).take(ASSET, [reading(n) for n in range(100, 104)]).closed
    assert (closed.statement.sequence, closed.statement.previous) == (3, last.digest)


def test_what_was_delivered_and_how_late_is_shown(path: Path) -> None:
    fill(path, 4)
    attested = NOW_US // SECOND + 100
    with Outgoing(path) as outgoing:
        assert outgoing.proven_up_to() == 0
        for place, waiting in enumerate(outgoing.waiting()):
            outgoing.delete(included(waiting.digest, TrustedBlock(place, bytes((place,)) * 32, attested + place)))
            assert outgoing.proven_up_to() == place
        state = outgoing.state()
    (delivered,) = state.delivered
    assert (state.readings, state.batches, state.oldest_at_us) == (0, 0, None)
    assert (delivered.key_id, delivered.subject) == (KEY.public.key_id, ASSET.subject)
    assert (delivered.batches, delivered.readings, delivered.sequence) == (3, 12, 2)
    assert delivered.lag_seconds == 102 - 11


def test_what_the_receiver_will_not_have_stays_with_the_reason(path: Path) -> None:
    fill(path, 4)
    with Outgoing(path) as outgoing:
        digest = next(outgoing.waiting()).digest
        outgoing.refuse(digest, "the key is revoked")
        assert [one.refused for one in outgoing.waiting()] == ["the key is revoked", "", ""]
        assert outgoing.state().refused == 1
        outgoing.refuse(digest, "")
        assert outgoing.state().refused == 0
    assert len(held(path)[0]) == 3


def test_one_process_sends_while_another_takes(path: Path) -> None:
    with Queue(path) as queue, Outgoing(path) as outgoing:
        device = attester(queue)
        for number in range(40):
            device.take(ASSET, [reading(number)])
            for waiting in outgoing.waiting():
                outgoing.delete(included(waiting.digest))
        assert outgoing.state().readings == 0
        assert outgoing.state().delivered[0].readings == 40


# ---- loss of power ---------------------------------------------------------------------------------------------------


def copy_to(folder: Path, database: bytes, log: bytes) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, data in (("queue.db", database), ("queue.db-wal", log)):
        (folder / name).write_bytes(data)
        (folder / name).chmod(0o600)
    return folder / "queue.db"


def test_a_log_that_ends_anywhere_leaves_whole_calls_and_a_chain_that_goes_on(path: Path, tmp_path: Path) -> None:
    """What was not flushed when the power went is missing at the end of the write-ahead log, or torn there."""
    whole = [reading(number) for number in range(8 * GROUP)]
    with Queue(path) as queue:
        device = attester(queue)
        marks = []
        for group in range(8):
            device.take(ASSET, whole[group * GROUP : (group + 1) * GROUP])
            marks.append(path.with_name("queue.db-wal").stat().st_size)
        database, log = path.read_bytes(), path.with_name("queue.db-wal").read_bytes()
    noise = random.Random(7)
    first = marks[0]  # before it the tables themselves were not there
    ends = sorted({*marks, *(mark - 1 for mark in marks[1:]), *(noise.randrange(first, len(log)) for _ in range(20))})
    for end in ends:
        torn = copy_to(tmp_path / "torn", database, log[:end] + noise.randbytes(min(300, len(log) - end)))
        acknowledged = sum(mark <= end for mark in marks)
        with Queue(torn) as queue:
            attester(queue).take(ASSET, [])
        readings = held(torn)[1]
        assert readings == whole[: acknowledged * GROUP], end
        with Queue(torn) as queue:
            attester(queue).take(ASSET, whole[acknowledged * GROUP :])
        assert held(torn)[1] == whole


def test_a_loss_of_power_while_the_log_is_moved_into_the_file_loses_nothing(path: Path, tmp_path: Path) -> None:
    with Queue(path) as queue:
        device = attester(queue)
        for group in range(8):
            device.take(ASSET, [reading(number) for number in range(group * GROUP, (group + 1) * GROUP)])
        before, log = path.read_bytes(), path.with_name("queue.db-wal").read_bytes()
        queue._connection.execute("PRAGMA wal_checkpoint(FULL)")
        after = path.read_bytes()
    expected = held(path)
    noise = random.Random(8)
    for _ in range(10):
        size = max(len(before), len(after))
        pages = [noise.choice((before.ljust(size, b"\0"), after))[at : at + 4096] for at in range(0, size, 4096)]
        assert held(copy_to(tmp_path / "mixed", b"".join(pages), log)) == expected
