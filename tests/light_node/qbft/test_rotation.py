"""Pinned sets: a rotation is believed only where k of the set before signed this very one, and one of each number."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from eth_account.messages import _hash_eip191_message, encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import (
    ConsistencyError,
    ForkError,
    MalformedError,
    QuorumError,
    RollbackError,
    SignatureError,
    StaleError,
    UntrustedError,
    VerificationError,
)
from ledger.proof.header import parse_header
from ledger.strict_json import canonical_json
from light_node.qbft.pinned import PinnedSets, verify_pinned, verify_rotation, verify_rotations
from light_node.qbft.rotation import Rotation, SetStatement, encode_rotation, parse_rotation, sign_rotation
from light_node.qbft.steps import TrustedSet
from tests.simulator.chain import DAY, START
from tests.simulator.qbft import Block, QbftChain, Validator, addresses, high_s, validators

FOUR = validators(4)
FIVE = [*FOUR, Validator("fifth")]
STRANGER = Validator("stranger")
FIRST = SetStatement(84600, 0, 100, 3, bytes(32), addresses(FOUR))
NEXT = SetStatement(84600, 1, 200, 4, FIRST.digest, addresses(FIVE))
NOW = START + DAY


def signed(statement: SetStatement, signers: Sequence[Validator] = FOUR[:3]) -> Rotation:
    rotation = Rotation(statement, {})
    for signer in signers:
        rotation = sign_rotation(rotation, signer.key)
    return rotation


ROTATION = signed(NEXT)
DATA = encode_rotation(ROTATION)


def refused(rotation: Rotation, error: type[VerificationError], current: SetStatement = FIRST) -> VerificationError:
    with pytest.raises(VerificationError) as caught:
        verify_rotation(rotation, current)
    assert type(caught.value) is error
    return caught.value


def with_signatures(signatures: Mapping[bytes, bytes]) -> Rotation:
    return Rotation(NEXT, dict(signatures))


def test_k_of_the_current_set_put_another_in_its_place() -> None:
    assert verify_rotation(ROTATION, FIRST) == NEXT
    assert verify_rotation(signed(NEXT, FOUR), FIRST) == NEXT


def test_the_digest_is_that_of_common_tools() -> None:
    message = encode_typed_data(
        {"name": "Vinculum QBFT validators", "version": "1", "chainId": NEXT.chain_id},
        {
            "Rotation": [
                {"name": "sequence", "type": "uint256"},
                {"name": "effectiveBlock", "type": "uint256"},
                {"name": "k", "type": "uint256"},
                {"name": "previous", "type": "bytes32"},
                {"name": "validators", "type": "address[]"},
            ]
        },
        {
            "sequence": NEXT.sequence,
            "effectiveBlock": NEXT.effective_block,
            "k": NEXT.threshold,
            "previous": NEXT.previous,
            "validators": [f"0x{one.hex()}" for one in NEXT.validators],
        },
    )
    assert _hash_eip191_message(message) == NEXT.digest


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_k_are_refused(count: int) -> None:
    error = refused(signed(NEXT, FOUR[:count]), QuorumError)
    assert isinstance(error, QuorumError)
    assert (error.valid, error.required) == (count, 3)


def test_k_may_be_more_than_the_quorum() -> None:
    all_four = replace(FIRST, threshold=4)
    statement = replace(NEXT, previous=all_four.digest)
    refused(signed(statement), QuorumError, all_four)
    assert verify_rotation(signed(statement, FOUR), all_four) == statement


def test_newcomers_and_strangers_do_not_sign() -> None:
    refused(signed(NEXT, [*FOUR[:2], FIVE[4]]), SignatureError)
    refused(signed(NEXT, [*FOUR, STRANGER]), SignatureError)


def test_a_signature_under_anothers_name_is_refused() -> None:
    first, second, third = ROTATION.signatures
    refused(
        with_signatures(
            {**ROTATION.signatures, first: ROTATION.signatures[second], second: ROTATION.signatures[first]}
        ),
        SignatureError,
    )
    refused(with_signatures({**ROTATION.signatures, third: ROTATION.signatures[first]}), SignatureError)


def test_a_signature_has_one_encoding() -> None:
    first = next(iter(ROTATION.signatures))
    seal = ROTATION.signatures[first]
    for other in (high_s(seal), seal[:64] + bytes((seal[64] + 27,)), seal[:64], bytes(65)):
        refused(with_signatures({**ROTATION.signatures, first: other}), SignatureError)


CHANGES: list[dict[str, Any]] = [
    {"effective_block": 201},
    {"threshold": 5},
    {"validators": addresses([*FOUR, STRANGER])},
    {"validators": addresses(FIVE)[:4]},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_the_signatures_are_for_this_statement_alone(change: dict[str, Any]) -> None:
    refused(replace(ROTATION, statement=replace(NEXT, **change)), SignatureError)


def test_a_rotation_of_another_chain_is_not_trusted() -> None:
    refused(signed(replace(NEXT, chain_id=1)), UntrustedError)
    refused(replace(ROTATION, statement=replace(NEXT, chain_id=1)), UntrustedError)


def test_an_older_rotation_or_the_same_again_is_going_back() -> None:
    refused(ROTATION, RollbackError, NEXT)
    refused(signed(replace(NEXT, sequence=0)), RollbackError)


def test_a_rotation_left_out_is_not_followed() -> None:
    refused(signed(replace(NEXT, sequence=2)), ConsistencyError)


def test_a_rotation_after_another_statement_is_not_followed() -> None:
    refused(ROTATION, ConsistencyError, replace(FIRST, effective_block=99))
    refused(signed(replace(NEXT, previous=bytes(32))), ConsistencyError)


@pytest.mark.parametrize("block", [1, 99, 100])
def test_a_set_takes_effect_after_the_one_before(block: int) -> None:
    refused(signed(replace(NEXT, effective_block=block)), ConsistencyError)


@pytest.mark.parametrize("k", [0, 1, 2, 3, 6, 300])
def test_a_k_that_two_contradicting_rotations_could_reach_is_refused(k: int) -> None:
    refused(signed(replace(NEXT, threshold=k)), MalformedError)


@pytest.mark.parametrize(
    "listed",
    [(), (*NEXT.validators, NEXT.validators[-1]), NEXT.validators[::-1], (bytes(20), *NEXT.validators[1:])],
    ids=["empty", "twice", "out of order", "zero"],
)
def test_a_set_that_is_none_is_refused(listed: tuple[bytes, ...]) -> None:
    refused(signed(replace(NEXT, validators=listed)), MalformedError)


# ---- several --------------------------------------------------------------------------------------------------------

SECOND = SetStatement(84600, 2, 300, 3, NEXT.digest, addresses(FIVE[1:]))
TWICE = [signed(SECOND, FIVE[:4]), ROTATION]


def test_rotations_are_followed_in_their_order() -> None:
    sets = verify_rotations(TWICE, FIRST)
    assert sets.statements == (FIRST, NEXT, SECOND)
    found = [sets.in_force(number) for number in (100, 199, 200, 299, 300, 10**9)]
    assert found == [addresses(one) for one in (FOUR, FOUR, FIVE, FIVE, FIVE[1:], FIVE[1:])]
    with pytest.raises(UntrustedError):
        sets.in_force(99)


def test_without_rotations_the_pinned_set_stays() -> None:
    assert verify_rotations([], FIRST) == PinnedSets((FIRST,))


def test_the_second_is_signed_by_the_set_of_the_first() -> None:
    with pytest.raises(QuorumError):
        verify_rotations([ROTATION, signed(SECOND, FOUR[1:])], FIRST)
    with pytest.raises(ConsistencyError):
        verify_rotations([TWICE[0]], FIRST)


def test_two_of_one_number_are_proof_of_a_lie_and_both_are_kept() -> None:
    other = signed(replace(NEXT, validators=addresses([*FOUR, STRANGER])), FOUR[1:])
    with pytest.raises(ForkError) as caught:
        verify_rotations([ROTATION, other], FIRST)
    assert {caught.value.first, caught.value.second} == {encode_rotation(ROTATION), encode_rotation(other)}
    with pytest.raises(ForkError):
        verify_rotations([other, *TWICE], FIRST)


def test_the_same_statement_by_other_signers_is_no_contradiction() -> None:
    assert verify_rotations([ROTATION, signed(NEXT, FOUR[1:]), ROTATION], FIRST).statements == (FIRST, NEXT)


def test_one_that_too_few_signed_contradicts_nothing() -> None:
    with pytest.raises(QuorumError):
        verify_rotations([ROTATION, signed(replace(NEXT, effective_block=201), FOUR[:2])], FIRST)


def test_a_first_statement_that_is_none_is_refused() -> None:
    with pytest.raises(MalformedError):
        verify_rotations([], replace(FIRST, threshold=2))


# ---- the file -------------------------------------------------------------------------------------------------------


def value() -> dict[str, Any]:
    return json.loads(DATA)  # type: ignore[no-any-return]


def malformed(changed: Any) -> MalformedError:
    with pytest.raises(MalformedError) as caught:
        parse_rotation(canonical_json(changed))
    return caught.value


def test_what_is_written_is_read_again() -> None:
    assert parse_rotation(DATA) == ROTATION
    assert encode_rotation(parse_rotation(DATA)) == DATA


def test_nothing_is_written_that_would_be_refused() -> None:
    with pytest.raises(MalformedError):
        encode_rotation(replace(ROTATION, statement=replace(NEXT, threshold=1)))


def test_another_encoding_of_the_same_is_refused() -> None:
    for other in (DATA + b"\n", json.dumps(value(), indent=1).encode(), DATA.replace(b'"k":4', b'"k": 4')):
        with pytest.raises(MalformedError):
            parse_rotation(other)


@pytest.mark.parametrize("name", sorted(value()))
def test_each_member_is_needed_and_typed(name: str) -> None:
    changed = value()
    del changed[name]
    assert "lacks" in str(malformed(changed))
    for other in (None, True, "x", {}, 1.5, -1, [None], 0):
        malformed(value() | {name: other})


PLACES: list[Callable[[Any], Any]] = [lambda v: v, lambda v: v["signatures"][0]]


@pytest.mark.parametrize("find", PLACES)
def test_each_object_is_strict(find: Callable[[Any], Any]) -> None:
    changed = value()
    find(changed)["surplus"] = 1
    assert "unknown" in str(malformed(changed))


@pytest.mark.parametrize("name", ["validators", "signatures"])
def test_lists_are_ascending_and_name_each_once(name: str) -> None:
    malformed(value() | {name: value()[name][::-1]})
    malformed(value() | {name: [*value()[name], value()[name][-1]]})
    malformed(value() | {name: value()[name] * 100})


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b"[" * 1000, b" " * (128 * 1024 + 1)])
def test_other_bytes_are_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_rotation(data)


def test_every_flipped_bit_of_a_rotation_is_refused() -> None:
    accepted = []
    for bit in range(len(DATA) * 8):
        changed = bytearray(DATA)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            accepted.append(verify_rotation(parse_rotation(bytes(changed)), FIRST))
        except VerificationError:
            continue
    assert accepted == []


@given(st.binary(max_size=200))
def test_junk_never_crashes(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_rotation(data)


# ---- blocks by pinned sets ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chain() -> QbftChain:
    """Five seal from block 6 on."""
    chain = QbftChain(FOUR)
    chain.grow(4)
    chain.mine(successors=FIVE)
    chain.grow(5)
    return chain


SETS = PinnedSets((replace(FIRST, effective_block=1), replace(NEXT, effective_block=6)))


def at(block: Block) -> TrustedSet:
    return TrustedSet(block.number, block.hash, (), block.time)


def test_each_block_is_measured_by_the_set_pinned_for_its_height(chain: QbftChain) -> None:
    for block in chain.blocks[1:]:
        assert verify_pinned(at(chain.blocks[0]), SETS, parse_header(block.rlp), NOW, DAY).hash == block.hash


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("few", QuorumError),
        ("stranger", SignatureError),
        ("old set", QuorumError),
        ("new set too early", SignatureError),
        ("below", RollbackError),
        ("other block", ForkError),
        ("other child", ForkError),
        ("stale", StaleError),
        ("future", StaleError),
    ],
)
def test_what_a_pinned_set_does_not_stand_for_is_refused(
    chain: QbftChain, name: str, error: type[VerificationError]
) -> None:
    blocks, fork, now = chain.blocks, chain.fork(7), NOW
    base, block = blocks[0], blocks[9]
    if name == "few":
        block = chain.withhold(9, 3)
    elif name == "stranger":
        block = block.sealed_by([*FIVE, STRANGER])
    elif name == "old set":
        block = block.sealed_by(FOUR[:3])
    elif name == "new set too early":
        block = blocks[5].sealed_by(FIVE)
    elif name == "below":
        base, block = blocks[9], blocks[8]
    elif name == "other block":
        base, block = blocks[8], fork.head
    elif name == "other child":
        base, block = blocks[8], fork.mine()
    elif name == "stale":
        now = base.time + DAY + 1
    else:
        now = base.time - 59
        block = chain.blocks[10].sealed_by(FIVE)
        assert block.time > now + 60
    with pytest.raises(VerificationError) as caught:
        verify_pinned(at(base), SETS, parse_header(block.rlp), now, DAY)
    assert type(caught.value) is error
