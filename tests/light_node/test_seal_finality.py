"""Evidence that is final by the seals of QBFT validators: what verifies, and each lie with its error and its step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.errors import MalformedError
from ledger.event import AssetType
from ledger.proof.evidence import Evidence, SealFinality, encode_evidence
from light_node.heads import Accepted, ValidatedBlock
from light_node.judgement import judge
from light_node.memory import Memory, SignedHead, encode_memory, parse_fork, parse_memory
from light_node.node import LightNode
from light_node.progress import Progress
from light_node.qbft.rotation import Rotation, encode_rotation
from light_node.state import StateFolder
from light_node.trust import Trust, TrustedBlock, encode_trust, parse_trust
from light_node.trust_rules import Source, ValidatorRule, pinned_rule
from light_node.verdict import Outcome, Step, Verdict
from tests.light_node.judging import assert_refused, assert_verified, judged
from tests.light_node.test_every_bit import EVERY, flipped
from tests.simulator.chain import CHAIN_ID, DAY
from tests.simulator.qbft import Validator, high_s, validators
from tests.simulator.sealed import EPOCH, SealedSimulator, first_statement, rotation, with_extra
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


@pytest.fixture(scope="module")
def still() -> World:
    """Seven blocks of four validators; nobody changes it."""
    world = make_world(SealedSimulator())
    sealing(world).grow(6)
    return world


@pytest.fixture(scope="module")
def rotated() -> World:
    """Nine blocks: the state of block 3 adds a validator, that of block 6 removes another. Nobody changes it."""
    return rotated_world()


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


# ---- what verifies -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 2, 6])
def test_a_quorum_of_the_contracts_set_makes_a_block_final(still: World, number: int) -> None:
    assert_verified(judged(still, evidence_of(still, number=number)))


def test_more_seals_than_a_quorum_verify_too(still: World) -> None:
    more = changed(still, lambda chain, own: replace(own, seals=tuple(chain.seals(6, FOUR))))
    assert_verified(judged(still, more))


def test_a_later_round_is_sealed_as_such() -> None:
    world = make_world(SealedSimulator())
    sealing(world).mine(number=7)
    assert_verified(judged(world, evidence_of(world)))


@pytest.mark.parametrize("steps", [STEPS, (2, 3, 6), (1, 2, 3, 6), (2, 3, 4, 5, 6, 7), tuple(range(1, LAST))])
def test_steps_lead_over_changes_of_the_set(rotated: World, steps: tuple[int, ...]) -> None:
    finality = sealing(rotated).sealed(LAST, steps)
    assert_verified(judged(rotated, evidence_of(rotated, finality)))


def test_no_step_is_needed_at_a_change_where_enough_overlap() -> None:
    world = rotated_world()
    sealing(world).mine(signers=FIVE[1:])
    finality = sealing(world).sealed(LAST + 1, [2, 3])
    assert_verified(judged(world, evidence_of(world, finality)))


@pytest.mark.parametrize("pin", range(LAST + 1))
def test_one_file_serves_the_trust_file_of_any_time(rotated: World, pin: int) -> None:
    evidence = evidence_of(rotated, sealing(rotated).sealed(LAST, STEPS))
    assert_verified(judged(rotated, evidence, trust=sealing(rotated).trust_since(pin)))


def test_votes_in_every_block_make_the_set() -> None:
    world = voted_world(0)
    chain = sealing(world)
    for _ in range(2):
        chain.mine(vote=(FIVE[4].address, True))
    chain.mine(vote=(FIVE[4].address, True), successors=FIVE)
    chain.grow(2)
    assert_verified(judged(world, voted(world), trust=by_votes(world)))


@pytest.mark.parametrize("blocks", [1, EPOCH - 1, EPOCH, EPOCH + 1, 2 * EPOCH + 1])
def test_votes_are_counted_over_epochs(blocks: int) -> None:
    world = voted_world(blocks)
    assert_verified(judged(world, voted(world), trust=by_votes(world)))


def test_a_pinned_set_seals_for_good() -> None:
    world = make_world(SealedSimulator())
    sealing(world).grow(5)
    evidence = evidence_of(world, sealing(world).sealed(5, proven=False))
    assert_verified(judged(world, evidence, trust=pinned(world)))


def test_rotations_put_other_sets_in_the_place_of_the_pinned_one() -> None:
    world = pinned_world()
    assert_verified(judged(world, pinned_evidence(world, 0, 1), trust=pinned(world)))


def test_a_trusted_block_is_not_sealed_by_the_set_that_follows_it() -> None:
    world = make_world(SealedSimulator())
    chain = sealing(world)
    chain.mine(successors=validators(4, "new"))
    chain.mine()
    for number in (1, 2):
        evidence = evidence_of(world, chain.sealed(number, proven=False), number)
        assert_verified(judged(world, evidence, trust=chain.trust_since(1, Source.PINNED)))


# ---- what a node remembers ---------------------------------------------------------------------------------------


def test_steps_that_a_node_has_behind_it_are_passed_over(rotated: World) -> None:
    chain = sealing(rotated)
    accepted = accepted_of(rotated, evidence_of(rotated, chain.sealed(7, STEPS), 7))
    assert accepted.validated is not None
    assert accepted.validated.validators == tuple(sorted(one.address for one in FIVE[1:]))
    assert_verified(judged(rotated, evidence_of(rotated), accepted=accepted))  # type: ignore[arg-type]
    assert_verified(judged(rotated, evidence_of(rotated, chain.sealed(LAST, STEPS)), accepted=accepted))  # type: ignore[arg-type]
    assert_refused(judged(rotated, evidence_of(rotated)), UNDETERMINED, Step.FINALITY, "QuorumError")


def test_the_same_file_verifies_again(rotated: World) -> None:
    evidence = evidence_of(rotated, sealing(rotated).sealed(LAST, STEPS))
    accepted = accepted_of(rotated, evidence)
    assert accepted_of(rotated, evidence, before=accepted) == accepted


@pytest.mark.parametrize("height", [1, EPOCH - 1, EPOCH, EPOCH + 2])
def test_votes_are_remembered_as_of_the_last_block(height: int) -> None:
    """Whoever goes on needs no block that he has behind him, wherever in an epoch that was."""
    world = voted_world(height)
    accepted = accepted_of(world, voted(world), by_votes(world))
    assert accepted.validated is not None
    assert accepted.validated.block.number == height
    sealing(world).grow(2)
    behind = range(1, height + 1)
    verdict = judged(world, voted(world, missing=behind), trust=by_votes(world), accepted=accepted)
    assert_verified(verdict)


def test_a_remembered_block_that_a_newer_trust_file_is_past_does_not_count(rotated: World) -> None:
    chain = sealing(rotated)
    accepted = accepted_of(rotated, evidence_of(rotated, number=1))
    verdict = judged(rotated, evidence_of(rotated), trust=chain.trust_since(7), accepted=accepted)
    assert_verified(verdict)


def test_what_is_remembered_of_the_longest_way_can_be_read_again(tmp_path: Path, rotated: World) -> None:
    """Whoever gives a file with thousands of steps that verify must not lock its reader's node up."""
    chain, state = sealing(rotated), StateFolder(tmp_path)
    finality = chain.sealed(LAST, STEPS)
    long = replace(finality, steps=finality.steps * 400)
    block = chain.blocks[LAST]
    head = TrustedBlock(LAST, block.hash, block.time)
    memory = Memory(CHAIN_ID, head, SignedHead(block.header, long))
    assert len(encode_memory(memory)) > 8 * 1024 * 1024
    state.make()
    state.remember(memory)
    assert state.memory() == memory
    assert parse_fork(state.keep_fork(CHAIN_ID, memory.signed, memory.signed).read_bytes())[1] == memory.signed


# ---- seals -------------------------------------------------------------------------------------------------------

SEALS: dict[str, tuple[Change, int, Outcome, str]] = {
    "one less than the quorum, of the next block": (
        lambda c, f: replace(f, seals=f.seals[:2]), 1, UNDETERMINED, "QuorumError"
    ),
    "one less than the quorum, of a far block": (
        lambda c, f: replace(f, seals=f.seals[:2]), 6, UNDETERMINED, "QuorumError"
    ),
    "none": (lambda c, f: replace(f, seals=()), 6, UNDETERMINED, "QuorumError"),
    "one validator twice, with two signatures": (
        lambda c, f: replace(f, seals=tuple(sorted([*f.seals, again(c, 6)]))), 6, MALFORMED, "MalformedError"
    ),
    "two validators, one of them twice": (
        lambda c, f: replace(f, seals=tuple(sorted([*c.seals(6, FOUR[:2]), again(c, 6)]))),
        6, MALFORMED, "MalformedError",
    ),
    "a stranger's, of the next block": (
        lambda c, f: replace(f, seals=tuple(c.seals(1, [*FOUR, STRANGER]))), 1, REFUTED, "SignatureError"
    ),
    "a stranger's, of a far block": (
        lambda c, f: replace(f, seals=tuple(c.seals(6, [*FOUR, STRANGER]))), 6, UNDETERMINED, "UntrustedError"
    ),
    "a stranger's in the place of a validator's": (
        lambda c, f: replace(f, seals=tuple(c.seals(6, [*FOUR[:2], STRANGER]))), 6, UNDETERMINED, "QuorumError"
    ),
    "those of another round, of the next block": (
        lambda c, f: replace(f, seals=tuple(c.seals(1, at_round=1))), 1, REFUTED, "SignatureError"
    ),
    "those of another round, of a far block": (
        lambda c, f: replace(f, seals=tuple(c.seals(6, at_round=1))), 6, UNDETERMINED, "QuorumError"
    ),
    "another round than the one that was sealed": (
        lambda c, f: replace(f, round=2), 6, UNDETERMINED, "QuorumError"
    ),
    "those of another block": (
        lambda c, f: replace(f, seals=tuple(c.seals(2))), 1, REFUTED, "SignatureError"
    ),
    "the other signature of the same": (
        lambda c, f: replace(f, seals=tuple(sorted((high_s(f.seals[0]), *f.seals[1:])))), 6, REFUTED, "SignatureError"
    ),
}  # fmt: skip


def again(chain: SealedSimulator, number: int) -> bytes:
    """Another seal by the first validator."""
    signer = FOUR[0]

    class Twice:
        sign = staticmethod(signer.sign_again)

    return chain.seals(number, [Twice()])[0]  # type: ignore[list-item]


@pytest.mark.parametrize("case", SEALS)
def test_seals_that_prove_nothing(still: World, case: str) -> None:
    change, number, outcome, error = SEALS[case]
    assert_refused(judged(still, changed(still, change, number=number)), outcome, Step.FINALITY, error)


@pytest.mark.parametrize("at_round", [0, 3])
def test_a_header_bears_no_seals_itself(still: World, at_round: int) -> None:
    chain = sealing(still)
    evidence = evidence_of(still)
    for seals in ((), chain.seals(6)) if at_round else (chain.seals(6),):
        verdict = judged(still, replace(evidence, header=with_extra(evidence.header, at_round, seals)))
        assert_refused(verdict, MALFORMED, Step.FINALITY, "MalformedError")
        assert "does not cover" in verdict.reason


def test_the_header_of_a_step_bears_no_seals_itself(rotated: World) -> None:
    chain = sealing(rotated)
    finality = chain.sealed(LAST, STEPS)
    first = replace(finality.steps[0], header=with_extra(finality.steps[0].header, 0, chain.seals(2)))
    verdict = judged(rotated, evidence_of(rotated, replace(finality, steps=(first, *finality.steps[1:]))))
    assert_refused(verdict, MALFORMED, Step.FINALITY, "MalformedError")


def test_the_genesis_is_sealed_by_nobody() -> None:
    world, _ = small_file()
    chain = sealing(world)
    evidence, now = chain.sealed_evidence(chain.asset(AssetType.PART, PART, MAKER), number=0), chain.blocks[0].time
    for source in Source:
        trust = chain.trust_since(0, source)
        alone = replace(evidence, finality=chain.sealed(0, proven=source is Source.CONTRACT))
        assert_verified(judged(world, alone, trust=trust, now=now, identity_required=False))
        other = replace(trust, trusted_block=TrustedBlock(0, b"\1" * 32, now))
        assert_refused(judged(world, alone, trust=other, now=now), REFUTED, Step.FINALITY, "ForkError")


# ---- the set in the contract -------------------------------------------------------------------------------------

PROOFS: dict[str, tuple[Change, Outcome, str]] = {
    "of the state before the change": (lambda c, f: with_set(f, *c.set_proof(5)), REFUTED, "InclusionError"),
    "of the first set": (lambda c, f: with_set(f, *c.set_proof(0)), REFUTED, "InclusionError"),
    "of the right account with another list": (
        lambda c, f: replace(f, validators=c.set_proof(0)[1]), REFUTED, "InclusionError"
    ),
    "no account": (lambda c, f: with_set(f, (), f.validators), REFUTED, "InclusionError"),
    "no proof of the list": (lambda c, f: with_set(f, f.account, ()), MALFORMED, "MalformedError"),
    "an element left out": (lambda c, f: with_set(f, f.account, f.validators[:-1]), MALFORMED, "MalformedError"),
    "one element twice": (
        lambda c, f: with_set(f, f.account, (*f.validators, f.validators[-1])), MALFORMED, "MalformedError"
    ),
    "elements in another order": (
        lambda c, f: with_set(f, f.account, (f.validators[0], *f.validators[:0:-1])), REFUTED, "InclusionError"
    ),
}  # fmt: skip


def with_set(finality: SealFinality, account: tuple[bytes, ...], listed: tuple[tuple[bytes, ...], ...]) -> SealFinality:
    return replace(finality, account=account, validators=listed)


@pytest.mark.parametrize("case", PROOFS)
def test_a_set_that_is_not_the_contracts(rotated: World, case: str) -> None:
    change, outcome, error = PROOFS[case]
    assert_refused(judged(rotated, changed(rotated, change, STEPS)), outcome, Step.FINALITY, error)


@pytest.mark.parametrize("case", PROOFS)
def test_a_set_that_is_not_the_contracts_at_a_step(rotated: World, case: str) -> None:
    change, outcome, error = PROOFS[case]

    def at_last_step(chain: SealedSimulator, finality: SealFinality) -> SealFinality:
        last = finality.steps[-1]
        wrong = change(chain, replace(finality, account=last.account, validators=last.validators))
        step = replace(last, account=wrong.account, validators=wrong.validators)
        return replace(finality, steps=(*finality.steps[:-1], step))

    assert_refused(judged(rotated, changed(rotated, at_last_step, STEPS)), outcome, Step.FINALITY, error)


def test_a_contract_with_other_code_names_nobody(still: World) -> None:
    rule = sealing(still).rule(0)
    assert rule.contract is not None
    other = replace(rule, contract=replace(rule.contract, code_hash=b"\7" * 32))
    verdict = judged(still, evidence_of(still), trust=still.chain.trust(finality=other))
    assert_refused(verdict, UNDETERMINED, Step.FINALITY, "UntrustedError")


# ---- steps -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [(), (1,), (2,), (3,), (3, 6), (2, 3), (2, 3, 5)])
def test_too_few_overlap_where_a_step_is_left_out(rotated: World, steps: tuple[int, ...]) -> None:
    verdict = judged(rotated, evidence_of(rotated, sealing(rotated).sealed(LAST, steps)))
    assert_refused(verdict, UNDETERMINED, Step.FINALITY, "QuorumError")


@pytest.mark.parametrize("steps", [(3, 2, 5, 6), (6, 5, 3, 2), (2, 3, 3, 5, 6), (2, 3, 5, 6, LAST), (2, 2)])
def test_steps_are_in_ascending_order_each_once(rotated: World, steps: tuple[int, ...]) -> None:
    verdict = judged(rotated, evidence_of(rotated, sealing(rotated).sealed(LAST, steps)))
    assert_refused(verdict, MALFORMED, Step.FINALITY, "MalformedError")


def test_a_far_block_that_only_the_former_quorum_sealed_is_not_final() -> None:
    """Of seven validators by now, three of the former four sealed it: the other four may have sealed another."""
    world = make_world(SealedSimulator())
    chain = sealing(world)
    chain.mine(successors=[*FOUR, *validators(3, "new")])
    chain.mine()
    chain.mine(signers=FOUR[:3])
    assert_refused(judged(world, evidence_of(world)), UNDETERMINED, Step.FINALITY, "QuorumError")
    with_steps = evidence_of(world, chain.sealed(3, [1, 2]))
    assert_refused(judged(world, with_steps), UNDETERMINED, Step.FINALITY, "QuorumError")


def test_a_far_block_that_only_the_later_quorum_sealed_is_not_reached() -> None:
    world = make_world(SealedSimulator())
    chain = sealing(world)
    chain.mine(successors=validators(4, "new"))
    chain.mine()
    chain.mine()
    assert_refused(judged(world, evidence_of(world)), UNDETERMINED, Step.FINALITY, "QuorumError")
    assert_verified(judged(world, evidence_of(world, chain.sealed(3, [1]))))


def test_a_block_on_another_parent_is_a_fork(still: World) -> None:
    chain = sealing(still)
    trust = replace(chain.trust(), trusted_block=TrustedBlock(0, b"\1" * 32, chain.blocks[0].time))
    verdict = judged(still, evidence_of(still, number=1), trust=trust)
    assert_refused(verdict, REFUTED, Step.FINALITY, "ForkError")


# ---- what nothing asked for --------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", [Source.PINNED, Source.VOTES])
def test_proofs_of_validators_that_no_contract_governs(source: Source) -> None:
    world = voted_world(1)
    trust = sealing(world).trust_since(0, source)
    assert_refused(judged(world, evidence_of(world), trust=trust), MALFORMED, Step.FINALITY, "MalformedError")


def test_proofs_of_validators_at_a_step_where_votes_decide() -> None:
    world = voted_world(2)
    chain = sealing(world)
    finality = replace(chain.sealed(2, proven=False), steps=(chain.step(1),))
    verdict = judged(world, evidence_of(world, finality), trust=by_votes(world))
    assert_refused(verdict, MALFORMED, Step.FINALITY, "MalformedError")


def test_steps_where_validators_are_pinned(still: World) -> None:
    finality = sealing(still).sealed(6, [3], proven=False)
    verdict = judged(still, evidence_of(still, finality), trust=pinned(still))
    assert_refused(verdict, MALFORMED, Step.FINALITY, "MalformedError")


@pytest.mark.parametrize("source", [Source.CONTRACT, Source.VOTES])
def test_rotations_where_nothing_is_pinned(source: Source) -> None:
    world = voted_world(1)
    chain = sealing(world)
    rotations = [rotation(first_statement(chain), 9, FIVE, FOUR)]
    finality = chain.sealed(1, proven=source is Source.CONTRACT, rotations=rotations)
    verdict = judged(world, evidence_of(world, finality), trust=chain.trust_since(0, source))
    assert_refused(verdict, MALFORMED, Step.FINALITY, "MalformedError")


def test_a_checkpoint_says_nothing_to_whoever_trusts_validators(still: World) -> None:
    evidence = still.chain.evidence(still.part, block=still.chain.blocks[-1])
    assert_refused(judged(still, evidence), UNDETERMINED, Step.FINALITY, "UntrustedError")


def test_seals_say_nothing_to_whoever_trusts_witnesses(honest: World, still: World) -> None:
    trust = still.chain.trust(finality=honest.chain.trust().finality)
    assert_refused(judged(still, evidence_of(still), trust=trust), UNDETERMINED, Step.FINALITY, "UntrustedError")


# ---- pinned sets -------------------------------------------------------------------------------------------------


def test_without_its_rotations_a_block_is_sealed_by_strangers() -> None:
    world = pinned_world()
    for chosen, outcome, error in (((), REFUTED, "SignatureError"), ((0,), UNDETERMINED, "QuorumError")):
        verdict = judged(world, pinned_evidence(world, *chosen), trust=pinned(world))
        assert_refused(verdict, outcome, Step.FINALITY, error)


def test_a_rotation_cannot_be_left_out() -> None:
    world = pinned_world()
    assert_refused(
        judged(world, pinned_evidence(world, 1), trust=pinned(world)), REFUTED, Step.FINALITY, "ConsistencyError"
    )


@pytest.mark.parametrize("chosen", [(1, 0), (0, 0, 1), (0, 1, 1)])
def test_rotations_stand_in_their_order_each_once(chosen: tuple[int, ...]) -> None:
    world = pinned_world()
    verdict = judged(world, pinned_evidence(world, *chosen), trust=pinned(world))
    assert_refused(verdict, MALFORMED, Step.FINALITY, "MalformedError")


def test_two_rotations_that_contradict_are_a_fork() -> None:
    world = pinned_world()
    chain = sealing(world)
    first = first_statement(chain)
    both = [rotation(first, 3, FIVE, FOUR[:3]), rotation(first, 3, [*FOUR[:3], STRANGER], FOUR[1:])]
    files = sorted(map(encode_rotation, both))
    finality = replace(chain.sealed(6, proven=False), rotations=tuple(files))
    verdict = judged(world, evidence_of(world, finality), trust=pinned(world))
    assert_refused(verdict, REFUTED, Step.FINALITY, "ForkError")


@pytest.mark.parametrize(("signers", "error"), [(FOUR[:2], "QuorumError"), ([*FOUR[:3], STRANGER], "SignatureError")])
def test_a_rotation_by_too_few_or_by_others(signers: list[Validator], error: str) -> None:
    world = pinned_world()
    chain = sealing(world)
    rotations = [rotation(first_statement(chain), 3, FIVE, signers)]
    verdict = judged(world, evidence_of(world, chain.sealed(6, proven=False, rotations=rotations)), trust=pinned(world))
    assert (verdict.step, verdict.error) == (Step.FINALITY, error)


def test_what_is_no_rotation_is_malformed(still: World) -> None:
    for rotations in ((b"{}",), (b"[]",), (b"1",)):
        finality = replace(sealing(still).sealed(6, proven=False), rotations=rotations)
        verdict = judged(still, evidence_of(still, finality), trust=pinned(still))
        assert_refused(verdict, MALFORMED, Step.FINALITY, "MalformedError")


def test_a_pinned_block_of_less_than_the_quorum(still: World) -> None:
    finality = sealing(still).sealed(6, proven=False)
    verdict = judged(still, evidence_of(still, replace(finality, seals=finality.seals[1:])), trust=pinned(still))
    assert_refused(verdict, UNDETERMINED, Step.FINALITY, "QuorumError")


def pinned_later(world: World, trusted: int, rotations: int) -> Trust:
    """The trust file of whoever pinned block ``trusted``, in which the set of so many rotations is in force."""
    chain = sealing(world)
    statement = first_statement(chain)
    for effective, members, signers in ((3, FIVE, FOUR[:3]), (5, FIVE[1:], FIVE[:4]))[:rotations]:
        statement = rotation(statement, effective, members, signers).statement
    return replace(chain.trust_since(trusted, Source.PINNED), finality=pinned_rule(statement, trusted))


@pytest.mark.parametrize(("trusted", "rotations"), [(0, 0), (1, 0), (2, 1), (3, 1), (4, 2), (5, 2), (6, 2)])
def test_one_file_serves_whoever_pinned_a_set_of_its_line(trusted: int, rotations: int) -> None:
    world = pinned_world()
    trust = pinned_later(world, trusted, rotations)
    assert parse_trust(encode_trust(trust)) == trust
    assert_verified(judged(world, pinned_evidence(world, 0, 1), trust=trust))
    verdict = judged(world, pinned_evidence(world), trust=trust)
    assert (verdict.outcome is Outcome.VERIFIED) is (rotations == 2)


def test_rotations_of_another_line_are_refused() -> None:
    """What a trust file has behind it is not verified, but it has to lead to where the trust file stands."""
    world = pinned_world()
    chain, trust = sealing(world), pinned_later(world, 3, 1)
    for sets in ((FIVE, FOUR[:3], 2), ([*FOUR, STRANGER], FOUR[:3], 3)):
        other = rotation(first_statement(chain), sets[2], sets[0], sets[1])
        after = rotation(other.statement, 5, FIVE[1:], FIVE[:4])
        finality = chain.sealed(6, proven=False, rotations=[other, after])
        verdict = judged(world, evidence_of(world, finality), trust=trust)
        assert_refused(verdict, REFUTED, Step.FINALITY, "ConsistencyError")


def test_a_rotation_that_follows_another_statement_than_the_pinned_one_is_refused() -> None:
    world = pinned_world()
    trust = pinned_later(world, 1, 0)
    assert isinstance(trust.finality, ValidatorRule)
    other = replace(trust, finality=replace(trust.finality, statement=None))  # begins a line of its own
    verdict = judged(world, pinned_evidence(world, 0, 1), trust=other)
    assert_refused(verdict, REFUTED, Step.FINALITY, "ConsistencyError")


# ---- a node that has accepted a rotation --------------------------------------------------------------------------


def retired_world() -> World:
    """As ``pinned_world``, with a seventh block that the first four sealed, whom rotations have retired since."""
    world = pinned_world()
    sealing(world).mine(signers=FOUR[:3])
    return world


def pinned_at(world: World, number: int, *rotations: Rotation) -> Evidence:
    return evidence_of(world, sealing(world).sealed(number, proven=False, rotations=rotations), number)


def two_rotations(world: World) -> tuple[Rotation, Rotation]:
    first = rotation(first_statement(sealing(world)), 3, FIVE, FOUR[:3])
    return first, rotation(first.statement, 5, FIVE[1:], FIVE[:4])


def test_those_whom_a_rotation_retired_seal_nothing_for_whoever_has_seen_it() -> None:
    """To a stranger without the rotations their chain is final, within the trusting period."""
    world = retired_world()
    both, trust = two_rotations(world), pinned(world)
    last = len(sealing(world).blocks) - 1
    forged = pinned_at(world, last)
    assert_verified(judged(world, forged, trust=trust))
    for number, sequence, shown in ((2, 1, ()), (4, 2, both[:1]), (4, 2, ())):
        accepted = accepted_of(world, pinned_at(world, number, *both), trust)
        assert accepted.validated is not None
        assert accepted.validated.sequence == sequence
        verdict = judged(world, pinned_at(world, last, *shown), trust=trust, accepted=accepted)
        assert_refused(verdict, UNDETERMINED, Step.FINALITY, "RollbackError")


def test_before_it_takes_effect_a_rotation_may_come_or_not() -> None:
    world = pinned_world()
    both, trust = two_rotations(world), pinned(world)
    accepted = accepted_of(world, pinned_at(world, 1, *both), trust)
    assert accepted.validated is not None
    assert (accepted.validated.sequence, accepted.validated.block.number) == (0, 1)
    assert_verified(judged(world, pinned_at(world, 2), trust=trust, accepted=accepted))
    assert_verified(judged(world, pinned_at(world, 2, *both), trust=trust, accepted=accepted))


def test_a_rotation_that_comes_late_is_accepted_when_it_comes() -> None:
    """Somebody had not published it yet; the block was sealed by enough of both sets."""
    world = make_world(SealedSimulator())
    chain = sealing(world)
    chain.grow(2)
    chain.mine(signers=FOUR, successors=FIVE)
    chain.mine(signers=FIVE[1:])
    both, trust = two_rotations(world), pinned(world)
    accepted = accepted_of(world, pinned_at(world, 3), trust)
    assert_verified(judged(world, pinned_at(world, 4, both[0]), trust=trust, accepted=accepted))


def test_another_rotation_than_the_accepted_one_is_a_fork_and_is_kept(tmp_path: Path) -> None:
    world, state = pinned_world(), StateFolder(tmp_path)
    trust = pinned(world)
    other = rotation(first_statement(sealing(world)), 3, [*FOUR, STRANGER], FOUR[1:])
    state.make()
    state.pin(trust)
    with state.alone():
        now = sealing(world).time
        node = LightNode(state)
        assert_verified(node.judge(encode_evidence(pinned_at(world, 3, two_rotations(world)[0])), now=now).verdict)
        judged_ = LightNode(state).judge(encode_evidence(pinned_at(world, 4, other)), now=now)
    assert_refused(judged_.verdict, REFUTED, Step.FINALITY, "ForkError")
    assert judged_.fork is not None
    _, first, second = parse_fork(judged_.fork.read_bytes())
    kept = [one.finality.rotations for one in (first, second) if isinstance(one.finality, SealFinality)]
    assert kept == [(encode_rotation(two_rotations(world)[0]),), (encode_rotation(other),)]


def test_the_number_of_a_rotation_is_kept_on_the_disk() -> None:
    world = pinned_world()
    accepted = accepted_of(world, pinned_at(world, 4, *two_rotations(world)), pinned(world))
    signed = SignedHead(sealing(world).blocks[4].header, sealing(world).sealed(4, proven=False))
    memory = Memory(CHAIN_ID, accepted.block, signed, validated=accepted.validated)
    data = encode_memory(memory)
    assert parse_memory(data) == memory
    for wrong in (b'"sequence":0', b'"sequence":-1', b'"sequence":"2"', b'"sequences":2'):
        with pytest.raises(MalformedError):
            parse_memory(data.replace(b'"sequence":2', wrong))


def test_a_trust_file_that_is_past_what_was_accepted_begins_anew() -> None:
    world = pinned_world()
    accepted = accepted_of(world, pinned_at(world, 4, *two_rotations(world)), pinned(world))
    anew = pinned_later(world, 5, 2)
    assert isinstance(anew.finality, ValidatorRule)
    anew = replace(anew, finality=replace(anew.finality, statement=None))
    assert_verified(judged(world, pinned_at(world, 6), trust=anew, accepted=accepted))


# ---- votes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [1, 3, 5])
def test_where_votes_decide_no_block_may_be_missing(missing: int) -> None:
    world = voted_world(6)
    verdict = judged(world, voted(world, missing=[missing]), trust=by_votes(world))
    assert_refused(verdict, REFUTED, Step.FINALITY, "ConsistencyError")


def test_a_list_that_no_vote_explains() -> None:
    world = voted_world(1)
    sealing(world).mine(listed=[one.address for one in validators(4, "intruder")])
    verdict = judged(world, voted(world), trust=by_votes(world))
    assert verdict.step is Step.FINALITY
    assert verdict.error in {"ConsistencyError", "MalformedError"}


def test_too_few_votes_bring_nobody_in() -> None:
    world = voted_world(0)
    chain = sealing(world)
    chain.mine(vote=(FIVE[4].address, True))
    chain.mine(vote=(FIVE[4].address, True), successors=FIVE)
    chain.mine()
    verdict = judged(world, voted(world), trust=by_votes(world))
    assert_refused(verdict, REFUTED, Step.FINALITY, "ConsistencyError")


def test_votes_are_counted_from_the_first_block_of_an_epoch_alone() -> None:
    world = voted_world(EPOCH)
    trust = sealing(world).trust_since(2, Source.VOTES)
    with pytest.raises(MalformedError, match="first block of an epoch"):
        encode_trust(trust)
    assert_refused(judged(world, voted(world), trust=trust), UNDETERMINED, Step.FINALITY, "UntrustedError")


# ---- time and memory ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", Source)
def test_beyond_the_trusting_period_validators_are_believed_no_more(source: Source) -> None:
    world = voted_world(5)
    chain = sealing(world)
    trust = replace(chain.trust_since(0, source), trusting_period_seconds=30 * DAY)
    evidence = voted(world) if source is Source.VOTES else evidence_of(
        world, chain.sealed(5, proven=source is Source.CONTRACT)
    )  # fmt: skip
    last = chain.blocks[0].time + 30 * DAY
    assert_refused(judged(world, evidence, trust=trust, now=last + 1), UNDETERMINED, Step.FINALITY, "StaleError")


@pytest.mark.parametrize("source", Source)
def test_a_header_from_the_future_is_not_judged(source: Source) -> None:
    world = voted_world(5)
    chain = sealing(world)
    evidence = voted(world) if source is Source.VOTES else evidence_of(
        world, chain.sealed(5, proven=source is Source.CONTRACT)
    )  # fmt: skip
    verdict = judged(world, evidence, trust=chain.trust_since(0, source), now=chain.blocks[5].time - 61)
    assert_refused(verdict, UNDETERMINED, Step.FINALITY, "StaleError")


def test_a_newer_head_that_was_accepted_keeps_validators_believed(rotated: World) -> None:
    chain = sealing(rotated)
    accepted = accepted_of(rotated, evidence_of(rotated, chain.sealed(8, STEPS), 8))
    trust = chain.trust(trusting_period_seconds=DAY)
    verdict = judged(rotated, evidence_of(rotated), trust=trust, accepted=accepted)
    assert_verified(verdict)
    verdict = judged(rotated, evidence_of(rotated), trust=trust, accepted=accepted.block)
    assert_refused(verdict, UNDETERMINED, Step.FINALITY, "StaleError")


@pytest.mark.parametrize("source", Source)
def test_below_what_was_accepted_is_a_rollback(source: Source) -> None:
    world = voted_world(2 * EPOCH)
    chain, trust = sealing(world), sealing(world).trust_since(0, source)

    def at(number: int) -> Evidence:
        if source is Source.VOTES:
            return voted(world, number)
        return evidence_of(world, chain.sealed(number, proven=source is Source.CONTRACT), number)

    accepted = accepted_of(world, at(EPOCH + 2), trust)
    for number in (EPOCH + 1, EPOCH, 1):
        verdict = judged(world, at(number), trust=trust, accepted=accepted)
        assert_refused(verdict, UNDETERMINED, Step.FINALITY, "RollbackError")


def test_below_the_trusted_block_is_a_rollback(still: World) -> None:
    for source in (Source.CONTRACT, Source.PINNED):
        evidence = evidence_of(still, sealing(still).sealed(2, proven=source is Source.CONTRACT), 2)
        verdict = judged(still, evidence, trust=sealing(still).trust_since(4, source))
        assert_refused(verdict, UNDETERMINED, Step.FINALITY, "RollbackError")


def forked(number: int, blocks: int, *, lists: bool = False) -> tuple[World, World]:
    """Two worlds that share the blocks below ``number`` and differ from there, all sealed by the same four."""
    worlds = []
    for wait in (0, 7):
        world = make_world(SealedSimulator(lists=lists))
        sealing(world).grow(number - 1)
        world.chain.time += wait
        sealing(world).grow(blocks - number + 1)
        worlds.append(world)
    return worlds[0], worlds[1]


@pytest.mark.parametrize("source", Source)
def test_another_block_at_the_accepted_height_is_a_fork(source: Source) -> None:
    one, other = forked(EPOCH + 2, EPOCH + 2, lists=True)
    trust = sealing(one).trust_since(0, source)

    def last(world: World) -> Evidence:
        if source is Source.VOTES:
            return voted(world)
        return evidence_of(world, sealing(world).sealed(EPOCH + 2, proven=source is Source.CONTRACT))

    accepted = accepted_of(one, last(one), trust)
    verdict = judged(other, last(other), trust=trust, accepted=accepted)
    assert_refused(verdict, REFUTED, Step.FINALITY, "ForkError")


@pytest.mark.parametrize("source", Source)
def test_a_child_of_another_block_than_the_accepted_one_is_a_fork(source: Source) -> None:
    one, other = forked(EPOCH + 2, EPOCH + 3, lists=True)
    trust = sealing(one).trust_since(0, source)

    def at(world: World, number: int) -> Evidence:
        if source is Source.VOTES:
            return voted(world, number)
        return evidence_of(world, sealing(world).sealed(number, proven=source is Source.CONTRACT), number)

    accepted = accepted_of(one, at(one, EPOCH + 2), trust)
    for known in (accepted, Accepted(accepted.block)):
        verdict = judged(other, at(other, EPOCH + 3), trust=trust, accepted=known)
        assert_refused(verdict, REFUTED, Step.FINALITY, "ForkError")


@pytest.mark.parametrize("source", [Source.CONTRACT, Source.VOTES])
def test_a_step_at_the_accepted_height_that_is_another_block_is_a_fork(source: Source) -> None:
    """Who remembers the head alone, or votes as of the epoch's first block, walks past the accepted height."""
    one, other = forked(EPOCH + 2, EPOCH + 4, lists=True)
    trust = sealing(one).trust_since(0, source)
    if source is Source.VOTES:
        accepted, evidence = accepted_of(one, voted(one, EPOCH + 2), trust), voted(other)
    else:
        accepted = Accepted(accepted_of(one, evidence_of(one, number=EPOCH + 2), trust).block)
        evidence = evidence_of(other, sealing(other).sealed(EPOCH + 4, [EPOCH + 2]))
    verdict = judged(other, evidence, trust=trust, accepted=accepted)
    assert_refused(verdict, REFUTED, Step.FINALITY, "ForkError")


def test_a_remembered_set_that_is_not_the_blocks_refuses(rotated: World) -> None:
    """Memory is our own, and still no file makes good for it."""
    chain = sealing(rotated)
    accepted = accepted_of(rotated, evidence_of(rotated, chain.sealed(7, STEPS), 7))
    assert accepted.validated is not None
    wrong = ValidatedBlock(accepted.validated.block, tuple(sorted(one.address for one in FOUR)))
    verdict = judged(rotated, evidence_of(rotated), accepted=replace(accepted, validated=wrong))
    assert_refused(verdict, UNDETERMINED, Step.FINALITY, "QuorumError")


# ---- no bit can be changed ---------------------------------------------------------------------------------------


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


def judged_small(world: World, data: bytes) -> Verdict:
    return judged(world, data, identity_required=False)


def outcomes(world: World, data: bytes, bits: range) -> dict[Outcome, int]:
    counts = dict.fromkeys(Outcome, 0)
    for bit in bits:
        counts[judged_small(world, flipped(data, bit)).outcome] += 1
    return counts


def test_a_sample_of_flipped_bits_of_a_sealed_file_is_refused() -> None:
    world, data = small_file()
    assert_verified(judged_small(world, data))
    counts = outcomes(world, data, range(0, len(data) * 8, EVERY * 8 + 1))
    assert counts[Outcome.VERIFIED] == 0
    assert counts[Outcome.REFUTED] > 50
    assert counts[Outcome.MALFORMED] > 50


@pytest.mark.slow
def test_every_flipped_bit_of_a_sealed_file_is_refused() -> None:
    world, data = small_file()
    counts = outcomes(world, data, range(len(data) * 8))
    assert counts[Outcome.VERIFIED] == 0
    assert sum(counts.values()) == len(data) * 8


def test_each_flipped_bit_of_a_rotation_is_refused() -> None:
    world = pinned_world()
    data, trust = encode_evidence(pinned_evidence(world, 0, 1)), pinned(world)
    assert_verified(judged(world, data, trust=trust))
    start = data.index(b'"rotations"') * 8
    end = data.index(b'"round"', start // 8) * 8
    for bit in range(start, end, 23):
        assert judged(world, flipped(data, bit), trust=trust).outcome is not Outcome.VERIFIED
