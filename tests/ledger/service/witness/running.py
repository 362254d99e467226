"""The real server in a thread of this process, for whatever is to answer."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ledger.service.witness_request import Request, Response
from ledger.service.witness_server import HttpServer, Limits


class Running:
    """A server in a thread of this process."""

    def __init__(self, answer: Callable[[Request], Response], limits: Limits | None = None) -> None:
        self.told, self.port = list[str](), 0
        self._ready = threading.Event()
        self._server = HttpServer(answer, self.told.append, limits)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._ready.wait(5)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.ensure_future(self._server.serve("127.0.0.1", 0, self._bound))
        await asyncio.wait([self._task])

    def _bound(self, port: int) -> None:
        self.port = port
        self._ready.set()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(10)
        assert not self._thread.is_alive()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def raw(self, data: bytes = b"") -> Iterator[socket.socket]:
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            connection.settimeout(5)
            connection.sendall(data)
            yield connection
