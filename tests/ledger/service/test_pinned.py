"""A pinned set and its rotations: trust files and evidence of a home, and every way in which members could cheat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from ledger.errors import (
    ConfigurationError,
    ConflictError,
    ConsistencyError,
    ForkError,
    MalformedError,
    QuorumError,
    RollbackError,
    SignatureError,
    SourceTimeoutError,
    UntrustedError,
    VinculumError,
)
from ledger.proof.evidence import SealFinality
from ledger.service import finality
from ledger.service.finality import FILE_NAMES, final_block
from ledger.service.pinned import FIRST_NAME, FOLDER, load_line, prove_pinned, publish_rotation, statement_of
from ledger.service.rotations import (
    add_signature,
    adopt_pinned,
    begin_pinned,
    combine_rotations,
    missing_signatures,
    propose_rotation,
    sign_here,
)
from light_node.qbft.rotation import Rotation, encode_rotation, sign_rotation, typed_data
from light_node.trust import Trust
from light_node.trust_rules import Source, ValidatorRule
from light_node.verdict import Outcome
from tests.ledger.service.sealed_home import Home
from tests.simulator.chain import Simulator
from tests.simulator.qbft import Validator, addresses, high_s, validators
from tests.simulator.sealed import SealedSimulator, rotation
from tests.simulator.sealed_node import SealedNode

FOUR = validators(4)
FIVE = [*FOUR, Validator("fifth")]
STRANGER = Validator("stranger")


def new_home(folder: Path, node: SealedNode, **chosen: object) -> Home:
    home = Home(folder, node)
    home.chosen = {"validator_source": Source.PINNED} | chosen
    return home


@pytest.fixture
def empty(tmp_path: Path) -> Home:
    """Three blocks of four; nothing is pinned yet."""
    home = new_home(tmp_path / "home", SealedNode(SealedSimulator()))
    home.chain.grow(3)
    return home


@pytest.fixture
def home(empty: Home) -> Home:
    """The four are pinned at block 2: block 3 was the newest."""
    begin(empty)
    return empty


def begin(home: Home, members: Sequence[Validator] = FOUR, k: int | None = None) -> Trust:
    with home.open() as workspace:
        return begin_pinned(workspace, addresses(members), k)


def propose(home: Home, members: Sequence[Validator], effective: int, k: int | None = None) -> Rotation:
    with home.open() as workspace:
        return propose_rotation(workspace, addresses(members), effective, k)


def signed(made: Rotation, signers: Sequence[Validator]) -> Rotation:
    for signer in signers:
        made = sign_rotation(made, signer.key)
    return made


def rotate(home: Home, members: Sequence[Validator], effective: int, signers: Sequence[Validator]) -> Rotation:
    """Published in the home; the chain goes over in time."""
    made = signed(propose(home, members, effective), signers)
    assert publish_rotation(home.folder, made)
    while len(home.chain.blocks) < effective - 1:
        home.chain.mine()
    home.chain.mine(successors=members)
    return made


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


# ---- signing -----------------------------------------------------------------------------------------------------


def test_a_members_own_signer_can_do_it(home: Home) -> None:
    """With the typed data as common tools take it, and v as they write it."""
    made = propose(home, FIVE, 9)
    message = encode_typed_data(full_message=typed_data(made.statement))
    for signer in FOUR[:3]:
        done = Account.sign_message(message, signer.key.secret)
        assert done.signature[64] in (27, 28)
        made = add_signature(home.folder, made, bytes(done.signature))
    assert list(made.signatures) == sorted(addresses(FOUR[:3]))
    assert publish_rotation(home.folder, made)


def test_signatures_come_together_in_any_order(home: Home) -> None:
    made = propose(home, FIVE, 9)
    parts = [sign_here(home.folder, made, one.key) for one in FOUR[:3]]
    line = load_line(home.folder)
    assert [missing_signatures(line, one) for one in (made, parts[0])] == [3, 2]
    combined = combine_rotations([*reversed(parts), parts[0]])
    assert missing_signatures(line, combined) == 0
    assert combined == combine_rotations(parts)
    assert publish_rotation(home.folder, combined)


def test_the_same_is_signed_again(home: Home) -> None:
    made = propose(home, FIVE, 9)
    once = sign_here(home.folder, made, FOUR[0].key)
    assert sign_here(home.folder, made, FOUR[0].key) == once == sign_here(home.folder, once, FOUR[0].key)


def test_a_key_signs_one_successor_and_no_other(home: Home) -> None:
    sign_here(home.folder, propose(home, FIVE, 9), FOUR[0].key)
    other = propose(home, FIVE, 10)
    with pytest.raises(ConflictError, match="shown as a liar"):
        sign_here(home.folder, other, FOUR[0].key)
    sign_here(home.folder, other, FOUR[1].key)  # has signed nothing yet


def test_a_successor_of_what_has_one_is_not_signed(home: Home) -> None:
    made, other = propose(home, FIVE, 9), propose(home, FIVE, 10)
    publish_rotation(home.folder, signed(made, FOUR[:3]))
    with pytest.raises(ConflictError, match="published already"):
        sign_here(home.folder, other, FOUR[3].key)
    assert len(sign_here(home.folder, made, FOUR[3].key).signatures) == 1


@pytest.mark.parametrize("who", [STRANGER, FIVE[4]])
def test_who_is_not_in_the_set_before_does_not_sign(home: Home, who: Validator) -> None:
    made = propose(home, FIVE, 9)
    with pytest.raises(SignatureError, match="not in the set before"):
        sign_here(home.folder, made, who.key)
    with pytest.raises(SignatureError, match="not in the set before"):
        add_signature(home.folder, made, who.sign(made.statement.digest))
    assert not list((home.folder / FOLDER).glob("signed/*"))


def wrong_signatures(made: Rotation) -> dict[str, bytes]:
    own, digest = FOUR[0], made.statement.digest
    return {
        "over another digest": own.sign(digest[::-1]),
        "high s": high_s(own.sign(digest)),
        "another v": own.sign(digest)[:-1] + b"\x1d",
        "too short": own.sign(digest)[:-1],
        "too long": own.sign(digest) + b"\0",
        "zeros": bytes(65),
        "nothing": b"",
    }


@pytest.mark.parametrize(
    "case", ["over another digest", "high s", "another v", "too short", "too long", "zeros", "nothing"]
)
def test_what_is_no_signature_of_a_member_is_refused(home: Home, case: str) -> None:
    made = propose(home, FIVE, 9)
    with pytest.raises(SignatureError):
        add_signature(home.folder, made, wrong_signatures(made)[case])


def test_different_statements_are_not_put_together(home: Home) -> None:
    with pytest.raises(ConflictError, match="two statements"):
        combine_rotations([propose(home, FIVE, 9), propose(home, FIVE, 10)])


def test_a_false_signature_is_found_when_files_come_together(home: Home) -> None:
    made = propose(home, FIVE, 9)
    false = replace(made, signatures={FOUR[0].address: FOUR[1].sign(made.statement.digest)})
    with pytest.raises(SignatureError, match="whom it names"):
        combine_rotations([signed(made, FOUR[:1]), false])


# ---- what is not published ---------------------------------------------------------------------------------------


REFUSED: dict[str, tuple[Callable[[Rotation], Rotation], type[VinculumError]]] = {
    "nobody signed": (lambda made: made, QuorumError),
    "too few signed": (lambda made: signed(made, FOUR[:2]), QuorumError),
    "a stranger signed too": (lambda made: signed(made, [*FOUR[:3], STRANGER]), SignatureError),
    "the newcomer in the place of a member": (lambda made: signed(made, [*FOUR[:2], FIVE[4]]), SignatureError),
    "of another chain": (
        lambda made: signed(replace(made, statement=replace(made.statement, chain_id=1)), FOUR), UntrustedError
    ),
    "one left out": (
        lambda made: signed(replace(made, statement=replace(made.statement, sequence=2)), FOUR), ConsistencyError
    ),
    "of another line": (
        lambda made: signed(replace(made, statement=replace(made.statement, previous=b"\1" * 32)), FOUR),
        ConsistencyError,
    ),
    "before the set that it follows": (
        lambda made: signed(replace(made, statement=replace(made.statement, effective_block=3)), FOUR),
        ConsistencyError,
    ),
    "a k that is none": (
        lambda made: signed(replace(made, statement=replace(made.statement, threshold=2)), FOUR), MalformedError
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_follow_is_not_kept(home: Home, case: str) -> None:
    change, error = REFUSED[case]
    before = sorted(path.name for path in (home.folder / FOLDER).iterdir())
    with pytest.raises(error):
        publish_rotation(home.folder, change(propose(home, FIVE, 9)))
    assert sorted(path.name for path in (home.folder / FOLDER).iterdir()) == before
    assert load_line(home.folder).last.sequence == 0


def test_what_was_published_is_not_published_twice(home: Home) -> None:
    made = propose(home, FIVE, 9)
    assert publish_rotation(home.folder, signed(made, FOUR[:3]))
    kept = (home.folder / FOLDER / "rotation-1.json").read_bytes()
    assert not publish_rotation(home.folder, signed(made, FOUR[1:]))
    assert (home.folder / FOLDER / "rotation-1.json").read_bytes() == kept


def contradicted(home: Home) -> tuple[Rotation, Rotation]:
    both = signed(propose(home, FIVE, 9), FOUR[:3]), signed(propose(home, [*FOUR, STRANGER], 9), FOUR[1:])
    publish_rotation(home.folder, both[0])
    with pytest.raises(ForkError):
        publish_rotation(home.folder, both[1])
    return both


def test_two_successors_that_enough_signed_are_kept_and_end_the_line(home: Home) -> None:
    home.final()  # a recent proof does not serve again either
    first, second = contradicted(home)
    folder = home.folder / FOLDER
    assert (folder / "rotation-1.json").read_bytes() == encode_rotation(first)
    assert (folder / "rotation-1.other.json").read_bytes() == encode_rotation(second)
    for ask in (home.final, home.trust, lambda: propose(home, FIVE, 20)):
        with pytest.raises(ForkError):
            ask()
    with pytest.raises(ForkError):
        publish_rotation(home.folder, first)


def test_a_contradiction_of_an_older_rotation_is_found(home: Home) -> None:
    other = signed(propose(home, [*FOUR, STRANGER], 9), FOUR[1:])
    rotate(home, FIVE, 6, FOUR[:3])
    rotate(home, FIVE[1:], 9, FIVE[:4])
    with pytest.raises(ForkError):
        publish_rotation(home.folder, other)
    assert (home.folder / FOLDER / "rotation-1.other.json").exists()
    with pytest.raises(ForkError):
        home.final()


def test_a_reader_who_gets_both_believes_neither(home: Home) -> None:
    """The two files that the home kept are the proof."""
    trust = home.trust()
    home.chain.mine()
    final = home.final(4)
    files = sorted(map(encode_rotation, contradicted(home)))
    assert isinstance(final.finality, SealFinality)
    both = replace(final, finality=replace(final.finality, rotations=tuple(files)))
    verdict = home.verdict(both, trust)
    assert (verdict.outcome, verdict.error) == (Outcome.REFUTED, "ForkError")


# ---- the beginning -----------------------------------------------------------------------------------------------


def test_without_a_beginning_nothing_is_proven(empty: Home) -> None:
    for ask in (empty.final, empty.trust, lambda: load_line(empty.folder)):
        with pytest.raises(ConfigurationError, match="rotation begin"):
            ask()


@pytest.mark.parametrize(
    ("members", "error"),
    [
        (FOUR[:3], None),
        (FIVE, QuorumError),
        ([STRANGER], SignatureError),
        ([*FOUR[1:], STRANGER], SignatureError),
        ([], ConfigurationError),
        ([FOUR[0], *FOUR], ConfigurationError),
    ],
)
def test_who_does_not_seal_is_not_pinned(
    empty: Home, members: list[Validator], error: type[VinculumError] | None
) -> None:
    """Three of four sealed the newest blocks: that there is a fourth, only the operator knows."""
    if error is None:
        assert begin(empty, members)
        return
    with pytest.raises(error):
        begin(empty, members)
    assert not (empty.folder / FOLDER).exists()


@pytest.mark.parametrize("k", [0, 1, 2, 5])
def test_a_k_with_which_two_rotations_could_be_signed_is_refused(empty: Home, k: int) -> None:
    with pytest.raises(ConfigurationError, match="k is"):
        begin(empty, k=k)


def test_a_thin_copy_of_the_newest_block_does_not_matter(empty: Home) -> None:
    empty.node.copies[3] = empty.chain.seals(3)[:2]
    assert begin(empty).trusted_block.number == 1


def test_another_line_is_not_begun_over_it(home: Home) -> None:
    home.chain.grow(2)
    with pytest.raises(ConfigurationError, match="another line"):
        begin(home, FOUR)
    with home.open() as workspace, pytest.raises(ConfigurationError, match="another line"):
        adopt_pinned(workspace, home.chain.trust_since(1, Source.PINNED))


def test_a_trust_file_that_pins_nobody_is_not_gone_on_from(empty: Home) -> None:
    with empty.open() as workspace:
        for source in (Source.CONTRACT, Source.VOTES):
            with pytest.raises(ConfigurationError, match="pins no validators"):
                adopt_pinned(workspace, empty.chain.trust_since(0, source))
        with pytest.raises(ConfigurationError, match="another chain"):
            adopt_pinned(workspace, replace(empty.chain.trust_since(0, Source.PINNED), chain_id=1))
        with pytest.raises(ConfigurationError, match="another chain"):
            adopt_pinned(workspace, Simulator().trust(chain_id=5))


@pytest.mark.parametrize("effective", [0, 1, 3])
def test_a_rotation_is_of_blocks_to_come(home: Home, effective: int) -> None:
    with pytest.raises(ConfigurationError, match="too early"):
        propose(home, FIVE, effective)


def test_a_rotation_comes_after_the_one_before(home: Home) -> None:
    publish_rotation(home.folder, signed(propose(home, FIVE, 20), FOUR))
    with pytest.raises(ConfigurationError, match="begins with 20"):
        propose(home, FIVE[1:], 20)


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
