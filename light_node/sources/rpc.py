"""One untrusted node's JSON-RPC, on the standard library alone: one question at a time, bounded in size and time."""

from __future__ import annotations

import json
import threading
import time
from http import HTTPStatus

from ledger.errors import MalformedError, RejectedError, SourceTimeoutError
from ledger.event import Json
from ledger.json_shape import check_density
from ledger.proof.evidence import MAX_BYTES
from ledger.strict_json import parse_json
from light_node.http_source import HttpSource

MAX_DEPTH = 16
_WHAT = "node's answer"
_SHOWN = 200
_ONE_AT_A_TIME = threading.Lock()
"""Reading takes several times an answer's length: of many nodes that answer at once, one is read after the other."""


class JsonRpc:
    """Asks one node; nothing that it answers is believed, and nothing is asked again."""

    def __init__(self, server: HttpSource, limit_s: float, answer_bytes: int = MAX_BYTES) -> None:
        """Nothing is asked yet.

        Args:
            server: Where the node answers.
            limit_s: For all questions after ``begin``.
            answer_bytes: Of each answer, at most.
        """
        self.name, self._server, self._limit_s, self._most = server.name, server, limit_s, answer_bytes
        self._deadline = 0.0

    def begin(self) -> None:
        """Start the time that the questions after it have together."""
        self._deadline = time.monotonic() + self._limit_s

    def ask(self, method: str, *params: Json) -> Json:
        """Ask one question.

        Returns: The result, *untrusted*; None where the node has nothing.

        Raises:
            SourceError: The node does not answer in time, answers too much, or with an error.
            MalformedError: The answer is not JSON-RPC.
        """
        if time.monotonic() >= self._deadline:
            raise SourceTimeoutError(f"{self.name} did not answer everything within {self._limit_s:g} s")
        question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": [*params]}
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        reply = self._server.ask("POST", "", json.dumps(question).encode(), headers, self._most)
        if reply.status != HTTPStatus.OK:
            raise RejectedError(f"{self.name} answers {reply.status} to {method}")
        check_density(reply.body, _WHAT)
        with _ONE_AT_A_TIME:
            answer = parse_json(reply.body, what=_WHAT, max_bytes=self._most, max_depth=MAX_DEPTH)
        return self._result(method, answer)

    def _result(self, method: str, answer: Json) -> Json:
        if not isinstance(answer, dict) or answer.get("id") != 1:
            raise MalformedError(_WHAT, f"not the answer to {method}")
        error = answer.get("error")
        if error is not None:
            words = error.get("message") if isinstance(error, dict) else error
            raise RejectedError(f"{self.name} refuses {method}: {str(words)[:_SHOWN]}")
        if "result" not in answer:
            raise MalformedError(_WHAT, f"neither result nor error of {method}")
        return answer["result"]
