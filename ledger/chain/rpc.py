"""JSON-RPC over one kept-alive HTTP connection: batches, limits, and our names for what goes wrong."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import httpx

from ledger.errors import RejectedError, SourceTimeoutError, TooLargeError, UnreachableError

DEFAULT_TIMEOUT_S = 20.0
MAX_ANSWER_BYTES = 256 * 1024 * 1024
MAX_BATCH_CALLS = 500
MAX_BATCH_BYTES = 1024 * 1024  # nodes refuse bodies over 2 to 5 MB
READ_ATTEMPTS = 3
PAUSE_S = 0.2

Call: TypeAlias = "tuple[str, Sequence[Any]]"


@dataclass(frozen=True, slots=True)
class Fault:
    """What the node answered instead of a result.

    Attributes:
        code: JSON-RPC error code.
        message: The node's own words.
        data: Revert data, where the call reached a contract and it reverted.
    """

    code: int
    message: str
    data: bytes = b""

    @property
    def reverted(self) -> bool:
        """Whether a contract refused, rather than the node."""
        return bool(self.data) or "revert" in self.message.lower()


class Rpc:
    """One node's JSON-RPC. Reads are repeated when the connection fails; writes never are, the caller decides."""

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = url
        self._max_answer_bytes = max_answer_bytes
        self._http = httpx.Client(timeout=timeout_s, trust_env=False, transport=transport)

    def read(self, method: str, *params: Any) -> Any:
        """Ask one question.

        Raises:
            RejectedError: The node answered with an error.
            SourceError: The node did not answer within the limits.
        """
        return self.expect(self.read_many([(method, params)])[0])

    def read_many(self, calls: Sequence[Call]) -> list[Any]:
        """Ask many questions at once; an answer may be a :class:`Fault`."""
        return [answer for part in _parts(calls) for answer in self._attempt(part)]

    def write_many(self, calls: Sequence[Call]) -> list[Any]:
        """Send once, without repeating; after a :class:`SourceError` it is not known what arrived."""
        return [answer for part in _parts(calls) for answer in self._post(part)]

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    @staticmethod
    def expect(answer: Any) -> Any:
        """Return a result; raise RejectedError for a :class:`Fault`."""
        if isinstance(answer, Fault):
            raise RejectedError(f"node: {answer.message} ({answer.code})")
        return answer

    def _attempt(self, calls: Sequence[str]) -> list[Any]:
        for attempt in range(1, READ_ATTEMPTS):
            try:
                return self._post(calls)
            except (UnreachableError, SourceTimeoutError):
                time.sleep(PAUSE_S * attempt)
        return self._post(calls)

    def _post(self, calls: Sequence[str]) -> list[Any]:
        bodies = (f'{{"jsonrpc":"2.0","id":{number},{call}' for number, call in enumerate(calls))
        answer = self._exchange("[" + ",".join(bodies) + "]")
        if isinstance(answer, dict):  # the batch as a whole was refused
            raise RejectedError(f"node: {_fault(answer).message}")
        return _in_order(answer, len(calls))

    def _exchange(self, body: str) -> Any:
        headers = {"content-type": "application/json"}
        try:
            with self._http.stream("POST", self.url, content=body.encode(), headers=headers) as response:
                data = self._limited(response)
        except httpx.TimeoutException as error:
            raise SourceTimeoutError(f"node at {self.url}: no answer in time") from error
        except httpx.HTTPError as error:
            raise UnreachableError(f"node at {self.url}: {error or type(error).__name__}") from error
        try:
            return json.loads(data)
        except ValueError:
            raise RejectedError(f"node at {self.url}: HTTP {response.status_code}, not JSON") from None

    def _limited(self, response: httpx.Response) -> bytes:
        data = bytearray()
        for chunk in response.iter_bytes():
            data += chunk
            if len(data) > self._max_answer_bytes:
                raise TooLargeError(f"node at {self.url}: an answer over {self._max_answer_bytes} bytes")
        return bytes(data)


def _parts(calls: Sequence[Call]) -> Iterator[list[str]]:
    part: list[str] = []
    size = 0
    for method, params in calls:
        text = f'"method":"{method}","params":{json.dumps(params)}}}'
        if part and (len(part) >= MAX_BATCH_CALLS or size + len(text) > MAX_BATCH_BYTES):
            yield part
            part, size = [], 0
        part.append(text)
        size += len(text)
    if part:
        yield part


def _in_order(answer: Any, count: int) -> list[Any]:
    if not isinstance(answer, list):
        raise RejectedError("node: the answer to a batch is not a list")
    results: list[Any] = [Fault(0, "no answer in the batch")] * count
    for entry in answer:
        number = entry.get("id") if isinstance(entry, dict) else None
        if not isinstance(number, int) or not 0 <= number < count:
            raise RejectedError("node: an answer to a question that was not asked")
        results[number] = _fault(entry) if "error" in entry else entry.get("result")
    return results


def _fault(entry: dict[str, Any]) -> Fault:
    error = entry.get("error")
    if not isinstance(error, dict):
        return Fault(0, str(error))
    data = error.get("data")
    if isinstance(data, dict):  # some engines wrap it
        data = data.get("data")
    return Fault(int(error.get("code", 0)), str(error.get("message", "")), _revert_data(data))


def _revert_data(data: Any) -> bytes:
    text = data.removeprefix("Reverted ") if isinstance(data, str) else ""
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        return b""
