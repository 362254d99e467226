"""A home over an engine whose validators vote each other in and out: the headers that its files carry, and for whom."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.errors import ConfigurationError, ConsistencyError, MissingError, SignatureError
from ledger.proof.evidence import SealFinality
from ledger.service import votes
from ledger.service.finality import FILE_NAMES, final_block
from ledger.service.settings import load_settings
from ledger.service.votes import REACH, prove_voted
from light_node.heads import Accepted, ValidatedBlock
from light_node.trust import Trust, TrustedBlock
from light_node.trust_rules import Source, ValidatorRule
from light_node.verdict import Outcome, Step
from tests.ledger.service.sealed_home import Home
from tests.simulator.qbft import Validator, addresses, validators
from tests.simulator.sealed import SealedSimulator
from tests.simulator.sealed_node import SealedNode

FOUR = validators(4)
FIVE = [*FOUR, Validator("fifth")]
STRANGER = Validator("stranger")
EPOCH = 6


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home", SealedNode(SealedSimulator(lists=True)))
    home.chosen = {"validator_source": Source.VOTES, "epoch_length": EPOCH, "engine_binds_proposer": True}
    return home


def vote_in(chain: SealedSimulator) -> None:
    """Eleven blocks: the votes in 7, 8 and 9 add a validator."""
    chain.grow(6)
    for number in (7, 8, 9):
        chain.mine(vote=(FIVE[4].address, True), successors=FIVE if number == 9 else None)
    chain.grow(2)


def trust_at(home: Home, boundary: int) -> Trust:
    trust = home.chain.trust_since(boundary, Source.VOTES)
    assert isinstance(trust.finality, ValidatorRule)
    return replace(trust, finality=replace(trust.finality, epoch_length=EPOCH))


def test_the_trust_file_pins_the_first_block_of_the_epoch(home: Home) -> None:
    vote_in(home.chain)
    trust = home.trust()
    rule = trust.finality
    assert isinstance(rule, ValidatorRule)
    assert (trust.trusted_block.number, rule.source, rule.epoch_length) == (6, Source.VOTES, EPOCH)
    assert rule.validators == addresses(FOUR)
    final = home.final()
    assert (final.number, home.heights(final)) == (11, list(range(1, 11)))
    assert home.judge(final, trust) is Outcome.VERIFIED


@pytest.mark.parametrize(("blocks", "pinned"), [(1, 0), (5, 0), (6, 0), (7, 6), (12, 6), (13, 12)])
def test_it_is_that_of_the_newest_block_with_a_child(home: Home, blocks: int, pinned: int) -> None:
    home.chain.grow(blocks)
    trust = home.trust()
    assert trust.trusted_block.number == pinned
    home.chain.grow(1)
    assert home.judge(home.final(blocks + 1), trust) is Outcome.VERIFIED


def test_one_file_serves_the_trust_files_of_several_epochs(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(votes, "REACH", 14)
    vote_in(home.chain)
    home.chain.grow(9)
    final = home.final()
    assert (final.number, home.heights(final)[0]) == (20, 7)
    for boundary, outcome in (
        (0, Outcome.REFUTED),
        (6, Outcome.VERIFIED),
        (12, Outcome.VERIFIED),
        (18, Outcome.VERIFIED),
    ):
        assert home.judge(final, trust_at(home, boundary)) is outcome  # type: ignore[arg-type]


def test_in_an_epoch_that_no_file_spans_it_serves_those_who_remember(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(votes, "REACH", 4)
    vote_in(home.chain)
    trust = home.trust()
    assert home.judge(home.final(), trust) is Outcome.REFUTED  # begins with block 8, knows nothing of 7
    assert home.heights(home.final()) == [8, 9, 10]
    accepted, since = None, trust.trusted_block.number
    while since < 11:
        final = home.final(since=since)
        verdict = home.verdict(final, trust, accepted)
        assert verdict.outcome is Outcome.VERIFIED
        known = known_after(home, final.number)
        accepted, since = known, final.number
    assert accepted is not None
    assert home.verdict(home.final(), trust, known_after(home, 10)).outcome is Outcome.VERIFIED


def known_after(home: Home, number: int) -> Accepted:
    """What a reader remembers who has verified every block up to this."""
    block, proposers = home.chain.blocks[number], home.chain.sealings
    head = TrustedBlock(number, block.hash, block.time)
    voted = [one for one in (7, 8, 9) if one <= number < 9]
    open_votes = frozenset((proposers[one].members[one % 4].address, FIVE[4].address) for one in voted)
    members = addresses(home.chain.sealings[number].successors)
    return Accepted(head, validated=ValidatedBlock(head, members, open_votes))


# ---- from a block on ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("since", [0, 3, 6, 8, 10])
def test_a_file_from_a_block_on_begins_with_the_next(home: Home, since: int) -> None:
    vote_in(home.chain)
    final = home.final(since=since)
    assert [*home.heights(final), final.number] == list(range(since + 1, 12))
    if since >= 6:
        verdict = home.verdict(final, trust_at(home, 6), known_after(home, since))
        assert verdict.outcome is Outcome.VERIFIED


def test_it_goes_as_far_as_one_file_leads(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(votes, "REACH", 5)
    vote_in(home.chain)
    assert [home.final(since=since).number for since in (0, 3, 5, 6, 10)] == [5, 8, 10, 11, 11]


@pytest.mark.parametrize("since", [11, 12, 500])
def test_nothing_comes_after_the_newest_block(home: Home, since: int) -> None:
    vote_in(home.chain)
    with pytest.raises(ConfigurationError, match="the chain is at 11"):
        home.final(since=since)


def test_what_is_made_for_one_reader_is_not_kept(home: Home) -> None:
    vote_in(home.chain)
    home.final(since=8)
    assert not (home.folder / FILE_NAMES[Source.VOTES]).exists()
    assert home.heights(home.final()) == list(range(1, 11))
    assert (home.folder / FILE_NAMES[Source.VOTES]).exists()


def test_more_than_a_file_holds_is_not_tried(home: Home) -> None:
    home.chain.grow(2)
    with home.open() as workspace:
        workspace.projector.sync()
        for block, since in ((2, -REACH), (2, 2), (1, 2)):
            with pytest.raises(ConfigurationError, match="a file holds"):
                prove_voted(workspace, block, since)


def test_where_many_validators_seal_a_file_holds_fewer_blocks(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes of 4,097 blocks that a hundred sealed are more than a file may have."""
    monkeypatch.setattr(votes, "MAX_STEPS_BYTES", 10_000)
    vote_in(home.chain)
    with home.open() as workspace:
        reach = votes.reach_at(workspace, 11)
    assert 1 < reach < 8
    assert len(home.heights(home.final())) < reach
    assert home.final(since=0).number == reach
    monkeypatch.setattr(votes, "MAX_STEPS_BYTES", 1)
    assert home.final(since=3).number == 4


def test_of_witnesses_nothing_can_be_left_out(home: Home) -> None:
    home.chain.grow(2)
    home.chosen = {"finality": "witnesses"}
    with home.open() as workspace, pytest.raises(ConfigurationError, match="nothing to leave out"):
        final_block(workspace, 0, since=1)


def test_a_contracts_steps_that_a_reader_has_behind_him_are_left_out(tmp_path: Path) -> None:
    home = Home(tmp_path / "contract", SealedNode(SealedSimulator()))
    home.chain.grow(2)
    home.chain.mine(successors=FIVE)
    home.chain.grow(2)
    home.chain.mine(successors=FIVE[1:])
    home.chain.grow(3)
    whole = home.heights(home.final())
    for since in range(1, 9):
        final = home.final(since=since)
        assert home.heights(final) == [height for height in whole if height > since]
        for pin in range(since, 9):
            assert home.judge(final, home.chain.trust_since(pin)) is Outcome.VERIFIED


# ---- what is refused ---------------------------------------------------------------------------------------------


def test_a_copy_with_too_few_seals_is_named(home: Home) -> None:
    vote_in(home.chain)
    home.node.copies[8] = home.chain.seals(8)[:2]
    for ask in (home.final, lambda: home.final(since=3)):
        with pytest.raises(MissingError, match="block 8, as the node has it, bears 2 seals of 3"):
            ask()
    assert home.final(since=8).number == 11


def test_a_strangers_seal_is_found(home: Home) -> None:
    vote_in(home.chain)
    home.node.copies[8] = home.chain.seals(8, [*FOUR[:3], STRANGER])
    for since in (None, 3):
        with pytest.raises(SignatureError):
            home.final(since=since)


def test_a_list_that_no_vote_explains_is_found(home: Home) -> None:
    home.chain.grow(2)
    home.chain.members = FIVE
    home.chain.grow(2)
    with pytest.raises((ConsistencyError, SignatureError)):
        home.final()


def test_blocks_that_do_not_follow_each_other_are_found(home: Home) -> None:
    vote_in(home.chain)
    blocks = home.chain.blocks
    blocks[9] = replace(blocks[9], header=blocks[8].header)
    with home.open() as workspace, pytest.raises(ConsistencyError, match="does not follow"):
        votes._check_linked(*_linked(workspace, 7, 10))


def _linked(workspace: object, first: int, last: int) -> tuple[object, list[object]]:
    known, *headers = votes.fetch_headers(workspace, first, last)  # type: ignore[arg-type]
    return known, headers


def test_a_node_that_has_not_all_blocks_is_missing_them(home: Home) -> None:
    home.chain.grow(3)
    with home.open() as workspace, pytest.raises(MissingError, match="no block 4"):
        votes.fetch_headers(workspace, 2, 5)


def test_headers_are_asked_for_many_at_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(votes, "_AT_ONCE", 4)
    home.chain.grow(10)
    with home.open() as workspace:
        headers = votes.fetch_headers(workspace, 1, 10)
    assert [one.number for one in headers] == list(range(1, 11))
    assert all(two.parent_hash == home.chain.blocks[one.number].hash for one, two in itertools.pairwise(headers))


def test_an_engine_of_which_nobody_says_that_it_binds_votes_is_not_counted(tmp_path: Path) -> None:
    text = '[chain]\nblock_hash_rule = "qbft"\n[trust]\nfinality = "validators"\nvalidator_source = "votes"\n'
    for more in ("", "epoch_length = 30000\n", "engine_binds_proposer = true\n", "engine_binds_proposer = false\n"):
        (tmp_path / "vinculum.toml").write_text(text + more)
        with pytest.raises(ConfigurationError, match="engine_binds_proposer = true"):
            load_settings(tmp_path)
    (tmp_path / "vinculum.toml").write_text(text + "epoch_length = 30000\nengine_binds_proposer = true\n")
    assert load_settings(tmp_path).trust.epoch_length == 30_000


def test_before_the_first_sealed_block_nothing_is_pinned(home: Home) -> None:
    with pytest.raises(ConfigurationError, match="no block is sealed yet"):
        home.trust()


def test_a_reader_of_another_epoch_length_refuses_where_it_matters(home: Home) -> None:
    vote_in(home.chain)
    trust = home.trust()
    assert isinstance(trust.finality, ValidatorRule)
    other = replace(trust, finality=replace(trust.finality, epoch_length=2))
    verdict = home.verdict(home.final(), other)
    assert (verdict.outcome, verdict.step) == (Outcome.REFUTED, Step.FINALITY)
    assert isinstance(home.final().finality, SealFinality)
