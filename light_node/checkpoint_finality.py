"""Finality by cosigned checkpoints over the tree of block hashes, whatever the engine."""

from __future__ import annotations

from functools import lru_cache

from ledger.errors import ForkError, InclusionError, StaleError, UntrustedError
from ledger.proof.checkpoint import parse_checkpoint
from ledger.proof.cosignature import VerifiedCheckpoint, parse_vkey, verify_cosignatures
from ledger.proof.evidence import CheckpointFinality
from ledger.proof.header import RawHeader
from ledger.proof.merkle import leaf_hash, verify_consistency, verify_inclusion
from light_node.heads import Accepted, TreeHead
from light_node.trust_rules import WitnessRule


def verify_witnessed(
    header: RawHeader, hashed: bytes, finality: CheckpointFinality, rule: WitnessRule, accepted: Accepted | None
) -> TreeHead:
    """Prove that enough pinned witnesses cosigned a tree that has the header at its place.

    1. Enough witnesses cosigned a checkpoint of the origin in the trust file.
    2. The block's hash is the entry of its number in the checkpoint's tree.
    3. The checkpoint's tree and the last accepted one are of one chain: the larger begins with the smaller.

    Raises:
        MalformedError: The note is not in its format.
        QuorumError, SignatureError, UntrustedError: 1 does not hold.
        InclusionError: 2 does not hold.
        ConsistencyError, ForkError: 3 does not hold.
        StaleError: 3 cannot be told without a consistency path.
    """
    checkpoint = verify_checkpoint(finality, rule)  # 1
    if header.number >= checkpoint.size:  # 2
        raise InclusionError(f"block {header.number} in a checkpoint of {checkpoint.size} blocks", hashed, None)
    verify_inclusion(leaf_hash(hashed), header.number, checkpoint.size, finality.path, checkpoint.root)
    tree = TreeHead(checkpoint.size, checkpoint.root)
    if accepted is not None:
        verify_one_chain(tree, accepted)  # 3
    return tree


def verify_checkpoint(finality: CheckpointFinality, rule: WitnessRule) -> VerifiedCheckpoint:
    """Prove that enough pinned witnesses cosigned the checkpoint.

    Raises:
        MalformedError: The note is not a checkpoint.
        UntrustedError: It is of another origin.
        SignatureError, QuorumError: See ``verify_cosignatures``.
    """
    return _cosigned(finality.note, rule)


@lru_cache(maxsize=8)
def _cosigned(note: str, rule: WitnessRule) -> VerifiedCheckpoint:
    """The last few are kept: a fleet's files of one evening bear one note."""
    signed = parse_checkpoint(note)
    if signed.checkpoint.origin != rule.origin:
        raise UntrustedError("the checkpoint is of another origin than the one of the trust file")
    return verify_cosignatures(signed, tuple(map(parse_vkey, rule.witnesses)), rule.threshold)


def verify_one_chain(tree: TreeHead, accepted: Accepted) -> None:
    """Prove that a checkpoint's tree and the last accepted one are of one chain.

    Raises:
        ForkError: They have one size and two roots; carries both.
        ConsistencyError: The path does not lead from one to the other.
        StaleError: Sizes differ and there is no path: it cannot be told.
        MalformedError: The path has another length.
    """
    last = accepted.tree
    if last is None or tree == last:
        return
    if tree.size == last.size:
        raise ForkError(f"the tree of {tree.size} blocks", last.root, tree.root)
    smaller, larger = sorted((last, tree), key=lambda one: one.size)
    if accepted.path is None:
        raise StaleError(f"no proof that the tree of {larger.size} blocks begins with that of {smaller.size}")
    verify_consistency(smaller.size, larger.size, smaller.root, larger.root, accepted.path)
