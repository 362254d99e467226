"""CARv1: blocks in a row, as one file or stream.

Only the form that Vinculum writes is accepted: one root, CIDv1 of raw or dag-pb with SHA-256, shortest varints,
each block at most 2 MiB. Whatever is read is verified, block by block, and ``verify_batch`` proves that the blocks
are the whole DAG of the root and nothing else: a CAR that ends too early between two blocks looks whole otherwise.

Source: CARv1 specification of IPLD.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from ipfs.cid import CID_BYTES, DAG_PB, MAX_BLOCK_BYTES, Block, Cid, parse_cid_bytes, verify_block
from ipfs.dag_pb import encode_varint, parse_node
from ledger.errors import ContentMismatchError, MalformedError, TooLargeError

_HEADER_START = bytes.fromhex("3a a2 65 726f6f7473 81 d8 2a 58 25 00")  # {"roots": [42(h'00…
_HEADER_END = bytes.fromhex("67 76657273696f6e 01")  # "version": 1}
HEADER_BYTES = len(_HEADER_START) + CID_BYTES + len(_HEADER_END)
_MAX_SECTION_BYTES = CID_BYTES + MAX_BLOCK_BYTES
_MAX_LENGTH_BYTES = 4


class Reader(Protocol):
    """Anything with ``read``; may give fewer bytes than asked for, and gives none at the end only."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes."""


@dataclass(frozen=True, slots=True)
class Section:
    """Where a block stands in a CAR.

    Attributes:
        block: The block; verified.
        offset: Where the block's bytes begin, from the start of the CAR.
    """

    block: Block
    offset: int


def encode_header(root: Cid) -> bytes:
    """The first ``HEADER_BYTES`` of a CAR."""
    return _HEADER_START + bytes(root) + _HEADER_END


def encode_section_start(cid: Cid, data_bytes: int) -> bytes:
    """What precedes a block's bytes in a CAR."""
    return encode_varint(CID_BYTES + data_bytes) + bytes(cid)


def write_car(root: Cid, blocks: Iterable[Block]) -> Iterator[bytes]:
    """The CAR of ``blocks`` with one ``root``, as a stream of pieces."""
    yield encode_header(root)
    for block in blocks:
        yield encode_section_start(block.cid, len(block.data))
        yield block.data


def parse_header(stream: Reader) -> Cid:
    """Read a CAR's header from an *untrusted* stream.

    Raises:
        MalformedError: not the one canonical header of a CARv1 with one root.
    """
    header = _read_exactly(stream, HEADER_BYTES)
    body = header[len(_HEADER_START) : -len(_HEADER_END)]
    if header != _HEADER_START + body + _HEADER_END:
        raise MalformedError("CAR", "not a CARv1 with one root")
    return parse_cid_bytes(body)


def parse_sections(stream: Reader, max_bytes: int) -> Iterator[Section]:
    """Read the blocks that follow a header, each with its place; memory is bounded by one block.

    Args:
        stream: *Untrusted*; stands behind the header.
        max_bytes: Of the whole CAR, header included.

    Returns:
        Sections whose blocks are verified, but whose set may be short: see ``verify_batch``.

    Raises:
        MalformedError: not in the format, or cut off inside a block.
        ContentMismatchError: a block is not what its CID says.
        TooLargeError: more than ``max_bytes``.
    """
    at = HEADER_BYTES
    while True:
        length, length_bytes = _read_length(stream)
        if not length_bytes:
            return
        if at + length_bytes + length > max_bytes:
            raise TooLargeError(f"the CAR has more than {max_bytes} bytes")
        section = _read_exactly(stream, length)
        block = Block(parse_cid_bytes(section[:CID_BYTES]), section[CID_BYTES:])
        verify_block(block.cid, block.data)
        yield Section(block, at + length_bytes + CID_BYTES)
        at += length_bytes + length


def parse_car(stream: Reader, max_bytes: int) -> tuple[Cid, Iterator[Block]]:
    """Read a CAR from an *untrusted* stream: its root, and its blocks, verified one by one.

    Raises: as ``parse_header`` and ``parse_sections`` do.
    """
    root = parse_header(stream)
    return root, (section.block for section in parse_sections(stream, max_bytes))


def locate_sections(stream: BinaryIO) -> Iterator[tuple[Cid, int, int]]:
    """Find the blocks of a CAR that lies on a disk, without reading them: nothing is verified.

    Args:
        stream: *Untrusted*, seekable; stands behind the header.

    Returns:
        CID, offset and length of each block.

    Raises:
        MalformedError: a section's start is not in the format; what was given before stands.
    """
    at = HEADER_BYTES
    while True:
        length, length_bytes = _read_length(stream)
        if not length_bytes:
            return
        cid = parse_cid_bytes(_read_exactly(stream, CID_BYTES))
        yield cid, at + length_bytes + CID_BYTES, length - CID_BYTES
        at += length_bytes + length
        stream.seek(at)


def verify_batch(root: Cid, blocks: Iterable[Block]) -> Iterator[Block]:
    """Pass blocks through and prove that they are the whole DAG of ``root``, each once, and nothing else.

    Raises at the end of the stream, so nothing may be relied on before it has ended. Memory: one entry a block.

    Args:
        root: The expected root.
        blocks: *Untrusted*.

    Raises:
        ContentMismatchError: a block is not what its CID says, or a block is missing.
        MalformedError: a block is too large, is no node, comes twice, or is not linked.
    """
    return verify_closed(root, _verified(blocks))


def _verified(blocks: Iterable[Block]) -> Iterator[Block]:
    for block in blocks:
        if len(block.data) > MAX_BLOCK_BYTES:
            raise MalformedError("batch", f"block {block.cid} is larger than {MAX_BLOCK_BYTES} bytes")
        verify_block(block.cid, block.data)
        yield block


def verify_closed(root: Cid, blocks: Iterable[Block]) -> Iterator[Block]:
    """As ``verify_batch``, for blocks that are *verified* one by one already, as ``parse_sections`` gives them."""
    present: set[Cid] = set()
    linked = {root}
    for block in blocks:
        if block.cid in present:
            raise MalformedError("batch", f"block {block.cid} comes twice")
        present.add(block.cid)
        if block.cid.codec == DAG_PB:
            linked.update(link.cid for link in parse_node(block.data).links)
        yield block
    _check_closed(present, linked)


def _check_closed(present: set[Cid], linked: set[Cid]) -> None:
    if missing := linked - present:
        raise ContentMismatchError("batch", f"the block {min(missing)}", f"{len(present)} blocks without it")
    if stray := present - linked:
        raise MalformedError("batch", f"block {min(stray)} is not linked from the root")


def _read_length(stream: Reader) -> tuple[int, int]:
    """A section's length and the length of that varint; (0, 0) at the end of the stream."""
    value = 0
    for index in range(_MAX_LENGTH_BYTES):
        byte = stream.read(1)
        if not byte and index == 0:
            return 0, 0
        if not byte:
            raise MalformedError("CAR", "cut off in a length")
        value |= (byte[0] & 0x7F) << 7 * index
        if byte[0] < 0x80:
            if byte[0] == 0 or not CID_BYTES <= value <= _MAX_SECTION_BYTES:
                break
            return value, index + 1
    raise MalformedError("CAR", "a section's length is not canonical or out of range")


def _read_exactly(stream: Reader, size: int) -> bytes:
    data = stream.read(size)
    while len(data) < size:
        more = stream.read(size - len(data))
        if not more:
            raise MalformedError("CAR", f"cut off: {len(data)} of {size} bytes")
        data += more
    return data
