"""Encodings and hashes with one form: RLP, CIDs, the fold of a head."""

from __future__ import annotations

from typing import TypeAlias

from ipfs.unixfs import import_file
from ledger.proof.fold import Meta, leaf, next_head
from ledger.proof.rlp import RlpItem, parse_rlp
from light_node.conformance.fields import Fields

NestedHex: TypeAlias = "str | list[NestedHex]"

_WORD_BYTES = 32


def rlp_decode(fields: Fields) -> NestedHex:
    """Read canonical RLP."""
    fields.exactly("hex")
    return _hex_of(parse_rlp(fields.octets("hex")))


def cid(fields: Fields) -> str:
    """Address a file as the pinned profile lays it out; the last block is the root."""
    fields.exactly("hex")
    for block in import_file([fields.octets("hex")]):
        root = block.cid
    return str(root)


def fold(fields: Fields) -> str:
    """Append one attestation to a head."""
    fields.exactly("head", "status", "digest", "version", "kind", "organisation", "time")
    meta = Meta(
        kind=fields.unsigned("kind", 16),
        organisation=fields.unsigned("organisation", 32),
        time=fields.unsigned("time", 48),
        version=fields.unsigned("version", 8),
    )
    entry_leaf = leaf(fields.octets("digest", _WORD_BYTES), meta.word)
    return next_head(fields.octets("head", _WORD_BYTES), entry_leaf, fields.unsigned("status", 8)).hex()


def _hex_of(item: RlpItem) -> NestedHex:
    return item.hex() if isinstance(item, bytes) else [_hex_of(one) for one in item]
