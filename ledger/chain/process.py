"""Processes told apart by number and start time, so that a reused number is never taken for the old process."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path


def started_at(pid: int) -> str | None:
    """Return when the process started, in the system's own words, or None if there is none (or only a zombie)."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else fields[19]
    found = subprocess.run(
        ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, started = found.stdout.strip().partition(" ")
    return started.strip() if started and not state.startswith("Z") else None


def is_running(pid: int, started: str) -> bool:
    """Tell whether the very process that started then still runs."""
    return bool(started) and started_at(pid) == started


def wait_for_exit(pid: int, started: str, timeout_s: float) -> bool:
    """Wait until the process is gone; False if it is not after ``timeout_s`` seconds."""
    deadline = time.monotonic() + timeout_s
    while is_running(pid, started):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return True


def find_free_port(preferred: int = 0) -> int:
    """Return ``preferred`` if nothing listens there, else a free port on loopback."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return int(probe.getsockname()[1])
    raise OSError("no free port on loopback")
