"""From one line to one line."""

from __future__ import annotations

import json
import sys
import traceback

from ledger.errors import MalformedError, VinculumError
from light_node.conformance.fields import Fields
from light_node.conformance.operations import operation
from light_node.conformance.request import Request, parse_request

UNFORESEEN = "the program failed over it, which is a bug: standard error says where"
MAX_MESSAGE_CHARACTERS = 1000
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def answer(line: bytes | None) -> bytes:
    """Answer one request; nothing is raised, whatever the line is.

    Args:
        line: *Untrusted*; None for one that was too long to be held.

    Returns:
        One line of ASCII JSON with its end: ``{"id":…,"ok":…}``, or ``{"id":…,"error":…,"message":…}`` with the class
        of an error of ours.
    """
    request = parse_request(line)
    try:
        return _line({"id": request.id, "ok": _run(request)})
    except VinculumError as error:
        return _refusal(request.id, error)
    except Exception:  # noqa: BLE001  (the one place; a run goes on, and the tests see to it that it is never reached)
        traceback.print_exc(file=sys.stderr)
        return _refusal(request.id, MalformedError("request", UNFORESEEN))


def _run(request: Request) -> object:
    if isinstance(request.members, MalformedError):
        raise request.members
    members = dict(request.members)
    run = operation(members.pop("op", None))
    return run(Fields(members))


def _refusal(request_id: object, error: VinculumError) -> bytes:
    public = next(one for one in type(error).__mro__ if not one.__name__.startswith("_"))
    return _line({"id": request_id, "error": public.__name__, "message": str(error)[:MAX_MESSAGE_CHARACTERS]})


def _line(value: object) -> bytes:
    return _encode(value).encode("ascii") + b"\n"
