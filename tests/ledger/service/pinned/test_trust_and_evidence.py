"""A pinned set: trust files and evidence of a home, and what is found where blocks or files do not fit them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ledger.errors import (
    ConfigurationError,
    ConsistencyError,
    MalformedError,
    RollbackError,
    SignatureError,
    SourceTimeoutError,
    UntrustedError,
)
from ledger.proof.evidence import SealFinality
from ledger.service import finality
from ledger.service.finality import FILE_NAMES, final_block
from ledger.service.pinned import FIRST_NAME, FOLDER, load_line, prove_pinned, publish_rotation, statement_of
from ledger.service.rotations import adopt_pinned
from light_node.trust import Trust
from light_node.trust_rules import Source, ValidatorRule
from light_node.verdict import Outcome
from tests.ledger.service.pinned.line import FIVE, FOUR, begin, new_home, propose, rotate, signed
from tests.ledger.service.sealed_home import Home
from tests.simulator.qbft import addresses, validators
from tests.simulator.sealed import rotation


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finality, "_TIMEOUT_S", 0.3)
    monkeypatch.setattr(finality, "_POLL_S", 0.01)


# ---- what verifies -----------------------------------------------------------------------------------------------


def test_the_first_trust_file_pins_those_who_seal(empty: Home) -> None:
    trust = begin(empty)
    rule = trust.finality
    assert isinstance(rule, ValidatorRule)
    assert (rule.source, rule.validators, rule.threshold, rule.statement) == (Source.PINNED, addresses(FOUR), 3, None)
    assert trust.trusted_block.number == 2
    final = empty.final()
    assert (final.number, empty.heights(final)) == (3, [])
    assert empty.judge(final, trust) is Outcome.VERIFIED


def test_the_same_again_changes_nothing(home: Home) -> None:
    kept = (home.folder / FOLDER / FIRST_NAME).read_bytes()
    begin(home)
    assert (home.folder / FOLDER / FIRST_NAME).read_bytes() == kept


@pytest.mark.parametrize("k", [3, 4])
def test_k_of_the_set_may_be_more_than_its_quorum(empty: Home, k: int) -> None:
    rule = begin(empty, k=k).finality
    assert isinstance(rule, ValidatorRule)
    assert rule.threshold == k


def newest_trust(home: Home) -> Trust:
    """At the newest block, not at the recent one that was proven before."""
    home.final(len(home.chain.blocks) - 1)
    return home.trust()


def test_rotations_stand_in_evidence_and_serve_every_trust_file_of_the_line(home: Home) -> None:
    trusts = [newest_trust(home)]
    rotate(home, FIVE, 6, FOUR[:3])
    trusts.append(newest_trust(home))
    home.chain.grow(2)
    trusts.append(newest_trust(home))
    rotate(home, FIVE[1:], 11, FIVE[:4])
    trusts.append(newest_trust(home))
    home.chain.grow(1)
    trusts.append(newest_trust(home))
    final = home.final(len(home.chain.blocks) - 1)
    assert isinstance(final.finality, SealFinality)
    assert len(final.finality.rotations) == 2
    assert not final.finality.steps
    for trust in trusts:
        assert home.judge(final, trust) is Outcome.VERIFIED
    stated = [trust.finality.statement for trust in trusts if isinstance(trust.finality, ValidatorRule)]
    assert [0 if one is None else one.sequence for one in stated] == [0, 1, 1, 2, 2]


def test_before_it_takes_effect_the_former_set_is_pinned(home: Home) -> None:
    publish_rotation(home.folder, signed(propose(home, FIVE, 9), FOUR))
    home.chain.grow(2)
    trust = newest_trust(home)
    assert isinstance(trust.finality, ValidatorRule)
    assert trust.finality.validators == addresses(FOUR)
    while len(home.chain.blocks) < 8:
        home.chain.mine()
    home.chain.mine(successors=FIVE)
    home.chain.grow(3)
    assert home.judge(home.final(9), trust) is Outcome.VERIFIED


def test_another_member_goes_on_from_a_trust_file(home: Home, tmp_path: Path) -> None:
    """His evidence serves that trust file and later ones; older ones need the rotations before."""
    old = newest_trust(home)
    rotate(home, FIVE, 6, FOUR[:3])
    home.chain.grow(2)
    trust = newest_trust(home)
    other = new_home(tmp_path / "other", home.node)
    other.asset = home.asset
    with other.open() as workspace:
        adopt_pinned(workspace, trust)
    made = rotate(other, FIVE[1:], 12, FIVE[:4])
    assert made.statement.sequence == 2
    final = other.final(len(home.chain.blocks) - 1)
    assert other.judge(final, trust) is Outcome.VERIFIED
    assert other.judge(final, other.trust()) is Outcome.VERIFIED
    assert other.judge(final, old) is Outcome.REFUTED
    assert publish_rotation(home.folder, made)
    assert home.judge(home.final(final.number + 0), old) is Outcome.VERIFIED


def test_seals_by_others_are_left_out_where_the_rest_are_enough(home: Home) -> None:
    """Around a change the engine has the new set for some blocks before or after the rotation takes effect."""
    home.chain.mine(signers=[*FOUR[:3], FIVE[4]])
    final = home.final(4)
    assert isinstance(final.finality, SealFinality)
    assert len(final.finality.seals) == 3
    assert home.judge(final, home.trust()) is Outcome.VERIFIED


def test_each_source_keeps_its_own_proof(home: Home) -> None:
    pinned = home.final()
    home.chosen = {"validator_source": Source.CONTRACT}
    by_contract = home.final()
    assert {path.name for path in home.folder.glob("sealed*.json")} == {
        FILE_NAMES[Source.PINNED],
        FILE_NAMES[Source.CONTRACT],
    }
    home.chosen = {"validator_source": Source.PINNED}
    assert home.final() == pinned != by_contract


# ---- copies and files --------------------------------------------------------------------------------------------


def test_a_block_that_too_few_pinned_ones_sealed_is_waited_past(home: Home, impatient: None) -> None:
    home.node.copies[3] = home.chain.seals(3)[:2]
    with pytest.raises(SourceTimeoutError, match="readers pin: 2 valid"):
        home.final()
    home.chain.mine()
    assert home.final().number == 4


def test_an_engine_that_changed_without_a_rotation_is_found_out(home: Home, impatient: None) -> None:
    home.chain.mine(successors=validators(4, "other"))
    home.chain.mine()
    with pytest.raises(SourceTimeoutError, match="0 valid"):
        home.final(5)


def test_a_block_before_the_line_is_not_proven(home: Home) -> None:
    with home.open() as workspace:
        workspace.projector.sync()
        with pytest.raises(UntrustedError, match="block 2"):
            prove_pinned(workspace, 2)


def test_there_is_nothing_to_leave_out(home: Home) -> None:
    with home.open() as workspace, pytest.raises(ConfigurationError, match="nothing to leave out"):
        final_block(workspace, 0, since=2)


DAMAGES: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("rotation-1.json", lambda data: data[:-1]),
    ("rotation-1.json", lambda data: data.replace(b'"effective_block":6', b'"effective_block":7')),
    ("rotation-1.json", lambda data: data.replace(b'"sequence":1', b'"sequence":2')),
    ("rotation-1.json", lambda _: b"x" * 200_000),
    (FIRST_NAME, lambda data: data.replace(b'"k":3', b'"k":4')),
    (FIRST_NAME, lambda data: data[:-1]),
]


@pytest.mark.parametrize(("name", "damage"), DAMAGES)
def test_a_damaged_line_proves_nothing(home: Home, name: str, damage: Callable[[bytes], bytes]) -> None:
    rotate(home, FIVE, 6, FOUR[:3])
    path = home.folder / FOLDER / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises((MalformedError, SignatureError, ConsistencyError, RollbackError)):
        home.final()


def test_a_statement_is_that_of_the_trust_file(home: Home) -> None:
    first = load_line(home.folder).first
    assert statement_of(home.chain.trust_since(2, Source.PINNED)) == first
    assert rotation(first, 9, FIVE, []).statement == propose(home, FIVE, 9).statement
