"""Kubo's RPC over HTTP: one long-lived client, a time limit on every call, and failures told apart.

Kubo has no time limit of its own: it waits for a missing block for ever. So every call carries ``timeout``, and the
client waits a little longer than that, so that Kubo's own words arrive first. Failures are all status 500 and differ
only in their text. A failure after the answer has begun stands in a trailer that HTTP clients do not show: whoever
calls must know from the body itself that it is complete.

Source: Kubo RPC API v0 documentation; measured against Kubo 0.44.
"""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

import httpx

from ledger.errors import (
    ConfigurationError,
    MalformedError,
    MissingError,
    RejectedError,
    SourceError,
    SourceTimeoutError,
    TooLargeError,
    UnreachableError,
)
from ledger.event import Json
from ledger.strict_json import parse_json

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Parameters = Mapping[str, str | list[str]]

GRACE_S = 5.0
"""How much longer the client waits than Kubo was told to."""
_CONNECT_TIMEOUT_S = 5.0
_MAX_FAILURE_BYTES = 64 * 1024
_MAX_WORDS = 300
_MULTIADDR = re.compile(r"/(ip4|ip6|dns|dns4|dns6)/([^/]+)/tcp/(\d{1,5})(/tls/http|/https?)?/?")
_BOUNDARY = "vinculum-car"


def parse_api_address(text: str) -> str:
    """Read where an RPC API is: a multiaddr (``/ip4/127.0.0.1/tcp/5001``) or an HTTP URL.

    Returns:
        The URL up to and with ``/api/v0/``.

    Raises:
        ConfigurationError: neither.
    """
    if found := _MULTIADDR.fullmatch(text.strip()):
        family, host, port, scheme = found.groups()
        host = f"[{host}]" if family == "ip6" else host
        text = f"{'https' if scheme in ('/https', '/tls/http') else 'http'}://{host}:{port}"
    try:
        url = httpx.URL(text.strip())
    except httpx.InvalidURL:
        url = httpx.URL("")
    port = 80 if url.port is None else url.port
    usable = url.scheme in ("http", "https") and url.host and not url.userinfo and 0 < port < 1 << 16
    if not usable or url.path not in ("", "/", "/api/v0", "/api/v0/"):
        raise ConfigurationError(
            f"{text[:100]!r} is no address of a Kubo RPC API: give a multiaddr such as /ip4/127.0.0.1/tcp/5001 or a URL"
        )
    return str(url.copy_with(path="/api/v0/", query=None, fragment=None))


class _Body(io.RawIOBase):
    """An answer's body as a file: ends at ``deadline`` at the latest, however slowly it drips."""

    def __init__(self, response: httpx.Response, deadline: float) -> None:
        self._chunks = response.iter_raw()
        self._rest = b""
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        while not self._rest:
            if time.monotonic() > self._deadline:
                raise SourceTimeoutError("Kubo's answer was not complete in time")
            try:
                self._rest = next(self._chunks)
            except StopIteration:
                return 0
        view = memoryview(buffer).cast("B")
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


class KuboRpc:
    """Calls commands of one daemon. May be used from several threads."""

    def __init__(self, api: str, token: str | None) -> None:
        """Nothing is sent yet.

        Args:
            api: Where it is; see ``parse_api_address``.
            token: Bearer token of ``API.Authorizations``, or None.
        """
        headers = {"Accept-Encoding": "identity"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        self.url = parse_api_address(api)
        self._client = httpx.Client(base_url=self.url, headers=headers, trust_env=False)

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    @contextmanager
    def call(
        self, command: str, parameters: Parameters, timeout_s: float, upload: Iterable[bytes] | None = None
    ) -> Iterator[BinaryIO]:
        """Run a command and give its answer as a stream.

        Args:
            command: e.g. ``block/get``.
            parameters: Its arguments and options, without ``timeout``.
            timeout_s: For the whole of it.
            upload: A file to send, as a stream; what its iterator raises is raised here, and the request broken off.

        Raises:
            MissingError: it says that it does not have the block.
            SourceTimeoutError: not finished in time.
            UnreachableError: nobody answers, or the connection broke.
            RejectedError: any other failure, in its words.
        """
        content, headers = (None, {}) if upload is None else _multipart(upload)
        limits = httpx.Timeout(timeout_s + GRACE_S, connect=min(_CONNECT_TIMEOUT_S, timeout_s))
        query = {**parameters, "timeout": f"{timeout_s:.3f}s"}
        deadline = time.monotonic() + timeout_s + GRACE_S
        with (
            _transport_errors(self.url),
            self._client.stream(
                "POST", command, params=query, content=content, headers=headers, timeout=limits
            ) as response,
        ):
            body = io.BufferedReader(_Body(response, deadline), 64 * 1024)
            if response.status_code != 200:
                raise _failure(command, response.status_code, body.read(_MAX_FAILURE_BYTES))
            yield body


def read_bounded(body: BinaryIO, max_bytes: int) -> bytes:
    """The whole body.

    Raises:
        TooLargeError: longer than ``max_bytes``.
    """
    data = body.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise TooLargeError(f"Kubo's answer is longer than {max_bytes} bytes")
    return data


def parse_answer(data: bytes, max_bytes: int) -> dict[str, Json]:
    """Read one JSON object that Kubo answered.

    Raises:
        RejectedError: it is none.
    """
    try:
        answer = parse_json(data, what="Kubo's answer", max_bytes=max_bytes)
    except MalformedError as error:
        raise RejectedError(str(error)) from error
    if not isinstance(answer, dict):
        raise RejectedError("Kubo's answer is not a JSON object")
    return answer


def _multipart(upload: Iterable[bytes]) -> tuple[Iterator[bytes], dict[str, str]]:
    """A form with one file, as a stream: the only form in which Kubo takes files."""
    start = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="batch.car"\r\n'

    def pieces() -> Iterator[bytes]:
        yield f"{start}Content-Type: application/octet-stream\r\n\r\n".encode()
        gathered = bytearray()
        for piece in upload:
            gathered += piece
            if len(gathered) >= 64 * 1024:
                yield bytes(gathered)
                gathered.clear()
        yield bytes(gathered)
        yield f"\r\n--{_BOUNDARY}--\r\n".encode()

    return pieces(), {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}


@contextmanager
def _transport_errors(url: str) -> Iterator[None]:
    try:
        yield
    except httpx.TimeoutException as error:
        raise SourceTimeoutError(f"Kubo at {url} did not answer in time") from error
    except httpx.HTTPError as error:
        raise UnreachableError(f"Kubo at {url} cannot be reached: {error}") from error


def _failure(command: str, status: int, body: bytes) -> SourceError:
    """Tell failures apart: Kubo gives nothing but their text."""
    words = body.decode("utf-8", "replace").strip()
    try:
        message = parse_json(body)
        if isinstance(message, dict) and isinstance(message.get("Message"), str):
            words = str(message["Message"])
    except MalformedError:
        pass
    words = words[:_MAX_WORDS]
    if status == 500 and "could not find" in words:
        return MissingError(f"Kubo does not have it: {words}")
    if status == 500 and "context deadline exceeded" in words:
        return SourceTimeoutError(f"Kubo did not finish {command} in time")
    if status == 403:
        return RejectedError(f"Kubo refuses access to {command}: check the token ({words})")
    return RejectedError(f"Kubo refuses {command} with status {status}: {words}")
