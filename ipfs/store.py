"""The port to a document store: five methods, whatever stands behind them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from ipfs import unixfs
from ipfs.cid import Block, Cid


class DocumentStore(Protocol):
    """Keeps batches of blocks by their content.

    *Durable*: when ``put`` returns, the whole batch survives a crash of this process, of the store's process and,
    as far as the disk keeps its word, of the machine; it was read back and every block was hashed again.

    *Atomic*: after a failed or interrupted ``put`` the batch is there as a whole or not at all: never some of its
    blocks under its root. An error leaves open which of the two.

    *Retries* are the caller's: nothing here repeats a request. ``put`` and ``discard`` may be repeated at will.

    *Trust*: what ``get`` returns is what its CID says, whoever runs the store. ``has`` and ``roots`` are only the
    store's word.

    All methods may be called from several threads, and raise a ``SourceError`` when the store does not deliver
    (unreachable, timed out, refused).
    """

    def put(self, root: Cid, blocks: Iterable[Block]) -> None:
        """Keep a batch; returns when it is durable.

        Args:
            root: The batch's root; usually a directory made by ``Batch``.
            blocks: The whole DAG of ``root``, each block once, in any order; read as a stream, once.

        Raises:
            ContentMismatchError: a block is not what its CID says, or one is missing. Nothing was kept.
            MalformedError: a block is too large, comes twice or is not linked. Nothing was kept.
        """

    def get(self, cid: Cid) -> bytes:
        """The bytes of a block, verified.

        Raises:
            MissingError: not here.
            ContentMismatchError: here, but damaged.
            TooLargeError: the store gives more than a block can have.
        """

    def has(self, cid: Cid) -> bool:
        """Whether the store says that it holds a block; its bytes are not read."""

    def roots(self) -> Iterator[Cid]:
        """The roots of all batches kept, in no order; for a rebuild and for an audit."""

    def discard(self, root: Cid) -> None:
        """Forget a batch; blocks that another batch holds too stay. No error if it is not there."""


def read_file(store: DocumentStore, cid: Cid, max_bytes: int) -> Iterator[bytes]:
    """Read a file of any size as a stream of verified pieces.

    Args:
        store: Where its blocks are.
        cid: The file's CID, as ``Batch.add_file`` gave it.
        max_bytes: Refuse larger files.

    Raises: as ``ipfs.unixfs.read_file`` and ``DocumentStore.get`` do.
    """
    return unixfs.read_file(store.get, cid, max_bytes)
