"""The folder store when the disk is full, or any call fails or lies."""

from __future__ import annotations

import os
import resource
import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest

from ipfs.batch import Batch
from ipfs.block_index import BlockIndex
from ipfs.local import LocalStore
from ledger.errors import ContentMismatchError, RejectedError, SourceError
from tests.ipfs.content import content
from tests.ipfs.faults import FailingSystem, assert_sound, assert_whole_or_absent, batch_named


def _count_calls(folder: Path, *, repeated: bool) -> int:
    system = FailingSystem()
    with LocalStore(folder) as store:
        if repeated:
            batch_named("put").put(store)
        with system.installed():
            batch_named("put").put(store)
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
        other, batch = batch_named("other"), batch_named("put")
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
                assert assert_whole_or_absent(store, batch)
            assert assert_whole_or_absent(store, other)
            assert assert_whole_or_absent(store, batch) or not repeated
            with LocalStore(folder) as reader:  # another process
                assert_whole_or_absent(reader, batch)
            batch.put(store)
            assert assert_whole_or_absent(store, batch)
        assert_sound(folder, [other, batch], [])
    assert reported >= calls // 2


@pytest.mark.parametrize("done", [False, True], ids=["not done", "done but reported failed"])
def test_discard_survives_a_failure_of_any_call(tmp_path: Path, done: bool) -> None:
    system = FailingSystem()
    with LocalStore(tmp_path / "count") as store:
        root = batch_named("discard").put(store)
        with system.installed():
            store.discard(root)
    for fail_at in range(1, system.calls + 1):
        folder = tmp_path / str(fail_at)
        other, batch = batch_named("other"), batch_named("discard")
        with LocalStore(folder) as store:
            other.put(store)
            batch.put(store)
            with suppress(SourceError), FailingSystem(fail_at, done=done).installed():
                store.discard(batch.root())
            assert_whole_or_absent(store, batch)
            store.discard(batch.root())
        assert_sound(folder, [other], [batch])


def test_opening_survives_a_failure_of_any_call(tmp_path: Path) -> None:
    batch = batch_named("open")
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
        assert_sound(tmp_path, [batch], [])


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    batch = batch_named("short writes")
    with LocalStore(tmp_path) as store:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", lambda descriptor, data: write(descriptor, bytes(data)[:7]))
            batch.put(store)
        assert assert_whole_or_absent(store, batch)


def test_a_write_that_lies_is_found_by_reading_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write

    def lying(descriptor: int, data: bytes) -> int:
        return write(descriptor, bytes(data)[:-9] + b"!" + bytes(data)[-8:])

    batch = batch_named("a lying disk")
    with LocalStore(tmp_path) as store:
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", lying)
            with pytest.raises(ContentMismatchError):
                batch.put(store)
        assert not assert_whole_or_absent(store, batch)


def test_a_full_disk_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    large, small = Batch(), batch_named("fits")
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
    assert_sound(tmp_path, [small], [large])


@pytest.mark.parametrize("method", ["add", "keep_only"])
def test_an_index_that_cannot_be_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    batch = batch_named("index full")
    with LocalStore(tmp_path) as store:
        with monkeypatch.context() as patch:
            patch.setattr(BlockIndex, method, full)
            with pytest.raises(RejectedError, match="disk is full"):
                batch.put(store)
        assert_whole_or_absent(store, batch)
        batch.put(store)
    assert_sound(tmp_path, [batch], [])


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store").write_bytes(b"")
    with pytest.raises(RejectedError):
        LocalStore(tmp_path / "store")
