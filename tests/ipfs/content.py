"""Content of any size that every importer's test can make again: SHA-256 in counter mode."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from ipfs.cid import Block, Cid

VECTORS = Path(__file__).parent / "vectors"
SEED = sha256(b"vinculum")


def stream(size: int) -> Iterator[bytes]:
    """The first ``size`` bytes, in uneven pieces."""
    made = 0
    piece: list[bytes] = []
    for counter in range((size + 31) // 32):
        state = SEED.copy()
        state.update(counter.to_bytes(8, "big"))
        piece.append(state.digest()[: size - made])
        made += len(piece[-1])
        if len(piece) == 3001:
            yield b"".join(piece)
            piece.clear()
    if piece:
        yield b"".join(piece)


def content(size: int) -> bytes:
    return b"".join(stream(size))


def by_cid(blocks: list[Block]) -> dict[Cid, bytes]:
    return {block.cid: block.data for block in blocks}
