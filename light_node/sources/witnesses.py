"""What witnesses announce: the largest checkpoint that enough of them signed, and paths in its tree. Pure.

Notes and paths come from whoever answers. One that lies is named, and does not spoil what the others said.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ledger.errors import ForkError, MissingError, UntrustedError, VerificationError, VinculumError
from ledger.proof.checkpoint import Checkpoint, SignedCheckpoint, parse_checkpoint
from ledger.proof.cosignature import parse_vkey, verify_cosignatures
from ledger.proof.merkle import verify_consistency
from ledger.proof.note import NoteSignature
from light_node.heads import TreeHead
from light_node.trust_rules import WitnessRule


@dataclass(frozen=True, slots=True)
class Gathered:
    """What came of some witnesses' notes.

    Attributes:
        signed: The largest checkpoint with k valid cosignatures, or None.
        faults: Why an answer did not count, or not all of it, by witness.
    """

    signed: SignedCheckpoint | None
    faults: Mapping[str, VinculumError]


def gather_checkpoint(rule: WitnessRule, notes: Mapping[str, bytes]) -> Gathered:
    """Put together the signatures of witnesses that announce the same checkpoint.

    1. A note of another origin, or that is none, does not count.
    2. A line under a pinned key's name that does not verify does not count; the others of that note do.
    3. Of each key the first line counts, under each checkpoint.
    4. The largest checkpoint that k keys signed is taken.

    Args:
        rule: Of the trust file.
        notes: *Untrusted*, by witness.

    Raises: ForkError, where k keys signed two checkpoints of one size; carries both notes.
    """
    found = dict[Checkpoint, dict[tuple[str, bytes], NoteSignature]]()
    faults = dict[str, VinculumError]()
    for name, note in notes.items():
        try:
            signed = parse_checkpoint(note)
            if signed.checkpoint.origin != rule.origin:  # 1
                raise UntrustedError("a checkpoint of another origin than that of the trust file")
        except VerificationError as error:
            faults[name] = error
            continue
        lines = found.setdefault(signed.checkpoint, {})
        for line in signed.signatures:
            try:
                if _is_valid(rule, signed.checkpoint, line):  # 2
                    lines.setdefault((line.name, line.key_id), line)  # 3
            except VerificationError as error:
                faults[name] = error
    enough = {one: tuple(lines.values()) for one, lines in found.items() if len(lines) >= rule.threshold}
    return Gathered(_largest(itertools.starmap(SignedCheckpoint, enough.items())), faults)  # 4


def _is_valid(rule: WitnessRule, checkpoint: Checkpoint, line: NoteSignature) -> bool:
    """Whether a line is a pinned key's; raises where it is under such a key's name and does not verify."""
    keys = tuple(key for key in map(parse_vkey, rule.witnesses) if (key.name, key.key_id) == (line.name, line.key_id))
    if keys:
        verify_cosignatures(SignedCheckpoint(checkpoint, (line,)), keys, 1)
    return bool(keys)


def _largest(signed: Iterable[SignedCheckpoint]) -> SignedCheckpoint | None:
    best: SignedCheckpoint | None = None
    for one in sorted(signed, key=lambda one: one.checkpoint.size):
        if best is not None and _contradict(best.checkpoint, one.checkpoint):
            raise ForkError(f"the tree of {one.checkpoint.size} blocks", best.note.encode(), one.note.encode())
        best = one
    return best


def _contradict(one: Checkpoint, other: Checkpoint) -> bool:
    return one.size == other.size and one.root != other.root


def choose_path(last: TreeHead, note: str, paths: Iterable[tuple[bytes, ...]]) -> tuple[bytes, ...]:
    """Choose the consistency path that leads from a tree to that of a note, or back, from what witnesses gave.

    Args:
        last: The tree that was accepted.
        note: *Untrusted*; of the evidence that is to be judged.
        paths: *Untrusted.*

    Raises:
        MalformedError: The note is not a checkpoint.
        MissingError: None of them does.
    """
    checkpoint = parse_checkpoint(note).checkpoint
    smaller, larger = sorted((last, TreeHead(checkpoint.size, checkpoint.root)), key=lambda one: one.size)
    for path in paths:
        try:
            verify_consistency(smaller.size, larger.size, smaller.root, larger.root, path)
        except VerificationError:
            continue
        return path
    raise MissingError(f"nobody shows that the tree of {larger.size} blocks begins with that of {smaller.size}")
