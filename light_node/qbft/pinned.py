"""Sets of validators that are pinned in the trust file, and changed by rotations alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ledger.errors import ConsistencyError, ForkError, QuorumError, RollbackError, SignatureError, UntrustedError
from ledger.proof.header import RawHeader
from light_node.qbft.rotation import Rotation, SetStatement, check_statement, encode_rotation
from light_node.qbft.seals import SealedHeader, recover_signer, verify_seals
from light_node.qbft.skipping import check_clock
from light_node.qbft.steps import AcceptedBlock, check_place


@dataclass(frozen=True, slots=True)
class PinnedSets:
    """The set of the trust file and all that followed it by verified rotations; only ``verify_rotations`` makes it.

    Attributes:
        statements: In their order; ``sequence`` goes up by one, ``effective_block`` goes up.
    """

    statements: tuple[SetStatement, ...]

    def in_force(self, number: int) -> tuple[bytes, ...]:
        """Return the set that seals block ``number``; raises as ``stated``."""
        return self.stated(number).validators

    def stated(self, number: int) -> SetStatement:
        """Return the statement whose set seals block ``number``.

        Raises: UntrustedError, for a block before the first set takes effect.
        """
        for statement in reversed(self.statements):
            if statement.effective_block <= number:
                return statement
        raise UntrustedError(f"no set of validators is pinned for block {number}")


def verify_rotation(rotation: Rotation, current: SetStatement) -> SetStatement:
    """Prove that members of the current set put another in its place.

    1. It is of the same chain.
    2. It is the next one after the current statement, and names it.
    3. It takes effect later.
    4. Its set and its k are usable; see ``check_statement``.
    5. Every signature is by the member that it names, over ``digest``.
    6. At least k of the current set signed.

    Args:
        rotation: *Untrusted*, parsed.
        current: *Verified*, or from the trust file.

    Returns:
        Its statement, *verified*.

    Raises:
        UntrustedError: 1 does not hold.
        RollbackError: It is the current one, or older.
        ConsistencyError: One is left out, or 2 or 3 does not hold otherwise.
        MalformedError: 4 does not hold.
        SignatureError: 5 does not hold.
        QuorumError: 6 does not hold.
    """
    statement = rotation.statement
    if statement.chain_id != current.chain_id:  # 1
        raise UntrustedError(f"a rotation of chain {statement.chain_id}, not {current.chain_id}")
    if statement.sequence <= current.sequence:  # 2
        raise RollbackError("rotation", current.sequence, statement.sequence)
    if statement.sequence != current.sequence + 1 or statement.previous != current.digest:
        raise ConsistencyError(f"rotation {statement.sequence} does not follow statement {current.sequence} as known")
    if statement.effective_block <= current.effective_block:  # 3
        raise ConsistencyError(f"rotation {statement.sequence} takes effect before the one that it follows")
    check_statement(statement)  # 4
    _verify_signatures(rotation, current)
    return statement


def verify_rotations(rotations: Iterable[Rotation], first: SetStatement) -> PinnedSets:
    """Prove all rotations since the trust file.

    Each sequence number is signed for once. The same statement may come again, with other signatures; two of one number
    that were both signed by k show that members cheat, and nothing is believed any more.

    Args:
        rotations: *Untrusted*, parsed, in any order.
        first: The statement of the trust file.

    Raises:
        ForkError: Two contradict each other; carries both files.
        UntrustedError, RollbackError, ConsistencyError, MalformedError, SignatureError, QuorumError: See
            ``verify_rotation``.
    """
    check_statement(first)
    statements, last = [first], dict[int, Rotation]()
    for rotation in sorted(rotations, key=lambda one: one.statement.sequence):
        number = rotation.statement.sequence
        known = last.get(number)
        statement = verify_rotation(rotation, statements[-1 if known is None else -2])
        if known is None:
            statements.append(statement)
            last[number] = rotation
        elif known.statement != statement:
            raise ForkError(f"rotation {number}", encode_rotation(known), encode_rotation(rotation))
    return PinnedSets(tuple(statements))


def rotations_after(rotations: Iterable[Rotation], first: SetStatement) -> tuple[Rotation, ...]:
    """Leave out the rotations that a trust file has behind it: those up to the statement that it pins.

    Of what is left out nothing is verified and nothing is believed, but that the line leads through that statement.

    Args:
        rotations: *Untrusted*, parsed.
        first: The statement of the trust file.

    Raises: ConsistencyError, where the rotation of its number is another statement.
    """
    listed = tuple(rotations)
    for rotation in listed:
        if rotation.statement.sequence == first.sequence and rotation.statement != first:
            raise ConsistencyError(f"rotation {first.sequence} is not the statement that the trust file pins")
    return tuple(one for one in listed if one.statement.sequence > first.sequence)


def verify_pinned(
    accepted: AcceptedBlock, sets: PinnedSets, header: RawHeader, now: int, trusting_period_seconds: int
) -> SealedHeader:
    """Prove that a block, far or next, is final by the set pinned for its height.

    1. It can be judged now, and takes nothing back; see ``check_clock``.
    2. The set in force at its height sealed it; see ``verify_seals``.
    3. It does not contradict the accepted block.

    Args:
        accepted: *Verified*; the last block that was accepted here, or the one of the trust file.
        sets: *Verified.*
        header: *Untrusted*, parsed.
        now: The local clock, in seconds since the epoch.
        trusting_period_seconds: How long a pinned set is believed after the last block that was accepted.

    Raises:
        StaleError, RollbackError: 1 does not hold.
        UntrustedError, MalformedError, SignatureError, QuorumError: 2 does not hold.
        ForkError: 3 does not hold.
    """
    check_clock(accepted, header, now, trusting_period_seconds)  # 1
    sealed = verify_seals(header, sets.in_force(header.number))  # 2
    check_place(accepted, header, sealed.hash)  # 3
    return sealed


def _verify_signatures(rotation: Rotation, current: SetStatement) -> None:
    digest, number = rotation.statement.digest, rotation.statement.sequence
    for validator, signature in rotation.signatures.items():  # 5
        if validator not in current.validators or recover_signer(signature, digest) != validator:
            raise SignatureError(f"a signature under rotation {number} is not by a member of the set before it")
    if len(rotation.signatures) < current.threshold:  # 6
        raise QuorumError(len(rotation.signatures), current.threshold, f"signatures under rotation {number}")
