"""The folder store when several processes write it at once, or one of them is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ipfs.cid import Cid, cid_of_raw, parse_cid
from ipfs.dag_pb import parse_node
from ipfs.local import LocalStore
from ledger.errors import SourceTimeoutError
from tests.ipfs.faults import assert_sound, assert_whole_or_absent, batch_named

ROOT = Path(__file__).resolve().parents[2]


# ---- writers -----------------------------------------------------------------------------------------------------


def test_a_writer_waits_for_another_and_gives_up_in_time(tmp_path: Path) -> None:
    first, second = batch_named("first"), batch_named("second")
    with LocalStore(tmp_path) as slow, LocalStore(tmp_path, lock_timeout_s=0.1) as store:

        def blocks():
            with pytest.raises(SourceTimeoutError):
                second.put(store)
            with LocalStore(tmp_path) as reader:  # opening and reading wait for nobody
                assert not reader.has(second.root())
            with pytest.raises(SourceTimeoutError):
                LocalStore.put(slow_but_same_thread, second.root(), second.blocks())
            yield from first.blocks()

        slow_but_same_thread = slow
        slow._lock_timeout_s = 0.1
        slow.put(first.root(), blocks())
        second.put(store)
    assert_sound(tmp_path, [first, second], [])


WRITER = """
import os, signal, sys
from pathlib import Path
from ipfs.batch import Batch
from ipfs.local import LocalStore
folder, name, batches, kill_at = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
calls = 0
def deadly(real):
    def call(*arguments, **options):
        global calls
        calls += 1
        if calls == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)
    return call
store = LocalStore(folder)
if kill_at:
    for call in ("open", "write", "fsync", "close", "replace", "unlink", "listdir", "stat"):
        setattr(os, call, deadly(getattr(os, call)))
for number in range(batches):
    batch = Batch()
    for document in range(50):
        batch.add(f"{name} {number} {document}".encode() * 40)
    root = batch.put(store)
    if not kill_at:
        print(root, flush=True)
print("end", calls, flush=True)
"""


def _start_writer(folder: Path, name: str, batches: int, kill_at: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(folder), name, str(batches), str(kill_at)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def _assert_roots_whole(store: LocalStore, roots: set[Cid]) -> None:
    for root in roots:
        for link in parse_node(store.get(root)).links:
            assert cid_of_raw(store.get(link.cid)) == link.cid


def test_a_writer_killed_at_any_call_leaves_a_sound_store(tmp_path: Path) -> None:
    writer = _start_writer(tmp_path / "count", "w", 1, kill_at=1_000_000)
    output, _ = writer.communicate(timeout=60)
    calls = int(output.split()[-1])
    kept = batch_named("kept")
    for kill_at in range(1, calls + 1):
        folder = tmp_path / str(kill_at)
        with LocalStore(folder) as store:
            kept.put(store)
        writer = _start_writer(folder, "w", 1, kill_at)
        writer.communicate(timeout=60)
        assert writer.returncode == -signal.SIGKILL
        with LocalStore(folder) as store:
            assert assert_whole_or_absent(store, kept)
            _assert_roots_whole(store, set(store.roots()))
            assert store.has(next(iter(kept.blocks())).cid)
        assert not list((folder / "incoming").iterdir())


def test_a_writer_killed_at_any_time_loses_nothing_that_it_reported(tmp_path: Path) -> None:
    for delay_ms in (5, 20, 45, 80, 140):
        folder = tmp_path / str(delay_ms)
        writer = _start_writer(folder, "w", 100_000)
        assert writer.stdout is not None
        reported = {parse_cid(writer.stdout.readline().strip())}
        time.sleep(delay_ms / 1000)
        writer.kill()
        with writer.stdout as told:
            output = told.read()  # not `communicate`, which passes over lines that are buffered already
        writer.wait(timeout=60)
        reported |= {parse_cid(line) for line in output.splitlines() if len(line) == 59}
        with LocalStore(folder) as store:
            roots = set(store.roots())
            assert reported <= roots
            assert len(roots) <= len(reported) + 1
            _assert_roots_whole(store, roots)


def test_processes_write_and_read_one_store_at_once(tmp_path: Path) -> None:
    with LocalStore(tmp_path) as reader:
        writers = [_start_writer(tmp_path, name, 25) for name in ("a", "b")]
        seen: set[Cid] = set()
        for writer in writers:
            assert writer.stdout is not None
            for line in writer.stdout:
                if line.startswith("end"):
                    break
                root = parse_cid(line.strip())
                _assert_roots_whole(reader, {root})  # in another process, at once
                seen.add(root)
        for writer in writers:
            writer.communicate(timeout=60)
            assert writer.returncode == 0
        assert len(seen) == 50
        assert set(reader.roots()) == seen
