"""Every block recorded from real engines verifies; each of them changed a little is refused with the right error."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.errors import (
    ConsistencyError,
    InclusionError,
    MalformedError,
    QuorumError,
    SignatureError,
    VerificationError,
)
from ledger.proof.header import RawHeader, block_hash, commit_seal_hash, parse_header
from ledger.proof.qbft_extra import QbftExtra, encode_qbft_extra, parse_qbft_extra
from ledger.proof.rlp import encode_rlp
from light_node.qbft.seals import quorum_of, recover_signer, verify_seals
from light_node.qbft.skipping import verify_skip
from light_node.qbft.steps import verify_step
from light_node.qbft.votes import Tally, TrustedTally, VotingRule, verify_chain
from tests.light_node.qbft.recorded import FILES, Recorded, octets, recorded
from tests.simulator.qbft import Validator

EVERY = 37
"""Bits are sampled with a step that is coprime to 8, so that all bits of a byte are met."""
STRANGER = Validator("stranger")


@pytest.fixture(params=FILES)
def chain(request: pytest.FixtureRequest, shared_data: Path) -> Recorded:
    return recorded(shared_data, request.param)


@pytest.fixture
def four(shared_data: Path) -> Recorded:
    return recorded(shared_data, "four-validators")


@pytest.fixture
def by_contract(shared_data: Path) -> Recorded:
    return recorded(shared_data, "contract-validators")


@pytest.fixture
def lying(shared_data: Path) -> Recorded:
    return recorded(shared_data, "lying-proposer")


def with_extra(header: RawHeader, extra: QbftExtra) -> RawHeader:
    return parse_header(encode_rlp([*header.fields[:12], encode_qbft_extra(extra), *header.fields[13:]]))


def with_seals(header: RawHeader, seals: tuple[bytes, ...]) -> RawHeader:
    return with_extra(header, replace(parse_qbft_extra(header.extra_data), seals=seals))


def refusal(header: RawHeader, validators: tuple[bytes, ...]) -> type[VerificationError] | None:
    try:
        verify_seals(header, validators)
    except VerificationError as error:
        return type(error)
    return None


def test_every_block_is_sealed_by_the_set_in_force(chain: Recorded) -> None:
    for header in (*chain.headers[1:], *chain.alternatives):
        sealed = verify_seals(header, chain.in_force(header.number))
        assert sealed.hash == octets(chain.data["headers"][header.number]["hash"])
        assert sealed.round == parse_qbft_extra(header.extra_data).round


def test_every_block_follows_the_one_before(chain: Recorded) -> None:
    for header in (*chain.headers[1:], *chain.alternatives):
        verify_step(chain.trusted(header.number - 1), header)


def test_one_seal_less_than_the_quorum(chain: Recorded) -> None:
    for header in (*chain.headers[1:], *chain.alternatives):
        validators = chain.in_force(header.number)
        seals = parse_qbft_extra(header.extra_data).seals
        assert refusal(with_seals(header, seals[: quorum_of(len(validators)) - 1]), validators) is QuorumError


def test_a_duplicate_seal(chain: Recorded) -> None:
    for header in (*chain.headers[1:], *chain.alternatives):
        seals = parse_qbft_extra(header.extra_data).seals
        for changed in ((*seals, seals[0]), (*seals[:-1], seals[0])):
            assert refusal(with_seals(header, changed), chain.in_force(header.number)) is MalformedError


def test_a_strangers_seal(chain: Recorded) -> None:
    for header in (*chain.headers[1:], *chain.alternatives):
        seals, strange = parse_qbft_extra(header.extra_data).seals, STRANGER.sign(commit_seal_hash(header))
        for changed in ((*seals, strange), (strange, *seals[1:])):
            assert refusal(with_seals(header, changed), chain.in_force(header.number)) is SignatureError


def test_seals_of_another_round(chain: Recorded) -> None:
    for header in chain.headers[1:]:
        extra = parse_qbft_extra(header.extra_data)
        other = with_extra(header, replace(extra, round=extra.round + 1))
        assert block_hash(other, "qbft") == block_hash(header, "qbft")
        assert refusal(other, chain.in_force(header.number)) is SignatureError


def test_seals_of_the_block_before(chain: Recorded) -> None:
    for before, header in zip(chain.headers[1:], chain.headers[2:], strict=False):
        seals = parse_qbft_extra(before.extra_data).seals
        assert refusal(with_seals(header, seals), chain.in_force(header.number)) is SignatureError


def test_the_set_of_another_time(four: Recorded) -> None:
    assert refusal(four.headers[19], four.in_force(18)) is SignatureError
    assert refusal(four.headers[18], four.in_force(19)) is QuorumError


def flips(chain: Recorded, header: RawHeader, start: int, every: int) -> Counter[type[VerificationError] | None]:
    counts: Counter[type[VerificationError] | None] = Counter()
    for bit in range(start, len(header.rlp) * 8, every):
        changed = bytearray(header.rlp)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            verify_step(chain.trusted(header.number - 1), parse_header(bytes(changed)))
        except VerificationError as error:
            counts[type(error)] += 1
        else:
            counts[None] += 1
    return counts


def test_one_bit_flipped_in_every_block(chain: Recorded) -> None:
    counts: Counter[type[VerificationError] | None] = Counter()
    for header in (*chain.headers[1:], *chain.alternatives):
        counts += flips(chain, header, header.number % EVERY, EVERY * 8 + 1)
    assert counts[None] == 0
    assert counts[SignatureError] > 20 * len(chain.headers) > 5 * counts[MalformedError] > 0


def test_every_bit_of_a_block(four: Recorded) -> None:
    header = four.headers[30]
    counts = flips(four, header, 0, 1)
    assert counts.total() == len(header.rlp) * 8
    assert counts[None] == 0
    assert counts[SignatureError] > 0.8 * counts.total()


@pytest.mark.slow
def test_every_bit_of_every_block(chain: Recorded) -> None:
    for header in (*chain.headers[1:], *chain.alternatives):
        assert flips(chain, header, 0, 1)[None] == 0


def genesis(chain: Recorded) -> TrustedTally:
    trusted = chain.trusted(0)
    return TrustedTally(0, trusted.hash, trusted.time, Tally(trusted.validators))


def test_votes_lead_through_the_whole_recorded_chain(four: Recorded) -> None:
    verified = verify_chain(genesis(four), VotingRule(four.data["epoch_length"]), four.headers[1:])
    assert len(verified.headers) == 125
    assert verified.trusted.tally.validators == four.in_force(126)


@pytest.mark.parametrize("epoch_length", [7, 52, 1000])
def test_another_epoch_length_does_not_explain_the_recorded_lists(four: Recorded, epoch_length: int) -> None:
    with pytest.raises((ConsistencyError, SignatureError, QuorumError)):
        verify_chain(genesis(four), VotingRule(epoch_length), four.headers[1:])


def test_every_false_list_of_the_lying_proposer_is_refused_where_votes_decide(lying: Recorded) -> None:
    rule, liar, false = VotingRule(lying.data["epoch_length"]), octets(lying.data["nodes"][3]), []
    for header in lying.headers[1:]:
        before = lying.trusted(header.number - 1)
        known = TrustedTally(before.number, before.hash, before.time, Tally(before.validators))
        if parse_qbft_extra(header.extra_data).validators == before.validators:
            verify_chain(known, rule, [header])
            continue
        with pytest.raises(ConsistencyError, match="lists other validators"):
            verify_chain(known, rule, [header])
        assert header.coinbase == liar
        false.append(header.number)
    assert false == [11, 15, 19]


def test_the_contract_names_the_set_of_every_block(by_contract: Recorded) -> None:
    for header in by_contract.headers[1:]:
        before = header.number - 1
        assert by_contract.contract_set(before, before) == by_contract.in_force(header.number)
        verify_seals(header, by_contract.contract_set(before, before))


def test_the_set_of_the_wrong_state_is_refused(by_contract: Recorded) -> None:
    for number in range(1, 78):
        for proven_at, state_of in ((number - 1, number), (number, number - 1)):
            if by_contract.headers[proven_at].state_root != by_contract.headers[state_of].state_root:
                with pytest.raises(InclusionError):
                    by_contract.contract_set(proven_at, state_of)


def test_the_set_two_blocks_before_a_change_does_not_verify(by_contract: Recorded) -> None:
    for first in (16, 31, 46):
        stale = by_contract.contract_set(first - 2, first - 2)
        assert refusal(by_contract.headers[first], stale) in (SignatureError, QuorumError)


def test_the_votes_in_headers_move_nobody_where_a_contract_decides(by_contract: Recorded) -> None:
    voted = [one for one in by_contract.headers[1:] if parse_qbft_extra(one.extra_data).vote is not None]
    assert all(refusal(one, by_contract.in_force(one.number)) is None for one in voted)


def test_far_blocks_of_the_same_set_need_no_block_between(chain: Recorded) -> None:
    for header in (*chain.headers[2:], *chain.alternatives):
        first = max(since for since in chain.sets if since <= header.number)
        trusted = chain.trusted(first - 1)
        assert verify_skip(trusted, header, header.timestamp, 3600 * 24 * 365 * 60).hash == block_hash(header, "qbft")


def test_every_recorded_seal_is_in_its_one_encoding(chain: Recorded) -> None:
    for header in chain.headers[1:]:
        for seal in parse_qbft_extra(header.extra_data).seals:
            assert recover_signer(seal, commit_seal_hash(header)) in chain.in_force(header.number)
