"""Metrics and health over HTTP: GET alone, few connections, and a time limit on each. One thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from ledger.errors import ConfigurationError

MAX_CONNECTIONS = 16
MAX_REQUEST_BYTES = 8 * 1024
REQUEST_S = 5.0
_START_S = 10.0


@dataclass(frozen=True, slots=True)
class Page:
    """What is answered."""

    status: int
    content_type: str
    body: bytes


class StatusServer:
    """Serves a few pages from a thread of its own; whoever is too many, too slow or too large is turned away."""

    def __init__(self, pages: Mapping[str, Callable[[], Page]]) -> None:
        """Nothing listens yet; ``pages`` are asked for by path, in the server's thread."""
        self._pages, self._open = pages, 0
        self._ready, self._refused = threading.Event(), ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self.port = 0

    def start(self, host: str, port: int) -> None:
        """Listen, and return once connections are taken.

        Raises: ConfigurationError, where the address cannot be had.
        """
        run = threading.Thread(target=lambda: asyncio.run(self._serve(host, port)), name="status", daemon=True)
        run.start()
        if not self._ready.wait(_START_S) or self._refused:
            raise ConfigurationError(f"cannot listen at {host}:{port}: {self._refused or 'no answer'}")
        self._thread = run

    def close(self) -> None:
        """Stop listening; once more does nothing."""
        loop, self._loop = self._loop, None
        if loop is not None and self._ended is not None:
            loop.call_soon_threadsafe(self._ended.set)
            self._thread.join(_START_S)

    async def _serve(self, host: str, port: int) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        try:
            server = await asyncio.start_server(self._connected, host, port, limit=MAX_REQUEST_BYTES)
        except OSError as error:
            self._refused = error.strerror or str(error)
            self._ready.set()
            return
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._ended.wait()
        server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._open >= MAX_CONNECTIONS:
            writer.transport.abort()
            return
        self._open += 1
        try:
            async with asyncio.timeout(REQUEST_S):
                writer.write(_encoded(await self._answer(reader)))
                await writer.drain()
                writer.write_eof()
                await reader.read(MAX_REQUEST_BYTES)  # until the other side has it
        except (TimeoutError, OSError):
            pass  # too slow, or gone
        finally:
            self._open -= 1
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader) -> Page:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return _plain(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        except asyncio.IncompleteReadError:
            return _plain(HTTPStatus.BAD_REQUEST)
        method, _, rest = head.split(b"\r\n", 1)[0].partition(b" ")
        path, _, version = rest.partition(b" ")
        if version not in (b"HTTP/1.0", b"HTTP/1.1"):
            return _plain(HTTPStatus.BAD_REQUEST)
        page = self._pages.get(path.decode("ascii", "replace"))
        if page is None:
            return _plain(HTTPStatus.NOT_FOUND)
        return page() if method == b"GET" else _plain(HTTPStatus.METHOD_NOT_ALLOWED)


def _plain(status: HTTPStatus) -> Page:
    return Page(status.value, "text/plain; charset=utf-8", f"{status.phrase}\n".encode())


def _encoded(page: Page) -> bytes:
    head = (
        f"HTTP/1.1 {page.status} {HTTPStatus(page.status).phrase}\r\n"
        f"Content-Type: {page.content_type}\r\n"
        f"Content-Length: {len(page.body)}\r\n"
        "Cache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        f"{_allow(page)}"
        "Connection: close\r\n\r\n"
    )
    return head.encode("ascii") + page.body


def _allow(page: Page) -> str:
    return "Allow: GET\r\n" if page.status == HTTPStatus.METHOD_NOT_ALLOWED else ""
