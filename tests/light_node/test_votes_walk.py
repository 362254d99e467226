"""A node that counts votes walks on by consecutive files, with the votes that are open between two of them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.errors import ConsistencyError, MalformedError, RollbackError, VerificationError
from ledger.proof.evidence import Evidence, SealFinality, SealStep, encode_evidence
from ledger.proof.evidence_types import MAX_STEPS
from ledger.proof.header import RawHeader, parse_header
from light_node import seal_finality
from light_node.heads import Accepted, ValidatedBlock
from light_node.judgement import judge
from light_node.memory import encode_memory, parse_memory
from light_node.node import LightNode
from light_node.seal_finality import verify_sealed
from light_node.state import StateFolder
from light_node.trust import Trust, TrustedBlock
from light_node.trust_rules import Source, ValidatorRule
from light_node.verdict import Outcome, Step, Verdict
from tests.light_node.judging import assert_refused, assert_verified
from tests.simulator.chain import DAY
from tests.simulator.qbft import QbftChain, Validator, addresses, validators
from tests.simulator.sealed import SealedSimulator
from tests.simulator.world import World, make_world

FOUR = validators(4)
FIVE = [*FOUR, Validator("fifth")]
LONG = 30_000
"""An epoch that no file spans."""


def voted_on(lists: bool = True) -> World:
    """Thirteen blocks of one epoch: the votes in 3, 5 and 10 add a validator, who seals from 11 on."""
    world = make_world(SealedSimulator(lists=lists))
    chain = world.chain
    assert isinstance(chain, SealedSimulator)
    for number in range(1, 14):
        vote = (FIVE[4].address, True) if number in {3, 5, 10} else None
        chain.mine(vote=vote, successors=FIVE if number == 10 else None)
    return world


@pytest.fixture(scope="module")
def world() -> World:
    """Nobody changes it."""
    return voted_on()


def chain_of(world: World) -> SealedSimulator:
    assert isinstance(world.chain, SealedSimulator)
    return world.chain


def trust_of(world: World, **changes: object) -> Trust:
    trust = chain_of(world).trust_since(0, Source.VOTES)
    assert isinstance(trust.finality, ValidatorRule)
    return replace(trust, finality=replace(trust.finality, epoch_length=LONG), **changes)  # type: ignore[arg-type]


def file_of(world: World, first: int, last: int) -> Evidence:
    """Evidence at ``last`` with every block from ``first`` on."""
    chain = chain_of(world)
    return chain.sealed_evidence(world.part, chain.sealed(last, range(first, last), proven=False), number=last)


class Reader:
    """A light node with a folder, and a clock that is the chain's."""

    def __init__(self, world: World, folder: Path, trust: Trust | None = None) -> None:
        self.world, self.state = world, StateFolder(folder)
        self.state.make()
        self.state.pin(trust or trust_of(world))

    def judge(self, first: int, last: int, now: int | None = None) -> Verdict:
        """Each file is judged by a process of its own: what is not on the disk is not remembered."""
        with self.state.alone():
            when = chain_of(self.world).time if now is None else now
            return LightNode(self.state).judge(encode_evidence(file_of(self.world, first, last)), now=when).verdict

    @property
    def known(self) -> ValidatedBlock:
        memory = self.state.memory()
        assert memory is not None
        assert memory.validated is not None
        return memory.validated


@pytest.mark.parametrize(
    "seams", [(13,), (2, 13), (3, 13), (4, 13), (5, 9, 10, 13), (10, 13), (11, 13), tuple(range(1, 14))]
)
def test_consecutive_files_lead_over_a_change_wherever_they_meet(
    world: World, tmp_path: Path, seams: Sequence[int]
) -> None:
    reader, known = Reader(world, tmp_path / "light"), 0
    for seam in seams:
        assert_verified(reader.judge(known + 1, seam))
        assert reader.known.block.number == seam
        known = seam
    assert reader.known.validators == addresses(FIVE)
    assert not reader.known.votes


def test_votes_that_are_open_are_kept_on_the_disk(world: World, tmp_path: Path) -> None:
    reader = Reader(world, tmp_path / "light")
    assert_verified(reader.judge(1, 7))
    proposers = [chain_of(world).sealings[number].members[number % 4].address for number in (3, 5)]
    assert reader.known.votes == {(one, FIVE[4].address) for one in proposers}
    assert reader.known.validators == addresses(FOUR)


def test_a_file_that_begins_earlier_serves_too(world: World, tmp_path: Path) -> None:
    reader = Reader(world, tmp_path / "light")
    assert_verified(reader.judge(1, 7))
    assert_verified(reader.judge(4, 12))


def test_a_gap_between_two_files_is_refused(world: World, tmp_path: Path) -> None:
    reader = Reader(world, tmp_path / "light")
    assert_verified(reader.judge(1, 7))
    assert_refused(reader.judge(9, 12), Outcome.REFUTED, Step.FINALITY, "ConsistencyError")
    assert reader.known.block.number == 7


def test_without_what_is_remembered_a_later_file_proves_nothing(world: World, tmp_path: Path) -> None:
    reader = Reader(world, tmp_path / "light")
    assert_refused(reader.judge(8, 12), Outcome.REFUTED, Step.FINALITY, "ConsistencyError")


def test_back_over_what_is_remembered_is_a_rollback(world: World, tmp_path: Path) -> None:
    reader = Reader(world, tmp_path / "light")
    assert_verified(reader.judge(1, 10))
    assert_refused(reader.judge(1, 9), Outcome.UNDETERMINED, Step.FINALITY, "RollbackError")
    assert_verified(reader.judge(1, 10))


FORGOTTEN: list[Callable[[ValidatedBlock], ValidatedBlock]] = [
    lambda known: replace(known, votes=frozenset()),
    lambda known: replace(known, votes=frozenset(sorted(known.votes)[:1])),
    lambda known: replace(
        known, votes=known.votes | {(FOUR[0].address, b"\x77" * 20), (FOUR[1].address, b"\x77" * 20)}
    ),
    lambda known: replace(known, validators=addresses(FIVE)),
]


@pytest.mark.parametrize("forget", FORGOTTEN)
def test_votes_that_are_not_known_of_bring_nobody_in(
    world: World, tmp_path: Path, forget: Callable[[ValidatedBlock], ValidatedBlock]
) -> None:
    """What a node wrongly remembers leads to a refusal, or changes nothing; never to a set that no votes make."""
    reader = Reader(world, tmp_path / "light")
    assert_verified(reader.judge(1, 7))
    memory = reader.state.memory()
    assert memory is not None
    reader.state.remember(replace(memory, validated=forget(reader.known)))
    verdict = reader.judge(8, 13)
    assert verdict.step is Step.FINALITY or reader.known.validators == addresses(FIVE)


def test_an_epoch_forgets_the_votes_that_are_remembered(tmp_path: Path) -> None:
    world, epoch = voted_on(), 8
    trust = trust_of(world)
    assert isinstance(trust.finality, ValidatorRule)
    trust = replace(trust, finality=replace(trust.finality, epoch_length=epoch))
    reader = Reader(world, tmp_path / "light", trust)
    assert_verified(reader.judge(1, 7))
    assert len(reader.known.votes) == 2
    verdict = reader.judge(8, 13)  # block 11 lists the fifth, who has one vote since block 8
    assert_refused(verdict, Outcome.REFUTED, Step.FINALITY, "ConsistencyError")
    assert_verified(reader.judge(8, 10))
    assert len(reader.known.votes) == 1


# ---- too old to judge by -----------------------------------------------------------------------------------------


def test_a_final_block_that_is_too_old_to_judge_by_still_leads_on(world: World, tmp_path: Path) -> None:
    """Who slept for longer than a file may be old, yet not beyond the trusting period, walks to the present."""
    last = chain_of(world).blocks[12].time
    trust = trust_of(world, maximum_age_seconds=9, trusting_period_seconds=1000 * DAY)
    reader = Reader(world, tmp_path / "light", trust)
    assert_refused(reader.judge(1, 6, now=last), Outcome.UNDETERMINED, Step.FRESHNESS, "StaleError")
    assert reader.known.block.number == 6
    assert_verified(reader.judge(7, 12, now=last))


def test_beyond_the_trusting_period_it_leads_nowhere(world: World, tmp_path: Path) -> None:
    begun = chain_of(world).blocks[0].time
    reader = Reader(world, tmp_path / "light", trust_of(world, maximum_age_seconds=9, trusting_period_seconds=DAY))
    assert_refused(reader.judge(1, 6, now=begun + DAY + 1), Outcome.UNDETERMINED, Step.FINALITY, "StaleError")
    assert reader.state.memory() is None


def test_an_old_block_of_which_more_is_in_doubt_is_not_remembered(world: World, tmp_path: Path) -> None:
    chain, last = chain_of(world), chain_of(world).blocks[12].time
    reader = Reader(world, tmp_path / "light", trust_of(world, maximum_age_seconds=9))
    stranger = replace(file_of(world, 1, 6), issuers=())
    with reader.state.alone():
        verdict = LightNode(reader.state).judge(encode_evidence(stranger), now=last).verdict
    assert verdict.outcome is not Outcome.VERIFIED
    assert verdict.step is not Step.FRESHNESS
    assert reader.state.memory() is None
    assert chain.blocks[6].number == 6


# ---- what is remembered ------------------------------------------------------------------------------------------


def remembered(world: World, folder: Path) -> dict[str, object]:
    reader = Reader(world, folder)
    assert_verified(reader.judge(1, 7))
    memory = reader.state.memory()
    assert memory is not None
    assert parse_memory(encode_memory(memory)) == memory
    value = json.loads(encode_memory(memory))
    assert isinstance(value, dict)
    return value


DAMAGES: list[Callable[[list[dict[str, str]]], object]] = [
    lambda votes: votes.reverse(),
    lambda votes: votes.append(votes[-1]),
    lambda votes: votes.clear(),
    lambda votes: votes[0].update(more="0x"),
    lambda votes: votes[0].pop("voter"),
    lambda votes: votes[0].update(voter="0x00"),
    lambda votes: votes[0].update(candidate=""),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_votes_are_refused(
    world: World, tmp_path: Path, damage: Callable[[list[dict[str, str]]], object]
) -> None:
    value = remembered(world, tmp_path / "light")
    damage(value["validated"]["votes"])  # type: ignore[index]
    with pytest.raises(MalformedError):
        parse_memory(json.dumps(value, separators=(",", ":"), sort_keys=True).encode())


def test_where_no_vote_is_open_the_file_is_that_of_before(world: World, tmp_path: Path) -> None:
    reader = Reader(world, tmp_path / "light")
    assert_verified(reader.judge(1, 2))
    memory = reader.state.memory()
    assert memory is not None
    assert b'"votes"' not in encode_memory(memory)


def test_more_votes_than_are_remembered_leave_it_at_the_epochs_first_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seal_finality, "MAX_OPEN_VOTES", 1)
    world, folder = voted_on(), tmp_path / "light"
    reader = Reader(world, folder)
    assert_verified(reader.judge(1, 4))
    assert reader.known.block.number == 4
    assert_verified(reader.judge(1, 7))
    assert reader.known.block.number == 4


# ---- the longest file --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def long() -> QbftChain:
    """More blocks than one file holds."""
    chain = QbftChain(FOUR, lists=True)
    for number in range(1, MAX_STEPS + 12):
        vote = (FIVE[4].address, True) if number in {MAX_STEPS - 2, MAX_STEPS, MAX_STEPS + 5} else None
        chain.mine(vote=vote, successors=FIVE if number == MAX_STEPS + 5 else None)
    return chain


def reach(chain: QbftChain, trust: Trust, first: int, last: int, accepted: Accepted | None) -> ValidatedBlock:
    def step(number: int) -> SealStep:
        block = chain.blocks[number]
        return SealStep(block.with_extra(0, ()), block.round, tuple(sorted(block.seals)))

    own = step(last)
    finality = SealFinality(own.round, own.seals, steps=tuple(map(step, range(first, last))))
    header, rule = bare(own), trust.finality
    assert isinstance(rule, ValidatorRule)
    return verify_sealed(header, finality, trust, rule, accepted, chain.blocks[last].time)


def bare(step: SealStep) -> RawHeader:
    return parse_header(step.header)


def test_the_longest_file_and_the_one_that_goes_on(long: QbftChain, world: World) -> None:
    genesis = long.blocks[0]
    trust = trust_of(world, trusted_block=TrustedBlock(0, genesis.hash, genesis.time))
    began = time.perf_counter()
    known = reach(long, trust, 1, MAX_STEPS + 1, None)
    assert time.perf_counter() - began < 30
    assert (known.block.number, len(known.votes)) == (MAX_STEPS + 1, 2)
    accepted = Accepted(known.block, validated=known)
    after = reach(long, trust, MAX_STEPS + 2, MAX_STEPS + 11, accepted)
    assert (after.block.number, after.validators) == (MAX_STEPS + 11, addresses(FIVE))
    for first, error in ((MAX_STEPS + 3, ConsistencyError), (MAX_STEPS + 7, ConsistencyError)):
        with pytest.raises(error):
            reach(long, trust, first, MAX_STEPS + 11, accepted)
    with pytest.raises(RollbackError):
        reach(long, trust, 1, MAX_STEPS, accepted)
    with pytest.raises(VerificationError):
        reach(
            long, trust, MAX_STEPS + 2, MAX_STEPS + 11, replace(accepted, validated=replace(known, votes=frozenset()))
        )


def test_the_longest_file_fits_into_its_limit(world: World) -> None:
    """Four validators; more of them, more bytes a header."""
    step = chain_of(world).step(12, proven=False)
    assert MAX_STEPS * 2 * (len(step.header) + 65 * len(step.seals) + 64) < 32 * 1024 * 1024
    verdict = judge(encode_evidence(file_of(world, 1, 12)), trust_of(world), now=chain_of(world).time)
    assert_verified(verdict)
