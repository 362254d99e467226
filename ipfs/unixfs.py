"""Files as IPFS blocks, under the profile ``unixfs-v1-2025``; ``ipfs.unixfs_directory`` has directories.

CIDv1, SHA-256, raw leaves of 1 MiB, at most 1,024 links a node, balanced: the same bytes have the same CID here, in
Kubo and in every other importer that follows the profile. A file of at most 1 MiB is one raw block.

The reader accepts this layout alone. A file's size fixes its whole layout, so reading is bounded by the size limit,
and no second DAG passes for the same file.

Source: UnixFS specification; IPIP-0499 (profiles).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ipfs.cid import DAG_PB, MAX_BLOCK_BYTES, RAW, Block, Cid, cid_of_node, cid_of_raw, verify_block
from ipfs.dag_pb import Link, decode_fields, encode_field, encode_node, parse_node
from ledger.errors import MalformedError, TooLargeError

_FILE = 2


@dataclass(frozen=True, slots=True)
class Profile:
    """How files are cut; tests make trees of many levels from small ones.

    Attributes:
        chunk_bytes: Size of each leaf but the last.
        max_links: Links a node holds at most.
    """

    chunk_bytes: int
    max_links: int


UNIXFS_V1_2025 = Profile(chunk_bytes=1024 * 1024, max_links=1024)


@dataclass(frozen=True, slots=True)
class _Part:
    """A finished subtree: its address, its bytes of file, and the bytes of all its blocks."""

    cid: Cid
    file_bytes: int
    total_bytes: int


def import_file(chunks: Iterable[bytes], profile: Profile = UNIXFS_V1_2025) -> Iterator[Block]:
    """Cut a file into blocks, as a stream; **the last block is the root**.

    Children come before their node. Equal leaves are given as often as they occur. Memory is bounded by one chunk
    and ``max_links`` links per level.

    Args:
        chunks: The file's bytes, in pieces of any size.
        profile: The layout.
    """
    levels: list[list[_Part]] = [[]]
    for leaf in _cut(chunks, profile.chunk_bytes):
        block = Block(cid_of_raw(leaf), leaf)
        yield block
        yield from _push(levels, 0, _Part(block.cid, len(leaf), len(leaf)), profile.max_links)
    yield from _close(levels, profile.max_links)


def _cut(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Pieces of exactly ``size`` bytes; the last is shorter, and only an empty file has an empty one."""
    rest = bytearray()
    empty = True
    for chunk in chunks:
        rest += chunk
        start = 0
        while len(rest) - start >= size:
            yield bytes(rest[start : start + size])
            start, empty = start + size, False
        del rest[:start]
    if rest or empty:
        yield bytes(rest)


def _push(levels: list[list[_Part]], height: int, part: _Part, max_links: int) -> Iterator[Block]:
    """Put a part on its level; a full level becomes one node of the level above."""
    if height == len(levels):
        levels.append([])
    levels[height].append(part)
    if len(levels[height]) == max_links:
        yield from _fold(levels, height, max_links)


def _fold(levels: list[list[_Part]], height: int, max_links: int) -> Iterator[Block]:
    block, node = _file_node(levels[height])
    levels[height] = []
    yield block
    yield from _push(levels, height + 1, node, max_links)


def _close(levels: list[list[_Part]], max_links: int) -> Iterator[Block]:
    """Fold what is left, from the leaves up, until the highest level holds one part: the root."""
    height = 0
    while height < len(levels):
        highest = height == len(levels) - 1
        if levels[height] and not (highest and len(levels[height]) == 1):
            yield from _fold(levels, height, max_links)
        height += 1


def _file_node(parts: Sequence[_Part]) -> tuple[Block, _Part]:
    file_bytes = sum(part.file_bytes for part in parts)
    data = encode_field(1, _FILE) + encode_field(3, file_bytes)
    data += b"".join(encode_field(4, part.file_bytes) for part in parts)
    encoded = encode_node([Link(part.cid, "", part.total_bytes) for part in parts], data)
    block = Block(cid_of_node(encoded), encoded)
    return block, _Part(block.cid, file_bytes, len(encoded) + sum(part.total_bytes for part in parts))


def read_file(
    fetch: Callable[[Cid], bytes], root: Cid, max_bytes: int, profile: Profile = UNIXFS_V1_2025
) -> Iterator[bytes]:
    """Reassemble a file, leaf by leaf; every leaf given out is verified, but the file is whole only at the end.

    1. A block's bytes have the SHA-256 of its CID.
    2. The root's size is at most ``max_bytes``.
    3. Each node has the layout that the profile prescribes for its size, and no other.
    4. Each leaf has exactly the size that its node says.

    Args:
        fetch: Gives the bytes of a block; *untrusted*.
        root: The file's CID.
        max_bytes: Refuse larger files, before their leaves are fetched.
        profile: The layout.

    Raises:
        ContentMismatchError: 1 fails.
        TooLargeError: 2 fails.
        MalformedError: 3 or 4 fails, or a block is no file node.
    """
    data = _fetch_verified(fetch, root)  # 1
    size = len(data) if root.codec == RAW else _file_sizes(data)[0]
    if size > max_bytes:  # 2
        raise TooLargeError(f"the file {root} has {size} bytes, the limit is {max_bytes}")
    capacity = profile.chunk_bytes
    while capacity < size:
        capacity *= profile.max_links
    yield from _read_part(fetch, root, data, (size, capacity), profile)


def _read_part(
    fetch: Callable[[Cid], bytes], cid: Cid, data: bytes, extent: tuple[int, int], profile: Profile
) -> Iterator[bytes]:
    """Read the subtree of ``cid``: ``extent`` is its size and the size that a full one has."""
    size, capacity = extent
    if capacity == profile.chunk_bytes:
        if cid.codec != RAW or len(data) != size:  # 4
            raise MalformedError("UnixFS file", f"leaf {cid} is not {size} raw bytes")
        yield data
        return
    child_capacity = capacity // profile.max_links
    children = _child_cids(cid, data, size, child_capacity)  # 3
    for index, child in enumerate(children):
        child_size = min(child_capacity, size - index * child_capacity)
        child_data = _fetch_verified(fetch, child)  # 1
        yield from _read_part(fetch, child, child_data, (child_size, child_capacity), profile)


def _fetch_verified(fetch: Callable[[Cid], bytes], cid: Cid) -> bytes:
    data = fetch(cid)
    if len(data) > MAX_BLOCK_BYTES:
        raise TooLargeError(f"block {cid} is larger than {MAX_BLOCK_BYTES} bytes")
    verify_block(cid, data)
    return data


def _child_cids(cid: Cid, data: bytes, size: int, child_capacity: int) -> list[Cid]:
    """The children of a node, which must cover ``size`` in pieces of ``child_capacity``."""
    if cid.codec != DAG_PB:
        raise MalformedError("UnixFS file", f"{cid} is a leaf where a node belongs")
    full, rest = divmod(size, child_capacity)
    wanted = [child_capacity] * full + [rest] * bool(rest)
    links = parse_node(data).links
    if _file_sizes(data) != (size, wanted) or len(links) != len(wanted) or any(link.name for link in links):
        raise MalformedError("UnixFS file", f"{cid} is not laid out as the profile lays out {size} bytes")
    return [link.cid for link in links]


def _file_sizes(data: bytes) -> tuple[int, list[int]]:
    """The size of a file node and of each child, in canonical form."""
    fields = decode_fields(parse_node(data).data)
    if len(fields) < 2 or fields[0] != (1, _FILE) or fields[1][0] != 3 or not isinstance(fields[1][1], int):
        raise MalformedError("UnixFS file", "not a file node without bytes of its own")
    sizes = [value for number, value in fields[2:] if number == 4 and isinstance(value, int)]
    if len(sizes) != len(fields) - 2:
        raise MalformedError("UnixFS file", "a field that the profile does not use")
    return fields[1][1], sizes
