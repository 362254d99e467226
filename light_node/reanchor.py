"""Anchoring anew after a sleep beyond the trusting period: from fresh checkpoints, bound to an own nonce.

Pure: whoever asks brings the nonce, the answers, the consistency proofs and the time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ledger.errors import (
    ConsistencyError,
    ForkError,
    MalformedError,
    QuorumError,
    RollbackError,
    StaleError,
    UntrustedError,
    VerificationError,
)
from ledger.proof.checkpoint import SignedCheckpoint, parse_checkpoint
from ledger.proof.cosignature import Cosignature, VerifiedCheckpoint, parse_vkey, verify_cosignatures
from ledger.proof.merkle import verify_consistency
from ledger.proof.tlog_text import NONCE_BYTES, nonce_line
from light_node.freshness import CLOCK_TOLERANCE_SECONDS
from light_node.trust_rules import WitnessRule

LEAST_SOURCES = 2
MAX_ANSWER_AGE_SECONDS = 300
"""How long ago a witness may have signed, by the local clock."""

Paths = Mapping[tuple[int, int], Sequence[bytes]]
"""Consistency paths, *untrusted*, by old and new size."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one source answered.

    Attributes:
        source: Which one, by the name under which the reader asks it; a name twice is one source.
        note: *Untrusted*; a checkpoint that is bound to the nonce.
    """

    source: str
    note: bytes


@dataclass(frozen=True, slots=True)
class Anchor:
    """A checkpoint to go on from; only ``reanchor`` makes it.

    Attributes:
        origin: Which log.
        size: Blocks in its tree.
        root: 32 bytes.
        witnesses: Names of the pinned witnesses that vouch for it now; at least k.
        time: When the first of them signed, by its clock.
        refused: Why an answer did not count, by source.
    """

    origin: str
    size: int
    root: bytes
    witnesses: tuple[str, ...]
    time: int
    refused: Mapping[str, VerificationError]


@dataclass(frozen=True, slots=True)
class _Fresh:
    """An answer that passed by itself."""

    answer: Answer
    checkpoint: VerifiedCheckpoint


def reanchor(
    rule: WitnessRule,
    nonce: bytes,
    answers: Sequence[Answer],
    now: int,
    *,
    paths: Paths,
    accepted: SignedCheckpoint | None = None,
) -> Anchor:
    """Prove which checkpoint enough witnesses hold as the present one.

    1. An answer counts if it is of the trust file's origin, bound to this nonce and nothing else, and bears valid
       cosignatures of pinned witnesses, all of them of now.
    2. At least two distinct sources gave answers that count.
    3. No two of them contradict: equal sizes have equal roots, and every larger tree extends every smaller one.
    4. They extend what was accepted here before.
    5. At least k pinned witnesses vouch for the anchor: they signed it, or a tree that extends it.

    One answer that does not count never stops those that do; a contradiction between two that do stops everything.

    Args:
        rule: Of the trust file.
        nonce: 32 random bytes that were made for this one question.
        answers: Of all sources.
        now: The local clock, in seconds since the epoch.
        paths: Those that ``wanted_paths`` names.
        accepted: The last checkpoint that was accepted here, or None where there is none.

    Returns: The largest checkpoint for which 5 holds.

    Raises:
        MalformedError: The nonce is not of 32 bytes; or as of the first answer that did not count, where 2 or 5 fails.
        QuorumError: 2 or 5 does not hold, and every answer counts.
        UntrustedError, StaleError, SignatureError: 2 or 5 does not hold, and the first answer that does not count
            fails 1 for this reason: another origin, nonce or extension line; a time too old or in the future.
        ForkError: 3 does not hold, with both notes; or another root was accepted at that size.
        ConsistencyError: 3 or 4 is not shown by the path.
        RollbackError: What k witnesses vouch for is smaller than what was accepted.
    """
    ordered, refused = _sort(rule, nonce, answers, now)  # 1
    sources = {one.answer.source for one in ordered}
    if len(sources) < LEAST_SOURCES:  # 2
        raise _first(refused, QuorumError(len(sources), LEAST_SOURCES, "sources"))
    for older, newer in pairwise(ordered):  # 3
        _verify_pair(older, newer, paths)
    if accepted is not None:
        _verify_accepted(accepted, ordered, paths)  # 4
    anchor = _anchor(ordered, rule, refused)  # 5
    if accepted is not None and anchor.size < accepted.checkpoint.size:
        raise RollbackError("size of the tree", accepted.checkpoint.size, anchor.size)
    return anchor


def wanted_paths(
    rule: WitnessRule, nonce: bytes, answers: Sequence[Answer], now: int, accepted: SignedCheckpoint | None = None
) -> list[tuple[int, int]]:
    """Say which consistency paths ``reanchor`` wants, as old and new sizes, for the same arguments.

    Raises: MalformedError, for a nonce of another length.
    """
    ordered, _ = _sort(rule, nonce, answers, now)
    sizes = sorted({one.checkpoint.size for one in ordered})
    before = 0 if accepted is None else accepted.checkpoint.size
    wanted = [pair for pair in pairwise(sizes) if pair[0]]
    return wanted + [(before, size) for size in sizes if 0 < before < size][:1]


def _sort(
    rule: WitnessRule, nonce: bytes, answers: Sequence[Answer], now: int
) -> tuple[list[_Fresh], dict[str, VerificationError]]:
    """The answers that count by themselves, smallest tree first, and why the others do not."""
    if len(nonce) != NONCE_BYTES:
        raise MalformedError("nonce", f"{len(nonce)} bytes, not {NONCE_BYTES}")
    fresh: list[_Fresh] = []
    refused: dict[str, VerificationError] = {}
    for answer in answers:
        try:
            fresh.append(_Fresh(answer, _verify_answer(answer, rule, nonce, now)))
        except VerificationError as error:
            refused.setdefault(answer.source, error)
    return sorted(fresh, key=lambda one: one.checkpoint.size), refused


def _verify_answer(answer: Answer, rule: WitnessRule, nonce: bytes, now: int) -> VerifiedCheckpoint:
    signed = parse_checkpoint(answer.note)
    if signed.checkpoint.origin != rule.origin:
        raise UntrustedError(f"{answer.source} answers for another origin than the one of the trust file")
    if signed.checkpoint.extensions != (nonce_line(nonce),):
        raise UntrustedError(f"{answer.source} answers with a checkpoint that is not bound to this nonce alone")
    checkpoint = verify_cosignatures(signed, tuple(map(parse_vkey, rule.witnesses)), 1)
    for cosignature in checkpoint.cosignatures:
        _verify_time(cosignature, now)
    return checkpoint


def _verify_time(cosignature: Cosignature, now: int) -> None:
    age = now - cosignature.time
    if age > MAX_ANSWER_AGE_SECONDS:
        raise StaleError(f"{cosignature.key.name} signed {age} s ago, at most {MAX_ANSWER_AGE_SECONDS} s count as now")
    if -age > CLOCK_TOLERANCE_SECONDS:
        raise StaleError(f"{cosignature.key.name} signed {-age} s in the future: its clock or the local one is wrong")


def _verify_pair(older: _Fresh, newer: _Fresh, paths: Paths) -> None:
    one, other = older.checkpoint, newer.checkpoint
    if one.size == other.size:
        if one.root != other.root:
            raise ForkError(f"the tree of {one.size} blocks", older.answer.note, newer.answer.note)
        return
    path = _path(paths, one.size, other.size, f"{newer.answer.source} and {older.answer.source}")
    verify_consistency(one.size, other.size, one.root, other.root, path)


def _verify_accepted(accepted: SignedCheckpoint, ordered: Sequence[_Fresh], paths: Paths) -> None:
    before, largest = accepted.checkpoint, ordered[-1].checkpoint
    if before.origin != largest.origin:
        raise UntrustedError("the checkpoint that was accepted is of another origin")
    if largest.size < before.size:
        raise RollbackError("size of the tree", before.size, largest.size)
    first = next(one for one in ordered if one.checkpoint.size >= before.size)
    size, root = first.checkpoint.size, first.checkpoint.root
    if size == before.size and root != before.root:
        raise ForkError(f"the tree of {size} blocks", accepted.note.encode(), first.answer.note)
    verify_consistency(before.size, size, before.root, root, _path(paths, before.size, size, first.answer.source))


def _path(paths: Paths, old: int, new: int, who: str) -> Sequence[bytes]:
    if old in (0, new):
        return ()
    found = paths.get((old, new))
    if found is None:
        raise ConsistencyError(f"nobody shows that the tree of {new} extends that of {old}: {who}")
    return found


def _anchor(ordered: Sequence[_Fresh], rule: WitnessRule, refused: Mapping[str, VerificationError]) -> Anchor:
    """Go down from the largest tree until k witnesses vouch: who signed a larger one vouches for the smaller too."""
    vouching: dict[str, int] = {}
    for one in reversed(ordered):
        for cosignature in one.checkpoint.cosignatures:
            vkey = cosignature.key.vkey
            vouching[vkey] = min(cosignature.time, vouching.get(vkey, cosignature.time))
        if len(vouching) >= rule.threshold:
            names = tuple(sorted(parse_vkey(vkey).name for vkey in vouching))
            at = min(vouching.values())
            return Anchor(rule.origin, one.checkpoint.size, one.checkpoint.root, names, at, dict(refused))
    raise _first(refused, QuorumError(len(vouching), rule.threshold, "witnesses"))


def _first(refused: Mapping[str, VerificationError], otherwise: VerificationError) -> VerificationError:
    return next(iter(refused.values()), otherwise)
