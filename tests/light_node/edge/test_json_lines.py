"""JSON lines: each a reading or refused with its number; what is wrong with a value is flagged, not refused."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.errors import MalformedError, QueueFullError
from light_node.edge.json_lines import MAX_LINE_BYTES, JsonLines, parse_line
from light_node.edge.outgoing import Outgoing
from light_node.edge.queue import Queue, QueueLimits
from light_node.edge.reading import Reading
from light_node.edge.source import Item, Pace, Run
from tests.light_node.edge.making import ASSET, NOW_US, OTHER_ASSET, attester, held, included

LINE = (
    b'{"asset":"pack","quantity":"voltage","value":390.5,"unit":"volt","sensor":"bms","taken_at_us":1790000000000000}'
)
READING = Reading("voltage", 390.5, "volt", NOW_US, "bms")
ASSETS = {"pack": ASSET, "car": OTHER_ASSET}


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    for end in (reading, writing):
        with contextlib.suppress(OSError):
            os.close(end)


def test_a_line_is_a_reading() -> None:
    assert parse_line(LINE, None, 7) == Item("pack", READING)


def test_time_and_asset_may_be_left_out() -> None:
    line = b'{"quantity":"voltage","value":null,"unit":"volt","sensor":"bms"}'
    assert parse_line(line, "pack", NOW_US) == Item("pack", READING._replace(value=None))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"value":390.5', b'"value":true'),
        (b'"value":390.5', b'"value":[1]'),
        (b'"value":390.5', b'"value":NaN'),
        (b'"value":390.5', b'"value":1,"value":2'),
        (b'"value":390.5,', b""),
        (b'"sensor":"bms",', b""),
        (b'"sensor":"bms"', b'"sensor":7'),
        (b'"quantity":"voltage"', b'"quantity":null'),
        (b'"asset":"pack",', b""),
        (b'"asset":"pack"', b'"asset":7'),
        (b"1790000000000000", b"1790000000000000.5"),
        (b"1790000000000000", b'"2026-01-01"'),
        (b'"asset"', b'"vin"'),
        (b"{", b"["),
        (b"}", b""),
    ],
)
def test_what_is_no_reading_is_refused(old: bytes, new: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_line(LINE.replace(old, new), None, NOW_US)


def collect(source: JsonLines) -> list[Item]:
    items: list[Item] = []
    while (more := source.read(0.01)) is not None:
        items += more
    return items


def test_lines_come_in_any_pieces(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    refused: list[str] = []
    data = b"\n" + LINE + b"\njunk\n" + LINE + b"\r\n" + LINE  # the last without its line feed

    def write() -> None:
        for at in range(0, len(data), 7):
            os.write(writing, data[at : at + 7])
        os.close(writing)

    thread = threading.Thread(target=write)
    thread.start()
    assert collect(JsonLines(reading, None, refused.append)) == [Item("pack", READING)] * 3
    thread.join()
    assert [text.split(":")[0] for text in refused] == ["line 3"]


def test_a_line_without_an_end_is_let_go_and_said(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    refused: list[str] = []
    source = JsonLines(reading, None, refused.append)
    for _ in range(5):
        os.write(writing, b"x" * MAX_LINE_BYTES)
        source.read(0.01)
        assert len(source._rest) <= MAX_LINE_BYTES
    os.write(writing, b"\n" + LINE + b"\n")
    os.close(writing)
    assert collect(source) == [Item("pack", READING)]
    assert [text.split(":")[0] for text in refused] == ["line 1"]


def test_an_idle_pipe_gives_nothing_and_is_not_the_end(pipe: tuple[int, int]) -> None:
    assert JsonLines(pipe[0], None, print).read(0.01) == ()


# ---- into the queue --------------------------------------------------------------------------------------------------


def lines(count: int) -> bytes:
    return b"".join(LINE.replace(b"390.5", str(n).encode()) + b"\n" for n in range(count))


def feed(pipe: tuple[int, int], data: bytes) -> JsonLines:
    os.write(pipe[1], data)
    os.close(pipe[1])
    return JsonLines(pipe[0], None, print)


def test_lines_go_into_the_queue_and_others_are_refused(pipe: tuple[int, int], tmp_path: Path) -> None:
    refused: list[str] = []
    data = lines(10) + LINE.replace(b"pack", b"boat") + b"\n" + LINE.replace(b"voltage", b"Voltage") + b"\n" + lines(1)
    with Queue(tmp_path / "queue.db") as queue:
        run = Run(attester(queue), ASSETS, Pace(), on_refused=refused.append)
        told = run.run(feed(pipe, data), positions=queue.position)
    assert (told.readings, told.refused) == (11, 2)
    assert "boat" in refused[0]
    assert [one.value for one in held(tmp_path / "queue.db")[1]] == [*range(10), 0]


def test_a_full_queue_holds_the_source_up(pipe: tuple[int, int], tmp_path: Path) -> None:
    waits: list[float] = []
    path = tmp_path / "queue.db"

    def deliver(seconds: float) -> None:
        waits.append(seconds)
        with Outgoing(path) as outgoing:
            for waiting in outgoing.waiting():
                outgoing.delete(included(waiting.digest))

    with Queue(path, QueueLimits(readings=9)) as queue:
        run = Run(attester(queue), ASSETS, Pace(group=1), sleep=deliver)
        for at in range(0, 30, 5):
            reading, writing = os.pipe()
            told = run.run(feed((reading, writing), lines(5)), positions=queue.position)
            os.close(reading)
            assert told.readings == at + 5
        with Outgoing(path) as outgoing:
            assert sum(one.readings for one in outgoing.state().delivered) + outgoing.state().readings == 30
    assert waits


def test_or_ends_the_run_with_everything_that_was_taken(pipe: tuple[int, int], tmp_path: Path) -> None:
    path = tmp_path / "queue.db"
    with Queue(path, QueueLimits(readings=9)) as queue:
        run = Run(attester(queue), ASSETS, Pace(group=1, wait_when_full=False))
        run.run(feed(pipe, lines(5)), positions=queue.position)
        reading, writing = os.pipe()
        with pytest.raises(QueueFullError):
            run.run(feed((reading, writing), lines(5)), positions=queue.position)
        os.close(reading)
    assert len(held(path)[1]) == 5
