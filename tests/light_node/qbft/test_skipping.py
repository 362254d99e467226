"""To a far block past all between, and back to nearer ones where too many validators changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import (
    ForkError,
    InclusionError,
    MalformedError,
    QuorumError,
    RollbackError,
    SignatureError,
    StaleError,
    VerificationError,
)
from ledger.proof.header import parse_header
from light_node import freshness
from light_node.qbft.seals import SealedHeader
from light_node.qbft.skipping import CLOCK_TOLERANCE_SECONDS, Bisection, bisect, verify_advance, verify_skip
from light_node.qbft.steps import TrustedSet, verify_step
from light_node.qbft.validator_proof import validators_from_proof
from tests.simulator.chain import CONSORTIUM, DAY, START, code_hash
from tests.simulator.qbft import (
    PERIOD,
    SLOT,
    Block,
    LongChain,
    QbftChain,
    State,
    Validator,
    addresses,
    high_s,
    validators,
)

FOUR = validators(4)
FIFTH, SIXTH = Validator("fifth"), Validator("sixth")
NOW = START + DAY
TRUSTING = 30 * DAY


def at(block: Block, members: Sequence[Validator] = FOUR) -> TrustedSet:
    return TrustedSet(block.number, block.hash, addresses(members), block.time)


def skip(trusted: TrustedSet, block: Answer, now: int = NOW) -> SealedHeader:
    return verify_skip(trusted, parse_header(block.rlp), now, TRUSTING)


def refused(trusted: TrustedSet, block: Block, error: type[VerificationError], now: int = NOW) -> VerificationError:
    with pytest.raises(VerificationError) as caught:
        skip(trusted, block, now)
    assert type(caught.value) is error
    return caught.value


class Answer(Protocol):
    """What a node answers of a block."""

    @property
    def rlp(self) -> bytes: ...

    @property
    def state(self) -> State: ...


def proven_set(answer: Answer) -> tuple[bytes, ...]:
    """The set that the contract names for the block after, by storage proofs."""
    root, state = parse_header(answer.rlp).state_root, answer.state
    return validators_from_proof(root, CONSORTIUM, code_hash(CONSORTIUM), state.account_nodes, SLOT, state.proofs)


@pytest.fixture
def chain() -> QbftChain:
    chain = QbftChain(FOUR)
    chain.grow(10)
    return chain


def test_a_far_block_of_the_same_set(chain: QbftChain) -> None:
    sealed = skip(at(chain.blocks[1]), chain.blocks[9])
    assert (sealed.number, sealed.hash) == (9, chain.blocks[9].hash)
    assert verify_advance(at(chain.blocks[1]), sealed, proven_set(chain.blocks[9])) == at(chain.blocks[9])


def test_newcomers_seals_neither_count_nor_refuse(chain: QbftChain) -> None:
    six = [*FOUR, FIFTH, SIXTH]
    chain.members = six
    assert skip(at(chain.blocks[1]), chain.mine(signers=[FIFTH, SIXTH, *FOUR[:3]])).signers == addresses(
        [*FOUR[:3], FIFTH, SIXTH]
    )
    error = refused(at(chain.blocks[1]), chain.mine(signers=[FIFTH, SIXTH, *FOUR[:2]]), QuorumError)
    assert isinstance(error, QuorumError)
    assert (error.valid, error.required) == (2, 3)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_far_block_with_less_than_a_quorum_of_the_trusted_set(chain: QbftChain, count: int) -> None:
    refused(at(chain.blocks[1]), chain.withhold(9, count), QuorumError)


def test_in_a_far_block_too_each_seal_counts_once_and_is_canonical(chain: QbftChain) -> None:
    block, trusted = chain.blocks[9], at(chain.blocks[1])
    refused(trusted, block.with_seals([*block.seals, block.seals[0]]), MalformedError)
    refused(trusted, block.with_seals([*block.seals[:2], FOUR[0].sign_again(block.seal_hash)]), MalformedError)
    refused(trusted, block.with_seals([*block.seals[:2], high_s(block.seals[2])]), SignatureError)
    refused(trusted, block.with_seals([*block.seals, bytes(65)]), SignatureError)
    strange = FIFTH.sign(block.seal_hash)
    refused(trusted, block.with_seals([*block.seals, strange, strange]), MalformedError)


def test_seals_of_another_round_are_strangers_to_a_far_block(chain: QbftChain) -> None:
    chain.mine(number=1)
    other = chain.head.with_seals([one.sign(chain.head.hash) for one in FOUR])
    skip(at(chain.blocks[1]), chain.head)
    refused(at(chain.blocks[1]), other, QuorumError)


def test_the_next_block_is_sealed_by_the_set_alone_and_names_its_parent(chain: QbftChain) -> None:
    trusted, block = at(chain.blocks[4]), chain.blocks[5]
    assert skip(trusted, block) == verify_step(trusted, parse_header(block.rlp))
    refused(trusted, block.sealed_by([*FOUR, FIFTH]), SignatureError)
    fork = chain.fork(3)
    error = refused(trusted, fork.mine(), ForkError)
    assert isinstance(error, ForkError)
    assert (error.first, error.second) == (chain.blocks[4].hash, fork.blocks[4].hash)


def test_another_block_at_the_trusted_height_is_a_fork_once_it_is_sealed(chain: QbftChain) -> None:
    fork = chain.fork(3).head
    error = refused(at(chain.blocks[4]), fork, ForkError)
    assert isinstance(error, ForkError)
    assert (error.first, error.second) == (chain.blocks[4].hash, fork.hash)
    refused(at(chain.blocks[4]), fork.with_seals(fork.seals[:2]), QuorumError)
    assert skip(at(chain.blocks[4]), chain.blocks[4].sealed_by(FOUR[1:])).hash == chain.blocks[4].hash


def test_what_is_below_is_going_back(chain: QbftChain) -> None:
    refused(at(chain.blocks[4]), chain.blocks[3], RollbackError)


def test_a_higher_block_of_an_earlier_time_is_going_back(chain: QbftChain) -> None:
    refused(at(chain.head), chain.mine(time=chain.head.time - 1), RollbackError)
    refused(at(chain.blocks[9]), chain.mine(time=chain.blocks[9].time - 1), RollbackError)


def test_a_set_is_trusted_for_the_trusting_period_only(chain: QbftChain) -> None:
    trusted, block = at(chain.blocks[1]), chain.blocks[9]
    skip(trusted, block, trusted.time + TRUSTING)
    refused(trusted, block, StaleError, trusted.time + TRUSTING + 1)
    refused(trusted, chain.blocks[2], StaleError, trusted.time + TRUSTING + 1)


def test_a_block_from_the_future_is_refused(chain: QbftChain) -> None:
    block = chain.blocks[9]
    skip(at(chain.blocks[1]), block, block.time - CLOCK_TOLERANCE_SECONDS)
    refused(at(chain.blocks[1]), block, StaleError, block.time - CLOCK_TOLERANCE_SECONDS - 1)


def test_a_clock_behind_the_trusted_block_judges_nothing(chain: QbftChain) -> None:
    trusted = at(chain.blocks[1])
    refused(trusted, chain.blocks[1], StaleError, trusted.time - CLOCK_TOLERANCE_SECONDS - 1)


def test_the_tolerance_is_that_of_freshness() -> None:
    assert CLOCK_TOLERANCE_SECONDS == freshness.CLOCK_TOLERANCE_SECONDS


def test_a_quorum_of_the_former_set_alone_advances_nowhere(chain: QbftChain) -> None:
    """Three of the four who were trusted sealed it, but by now there are seven: five decide."""
    seven = [*FOUR, *validators(3, "newcomer")]
    chain.mine(successors=seven)
    chain.grow(3)
    trusted = at(chain.blocks[9])
    few = chain.mine(signers=FOUR[:3])
    sealed = skip(trusted, few)
    with pytest.raises(QuorumError):
        verify_advance(trusted, sealed, proven_set(few))
    whole = few.sealed_by(seven[:5])
    assert verify_advance(trusted, skip(trusted, whole), proven_set(few)).validators == addresses(seven)


def test_the_next_block_may_name_a_set_that_did_not_seal_it(chain: QbftChain) -> None:
    trusted = at(chain.head)
    turn = chain.mine(successors=validators(4, "newcomer"))
    after = verify_advance(trusted, skip(trusted, turn), proven_set(turn))
    assert after.validators == addresses(chain.members)
    verify_advance(after, skip(after, chain.mine()), proven_set(chain.head))


@pytest.mark.parametrize("members", [(), (b"\1" * 20,) * 2, (b"\1" * 19,), (bytes(20),)])
def test_nothing_but_a_set_is_advanced_to(chain: QbftChain, members: tuple[bytes, ...]) -> None:
    trusted = at(chain.blocks[1])
    with pytest.raises(MalformedError):
        verify_advance(trusted, skip(trusted, chain.blocks[2]), members)


def test_every_bit_of_a_far_block_is_refused_or_is_a_newcomers_seal(chain: QbftChain) -> None:
    chain.members = [*FOUR, FIFTH]
    block, trusted = chain.mine(signers=[*FOUR[:3], FIFTH]), at(chain.blocks[1])
    start, honest = block.rlp.index(block.seals[3]) * 8, skip(trusted, block)
    covered = uncovered = 0
    for bit in range(len(block.rlp) * 8):
        changed = bytearray(block.rlp)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            sealed = verify_skip(trusted, parse_header(bytes(changed)), NOW, TRUSTING)
        except VerificationError:
            covered += 1
        else:
            uncovered += 1
            assert start <= bit < start + 65 * 8
            assert (sealed.hash, sealed.state_root) == (honest.hash, honest.state_root)
            assert FIFTH.address not in sealed.signers
    assert covered + uncovered == len(block.rlp) * 8
    assert 0 < uncovered < 65 * 8


# ---- bisection ------------------------------------------------------------------------------------------------------


def test_the_goal_is_asked_for_first_and_then_half_way() -> None:
    error = QuorumError(0, 3)
    way = bisect(0, 100)
    assert way.next_height == 100
    way = way.retreat(error).retreat(error)
    assert (way.next_height, way.wanted) == (25, (100, 50, 25))
    way = way.reach()
    assert (way.reached, way.next_height) == (25, 50)
    assert way.retreat(error).next_height == 37


def test_at_the_goal_there_is_nothing_to_ask_for() -> None:
    assert bisect(5, 5).next_height is None
    assert bisect(5, 6).reach().next_height is None


def test_a_goal_below_is_going_back() -> None:
    with pytest.raises(RollbackError):
        bisect(5, 4)


def test_where_the_next_block_is_refused_there_is_no_way() -> None:
    error = QuorumError(0, 3)
    way = bisect(0, 2**64 - 1)
    for _ in range(63):
        way = way.retreat(error)
    assert way.next_height == 1
    with pytest.raises(QuorumError) as caught:
        way.retreat(error)
    assert caught.value is error


def test_retreats_come_to_an_end() -> None:
    with pytest.raises(QuorumError):
        Bisection(0, (100,), 0).retreat(QuorumError(0, 3))


@given(st.integers(0, 1000), st.integers(0, 1000), st.sets(st.integers(1, 2000)))
def test_any_way_ends_at_its_goal_in_bounded_steps(reached: int, distance: int, walls: set[int]) -> None:
    """A wall is a block that can only be reached from the one before, and past which nothing reaches."""
    way, asked = bisect(reached, reached + distance), 0
    while way.next_height is not None:
        assert way.reached < way.next_height <= reached + distance
        asked += 1
        past = any(way.reached < wall <= way.next_height for wall in walls)
        way = way.retreat(QuorumError(0, 1)) if past and way.next_height > way.reached + 1 else way.reach()
    assert way.reached == reached + distance
    crossed = sum(reached < wall <= reached + distance for wall in walls)
    assert asked <= 1 + 2 * 10 * (crossed + 1)


@dataclass
class Way:
    """What following a chain took."""

    trusted: TrustedSet
    asked: list[int]


def follow(trusted: TrustedSet, goal: int, fetch: Callable[[int], Answer], now: int) -> Way:
    """What a light node does: skip, prove the next set, or come nearer."""
    way, asked = bisect(trusted.number, goal), list[int]()
    while way.next_height is not None:
        asked.append(way.next_height)
        block = fetch(way.next_height)
        try:
            trusted = verify_advance(trusted, skip(trusted, block, now), proven_set(block))
        except QuorumError as error:
            way = way.retreat(error)
        else:
            way = way.reach()
    return Way(trusted, asked)


def test_bisection_finds_the_way_through_changes_of_everybody(chain: QbftChain) -> None:
    for n in range(3):
        chain.mine(successors=validators(4, f"set {n}"))
        chain.grow(9)
    done = follow(at(chain.blocks[1]), chain.head.number, lambda number: chain.blocks[number], NOW)
    assert done.trusted == at(chain.head, chain.members)
    assert len(done.asked) < len(chain.blocks)


def test_a_change_that_the_old_set_never_sealed_is_not_followed(chain: QbftChain) -> None:
    """Intruders go on from a block in whose state the contract never named them."""
    chain.members = validators(4, "intruder")
    chain.grow(20)
    with pytest.raises(SignatureError):
        follow(at(chain.blocks[1]), chain.head.number, lambda number: chain.blocks[number], NOW)


def test_a_set_proven_from_another_state_is_refused(chain: QbftChain) -> None:
    turn = chain.mine(successors=[*FOUR, FIFTH])
    before = chain.blocks[turn.number - 1]
    header, state = parse_header(before.rlp), turn.state
    with pytest.raises(InclusionError):
        validators_from_proof(
            header.state_root, CONSORTIUM, code_hash(CONSORTIUM), state.account_nodes, SLOT, state.proofs
        )


LENGTH = 1_000_000
MILLION_LATER = START + PERIOD * LENGTH + 1


def rotations(changed: int) -> LongChain:
    """Ten rotations over a million blocks, of ``changed`` of four validators each."""
    members, sets = validators(4), {0: validators(4)}
    for n in range(10):
        members = [*members[changed:], *validators(changed, f"newcomer/{n}")]
        sets[(n + 1) * LENGTH // 11 // 64 * 64 + 20] = members
    return LongChain(sets)


@dataclass(frozen=True)
class Stored:
    """A block as a node answers it, made before the clock runs."""

    rlp: bytes
    state: State


@pytest.mark.parametrize("changed", [1, 2, 4])
def test_ten_rotations_over_a_million_blocks_take_a_second_at_most(changed: int) -> None:
    chain, stored = rotations(changed), dict[int, Stored]()

    def make(number: int) -> Stored:
        block = chain.block(number)
        stored[number] = Stored(block.rlp, block.state)
        return stored[number]

    first, last = chain.block(1), chain.block(LENGTH)
    trusted = at(first, first.members)
    made = follow(trusted, LENGTH, make, MILLION_LATER)
    assert made.trusted == at(last, last.members)
    assert not set(made.trusted.validators) & set(trusted.validators)
    assert len(made.asked) < 500

    start = time.process_time()
    again = follow(trusted, LENGTH, stored.__getitem__, MILLION_LATER)
    assert time.process_time() - start <= 1
    assert again == made


def test_of_a_million_blocks_those_of_forgers_are_not_followed() -> None:
    chain, forgers = rotations(1), validators(4, "forger")
    first = chain.block(1)
    with pytest.raises(SignatureError):
        follow(at(first, first.members), LENGTH, lambda n: chain.block(n).sealed_by(forgers), MILLION_LATER)
