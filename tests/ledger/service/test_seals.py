"""What a home writes of a sealed chain: the file that any reader verifies, whatever copies and states the node has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from ledger.errors import (
    ConfigurationError,
    MissingError,
    QuorumError,
    RejectedError,
    SignatureError,
    SourceTimeoutError,
)
from ledger.proof.evidence import SealFinality, SealStep
from ledger.proof.header import parse_header
from ledger.service import finality
from ledger.service.finality import FILE_NAME, FinalBlock
from ledger.service.seals import prove_sealed
from ledger.service.trust import make_trust
from light_node.trust_rules import ValidatorRule
from light_node.verdict import Outcome
from tests.ledger.service.sealed_home import Home
from tests.simulator.qbft import Validator, addresses, validators
from tests.simulator.sealed import SealedSimulator
from tests.simulator.sealed_node import SealedNode

FOUR = validators(4)
FIVE = [*FOUR, Validator("fifth")]
STRANGER = Validator("stranger")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home", SealedNode(SealedSimulator()))


def rotate(chain: SealedSimulator) -> None:
    """Blocks 1 to 12; the state of 3 adds a validator, that of 6 removes one, that of 9 another."""
    chain.grow(2)
    chain.mine(successors=FIVE)
    chain.grow(2)
    chain.mine(successors=FIVE[1:])
    chain.grow(2)
    chain.mine(successors=FIVE[2:])
    chain.grow(3)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finality, "_TIMEOUT_S", 0.3)
    monkeypatch.setattr(finality, "_POLL_S", 0.01)


def test_a_still_set_needs_no_steps(home: Home) -> None:
    home.chain.grow(5)
    final = home.final()
    assert (final.number, home.heights(final)) == (5, [])
    assert home.judge(final) is Outcome.VERIFIED


def test_a_change_has_no_step_that_nobody_needs(home: Home) -> None:
    """Of one and the same chain, all that could be said of its changes are the blocks 2, 3, 5, 6, 8 and 9."""
    rotate(home.chain)
    final = home.final()
    assert home.heights(final) == [6, 9]
    assert home.judge(final) is Outcome.VERIFIED


def sealed_as_engines_do(chain: SealedSimulator, seed: int) -> None:
    """By as many as are a quorum, whoever was first; one validator comes or goes at a time, at any block."""
    random, spare = Random(seed), [*chain.members, *validators(4, "spare")]
    for _ in range(14):
        members = list(chain.members)
        successors = None
        if random.random() < 0.4:
            joining = [one for one in spare if one not in members]
            leaves = len(members) > 4 or (len(members) > 3 and random.random() < 0.3)
            successors = [one for one in members if one != members[0]] if leaves else [*members, random.choice(joining)]
        chain.mine(signers=random.sample(members, -(-2 * len(members) // 3)), successors=successors)


@pytest.mark.parametrize("seed", range(16))
def test_every_reader_is_served_without_the_steps_that_are_left_out(home: Home, seed: int) -> None:
    sealed_as_engines_do(home.chain, seed)
    with home.open() as workspace:
        tip, known = workspace.projector.sync().block_number, None
        for block in (tip // 2, tip - 1, tip):
            try:
                sealed = prove_sealed(workspace, block, known)
            except QuorumError:
                continue  # the block changed the set itself: the next one would be waited for
            final = FinalBlock(block, sealed.header, sealed.finality)
            known = {parse_header(step.header).number: step for step in (*sealed.finality.steps, own_step(final))}
            for pin in range(block + 1):
                assert home.judge(final, home.chain.trust_since(pin)) is Outcome.VERIFIED, (block, pin)
    assert known is not None


def own_step(final: FinalBlock) -> SealStep:
    """The block that a file leads to, as a step to a later one."""
    own = final.finality
    assert isinstance(own, SealFinality)
    return SealStep(final.header, own.round, own.seals, own.account, own.validators)


def test_one_validator_for_another_needs_one_step(home: Home) -> None:
    """As GoQuorum keeps blocks: three seals of four, four of five. Two steps a change would be four each time."""
    members, spare = list(FOUR), validators(4, "spare")
    for newcomer in spare:
        home.chain.grow(3)
        home.chain.mine(signers=members[1:], successors=[*members, newcomer])
        home.chain.mine(signers=[*members[:3], newcomer])
        leaver, members = members[0], [*members[1:], newcomer]
        home.chain.mine(signers=[leaver, *members[1:]], successors=members)
    home.chain.mine(signers=members[1:])
    final = home.final()
    assert home.heights(final) == [6, 12, 18, 24]
    for pin in range(final.number + 1):
        assert home.judge(final, home.chain.trust_since(pin)) is Outcome.VERIFIED


def test_one_file_serves_the_trust_file_of_any_time(home: Home) -> None:
    rotate(home.chain)
    final = home.final()
    for pin in range(final.number + 1):
        assert home.judge(final, home.chain.trust_since(pin)) is Outcome.VERIFIED


@pytest.mark.parametrize("height", range(1, 13))
def test_every_block_is_proven(home: Home, height: int) -> None:
    rotate(home.chain)
    with home.open() as workspace:
        workspace.projector.sync()
        sealed = prove_sealed(workspace, height)
    assert home.judge(FinalBlock(height, sealed.header, sealed.finality)) is Outcome.VERIFIED


def test_changes_in_blocks_that_follow_each_other(home: Home) -> None:
    home.chain.mine(successors=FIVE)
    home.chain.mine(successors=FIVE[1:])
    home.chain.mine(successors=[*FIVE[2:], STRANGER])
    home.chain.grow(2)
    final = home.final()
    assert set(home.heights(final)) < {1, 2, 3}
    for pin in range(final.number + 1):
        assert home.judge(final, home.chain.trust_since(pin)) is Outcome.VERIFIED


def test_the_trust_file_pins_the_proven_set(home: Home) -> None:
    rotate(home.chain)
    with home.open() as workspace:
        trust = make_trust(workspace)
    assert isinstance(trust.finality, ValidatorRule)
    assert trust.finality.validators == addresses(FIVE[2:])
    assert trust == replace(
        home.chain.trust_since(12),
        trusting_period_seconds=trust.trusting_period_seconds,
        maximum_age_seconds=trust.maximum_age_seconds,
    )
    home.chain.mine()
    assert home.judge(home.final(13), trust) is Outcome.VERIFIED


# ---- copies of a node --------------------------------------------------------------------------------------------


def test_seals_by_strangers_are_left_out(home: Home) -> None:
    rotate(home.chain)
    home.node.copies[12] = home.chain.seals(12, [*FIVE[2:], STRANGER])
    home.node.copies[11] = home.chain.seals(11, [*FIVE[2:], FOUR[0]])
    final = home.final()
    assert isinstance(final.finality, SealFinality)
    assert len(final.finality.seals) == 3
    assert home.judge(final) is Outcome.VERIFIED


def test_a_copy_with_the_former_quorum_alone_waits_for_the_next_block(home: Home, impatient: None) -> None:
    home.chain.grow(2)
    home.chain.mine(successors=[*FOUR, *validators(3, "new")])
    home.chain.mine()
    home.node.copies[4] = home.chain.seals(4, FOUR[:3])
    with pytest.raises(SourceTimeoutError, match="block 4, as the node has it, is not sealed"):
        home.final()
    home.chain.mine()
    final = home.final()
    assert final.number == 5
    for pin in range(final.number + 1):
        assert home.judge(final, home.chain.trust_since(pin)) is Outcome.VERIFIED


def test_a_step_of_which_the_copy_is_too_thin_is_passed_where_others_do(home: Home) -> None:
    rotate(home.chain)
    home.node.copies[5] = home.chain.seals(5, FIVE[:2])
    final = home.final()
    assert 5 not in home.heights(final)
    assert home.judge(final) is Outcome.VERIFIED


def test_nearer_blocks_are_asked_for_where_the_index_knows_no_change(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The steps are found with the verifier's own functions, by halving the distance."""
    rotate(home.chain)
    for _ in range(2):
        home.chain.mine(signers=FIVE[2:])
    monkeypatch.setattr("ledger.service.seals.changes_of_set", lambda *_: {})
    final = home.final()
    assert home.heights(final)
    assert home.judge(final) is Outcome.VERIFIED


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_blocks_that_too_few_sealed_are_not_proven(home: Home, impatient: None, kept: int) -> None:
    home.chain.grow(3)
    for number in (1, 2, 3):
        home.node.copies[number] = home.chain.seals(number)[:kept]
    with pytest.raises(SourceTimeoutError, match=f"{kept} valid"):
        home.final()
    assert not (home.folder / FILE_NAME).exists()


def test_an_engine_that_does_not_ask_the_contract_is_found_out(home: Home, impatient: None) -> None:
    home.chain.grow(1)
    home.chain.members = validators(4, "other")
    home.chain.mine(successors=FOUR)
    with home.open() as workspace:
        workspace.projector.sync()
        with pytest.raises((QuorumError, SignatureError)):
            prove_sealed(workspace, 2)
    with pytest.raises(SourceTimeoutError, match="whom the contract names"):
        home.final()


# ---- states that a node forgets ----------------------------------------------------------------------------------


def test_steps_that_were_written_once_outlive_the_states_of_the_node(home: Home) -> None:
    rotate(home.chain)
    home.final()
    home.chain.grow(1)
    home.node.states_from = 13
    final = home.final(13)
    assert home.heights(final) == [6, 9]
    for pin in range(final.number + 1):
        assert home.judge(final, home.chain.trust_since(pin)) is Outcome.VERIFIED


def test_changes_after_that_are_led_over_with_the_states_that_are_left(home: Home) -> None:
    rotate(home.chain)
    home.final()
    home.node.states_from = 12
    home.chain.mine(successors=[*FIVE[2:], STRANGER])
    home.chain.grow(2)
    final = home.final(15)
    for pin in range(final.number + 1):
        assert home.judge(final, home.chain.trust_since(pin)) is Outcome.VERIFIED


def test_without_them_the_node_is_said_to_have_forgotten(home: Home) -> None:
    rotate(home.chain)
    home.node.states_from = 12
    with pytest.raises(RejectedError, match="missing trie node"):
        home.final()


DAMAGES: list[Callable[[bytes], bytes]] = [
    lambda _: b"",
    lambda data: data[:-9],
    lambda _: b"{}",
    lambda data: data.replace(b'"version":1', b'"version":2'),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_was_written_once_is_made_anew_where_it_is_damaged(home: Home, damage: Callable[[bytes], bytes]) -> None:
    rotate(home.chain)
    before = home.final()
    path = home.folder / FILE_NAME
    path.write_bytes(damage(path.read_bytes()))
    assert home.final() == before


def test_what_was_written_for_another_chain_is_not_used(home: Home) -> None:
    rotate(home.chain)
    home.final()
    other = SealedSimulator()
    other.time += 5
    rotate(other)
    home.node.chain = home.chain = other
    (home.folder / "index.db").unlink()
    final = home.final()
    assert home.judge(final) is Outcome.VERIFIED


def test_a_recent_proof_serves_again_until_more_is_asked_for(home: Home) -> None:
    rotate(home.chain)
    before = home.final()
    home.chain.grow(2)
    home.node.asked.clear()
    assert home.final(12) == before
    assert home.node.asked.count("eth_getProof") == 1  # whether the state is still there
    assert home.final(14).number == 14
    home.chain.grow(finality.FRESH_BLOCKS)
    assert home.final(3).number == 14 + finality.FRESH_BLOCKS


def test_a_tampered_copy_of_a_proof_does_not_pass_for_one(home: Home) -> None:
    """Only our own disk could do that; the steps are verified again whenever they are used."""
    rotate(home.chain)
    final = home.final()
    assert isinstance(final.finality, SealFinality)
    thin = replace(final.finality.steps[0], seals=final.finality.steps[0].seals[:1])
    home.chain.grow(1)
    with home.open() as workspace:
        workspace.projector.sync()
        sealed = prove_sealed(workspace, 13, {2: thin})
    assert home.judge(FinalBlock(13, sealed.header, sealed.finality)) is Outcome.VERIFIED


# ---- from which block on -----------------------------------------------------------------------------------------


def test_the_engine_may_go_over_to_the_contract_later(home: Home) -> None:
    """Before block 4 others sealed than the contract names."""
    home.chain.members = validators(4, "header")
    for _ in range(2):
        home.chain.mine()
    home.chain.mine(successors=FOUR)
    home.chain.grow(3)
    home.since = 4
    final = home.final()
    assert home.judge(final, home.chain.trust_since(3)) is Outcome.VERIFIED


def test_a_block_before_that_is_not_proven(home: Home) -> None:
    home.chain.grow(3)
    home.since = 9
    with home.open() as workspace:
        workspace.projector.sync()
        with pytest.raises(ConfigurationError, match="from block 9 on, the chain is at 3"):
            prove_sealed(workspace, 3)


def test_the_block_where_it_begins_is_for_trust_files_alone(home: Home) -> None:
    with home.open() as workspace:
        workspace.projector.sync()
        with pytest.raises(ConfigurationError, match="wait for the next one"):
            prove_sealed(workspace, 0)


def test_a_block_that_is_not_there_is_missing(home: Home) -> None:
    home.chain.grow(2)
    with home.open() as workspace:
        workspace.projector.sync()
        with pytest.raises(MissingError):
            prove_sealed(workspace, 7)


def test_a_contract_that_names_nobody(home: Home) -> None:
    with home.open() as workspace, pytest.raises(ConfigurationError, match="names no validators"):
        prove_sealed(workspace, 0)
