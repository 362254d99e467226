"""A server may answer as slowly as it likes, in any part of its answer: the time for the whole stands."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count

import pytest

from ledger.errors import ConfigurationError, SourceError, SourceTimeoutError, TooLargeError, UnreachableError
from light_node.http_source import HttpSource

LIMIT_S, PAUSE_S = 0.5, 0.1
OK = b"HTTP/1.1 200 OK\r\n"
Pieces = Callable[[], Iterator[bytes]]


@contextmanager
def answering(pieces: Pieces) -> Iterator[HttpSource]:
    """A server that sends one piece after the other, with a pause between, until nobody listens."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                connection.recv(65_536)
                for piece in pieces():
                    connection.sendall(piece)
                    time.sleep(PAUSE_S)

    work = threading.Thread(target=serve, daemon=True)
    work.start()
    yield HttpSource(f"http://127.0.0.1:{listening.getsockname()[1]}", timeout_s=LIMIT_S)
    listening.close()
    work.join(5)


def _status() -> Iterator[bytes]:
    yield b"HTTP/1.1 200 "
    yield from (b"O" for _ in count())


def _headers() -> Iterator[bytes]:
    yield OK
    yield from (b"X-%d: a\r\n" % number for number in count())


def _one_header() -> Iterator[bytes]:
    yield OK + b"X: "
    yield from (b"a" for _ in count())


def _interim() -> Iterator[bytes]:
    yield from (b"HTTP/1.1 100 Continue\r\n\r\n" for _ in count())


def _body() -> Iterator[bytes]:
    yield OK + b"Content-Length: 1000\r\n\r\n"
    yield from (b"a" for _ in count())


def _chunks() -> Iterator[bytes]:
    yield OK + b"Transfer-Encoding: chunked\r\n\r\n"
    yield from (b"1\r\na\r\n" for _ in count())


def _length_of_a_chunk() -> Iterator[bytes]:
    yield OK + b"Transfer-Encoding: chunked\r\n\r\n"
    yield from (b"0" for _ in count())


def _trailers() -> Iterator[bytes]:
    yield OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"
    yield from (b"X: a\r\n" for _ in count())


def _nothing() -> Iterator[bytes]:
    yield from (b"" for _ in range(20))


@pytest.mark.parametrize(
    "pieces", [_status, _headers, _one_header, _interim, _body, _chunks, _length_of_a_chunk, _trailers, _nothing]
)
def test_a_trickle_ends_with_the_time_for_the_whole(pieces: Pieces) -> None:
    with answering(pieces) as source:
        began = time.monotonic()
        with pytest.raises(SourceTimeoutError):
            source.get("/", 10_000)
        assert time.monotonic() - began < 2 * LIMIT_S


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", UnreachableError),
        (b"no HTTP\r\n\r\n", UnreachableError),
        (OK + b"Content-Length: 1000\r\n\r\na", UnreachableError),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\na", UnreachableError),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nno\r\na", UnreachableError),
        (OK + b"X: a\r\n" * 1000 + b"\r\n", UnreachableError),
        (OK + b"X: " + b"a" * 100_000 + b"\r\n\r\n", UnreachableError),
        (OK + b"Content-Length: -5\r\n\r\n" + b"a" * 20_000, TooLargeError),
        (OK + b"Content-Length: 100000000000\r\n\r\n" + b"a" * 20_000, TooLargeError),
        (OK + b"\r\n" + b"a" * 20_000, TooLargeError),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", SourceError),
    ],
)
def test_an_answer_that_is_none_is_an_error_of_ours(answer: bytes, error: type[SourceError]) -> None:
    with answering(lambda: iter([answer])) as source, pytest.raises(error):
        source.get("/", 10_000)


@pytest.mark.parametrize(
    "url",
    [
        *("", "x", "ftp://x", "http://", "http:///x", "http://[x", "http://x:99999", "http://x:y", "http://x?y"),
        *(
            "http://..",
            f"http://{'a' * 64}",
            "http://\udcff",
            "http://u@x",
            "http://x/é",
            "http://x/a b",
            "http://x/\x7f",
        ),
    ],
)
def test_a_url_that_nobody_can_answer_is_refused_before_it_is_asked(url: str) -> None:
    with pytest.raises(ConfigurationError):
        HttpSource(url)


@pytest.mark.parametrize(
    "pieces",
    [
        [OK, b"Content-Length: 3\r\n\r\n", b"abc"],
        [OK + b"\r\n", b"a", b"bc"],
        [b"HTTP/1.1 100 Continue\r\n\r\n", OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"],
    ],
)
def test_an_answer_in_pieces_is_put_together(pieces: list[bytes]) -> None:
    with answering(lambda: iter(pieces)) as source:
        assert source.get("/", 10_000) == b"abc"
