"""Putting another trust file in place of the pinned one: by a person's word, or by that of its witnesses.

What a crash leaves behind: the lineage is on the disk before the trust file. Killed between the two, the old trust file
is pinned still, and the same again completes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from ledger.errors import ForkError, MalformedError, RollbackError, UntrustedError
from light_node.memory import Memory
from light_node.state import StateFolder
from light_node.succession.kept_lineage import KeptLineage
from light_node.succession.lineage import Conflict, Lineage, with_pinned, with_succession
from light_node.succession.rules import check_period, check_place, digest_of
from light_node.succession.statement import (
    SignedSuccession,
    Succession,
    VerifiedSuccession,
    encode_succession,
    verify_signatures,
    verify_succession,
)
from light_node.trust import Trust


@dataclass(frozen=True, slots=True)
class Shown:
    """What came of being shown a succession.

    Attributes:
        verified: What its witnesses signed.
        taken: Whether this node went that way already.
        conflict: Where two successions of that trust file that contradict each other are kept; None where none do.
    """

    verified: VerifiedSuccession
    taken: bool
    conflict: Path | None = None


def show_succession(state: StateFolder, signed: SignedSuccession) -> Shown:
    """Remember a succession of any trust file that was ever pinned here, without using it.

    Two of one trust file that name different successors are kept as evidence; then no succession is used any more that
    rests on that trust file, until a person compares a fingerprint. Use it while ``StateFolder.alone`` is held.

    Args:
        state: The light node's folder.
        signed: *Untrusted*, parsed.

    Raises:
        UntrustedError: It is of a trust file that was never pinned here.
        SignatureError, QuorumError, MalformedError: See ``verify_signatures``; also where the folder is damaged.
    """
    kept, statement = KeptLineage(state), signed.statement
    lineage = kept.load()
    old = lineage.find(statement.old)
    if old is None:
        raise UntrustedError(f"a succession of the trust file {statement.old.hex()[:16]}…, which was never pinned here")
    verified = verify_signatures(old.trust, signed)
    known, taken = lineage.succession_of(statement.old), _is_taken(lineage, state.trust(), statement)
    if known is None:
        kept.keep(with_succession(lineage, signed))
    elif known.statement != statement:
        return Shown(verified, taken, kept.keep_conflict(Conflict(old.trust, known, signed)))
    return Shown(verified, taken, kept.conflict_path(statement.old))


def rotate_by_succession(state: StateFolder, new: Trust, signed: SignedSuccession, now: int) -> VerifiedSuccession:
    """Pin the trust file that the pinned one's witnesses put in its place. The same again changes nothing.

    1. Enough witnesses signed; it contradicts no other succession. It is remembered, whatever comes of it.
    2. Nothing that the pinned trust file rests on, back to the one that a person compared, has two successors.
    3. It follows the pinned trust file, to this new one, which takes nothing back; see ``verify_succession``.
    4. The new one does not contradict what was accepted here.
    5. The old keys are believed still, and the new block is not from the future; see ``check_period``.
    6. The new one was not pinned and given up before.

    Use it while ``StateFolder.alone`` is held.

    Args:
        state: The light node's folder.
        new: *Untrusted*, parsed.
        signed: *Untrusted*, parsed.
        now: The local clock, in seconds since the epoch.

    Raises:
        ForkError: 1 or 2 does not hold; carries both notes, which are kept.
        RollbackError: It was used already, or 3 or 6 does not hold.
        UntrustedError, SignatureError, QuorumError: 1, 3 or 4 does not hold.
        StaleError: 5 does not hold.
        MalformedError: Keys, signatures or the folder are out of their format.
    """
    verified, lineage = _judged(state, new, signed, now)
    if lineage is not None:
        _pin(state, lineage, new, verified.statement.old)
    return verified


def check_succession(state: StateFolder, new: Trust, signed: SignedSuccession, now: int) -> VerifiedSuccession:
    """Prove that ``rotate_by_succession`` would take a succession now, or took it before; nothing is pinned.

    Args and errors as there.
    """
    return _judged(state, new, signed, now)[0]


def _judged(
    state: StateFolder, new: Trust, signed: SignedSuccession, now: int
) -> tuple[VerifiedSuccession, Lineage | None]:
    """What was signed, and the lineage that the new one is to be pinned in; None where it is pinned already."""
    shown, pinned = show_succession(state, signed), state.trust()  # 1
    kept, statement = KeptLineage(state), signed.statement
    lineage = kept.load()
    for digest in dict.fromkeys((statement.old, *lineage.ancestry(digest_of(pinned)))):  # 2
        _refuse_conflict(kept, digest)
    if shown.taken and statement.new == digest_of(pinned) == digest_of(new):
        return shown.verified, None
    _refuse_used(lineage, pinned, statement.old)
    verified = verify_succession(pinned, new, signed)  # 3
    memory = state.memory()
    check_accepted(new, memory)  # 4
    check_period(pinned, new, 0 if memory is None else max(memory.block.time, memory.anchored_at), now)  # 5
    _refuse_given_up(lineage, pinned, new)  # 6
    return verified, lineage


def rotate_by_person(state: StateFolder, new: Trust) -> bool:
    """Pin a trust file whose fingerprint a person compared, in place of the pinned one or for the first time.

    Its keys may be others: that is what it is for. From now on everything rests on this person's word alone.

    Args:
        state: The light node's folder.
        new: Its fingerprint was compared.

    Returns: Whether the lineage was whole; one that is damaged is begun anew.

    Raises: UntrustedError, RollbackError: It is of another chain or consortium, or takes something back.
    """
    if not state.is_pinned():
        _pin(state, Lineage(), new, None)
        return True
    pinned = state.trust()
    if new != pinned:
        check_place(pinned, new)
        check_accepted(new, state.memory())
    try:
        lineage, whole = KeptLineage(state).load(), True
    except MalformedError:
        lineage, whole = with_pinned(Lineage(), pinned), False
    _pin(state, lineage, new, None)
    return whole


def refuse_contradicted(state: StateFolder) -> None:
    """Refuse to believe the pinned witnesses where they, or those that put them in place, signed two successors.

    Raises:
        UntrustedError: More of them lied than the trust file tolerates; a person has to compare a fingerprint.
        ConfigurationError: No trust file is pinned.
        MalformedError: The folder is damaged.
    """
    kept = KeptLineage(state)
    for digest in kept.load().ancestry(digest_of(state.trust())):
        if kept.conflict_path(digest) is not None:
            raise UntrustedError(
                f"witnesses of the trust file {digest.hex()[:16]}… signed two successors, which this node rests on: "
                "compare a fingerprint, and pin or rotate by it"
            )


def check_accepted(new: Trust, memory: Memory | None) -> None:
    """Refuse a trust file that contradicts what was accepted here.

    Raises: UntrustedError.
    """
    block = new.trusted_block
    if memory is not None and block.number == memory.block.number and block.hash != memory.block.hash:
        raise UntrustedError(f"the new trust file has another block {block.number} than the one that was accepted")


def _pin(state: StateFolder, lineage: Lineage, new: Trust, follows: bytes | None) -> None:
    KeptLineage(state).keep(with_pinned(lineage, new, follows))
    state.pin(new)


def _is_taken(lineage: Lineage, pinned: Trust, statement: Succession) -> bool:
    ways = lineage.ancestry(digest_of(pinned))
    return (statement.new, statement.old) in pairwise(ways)


def _refuse_conflict(kept: KeptLineage, digest: bytes) -> None:
    conflict = kept.conflict(digest)
    if conflict is not None:
        name = f"the successor of trust file {digest.hex()[:16]}…"
        raise ForkError(name, encode_succession(conflict.first), encode_succession(conflict.second))


def _refuse_used(lineage: Lineage, pinned: Trust, old: bytes) -> None:
    """Name a succession of a trust file that the pinned one came after."""
    ways = lineage.ancestry(digest_of(pinned))[::-1]
    if old in ways[:-1]:
        raise RollbackError("succession of trust files", len(ways) - 1, ways.index(old) + 1)


def _refuse_given_up(lineage: Lineage, pinned: Trust, new: Trust) -> None:
    """Only a person goes back to what was pinned before; what a crash kept from being pinned, was not."""
    digests = [one.digest for one in lineage.pinned]
    if digest_of(new) not in digests:
        return
    interrupted = lineage.pinned[-1].digest == digest_of(new) and lineage.pinned[-1].follows == digest_of(pinned)
    if not interrupted:
        raise RollbackError("pinned trust files", digests.index(digest_of(pinned)) + 1, digests.index(digest_of(new)))
