"""From block to block: nothing left out, nothing taken back, nothing beside."""

from __future__ import annotations

import pytest

from ledger.errors import ConsistencyError, ForkError, QuorumError, RollbackError, SignatureError, VerificationError
from ledger.proof.header import parse_header
from light_node.qbft.seals import SealedHeader
from light_node.qbft.steps import TrustedSet, verify_step
from tests.simulator.qbft import Block, QbftChain, Validator, addresses, validators

FOUR = validators(4)


def at(block: Block, members: list[Validator]) -> TrustedSet:
    return TrustedSet(block.number, block.hash, addresses(members), block.time)


def step(trusted: TrustedSet, block: Block) -> SealedHeader:
    return verify_step(trusted, parse_header(block.rlp))


def refused(trusted: TrustedSet, block: Block, error: type[VerificationError]) -> VerificationError:
    with pytest.raises(VerificationError) as caught:
        step(trusted, block)
    assert type(caught.value) is error
    return caught.value


@pytest.fixture
def chain() -> QbftChain:
    chain = QbftChain(FOUR)
    chain.grow(5)
    return chain


def test_each_block_follows_the_one_before(chain: QbftChain) -> None:
    for before, block in zip(chain.blocks, chain.blocks[1:], strict=False):
        assert step(at(before, FOUR), block).hash == block.hash


def test_the_same_block_by_another_nodes_copy_is_as_good(chain: QbftChain) -> None:
    other = chain.blocks[2].sealed_by(FOUR[1:])
    assert step(at(chain.blocks[1], FOUR), other).hash == chain.blocks[2].hash
    step(at(other, FOUR), chain.blocks[3])


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_what_is_not_above_is_going_back(chain: QbftChain, number: int) -> None:
    refused(at(chain.blocks[3], FOUR), chain.blocks[number], RollbackError)


def test_a_block_left_out_is_not_followed(chain: QbftChain) -> None:
    refused(at(chain.blocks[1], FOUR), chain.blocks[3], ConsistencyError)


def test_an_earlier_time_is_going_back(chain: QbftChain) -> None:
    refused(at(chain.head, FOUR), chain.mine(time=chain.head.time - 1), RollbackError)


def test_the_same_time_is_left_to_the_engine(chain: QbftChain) -> None:
    before = chain.head
    step(at(before, FOUR), chain.mine(time=before.time))


def test_a_child_of_another_block_is_a_fork_once_it_is_sealed(chain: QbftChain) -> None:
    fork = chain.fork(3)
    child = fork.mine()
    error = refused(at(chain.blocks[4], FOUR), child, ForkError)
    assert isinstance(error, ForkError)
    assert (error.first, error.second) == (chain.blocks[4].hash, fork.blocks[4].hash)
    refused(at(chain.blocks[4], FOUR), child.with_seals(child.seals[:2]), QuorumError)


def test_after_a_roll_back_the_new_chain_contradicts_the_old(chain: QbftChain) -> None:
    seen = at(chain.blocks[4], FOUR)
    chain.roll_back(3)
    chain.mine(time=chain.head.time + 7)
    refused(seen, chain.head, RollbackError)
    refused(seen, chain.mine(), ForkError)


def test_the_set_of_the_block_before_a_change_does_not_seal_the_one_after(chain: QbftChain) -> None:
    five = [*FOUR, Validator("fifth")]
    turn = chain.mine(successors=five)
    refused(at(turn, five), chain.mine(signers=FOUR[:3]), QuorumError)
    chain.roll_back(turn.number)
    refused(at(turn, FOUR), chain.mine(signers=[*FOUR[:3], five[4]]), SignatureError)
    chain.roll_back(turn.number)
    step(at(turn, five), chain.mine())
