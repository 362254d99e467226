"""Another node's head against the own one, where witnesses cosign: one chain, a fork, or not to be told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from light_node.comparing import Relation
from light_node.finality import verify_finality
from light_node.heads import TreeHead, ValidatedBlock
from light_node.memory import Memory, SignedHead, encode_memory
from light_node.trust import Trust, TrustedBlock
from light_node.trust_rules import Source, WitnessRule
from light_node.verdict import Outcome
from tests.light_node.heads import anchored, assert_fork, assert_open, compared, path_between, sealed, witnessed
from tests.light_node.sealed_worlds import sealing
from tests.light_node.test_every_bit import EVERY, flipped
from tests.simulator.chain import CHAIN_ID, DAY
from tests.simulator.sealed import SealedSimulator
from tests.simulator.witnesses import STRANGER, WITNESSES, Witness
from tests.simulator.world import World, make_world

Heads = tuple[Memory, Memory]


@pytest.fixture(scope="module")
def trust() -> Trust:
    return make_world().chain.trust()


@pytest.fixture(scope="module")
def line() -> World:
    """Nobody changes it."""
    world = make_world()
    for _ in range(3):
        world.chain.mine()
    return world


@pytest.fixture(scope="module")
def heads() -> Heads:
    """Of one chain, two blocks apart, in trees of two sizes."""
    world = make_world()
    lower = witnessed(world)
    world.chain.mine()
    return lower, witnessed(world)


@pytest.fixture(scope="module")
def forked() -> Heads:
    """Another last block each, at one height, in trees of one size."""
    return witnessed(other_world(0)), witnessed(other_world(1))


def other_world(wait: int, blocks: int = 0) -> World:
    """A world in which everything after block 0 is later than in others, by ``wait`` seconds."""
    world = make_world()
    world.chain.time += wait
    for _ in range(blocks):
        world.chain.mine()
    return world


def grown(heads: Heads) -> tuple[bytes, ...]:
    world = make_world()
    for _ in range(3):
        world.chain.mine()
    assert heads[0].tree is not None
    assert heads[1].tree is not None
    assert heads[1].block.hash == world.chain.blocks[-1].hash
    return path_between(world.chain, heads[0].tree.size, heads[1].tree.size)


# ---- one chain ---------------------------------------------------------------------------------------------------


def test_the_same_head_is_the_same(heads: Heads, trust: Trust) -> None:
    found = compared(heads[0], heads[0], trust)
    assert (found.outcome, found.relation) == (Outcome.VERIFIED, Relation.SAME)


def test_the_larger_tree_begins_with_the_smaller(heads: Heads, trust: Trust) -> None:
    lower, higher = heads
    path = grown(heads)
    assert compared(higher, lower, trust, path=path).relation is Relation.OTHER_HIGHER
    assert compared(lower, higher, trust, path=path).relation is Relation.OWN_HIGHER


def test_two_blocks_of_one_tree_are_of_one_chain(line: World, trust: Trust) -> None:
    lower, higher = (in_whole_tree(line, number) for number in (1, 3))
    assert compared(higher, lower, trust).relation is Relation.OTHER_HIGHER
    assert compared(lower, higher, trust).relation is Relation.OWN_HIGHER


def in_whole_tree(world: World, number: int) -> Memory:
    """A block below the last one, in the tree of all blocks."""
    block = world.chain.blocks[number]
    signed = SignedHead(block.header, world.chain.finality(block))
    tree = verify_finality(signed, world.chain.trust(), world.chain.time).tree
    return Memory(CHAIN_ID, TrustedBlock(number, block.hash, block.time), signed, tree)


# ---- forks -------------------------------------------------------------------------------------------------------


def test_another_root_of_one_size_is_a_fork(forked: Heads, trust: Trust) -> None:
    one, other = forked
    assert_fork(compared(other, one, trust), other)
    assert_fork(compared(one, other, trust), one)


def test_another_block_at_one_height_is_a_fork_whatever_the_trees(trust: Trust) -> None:
    """No path is needed: each stands in a tree that enough witnesses cosigned."""
    one, longer = witnessed(other_world(0)), in_whole_tree(other_world(1, 3), 1)
    assert one.block.number == longer.block.number
    assert one.tree != longer.tree
    assert_fork(compared(longer, one, trust), longer)
    assert_fork(compared(one, longer, trust), one)


def test_the_child_of_another_block_is_a_fork(trust: Trust) -> None:
    one, child = witnessed(other_world(0)), witnessed(other_world(1, 1))
    assert child.block.number == one.block.number + 1
    assert_fork(compared(child, one, trust), child)
    assert_fork(compared(one, child, trust), one)


def test_whoever_has_the_trust_file_sees_that_both_were_signed(forked: Heads, trust: Trust) -> None:
    found = compared(forked[1], forked[0], trust)
    assert found.contradicting is not None
    for signed in (forked[0].signed, found.contradicting):
        verify_finality(signed, trust, forked[0].block.time)


def test_an_anchored_tree_is_held_against_the_other_too(heads: Heads, trust: Trust) -> None:
    """Witnesses vouched for another tree of that size to this very node."""
    lower, higher = heads
    assert lower.tree is not None
    assert higher.tree is not None
    assert_fork(compared(higher, anchored(lower, higher.tree.size - lower.tree.size), trust), higher)


def test_a_fork_is_found_whatever_the_other_says_beyond_its_signed_head(forked: Heads, trust: Trust) -> None:
    one, other = forked
    assert_fork(compared(anchored(other), one, trust), other)


# ---- what cannot be told -----------------------------------------------------------------------------------------


def test_two_sizes_without_a_path(heads: Heads, trust: Trust) -> None:
    lower, higher = heads
    assert lower.tree is not None
    assert higher.tree is not None
    for other, own in ((lower, higher), (higher, lower)):
        found = compared(other, own, trust)
        assert_open(found, "StaleError")
        assert found.unproven == (lower.tree.size, higher.tree.size)


def test_a_false_path_refutes_nobody(heads: Heads, trust: Trust) -> None:
    path = (*grown(heads)[:-1], bytes(32))
    assert_open(compared(heads[1], heads[0], trust, path=path), "ConsistencyError")


def test_a_path_of_another_length(heads: Heads, trust: Trust) -> None:
    path = (*grown(heads), bytes(32))
    assert_open(compared(heads[1], heads[0], trust, path=path), "MalformedError", Outcome.MALFORMED)


def test_no_path_leads_from_one_fork_to_the_other(trust: Trust) -> None:
    far = other_world(1, 2)
    one, other = witnessed(other_world(0)), witnessed(far)
    assert one.tree is not None
    assert other.tree is not None
    assert_open(compared(other, one, trust), "StaleError")
    path = path_between(far.chain, one.tree.size, other.tree.size)
    assert_open(compared(other, one, trust, path=path), "ConsistencyError")


def test_a_head_of_another_chain(forked: Heads, trust: Trust) -> None:
    assert_open(compared(replace(forked[1], chain_id=1), forked[0], trust), "UntrustedError")


@pytest.mark.parametrize(
    ("witnesses", "error"), [(WITNESSES[:1], "QuorumError"), ((STRANGER,), "QuorumError"), ((), "MalformedError")]
)
def test_a_head_that_too_few_signed_is_no_fork(witnesses: tuple[Witness, ...], error: str, trust: Trust) -> None:
    other = other_world(1)
    honest = witnessed(other)
    finality = other.chain.finality(other.chain.blocks[-1], witnesses)
    found = compared(
        replace(honest, signed=replace(honest.signed, finality=finality)), witnessed(other_world(0)), trust
    )
    assert found.outcome in {Outcome.UNDETERMINED, Outcome.MALFORMED}
    assert_open(found, error, found.outcome)


@pytest.mark.parametrize(
    "changes", [{"witnesses": (STRANGER.vkey, WITNESSES[0].vkey, WITNESSES[1].vkey), "threshold": 3}, {"origin": "o"}]
)
def test_by_another_trust_file_it_is_no_fork(changes: dict[str, object], forked: Heads, trust: Trust) -> None:
    assert isinstance(trust.finality, WitnessRule)
    finality = replace(trust.finality, **changes)  # type: ignore[arg-type]
    found = compared(forked[1], forked[0], replace(trust, finality=finality))
    assert found.outcome is Outcome.UNDETERMINED
    assert found.contradicting is None


def test_seals_say_nothing_to_whoever_trusts_witnesses(forked: Heads, trust: Trust) -> None:
    world = make_world(SealedSimulator())
    sealing(world).grow(2)
    assert_open(compared(sealed(world, 2, Source.CONTRACT), forked[0], trust), "UntrustedError")


@pytest.mark.parametrize("wait", [-3600, 4000 * DAY])
def test_beyond_the_trusting_period_or_with_a_slow_clock_nothing_is_told(
    wait: int, forked: Heads, heads: Heads, trust: Trust
) -> None:
    for own, other in (forked, (heads[0], heads[0])):
        assert_open(compared(other, own, trust, now=own.block.time + wait), "StaleError")


def test_a_head_from_the_future(trust: Trust) -> None:
    one, other = witnessed(other_world(0)), witnessed(other_world(3600))
    assert_open(compared(other, one, trust, now=one.block.time), "StaleError")


def test_a_head_from_beyond_the_trusting_period(trust: Trust) -> None:
    """Whose keys those were then has nothing to lose; how old a file may be to judge by is another matter."""
    one, other = witnessed(other_world(8 * DAY)), witnessed(other_world(0))
    now = one.block.time
    assert_open(compared(other, one, replace(trust, trusting_period_seconds=7 * DAY), now=now), "StaleError")
    assert_fork(compared(other, one, replace(trust, trusting_period_seconds=9 * DAY), now=now), other)


CLAIMS: dict[str, Callable[[Memory], Memory]] = {
    "a larger tree": anchored,
    "no tree": lambda head: replace(head, tree=None),
    "another root": lambda head: replace(head, tree=TreeHead(head.tree.size if head.tree else 1, bytes(32))),
    "validators": lambda head: replace(head, validated=ValidatedBlock(head.block, (bytes(20),))),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_what_nobody_signed_is_not_of_one_chain(claim: str, heads: Heads, trust: Trust) -> None:
    assert_open(compared(CLAIMS[claim](heads[0]), heads[0], trust), "UntrustedError")


@pytest.mark.parametrize("change", [{"number": 7}, {"hash": bytes(32)}, {"time": 1}])
def test_another_block_than_the_signed_one_is_malformed(change: dict[str, object], forked: Heads, trust: Trust) -> None:
    named = replace(forked[1].block, **change)  # type: ignore[arg-type]
    found = compared(replace(forked[1], block=named), forked[0], trust)
    assert_open(found, "MalformedError", Outcome.MALFORMED)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff" * 10, b"[" * 10_000])
def test_what_is_no_head_is_malformed(data: bytes, heads: Heads, trust: Trust) -> None:
    assert_open(compared(data, heads[0], trust), "MalformedError", Outcome.MALFORMED)


def test_a_head_that_was_cut_off_is_malformed(forked: Heads, trust: Trust) -> None:
    data = encode_memory(forked[1])
    for length in range(0, len(data), 41):
        assert_open(compared(data[:length], forked[0], trust), "MalformedError", Outcome.MALFORMED)


def test_without_a_tree_of_its_own_a_node_cannot_tell(heads: Heads, trust: Trust) -> None:
    assert_open(compared(heads[0], replace(heads[0], tree=None), trust), "StaleError")


# ---- no bit can be changed ---------------------------------------------------------------------------------------


def bits_of(data: bytes) -> list[int]:
    """A sample, without the time of the other's last anchor: nobody signed that, and nobody reads it."""
    start = data.index(b'"anchored_at":') + len(b'"anchored_at":')
    end = data.index(b",", start)
    return [bit for bit in range(0, len(data) * 8, EVERY) if not start <= bit // 8 < end]


def test_no_flipped_bit_of_a_head_makes_it_of_one_chain_or_a_fork(heads: Heads, trust: Trust) -> None:
    data = encode_memory(heads[0])
    assert compared(data, heads[0], trust).outcome is Outcome.VERIFIED
    for bit in bits_of(data):
        found = compared(flipped(data, bit), heads[0], trust)
        assert found.outcome in {Outcome.MALFORMED, Outcome.UNDETERMINED}, bit
        assert found.contradicting is None


def test_no_flipped_bit_of_a_fork_is_kept(forked: Heads, trust: Trust) -> None:
    """What nobody signed is not kept either: whatever is flipped there, the evidence is the same."""
    one, other = forked
    data = encode_memory(other)
    for bit in bits_of(data):
        found = compared(flipped(data, bit), one, trust)
        assert found.outcome is not Outcome.VERIFIED, bit
        assert found.contradicting in (None, other.signed), bit


def test_the_time_of_the_others_anchor_says_nothing(heads: Heads, trust: Trust) -> None:
    assert compared(replace(heads[0], anchored_at=5), heads[0], trust).relation is Relation.SAME
