"""A light node that shares nothing with the ledger but files: its own process, an empty folder, no environment."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMEOUT_S = 60
TRUST_FILE, NODE = "trust.json", "node"
_ISOLATED = (sys.executable, "-I", "-X", "utf8", "-m", "light_node.cli.main")


@dataclass(frozen=True, slots=True)
class Answer:
    """What ``vinculum-light`` said.

    Attributes:
        exit_code: 0 verified, 1 refuted, 2 malformed, 3 undetermined.
        value: Its verdict, as JSON.
    """

    exit_code: int
    value: dict[str, Any]

    @property
    def refused_with(self) -> tuple[str | None, str | None]:
        """Error class and step; None twice where it is verified."""
        return self.value["error"], self.value["step_name"]

    @property
    def account(self) -> dict[str, Any]:
        """What was proven; empty where nothing was."""
        return self.value["account"] or {}

    def describe(self) -> str:
        """Tell it in one line: never more than was proven."""
        if self.exit_code:
            error, step = self.refused_with
            return f"exit {self.exit_code}, {self.value['outcome']} at {step} with {error}: {self.value['reason']}"
        told, as_of = self.account, self.value["as_of"]
        return (
            f"exit 0, verified: {told['asset_type']} {told['identifier']}, {len(told['events'])} events, "
            f"complete as registered up to block {as_of['block']}; status {told['status']}"
        )


class LightNodeApart:
    """Runs the command as a buyer's laptop does: it sees the files in its folder, and not where they came from."""

    def __init__(self, folder: Path) -> None:
        """``folder``: empty, its own."""
        self._folder = folder

    def pin(self, trust: bytes, fingerprint: str) -> bool:
        """Pin a trust file, by the fingerprint that a person was told."""
        self.put(TRUST_FILE, trust)
        return self._run("trust", "pin", TRUST_FILE, "--fingerprint", fingerprint).returncode == 0

    def put(self, name: str, data: bytes) -> None:
        """Hand a file over."""
        (self._folder / name).write_bytes(data)

    def verify(self, name: str, *words: str) -> Answer:
        """Have it verify a file; ``words``: further options."""
        done = self._run("verify", name, *words)
        return Answer(done.returncode, json.loads(done.stdout))

    def _run(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        command: Sequence[str] = (*_ISOLATED, *words, "--home", NODE, "--json")
        return subprocess.run(
            command,
            cwd=self._folder,
            env={},
            capture_output=True,
            check=False,
            timeout=TIMEOUT_S,
            stdin=subprocess.DEVNULL,
        )
