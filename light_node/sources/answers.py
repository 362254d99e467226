"""A node's JSON as values: headers, events, proofs. Pure; what is in its format is not yet true.

Source: Ethereum JSON-RPC, ``eth_getBlockByNumber``, ``eth_getLogs``, ``eth_getProof``; Yellow Paper, 4.4.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ledger.errors import MalformedError
from ledger.event import Json
from ledger.proof.evidence_types import MAX_NODE_BYTES, MAX_PROOF_NODES
from ledger.proof.header import RawHeader, block_hash, parse_header
from ledger.proof.keccak import keccak256
from ledger.proof.rlp import encode_rlp

MAX_LOGS = 200_000
ATTESTED = keccak256(b"Attested(bytes32,bytes32,uint256)")
ATTESTED_MANY = keccak256(b"AttestedMany(uint256,uint256,bytes32[2][])")
_PAIRS_AT = (64).to_bytes(32, "big")
_WHAT = "node's answer"
_QUANTITY, _OCTETS = re.compile(r"0x[0-9a-fA-F]{1,64}"), re.compile(r"0x(?:[0-9a-fA-F]{2})*")
# Fields of a header in their order; the last six came with later forks.
_FIXED = ("parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom")
_NUMBERS = ("difficulty", "number", "gasLimit", "gasUsed", "timestamp")
_TAIL = ("extraData", "mixHash", "nonce")
_LATER = {
    "baseFeePerGas": True,
    "withdrawalsRoot": False,
    "blobGasUsed": True,
    "excessBlobGas": True,
    "parentBeaconBlockRoot": False,
    "requestsHash": False,
}


@dataclass(frozen=True, slots=True, order=True)
class Attestation:
    """One attestation as a node tells it; the order is that of the chain.

    Attributes:
        block: Height.
        place: Of the event in the block, and of the attestation in the event.
        log: Contract, 20 bytes.
        subject: 32 bytes.
        digest: 32 bytes.
        meta: Meta word, 32 bytes.
    """

    block: int
    place: tuple[int, int]
    log: bytes
    subject: bytes
    digest: bytes
    meta: bytes


@dataclass(frozen=True, slots=True)
class NodeProof:
    """An answer to ``eth_getProof``.

    Attributes:
        account: RLP of the trie's nodes from the state root down.
        storage: The same from the storage root down, for each slot in the order asked for.
        values: What the node says stands in each slot; a help, no proof.
    """

    account: tuple[bytes, ...]
    storage: tuple[tuple[bytes, ...], ...]
    values: tuple[int, ...]


def parse_quantity(value: Json, what: str) -> int:
    """Read a number: hexadecimal with ``0x``, at most 32 bytes.

    Raises: MalformedError.
    """
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise MalformedError(_WHAT, f"{what}: not a number")
    return int(value, 16)


def parse_octets(value: Json, what: str, length: int | None = None) -> bytes:
    """Read bytes: hexadecimal with ``0x``, two digits a byte.

    Raises: MalformedError, also for another ``length`` where one is given.
    """
    if not isinstance(value, str) or not _OCTETS.fullmatch(value):
        raise MalformedError(_WHAT, f"{what}: not bytes")
    octets = bytes.fromhex(value[2:])
    if length is not None and len(octets) != length:
        raise MalformedError(_WHAT, f"{what}: {len(octets)} bytes, {length} are needed")
    return octets


def parse_block(value: Json, number: int, rule: str) -> RawHeader:
    """Put a header together again from its JSON.

    Args:
        value: *Untrusted.*
        number: The height that was asked for.
        rule: The trust file's rule of block hashes.

    Returns: The header in its format; its hash is what the node says, of a block of that height.

    Raises: MalformedError, also where an engine's header has fields that are not known here.
    """
    if not isinstance(value, dict):
        raise MalformedError(_WHAT, "not a block")
    fields = [parse_octets(value.get(name), name) for name in _FIXED]
    fields += [_integer(value, name) for name in _NUMBERS]
    fields += [parse_octets(value.get(name), name) for name in _TAIL]
    later = [(name, numeric) for name, numeric in _LATER.items() if value.get(name) is not None]
    fields += [_integer(value, name) if numeric else parse_octets(value[name], name) for name, numeric in later]
    header = parse_header(encode_rlp(fields))
    if header.number != number or block_hash(header, rule) != parse_octets(value.get("hash"), "hash", 32):
        raise MalformedError(_WHAT, f"a header of block {number} that does not have the hash it is said to have")
    return header


def _integer(value: Mapping[str, Json], name: str) -> bytes:
    number = parse_quantity(value.get(name), name)
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def parse_proof(value: Json, slots: int) -> NodeProof:
    """Read an answer to ``eth_getProof``.

    Args:
        value: *Untrusted.*
        slots: How many were asked for.

    Raises: MalformedError.
    """
    listed = value.get("storageProof") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(listed, list) or len(listed) != slots:
        raise MalformedError(_WHAT, f"not a proof of {slots} slots")
    rows = [row if isinstance(row, dict) else {} for row in listed]
    return NodeProof(
        account=_nodes(value.get("accountProof")),
        storage=tuple(_nodes(row.get("proof")) for row in rows),
        values=tuple(parse_quantity(row.get("value"), "value of a slot") for row in rows),
    )


def _nodes(value: Json) -> tuple[bytes, ...]:
    if not isinstance(value, list) or len(value) > MAX_PROOF_NODES:
        raise MalformedError(_WHAT, f"not a proof of at most {MAX_PROOF_NODES} nodes")
    nodes = tuple(parse_octets(node, "node of a trie") for node in value)
    if any(len(node) > MAX_NODE_BYTES for node in nodes):
        raise MalformedError(_WHAT, f"a node of a trie over {MAX_NODE_BYTES} bytes")
    return nodes


def parse_attestations(value: Json, first: int, last: int, logs: frozenset[bytes]) -> Iterator[Attestation]:
    """Read an answer to ``eth_getLogs``.

    Args:
        value: *Untrusted.*
        first: Lowest block that was asked for.
        last: Highest.
        logs: Contracts that were asked for.

    Raises: MalformedError, also for an event of another block, contract or kind than was asked for.
    """
    if not isinstance(value, list) or len(value) > MAX_LOGS:
        raise MalformedError(_WHAT, f"not a list of at most {MAX_LOGS} events")
    for entry in value:
        if not isinstance(entry, dict):
            raise MalformedError(_WHAT, "not an event")
        block = parse_quantity(entry.get("blockNumber"), "blockNumber")
        log = parse_octets(entry.get("address"), "address", 20)
        if not first <= block <= last or log not in logs or entry.get("removed") is True:
            raise MalformedError(_WHAT, "an event that was not asked for")
        yield from _attestations(entry, block, log)


def _attestations(entry: Mapping[str, Json], block: int, log: bytes) -> Iterator[Attestation]:
    """Those of one event: ``Attested`` (subject; digest, meta) or ``AttestedMany`` (organisation; meta, pairs)."""
    index, data = parse_quantity(entry.get("logIndex"), "logIndex"), parse_octets(entry.get("data"), "data")
    listed = entry.get("topics")
    topics = [parse_octets(topic, "topic", 32) for topic in listed] if isinstance(listed, list) else []
    if len(topics) != 2:
        raise MalformedError(_WHAT, "an event with other topics than an attestation's")
    if topics[0] == ATTESTED and len(data) == 64:
        yield Attestation(block, (index, 0), log, topics[1], data[:32], data[32:])
    elif topics[0] == ATTESTED_MANY and data[32:64] == _PAIRS_AT and len(data) >= 96:
        if len(data) != 96 + 64 * int.from_bytes(data[64:96], "big"):
            raise MalformedError(_WHAT, "an AttestedMany event of another length than it says")
        for place, at in enumerate(range(96, len(data), 64)):
            yield Attestation(block, (index, place), log, data[at : at + 32], data[at + 32 : at + 64], data[:32])
    else:
        raise MalformedError(_WHAT, "an event that is no attestation")
