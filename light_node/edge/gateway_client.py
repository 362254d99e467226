"""The receiver of a device's batches, over HTTP(S): a port, and its client on the standard library alone.

::

    PUT /batches/<digest>            the statement, a line feed, the readings   200 receipt, 202 received, or refused
    GET /batches/<digest>?from=<n>   a receipt at block n or later              200 receipt, 202 not yet, 404 unknown
    GET /consistency?old=<n>&new=<m> how the tree of m blocks goes on from that of n    200 proof, 404 not to be had

The digest of the statement is the idempotency key: the same batch again changes nothing, whatever became of the first.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Protocol

from light_node.http_source import HttpSource

BATCH_TYPE = "application/vnd.vinculum.batch"
RECEIPT_TYPE = "application/vnd.vinculum.evidence+json"
MAX_ANSWER_BYTES = 32 * 1024 * 1024
MAX_WAIT_S = 3600.0


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

    def consistency(self, old: int, new: int) -> Answer:
        """Ask for the proof that the tree of ``new`` blocks begins with that of ``old``.

        Raises: SourceError, where no answer came.
        """
        ...


class HttpGateway:
    """A gateway behind a URL; one connection a question."""

    def __init__(self, url: str, *, timeout_s: float = 30.0, context: ssl.SSLContext | None = None) -> None:
        """Nothing is asked yet; see ``HttpSource``."""
        self._source = HttpSource(url, timeout_s=timeout_s, context=context)

    def put(self, digest: bytes, body: bytes) -> Answer:
        """Hand a batch over; see ``Gateway``."""
        headers = {"Content-Type": BATCH_TYPE, "Idempotency-Key": f'"{digest.hex()}"'}
        return self._ask("PUT", f"/batches/{digest.hex()}", body, headers)

    def get(self, digest: bytes, from_block: int) -> Answer:
        """Ask for a receipt; see ``Gateway``."""
        return self._ask("GET", f"/batches/{digest.hex()}?from={from_block}", None, {"Accept": RECEIPT_TYPE})

    def consistency(self, old: int, new: int) -> Answer:
        """Ask how a tree goes on; see ``Gateway``."""
        return self._ask("GET", f"/consistency?old={old}&new={new}", None, {})

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        reply = self._source.ask(method, path, body, headers, MAX_ANSWER_BYTES)
        return Answer(reply.status, reply.body, _wait(reply.headers.get("retry-after")))


def _wait(value: str | None) -> float:
    if value is None or not value.isascii() or not value.isdigit():
        return 0.0
    return min(float(value[:9]), MAX_WAIT_S)
