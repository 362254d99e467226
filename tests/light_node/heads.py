"""Heads that nodes remember, and how two of them compare: what the tests of comparing share."""

from __future__ import annotations

from dataclasses import replace

from ledger.proof.evidence import Evidence, encode_evidence
from ledger.proof.merkle import leaf_hash
from ledger.proof.merkle_tree import MemoryTree, consistency_path
from light_node.comparing import Comparison, compare_heads
from light_node.judgement import judge
from light_node.memory import Memory, encode_memory, remember
from light_node.progress import Progress
from light_node.trust import Trust
from light_node.trust_rules import Source
from light_node.verdict import Outcome
from tests.light_node.judging import assert_verified
from tests.light_node.sealed_worlds import evidence_of, sealing, voted
from tests.simulator.chain import Simulator
from tests.simulator.world import World


def remembered(world: World, evidence: Evidence, trust: Trust | None = None) -> Memory:
    """What a node remembers that verified this evidence, and nothing before."""
    progress, trust = Progress(), trust or world.chain.trust()
    assert_verified(judge(encode_evidence(evidence), trust, now=world.chain.time, progress=progress))
    assert progress.header is not None
    assert progress.signed is not None
    return remember(None, trust.chain_id, progress.header, progress.signed)


def witnessed(world: World) -> Memory:
    """The head of whoever sees a new block of this chain, in the tree of all of its blocks."""
    return remembered(world, world.chain.evidence(world.part))


def sealed_evidence(world: World, number: int, source: Source) -> Evidence:
    if source is Source.VOTES:
        return voted(world, number)
    return evidence_of(world, sealing(world).sealed(number, proven=source is Source.CONTRACT), number)


def sealed(world: World, number: int, source: Source) -> Memory:
    """The head of whoever sees block ``number``, by the trust file of the genesis."""
    return remembered(world, sealed_evidence(world, number, source), sealing(world).trust_since(0, source))


def compared(
    other: Memory | bytes,
    own: Memory,
    trust: Trust,
    *,
    now: int | None = None,
    path: tuple[bytes, ...] | None = None,
) -> Comparison:
    """At the time of the later one, where no other is said."""
    data = other if isinstance(other, bytes) else encode_memory(other)
    when = max(own.block.time, 0 if isinstance(other, bytes) else other.block.time)
    return compare_heads(data, own, trust, now=when if now is None else now, path=path)


def path_between(chain: Simulator, old: int, new: int) -> tuple[bytes, ...]:
    tree = MemoryTree([leaf_hash(block.hash) for block in chain.blocks[:new]])
    return tuple(consistency_path(tree, old, new))


def assert_open(found: Comparison, error: str, outcome: Outcome = Outcome.UNDETERMINED) -> None:
    """Nothing is said of the two heads, and nothing would be kept."""
    assert (found.outcome, found.error) == (outcome, error), found.reason
    assert found.reason
    assert found.relation is None
    assert found.contradicting is None


def assert_fork(found: Comparison, other: Memory) -> None:
    """The other head, as it was signed, contradicts the own one."""
    assert (found.outcome, found.error) == (Outcome.REFUTED, "ForkError"), found.reason
    assert found.relation is None
    assert found.contradicting == other.signed


def anchored(memory: Memory, more: int = 1) -> Memory:
    """With a larger tree than the one of the signed head, as after anchoring."""
    assert memory.tree is not None
    return replace(memory, tree=replace(memory.tree, size=memory.tree.size + more, root=bytes(32)), anchored_at=1)
