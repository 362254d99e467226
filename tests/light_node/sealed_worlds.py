"""Worlds whose blocks validators seal, evidence of them, and who trusts them: what the tests of sealed files share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ledger.event import AssetType
from ledger.proof.evidence import Evidence, SealFinality, encode_evidence
from light_node.heads import Accepted
from light_node.judgement import judge
from light_node.progress import Progress
from light_node.trust import Trust, TrustedBlock
from light_node.trust_rules import Source
from light_node.verdict import Outcome
from tests.light_node.judging import assert_verified
from tests.simulator.qbft import Validator, validators
from tests.simulator.sealed import SealedSimulator, first_statement, rotation
from tests.simulator.world import MAKER, PART, World, make_world

FOUR = validators(4)
FIVE = [*FOUR, Validator("fifth")]
STRANGER = Validator("stranger")
MALFORMED, REFUTED, UNDETERMINED = Outcome.MALFORMED, Outcome.REFUTED, Outcome.UNDETERMINED
Change = Callable[[SealedSimulator, SealFinality], SealFinality]
LAST = 9
"""Height of the last block of ``rotated``."""
STEPS = (2, 3, 5, 6)
"""Of ``rotated``: each change of its set, and the block before it."""


def sealing(world: World) -> SealedSimulator:
    assert isinstance(world.chain, SealedSimulator)
    return world.chain


def rotated_world() -> World:
    world = make_world(SealedSimulator())
    chain = sealing(world)
    chain.grow(2)
    chain.mine(successors=FIVE)
    chain.grow(2)
    chain.mine(successors=FIVE[1:])
    chain.grow(2)
    chain.mine(signers=FIVE[2:])
    return world


def evidence_of(world: World, finality: SealFinality | None = None, number: int = -1) -> Evidence:
    return sealing(world).sealed_evidence(world.part, finality, number=number)


def changed(world: World, change: Change, steps: Sequence[int] = (), number: int = -1) -> Evidence:
    """Evidence at a block, with its honest finality changed."""
    chain = sealing(world)
    return evidence_of(world, change(chain, chain.sealed(chain.blocks[number].number, steps)), number)


def accepted_of(
    world: World, evidence: Evidence, trust: Trust | None = None, before: Accepted | None = None
) -> Accepted:
    """What a node remembers that has verified this evidence."""
    progress = Progress()
    data, trust = encode_evidence(evidence), trust or world.chain.trust()
    assert_verified(judge(data, trust, now=world.chain.time, accepted=before, progress=progress))
    header = progress.header
    assert header is not None
    return Accepted(TrustedBlock(header.number, header.hash, header.time), validated=header.validated)


def voted_world(blocks: int) -> World:
    """A world whose headers list the validators."""
    world = make_world(SealedSimulator(lists=True))
    sealing(world).grow(blocks)
    return world


def voted(world: World, number: int = -1, missing: Sequence[int] = ()) -> Evidence:
    """Evidence with every block before it, but those that are missing."""
    chain = sealing(world)
    last = chain.blocks[number].number
    steps = [one for one in range(1, last) if one not in missing]
    return evidence_of(world, chain.sealed(last, steps, proven=False), number)


def by_votes(world: World) -> Trust:
    return sealing(world).trust_since(0, Source.VOTES)


def pinned_world() -> World:
    """The fifth validator joins with block 3, the first leaves with block 5; no block tells so."""
    world = make_world(SealedSimulator())
    chain = sealing(world)
    chain.grow(1)
    chain.mine(successors=FIVE)
    chain.grow(1)
    chain.mine(successors=FIVE[1:])
    chain.grow(1)
    chain.mine(signers=FIVE[2:])
    return world


def pinned(world: World) -> Trust:
    return sealing(world).trust_since(0, Source.PINNED)


def pinned_evidence(world: World, *chosen: int) -> Evidence:
    chain = sealing(world)
    first = first_statement(chain)
    second = rotation(first, 3, FIVE, FOUR[:3])
    both = (second, rotation(second.statement, 5, FIVE[1:], FIVE[:4]))
    rotations = [both[one] for one in chosen]
    return evidence_of(world, chain.sealed(chain.blocks[-1].number, proven=False, rotations=rotations))


def small_file() -> tuple[World, bytes]:
    """Evidence that nothing happened to an asset, over two steps; with one seal more than a quorum needs."""
    world = World(SealedSimulator(), *[None] * 3)  # type: ignore[arg-type]
    chain = sealing(world)
    asset = chain.asset(AssetType.PART, PART, MAKER)
    chain.mine(successors=FIVE[1:])
    chain.mine(signers=FIVE[1:])
    chain.mine(signers=FIVE[1:])
    data = encode_evidence(chain.sealed_evidence(asset, chain.sealed(3, [1, 2])))
    return world, data
