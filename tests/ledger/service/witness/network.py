"""Four members of one chain, three of them with homes and witness processes of their own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ledger.chain.process import find_free_port
from ledger.proof.checkpoint import Checkpoint, SignedCheckpoint
from ledger.proof.cosignature import add_cosignatures, cosign, parse_vkey
from ledger.proof.tlog_text import AddCheckpoint, encode_add_checkpoint
from ledger.service.enrolment import enrol
from ledger.service.members import witness_key
from ledger.service.network import bring_down, bring_up, initialise
from ledger.service.settings import load_settings
from ledger.service.witness import FOLDER
from ledger.service.witness_peers import Peer, add_peer
from ledger.service.workspace import DOCUMENTS, KEYS, Workspace

ROOT = Path(__file__).resolve().parents[4]
ONE, TWO, THREE, DEAD = "one", "two", "three", "dead"
START_S = 60


@dataclass
class Running:
    """A witness process; ``url`` is where it answers."""

    home: Path
    name: str
    port: int = 0
    command: Sequence[str] = ()
    process: subprocess.Popen[str] = field(init=False)
    told: dict[str, Any] = field(init=False)

    def start(self) -> None:
        usual = ["ledger.cli.main", "--home", str(self.home), "--json", "witness", "serve", "--as", self.name]
        command = self.command or [*usual, "--listen", f"127.0.0.1:{self.port}"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        guard = threading.Timer(START_S, self.process.kill)
        guard.start()
        try:
            self.told = json.loads(self._first_value())
        finally:
            guard.cancel()

    def _first_value(self) -> str:
        assert self.process.stdout is not None
        text = ""
        for line in self.process.stdout:
            text += line
            if line == "}\n":
                return text
        assert self.process.stderr is not None
        raise AssertionError(f"it ended: {text} {self.process.stderr.read()}")

    @property
    def url(self) -> str:
        return str(self.told["url"])

    def end(self, how: int = signal.SIGKILL) -> int:
        """End it, and say with which code it ended."""
        if self.process.poll() is None:
            os.kill(self.process.pid, how)
        self.process.communicate(timeout=START_S)
        return self.process.returncode


@dataclass
class Network:
    """The home of ``one``, and the processes of ``two`` and ``three``; ``dead`` never answers."""

    workspace: Workspace
    two: Running
    three: Running

    def key_of(self, name: str, workspace: Workspace | None = None) -> Any:
        keys = (workspace or self.workspace).keyring.unlock(name)
        return witness_key(name, keys.secrets)

    def submission(self, checkpoint: Checkpoint, old: int, path: Sequence[bytes] = ()) -> bytes:
        """What ``one`` would send, whatever is true."""
        line = cosign(checkpoint, self.key_of(ONE), 1_790_000_000)
        signed = add_cosignatures(SignedCheckpoint(checkpoint, ()), [line])
        return encode_add_checkpoint(AddCheckpoint(old, tuple(path), signed))


def move_out(workspace: Workspace, name: str, home: Path) -> Path:
    """Give an organisation a home of its own on the same chain; its keys leave the first one."""
    home.mkdir(parents=True)
    (home / "contracts.json").write_bytes((workspace.home / "contracts.json").read_bytes())
    url = workspace.client.rpc.url
    (home / "vinculum.toml").write_text(f'[chain]\nurl = "{url}"\n[trust]\ntolerated_liars = 0\n')
    shutil.copytree(workspace.home / DOCUMENTS, home / DOCUMENTS)
    (home / KEYS).mkdir()
    (workspace.home / KEYS / name).rename(home / KEYS / name)
    return home


@contextmanager
def network(folder: Path) -> Iterator[Network]:
    """Four members; the witness of one signs in its home, two have processes, one is on the list and is not there."""
    with Workspace(load_settings(folder / ONE)) as first:
        initialise(first, "[trust]\ntolerated_liars = 0\n")
    started: list[Running] = []
    with Workspace(load_settings(folder / ONE)) as workspace:
        try:
            bring_up(workspace)
            for name in (ONE, TWO, THREE, DEAD):
                enrol(workspace, name, f"{name} AB", ["make", "member"])
            for name in (TWO, THREE):
                running = Running(move_out(workspace, name, folder / name), name)
                running.start()
                started.append(running)
                add_peer(workspace.home / FOLDER, Peer(running.url, parse_vkey(running.told["key"])))
            dead = parse_vkey(workspace.reader().profile(4).witness)
            add_peer(workspace.home / FOLDER, Peer(f"http://127.0.0.1:{find_free_port()}", dead))
            (workspace.home / KEYS / DEAD).rename(folder / "keys of the dead")
            yield Network(workspace, *started)
        finally:
            for running in started:
                running.end()
            bring_down(workspace)
