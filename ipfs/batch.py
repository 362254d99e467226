"""A batch: documents gathered under one directory, to be kept with one write and one pin."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Container, Iterable, Iterator
from typing import IO

from ipfs.cid import RAW, Block, Cid, cid_of_raw
from ipfs.closing import Closing
from ipfs.dag_pb import Link
from ipfs.store import DocumentStore, read_file
from ipfs.unixfs import UNIXFS_V1_2025, import_file
from ipfs.unixfs_directory import MAX_ENTRIES, check_entry_name, directory, parse_directory
from ledger.errors import ConflictError, MalformedError

SPOOL_MEMORY_BYTES = 16 * 1024 * 1024
"""A batch stays in memory up to this size; beyond it lies in an unnamed temporary file."""


class Batch(Closing):
    """Collects documents and files as blocks, then becomes a directory of them.

    Equal blocks are kept once. Content is laid down as it is given: what must not lie on a disk in the clear is
    encrypted before it comes here. Closing it, or leaving it as a context manager, frees its space.
    """

    def __init__(self) -> None:
        self._spool: IO[bytes] = tempfile.SpooledTemporaryFile(SPOOL_MEMORY_BYTES)  # noqa: SIM115
        self._entries: dict[str, Link] = {}
        self._blocks: dict[Cid, tuple[int, int]] = {}
        self._end = 0
        self._free = weakref.finalize(self, self._spool.close)

    def close(self) -> None:
        """Free the spool; the batch must not be used afterwards."""
        self._free()

    def __len__(self) -> int:
        """How many documents it holds; at most ``MAX_ENTRIES``."""
        return len(self._entries)

    @property
    def size_bytes(self) -> int:
        """Bytes of all blocks gathered so far."""
        return self._end

    def add(self, data: bytes, name: str | None = None) -> Cid:
        """Add a document as one raw block.

        Args:
            data: At most 1 MiB.
            name: Its name in the directory, at most 64 bytes of UTF-8; its CID if None.

        Returns:
            Its CID: ``cid_from_digest`` of its SHA-256.

        Raises:
            MalformedError: too large for one block, a bad name, or a full batch.
            ConflictError: another document has that name.
        """
        if len(data) > UNIXFS_V1_2025.chunk_bytes:
            raise MalformedError("document", f"larger than one block of {UNIXFS_V1_2025.chunk_bytes} bytes")
        block = Block(cid_of_raw(data), data)
        name = self._check_name(name, block.cid)
        self._keep(block)
        self._entries[name] = Link(block.cid, name, len(data))
        return block.cid

    def add_file(self, chunks: Iterable[bytes], name: str | None = None) -> Cid:
        """Add a file of any size, as a stream; one of at most 1 MiB is one raw block.

        Args:
            chunks: Its bytes in pieces of any size.
            name: As for ``add``.

        Raises: as ``add`` does for names and full batches.
        """
        kept = len(self._blocks)
        total_bytes = 0
        cid = None
        try:
            for block in import_file(chunks):
                self._keep(block)
                total_bytes += len(block.data)
                cid = block.cid
            if cid is None:
                raise AssertionError("an importer gives at least one block")
            name = self._check_name(name, cid)
        except BaseException:
            self._forget(kept)
            raise
        self._entries[name] = Link(cid, name, total_bytes)
        return cid

    def root(self) -> Cid:
        """The root of the batch as it is now."""
        return self._directory().cid

    def blocks(self) -> Iterator[Block]:
        """All blocks, the root last; may be called again."""
        for cid, (offset, size) in self._blocks.items():
            self._spool.seek(offset)
            yield Block(cid, self._spool.read(size))
        yield self._directory()

    def put(self, store: DocumentStore) -> Cid:
        """Keep the batch in ``store``.

        Returns:
            The root; everything is durable now.

        Raises: as ``DocumentStore.put`` does.
        """
        root = self.root()
        store.put(root, self.blocks())
        return root

    def _keep(self, block: Block) -> None:
        if block.cid in self._blocks:
            return
        self._spool.seek(self._end)
        self._spool.write(block.data)
        self._blocks[block.cid] = (self._end, len(block.data))
        self._end += len(block.data)

    def _forget(self, kept: int) -> None:
        """Drop all blocks but the first ``kept``, after a file that could not be read to its end."""
        while len(self._blocks) > kept:
            self._end = self._blocks.popitem()[1][0]

    def _check_name(self, name: str | None, cid: Cid) -> str:
        name = str(cid) if name is None else name
        check_entry_name(name)
        there = self._entries.get(name)
        if there is not None and there.cid != cid:
            raise ConflictError(f"the batch already has another document named {name!r}")
        if there is None and len(self._entries) == MAX_ENTRIES:
            raise MalformedError("batch", f"more than {MAX_ENTRIES} documents")
        return name

    def _directory(self) -> Block:
        return directory(self._entries.values())


def erase(store: DocumentStore, root: Cid, doomed: Container[Cid], max_file_bytes: int) -> Cid | None:
    """Take documents out of a batch: what remains is kept as a new batch, then the old one is discarded.

    After a crash in between both are there; repeat it. A document that another batch holds too stays there.

    Args:
        store: Where the batch is.
        root: The batch.
        doomed: CIDs of the documents to erase.
        max_file_bytes: Refuse to copy larger files.

    Returns:
        The root of the new batch, or None if nothing remains.

    Raises: as ``DocumentStore.get`` and ``DocumentStore.put`` do; then nothing was discarded.
    """
    with Batch() as batch:
        for name, link in parse_directory(store.get(root)).items():
            if link.cid in doomed:
                continue
            if link.cid.codec == RAW:
                batch.add(store.get(link.cid), name)
            else:
                batch.add_file(read_file(store, link.cid, max_file_bytes), name)
        remaining = batch.put(store) if len(batch) else None
    if remaining != root:
        store.discard(root)
    return remaining
