"""HTTP answers that end with the time for the whole, in whatever part of them a server is slow.

The library's own limit begins anew with every byte that comes: a header a second would hold a reader for ever.
"""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Callable
from functools import partial
from http.client import HTTPConnection, HTTPResponse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl


class TimedReader(io.RawIOBase):
    """What comes from a socket until a deadline."""

    def __init__(self, connected: socket.socket, deadline: float) -> None:
        """``deadline`` is one of ``time.monotonic``."""
        self._socket, self._deadline = connected, deadline
        self._raw = connected.makefile("rb", buffering=0)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what is there, or wait for it as long as there is time.

        Raises: TimeoutError.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """Let the socket go."""
        self._raw.close()
        super().close()


def timed(host: str, port: int | None, timeout_s: float, deadline: float) -> HTTPConnection:
    """A connection whose answer ends by ``deadline``; nothing is asked yet."""
    return _with_deadline(HTTPConnection(host, port, timeout=timeout_s), deadline)


def timed_tls(
    host: str, port: int | None, timeout_s: float, deadline: float, context: ssl.SSLContext
) -> HTTPConnection:
    """The same over TLS."""
    from http.client import HTTPSConnection  # noqa: PLC0415 - TLS is loaded where it is spoken

    return _with_deadline(HTTPSConnection(host, port, timeout=timeout_s, context=context), deadline)


def _with_deadline(connection: HTTPConnection, deadline: float) -> HTTPConnection:
    make: Callable[..., HTTPResponse] = partial(_response, deadline)
    connection.response_class = make  # type: ignore[assignment]
    return connection


def _response(deadline: float, connected: socket.socket, *words: Any, **options: Any) -> HTTPResponse:
    response = HTTPResponse(connected, *words, **options)
    response.fp.close()
    response.fp = io.BufferedReader(TimedReader(connected, deadline))
    return response
