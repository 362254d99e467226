"""A device's settings, and its command as a process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.simulator.world import World

ROOT = Path(__file__).parents[3]
LINE = '{"quantity":"odometer","value":%d,"unit":"km","sensor":"cluster","asset":"car"}\n'


def settings(world: World, gateway: str = "http://127.0.0.1:9") -> str:
    return f"""
queue = "queue.db"
trust = "trust.json"
organisation = 1
gateway = "{gateway}"
[key]
file = "device.pem"
[assets.pack]
type = "battery"
subject = "0x{world.battery.subject.hex()}"
[assets.car]
type = "vehicle"
subject = "{world.vehicle.subject.hex()}"
[batches]
readings = 4
[can]
dbc = "pack.dbc"
signals = "signals.toml"
"""


def edge(folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = _command(folder, arguments)
    return subprocess.run(command, cwd=ROOT, input=stdin, capture_output=True, text=True, check=False, timeout=60)


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(_command(folder, arguments), cwd=ROOT, stdout=pipe, stderr=pipe, text=True)


def _command(folder: Path, arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "light_node.edge", "--settings", str(folder / "edge.toml"), *arguments]
