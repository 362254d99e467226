"""Answers on standard output, for people or as one JSON value; faults on standard error."""

from __future__ import annotations

import sys
from typing import TextIO

from ledger.errors import VinculumError
from ledger.event import Json
from light_node.describe import ascii_json, visible


class Output:
    """Where a command says what it found."""

    def __init__(self, *, as_json: bool) -> None:
        """``as_json``: one JSON value instead of words."""
        self._as_json = as_json

    def result(self, value: Json, text: str) -> None:
        """Say the answer."""
        told = "\n".join(map(visible, text.rstrip("\n").split("\n")))
        _write(sys.stdout, ascii_json(value, sort_keys=True) if self._as_json else told)

    def done(self, value: Json, text: str = "") -> None:
        """Say what was done: for machines it is the answer, for people a line beside it, where there is one."""
        if self._as_json:
            self.result(value, "")
        if text:
            self.warn(text)

    def warn(self, text: str) -> None:
        """Say something beside the answer."""
        _write(sys.stderr, visible(text))

    def fault(self, error: VinculumError) -> None:
        """Say what went wrong."""
        name, text = type(error).__name__, str(error)
        if self._as_json:
            self.result({"error": name, "message": text}, "")
        self.warn(f"{name}: {text}")


def _write(stream: TextIO | None, text: str) -> None:
    """Write a line, with an escape for what the stream's encoding has not; a stream that was closed takes nothing."""
    if stream is not None:
        encoding = getattr(stream, "encoding", None) or "utf-8"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        stream.flush()
