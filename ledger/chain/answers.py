"""A node's JSON as values: headers, logs, receipts, proofs. The node is not believed; evidence is verified later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ledger.proof.keccak import keccak256
from ledger.proof.rlp import encode_rlp

_FIXED = ("parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom")
_NUMBERS = ("difficulty", "number", "gasLimit", "gasUsed", "timestamp")
_TAIL = ("extraData", "mixHash", "nonce")
_LATER = (
    ("baseFeePerGas", True),
    ("withdrawalsRoot", False),
    ("blobGasUsed", True),
    ("excessBlobGas", True),
    ("parentBeaconBlockRoot", False),
    ("requestsHash", False),
)


@dataclass(frozen=True, slots=True)
class Header:
    """A header as the node tells it; ``rlp`` is what a verifier hashes itself."""

    number: int
    hash: bytes
    parent_hash: bytes
    timestamp: int
    rlp: bytes


@dataclass(frozen=True, slots=True)
class Proofs:
    """An ``eth_getProof`` answer: the trie nodes, the only part that counts."""

    account: tuple[bytes, ...]
    storage: tuple[tuple[bytes, ...], ...]


@dataclass(frozen=True, slots=True)
class Log:
    """One event of a contract, undecoded."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes
    block_number: int
    block_hash: bytes
    transaction_hash: bytes
    log_index: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a transaction stands in the chain, and whether it took effect."""

    transaction_hash: bytes
    block_number: int
    block_hash: bytes
    succeeded: bool
    contract_address: bytes | None
    gas_used: int


def header_of(block: dict[str, Any]) -> Header:
    """Put a node's JSON header into the bytes that are hashed (Yellow Paper, 4.4.3; later forks append fields)."""
    fields = [octets_of(block[name]) for name in _FIXED]
    fields += [_integer(block[name]) for name in _NUMBERS]
    fields += [octets_of(block[name]) for name in _TAIL]
    later = [(name, number) for name, number in _LATER if block.get(name) is not None]
    fields += [_integer(block[name]) if number else octets_of(block[name]) for name, number in later]
    return Header(
        number=int(block["number"], 16),
        hash=octets_of(block["hash"]),
        parent_hash=octets_of(block["parentHash"]),
        timestamp=int(block["timestamp"], 16),
        rlp=encode_rlp(fields),
    )


def log_of(entry: dict[str, Any]) -> Log:
    """Read a node's JSON log."""
    return Log(
        octets_of(entry["address"]),
        tuple(map(octets_of, entry["topics"])),
        octets_of(entry["data"]),
        int(entry["blockNumber"], 16),
        octets_of(entry["blockHash"]),
        octets_of(entry["transactionHash"]),
        int(entry["logIndex"], 16),
    )


def plain_hash_is(header: Header) -> bool:
    """Tell whether the header hashes as Ethereum's do (QBFT blocks do not; see ``ledger.proof.header``)."""
    return keccak256(header.rlp) == header.hash


def receipt_of(entry: dict[str, Any]) -> Receipt:
    """Read a node's JSON receipt."""
    created = entry.get("contractAddress")
    return Receipt(
        octets_of(entry["transactionHash"]),
        int(entry["blockNumber"], 16),
        octets_of(entry["blockHash"]),
        int(entry["status"], 16) == 1,
        octets_of(created) if created else None,
        int(entry["gasUsed"], 16),
    )


def nodes_of(proof: Sequence[str]) -> tuple[bytes, ...]:
    """Read the trie nodes of a proof."""
    return tuple(octets_of(node) for node in proof)


def hex_of(value: bytes) -> str:
    """Write bytes as the node wants them."""
    return f"0x{value.hex()}"


def octets_of(text: str) -> bytes:
    """Read hexadecimal with ``0x``, also the odd digits of a quantity."""
    digits = text[2:]
    return bytes.fromhex(digits if len(digits) % 2 == 0 else f"0{digits}")


def _integer(text: str) -> bytes:
    return octets_of(text).lstrip(b"\0")
