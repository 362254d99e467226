"""A log that grew is told from one that took something back."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from ledger.errors import (
    ConsistencyError,
    ForkError,
    MalformedError,
    RollbackError,
    SignatureError,
    UntrustedError,
    VerificationError,
)
from ledger.proof.checkpoint import Checkpoint, SignedCheckpoint, log_key_from_seed, parse_checkpoint, sign_checkpoint
from ledger.proof.merkle import leaf_hash
from ledger.proof.merkle_tree import MemoryTree, consistency_path, root_of
from light_node.log_growth import Growth, parse_log_key, verify_growth

ORIGIN = "receipts.example"
KEY = log_key_from_seed(ORIGIN, b"\x01" * 32)
OTHER = log_key_from_seed(ORIGIN, b"\x02" * 32)
LOG = parse_log_key(KEY.vkey)
TREE = MemoryTree(leaf_hash(b"receipt %d" % number) for number in range(20))
CHANGED = MemoryTree(leaf_hash(b"receipt %d" % (number + (number == 3))) for number in range(20))


def at(size: int, tree: MemoryTree = TREE) -> SignedCheckpoint:
    return sign_checkpoint(Checkpoint(ORIGIN, size, root_of(tree, size)), KEY)


def path(old: int, new: int, tree: MemoryTree = TREE) -> list[bytes]:
    return consistency_path(tree, old, new)


@pytest.mark.parametrize(("old", "new"), [(1, 2), (7, 20), (8, 16), (20, 20), (1, 20)])
def test_log_that_grew(old: int, new: int) -> None:
    before, after = parse_checkpoint(at(old).note), parse_checkpoint(at(new).note)
    assert verify_growth(before, after, path(old, new), LOG) == Growth(ORIGIN, old, new)


def test_every_log_began_with_nothing() -> None:
    empty = sign_checkpoint(Checkpoint(ORIGIN, 0, root_of(MemoryTree(), 0)), KEY)
    assert verify_growth(empty, at(5), [], LOG) == Growth(ORIGIN, 0, 5)


def test_log_that_changed_an_entry() -> None:
    with pytest.raises(ConsistencyError):
        verify_growth(at(7), at(20, CHANGED), path(7, 20, CHANGED), LOG)


def test_log_that_shrank() -> None:
    with pytest.raises(RollbackError):
        verify_growth(at(20), at(19), [], LOG)


def test_two_logs_of_one_size_carry_both_notes() -> None:
    with pytest.raises(ForkError) as caught:
        verify_growth(at(20), at(20, CHANGED), [], LOG)
    assert {caught.value.first, caught.value.second} == {at(20).note.encode(), at(20, CHANGED).note.encode()}


@pytest.mark.parametrize("cut", [slice(1, None), slice(None, -1)])
def test_path_of_another_length(cut: slice) -> None:
    with pytest.raises(VerificationError):
        verify_growth(at(7), at(20), path(7, 20)[cut], LOG)


def test_checkpoint_of_another_log() -> None:
    key = log_key_from_seed("other.example", b"\x01" * 32)
    other = sign_checkpoint(Checkpoint("other.example", 20, root_of(TREE, 20)), key)
    with pytest.raises(UntrustedError):
        verify_growth(at(7), other, path(7, 20), LOG)


def test_checkpoint_of_another_key() -> None:
    other = sign_checkpoint(Checkpoint(ORIGIN, 20, root_of(TREE, 20)), OTHER)
    with pytest.raises(SignatureError):
        verify_growth(at(7), other, path(7, 20), LOG)


def test_checkpoint_without_a_signature() -> None:
    with pytest.raises(SignatureError):
        verify_growth(at(7), SignedCheckpoint(at(20).checkpoint, ()), path(7, 20), LOG)


def test_signature_of_another_checkpoint() -> None:
    stolen = SignedCheckpoint(at(20).checkpoint, at(19).signatures)
    with pytest.raises(SignatureError):
        verify_growth(at(7), stolen, path(7, 20), LOG)


def test_false_signature_beside_a_true_one() -> None:
    after = at(20)
    doubled = replace(after, signatures=(*after.signatures, *at(19).signatures))
    with pytest.raises(SignatureError):
        verify_growth(at(7), doubled, path(7, 20), LOG)


@pytest.mark.parametrize(
    "text", ["", "x", KEY.vkey[:-1], "receipts.example+00000000+" + base64.b64encode(b"\x04" * 33).decode()]
)
def test_key_out_of_its_form(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_log_key(text)
