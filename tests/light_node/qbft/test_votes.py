"""The set by votes: what counts, when it is forgotten, and that a list is believed only where the votes explain it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import (
    ConsistencyError,
    ForkError,
    MalformedError,
    QuorumError,
    RollbackError,
    SignatureError,
    VerificationError,
)
from ledger.proof.header import parse_header
from ledger.proof.qbft_extra import ValidatorVote
from light_node.qbft.votes import Tally, TrustedTally, VerifiedChain, VotingRule, apply_votes, verify_chain
from tests.simulator.engine_tally import EngineTally
from tests.simulator.qbft import Block, QbftChain, Validator, addresses, validators

FOUR = validators(4)
FIFTH = Validator("fifth")
A, B, C, D = (one.address for one in FOUR)
X, Y = FIFTH.address, Validator("sixth").address
RULE = VotingRule(epoch_length=10)


def tally(*members: bytes, votes: Sequence[tuple[bytes, bytes]] = ()) -> Tally:
    return Tally(tuple(sorted(members)), frozenset(votes))


def after(start: Tally, *votes: tuple[bytes, bytes, bool], number: int = 1, rule: VotingRule = RULE) -> Tally:
    for offset, (voter, candidate, adds) in enumerate(votes):
        start = apply_votes(start, rule, number + offset, voter, ValidatorVote(candidate, adds))
    return start


def test_more_than_half_adds_and_half_does_not() -> None:
    half = after(tally(A, B, C, D), (A, X, True), (B, X, True))
    assert half.validators == addresses(FOUR)
    assert after(half, (C, X, True)) == tally(A, B, C, D, X)


def test_more_than_half_removes_and_half_does_not() -> None:
    half = after(tally(A, B, C, D), (A, D, False), (B, D, False))
    assert half.validators == addresses(FOUR)
    assert after(half, (D, D, False)) == tally(A, B, C)


def test_a_vote_is_not_counted_twice() -> None:
    assert after(tally(A, B, C, D), *[(A, X, True)] * 5) == tally(A, B, C, D, votes=[(A, X)])


def test_a_contrary_vote_withdraws() -> None:
    assert after(tally(A, B, C, D), (A, X, True), (A, X, False)) == tally(A, B, C, D)
    assert after(tally(A, B, C, D), (A, X, True), (B, X, True), (A, X, False), (C, X, True)).validators == addresses(
        FOUR
    )


def test_votes_to_add_a_member_or_to_remove_another_count_for_nothing() -> None:
    assert after(tally(A, B, C, D), *[(one, D, True) for one in (A, B, C)]) == tally(A, B, C, D)
    assert after(tally(A, B, C, D), *[(one, X, False) for one in (A, B, C)]) == tally(A, B, C, D)


def test_one_member_votes_on_several_candidates() -> None:
    assert after(tally(A, B, C, D), (A, X, True), (A, Y, True)).votes == {(A, X), (A, Y)}


def test_votes_by_and_about_a_removed_validator_are_discarded() -> None:
    voted = after(tally(A, B, C, D), (D, X, True), (A, X, True), (D, B, False), (A, D, False), (B, D, False))
    assert after(voted, (C, D, False)) == tally(A, B, C, votes=[(A, X)])


def test_votes_about_an_added_validator_are_discarded() -> None:
    done = after(tally(A, B, C, D), (A, X, True), (A, Y, True), (B, X, True), (C, X, True))
    assert done == tally(A, B, C, D, X, votes=[(A, Y)])
    assert after(done, (A, X, False)).votes == {(A, Y), (A, X)}


def test_a_smaller_set_decides_at_the_next_vote_about_the_candidate() -> None:
    three = after(tally(A, B, C, D), (A, X, True), (B, X, True), *[(one, D, False) for one in (A, B, C)])
    assert three == tally(A, B, C, votes=[(A, X), (B, X)])
    assert after(three, (A, X, True)).validators == tuple(sorted((A, B, C, X)))


def test_at_an_epoch_boundary_votes_are_forgotten_before_its_own_counts() -> None:
    two = after(tally(A, B, C, D), (A, X, True), (B, X, True), number=8)
    assert after(two, (C, X, True), number=10) == tally(A, B, C, D, votes=[(C, X)])
    assert apply_votes(two, RULE, 10, C, None) == tally(A, B, C, D)
    assert after(two, (C, X, True), number=11).validators == addresses([*FOUR, FIFTH])


def test_where_the_engine_says_so_the_vote_of_a_boundary_does_not_count() -> None:
    rule = VotingRule(10, epoch_vote_counts=False)
    two = after(tally(A, B, C, D), (A, X, True), (B, X, True), number=8, rule=rule)
    assert after(two, (C, X, True), number=10, rule=rule) == tally(A, B, C, D)
    assert after(two, (C, X, True), number=9, rule=rule).validators == addresses([*FOUR, FIFTH])


CANDIDATES = [*addresses(FOUR), X, Y]
VOTES = st.none() | st.tuples(st.sampled_from(CANDIDATES), st.booleans())


@given(st.lists(st.tuples(st.integers(0, 5), VOTES), max_size=60), st.integers(1, 20), st.booleans())
def test_the_tally_is_the_engines(
    blocks: list[tuple[int, tuple[bytes, bool] | None]], epoch: int, boundary_counts: bool
) -> None:
    engine = EngineTally(addresses(FOUR), epoch, epoch_vote_counts=boundary_counts)
    own, rule = tally(*addresses(FOUR)), VotingRule(epoch, boundary_counts)
    for number, (turn, vote) in enumerate(blocks, 1):
        if not engine.members:
            break
        voter = sorted(engine.members)[turn % len(engine.members)]
        engine.block(number, voter, vote)
        own = apply_votes(own, rule, number, voter, None if vote is None else ValidatorVote(*vote))
        assert own.validators == tuple(sorted(engine.members))


# ---- chains ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def chain() -> QbftChain:
    """Three blocks that vote the fifth in; ``members`` are five from block 4 on."""
    chain = QbftChain(FOUR, lists=True)
    for one in FOUR[:2]:
        chain.mine(vote=(X, True), coinbase=one.address)
    chain.mine(vote=(X, True), coinbase=C, successors=[*FOUR, FIFTH])
    return chain


def trusted(block: Block, known: Tally | None = None) -> TrustedTally:
    return TrustedTally(block.number, block.hash, block.time, known or tally(*addresses(block.members)))


def verified(chain: QbftChain, blocks: Sequence[Block] | None = None, rule: VotingRule = RULE) -> VerifiedChain:
    follow = chain.blocks[1:] if blocks is None else blocks
    return verify_chain(trusted(chain.blocks[0]), rule, [parse_header(block.rlp) for block in follow])


def refused(chain: QbftChain, error: type[VerificationError], *, rule: VotingRule = RULE) -> None:
    """The whole chain but for its last block verifies; with it, it does not."""
    verified(chain, chain.blocks[1:-1], rule)
    with pytest.raises(VerificationError) as caught:
        verified(chain, rule=rule)
    assert type(caught.value) is error


def test_a_chain_is_followed_through_a_change(chain: QbftChain) -> None:
    chain.grow(20)
    chain.mine(vote=(A, False), coinbase=A)
    chain.grow(1)
    done = verified(chain)
    assert [one.hash for one in done.headers] == [block.hash for block in chain.blocks[1:]]
    assert done.trusted.tally == tally(A, B, C, D, X, votes=[(A, A)])
    assert (done.trusted.number, done.trusted.time) == (chain.head.number, chain.head.time)


def test_what_was_verified_in_parts_is_the_same(chain: QbftChain) -> None:
    chain.grow(5)
    headers = [parse_header(block.rlp) for block in chain.blocks[1:]]
    first = verify_chain(trusted(chain.blocks[0]), RULE, headers[:2])
    assert verify_chain(first.trusted, RULE, headers[2:]).trusted == verified(chain).trusted


def test_nothing_to_verify_leaves_what_was_trusted(chain: QbftChain) -> None:
    assert verified(chain, []) == VerifiedChain((), trusted(chain.blocks[0]))


def test_a_vote_counted_twice_is_refused() -> None:
    chain = QbftChain(FOUR, lists=True)
    chain.mine(vote=(X, True), coinbase=A)
    chain.mine(vote=(X, True), coinbase=B)
    chain.mine(vote=(X, True), coinbase=B, successors=[*FOUR, FIFTH])
    chain.mine(signers=FOUR)
    refused(chain, ConsistencyError)


def test_a_vote_that_was_not_counted_is_refused(chain: QbftChain) -> None:
    chain.members = FOUR
    chain.mine(signers=FOUR)
    refused(chain, ConsistencyError)


def test_a_vote_of_the_epoch_before_that_was_counted_is_refused(chain: QbftChain) -> None:
    chain.mine(signers=FOUR)
    refused(chain, ConsistencyError, rule=VotingRule(3))


def test_the_newcomers_set_does_not_seal_before_it_is_in_force(chain: QbftChain) -> None:
    chain.roll_back(2)
    chain.mine(vote=(X, True), coinbase=C, signers=[*FOUR[:2], FIFTH])
    refused(chain, SignatureError)


def test_the_old_quorum_is_too_few_for_the_grown_set(chain: QbftChain) -> None:
    chain.mine(signers=FOUR[:3])
    refused(chain, QuorumError)


@pytest.mark.parametrize("swap", [(0, 1), (2, 3), (0, 4)])
def test_a_list_out_of_order_is_refused(chain: QbftChain, swap: tuple[int, int]) -> None:
    listed = list(addresses(chain.members))
    first, second = swap
    listed[first], listed[second] = listed[second], listed[first]
    chain.mine(listed=listed)
    refused(chain, MalformedError)


def test_a_list_with_one_twice_is_refused(chain: QbftChain) -> None:
    chain.mine(listed=sorted([*addresses(chain.members), A]))
    refused(chain, MalformedError)


@pytest.mark.parametrize(
    "listed",
    [[], [X], addresses(FOUR), addresses([*FOUR, FIFTH, Validator("s")]), addresses([*FOUR[1:], FIFTH])],
    ids=["empty", "itself", "as before", "one more", "one less"],
)
def test_a_false_list_is_refused_even_with_every_seal(chain: QbftChain, listed: Sequence[bytes]) -> None:
    chain.mine(listed=listed, signers=chain.members)
    refused(chain, ConsistencyError)


def test_a_coinbase_that_is_no_validator_is_refused(chain: QbftChain) -> None:
    chain.mine(coinbase=Y)
    refused(chain, ConsistencyError)


def test_a_removed_validator_votes_no_more(chain: QbftChain) -> None:
    for one in (A, B):
        chain.mine(vote=(D, False), coinbase=one)
    chain.mine(vote=(D, False), coinbase=X, successors=[*FOUR[:3], FIFTH])
    chain.mine(coinbase=D)
    refused(chain, ConsistencyError)


def test_a_block_left_out_and_one_taken_back_are_refused(chain: QbftChain) -> None:
    with pytest.raises(ConsistencyError):
        verified(chain, [chain.blocks[1], chain.blocks[3]])
    with pytest.raises(RollbackError):
        verified(chain, [chain.blocks[1], chain.blocks[1]])


def test_a_fork_is_refused_with_both_hashes(chain: QbftChain) -> None:
    fork = chain.fork(1)
    fork.mine()
    with pytest.raises(ForkError) as caught:
        verified(chain, [*chain.blocks[1:3], fork.head])
    assert (caught.value.first, caught.value.second) == (chain.blocks[2].hash, fork.blocks[2].hash)


def test_open_votes_that_are_not_known_lead_to_a_refusal_never_to_a_false_set(chain: QbftChain) -> None:
    headers = [parse_header(block.rlp) for block in (*chain.blocks[2:], chain.mine())]
    with pytest.raises(ConsistencyError):
        verify_chain(trusted(chain.blocks[1]), RULE, headers)
    verify_chain(trusted(chain.blocks[1], tally(A, B, C, D, votes=[(A, X)])), RULE, headers)


@pytest.mark.parametrize("length", [0, -1, 2**32 + 1])
def test_an_unusable_epoch_is_refused(chain: QbftChain, length: int) -> None:
    with pytest.raises(MalformedError):
        verified(chain, [], VotingRule(length))


def test_the_last_validator_who_votes_itself_out_ends_the_chain() -> None:
    alone = FOUR[:1]
    chain = QbftChain(alone, lists=True)
    chain.mine(vote=(A, False))
    chain.members = alone
    assert verified(chain).trusted.tally == tally()
    chain.mine(listed=[])
    refused(chain, MalformedError)


def test_one_who_forges_the_coinbase_is_not_found_out_here() -> None:
    """Why votes are off unless the trust file says that the engine binds the coinbase: every seal here is honest."""
    chain = QbftChain(FOUR, lists=True)
    for forged in FOUR[:2]:
        chain.mine(vote=(X, True), coinbase=forged.address)
    chain.mine(vote=(X, True), coinbase=C, successors=[*FOUR, FIFTH])
    assert X in verified(chain).trusted.tally.validators


def test_a_tally_is_a_value() -> None:
    start = tally(A, B, C, D)
    after(start, (A, X, True))
    assert start == replace(start)
    assert start.votes == frozenset()
