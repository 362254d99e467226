"""Asking a server over HTTP(S), on the standard library alone: bounded in time and size; no redirect, no proxy.

What speaks HTTP and TLS is imported when a server is first asked: whoever verifies files alone does without its 3 MiB.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ledger.errors import (
    ConfigurationError,
    MissingError,
    RejectedError,
    SourceTimeoutError,
    TooLargeError,
    UnreachableError,
)

if TYPE_CHECKING:
    import http.client
    import ssl

_DONE, _NOTHING_THERE = 200, 404
_CHUNK = 65_536
_VISIBLE = re.compile("[!-~]*")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered; *untrusted*.

    Attributes:
        status: Of HTTP.
        headers: Names in lower case.
        body: At most as long as was asked for.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpSource:
    """A server behind a URL; one connection a question. Who calls retries."""

    def __init__(self, url: str, *, timeout_s: float = 30.0, context: ssl.SSLContext | None = None) -> None:
        """Nothing is asked yet.

        Args:
            url: ``https://host[:port][/path]``; ``http`` where the way there is protected otherwise.
            timeout_s: For an answer as a whole, however slowly it comes.
            context: Of TLS; the system's authorities by default.

        Raises: ConfigurationError, for another kind of URL.
        """
        try:
            parts = urlsplit(url)
            self._host, self._port = parts.hostname or "", parts.port
            self._host.encode("idna")
        except ValueError:
            raise ConfigurationError(f"{url[:200]!r} has no host or port that there can be") from None
        if not _VISIBLE.fullmatch(parts.path):
            raise ConfigurationError(f"{url[:200]!r}: write other characters than visible ASCII percent-encoded")
        if parts.scheme not in ("http", "https") or not self._host or parts.query or parts.username:
            raise ConfigurationError(f"{url[:200]!r} is not http(s)://host[:port][/path]")
        self.name, self._path, self._timeout_s = url, parts.path.rstrip("/"), timeout_s
        self._context = (context or _system_authorities()) if parts.scheme == "https" else None

    def get(self, path: str, most: int) -> bytes:
        """Fetch what stands under a path, which begins with a slash.

        Raises:
            MissingError: There is nothing.
            RejectedError: The server answers otherwise.
            SourceError: It does not answer, or with more than ``most`` bytes.
        """
        reply = self.ask("GET", path, None, {}, most)
        if reply.status == _NOTHING_THERE:
            raise MissingError(f"{self.name} has nothing at {path[:100]}")
        if reply.status != _DONE:
            raise RejectedError(f"{self.name} answers {reply.status} at {path[:100]}")
        return reply.body

    def ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], most: int) -> Reply:
        """Ask one question.

        Raises: SourceTimeoutError, UnreachableError, TooLargeError.
        """
        from http.client import HTTPException  # noqa: PLC0415 - see the module

        connection = self._connection(time.monotonic() + self._timeout_s)
        try:
            connection.request(method, self._path + path, body, {**headers, "Connection": "close"})
            with connection.getresponse() as response:  # it holds the socket, where the server closes after it
                data = self._read(response, most)
                return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, data)
        except TimeoutError:
            raise SourceTimeoutError(f"{self.name} did not answer within {self._timeout_s:g} s") from None
        except (OSError, HTTPException) as error:
            raise UnreachableError(f"{self.name}: {str(error) or type(error).__name__}") from None
        finally:
            connection.close()

    def _connection(self, deadline: float) -> http.client.HTTPConnection:
        from light_node.http_timing import timed, timed_tls  # noqa: PLC0415 - see the module

        if self._context is None:
            return timed(self._host, self._port, self._timeout_s, deadline)
        return timed_tls(self._host, self._port, self._timeout_s, deadline, self._context)

    def _read(self, response: http.client.HTTPResponse, most: int) -> bytes:
        data = bytearray()
        while chunk := response.read1(_CHUNK):
            data += chunk
            if len(data) > most:
                raise TooLargeError(f"{self.name}: an answer over {most} bytes")
        if response.length:
            raise UnreachableError(f"{self.name}: the answer broke off")
        return bytes(data)


def _system_authorities() -> ssl.SSLContext:
    from ssl import create_default_context  # noqa: PLC0415 - see the module

    return create_default_context()
