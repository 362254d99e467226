"""What every store promises, whatever stands behind it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from ipfs.batch import Batch, erase
from ipfs.cid import Block, Cid, cid_of_raw
from ipfs.store import DocumentStore, read_file
from ledger.errors import (
    ConflictError,
    ContentMismatchError,
    MalformedError,
    MissingError,
    TooLargeError,
    VerificationError,
)
from tests.ipfs.content import content


def _batch(name: str, *, file_bytes: int = 0, documents: int = 3) -> Batch:
    """A batch whose documents are named after the test that makes it."""
    batch = Batch()
    for number in range(documents):
        batch.add(f"{name} {number}".encode() * 50, f"{number}.jwt")
    if file_bytes:
        batch.add_file([name.encode(), content(file_bytes)], "file")
    return batch


def test_a_batch_comes_back(store: DocumentStore) -> None:
    batch = _batch("comes back", file_bytes=3_000_000)
    root = batch.put(store)
    for block in batch.blocks():
        assert store.has(block.cid)
        assert store.get(block.cid) == block.data
    assert root in set(store.roots())


def test_a_file_comes_back_as_a_stream(store: DocumentStore) -> None:
    with Batch() as batch:
        cid = batch.add_file([content(5_000_001)])
        batch.put(store)
    assert b"".join(read_file(store, cid, 5_000_001)) == content(5_000_001)
    with pytest.raises(TooLargeError):
        next(read_file(store, cid, 5_000_000))


def test_putting_twice_is_putting_once(store: DocumentStore) -> None:
    batch = _batch("twice")
    assert batch.put(store) == batch.put(store)
    assert list(store.roots()).count(batch.root()) == 1


def test_an_empty_batch_can_be_kept(store: DocumentStore) -> None:
    assert Batch().put(store) in set(store.roots())


def test_what_is_not_there_is_missing(store: DocumentStore) -> None:
    absent = cid_of_raw(b"never put anywhere")
    assert not store.has(absent)
    with pytest.raises(MissingError):
        store.get(absent)


def _without_first(blocks: list[Block]) -> list[Block]:
    return blocks[1:]


def _without_root(blocks: list[Block]) -> list[Block]:
    return blocks[:-1]


def _nothing(blocks: list[Block]) -> list[Block]:
    return []


def _changed(blocks: list[Block]) -> list[Block]:
    return [Block(blocks[0].cid, blocks[0].data[:-1] + b"!"), *blocks[1:]]


def _twice(blocks: list[Block]) -> list[Block]:
    return [blocks[0], *blocks]


def _stray(blocks: list[Block]) -> list[Block]:
    return [*blocks, Block(cid_of_raw(b"a stray block"), b"a stray block")]


def _too_large(blocks: list[Block]) -> list[Block]:
    return [*blocks, Block(cid_of_raw(bytes(3 << 20)), bytes(3 << 20))]


@pytest.mark.parametrize(
    "spoil", [_without_first, _without_root, _nothing, _changed, _twice, _stray, _too_large], ids=lambda f: f.__name__
)
def test_a_batch_that_is_not_whole_leaves_nothing(store: DocumentStore, spoil) -> None:
    batch = _batch(f"not whole {spoil.__name__}", file_bytes=1_500_000)
    before = set(store.roots())
    with pytest.raises(VerificationError):
        store.put(batch.root(), spoil(list(batch.blocks())))
    assert set(store.roots()) == before
    batch.put(store)
    assert set(store.roots()) == before | {batch.root()}


def test_a_stream_of_blocks_that_breaks_leaves_nothing(store: DocumentStore) -> None:
    batch = _batch("breaks", documents=20)

    def broken() -> Iterator[Block]:
        yield from list(batch.blocks())[:10]
        raise RuntimeError("the disk with the attachment was pulled out")

    with pytest.raises(RuntimeError, match="pulled out"):
        store.put(batch.root(), broken())
    assert batch.root() not in set(store.roots())
    batch.put(store)


def test_a_discarded_batch_is_gone_and_the_others_stay(store: DocumentStore) -> None:
    first, second = _batch("discarded", file_bytes=2_000_000), _batch("stays")
    shared = first.add(b"in both batches")
    second.add(b"in both batches")
    only_first = {block.cid for block in first.blocks()} - {block.cid for block in second.blocks()}
    first.put(store)
    second.put(store)
    store.discard(first.root())
    assert first.root() not in set(store.roots())
    assert second.root() in set(store.roots())
    assert not any(store.has(cid) for cid in only_first)
    assert store.get(shared) == b"in both batches"
    for block in second.blocks():
        assert store.get(block.cid) == block.data
    store.discard(first.root())


def test_discarding_what_was_never_there_is_no_error(store: DocumentStore) -> None:
    store.discard(_batch("never there").root())


def test_erasing_one_document_keeps_the_rest_of_its_batch(store: DocumentStore) -> None:
    batch = _batch("erasure", file_bytes=2_500_000)
    doomed = batch.add(b"the document to erase")
    old = batch.put(store)
    new = erase(store, old, {doomed}, 10_000_000)
    assert new is not None
    assert not store.has(doomed)
    assert {old, new} & set(store.roots()) == {new}
    for block in batch.blocks():
        if block.cid not in (doomed, old):
            assert store.get(block.cid) == block.data
    assert erase(store, new, {doomed}, 10_000_000) == new  # repeated: nothing to do
    everything = {block.cid for block in batch.blocks()}
    assert erase(store, new, everything, 10_000_000) is None
    assert new not in set(store.roots())


def test_an_erasure_that_cannot_copy_discards_nothing(store: DocumentStore) -> None:
    batch = _batch("cannot copy", file_bytes=2_000_000)
    root = batch.put(store)
    with pytest.raises(TooLargeError):
        erase(store, root, {cid_of_raw(b"")}, 1000)
    assert root in set(store.roots())


def test_threads_share_a_store(store: DocumentStore) -> None:
    faults: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for round_ in range(5):
                batch = _batch(f"thread {number} round {round_}")
                batch.put(store)
                for block in batch.blocks():
                    assert store.get(block.cid) == block.data
        except BaseException as fault:  # noqa: BLE001
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults


def test_a_batch_refuses_what_it_cannot_hold() -> None:
    with Batch() as batch:
        with pytest.raises(MalformedError):
            batch.add(bytes((1 << 20) + 1))
        with pytest.raises(MalformedError):
            batch.add(b"x", "../x")
        with pytest.raises(MalformedError):
            batch.add_file([bytes(2_000_000)], "")
        assert (len(batch), batch.size_bytes) == (0, 0)
        assert len(list(batch.blocks())) == 1


def test_a_file_that_cannot_be_read_leaves_nothing_in_the_batch(local_store: DocumentStore) -> None:
    def unreadable() -> Iterator[bytes]:
        yield content(2_500_000)
        raise OSError("no such disk")

    with Batch() as batch:
        kept = batch.add_file([content(1_200_000)])
        with pytest.raises(OSError, match="no such disk"):
            batch.add_file(unreadable())
        batch.add(b"and then a document")
        batch.put(local_store)
    assert b"".join(read_file(local_store, kept, 1 << 30)) == content(1_200_000)


def test_two_documents_of_one_name_conflict() -> None:
    with Batch() as batch:
        batch.add(b"one", "name")
        assert batch.add(b"one", "name") == cid_of_raw(b"one")
        assert len(batch) == 1
        with pytest.raises(ConflictError):
            batch.add(b"two", "name")
        assert len(list(batch.blocks())) == 2


def test_a_batch_is_bounded() -> None:
    with Batch() as batch:
        for number in range(2048):
            batch.add(str(number).encode())
        with pytest.raises(MalformedError):
            batch.add(b"one more")


def test_contents_mismatch_names_the_block(local_store: DocumentStore) -> None:
    batch = _batch("named")
    blocks = list(batch.blocks())
    missing: Cid = blocks[0].cid
    with pytest.raises(ContentMismatchError, match=str(missing)):
        local_store.put(batch.root(), blocks[1:])
