"""Submission: whatever gateway and network do, nothing is deleted without a proof, and everything comes at last."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.errors import ConfigurationError, QueueFullError, SourceTimeoutError, TooLargeError, UnreachableError
from light_node.back_off import BackOff
from light_node.edge.attester import EdgeAsset
from light_node.edge.gateway_client import HttpGateway
from light_node.edge.outgoing import Outgoing
from light_node.edge.queue import Queue, QueueLimits
from light_node.edge.statement import VerifiedStatement
from light_node.edge.submission import Round, submit
from tests.light_node.edge.gateway_double import Told, serving
from tests.light_node.edge.making import KEY, LOG, NOW_US, OTHER_KEY, SECOND, attester, reading
from tests.light_node.edge.receiver import WAIT, Receiver, Reply, fill, submitter
from tests.simulator.world import MAKER, World


@pytest.fixture
def receiver(world: World) -> Receiver:
    return Receiver(world)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


@pytest.fixture
def outgoing(path: Path, receiver: Receiver) -> Iterator[Outgoing]:
    """A queue with three batches about the world's battery."""
    fill(path, receiver.world, range(12))
    with Outgoing(path) as opened:
        yield opened


@pytest.fixture
def told(receiver: Receiver) -> Told:
    return Told(receiver.answer)


@pytest.fixture
def url(told: Told) -> Iterator[str]:
    with serving(told) as address:
        yield address


def finish(outgoing: Outgoing, url: str, world: World) -> list[float]:
    """Submit until nothing is left; returns how long it would have slept each time."""
    sleeps: list[float] = []
    back_off = BackOff(lambda: 0.5)
    submit(submitter(outgoing, url, world), back_off, sleep=sleeps.append, until=lambda _: empty(outgoing))
    return sleeps


def empty(outgoing: Outgoing) -> bool:
    return not outgoing.state().readings


# ---- honest --------------------------------------------------------------------------------------------------------


def test_batches_are_deleted_after_their_proof(outgoing: Outgoing, url: str, receiver: Receiver) -> None:
    finish(outgoing, url, receiver.world)
    assert empty(outgoing)
    (delivered,) = outgoing.state().delivered
    assert (delivered.batches, delivered.readings) == (3, 12)
    assert delivered.lag_seconds > 3600
    assert outgoing.proven_up_to() == delivered.block_number > 0


def test_a_receipt_that_comes_later_is_asked_for_without_sending_again(
    outgoing: Outgoing, url: str, receiver: Receiver
) -> None:
    def later(method: str, statement: VerifiedStatement | None) -> Reply | str:
        if statement is not None:
            receiver.taken[statement.digest.hex()] = statement
        return WAIT if method == "PUT" else "go on"

    receiver.before = later
    first = submitter(outgoing, url, receiver.world)
    assert first.round().pending == 3
    assert not empty(outgoing)
    told = first.round()
    assert (len(told.delivered), receiver.bodies) == (3, 3)


def test_one_receipt_proves_all_batches_that_it_shows(
    outgoing: Outgoing, url: str, receiver: Receiver, told: Told
) -> None:
    def all_at_once(method: str, statement: VerifiedStatement | None) -> Reply | str:
        if statement is not None:
            receiver.taken[statement.digest.hex()] = statement
            return WAIT
        for digest in receiver.taken:
            receiver.attest(digest)
        return "go on"

    receiver.before = all_at_once
    sender = submitter(outgoing, url, receiver.world)
    sender.round()
    assert len(sender.round().delivered) == 3
    assert [method for method, _ in told.asked] == ["PUT"] * 3 + ["GET"]


def test_a_gateway_that_forgot_is_sent_the_batch_again(outgoing: Outgoing, url: str, receiver: Receiver) -> None:
    receiver.before = lambda method, _: WAIT if method == "PUT" else "go on"
    sender = submitter(outgoing, url, receiver.world)
    sender.round()
    receiver.before = lambda *_: "go on"
    assert len(sender.round().delivered) == 3


def test_another_process_sends_the_same_again_and_nothing_comes_twice(
    outgoing: Outgoing, url: str, receiver: Receiver
) -> None:
    def lost(_: str, statement: VerifiedStatement | None) -> Reply:
        if statement is not None:
            receiver.taken[statement.digest.hex()] = statement
            receiver.attest(statement.digest.hex())
        return None

    receiver.before = lost
    assert submitter(outgoing, url, receiver.world).round().failed
    receiver.before = lambda *_: "go on"
    finish(outgoing, url, receiver.world)
    assert len(receiver.attested) == 3


def test_the_last_batches_of_an_old_key_are_sent_too(
    path: Path, outgoing: Outgoing, url: str, receiver: Receiver
) -> None:
    with Queue(path) as queue:
        asset = EdgeAsset(receiver.world.battery.subject, LOG)
        attester(queue, key=OTHER_KEY).take(asset, [reading(n, taken_at_us=NOW_US - SECOND + n) for n in range(4)])
    finish(outgoing, url, receiver.world)
    assert {one.key_id for one in outgoing.state().delivered} == {KEY.public.key_id, OTHER_KEY.public.key_id}


# ---- a gateway that fails ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply", [None, (503, b"busy", {}), (500, b"", {}), (429, b"", {}), (408, b"", {}), (302, b"", {})]
)
def test_failures_are_tried_again_with_longer_waits(
    outgoing: Outgoing, url: str, receiver: Receiver, reply: Reply
) -> None:
    left = 15

    def fail(*_: object) -> Reply | str:
        nonlocal left
        left -= 1
        return reply if left > 0 else "go on"

    receiver.before = fail
    sleeps = finish(outgoing, url, receiver.world)
    assert sleeps[:10] == [0.75, 1.5, 3, 6, 12, 24, 48, 96, 192, 225]
    assert len(receiver.attested) == 3


def test_the_gateway_may_ask_to_be_left_alone(outgoing: Outgoing, url: str, receiver: Receiver) -> None:
    receiver.before = lambda *_: (503, b"", {"Retry-After": "120"})
    sleeps: list[float] = []
    rounds = iter([False, True])
    submit(
        submitter(outgoing, url, receiver.world), BackOff(lambda: 0), sleep=sleeps.append, until=lambda _: next(rounds)
    )
    assert sleeps == [120]


@pytest.mark.parametrize("value", ["soon", "-1", "1e9", "", "99999999999999"])
def test_but_not_for_ever(outgoing: Outgoing, url: str, receiver: Receiver, value: str) -> None:
    receiver.before = lambda *_: (503, b"", {"Retry-After": value})
    assert 0 <= submitter(outgoing, url, receiver.world).round().wait_s <= 3600


def test_waits_double_are_bounded_and_differ() -> None:
    steady = BackOff(lambda: 1.0)
    assert [steady.wait_s(n) for n in (1, 2, 3, 9, 10, 1000)] == [1, 2, 4, 256, 300, 300]
    assert BackOff(lambda: 0.0).wait_s(1) == 0.5


@pytest.mark.parametrize("status", [400, 403, 409, 413, 422])
def test_a_refused_batch_is_kept_with_the_reason_and_not_sent_again(
    outgoing: Outgoing, url: str, receiver: Receiver, told: Told, status: int
) -> None:
    first = next(outgoing.waiting()).digest
    receiver.before = lambda _, statement: (
        (status, b"the key is revoked", {}) if statement and statement.digest == first else "go on"
    )
    sender = submitter(outgoing, url, receiver.world)
    assert (sender.round().refused, sender.round().refused) == (1, 1)
    assert sum(first.hex() in path for _, path in told.asked) == 1
    (left,) = outgoing.waiting()
    assert left.refused == f"{status}: the key is revoked"
    assert outgoing.readings(left.number)
    outgoing.refuse(first, "")
    receiver.before = lambda *_: "go on"
    finish(outgoing, url, receiver.world)


@pytest.mark.parametrize("reply", [WAIT, (200, b"recorded, believe me", {})])
def test_a_gateway_that_drops_everything_fills_the_queue_and_nothing_is_lost(
    path: Path, outgoing: Outgoing, url: str, receiver: Receiver, reply: Reply
) -> None:
    """What is full refuses; what it holds is delivered once, as soon as somebody takes it."""
    receiver.before = lambda *_: reply
    sender = submitter(outgoing, url, receiver.world)
    assert [sender.round().delivered for _ in range(3)] == [[], [], []]
    with Queue(path, QueueLimits(readings=14)) as queue:
        device, asset = attester(queue), EdgeAsset(receiver.world.battery.subject, LOG)
        with pytest.raises(QueueFullError):
            device.take(asset, [reading(n, taken_at_us=NOW_US - SECOND + n) for n in range(4)])
    assert outgoing.state().readings == 12
    receiver.before = lambda *_: "go on"
    finish(outgoing, url, receiver.world)
    assert len(receiver.attested) == 3


# ---- a gateway that lies -------------------------------------------------------------------------------------------


def test_what_is_no_proof_deletes_nothing(outgoing: Outgoing, url: str, receiver: Receiver) -> None:
    world = receiver.world
    true = world.chain.file(world.battery)
    lies = [b"", b"ok", b"{}", true, true[:-1], true.replace(b"0x", b"0X", 1), b"\xff" * 1000]
    for lie in lies:
        receiver.before = lambda *_, lie=lie: (200, lie, {})  # type: ignore[misc]
        told = submitter(outgoing, url, world).round()
        assert (told.delivered, told.failed) == ([], True)
        assert outgoing.state().readings == 12
    receiver.before = lambda *_: "go on"
    finish(outgoing, url, world)


def test_a_receipt_by_another_members_word_deletes_nothing(outgoing: Outgoing, url: str, receiver: Receiver) -> None:
    assert submitter(outgoing, url, receiver.world, MAKER + 1).round().delivered == []
    assert outgoing.state().readings == 12


def test_a_receipt_for_another_batch_deletes_that_one_alone(outgoing: Outgoing, url: str, receiver: Receiver) -> None:
    def take(_: str, statement: VerifiedStatement | None) -> Reply:
        if statement is not None:
            receiver.taken[statement.digest.hex()] = statement
        return WAIT

    receiver.before = take
    sender = submitter(outgoing, url, receiver.world)
    sender.round()
    last = list(receiver.taken)[-1]
    receiver.before = lambda *_: receiver.receipt(last)
    (only,) = sender.round().delivered
    assert only.digest.hex() == last
    assert outgoing.state().readings == 8


def test_an_older_chain_than_was_accepted_deletes_nothing(
    path: Path, outgoing: Outgoing, url: str, receiver: Receiver
) -> None:
    finish(outgoing, url, receiver.world)
    fill(path, receiver.world, range(12, 16))
    world = receiver.world
    digest = next(outgoing.waiting()).digest.hex()
    old = world.chain.blocks[1]
    receiver.before = lambda _, statement: (
        (200, world.chain.file(world.battery, block=old), {})
        if statement is None or receiver.taken.setdefault(digest, statement)
        else "go on"
    )
    told = submitter(outgoing, url, world).round()
    assert told.delivered == []
    assert outgoing.state().readings == 4


# ---- the wire ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["", "ftp://host", "http://", "https:///x", "http://user:word@host", "http://h:x", "http://h:99999", "http://h?q"],
)
def test_another_kind_of_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        HttpGateway(url)


def raw_server(answer: bytes, hold: threading.Event) -> tuple[str, threading.Thread]:
    listening = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        with listening, listening.accept()[0] as connection:
            connection.recv(65_536)
            connection.sendall(answer)
            hold.wait(10)

    thread = threading.Thread(target=run)
    thread.start()
    return f"http://127.0.0.1:{listening.getsockname()[1]}", thread


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", SourceTimeoutError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", SourceTimeoutError),
        (b"SSH-2.0-OpenSSH\r\n", UnreachableError),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", UnreachableError),
    ],
)
def test_a_bad_answer_is_an_error_in_time(answer: bytes, error: type[Exception]) -> None:
    hold = threading.Event()
    url, thread = raw_server(answer, hold)
    with pytest.raises(error):
        HttpGateway(url, timeout_s=0.5).get(b"\0" * 32, 0)
    hold.set()
    thread.join()


def test_an_answer_that_breaks_off_is_an_error() -> None:
    hold = threading.Event()
    hold.set()
    url, thread = raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", hold)
    with pytest.raises(UnreachableError):
        HttpGateway(url, timeout_s=5).get(b"\0" * 32, 0)
    thread.join()


def test_an_answer_without_an_end_is_an_error(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    monkeypatch.setattr("light_node.edge.gateway_client.MAX_ANSWER_BYTES", 1000)
    told = Told(lambda *_: (200, b"x" * 5000, {}))
    with serving(told) as url, pytest.raises(TooLargeError):
        HttpGateway(url).get(b"\0" * 32, 0)


def test_nobody_there_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(UnreachableError):
        HttpGateway(f"http://127.0.0.1:{port}", timeout_s=2).get(b"\0" * 32, 0)


def test_a_path_before_the_batches_is_kept() -> None:
    told = Told(lambda *_: (404, b"", {}))
    with serving(told) as url:
        HttpGateway(f"{url}/edge/").get(b"\x01" * 32, 7)
    assert told.asked == [("GET", f"/edge/batches/{'01' * 32}?from=7")]


def test_a_round_is_told(outgoing: Outgoing, url: str, receiver: Receiver) -> None:
    rounds: list[Round] = []
    submit(submitter(outgoing, url, receiver.world), BackOff(lambda: 0.5), sleep=lambda _: None, tell=rounds.append)
    assert sum(len(told.delivered) for told in rounds) == 3
