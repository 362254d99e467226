"""Taking readings: flagged, batched, signed and on the disk, all of a call or none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.errors import ConflictError, MalformedError, QueueFullError, UnreachableError
from light_node.edge.attester import Attester
from light_node.edge.batch import BatchLimits
from light_node.edge.keys import FileSigner
from light_node.edge.lineage import Lineage
from light_node.edge.outgoing import Outgoing
from light_node.edge.queue import Queue, QueueLimits
from light_node.edge.reading import Reading
from tests.light_node.edge.making import (
    ASSET,
    KEY,
    NOW_US,
    OTHER_ASSET,
    OTHER_KEY,
    SECOND,
    attester,
    held,
    included,
    reading,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


@pytest.fixture
def queue(path: Path) -> Iterator[Queue]:
    with Queue(path) as opened:
        yield opened


def some(first: int, last: int) -> list[Reading]:
    return [reading(number) for number in range(first, last)]


def test_readings_are_on_the_disk_when_the_call_returns(queue: Queue, path: Path) -> None:
    taken = attester(queue).take(ASSET, some(0, 3))
    assert (taken.readings, taken.flagged, taken.closed) == (3, 0, ())
    assert held(path) == ([], some(0, 3))


def test_a_batch_is_closed_by_the_count_and_the_next_one_names_it(queue: Queue, path: Path) -> None:
    closed = attester(queue).take(ASSET, some(0, 10)).closed
    assert [one.statement.size for one in closed] == [4, 4]
    assert closed[1].statement.previous == closed[0].digest
    assert held(path) == ([*closed], some(0, 10))


def test_one_call_for_each_reading_gives_the_same_batches(queue: Queue, path: Path) -> None:
    device = attester(queue)
    closed = [one for number in range(10) for one in device.take(ASSET, [reading(number)]).closed]
    assert [one.statement.size for one in closed] == [4, 4]
    assert held(path) == (closed, some(0, 10))


def test_a_batch_is_closed_by_the_bytes(queue: Queue) -> None:
    limits = BatchLimits(byte_count=2100)
    device = Attester(queue, FileSigner(KEY), batches=limits, clock=lambda: NOW_US + 3600 * SECOND)
    closed = device.take(ASSET, some(0, 60)).closed
    assert len(closed) > 2
    assert all(2000 < one.statement.byte_count <= 2100 for one in closed)


def test_a_batch_is_closed_by_its_age_counted_from_its_first_reading(queue: Queue) -> None:
    now_us = [NOW_US]
    device = Attester(queue, FileSigner(KEY), batches=BatchLimits(age_us=60 * SECOND), clock=lambda: now_us[0])
    device.take(ASSET, [reading(0)])
    now_us[0] += 59 * SECOND
    assert device.close_due() == ()
    now_us[0] += SECOND
    assert [one.statement.size for one in device.close_due()] == [1]
    assert device.close_due() == ()
    now_us[0] += 3600 * SECOND
    device.take(ASSET, [reading(1)])
    assert device.close_due() == ()
    assert len(device.close_all()) == 1


def test_a_reading_that_comes_after_the_age_goes_into_the_next_batch(queue: Queue) -> None:
    now_us = [NOW_US + 100 * SECOND]
    device = Attester(queue, FileSigner(KEY), batches=BatchLimits(age_us=60 * SECOND), clock=lambda: now_us[0])
    device.take(ASSET, [reading(0)])
    now_us[0] += 60 * SECOND
    assert [one.statement.size for one in device.take(ASSET, [reading(1)]).closed] == [1]


def test_batches_hold_readings_of_one_asset(queue: Queue, path: Path) -> None:
    device = attester(queue)
    for number in range(4):
        device.take(ASSET, [reading(number)])
        device.take(OTHER_ASSET, [reading(number, sensor="other")])
    statements, _ = held(path)
    assert {one.statement.subject for one in statements} == {ASSET.subject, OTHER_ASSET.subject}
    assert {one.statement.log for one in statements} == {ASSET.log, OTHER_ASSET.log}
    assert [one.statement.sequence for one in statements] == [0, 0]


def test_what_cannot_be_right_is_kept_and_counted(queue: Queue, path: Path) -> None:
    wrong = [reading(0, value=-5), reading(1, value=None), reading(2, taken_at_us=0), reading(3)]
    taken = attester(queue).take(ASSET, wrong)
    assert (taken.flagged, taken.closed[0].statement.flagged) == (3, 3)
    assert held(path)[1] == wrong


# ---- goes on ---------------------------------------------------------------------------------------------------------


def test_another_process_goes_on_with_the_open_batch_and_what_the_flags_remember(path: Path) -> None:
    odometer = reading(0, quantity="odometer", unit="km", value=500)
    with Queue(path) as first:
        attester(first).take(ASSET, [odometer, reading(1)])
    with Queue(path) as second:
        taken = attester(second).take(ASSET, [odometer._replace(value=400, taken_at_us=NOW_US + 9), reading(2)])
    assert taken.flagged == 1
    statements, readings = held(path)
    assert (len(statements), len(readings)) == (1, 4)


def test_how_far_a_source_was_read_is_written_with_its_readings(queue: Queue) -> None:
    assert queue.position("drive.log") is None
    attester(queue).take(ASSET, some(0, 2), ("drive.log", "4711"))
    assert queue.position("drive.log") == "4711"


def test_a_new_key_begins_a_chain_of_its_own_and_takes_the_open_batch_with_it(path: Path) -> None:
    with Queue(path) as queue:
        attester(queue).take(ASSET, some(0, 6))
    with Queue(path) as queue:
        closed = attester(queue, key=OTHER_KEY).take(ASSET, some(6, 8)).closed
    assert [(one.key, one.statement.sequence, one.statement.size) for one in closed] == [(OTHER_KEY.public, 0, 4)]


def test_two_processes_do_not_sign_for_one_queue(queue: Queue, path: Path) -> None:
    with pytest.raises(ConflictError):
        Queue(path)


# ---- all or nothing --------------------------------------------------------------------------------------------------


def test_a_reading_out_of_its_form_refuses_the_call_and_changes_nothing(queue: Queue, path: Path) -> None:
    device = attester(queue)
    device.take(ASSET, some(0, 3))
    with pytest.raises(MalformedError):
        device.take(ASSET, [*some(3, 9), reading(9, quantity="Odometer")], ("drive.log", "1"))
    assert held(path) == ([], some(0, 3))
    assert queue.position("drive.log") is None
    device.take(ASSET, some(3, 5))
    assert held(path)[1] == some(0, 5)


@pytest.mark.parametrize("limits", [QueueLimits(readings=10), QueueLimits(byte_count=1150)])
def test_a_full_queue_refuses_and_drops_nothing(path: Path, limits: QueueLimits) -> None:
    with Queue(path, limits) as queue:
        device = attester(queue)
        device.take(ASSET, some(0, 9))
        with pytest.raises(QueueFullError, match="holds 9 readings"):
            device.take(ASSET, some(9, 13), ("drive.log", "1"))
        assert held(path)[1] == some(0, 9)
        assert queue.position("drive.log") is None
        with Outgoing(path) as outgoing:
            outgoing.delete(included(next(outgoing.waiting()).digest))
        closed = device.take(ASSET, some(9, 13)).closed
    lineage = Lineage()
    for statement in (*closed, *held(path)[0]):
        lineage.add(statement)
    assert held(path)[1] == some(4, 13)


def test_a_full_queue_can_still_close_its_batch(path: Path) -> None:
    with Queue(path, QueueLimits(readings=3)) as queue:
        device = attester(queue)
        device.take(ASSET, some(0, 3))
        assert len(device.close_all()) == 1


def test_a_full_disk_refuses_and_drops_nothing(queue: Queue, path: Path) -> None:
    device = attester(queue)
    device.take(ASSET, some(0, 5))
    pages = queue._connection.execute("PRAGMA page_count").fetchone()[0]
    queue._connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    with pytest.raises(QueueFullError, match="full"):
        device.take(ASSET, some(5, 500))
    queue._connection.execute("PRAGMA max_page_count = 1000000")
    assert held(path)[1] == some(0, 5)
    device.take(ASSET, some(5, 500))
    assert held(path)[1] == some(0, 500)


class BrokenSigner(FileSigner):
    """Hardware that does not answer."""

    def sign(self, message: bytes) -> bytes:
        raise UnreachableError("the key does not answer")


def test_a_key_that_does_not_answer_loses_nothing(queue: Queue, path: Path) -> None:
    broken = Attester(queue, BrokenSigner(KEY), batches=BatchLimits(readings=4), clock=lambda: NOW_US + 3600 * SECOND)
    broken.take(ASSET, some(0, 3))
    with pytest.raises(UnreachableError):
        broken.take(ASSET, some(3, 5))
    assert held(path)[1] == some(0, 3)
    attester(queue).take(ASSET, some(3, 5))
    assert held(path)[1] == some(0, 5)


def test_nothing_to_take_writes_nothing(queue: Queue, path: Path) -> None:
    assert attester(queue).take(ASSET, []).readings == 0
    assert attester(queue).close_all() == ()
    assert held(path) == ([], [])
