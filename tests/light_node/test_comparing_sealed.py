"""Another node's head against the own one, where validators seal: one chain, a fork, or not to be told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from ledger.proof.evidence import SealFinality
from ledger.proof.header import block_hash, parse_header
from light_node.comparing import Comparison, Relation, compare_heads
from light_node.memory import Memory, SignedHead, encode_memory
from light_node.trust import Trust, TrustedBlock
from light_node.trust_rules import Source
from light_node.verdict import Outcome
from tests.light_node.heads import (
    assert_fork,
    assert_open,
    compared,
    remembered,
    sealed,
    sealed_evidence,
    witnessed,
)
from tests.light_node.sealed_worlds import FIVE, FOUR, STRANGER, evidence_of, sealing
from tests.light_node.test_every_bit import EVERY, flipped
from tests.simulator.chain import CHAIN_ID, DAY
from tests.simulator.qbft import Validator, validators
from tests.simulator.sealed import EPOCH, SealedSimulator, first_statement, rotation
from tests.simulator.world import World, make_world

AT = EPOCH + 2
"""Where two worlds part."""
BY_ALL = pytest.mark.parametrize("source", Source)
FAR_BY = pytest.mark.parametrize("source", [Source.CONTRACT, Source.PINNED])
UNSEALED: dict[str, Sequence[Validator]] = {
    "nobody": (),
    "too few": FOUR[:2],
    "strangers": validators(4, "stranger"),
    "one stranger": [*FOUR[:2], STRANGER],
}
BY_TOO_FEW = pytest.mark.parametrize("signers", UNSEALED)


def grown(wait: int) -> World:
    """Its blocks are those of every such world below ``AT``, and from there on later by ``wait`` seconds."""
    world = make_world(SealedSimulator(lists=True))
    sealing(world).grow(AT - 1)
    world.chain.time += wait
    sealing(world).grow(4)
    return world


@pytest.fixture(scope="module")
def one() -> World:
    return grown(0)


@pytest.fixture(scope="module")
def two() -> World:
    return grown(7)


def trusted(world: World, source: Source) -> Trust:
    return sealing(world).trust_since(0, source)


def soon(world: World, source: Source) -> Trust:
    """Of whoever follows for long: the pinned block is beyond the trusting period by now."""
    return replace(trusted(world, source), trusting_period_seconds=DAY)


def unsealed(world: World, number: int, source: Source, signers: Sequence[Validator]) -> Memory:
    """The head of a liar: a block that those signed."""
    head = sealed(world, number, source)
    assert isinstance(head.signed.finality, SealFinality)
    seals = tuple(sealing(world).seals(number, signers))
    return replace(head, signed=replace(head.signed, finality=replace(head.signed.finality, seals=seals)))


# ---- one chain ---------------------------------------------------------------------------------------------------


@BY_ALL
def test_the_same_head_is_the_same(one: World, source: Source) -> None:
    head = sealed(one, AT, source)
    for trust in (trusted(one, source), soon(one, source)):
        assert compared(head, head, trust).relation is Relation.SAME


@BY_ALL
def test_a_child_is_of_one_chain(one: World, source: Source) -> None:
    lower, higher = sealed(one, AT, source), sealed(one, AT + 1, source)
    assert compared(higher, lower, trusted(one, source)).relation is Relation.OTHER_HIGHER
    assert compared(lower, higher, trusted(one, source)).relation is Relation.OWN_HIGHER
    assert compared(higher, lower, soon(one, source)).relation is Relation.OTHER_HIGHER


@pytest.mark.parametrize("source", [Source.CONTRACT, Source.VOTES])
def test_headers_without_a_gap_lead_from_one_to_the_other(one: World, source: Source) -> None:
    lower, trust = sealed(one, AT, source), trusted(one, source)
    evidence = sealed_evidence(one, AT + 3, source)
    if source is Source.CONTRACT:
        evidence = evidence_of(one, sealing(one).sealed(AT + 3, [AT + 1, AT + 2]), AT + 3)
    higher = remembered(one, evidence, trust)
    assert compared(higher, lower, trust).relation is Relation.OTHER_HIGHER
    assert compared(lower, higher, trust).relation is Relation.OWN_HIGHER
    assert compared(higher, lower, soon(one, source)).relation is Relation.OTHER_HIGHER


# ---- forks -------------------------------------------------------------------------------------------------------


@BY_ALL
def test_another_block_at_one_height_is_a_fork(one: World, two: World, source: Source) -> None:
    own, other = sealed(one, AT, source), sealed(two, AT, source)
    for trust in (trusted(one, source), soon(one, source)):
        assert_fork(compared(other, own, trust), other)
        assert_fork(compared(own, other, trust), own)


@BY_ALL
def test_the_child_of_another_block_is_a_fork(one: World, two: World, source: Source) -> None:
    own, other = sealed(one, AT, source), sealed(two, AT + 1, source)
    assert_fork(compared(other, own, trusted(one, source)), other)
    assert_fork(compared(own, other, trusted(one, source)), own)


@FAR_BY
def test_the_child_of_another_block_is_a_fork_for_whoever_follows_for_long(
    one: World, two: World, source: Source
) -> None:
    other = sealed(two, AT + 1, source)
    assert_fork(compared(other, sealed(one, AT, source), soon(one, source)), other)


@pytest.mark.parametrize("source", [Source.CONTRACT, Source.VOTES])
def test_a_step_that_is_another_block_is_a_fork(one: World, two: World, source: Source) -> None:
    own, trust = sealed(one, AT, source), trusted(one, source)
    evidence = sealed_evidence(two, AT + 3, source)
    if source is Source.CONTRACT:
        evidence = evidence_of(two, sealing(two).sealed(AT + 3, [AT]), AT + 3)
    other = remembered(two, evidence, trust)
    assert_fork(compared(other, own, trust), other)
    assert_fork(compared(own, other, trust), own)


@pytest.mark.parametrize("source", [Source.CONTRACT, Source.VOTES])
def test_whoever_follows_for_long_keeps_the_nearest_block_that_contradicts(
    one: World, two: World, source: Source
) -> None:
    """It alone can be shown to be sealed by those who are known: what is above it goes on from another block."""
    own, trust = sealed(one, AT, source), trusted(one, source)
    evidence = sealed_evidence(two, AT + 3, source)
    if source is Source.CONTRACT:
        evidence = evidence_of(two, sealing(two).sealed(AT + 3, [AT, AT + 1]), AT + 3)
    other = remembered(two, evidence, trust)
    found = compared(other, own, soon(one, source))
    assert (found.outcome, found.error) == (Outcome.REFUTED, "ForkError")
    assert found.contradicting is not None
    near = parse_header(found.contradicting.header)
    assert (near.number, block_hash(near, "qbft")) in {(n, two.chain.blocks[n].hash) for n in (AT, AT + 1)}
    assert_fork(held(found.contradicting, own, trust), of(found.contradicting))


def of(signed: SignedHead) -> Memory:
    """A node's memory of nothing but this."""
    raw = parse_header(signed.header)
    return Memory(CHAIN_ID, TrustedBlock(raw.number, block_hash(raw, "qbft"), raw.timestamp), signed)


def held(signed: SignedHead, own: Memory, trust: Trust) -> Comparison:
    other = of(signed)
    return compare_heads(encode_memory(other), own, trust, now=other.block.time)


def test_two_rotations_of_one_number_are_a_fork() -> None:
    """Blocks apart, and neither contradicts the other: the members signed two sets."""
    heads = []
    for members in (FIVE, FOUR[1:]):
        world = make_world(SealedSimulator())
        chain = sealing(world)
        chain.grow(1)
        chain.mine(successors=members)
        chain.grow(3)
        turned = [rotation(first_statement(chain), 3, members, FOUR[:3])]
        number = 3 if members is FIVE else 5
        evidence = evidence_of(world, chain.sealed(number, proven=False, rotations=turned), number)
        heads.append(remembered(world, evidence, trusted(world, Source.PINNED)))
    own, other = heads
    assert_fork(compared(other, own, trusted(world, Source.PINNED)), other)
    assert_fork(compared(own, other, trusted(world, Source.PINNED)), own)


# ---- what is no fork ---------------------------------------------------------------------------------------------


@FAR_BY
@BY_TOO_FEW
@pytest.mark.parametrize("above", [0, 1, 2])
def test_what_no_quorum_sealed_is_no_fork(one: World, two: World, source: Source, signers: str, above: int) -> None:
    own, other = sealed(one, AT, source), unsealed(two, AT + above, source, UNSEALED[signers])
    found = compared(other, own, trusted(one, source))
    assert found.outcome is Outcome.UNDETERMINED
    assert found.contradicting is None


@BY_ALL
@BY_TOO_FEW
def test_nor_below_the_own_head(one: World, two: World, source: Source, signers: str) -> None:
    own, other = sealed(one, AT + 1, source), unsealed(two, AT, source, UNSEALED[signers])
    found = compared(other, own, trusted(one, source))
    assert found.outcome is Outcome.UNDETERMINED
    assert found.contradicting is None


@FAR_BY
@BY_TOO_FEW
@pytest.mark.parametrize("above", [0, 1])
def test_nor_for_whoever_follows_for_long(one: World, two: World, source: Source, signers: str, above: int) -> None:
    own, other = sealed(one, AT, source), unsealed(two, AT + above, source, UNSEALED[signers])
    found = compared(other, own, soon(one, source))
    assert found.outcome is Outcome.UNDETERMINED
    assert found.contradicting is None


@BY_TOO_FEW
def test_a_head_that_nobody_sealed_is_not_kept_for_a_step_that_was(one: World, two: World, signers: str) -> None:
    """There is a fork, and what is kept of it is what was sealed."""
    other = unsealed(two, AT + 3, Source.VOTES, UNSEALED[signers])
    own = sealed(one, AT, Source.VOTES)
    for trust in (trusted(one, Source.VOTES), soon(one, Source.VOTES)):
        found = compared(other, own, trust)
        assert found.contradicting is not None
        assert found.contradicting != other.signed
        assert_fork(held(found.contradicting, own, trusted(one, Source.VOTES)), of(found.contradicting))


def test_another_genesis_is_no_fork(one: World) -> None:
    """Nobody seals it: anybody makes one."""
    own, other = (
        of(SignedHead(world.chain.blocks[0].header, SealFinality(0, (), (), ())))
        for world in (one, make_world(SealedSimulator(validators(3))))
    )
    assert_open(compared(other, own, trusted(one, Source.CONTRACT)), "MalformedError", Outcome.MALFORMED)
    assert_open(compared(other, sealed(one, AT, Source.CONTRACT), trusted(one, Source.CONTRACT)), "UntrustedError")


@FAR_BY
def test_seals_alone_do_not_link_far_blocks(one: World, two: World, source: Source) -> None:
    """Of one chain or of two: whoever has both heads and nothing between cannot know."""
    own = sealed(one, AT, source)
    for world in (one, two):
        other = sealed(world, AT + 2, source)
        assert_open(compared(other, own, trusted(one, source)), "StaleError")
        assert_open(compared(own, other, trusted(one, source)), "StaleError")


@pytest.mark.parametrize("missing", [AT + 1, AT + 2])
def test_a_gap_links_nothing(one: World, missing: int) -> None:
    own, trust = sealed(one, AT, Source.CONTRACT), trusted(one, Source.CONTRACT)
    steps = [step for step in (AT + 1, AT + 2) if step != missing]
    other = remembered(one, evidence_of(one, sealing(one).sealed(AT + 3, steps), AT + 3), trust)
    assert_open(compared(other, own, trust), "StaleError")
    assert_open(compared(own, other, trust), "StaleError")


@BY_ALL
def test_whoever_follows_for_long_cannot_judge_a_lower_head(one: World, two: World, source: Source) -> None:
    """Who sealed it then is not remembered; the lower one can judge the higher one."""
    own = sealed(one, AT + 1, source)
    for world in (one, two):
        found = compared(sealed(world, AT, source), own, soon(one, source))
        assert_open(found, "StaleError")


@BY_ALL
@pytest.mark.parametrize("wait", [-3600, 4000 * DAY])
def test_beyond_the_trusting_period_or_with_a_slow_clock_nothing_is_told(
    one: World, two: World, source: Source, wait: int
) -> None:
    own, other = sealed(one, AT, source), sealed(two, AT, source)
    for head in (own, other):
        assert_open(compared(head, own, trusted(one, source), now=own.block.time + wait), "StaleError")


@BY_ALL
def test_a_head_of_another_chain_or_by_another_rule(one: World, two: World, source: Source) -> None:
    own, trust = sealed(one, AT, source), trusted(one, source)
    assert_open(compared(replace(sealed(two, AT, source), chain_id=1), own, trust), "UntrustedError")
    found = compared(witnessed(make_world()), own, trust)
    assert found.outcome in {Outcome.UNDETERMINED, Outcome.MALFORMED}
    assert found.contradicting is None


@BY_ALL
def test_validators_that_the_head_does_not_show(one: World, source: Source) -> None:
    head = sealed(one, AT, source)
    assert head.validated is not None
    for validated in (None, replace(head.validated, validators=(bytes(20),))):
        assert_open(compared(replace(head, validated=validated), head, trusted(one, source)), "UntrustedError")


# ---- no bit can be changed ---------------------------------------------------------------------------------------


def sealing_of(signed: SignedHead) -> tuple[bytes, int, tuple[bytes, ...]]:
    """What validators signed, and their signatures; without proofs of who they are."""
    assert isinstance(signed.finality, SealFinality)
    return signed.header, signed.finality.round, signed.finality.seals


@BY_ALL
def test_no_flipped_bit_makes_a_head_of_one_chain_or_a_fork(one: World, two: World, source: Source) -> None:
    own = sealed(one, AT, source)
    same, other = encode_memory(own), sealed(two, AT, source)
    fork = encode_memory(other)
    skipped = range(same.index(b'"anchored_at":'), same.index(b'"block":'))
    for bit in range(0, len(same) * 8, EVERY * 8 + 1):
        if bit // 8 not in skipped:
            found = compared(flipped(same, bit), own, trusted(one, source))
            assert found.outcome in {Outcome.MALFORMED, Outcome.UNDETERMINED}, bit
            assert found.contradicting is None
        found = compared(flipped(fork, bit), own, trusted(one, source))
        assert found.outcome is not Outcome.VERIFIED, bit
        assert found.contradicting is None or sealing_of(found.contradicting) == sealing_of(other.signed), bit
