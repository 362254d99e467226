"""The light node's folder on a machine that others use too: who may write in it, and two programs at once."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ledger.errors import ConfigurationError, MalformedError, SourceTimeoutError
from ledger.proof.evidence import encode_evidence
from light_node import state as states
from light_node.state import StateFolder
from light_node.trust import encode_trust
from tests.simulator.recent import lasting, recent
from tests.simulator.world import World, make_world

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(recent())


@pytest.fixture
def folder(tmp_path: Path, world: World) -> StateFolder:
    """Made and pinned."""
    folder = StateFolder(tmp_path / "homes" / "node")
    folder.make()
    folder.pin(lasting(world.chain.trust()))
    return folder


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o002, 0o077])
def test_it_is_made_for_its_user_alone(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        StateFolder(tmp_path / "node").make()
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(one.stat().st_mode) for one in (tmp_path / "node", tmp_path / "node" / "forks")}
    assert modes == {0o700}


@pytest.mark.parametrize("mode", [0o777, 0o702, 0o1777, 0o757])
def test_one_that_anybody_may_write_in_is_refused(folder: StateFolder, mode: int) -> None:
    folder.folder.chmod(mode)
    with pytest.raises(ConfigurationError, match="anybody may write"), folder.alone():
        pass


@pytest.mark.parametrize("mode", [0o700, 0o755, 0o770, 0o775])
def test_one_of_a_user_and_his_group_is_taken(folder: StateFolder, mode: int) -> None:
    folder.folder.chmod(mode)
    with folder.alone():
        pass


def test_a_link_in_the_place_of_a_file_is_replaced_and_nothing_is_written_where_it_leads(
    folder: StateFolder, tmp_path: Path, world: World
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"theirs")
    for name in ("trust.json", "follow.json"):
        (folder.folder / name).unlink(missing_ok=True)
        (folder.folder / name).symlink_to(victim)
    folder.pin(lasting(world.chain.trust()))
    folder.keep_followed(b"{}")
    assert victim.read_bytes() == b"theirs"
    assert not any((folder.folder / name).is_symlink() for name in ("trust.json", "follow.json"))


@pytest.mark.parametrize("name", ["trust.json", "head.json", "follow.json"])
def test_a_folder_in_the_place_of_a_file_is_damage(folder: StateFolder, name: str) -> None:
    (folder.folder / name).unlink(missing_ok=True)
    (folder.folder / name).mkdir()
    with pytest.raises(MalformedError, match="not a regular file"):
        {"trust.json": folder.trust, "head.json": folder.memory, "follow.json": folder.followed}[name]()


def test_whoever_holds_it_keeps_others_out(folder: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "LOCK_TIMEOUT_S", 0.1)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with folder.alone():
            held.set()
            done.wait(10)

    work = threading.Thread(target=hold)
    work.start()
    assert held.wait(10)
    with pytest.raises(SourceTimeoutError), folder.alone():
        pass
    done.set()
    work.join()


def test_programs_that_verify_at_once_leave_one_whole_head_that_none_of_them_takes_back(
    tmp_path: Path, world: World
) -> None:
    files = {name: world.chain.evidence(getattr(world, name)) for name in ("battery", "vehicle")}
    trust = lasting(world.chain.trust())
    (tmp_path / "trust.json").write_bytes(encode_trust(trust))
    for name, evidence in files.items():
        (tmp_path / name).write_bytes(encode_evidence(evidence))
    assert _start(tmp_path, "trust", "pin", "trust.json", "--fingerprint", trust.fingerprint()).wait(60) == 0
    running = {name: [_start(tmp_path, "verify", name) for _ in range(2)] for name in files}
    codes = {name: {one.wait(60) for one in many} for name, many in running.items()}
    assert sorted(codes.values(), key=min) == [
        {0},
        {3},
    ]  # without a path between their trees, the second proves nothing
    (first,) = (name for name, ended in codes.items() if ended == {0})
    memory = StateFolder(tmp_path / "node").memory()
    assert memory is not None
    assert memory.signed.header == files[first].header
    assert {path.name for path in (tmp_path / "node").iterdir() if path.name.endswith("tmp")} == set()


def _start(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "light_node.cli.main", *words, "--home", "node"],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
