"""The extra data of a QBFT header: validators, a vote, the round and the commit seals.

::

    extraData = RLP([vanity, [validator …], vote, round, [seal …]])
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.errors import MalformedError
from ledger.proof.rlp import RlpItem, encode_integer, encode_rlp, parse_integer, parse_rlp

MAX_EXTRA_BYTES = 32 * 1024
MAX_VALIDATORS = 256
_WHAT = "QBFT extra data"
_VANITY_BYTES, _ADDRESS_BYTES, _SEAL_BYTES, _ROUND_BYTES = 32, 20, 65, 4
_ADD = b"\xff"


@dataclass(frozen=True, slots=True)
class ValidatorVote:
    """A proposer's vote to add or remove a validator (20 bytes); to be ignored unless the trust file allows votes."""

    validator: bytes
    adds: bool


@dataclass(frozen=True, slots=True)
class QbftExtra:
    """The extra data of a QBFT header; the list of validators in it is a claim of the proposer.

    Attributes:
        vanity: 32 bytes.
        validators: 20 bytes each.
        vote: Or None.
        round: Round in which the block was sealed; not part of the block hash.
        seals: Commit seals r ‖ s ‖ v, 65 bytes each; not part of the block hash, and other nodes may hold others.
    """

    vanity: bytes
    validators: tuple[bytes, ...]
    vote: ValidatorVote | None
    round: int
    seals: tuple[bytes, ...]


def parse_qbft_extra(data: bytes) -> QbftExtra:
    """Parse the extra data of a QBFT header.

    Args:
        data: *Untrusted*.

    Raises:
        MalformedError: Another number or kind of parts, over ``MAX_VALIDATORS`` validators or seals, a wrong length.

    Source: EEA QBFT Blockchain Protocol Specification 1.0; blocks recorded from GoQuorum 24.4.1.
    """
    parts = parse_rlp(data, max_bytes=MAX_EXTRA_BYTES)
    if isinstance(parts, bytes) or len(parts) != 5:
        raise MalformedError(_WHAT, "not vanity, validators, vote, round and seals")
    vanity, validators, vote, number, seals = parts
    if not isinstance(vanity, bytes) or len(vanity) != _VANITY_BYTES or not isinstance(number, bytes):
        raise MalformedError(_WHAT, "vanity or round is not in its format")
    return QbftExtra(
        vanity,
        _parse_strings(validators, _ADDRESS_BYTES, "validators"),
        _parse_vote(vote),
        parse_integer(number, _ROUND_BYTES, "QBFT round"),
        _parse_strings(seals, _SEAL_BYTES, "commit seals"),
    )


def encode_qbft_extra(extra: QbftExtra) -> bytes:
    """Write extra data; ``parse_qbft_extra`` returns the same value."""
    vote = [] if extra.vote is None else [extra.vote.validator, _ADD if extra.vote.adds else b""]
    return encode_rlp([extra.vanity, extra.validators, vote, encode_integer(extra.round), extra.seals])


def _parse_strings(items: RlpItem, length: int, what: str) -> tuple[bytes, ...]:
    strings = tuple([item for item in items if isinstance(item, bytes) and len(item) == length])
    if isinstance(items, bytes) or len(strings) != len(items) or len(items) > MAX_VALIDATORS:
        raise MalformedError(_WHAT, f"{what} are not at most {MAX_VALIDATORS} times {length} bytes")
    return strings


def _parse_vote(vote: RlpItem) -> ValidatorVote | None:
    if vote == []:
        return None
    validator, adds = vote if not isinstance(vote, bytes) and len(vote) == 2 else (b"", b"")
    if not isinstance(validator, bytes) or len(validator) != _ADDRESS_BYTES or adds not in (b"", _ADD):
        raise MalformedError(_WHAT, "not a vote")
    return ValidatorVote(validator, adds == _ADD)
