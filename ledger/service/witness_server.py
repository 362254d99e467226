"""A small HTTP server: few connections, little memory, and a time limit on everything, also on the slowest sender.

One thread does the sockets, one does the work. A request is read whole before anybody looks at it.
"""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus

import h11

from ledger.proof.tlog_text import MAX_REQUEST_BYTES
from ledger.service.witness_request import Request, Response

_CHUNK = 16 * 1024
_LINGER_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server grants to whoever connects.

    Attributes:
        connections: At once; further ones are closed at once.
        requests: On one connection.
        head_bytes: Request line and headers.
        body_bytes: Of a request.
        request_s: From the connection, or the last answer, until the next request is here in full.
        answer_s: For the work.
        send_s: For taking the answer.
        linger_s: For reading on what nobody wants, so that a refusal arrives.
    """

    connections: int = 64
    requests: int = 100
    head_bytes: int = 8 * 1024
    body_bytes: int = MAX_REQUEST_BYTES
    request_s: float = 10.0
    answer_s: float = 30.0
    send_s: float = 10.0
    linger_s: float = 1.0


class HttpServer:
    """Serves one function; whoever is too many, too slow or too large is turned away."""

    def __init__(
        self, answer: Callable[[Request], Response], tell: Callable[[str], None], limits: Limits | None = None
    ) -> None:
        """Nothing listens yet.

        Args:
            answer: Called in one thread, one request after the other.
            tell: Told of a fault of ours, with its traceback.
            limits: The usual ones by default.
        """
        self._function, self._tell, self._limits = answer, tell, limits or Limits()
        self._open = self._waiting = 0

    async def serve(self, host: str, port: int, ready: Callable[[int], None]) -> None:
        """Listen until it is cancelled.

        Args:
            host: Address to listen at.
            port: 0 for a free one.
            ready: Told the port, once connections are taken.

        Raises: OSError, where the address cannot be had.
        """
        with ThreadPoolExecutor(1, thread_name_prefix="witness") as self._worker:
            server = await asyncio.start_server(self._connected, host, port)
            async with server:
                ready(server.sockets[0].getsockname()[1])
                await server.serve_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._open >= self._limits.connections:
            writer.transport.abort()
            return
        self._open += 1
        writer.transport.set_write_buffer_limits(0)  # what was drained has left this process
        try:
            await self._talk(reader, writer)
        except (TimeoutError, OSError):
            pass  # too slow, or gone
        finally:
            self._open -= 1
            writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=self._limits.head_bytes)
        for _ in range(self._limits.requests):
            async with asyncio.timeout(self._limits.request_s):
                request = await self._read(connection, reader)
            if request is None:
                return
            response = await self._answer(request) if isinstance(request, Request) else request
            async with asyncio.timeout(self._limits.send_s):
                await _send(connection, writer, response)
            if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                break
            connection.start_next_cycle()
        await self._linger(reader, writer)

    async def _read(self, connection: h11.Connection, reader: asyncio.StreamReader) -> Request | Response | None:
        """The next request; a response where it is refused unread; None where there is no more."""
        head: h11.Request | None = None
        body = bytearray()
        try:
            while True:
                event = connection.next_event()
                if event is h11.NEED_DATA:
                    connection.receive_data(await reader.read(_CHUNK))
                elif isinstance(event, h11.Request):
                    head = event
                    if event.http_version not in (b"1.0", b"1.1"):
                        return _plain(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
                    if _announced(event) > self._limits.body_bytes:
                        return _plain(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
                elif isinstance(event, h11.Data):
                    body += event.data
                    if len(body) > self._limits.body_bytes:
                        return _plain(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
                elif isinstance(event, h11.EndOfMessage) and head is not None:
                    return Request(head.method.decode("ascii"), head.target.decode("ascii", "replace"), bytes(body))
                else:
                    return None
        except h11.RemoteProtocolError as error:
            return _plain(HTTPStatus(error.error_status_hint))

    async def _answer(self, request: Request) -> Response:
        if request.method == "HEAD":  # its answers bear no content
            return Response(HTTPStatus.METHOD_NOT_ALLOWED.value, b"")
        if self._waiting >= self._limits.connections:  # answers that nobody waits for any more
            return _plain(HTTPStatus.SERVICE_UNAVAILABLE)
        self._waiting += 1
        work = asyncio.get_running_loop().run_in_executor(self._worker, self._work, request)
        work.add_done_callback(self._done)
        try:
            return await asyncio.wait_for(asyncio.shield(work), self._limits.answer_s)
        except TimeoutError:
            return _plain(HTTPStatus.SERVICE_UNAVAILABLE)

    def _done(self, _work: asyncio.Future[Response]) -> None:
        self._waiting -= 1

    def _work(self, request: Request) -> Response:
        try:
            return self._function(request)
        except Exception:  # noqa: BLE001 - one request must not end the server, and its fault is told
            self._tell(traceback.format_exc())
            return _plain(HTTPStatus.INTERNAL_SERVER_ERROR)

    async def _linger(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take what is still on its way, else the last answer could be lost with the connection."""
        writer.write_eof()
        left = _LINGER_BYTES
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._limits.linger_s):
                while left > 0 and (data := await reader.read(_CHUNK)):
                    left -= len(data)


async def _send(connection: h11.Connection, writer: asyncio.StreamWriter, response: Response) -> None:
    headers = {
        "Content-Type": response.content_type,
        "Content-Length": str(len(response.body)),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        **response.headers,
    }
    if connection.their_state is not h11.DONE:  # it was refused unread
        headers["Connection"] = "close"
    head = h11.Response(status_code=response.status, headers=list(headers.items()))
    events: list[h11.Event] = [head, h11.Data(data=response.body), h11.EndOfMessage()]
    for event in events:
        writer.write(connection.send(event) or b"")
    await writer.drain()


def _announced(request: h11.Request) -> int:
    """The length that a request announces; h11 has seen to it that it is a number."""
    return next((int(value) for name, value in request.headers if name == b"content-length"), 0)


def _plain(status: HTTPStatus) -> Response:
    return Response(status.value, f"{status.phrase}\n".encode())
