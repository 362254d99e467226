"""The folder store when the disk fails, bits rot, the index is damaged, or a writer is killed."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from ipfs.batch import Batch
from ipfs.block_index import BlockIndex
from ipfs.cid import Cid, cid_of_raw, parse_cid
from ipfs.dag_pb import parse_node
from ipfs.local import LocalStore
from ledger.errors import ContentMismatchError, MissingError, RejectedError, SourceError, SourceTimeoutError
from tests.ipfs.content import content
from tests.ipfs.faults import FailingSystem

ROOT = Path(__file__).resolve().parents[2]


def _batch(name: str, documents: int = 3) -> Batch:
    batch = Batch()
    for number in range(documents):
        batch.add(f"{name} {number}".encode() * 30)
    return batch


def _assert_whole_or_absent(store: LocalStore, batch: Batch) -> bool:
    """Whether the batch is there; fails if it is there in part."""
    there = batch.root() in set(store.roots())
    for block in batch.blocks():
        assert store.has(block.cid) == there
        if there:
            assert store.get(block.cid) == block.data
        else:
            with pytest.raises(MissingError):
                store.get(block.cid)
    return there


def _assert_sound(folder: Path, present: list[Batch], absent: list[Batch]) -> None:
    """A newly opened store holds exactly these, and nothing is left over."""
    with LocalStore(folder) as store:
        assert all(_assert_whole_or_absent(store, batch) for batch in present)
        assert not any(_assert_whole_or_absent(store, batch) for batch in absent)
        assert set(store.roots()) == {batch.root() for batch in present}
    assert not list((folder / "incoming").iterdir())


def _count_calls(folder: Path, *, repeated: bool) -> int:
    system = FailingSystem()
    with LocalStore(folder) as store:
        if repeated:
            _batch("put").put(store)
        with system.installed():
            _batch("put").put(store)
    return system.calls


@pytest.mark.parametrize("repeated", [False, True], ids=["new", "again"])
@pytest.mark.parametrize("for_good", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("done", [False, True], ids=["not done", "done but reported failed"])
def test_put_survives_a_failure_of_any_call(tmp_path: Path, repeated: bool, for_good: bool, done: bool) -> None:
    calls = _count_calls(tmp_path / "count", repeated=repeated)
    assert calls >= 8
    reported = 0
    for fail_at in range(1, calls + 1):
        folder = tmp_path / str(fail_at)
        other, batch = _batch("other"), _batch("put")
        with LocalStore(folder) as store:
            other.put(store)
            if repeated:
                batch.put(store)
            try:
                with FailingSystem(fail_at, done=done, for_good=for_good).installed():
                    batch.put(store)
            except SourceError:
                reported += 1
            else:
                assert _assert_whole_or_absent(store, batch)
            assert _assert_whole_or_absent(store, other)
            assert _assert_whole_or_absent(store, batch) or not repeated
            with LocalStore(folder) as reader:  # another process
                _assert_whole_or_absent(reader, batch)
            batch.put(store)
            assert _assert_whole_or_absent(store, batch)
        _assert_sound(folder, [other, batch], [])
    assert reported >= calls // 2


@pytest.mark.parametrize("done", [False, True], ids=["not done", "done but reported failed"])
def test_discard_survives_a_failure_of_any_call(tmp_path: Path, done: bool) -> None:
    system = FailingSystem()
    with LocalStore(tmp_path / "count") as store:
        root = _batch("discard").put(store)
        with system.installed():
            store.discard(root)
    for fail_at in range(1, system.calls + 1):
        folder = tmp_path / str(fail_at)
        other, batch = _batch("other"), _batch("discard")
        with LocalStore(folder) as store:
            other.put(store)
            batch.put(store)
            with suppress(SourceError), FailingSystem(fail_at, done=done).installed():
                store.discard(batch.root())
            _assert_whole_or_absent(store, batch)
            store.discard(batch.root())
        _assert_sound(folder, [other], [batch])


def test_opening_survives_a_failure_of_any_call(tmp_path: Path) -> None:
    batch = _batch("open")
    with LocalStore(tmp_path) as store:
        batch.put(store)
    (tmp_path / "incoming" / f"{batch.root()}.part").write_bytes(b"left by a crash")
    system = FailingSystem()
    with system.installed(), LocalStore(tmp_path):
        pass
    for fail_at in range(1, system.calls + 1):
        for path in tmp_path.glob("index-*"):
            path.unlink()
        try:
            with FailingSystem(fail_at).installed():
                LocalStore(tmp_path).close()
        except SourceError:
            pass
        _assert_sound(tmp_path, [batch], [])


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    batch = _batch("short writes")
    with LocalStore(tmp_path) as store:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", lambda descriptor, data: write(descriptor, bytes(data)[:7]))
            batch.put(store)
        assert _assert_whole_or_absent(store, batch)


def test_a_write_that_lies_is_found_by_reading_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write

    def lying(descriptor: int, data: bytes) -> int:
        return write(descriptor, bytes(data)[:-9] + b"!" + bytes(data)[-8:])

    batch = _batch("a lying disk")
    with LocalStore(tmp_path) as store:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", lying)
            with pytest.raises(ContentMismatchError):
                batch.put(store)
        assert not _assert_whole_or_absent(store, batch)


def test_a_full_disk_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    large, small = Batch(), _batch("fits")
    large.add_file([content(3_000_000)])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with LocalStore(tmp_path) as store:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, hard))
        try:
            with pytest.raises(RejectedError):
                large.put(store)
            small.put(store)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    _assert_sound(tmp_path, [small], [large])


@pytest.mark.parametrize("method", ["add", "keep_only"])
def test_an_index_that_cannot_be_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    batch = _batch("index full")
    with LocalStore(tmp_path) as store:
        with monkeypatch.context() as patch:
            patch.setattr(BlockIndex, method, full)
            with pytest.raises(RejectedError, match="disk is full"):
                batch.put(store)
        _assert_whole_or_absent(store, batch)
        batch.put(store)
    _assert_sound(tmp_path, [batch], [])


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store").write_bytes(b"")
    with pytest.raises(RejectedError):
        LocalStore(tmp_path / "store")


def _car(folder: Path, batch: Batch) -> Path:
    return folder / "batches" / f"{batch.root()}.car"


def _change(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)


def test_a_changed_byte_anywhere_in_a_car_never_comes_out(tmp_path: Path) -> None:
    batch = _batch("rot", documents=2)
    with LocalStore(tmp_path) as store:
        batch.put(store)
        path = _car(tmp_path, batch)
        whole = path.read_bytes()
        for at in range(len(whole)):
            _change(path, at)
            damaged = 0
            for block in batch.blocks():
                try:
                    assert store.get(block.cid) == block.data
                except ContentMismatchError:
                    damaged += 1
            assert damaged <= 1
            path.write_bytes(whole)


def test_a_changed_byte_anywhere_in_a_car_never_comes_out_without_an_index(tmp_path: Path) -> None:
    batch = _batch("rot", documents=2)
    with LocalStore(tmp_path) as store:
        batch.put(store)
    path = _car(tmp_path, batch)
    whole = path.read_bytes()
    for at in range(0, len(whole), 5):
        for index in tmp_path.glob("index-*"):
            index.unlink()
        _change(path, at)
        with LocalStore(tmp_path) as store:
            for block in batch.blocks():
                try:
                    assert store.get(block.cid) == block.data
                except (ContentMismatchError, MissingError):
                    continue
        path.write_bytes(whole)


@pytest.mark.parametrize("part", ["document", "directory"])
def test_a_damaged_batch_is_mended_by_putting_it_again(tmp_path: Path, part: str) -> None:
    batch = _batch("mended")
    *documents, directory = batch.blocks()
    block = documents[0] if part == "document" else directory
    with LocalStore(tmp_path) as store:
        batch.put(store)
        path = _car(tmp_path, batch)
        _change(path, path.read_bytes().index(block.data) + 3)
        with pytest.raises(ContentMismatchError):
            store.get(block.cid)
        batch.put(store)
        assert _assert_whole_or_absent(store, batch)


def test_a_block_damaged_in_one_batch_comes_from_another(tmp_path: Path) -> None:
    first, second = _batch("first"), _batch("second")
    shared = first.add(b"in both")
    second.add(b"in both")
    with LocalStore(tmp_path) as store:
        for batch in (first, second):
            batch.put(store)
        for batch in (second, first):
            assert store.get(shared) == b"in both"
            path = _car(tmp_path, batch)
            _change(path, path.read_bytes().index(b"in both"))
        with pytest.raises(ContentMismatchError):
            store.get(shared)
        _car(tmp_path, first).unlink()
        _car(tmp_path, second).unlink()
        with pytest.raises(MissingError):
            store.get(shared)


def test_a_truncated_car_gives_what_is_left(tmp_path: Path) -> None:
    batch = _batch("truncated")
    with LocalStore(tmp_path) as store:
        batch.put(store)
    path = _car(tmp_path, batch)
    path.write_bytes(path.read_bytes()[:-20])
    *documents, directory = batch.blocks()
    with LocalStore(tmp_path) as store:
        assert [store.get(block.cid) for block in documents] == [block.data for block in documents]
        with pytest.raises(ContentMismatchError):
            store.get(directory.cid)


def test_a_car_under_another_name_is_not_believed(tmp_path: Path) -> None:
    batch, other = _batch("real"), _batch("named")
    with LocalStore(tmp_path) as store:
        batch.put(store)
    _car(tmp_path, batch).rename(_car(tmp_path, other))
    (tmp_path / "batches" / "notes.txt").write_bytes(b"")
    (tmp_path / "batches" / "notes.car").write_bytes(b"")
    with LocalStore(tmp_path) as store:
        assert set(store.roots()) == {other.root()}
        for block in [*batch.blocks(), *other.blocks()]:
            with pytest.raises(MissingError):
                store.get(block.cid)


def _index(folder: Path) -> Path:
    (path,) = folder.glob("index-*.sqlite")
    return path


@pytest.mark.parametrize("damage", ["gone", "empty", "rubbish", "header", "pages"])
def test_a_damaged_index_is_replaced_when_the_store_is_opened(tmp_path: Path, damage: str) -> None:
    batches = [_batch(f"index {number}", documents=40) for number in range(3)]
    with LocalStore(tmp_path) as store:
        for batch in batches:
            batch.put(store)
    path = _index(tmp_path)
    data = bytearray(path.read_bytes())
    if damage == "header":
        data[:16] = bytes(16)
    if damage == "pages":
        data[4096:] = os.urandom(len(data) - 4096)
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes({"empty": b"", "rubbish": b"no index" * 1000}.get(damage, bytes(data)))
    _assert_sound(tmp_path, batches, [])


def test_an_index_damaged_under_an_open_store_is_replaced(tmp_path: Path) -> None:
    batches = [_batch(f"open index {number}", documents=400) for number in range(3)]
    with LocalStore(tmp_path) as store:
        for batch in batches[:2]:
            batch.put(store)
    with LocalStore(tmp_path) as store, LocalStore(tmp_path) as reader:
        path = _index(tmp_path)
        with path.open("r+b") as stream:
            stream.seek(4096)
            stream.write(os.urandom(path.stat().st_size - 4096))
        assert all(_assert_whole_or_absent(store, batch) for batch in batches[:2])
        batches[2].put(store)
        assert all(_assert_whole_or_absent(reader, batch) for batch in batches)
    _assert_sound(tmp_path, batches, [])


def test_any_changed_byte_of_the_index_never_gives_a_wrong_block(tmp_path: Path) -> None:
    batch = _batch("index rot", documents=8)
    with LocalStore(tmp_path) as store:
        batch.put(store)
    whole = _index(tmp_path).read_bytes()
    used = [at for at in range(len(whole)) if whole[at]]
    for at in used[:: max(1, len(used) // 150)]:
        for path in tmp_path.glob("index-*"):
            path.unlink()
        (tmp_path / "index-1.sqlite").write_bytes(whole)
        _change(tmp_path / "index-1.sqlite", at)
        try:
            with LocalStore(tmp_path) as store:
                for block in batch.blocks():
                    try:
                        assert store.get(block.cid) == block.data
                    except MissingError:
                        continue
        except RejectedError:
            continue


def test_an_index_that_was_removed_and_cannot_be_made_again_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    first, second = _batch("first"), _batch("second")
    with LocalStore(tmp_path) as store:
        first.put(store)
        for path in tmp_path.glob("index-*"):
            path.unlink()
        with monkeypatch.context() as patch:
            patch.setattr(BlockIndex, "cars", failing)
            with pytest.raises(RejectedError, match="I/O"):
                second.put(store)
        second.put(store)
        assert _assert_whole_or_absent(store, first)
    _assert_sound(tmp_path, [first, second], [])


def test_a_wrong_place_in_the_index_is_corrected(tmp_path: Path) -> None:
    batch = _batch("wrong place")
    with LocalStore(tmp_path) as store:
        batch.put(store)
        with sqlite3.connect(_index(tmp_path)) as base:
            base.execute("UPDATE block SET offset = offset + 1")
        base.close()
        assert _assert_whole_or_absent(store, batch)
        with sqlite3.connect(_index(tmp_path)) as base:
            assert base.execute("SELECT count(*) FROM block WHERE offset % 1 = 0").fetchone() == (4,)
        base.close()


def test_a_writer_waits_for_another_and_gives_up_in_time(tmp_path: Path) -> None:
    first, second = _batch("first"), _batch("second")
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
    _assert_sound(tmp_path, [first, second], [])


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
    kept = _batch("kept")
    for kill_at in range(1, calls + 1):
        folder = tmp_path / str(kill_at)
        with LocalStore(folder) as store:
            kept.put(store)
        writer = _start_writer(folder, "w", 1, kill_at)
        writer.communicate(timeout=60)
        assert writer.returncode == -signal.SIGKILL
        with LocalStore(folder) as store:
            assert _assert_whole_or_absent(store, kept)
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
