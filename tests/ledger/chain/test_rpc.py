"""The line to the node: what a bad or slow node does is told by its name, within limits."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.chain.rpc import MAX_BATCH_BYTES, MAX_BATCH_CALLS, Fault, Rpc
from ledger.errors import RejectedError, SourceError, SourceTimeoutError, TooLargeError, UnreachableError


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.chain.rpc.PAUSE_S", 0)


@contextmanager
def _node(answer: Callable[[list[dict[str, Any]]], bytes], **options: Any) -> Iterator[tuple[Rpc, list[int]]]:
    """A transport in place of the socket: the bytes are what a node may send, whatever it is."""
    sizes: list[int] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        sizes.append(len(asked))
        return httpx.Response(200, content=answer(asked))

    rpc = Rpc("http://127.0.0.1:1", transport=httpx.MockTransport(handle), **options)
    yield rpc, sizes
    rpc.close()


def _echo(asked: list[dict[str, Any]]) -> bytes:
    answers = [{"jsonrpc": "2.0", "id": one["id"], "result": one["params"]} for one in asked]
    return json.dumps(answers[::-1]).encode()


def test_answers_come_in_the_order_of_the_questions() -> None:
    with _node(_echo) as (rpc, sizes):
        assert rpc.read_many([("a", (number,)) for number in range(1200)]) == [[number] for number in range(1200)]
    assert sizes == [MAX_BATCH_CALLS, MAX_BATCH_CALLS, 200]


def test_long_questions_are_sent_in_parts() -> None:
    with _node(_echo) as (rpc, sizes):
        rpc.write_many([("a", ("x" * (MAX_BATCH_BYTES // 3),))] * 7)
    assert sizes == [2, 2, 2, 1]


def test_nothing_is_asked_for_nothing() -> None:
    with _node(_echo) as (rpc, sizes):
        assert rpc.read_many([]) == []
    assert sizes == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"null",
        b"3",
        b"{}",
        b'{"error": {"code": -32600, "message": "no batches"}}',
        b'[{"id": 7, "result": 1}]',
        b'[{"id": "0", "result": 1}]',
        b'[{"id": -1, "result": 1}]',
        b"[3]",
        b"[[]]",
    ],
)
def test_what_is_no_answer_is_rejected(body: bytes) -> None:
    with _node(lambda _: body) as (rpc, _), pytest.raises(RejectedError):
        rpc.read("eth_chainId")


@given(st.binary(max_size=60))
def test_any_bytes_give_an_answer_or_a_source_error(body: bytes) -> None:
    with _node(lambda _: body) as (rpc, _):
        try:
            rpc.read("eth_chainId")
        except SourceError:
            return


def test_a_question_without_an_answer_is_a_fault() -> None:
    with _node(lambda _: b"[]") as (rpc, _):
        (answer,) = rpc.read_many([("a", ())])
        assert isinstance(answer, Fault)
        with pytest.raises(RejectedError):
            rpc.expect(answer)


@pytest.mark.parametrize(
    ("error", "data", "reverted"),
    [
        ({"code": 3, "message": "execution reverted", "data": "0xdeadbeef"}, b"\xde\xad\xbe\xef", True),
        ({"code": 3, "message": "execution reverted", "data": {"data": "0xdeadbeef"}}, b"\xde\xad\xbe\xef", True),
        ({"code": -32000, "message": "Execution reverted", "data": "Reverted 0x01"}, b"\x01", True),
        ({"code": -32000, "message": "execution reverted"}, b"", True),
        ({"code": -32000, "message": "nonce too low", "data": "zz"}, b"", False),
        ({"code": -32000, "message": "nonce too low", "data": None}, b"", False),
        ("words", b"", False),
    ],
)
def test_faults_of_several_engines(error: object, data: bytes, reverted: bool) -> None:
    body = json.dumps([{"id": 0, "error": error}]).encode()
    with _node(lambda _: body) as (rpc, _):
        (fault,) = rpc.read_many([("a", ())])
    assert (fault.data, fault.reverted) == (data, reverted)


def test_too_large_an_answer_is_cut() -> None:
    with _node(lambda _: b" " * 2000 + b"[]", max_answer_bytes=1000) as (rpc, _), pytest.raises(TooLargeError):
        rpc.read("a")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (httpx.ConnectError, UnreachableError),
        (httpx.ReadTimeout, SourceTimeoutError),
        (httpx.ReadError, UnreachableError),
    ],
)
def test_reads_are_repeated_and_writes_are_not(fault: type[httpx.TransportError], expected: type[SourceError]) -> None:
    tries = 0

    def handle(_: httpx.Request) -> httpx.Response:
        nonlocal tries
        tries += 1
        raise fault("injected")

    rpc = Rpc("http://127.0.0.1:1", transport=httpx.MockTransport(handle))
    with pytest.raises(expected):
        rpc.write_many([("a", ())])
    assert tries == 1
    with pytest.raises(expected):
        rpc.read("a")
    assert tries == 4
    rpc.close()


def test_nobody_listens() -> None:
    rpc = Rpc("http://127.0.0.1:9", timeout_s=1)
    with pytest.raises(UnreachableError):
        rpc.read("eth_chainId")
    rpc.close()
