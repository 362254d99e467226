"""Rotations of a pinned set: who may sign one, and every way in which members could cheat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from ledger.errors import (
    ConflictError,
    ConsistencyError,
    ForkError,
    MalformedError,
    QuorumError,
    SignatureError,
    UntrustedError,
    VinculumError,
)
from ledger.proof.evidence import SealFinality
from ledger.service.pinned import FOLDER, load_line, publish_rotation
from ledger.service.rotations import add_signature, combine_rotations, missing_signatures, sign_here
from light_node.qbft.rotation import Rotation, encode_rotation, typed_data
from light_node.verdict import Outcome
from tests.ledger.service.pinned.line import FIVE, FOUR, STRANGER, propose, rotate, signed
from tests.ledger.service.sealed_home import Home
from tests.simulator.qbft import Validator, addresses, high_s

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
