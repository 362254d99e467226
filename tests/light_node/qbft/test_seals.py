"""Who may seal, how many must, and what is refused in which words."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import MalformedError, QuorumError, SignatureError, VerificationError
from ledger.proof.header import parse_header
from ledger.proof.qbft_extra import MAX_VALIDATORS
from light_node.qbft.seals import SealedHeader, quorum_of, recover_signer, verify_seals
from tests.simulator.qbft import ORDER, Block, QbftChain, Validator, addresses, enough, high_s, validators

STRANGER = Validator("stranger")
FOUR = validators(4)
SET = addresses(FOUR)


@pytest.fixture(scope="module")
def block() -> Block:
    chain = QbftChain(FOUR)
    chain.grow(2)
    return chain.mine(number=3)


def verified(block: Block, members: tuple[bytes, ...] = SET) -> SealedHeader:
    return verify_seals(parse_header(block.rlp), members)


def refused(block: Block, error: type[VerificationError], members: tuple[bytes, ...] = SET) -> VerificationError:
    with pytest.raises(VerificationError) as caught:
        verified(block, members)
    assert type(caught.value) is error
    return caught.value


def test_a_quorum_of_the_set_is_enough(block: Block) -> None:
    sealed = verified(block)
    assert (sealed.number, sealed.time, sealed.round) == (3, block.time, 3)
    assert (sealed.hash, sealed.state_root) == (block.hash, block.state.trie.root)
    assert sealed.signers == addresses(enough(FOUR))


def test_more_than_a_quorum_in_any_order_is_the_same_block(block: Block) -> None:
    every = verified(block.sealed_by(reversed(FOUR)))
    assert every.signers == SET
    assert replace(every, signers=()) == replace(verified(block), signers=())


@pytest.mark.parametrize(
    ("count", "needed"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4), (6, 4), (7, 5), (10, 7), (21, 14), (64, 43)]
)
def test_the_quorum_is_two_thirds_rounded_up(count: int, needed: int) -> None:
    assert quorum_of(count) == needed


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7, 21])
def test_one_seal_less_than_the_quorum_is_refused(count: int) -> None:
    members = validators(count)
    chain = QbftChain(members)
    whole = chain.mine()
    assert len(verified(whole, addresses(members)).signers) == quorum_of(count)
    error = refused(chain.withhold(1, quorum_of(count) - 1), QuorumError, addresses(members))
    assert isinstance(error, QuorumError)
    assert (error.valid, error.required) == (quorum_of(count) - 1, quorum_of(count))


def test_what_an_engine_imports_with_f_plus_1_seals_is_refused() -> None:
    members = validators(7)
    refused(QbftChain(members).mine(signers=members[:3]), QuorumError, addresses(members))


def test_no_seals_are_no_quorum(block: Block) -> None:
    refused(block.with_seals(()), QuorumError)


def test_a_duplicate_seal_is_refused(block: Block) -> None:
    assert "two by" in str(refused(block.with_seals([*block.seals[:2], block.seals[0]]), MalformedError))
    refused(block.with_seals([*block.seals, block.seals[2]]), MalformedError)


def test_one_validator_may_not_seal_with_two_signatures(block: Block) -> None:
    again = FOUR[0].sign_again(block.seal_hash)
    assert again != block.seals[0]
    verified(block.with_seals([again, *block.seals[1:]]))
    assert "two by" in str(refused(block.with_seals([*block.seals, again]), MalformedError))


def test_a_strangers_seal_is_refused_even_beside_a_quorum(block: Block) -> None:
    error = refused(block.sealed_by([*FOUR, STRANGER]), SignatureError)
    assert STRANGER.address.hex() in str(error)
    refused(block.sealed_by([*FOUR[:2], STRANGER]), SignatureError)


def test_seals_of_another_round_are_refused(block: Block) -> None:
    other = replace(block, round=2).sealed_by(FOUR)
    assert other.hash == block.hash
    verified(other)
    refused(block.with_seals(other.seals), SignatureError)
    refused(block.with_seals([*block.seals, other.seals[3]]), SignatureError)


def test_seals_over_the_block_hash_are_refused(block: Block) -> None:
    refused(block.with_seals([one.sign(block.hash) for one in FOUR]), SignatureError)


def test_seals_of_another_block_are_refused(block: Block) -> None:
    other = QbftChain(FOUR).mine()
    refused(block.with_seals(other.seals), SignatureError)


def test_a_high_s_is_refused(block: Block) -> None:
    refused(block.with_seals([*block.seals[:2], high_s(block.seals[2])]), SignatureError)


@pytest.mark.parametrize("v", [2, 3, 4, 27, 28, 255])
def test_another_v_is_refused(block: Block, v: int) -> None:
    seal = block.seals[2]
    refused(block.with_seals([*block.seals[:2], seal[:64] + bytes((v,))]), SignatureError)
    refused(block.with_seals([*block.seals[:2], seal[:64] + bytes((seal[64] + 27,))]), SignatureError)


@pytest.mark.parametrize("r", [0, ORDER, ORDER + 1, 2**256 - 1, 5])
def test_an_r_that_is_no_point_is_refused(block: Block, r: int) -> None:
    refused(block.with_seals([*block.seals[:2], r.to_bytes(32, "big") + block.seals[2][32:]]), SignatureError)


@pytest.mark.parametrize("s", [0, ORDER, 2**256 - 1])
def test_an_s_out_of_range_is_refused(block: Block, s: int) -> None:
    seal = block.seals[2]
    refused(block.with_seals([*block.seals[:2], seal[:32] + s.to_bytes(32, "big") + seal[64:]]), SignatureError)


@pytest.mark.parametrize("length", [0, 1, 64, 66])
def test_a_signature_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(SignatureError):
        recover_signer(bytes(length), bytes(32))


@pytest.mark.parametrize("length", [0, 64, 66])
def test_a_seal_of_another_length_is_malformed(block: Block, length: int) -> None:
    refused(block.with_seals([bytes(length)]), MalformedError)


@pytest.mark.parametrize(
    "members",
    [(), (*SET, SET[0]), (SET[0][:19], *SET[1:]), (*SET, b""), (*SET, bytes(20)), (*SET, SET[0] + b"\0")],
    ids=["empty", "twice", "short", "nothing", "zero", "long"],
)
def test_what_is_no_set_of_validators_is_refused(block: Block, members: tuple[bytes, ...]) -> None:
    refused(block, MalformedError, members)


def test_a_set_over_the_limit_is_refused(block: Block) -> None:
    refused(block, MalformedError, tuple(n.to_bytes(20, "big") for n in range(1, MAX_VALIDATORS + 2)))


def test_the_set_of_another_time_is_refused(block: Block) -> None:
    refused(block, SignatureError, addresses([*FOUR[1:], STRANGER]))
    refused(block, QuorumError, addresses([*FOUR, STRANGER]))


def test_the_genesis_is_pinned_never_sealed() -> None:
    genesis = QbftChain(FOUR).blocks[0]
    refused(genesis, MalformedError)
    refused(genesis.sealed_by(FOUR), MalformedError)


def test_the_list_in_the_header_says_nothing() -> None:
    chain = QbftChain(FOUR)
    lie = chain.mine(listed=[STRANGER.address])
    verified(lie)
    refused(lie.sealed_by([STRANGER]), SignatureError)
    refused(lie, SignatureError, (STRANGER.address,))


@pytest.mark.parametrize("extra", [b"", b"\xc0", bytes(32), b"\xff"])
def test_extra_data_in_another_format_is_malformed(block: Block, extra: bytes) -> None:
    with pytest.raises(MalformedError):
        verify_seals(replace(parse_header(block.rlp), extra_data=extra), SET)


@given(st.permutations(FOUR), st.integers(0, 4), st.integers(0, 2**32 - 1))
def test_any_distinct_members_count_and_nobody_else(order: list[Validator], count: int, number: int) -> None:
    sealed = QbftChain(FOUR).mine(signers=order[:count], number=number)
    if count < 3:
        refused(sealed, QuorumError)
    else:
        assert verified(sealed).signers == addresses(order[:count])
