"""The server on a real socket: it serves, and turns away who is too many, too slow, too large or not HTTP."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import httpx
import pytest

from ledger.service.witness_request import Request, Response
from ledger.service.witness_server import Limits
from tests.ledger.service.witness.running import Running

LIMITS = Limits(connections=4, requests=3, body_bytes=10_000, request_s=0.6, answer_s=0.6, send_s=0.6, linger_s=0.3)
SLOWEST_S = 4.0


class Echo:
    """Answers with what it was asked; some targets misbehave."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.threads: set[int] = set()
        self.hold = threading.Event()

    def __call__(self, request: Request) -> Response:
        self.asked.append(request)
        self.threads.add(threading.get_ident())
        if request.target == "/fault":
            raise RuntimeError("with a secret")
        if request.target == "/hold":
            self.hold.wait(10)
        if request.target == "/large":
            return Response(200, bytes(50_000_000))
        return Response(200, request.method.encode() + b" " + request.target.encode() + b" " + request.body)


def everything(connection: socket.socket) -> bytes:
    """All that comes until the server closes."""
    found = bytearray()
    try:
        while data := connection.recv(65536):
            found += data
    except ConnectionResetError:
        pass
    return bytes(found)


class Served(Running):
    """The server with the echo behind it."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.echo = Echo()
        super().__init__(self.echo, limits)

    def exchange(self, data: bytes) -> bytes:
        with self.raw(data) as connection:
            return everything(connection)

    def close(self) -> None:
        self.echo.hold.set()
        super().close()


@pytest.fixture
def server() -> Iterator[Served]:
    running = Served()
    try:
        yield running
    finally:
        running.close()


def test_it_answers_and_keeps_the_connection_for_a_few_requests(server: Served) -> None:
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        for _ in range(LIMITS.requests + 2):
            response = client.post("/add-checkpoint", content=b"body")
            assert (response.status_code, response.text) == (200, "POST /add-checkpoint body")
            assert response.headers["cache-control"] == "no-store"
    assert len(server.echo.threads) == 1


def test_a_target_comes_as_it_was_sent(server: Served) -> None:
    answer = server.exchange(b"GET /a/../b%20c?x=%00+y HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.endswith(b"GET /a/../b%20c?x=%00+y ")


def test_a_body_in_chunks(server: Served) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert server.exchange(head + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").endswith(b"POST / abcde")


@pytest.mark.parametrize("length", [LIMITS.body_bytes + 1, 10**9, 10**30])
def test_an_announced_body_that_is_too_large(server: Served, length: int) -> None:
    answer = server.exchange(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\nabc".encode())
    assert answer.startswith((b"HTTP/1.1 413 ", b"HTTP/1.1 400 "))
    assert server.echo.asked == []


def test_a_large_body_is_refused_although_it_is_still_being_sent(server: Served) -> None:
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        assert client.post("/", content=bytes(LIMITS.body_bytes + 1)).status_code == 413
        assert client.post("/", content=iter([bytes(5000)] * 3)).status_code == 413
    assert server.echo.asked == []


def test_a_body_at_the_limit_is_taken(server: Served) -> None:
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        assert client.post("/", content=bytes(LIMITS.body_bytes)).status_code == 200


def test_headers_without_end(server: Served) -> None:
    answer = server.exchange(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 5000)
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert server.echo.asked == []


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -3\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: gzip\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc",
        b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_what_is_not_http(server: Served, data: bytes) -> None:
    answer = server.exchange(data)
    assert answer == b"" or answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 ", b"HTTP/1.1 505 ")), answer
    assert server.echo.asked == []


def test_head_bears_no_content(server: Served) -> None:
    answer = server.exchange(b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert answer.endswith(b"\r\n\r\n")


def test_who_sends_nothing_is_put_out(server: Served) -> None:
    began = time.monotonic()
    assert server.exchange(b"") == b""
    assert time.monotonic() - began < SLOWEST_S


@pytest.mark.parametrize(
    "start", [b"", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n"]
)
def test_slow_loris_one_byte_after_the_other(server: Served, start: bytes) -> None:
    began = time.monotonic()
    with server.raw(start) as connection, suppress(OSError):  # reset or broken pipe, as the system says it
        while time.monotonic() - began < SLOWEST_S:
            connection.sendall(b"x")
            time.sleep(0.05)
    assert time.monotonic() - began < SLOWEST_S
    assert server.echo.asked == []


def test_who_does_not_take_the_answer_gives_its_place_back() -> None:
    server = Served(replace(LIMITS, connections=1))
    try:
        with server.raw() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(LIMITS.send_s / 2)
            assert server.exchange(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") == b""
            time.sleep(LIMITS.send_s)
            assert httpx.get(server.url, trust_env=False).status_code == 200
    finally:
        server.close()


def test_too_many_at_once_are_closed_and_the_next_ones_served(server: Served) -> None:
    waiting = [socket.create_connection(("127.0.0.1", server.port), 5) for _ in range(LIMITS.connections)]
    try:
        time.sleep(0.1)
        assert server.exchange(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") == b""
    finally:
        for connection in waiting:
            connection.close()
    time.sleep(0.1)
    assert httpx.get(server.url, trust_env=False).status_code == 200


def test_many_slow_ones_start_no_threads(server: Served) -> None:
    before = threading.active_count()
    waiting = [socket.create_connection(("127.0.0.1", server.port), 5) for _ in range(50)]
    time.sleep(0.1)
    assert threading.active_count() <= before + 1
    for connection in waiting:
        connection.close()


def test_work_that_takes_too_long_is_answered_for_and_later_requests_wait_no_longer(server: Served) -> None:
    began = time.monotonic()
    for _ in range(2):
        assert httpx.get(f"{server.url}/hold", trust_env=False, timeout=5).status_code == 503
    assert time.monotonic() - began < SLOWEST_S
    server.echo.hold.set()
    time.sleep(0.1)
    assert httpx.get(server.url, trust_env=False).status_code == 200


def test_work_that_nobody_waits_for_does_not_pile_up(server: Served) -> None:
    for _ in range(LIMITS.connections):
        assert httpx.get(f"{server.url}/hold", trust_env=False, timeout=5).status_code == 503
    began = time.monotonic()
    assert httpx.get(server.url, trust_env=False, timeout=5).status_code == 503
    assert time.monotonic() - began < LIMITS.answer_s / 2


def test_a_fault_of_ours_is_told_here_and_not_there(server: Served) -> None:
    response = httpx.get(f"{server.url}/fault", trust_env=False)
    assert (response.status_code, response.text) == (500, "Internal Server Error\n")
    assert "with a secret" in server.told[0]
    assert httpx.get(server.url, trust_env=False).status_code == 200


def test_requests_behind_each_other_are_answered_in_order(server: Served) -> None:
    one = b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = server.exchange(b"".join(one % number for number in range(10)))
    assert [answer.count(b"GET /%d " % number) for number in range(4)] == [1, 1, 1, 0]


def test_the_usual_limits_are_finite() -> None:
    usual = Limits()
    assert replace(usual, body_bytes=70_000).body_bytes > 64 * 1024
    assert usual.connections * usual.body_bytes < 16 * 1024 * 1024
    assert usual.request_s + usual.answer_s + usual.send_s < 60
