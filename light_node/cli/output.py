"""Answers on standard output, for people or as one JSON value; faults on standard error."""

from __future__ import annotations

import json
import sys

from ledger.errors import VinculumError
from ledger.event import Json
from light_node.describe import visible


class Output:
    """Where a command says what it found."""

    def __init__(self, *, as_json: bool) -> None:
        """``as_json``: one JSON value instead of words."""
        self._as_json = as_json

    def result(self, value: Json, text: str) -> None:
        """Say the answer."""
        told = "\n".join(map(visible, text.rstrip("\n").split("\n")))
        shown = json.dumps(value, ensure_ascii=False, sort_keys=True) if self._as_json else told
        sys.stdout.write(f"{shown}\n")
        sys.stdout.flush()

    def warn(self, text: str) -> None:
        """Say something beside the answer."""
        sys.stderr.write(f"{visible(text)}\n")

    def fault(self, error: VinculumError) -> None:
        """Say what went wrong."""
        name, text = type(error).__name__, str(error)
        if self._as_json:
            self.result({"error": name, "message": text}, "")
        self.warn(f"{name}: {text}")
