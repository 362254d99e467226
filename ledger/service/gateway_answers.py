"""What a gateway answers to devices: it takes what an enrolled key signed, once, and hands receipts out.

::

    PUT /batches/<digest>               statement, line feed, readings
    GET /batches/<digest>?from=<n>      the receipt, at block n or later
    GET /consistency?old=<n>&new=<m>    how the tree of m blocks goes on from that of n: what a receipt is held to

No sockets here: see ``witness_server``. Nothing is recorded here either: see ``gateway_record``.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Protocol

from ledger.credential.jose import PublicKey
from ledger.errors import (
    ForkError,
    MalformedError,
    MissingError,
    NotAuthorisedError,
    QueueFullError,
    RuleError,
    VerificationError,
)
from ledger.proof.tlog_text import ConsistencyProof, encode_consistency_proof
from ledger.service.gateway_inbox import Inbox
from ledger.service.gateway_tables import Kept, State
from ledger.service.witness_request import TEXT, Request, Response
from light_node.edge.batch import verify_readings
from light_node.edge.gateway_client import RECEIPT_TYPE
from light_node.edge.lineage import Lineage
from light_node.edge.statement import (
    MAX_CHARACTERS,
    VerifiedStatement,
    digest_statement,
    parse_statement,
    verify_statement,
)

RECEIPT_S = 600
"""How old a receipt may be to be handed out again."""
_PAUSE_S = 2
_FULL_PAUSE_S = 60
_TARGET = re.compile(r"/batches/([0-9a-f]{64})(?:\?from=(0|[1-9][0-9]{0,15}))?")
_TREES = re.compile(r"/consistency\?old=([1-9][0-9]{0,15})&new=([1-9][0-9]{0,15})")


class Register(Protocol):
    """Who may send what, and which blocks there are; all answers are those of this moment."""

    def device_key(self, key_id: str) -> PublicKey:
        """Return an enrolled device's key.

        Raises: NotAuthorisedError, MissingError, MalformedError.
        """
        ...

    def log_of(self, subject: bytes) -> str:
        """Return the CAIP-10 name of the log that keeps a known asset's history.

        Raises: UnknownAssetError.
        """
        ...

    def consistency(self, old: int, new: int) -> Sequence[bytes]:
        """Return the consistency path from the tree of the first ``old`` blocks to that of ``new``, no fewer.

        Raises: MissingError, where not that many blocks are known.
        """
        ...


class GatewayAnswers:
    """Answers for one gateway; one request after the other."""

    def __init__(self, inbox: Inbox, register: Register, clock: Callable[[], float] = time.time) -> None:
        self._inbox, self._register, self._clock = inbox, register, clock

    def answer(self, request: Request) -> Response:
        """Answer a request; errors of ours are not caught here."""
        trees = _TREES.fullmatch(request.target)
        if trees is not None and request.method == "GET":
            return self._consistency(int(trees[1]), int(trees[2]))
        match = _TARGET.fullmatch(request.target)
        if match is None:
            return _plain(HTTPStatus.NOT_FOUND, "there are batches here, by their digests")
        digest, block = bytes.fromhex(match[1]), int(match[2] or 0)
        if request.method == "GET":
            return self._get(digest, block)
        if request.method == "PUT":
            return self._put(digest, request.body)
        return Response(HTTPStatus.METHOD_NOT_ALLOWED, b"GET or PUT\n", TEXT, {"Allow": "GET, PUT"})

    def _consistency(self, old: int, new: int) -> Response:
        if old > new:
            return _plain(HTTPStatus.BAD_REQUEST, "not old <= new")
        try:
            path = tuple(self._register.consistency(old, new))
        except MissingError as error:
            return _plain(HTTPStatus.NOT_FOUND, str(error))
        return Response(HTTPStatus.OK, encode_consistency_proof(ConsistencyProof(old, new, path)), TEXT)

    def _get(self, digest: bytes, block: int) -> Response:
        kept = self._inbox.find(digest)
        if kept is None:
            return _plain(HTTPStatus.NOT_FOUND, "no such batch came")
        return self._state_of(kept, block)

    def _put(self, digest: bytes, body: bytes) -> Response:
        kept = self._inbox.find(digest)
        if kept is not None and kept.state is not State.REFUSED:
            return self._state_of(kept, 0)
        try:
            return self._take(digest, body)
        except ForkError as fork:
            self._inbox.keep_fork(fork, int(self._clock()))
            return _plain(HTTPStatus.CONFLICT, f"equivocation: {fork}")
        except NotAuthorisedError as error:
            return _plain(HTTPStatus.FORBIDDEN, str(error))
        except (VerificationError, RuleError) as error:
            return _plain(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        except QueueFullError as error:
            return _plain(HTTPStatus.SERVICE_UNAVAILABLE, str(error), _FULL_PAUSE_S)

    def _take(self, digest: bytes, body: bytes) -> Response:
        """Take a batch.

        1. The statement is the one whose digest was named.
        2. An enrolled device's key, valid now, signed it.
        3. It is about an asset that is known here, for the log that keeps its history.
        4. The readings are those that were signed.
        5. It contradicts no batch of the same chain that came before.
        """
        head, _, readings = body.partition(b"\n")
        statement = self._verified(digest, head)  # 1, 2
        log = self._register.log_of(statement.statement.subject)  # 3
        if statement.statement.log != log:
            raise MalformedError("batch statement", f"it is meant for {statement.statement.log}, the asset is in {log}")
        verify_readings(statement, readings)  # 4
        lineage = Lineage()  # 5
        for text in self._inbox.neighbours(statement):
            lineage.add(verify_statement(parse_statement(text), statement.key))
        lineage.add(statement)
        gap = self._inbox.gap_before(statement)
        self._inbox.take(statement, readings, int(self._clock()))
        return _plain(HTTPStatus.ACCEPTED, "received" if gap is None else f"received; {gap} did not come yet", _PAUSE_S)

    def _verified(self, digest: bytes, head: bytes) -> VerifiedStatement:
        if len(head) > MAX_CHARACTERS:
            raise MalformedError("batch", f"its first line is longer than {MAX_CHARACTERS}")
        text = head.decode("ascii", "replace")
        raw = parse_statement(text)
        if digest_statement(text) != digest:
            raise MalformedError("batch", "its statement has another digest than the one in the URL")
        try:
            key = self._register.device_key(raw.key_id)
        except MissingError as error:
            raise NotAuthorisedError(f"the device's key cannot be had: {error}") from None
        return verify_statement(raw, key)

    def _state_of(self, kept: Kept, block: int) -> Response:
        if kept.state is State.REFUSED:
            return _plain(HTTPStatus.UNPROCESSABLE_ENTITY, kept.reason)
        if kept.state is State.RECEIVED:
            return _plain(HTTPStatus.ACCEPTED, "received", _PAUSE_S)
        receipt = self._inbox.receipt(kept.digest)
        if receipt is None or receipt.block < block or receipt.made_at + RECEIPT_S < self._clock():
            self._inbox.want(kept.digest)
            return _plain(HTTPStatus.ACCEPTED, "recorded; its receipt is being made", _PAUSE_S)
        return Response(HTTPStatus.OK, receipt.data, RECEIPT_TYPE)


def _plain(status: HTTPStatus, text: str, wait_s: int = 0) -> Response:
    headers = {"Retry-After": str(wait_s)} if wait_s else {}
    return Response(status.value, f"{text}\n".encode(), TEXT, headers)
