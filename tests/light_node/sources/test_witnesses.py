"""Checkpoints and paths from witnesses of whom some lie: what counts, and who is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.errors import ForkError, MalformedError, MissingError, SignatureError, UntrustedError
from ledger.proof.merkle import leaf_hash
from ledger.proof.merkle_tree import MemoryTree, consistency_path, root_of
from light_node.heads import TreeHead
from light_node.sources.witnesses import choose_path, gather_checkpoint
from light_node.trust_rules import WitnessRule
from tests.simulator.chain import ORIGIN
from tests.simulator.witnesses import STRANGER, WITNESSES, Witness, checkpoint_body, cosigned

RULE = WitnessRule(ORIGIN, 2, tuple(one.vkey for one in WITNESSES), 0)
ONE, TWO, THREE = WITNESSES
TREE = MemoryTree(leaf_hash(bytes((n,)) * 32) for n in range(40))


def note(size: int, *signers: Witness, root: bytes | None = None, origin: str = ORIGIN, time: int = 7) -> bytes:
    return cosigned(checkpoint_body(origin, size, root or root_of(TREE, size)), time, signers).encode()


def size_of(**notes: bytes) -> int | None:
    signed = gather_checkpoint(RULE, notes).signed
    return None if signed is None else signed.checkpoint.size


def test_signatures_of_several_notes_count_together() -> None:
    gathered = gather_checkpoint(RULE, {"a": note(20, ONE), "b": note(20, TWO, time=9)})
    assert gathered.signed is not None
    assert len(gathered.signed.signatures) == 2
    assert gathered.faults == {}


def test_the_largest_that_enough_signed_is_taken() -> None:
    assert size_of(a=note(20, ONE, TWO), b=note(30, ONE, TWO), c=note(40, THREE)) == 30


def test_too_few_are_nothing() -> None:
    assert size_of(a=note(20, ONE), b=note(30, TWO), c=note(40, THREE)) is None
    assert size_of() is None


def test_one_witness_asked_twice_is_one() -> None:
    assert size_of(a=note(20, ONE), b=note(20, ONE, time=8)) is None


def test_strangers_do_not_count() -> None:
    assert size_of(a=note(20, ONE, STRANGER)) is None
    assert size_of(a=note(20, ONE, TWO, STRANGER)) == 20


def test_a_false_signature_is_named_and_does_not_spoil_the_others() -> None:
    false = note(20, TWO).replace(note(20, TWO).split(b" ")[-1], note(21, TWO).split(b" ")[-1])
    gathered = gather_checkpoint(RULE, {"liar": false, "a": note(20, ONE), "b": note(20, TWO)})
    assert gathered.signed is not None
    assert len(gathered.signed.signatures) == 2
    assert {name: type(error) for name, error in gathered.faults.items()} == {"liar": SignatureError}


@pytest.mark.parametrize("junk", [b"", b"x", b"\xff" * 100, b"a\n1\nAAAA\n\n", b"x" * 100_000])
def test_junk_is_named(junk: bytes) -> None:
    gathered = gather_checkpoint(RULE, {"liar": junk, "a": note(20, ONE), "b": note(20, TWO)})
    assert gathered.signed is not None
    assert isinstance(gathered.faults["liar"], MalformedError)


def test_another_origin_is_named() -> None:
    gathered = gather_checkpoint(RULE, {"other": note(30, ONE, TWO, origin="other.example"), "a": note(20, ONE, TWO)})
    assert gathered.signed is not None
    assert gathered.signed.checkpoint.size == 20
    assert isinstance(gathered.faults["other"], UntrustedError)


def test_two_trees_of_one_size_that_enough_signed_are_a_fork() -> None:
    notes = {"a": note(20, ONE, TWO), "b": note(20, TWO, THREE, root=bytes(32))}
    with pytest.raises(ForkError) as caught:
        gather_checkpoint(RULE, notes)
    assert {caught.value.first, caught.value.second} == set(notes.values())


def test_two_trees_of_one_size_that_too_few_signed_are_no_fork() -> None:
    assert size_of(a=note(20, ONE, TWO), b=note(20, THREE, root=bytes(32))) == 20


def test_the_path_that_fits_is_chosen_among_false_ones() -> None:
    last, right = TreeHead(20, root_of(TREE, 20)), tuple(consistency_path(TREE, 20, 33))
    false = (bytes(32),) * len(right)
    text = note(33, ONE).decode()
    assert choose_path(last, text, [(), false, right[:-1], right]) == right
    for paths in ([], [()], [false], [right[::-1]]):
        with pytest.raises(MissingError):
            choose_path(last, text, paths)


def test_a_path_back_to_a_smaller_tree_is_chosen_too() -> None:
    right = tuple(consistency_path(TREE, 20, 33))
    assert choose_path(TreeHead(33, root_of(TREE, 33)), note(20, ONE).decode(), [right]) == right


def test_a_larger_threshold_asks_for_more() -> None:
    rule = replace(RULE, threshold=3)
    assert gather_checkpoint(rule, {"a": note(20, ONE, TWO)}).signed is None
    assert gather_checkpoint(rule, {"a": note(20, ONE, TWO), "b": note(20, THREE)}).signed is not None
