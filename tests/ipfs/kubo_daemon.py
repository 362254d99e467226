"""A private Kubo daemon for tests: loopback only, its own swarm key, no bootstrap, a repository that is thrown away."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

TOKEN = "test-token"
_START_TIMEOUT_S = 60.0


def find_program() -> str | None:
    """The Kubo program: VINCULUM_IPFS, or ``ipfs`` on the path."""
    named = os.environ.get("VINCULUM_IPFS")
    return named or shutil.which("ipfs")


def private_settings(settings: dict) -> dict:
    """Kubo's settings with everything that would reach beyond this machine turned off, and every write flushed."""
    off = {"Enabled": False}
    settings.update(
        Bootstrap=[],
        Routing={"Type": "none", "DelegatedRouters": []},
        AutoConf=off,
        AutoTLS=off,
        Discovery={"MDNS": off},
        HTTPRetrieval=off,
        Provide=off,
        AutoNAT={"ServiceMode": "disabled"},
        DNS={"Resolvers": {}},
        Version={"SwarmCheckEnabled": False},
        API={"Authorizations": {"test": {"AuthSecret": f"bearer:{TOKEN}", "AllowedPaths": ["/api/v0"]}}},
    )
    settings["Ipns"]["DelegatedPublishers"] = []
    settings["Addresses"] |= {"API": "/ip4/127.0.0.1/tcp/0", "Gateway": [], "Swarm": ["/ip4/127.0.0.1/tcp/0"]}
    settings["Swarm"] |= {"DisableNatPortMap": True, "RelayClient": off, "RelayService": off}
    others = ("QUIC", "WebTransport", "WebRTCDirect", "Websocket", "Relay")
    settings["Swarm"]["Transports"] = {"Network": dict.fromkeys(others, False)}
    settings["Datastore"]["HashOnRead"] = True
    for mount in settings["Datastore"]["Spec"].get("mounts", []):
        for store in (mount, mount.get("child", {})):
            if store.get("type") == "flatfs":
                store["sync"] = True
    return settings


@dataclass
class KuboDaemon:
    """A daemon and its repository."""

    program: str
    repository: Path
    process: subprocess.Popen[bytes] | None = field(default=None)
    api: str = ""

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "IPFS_PATH": str(self.repository), "LIBP2P_FORCE_PNET": "1", "IPFS_TELEMETRY": "off"}

    def run(self, *arguments: str) -> str:
        command = [self.program, *arguments]
        done = subprocess.run(command, env=self._environment, capture_output=True, timeout=60, check=True)
        return done.stdout.decode()

    def make(self) -> None:
        """Make the repository."""
        self.repository.mkdir(parents=True, exist_ok=True)
        self.run("init", "-e", "--profile=announce-off,unixfs-v1-2025")
        path = self.repository / "config"
        path.write_text(json.dumps(private_settings(json.loads(path.read_text()))))
        key = f"/key/swarm/psk/1.0.0/\n/base16/\n{secrets.token_hex(32)}\n"
        (self.repository / "swarm.key").write_text(key)

    def start(self) -> str:
        """Start it; returns the multiaddr of its API when it answers there."""
        (self.repository / "api").unlink(missing_ok=True)
        log = (self.repository / "daemon.log").open("ab")
        with log:
            self.process = subprocess.Popen(
                [self.program, "daemon"], env=self._environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            if b"Daemon is ready" in (self.repository / "daemon.log").read_bytes():
                self.api = (self.repository / "api").read_text().strip()
                return self.api
            time.sleep(0.05)
        self.stop()
        raise RuntimeError((self.repository / "daemon.log").read_text()[-2000:])

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the process that ``start`` started, by its id."""
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        (self.repository / "daemon.log").unlink(missing_ok=True)
        self.process = None
