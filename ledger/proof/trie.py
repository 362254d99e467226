"""Merkle Patricia proofs: what an account or a storage slot holds under a state root, or that it holds nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ledger.errors import InclusionError, MalformedError
from ledger.proof.keccak import keccak256
from ledger.proof.rlp import RlpItem, encode_rlp, parse_integer, parse_rlp

EMPTY_ROOT = keccak256(b"\x80")
MAX_PROOF_NODES = 65  # 64 branches, one for each half byte of a hashed key, and a leaf
MAX_NODE_BYTES = 16 * 1024
MAX_KEY_BYTES = 32
_HASH_BYTES = 32
_WHAT = "trie node"


@dataclass(frozen=True, slots=True)
class Account:
    """What the state holds for an address; proven.

    Attributes:
        nonce: Transactions sent, or contracts created.
        balance: In wei.
        storage_root: Root of its storage trie, 32 bytes.
        code_hash: keccak256 of its code, 32 bytes.
    """

    nonce: int
    balance: int
    storage_root: bytes
    code_hash: bytes


def verify_account(state_root: bytes, address: bytes, proof: Sequence[bytes]) -> Account | None:
    """Prove what the state holds for ``address`` (20 bytes).

    Args:
        state_root: *Verified*, 32 bytes.
        address: 20 bytes.
        proof: *Untrusted*, as for ``verify_trie_proof``.

    Returns:
        The account, or None: it is proven that there is none.

    Raises:
        InclusionError: The nodes do not lead from the root.
        MalformedError: A node, the account or the address is not in its format.

    Source: Ethereum Yellow Paper, 4.1: the key is keccak256 of the address.
    """
    _check_length(address, 20, "address")
    value = verify_trie_proof(state_root, keccak256(address), proof)
    return None if value is None else _parse_account(value)


def verify_storage(storage_root: bytes, slot: bytes, proof: Sequence[bytes]) -> int:
    """Prove what a storage slot holds.

    Args:
        storage_root: *Verified*, 32 bytes.
        slot: Number of the slot, 32 bytes.
        proof: *Untrusted*, as for ``verify_trie_proof``.

    Returns:
        The word as a number; 0 where it is proven absent. Where the trie holds an explicit zero (anvil keeps one for
        a slot that was read and never written; other engines never do), that proves the same.

    Raises:
        InclusionError: The nodes do not lead from the root.
        MalformedError: A node, the value or the slot is not in its format.
    """
    _check_length(slot, 32, "storage slot")
    value = verify_trie_proof(storage_root, keccak256(slot), proof)
    if value is None:
        return 0
    word = parse_rlp(value)
    if word == b"":
        return 0
    if isinstance(word, list):
        raise MalformedError("storage value", "a list")
    return parse_integer(word, 32, "storage value")


def verify_trie_proof(root: bytes, key: bytes, proof: Sequence[bytes]) -> bytes | None:
    """Prove what a trie holds under ``key``.

    1. Each node hashes to what the node before it, or the root, says.
    2. Every node in ``proof`` is used; nodes under 32 bytes stand inside their parents.
    3. The path ends at the value, or where the trie has nothing for the key.

    Args:
        root: *Verified*, 32 bytes.
        key: At most 32 bytes, as in the trie (hashed, in the state and in storage).
        proof: *Untrusted*; nodes in RLP from the root down. For an empty trie none, or ``0x80``.

    Returns:
        The value, or None: it is proven absent.

    Raises:
        InclusionError: A node is missing or has another hash.
        MalformedError: A node is not in its format, over a limit, or not used.

    Source: Ethereum Yellow Paper, appendix D.
    """
    if len(key) > MAX_KEY_BYTES or len(proof) > MAX_PROOF_NODES:
        raise MalformedError("trie proof", f"over {MAX_KEY_BYTES} bytes of key or {MAX_PROOF_NODES} nodes")
    if root == EMPTY_ROOT:
        if list(proof) not in ([], [b"\x80"]):
            raise MalformedError("trie proof", "nodes for an empty trie")
        return None
    walk = _Walk(key, proof)
    value = walk.to_value(root)
    if walk.used != len(proof):  # 2
        raise MalformedError("trie proof", f"{len(proof) - walk.used} nodes that are not on the path")
    return value


class _Walk:
    """One way down: the half bytes of the key that are left, and how many nodes of the proof were used."""

    def __init__(self, key: bytes, proof: Sequence[bytes]) -> None:
        self._left, self._proof, self.used = key.hex(), proof, 0

    def to_value(self, root: bytes) -> bytes | None:
        child: RlpItem = root
        while child:
            node = self._load(child) if isinstance(child, bytes) else _check_embedded(child)
            if len(node) == 2:
                path, is_leaf = _parse_path(node[0])
                if is_leaf:
                    return _parse_value(node[1], needed=True) if path == self._left else None
                if not self._left.startswith(path):
                    return None
                self._left, child = self._left[len(path) :], _parse_child(node[1])
            elif not self._left:
                return _parse_value(node[16])
            else:
                child = _parse_branch_child(node[int(self._left[0], 16)])
                self._left = self._left[1:]
        return None

    def _load(self, expected: bytes) -> list[RlpItem]:
        if self.used == len(self._proof):
            raise InclusionError(f"{_WHAT} {self.used}", expected, None)
        node = _open_node(self._proof[self.used], expected, self.used)
        self.used += 1
        return node


@lru_cache(maxsize=512)
def _open_node(data: bytes, expected: bytes, place: int) -> list[RlpItem]:
    """Return the items of a node that hashes to ``expected``; nobody may change them.

    The last ones are kept, some 1 MiB of them: the upper nodes of a trie stand in every proof from it, and the lower
    ones of a followed asset in those of the next block too.
    """
    found = keccak256(data)
    if found != expected:  # 1
        raise InclusionError(f"{_WHAT} {place}", expected, found)
    return _check_node(parse_rlp(data, max_bytes=MAX_NODE_BYTES))


def _check_node(node: RlpItem) -> list[RlpItem]:
    if isinstance(node, bytes) or len(node) not in (2, 17):
        raise MalformedError(_WHAT, "neither 2 nor 17 items")
    return node


def _check_embedded(node: list[RlpItem]) -> list[RlpItem]:
    if len(encode_rlp(node)) >= _HASH_BYTES:
        raise MalformedError(_WHAT, "a node of 32 bytes or more inside its parent")
    return _check_node(node)


def _parse_path(item: RlpItem) -> tuple[str, bool]:
    """Read a compact path: its half bytes as hexadecimal digits, and whether it is a leaf's."""
    digits = item.hex() if isinstance(item, bytes) else ""
    flag = digits[:1]
    if flag in ("1", "3"):
        path = digits[1:]
    elif digits[:2] in ("00", "20"):
        path = digits[2:]
    else:
        raise MalformedError(_WHAT, "not a compact path")
    is_leaf = flag in ("2", "3")
    if not path and not is_leaf:
        raise MalformedError(_WHAT, "an extension by nothing")
    return path, is_leaf


def _parse_child(item: RlpItem) -> RlpItem:
    """Return the child of an extension: the hash of a node, or a branch inside its parent."""
    if len(item) != (_HASH_BYTES if isinstance(item, bytes) else 17):
        raise MalformedError(_WHAT, "an extension that does not lead to a branch")
    return item


def _parse_branch_child(item: RlpItem) -> RlpItem:
    if isinstance(item, bytes) and len(item) not in (0, _HASH_BYTES):
        raise MalformedError(_WHAT, f"a child of {len(item)} bytes")
    if item == []:
        raise MalformedError(_WHAT, "an empty list as a child")
    return item


def _parse_value(item: RlpItem, *, needed: bool = False) -> bytes | None:
    if not isinstance(item, bytes) or (needed and not item):
        raise MalformedError(_WHAT, "a value that is a list or empty")
    return item or None


def _parse_account(value: bytes) -> Account:
    item = parse_rlp(value)
    parts = [part for part in item if isinstance(part, bytes)] if isinstance(item, list) else []
    if len(item) != 4 or len(parts) != 4:
        raise MalformedError("account", "not four strings")
    nonce, balance, storage_root, code_hash = parts
    _check_length(storage_root, _HASH_BYTES, "storage root of an account")
    _check_length(code_hash, _HASH_BYTES, "code hash of an account")
    return Account(
        parse_integer(nonce, 8, "nonce of an account"),
        parse_integer(balance, 32, "balance of an account"),
        storage_root,
        code_hash,
    )


def _check_length(data: bytes, length: int, what: str) -> None:
    if len(data) != length:
        raise MalformedError(what, f"{len(data)} bytes, {length} are needed")
