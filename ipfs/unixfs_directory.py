"""Plain directories as IPFS blocks, under the profile ``unixfs-v1-2025``: never so large that they would be sharded.

Source: UnixFS specification; IPIP-0499 (profiles).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ipfs.cid import Block, cid_of_node
from ipfs.dag_pb import Link, encode_field, encode_node, parse_node
from ledger.errors import MalformedError

_DIRECTORY = 1
_DIRECTORY_DATA = encode_field(1, _DIRECTORY)
MAX_ENTRIES = 2048
MAX_ENTRY_NAME_BYTES = 64
"""With both limits a directory stays under the 256 KiB at which the profile would begin to shard it."""
_UNSAFE_NAME = re.compile("[/\x00-\x1f\x7f\ud800-\udfff]")


def directory(entries: Iterable[Link]) -> Block:
    """The block of a plain directory.

    Args:
        entries: Links with their names, in any order; at most ``MAX_ENTRIES``.

    Raises:
        MalformedError: too many, a name twice, or a name that is no plain file name.
    """
    links = sorted(entries, key=lambda link: link.name)
    _check_entries(links)
    data = encode_node(links, _DIRECTORY_DATA)
    return Block(cid_of_node(data), data)


def parse_directory(data: bytes) -> dict[str, Link]:
    """Read a plain directory's block.

    Args:
        data: *Untrusted*.

    Returns:
        Its entries by name, in order; ``directory`` of them is ``data`` again.

    Raises:
        MalformedError: no directory, sharded, or not canonical.
    """
    node = parse_node(data)
    if node.data != _DIRECTORY_DATA:
        raise MalformedError("UnixFS directory", "not a plain directory")
    _check_entries(node.links)
    return {link.name: link for link in node.links}


def _check_entries(links: Sequence[Link]) -> None:
    if len(links) > MAX_ENTRIES:
        raise MalformedError("UnixFS directory", f"more than {MAX_ENTRIES} entries")
    for before, link in zip((None, *links), links, strict=False):
        check_entry_name(link.name)
        if before is not None and before.name >= link.name:
            raise MalformedError("UnixFS directory", "names twice or not in order")


def check_entry_name(name: str) -> None:
    """Refuse what is no plain file name of at most ``MAX_ENTRY_NAME_BYTES`` of UTF-8.

    Raises:
        MalformedError: empty, ``.``, ``..``, too long, or with a slash or control character.
    """
    if name in ("", ".", "..") or _UNSAFE_NAME.search(name):
        raise MalformedError("entry name", "not a plain file name")
    if len(name.encode()) > MAX_ENTRY_NAME_BYTES:
        raise MalformedError("entry name", f"longer than {MAX_ENTRY_NAME_BYTES} bytes")
