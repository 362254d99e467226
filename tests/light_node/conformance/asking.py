"""Asking the conformance interface in this process, and demanding well-formed answers."""

from __future__ import annotations

import json
from typing import Any

import ledger.errors
from light_node.conformance.answers import UNFORESEEN, answer

Answer = dict[str, Any]
CLASSES = {name for name, value in vars(ledger.errors).items() if isinstance(value, type) and name.endswith("Error")}


def answer_of(line: bytes) -> Answer:
    """The answer to one line, whose form is checked."""
    return read_answer(answer(line))


def read_answer(data: bytes) -> Answer:
    assert data.endswith(b"\n")
    assert data.count(b"\n") == 1
    assert data.isascii()
    found: Answer = json.loads(data)
    if "ok" in found:
        assert list(found) == ["id", "ok"]
        return found
    assert list(found) == ["id", "error", "message"]
    assert found["error"] in CLASSES
    assert isinstance(found["message"], str)
    assert found["message"]
    assert UNFORESEEN not in found["message"]
    return found


def ask(op: str, **fields: object) -> Answer:
    return answer_of(json.dumps({"id": 7, "op": op, **fields}).encode())


def ok(op: str, **fields: object) -> Any:
    """What an operation gives; it must give something."""
    found = ask(op, **fields)
    assert "ok" in found, found
    assert found["id"] == 7
    return found["ok"]


def refusal(op: str, **fields: object) -> str:
    """The class by which an operation refuses; it must refuse."""
    found = ask(op, **fields)
    assert "error" in found, found
    assert found["id"] == 7
    return str(found["error"])


def bare(text: str) -> str:
    """Hex without 0x."""
    return text.removeprefix("0x")
