"""What is asked of a witness, and what it answers, without sockets; every refusal is an answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from ledger.errors import MalformedError
from ledger.proof.checkpoint import parse_size
from ledger.proof.tlog_text import AddCheckpoint, parse_add_checkpoint, parse_nonce

TEXT, SIZE = "text/plain; charset=utf-8", "text/x.tlog.size"


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came; *untrusted*, within the limits of the server.

    Attributes:
        method: HTTP method.
        target: Path and query, not decoded.
        body: All of it.
    """

    method: str
    target: str
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """What is answered."""

    status: int
    body: bytes
    content_type: str = TEXT
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):  # noqa: N818 - it is an answer, no error
    """Ends an answer with a status and a sentence; nothing is signed then."""

    def __init__(self, status: int, text: str, content_type: str = TEXT, **headers: str) -> None:
        """Make the answer; in names of headers ``_`` stands for ``-``."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.response = Response(status, f"{text}\n".encode(), content_type, named)


def read_query(query: str, *names: str) -> list[str]:
    """The values of a query that has exactly these names, each once.

    Raises: Refused (400).
    """
    given = dict(pair.partition("=")[::2] for pair in query.split("&")) if query else {}
    if set(given) != set(names) or query.count("=") < len(names) or query.count("&") >= max(len(names), 1):
        raise Refused(400, f"the query has to have {' and '.join(names) or 'nothing'}, once each")
    return [unquote(given[name]) for name in names]


def read_size(text: str) -> int:
    """A size in a query.

    Raises: Refused (400).
    """
    try:
        return parse_size(text, "size")
    except MalformedError as error:
        raise Refused(400, str(error)) from None


def read_nonce(query: str) -> bytes:
    """The nonce in a query.

    Raises: Refused (400).
    """
    (text,) = read_query(query, "nonce")
    try:
        return parse_nonce(text)
    except MalformedError as error:
        raise Refused(400, str(error)) from None


def read_submission(body: bytes) -> AddCheckpoint:
    """A checkpoint that is to be cosigned: without further lines, and not of an empty tree.

    Raises: Refused (400).
    """
    try:
        request = parse_add_checkpoint(body)
    except MalformedError as error:
        raise Refused(400, str(error)) from None
    if request.signed.checkpoint.extensions or not request.signed.checkpoint.size:
        raise Refused(400, "a checkpoint with further lines, or of an empty tree")
    return request
