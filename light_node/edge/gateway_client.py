"""The receiver of a device's batches, over HTTP(S): a port, and its client on the standard library alone.

::

    PUT /batches/<digest>            the statement, a line feed, the readings   200 receipt, 202 received, or refused
    GET /batches/<digest>?from=<n>   a receipt at block n or later              200 receipt, 202 not yet, 404 unknown

The digest of the statement is the idempotency key: the same batch again changes nothing, whatever became of the first.
"""

from __future__ import annotations

import http.client
import ssl
import time
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from ledger.errors import ConfigurationError, SourceTimeoutError, TooLargeError, UnreachableError

BATCH_TYPE = "application/vnd.vinculum.batch"
RECEIPT_TYPE = "application/vnd.vinculum.evidence+json"
MAX_ANSWER_BYTES = 32 * 1024 * 1024
MAX_WAIT_S = 3600.0
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Answer:
    """What a gateway answered; *untrusted*.

    Attributes:
        status: Of HTTP.
        body: At most 32 MiB.
        wait_s: How long it asks to be left alone.
    """

    status: int
    body: bytes
    wait_s: float = 0.0


class Gateway(Protocol):
    """Takes batches durably and hands receipts out. Who calls retries; the same batch again is the same batch."""

    def put(self, digest: bytes, body: bytes) -> Answer:
        """Hand a batch over.

        Raises: SourceError, where no answer came: it may or may not have the batch.
        """
        ...

    def get(self, digest: bytes, from_block: int) -> Answer:
        """Ask for a receipt, at a block or later.

        Raises: SourceError, where no answer came.
        """
        ...


class HttpGateway:
    """A gateway behind a URL; one connection a question."""

    def __init__(self, url: str, *, timeout_s: float = 30.0, context: ssl.SSLContext | None = None) -> None:
        """Nothing is asked yet.

        Args:
            url: ``https://host[:port][/path]``; ``http`` where the way there is protected otherwise.
            timeout_s: For an answer as a whole.
            context: Of TLS; the system's authorities by default.

        Raises: ConfigurationError, for another kind of URL.
        """
        parts = urlsplit(url)
        try:
            self._host, self._port = parts.hostname or "", parts.port
        except ValueError:
            raise ConfigurationError(f"{url[:200]!r} has no port that there is") from None
        if parts.scheme not in ("http", "https") or not self._host or parts.query or parts.username:
            raise ConfigurationError(f"{url[:200]!r} is not http(s)://host[:port][/path]")
        self._path, self._timeout_s = parts.path.rstrip("/"), timeout_s
        self._context = (context or ssl.create_default_context()) if parts.scheme == "https" else None

    def put(self, digest: bytes, body: bytes) -> Answer:
        """Hand a batch over; see ``Gateway``."""
        headers = {"Content-Type": BATCH_TYPE, "Idempotency-Key": f'"{digest.hex()}"'}
        return self._ask("PUT", f"/batches/{digest.hex()}", body, headers)

    def get(self, digest: bytes, from_block: int) -> Answer:
        """Ask for a receipt; see ``Gateway``."""
        return self._ask("GET", f"/batches/{digest.hex()}?from={from_block}", None, {"Accept": RECEIPT_TYPE})

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        deadline = time.monotonic() + self._timeout_s
        connection = self._connection()
        try:
            connection.request(method, self._path + path, body, {**headers, "Connection": "close"})
            response = connection.getresponse()
            data = self._read(connection, response, deadline)
            return Answer(response.status, data, _wait(response.getheader("Retry-After")))
        except TimeoutError:
            raise SourceTimeoutError(f"{self._host} did not answer within {self._timeout_s:g} s") from None
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(f"{self._host}: {str(error) or type(error).__name__}") from None
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        if self._context is None:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout_s)
        return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout_s, context=self._context)

    def _read(
        self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse, deadline: float
    ) -> bytes:
        data = bytearray()
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            if connection.sock is not None:
                connection.sock.settimeout(left)
            chunk = response.read1(_CHUNK)
            if not chunk:
                break
            data += chunk
            if len(data) > MAX_ANSWER_BYTES:
                raise TooLargeError(f"{self._host}: an answer over {MAX_ANSWER_BYTES} bytes")
        if response.length:
            raise UnreachableError(f"{self._host}: the answer broke off")
        return bytes(data)


def _wait(value: str | None) -> float:
    if value is None or not value.isascii() or not value.isdigit():
        return 0.0
    return min(float(value[:9]), MAX_WAIT_S)
