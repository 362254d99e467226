"""The folder store when bits of its batches rot, or its index is damaged."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from ipfs.batch import Batch
from ipfs.block_index import BlockIndex
from ipfs.local import LocalStore
from ledger.errors import ContentMismatchError, MissingError, RejectedError
from tests.ipfs.faults import assert_sound, assert_whole_or_absent, batch_named


def _car(folder: Path, batch: Batch) -> Path:
    return folder / "batches" / f"{batch.root()}.car"


def _change(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)


def test_a_changed_byte_anywhere_in_a_car_never_comes_out(tmp_path: Path) -> None:
    batch = batch_named("rot", documents=2)
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
    batch = batch_named("rot", documents=2)
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
    batch = batch_named("mended")
    *documents, directory = batch.blocks()
    block = documents[0] if part == "document" else directory
    with LocalStore(tmp_path) as store:
        batch.put(store)
        path = _car(tmp_path, batch)
        _change(path, path.read_bytes().index(block.data) + 3)
        with pytest.raises(ContentMismatchError):
            store.get(block.cid)
        batch.put(store)
        assert assert_whole_or_absent(store, batch)


def test_a_block_damaged_in_one_batch_comes_from_another(tmp_path: Path) -> None:
    first, second = batch_named("first"), batch_named("second")
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
    batch = batch_named("truncated")
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
    batch, other = batch_named("real"), batch_named("named")
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
    batches = [batch_named(f"index {number}", documents=40) for number in range(3)]
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
    assert_sound(tmp_path, batches, [])


def test_an_index_damaged_under_an_open_store_is_replaced(tmp_path: Path) -> None:
    batches = [batch_named(f"open index {number}", documents=400) for number in range(3)]
    with LocalStore(tmp_path) as store:
        for batch in batches[:2]:
            batch.put(store)
    with LocalStore(tmp_path) as store, LocalStore(tmp_path) as reader:
        path = _index(tmp_path)
        with path.open("r+b") as stream:
            stream.seek(4096)
            stream.write(os.urandom(path.stat().st_size - 4096))
        assert all(assert_whole_or_absent(store, batch) for batch in batches[:2])
        batches[2].put(store)
        assert all(assert_whole_or_absent(reader, batch) for batch in batches)
    assert_sound(tmp_path, batches, [])


def test_any_changed_byte_of_the_index_never_gives_a_wrong_block(tmp_path: Path) -> None:
    batch = batch_named("index rot", documents=8)
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

    first, second = batch_named("first"), batch_named("second")
    with LocalStore(tmp_path) as store:
        first.put(store)
        for path in tmp_path.glob("index-*"):
            path.unlink()
        with monkeypatch.context() as patch:
            patch.setattr(BlockIndex, "cars", failing)
            with pytest.raises(RejectedError, match="I/O"):
                second.put(store)
        second.put(store)
        assert assert_whole_or_absent(store, first)
    assert_sound(tmp_path, [first, second], [])


def test_a_wrong_place_in_the_index_is_corrected(tmp_path: Path) -> None:
    batch = batch_named("wrong place")
    with LocalStore(tmp_path) as store:
        batch.put(store)
        with sqlite3.connect(_index(tmp_path)) as base:
            base.execute("UPDATE block SET offset = offset + 1")
        base.close()
        assert assert_whole_or_absent(store, batch)
        with sqlite3.connect(_index(tmp_path)) as base:
            assert base.execute("SELECT count(*) FROM block WHERE offset % 1 = 0").fetchone() == (4,)
        base.close()
