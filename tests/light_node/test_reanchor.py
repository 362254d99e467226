"""Anchoring anew: from two fresh sources that agree, and refused for each reason by name."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import pytest

from ledger.errors import (
    ConsistencyError,
    ForkError,
    MalformedError,
    QuorumError,
    RollbackError,
    SignatureError,
    StaleError,
    UntrustedError,
)
from ledger.proof.checkpoint import Checkpoint, SignedCheckpoint
from ledger.proof.merkle import leaf_hash
from ledger.proof.merkle_tree import MemoryTree, consistency_path, root_of
from light_node.reanchor import MAX_ANSWER_AGE_SECONDS, Anchor, Answer, Paths, reanchor, wanted_paths
from light_node.trust_rules import WitnessRule
from tests.simulator.chain import ORIGIN
from tests.simulator.witnesses import STRANGER, WITNESSES, Witness, cosigned

NOW = 1_790_000_000
NONCE = bytes(range(32))
RULE = WitnessRule(ORIGIN, 2, tuple(witness.vkey for witness in WITNESSES), 0)
A, B, C = WITNESSES
TREE = MemoryTree(leaf_hash(bytes([number]) * 32) for number in range(40))
FORK = MemoryTree(leaf_hash(bytes([number + (100 if number > 9 else 0)]) * 32) for number in range(40))


def note(
    witnesses: Sequence[Witness],
    size: int = 20,
    *,
    tree: MemoryTree = TREE,
    nonce: bytes = NONCE,
    time: int = NOW,
    origin: str = ORIGIN,
    lines: str | None = None,
) -> bytes:
    root = base64.b64encode(root_of(tree, size)).decode()
    bound = f"nonce {base64.b64encode(nonce).decode()}\n" if lines is None else lines
    return cosigned(f"{origin}\n{size}\n{root}\n{bound}", time, witnesses).encode()


def answers(*notes: bytes) -> list[Answer]:
    return [Answer(f"https://{number}.example", text) for number, text in enumerate(notes)]


def accepted(size: int, tree: MemoryTree = TREE, origin: str = ORIGIN) -> SignedCheckpoint:
    return SignedCheckpoint(Checkpoint(origin, size, root_of(tree, size)), ())


def paths_for(given: Sequence[Answer], before: SignedCheckpoint | None, tree: MemoryTree = TREE) -> Paths:
    wanted = wanted_paths(RULE, NONCE, given, NOW, before)
    return {pair: consistency_path(tree, *pair) for pair in wanted}


def run(given: Sequence[Answer], before: SignedCheckpoint | None = None, paths: Paths | None = None) -> Anchor:
    found = paths_for(given, before) if paths is None else paths
    return reanchor(RULE, NONCE, given, NOW, paths=found, accepted=before)


def test_two_witnesses_that_agree_are_an_anchor() -> None:
    anchor = run(answers(note([A]), note([B], time=NOW - 7)))
    assert (anchor.origin, anchor.size, anchor.root) == (ORIGIN, 20, root_of(TREE, 20))
    assert (anchor.witnesses, anchor.time, anchor.refused) == ((A.name, B.name), NOW - 7, {})


def test_two_sources_may_each_bring_several_witnesses() -> None:
    assert run(answers(note([A, B, C]), note([A, B, C]))).witnesses == (A.name, B.name, C.name)


def test_who_signed_a_larger_tree_vouches_for_the_smaller_one() -> None:
    assert run(answers(note([A], 33), note([B], 20))).size == 20
    assert run(answers(note([A], 33), note([B], 20), note([C], 37))).size == 33


def test_it_extends_what_was_accepted() -> None:
    for size in (1, 19, 20):
        assert run(answers(note([A]), note([B], 33)), accepted(size)).size == 20


def test_a_bad_answer_does_not_stop_the_good_ones() -> None:
    anchor = run(answers(b"no note", note([A]), note([B])))
    assert isinstance(anchor.refused["https://0.example"], MalformedError)


def test_no_answer_is_no_source() -> None:
    with pytest.raises(QuorumError, match="0 valid sources, 2 required"):
        run([])


def test_one_source_is_not_enough_even_with_every_witness() -> None:
    with pytest.raises(QuorumError, match="1 valid sources, 2 required"):
        run(answers(note([A, B, C])))


def test_one_source_twice_is_one_source() -> None:
    with pytest.raises(QuorumError, match="1 valid sources, 2 required"):
        run([Answer("https://same.example", note([A])), Answer("https://same.example", note([B]))])


def test_fewer_witnesses_than_k() -> None:
    with pytest.raises(QuorumError, match="1 valid witnesses, 2 required"):
        run(answers(note([A]), note([A], 33)))


def test_witnesses_that_are_not_pinned_do_not_count() -> None:
    with pytest.raises(QuorumError, match="0 valid cosignatures"):
        run(answers(note([A]), note([STRANGER])))


@pytest.mark.parametrize("nonce", [bytes(32), NONCE[::-1]])
def test_another_nonce_is_a_replay(nonce: bytes) -> None:
    with pytest.raises(UntrustedError, match="not bound to this nonce"):
        run(answers(note([A]), note([B], nonce=nonce)))


BOUND = f"nonce {base64.b64encode(NONCE).decode()}\n"


@pytest.mark.parametrize("lines", ["", "x\n", f"{BOUND}{BOUND}", f"{BOUND}more\n", f"more\n{BOUND}", BOUND.upper()])
def test_an_ordinary_checkpoint_or_one_with_other_lines_is_not_fresh(lines: str) -> None:
    with pytest.raises(UntrustedError, match="not bound to this nonce"):
        run(answers(note([A]), note([B], lines=lines)))


@pytest.mark.parametrize("nonce", [b"", bytes(31), bytes(33)])
def test_a_nonce_of_another_length_is_none(nonce: bytes) -> None:
    with pytest.raises(MalformedError):
        reanchor(RULE, nonce, answers(note([A], nonce=nonce), note([B], nonce=nonce)), NOW, paths={})


def test_another_log_proves_nothing() -> None:
    with pytest.raises(UntrustedError, match="another origin"):
        run(answers(note([A]), note([B], origin="other.example")))


def test_a_signature_that_does_not_verify() -> None:
    with pytest.raises(SignatureError):
        run(answers(note([A]), note([B]).replace(b"\n20\n", b"\n21\n")))


@pytest.mark.parametrize("age", [MAX_ANSWER_AGE_SECONDS + 1, 10**6])
def test_signed_too_long_ago(age: int) -> None:
    with pytest.raises(StaleError, match=f"signed {age} s ago"):
        run(answers(note([A]), note([B], time=NOW - age)))


@pytest.mark.parametrize("ahead", [61, 10**6])
def test_signed_in_the_future(ahead: int) -> None:
    with pytest.raises(StaleError, match=f"signed {ahead} s in the future"):
        run(answers(note([A]), note([B], time=NOW + ahead)))


def test_two_roots_of_one_size_stop_it_with_both_notes() -> None:
    one, other = note([A]), note([B], tree=FORK)
    with pytest.raises(ForkError) as fork:
        run(answers(one, other))
    assert {fork.value.first, fork.value.second} == {one, other}


def test_a_fork_stops_it_even_where_enough_others_agree() -> None:
    with pytest.raises(ForkError):
        run(answers(note([A]), note([B]), note([C], tree=FORK)))


def test_a_witness_that_signs_twice_convicts_itself() -> None:
    with pytest.raises(ForkError):
        run(answers(note([A, B]), note([A], tree=FORK)))


def test_two_sizes_without_a_proof_between_them_stop_it() -> None:
    with pytest.raises(ConsistencyError, match="nobody shows"):
        run(answers(note([A]), note([B], 33)), paths={})


@pytest.mark.parametrize("tree", [TREE, FORK])
def test_no_path_leads_to_a_larger_tree_of_another_history(tree: MemoryTree) -> None:
    given = answers(note([A]), note([B], 33, tree=FORK))
    with pytest.raises(ConsistencyError):
        run(given, paths=paths_for(given, None, tree))


def test_a_path_of_another_length_is_refused() -> None:
    with pytest.raises(MalformedError):
        run(answers(note([A]), note([B], 33)), paths={(20, 33): []})


def test_smaller_than_what_was_accepted() -> None:
    with pytest.raises(RollbackError):
        run(answers(note([A]), note([B])), accepted(21))


def test_an_anchor_below_what_was_accepted_goes_back_even_if_one_witness_does_not() -> None:
    with pytest.raises(RollbackError):
        run(answers(note([A], 33), note([B], 20)), accepted(25))


def test_another_root_was_accepted_at_this_size() -> None:
    with pytest.raises(ForkError) as fork:
        run(answers(note([A]), note([B])), accepted(20, FORK))
    assert fork.value.first.startswith(ORIGIN.encode())
    assert fork.value.second == note([A])


def test_what_was_accepted_is_not_the_beginning() -> None:
    given, before = answers(note([A]), note([B])), accepted(15, FORK)
    for tree in (TREE, FORK):
        with pytest.raises(ConsistencyError):
            run(given, before, paths_for(given, before, tree))


def test_nobody_shows_that_it_extends_what_was_accepted() -> None:
    with pytest.raises(ConsistencyError, match="nobody shows"):
        run(answers(note([A]), note([B])), accepted(15), paths={})


def test_what_was_accepted_of_another_log() -> None:
    with pytest.raises(UntrustedError):
        run(answers(note([A]), note([B])), accepted(15, origin="other.example"))


def test_paths_are_wanted_between_answers_that_count_only() -> None:
    given = answers(note([A], 10), note([B], 30), note([C], 20, nonce=bytes(32)), b"no note")
    assert wanted_paths(RULE, NONCE, given, NOW) == [(10, 30)]
    assert wanted_paths(RULE, NONCE, given, NOW, accepted(15)) == [(10, 30), (15, 30)]
    assert wanted_paths(RULE, NONCE, given, NOW, accepted(35)) == [(10, 30)]
