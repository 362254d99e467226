"""Another light node's head against the own one: one chain, a contradiction that both sides signed, or not to be told.

Pure. A fork is not a matter of trust in whoever hands a head over: both heads have to be final by the own trust file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from ledger.errors import ForkError, MalformedError, StaleError, UntrustedError, VerificationError
from ledger.proof.header import block_hash, parse_header
from light_node.checkpoint_finality import verify_one_chain
from light_node.finality import verify_finality
from light_node.freshness import verify_freshness
from light_node.heads import Accepted, ValidatedBlock, VerifiedHeader
from light_node.memory import Memory, SignedHead, parse_memory
from light_node.qbft.steps import check_place, check_time
from light_node.sealed_heads import heads_near, number_of, verify_link
from light_node.trust import Trust, TrustedBlock
from light_node.trust_rules import Source, ValidatorRule, WitnessRule
from light_node.verdict import Outcome


class Relation(StrEnum):
    """How two heads of one chain lie; of two at one height the one in the larger tree is the higher."""

    SAME = "same"
    OWN_HIGHER = "own_higher"
    OTHER_HIGHER = "other_higher"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two heads say together.

    Attributes:
        outcome: *Verified*: one chain. *Refuted*: they contradict each other, and both are final.
        relation: Where they are of one chain.
        other: *Verified*, where the other head was final by the own trust file.
        error: Name of the error's class; None where of one chain.
        reason: One sentence; empty where of one chain.
        contradicting: The other's half of the fork evidence; the own half is what is remembered.
        unproven: The two sizes between which a consistency path is lacking.
    """

    outcome: Outcome
    relation: Relation | None = None
    other: VerifiedHeader | None = None
    error: str | None = None
    reason: str = ""
    contradicting: SignedHead | None = None
    unproven: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class _Reader:
    """What whoever compares has, and when."""

    own: Memory
    trust: Trust
    now: int
    path: tuple[bytes, ...] | None


@dataclass(slots=True)
class _Progress:
    """What of the other head is proven so far: the head, and what would be its half of the fork evidence."""

    header: VerifiedHeader | None = None
    proven: SignedHead | None = None


def compare_heads(
    data: bytes, own: Memory, trust: Trust, *, now: int, path: tuple[bytes, ...] | None = None
) -> Comparison:
    """Hold another node's head against the own one; never raises for anything that untrusted bytes can cause.

    1. It is a head in its format, of the own chain, and the block that it names is the one that it shows signed.
    2. It is final by the own trust file: alone, or, where validators seal, as what follows the own head.
    3. By the local clock neither is from the future, and both are within the trusting period.
    4. They do not contradict each other: no other block at one height, no child of another block, no other block at a
       step that was sealed, no other rotation of one number.
    5. The lower one is behind the higher one: the larger tree begins with the smaller, or where validators seal,
       headers lead from one to the other without a gap.
    6. The other's tree and validators are those of its signed head; nobody signed what it says beyond that.

    Where 4 or 5 is contradicted by what was proven before, the heads are a fork. Whatever else does not hold leaves it
    open, a false consistency path too: that says nothing of the heads.

    Args:
        data: The other's ``head.json``, *untrusted*.
        own: What was accepted last here.
        trust: The own trust file.
        now: The local clock, in seconds since the epoch.
        path: Consistency path between the own tree and the other's, *untrusted*; None where none is at hand.
    """
    reader, progress = _Reader(own, trust, now, path), _Progress()
    try:
        header = _verify(data, reader, progress)
    except VerificationError as error:
        return _left_open(error, reader, progress)
    return Comparison(Outcome.VERIFIED, _relation(header, own), header)


def _verify(data: bytes, reader: _Reader, progress: _Progress) -> VerifiedHeader:
    other = parse_memory(data)
    _check_named(other, reader.trust)  # 1
    header = _verify_final(other.signed, reader, progress)  # 2
    progress.header, progress.proven = header, other.signed
    any_age = replace(reader.trust, maximum_age_seconds=reader.trust.trusting_period_seconds)
    verify_freshness(header, any_age, reader.own.accepted(), reader.now)  # 3
    _check_places(header, other.signed, reader)  # 4
    _check_one_chain(header, other.signed, reader)  # 5
    if (other.tree, other.validated) != (header.tree, header.validated):  # 6
        raise UntrustedError("it remembers another tree, or other validators, than its signed head shows")
    return header


def _left_open(error: VerificationError, reader: _Reader, progress: _Progress) -> Comparison:
    """A fork, or what cannot be told."""
    name, reason, header = type(error).__name__, str(error), progress.header
    if isinstance(error, ForkError) and progress.proven is not None:
        return Comparison(Outcome.REFUTED, None, header, name, reason, progress.proven)
    if isinstance(error, ForkError):
        name, reason = UntrustedError.__name__, "it is not of the chain of the pinned block"
    outcome = Outcome.MALFORMED if isinstance(error, MalformedError) else Outcome.UNDETERMINED
    return Comparison(outcome, None, header, name, reason, unproven=_unproven(header, reader))


def _unproven(header: VerifiedHeader | None, reader: _Reader) -> tuple[int, int] | None:
    own = reader.own.tree
    if header is None or header.tree is None or own is None or reader.path is not None:
        return None
    smaller, larger = sorted((own.size, header.tree.size))
    return None if smaller == larger else (smaller, larger)


def _relation(header: VerifiedHeader, own: Memory) -> Relation:
    here, there = (
        (number, 0 if tree is None else tree.size)
        for number, tree in ((own.block.number, own.tree), (header.number, header.tree))
    )
    if here == there:
        return Relation.SAME
    return Relation.OWN_HIGHER if here > there else Relation.OTHER_HIGHER


def _check_named(other: Memory, trust: Trust) -> None:
    if other.chain_id != trust.chain_id:
        raise UntrustedError(f"a head of chain {other.chain_id}, not {trust.chain_id}")
    raw = parse_header(other.signed.header)
    if other.block != TrustedBlock(raw.number, block_hash(raw, trust.block_hash_rule), raw.timestamp):
        raise MalformedError("head of another node", "not the block that it shows signed", "/block")


def _verify_final(signed: SignedHead, reader: _Reader, progress: _Progress) -> VerifiedHeader:
    """Prove the head by the trust file alone, where its trusted block can still be gone on from, else by the own head.

    What contradicts the trust file's own block is no fork of two heads: it is not final by that file.
    """
    try:
        return verify_finality(signed, reader.trust, reader.now)
    except MalformedError:
        raise
    except VerificationError as error:
        own = reader.own
        if isinstance(reader.trust.finality, WitnessRule) or number_of(signed) < own.block.number:
            raise
        if signed.header == own.signed.header and not isinstance(error, StaleError):
            raise  # the own block needs no seal, and takes no false one either
    base = _accepted(reader.own.block, reader.own.validated, reader.trust, is_start=True)
    for near in heads_near(signed, reader.own.block.number):
        progress.proven = near
        _look_for_fork(near, base, reader)
    progress.proven = None
    return verify_finality(signed, reader.trust, reader.now, base)


def _accepted(
    block: TrustedBlock, validated: ValidatedBlock | None, trust: Trust, *, is_start: bool = False
) -> Accepted:
    """Hold a head against a block: on the way from the trust file's, or from there on (``is_start``).

    Pinned validators always begin with the trust file; there ``validated`` says by which rotation a head was accepted.
    """
    is_pinned = isinstance(trust.finality, ValidatorRule) and trust.finality.source is Source.PINNED
    return Accepted(block, validated=validated if is_start != is_pinned else None)


def _look_for_fork(signed: SignedHead, accepted: Accepted, reader: _Reader) -> None:
    """Raise the fork that a signed head shows against a block, if any; whether it is final is not asked here."""
    try:
        verify_finality(signed, reader.trust, reader.now, accepted)
    except ForkError:
        raise
    except VerificationError:
        return


def _check_places(header: VerifiedHeader, signed: SignedHead, reader: _Reader) -> None:
    own, there = reader.own, TrustedBlock(header.number, header.hash, header.time)
    upper, place, lower, validated = (signed, there, own.block, own.validated)
    if header.number < own.block.number:
        upper, place, lower, validated = (own.signed, own.block, there, header.validated)
    raw = parse_header(upper.header)
    check_place(lower, raw, place.hash)
    check_time(lower, raw)
    if isinstance(reader.trust.finality, ValidatorRule):
        _look_for_fork(upper, _accepted(lower, validated, reader.trust), reader)


def _check_one_chain(header: VerifiedHeader, signed: SignedHead, reader: _Reader) -> None:
    own = reader.own
    if header.tree is not None:
        if own.tree is None:
            raise StaleError("no tree is remembered here that another could begin with")
        verify_one_chain(header.tree, Accepted(own.block, own.tree, reader.path))
    elif header.number < own.block.number:
        verify_link(own.signed, header.number, header.hash)
    else:
        verify_link(signed, own.block.number, own.block.hash)
