"""A run that takes or keeps successors, on a disk that refuses, is damaged, or loses power at any write."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ipfs import files
from tests.light_node.fleet import ROOT, Fleet
from tests.light_node.test_run import SHIFTED, changes


class TestDisk:
    def test_a_trust_file_that_cannot_be_written_is_told_and_stops_no_asset(
        self, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As where it is mounted by itself, to be read only."""
        fleet.offer(fleet.a, fleet.b)
        write = files.replace_durably

        def refuse(path: Path, data: bytes, **more: Any) -> None:
            if path.name == "trust.json":
                raise OSError(30, "Read-only file system")
            write(path, data, **more)

        with monkeypatch.context() as patch:
            patch.setattr(files, "replace_durably", refuse)
            code, lines = fleet.run()
            assert (code, [to for to, _ in fleet.told(lines)]) == (0, ["failed"])
            assert fleet.state.trust() == fleet.a
        code, lines = fleet.run()
        assert (code, fleet.told(lines)) == (0, [("rotated", "b")])

    @pytest.mark.parametrize(
        ("follow", "name", "expected"),
        [("rotate", "trust.json", ["failed"]), ("report", "successor.note", ["available", "failed"])],
    )
    def test_what_cannot_be_written_is_seen_by_whoever_watches_health_and_metrics_alone(
        self, fleet: Fleet, monkeypatch: pytest.MonkeyPatch, follow: str, name: str, expected: list[str]
    ) -> None:
        """The old trust file stays meanwhile, for as long as nobody knows."""
        monkeypatch.setattr(time, "time", lambda: float(fleet.chain.time))
        fleet.choose(follow, interval_s=0.05)
        fleet.offer(fleet.a, fleet.b)
        write, told = files.replace_durably, list[str]()

        def refuse(path: Path, data: bytes, **more: Any) -> None:
            if path.name == name:
                raise OSError(28, "No space left on device")
            write(path, data, **more)

        with fleet.state.alone():
            follower = fleet.follower(told)
            with monkeypatch.context() as patch:
                patch.setattr(files, "replace_durably", refuse)
                follower.round()
            assert [to for to, _ in fleet.told([json.loads(line) for line in told])] == expected
            assert "vinculum_light_succession_available 1" in follower.metrics_text()
            (notice,) = follower.health().notices
            assert fleet.b.fingerprint() in notice
            time.sleep(0.1)
            follower.round()
            assert ("vinculum_light_succession_available 0" in follower.metrics_text()) == (follow == "rotate")
            assert (fleet.state.folder / "successor.note").exists() == (follow == "report")

    def test_a_damaged_lineage_stops_successions_alone(self, fleet: Fleet) -> None:
        fleet.offer(fleet.a, fleet.b)
        (fleet.state.folder / "lineage.json").write_bytes(b"{")
        code, lines = fleet.run()
        assert (code, [to for to, _ in fleet.told(lines)]) == (0, ["failed"])
        assert changes(lines).count("event") == 5
        assert fleet.state.trust() == fleet.a
        assert fleet.asked(fleet.a) == 0

    @pytest.mark.parametrize("name", ["successor.note", "successor.trust.json"])
    def test_a_damaged_offer_is_written_anew(self, fleet: Fleet, name: str) -> None:
        fleet.choose("report")
        fleet.offer(fleet.a, fleet.b)
        fleet.run()
        path = fleet.state.folder / name
        good = path.read_bytes()
        for bad in (b"", b"x" * 100_000):
            path.write_bytes(bad)
            assert fleet.told(fleet.run()[1]) == []
            assert path.read_bytes() == good


_KILLED = """
import os, signal
from ipfs import files
writes, replace = int(sys.argv.pop(1)), files.replace_durably
def counted(path, data, **more):
    global writes
    if writes == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    writes -= 1
    replace(path, data, **more)
files.replace_durably = counted
"""
KILLED = SHIFTED.replace("from light_node.cli.main import main\n", f"{_KILLED}from light_node.cli.main import main\n")


@pytest.mark.parametrize("follow", ["rotate", "report"])
def test_killed_between_any_two_writes_the_next_run_goes_on(fleet: Fleet, follow: str) -> None:
    """Neither half a trust file nor one that was taken and is never told."""
    shift = str(fleet.chain.time - int(time.time()))
    fleet.choose(follow)
    fleet.run()
    fleet.offer(fleet.a, fleet.b)
    expected, pinned = ("rotated", fleet.b) if follow == "rotate" else ("available", fleet.a)
    began = {path: path.read_bytes() for path in fleet.state.folder.glob("*.json")}
    for writes in range(10):
        for path in fleet.state.folder.glob("*.*"):
            path.unlink()
        for path, data in began.items():
            path.write_bytes(data)
        command = [sys.executable, "-c", KILLED, shift, str(writes), "run", "--once", "--config", str(fleet.config())]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert fleet.state.trust() in (fleet.a, fleet.b)
        code, lines = fleet.run()
        assert (code, fleet.told(lines)) == (0, [(expected, "b")])
        assert fleet.state.trust() == pinned
    assert writes >= 3
