"""How a header becomes final, as a trust file says it: by witnesses' checkpoints, or by validators' seals."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from ledger.errors import MalformedError
from light_node.qbft.rotation import SetStatement

_AT = "/finality"


@dataclass(frozen=True, slots=True)
class WitnessRule:
    """Finality by cosigned checkpoints: ``threshold`` of ``witnesses``.

    Attributes:
        origin: First line of the checkpoints.
        threshold: k, how many distinct witnesses must have signed.
        witnesses: Verifier keys (C2SP signed-note vkey), each once.
        tolerated_liars: How many witnesses may sign two histories without two halves reaching ``threshold``.
    """

    origin: str
    threshold: int
    witnesses: tuple[str, ...]
    tolerated_liars: int


class Source(StrEnum):
    """Where the set of validators in force comes from after the one in the trust file."""

    CONTRACT = "contract"
    PINNED = "pinned"
    VOTES = "votes"


@dataclass(frozen=True, slots=True)
class ValidatorContract:
    """The contract that governs the validators.

    Attributes:
        address: 20 bytes.
        code_hash: keccak256 of its code, 32 bytes.
        slot: Where its list ``address[]`` stands.
    """

    address: bytes
    code_hash: bytes
    slot: int


@dataclass(frozen=True, slots=True)
class PinnedStatement:
    """Which of a line of statements pinned the set of a trust file, where it is not the trust file's own.

    Attributes:
        sequence: Rotations before and up to it; 0 for the one that the line began with.
        effective_block: First block that its set seals.
        previous: Digest of the statement before, 32 bytes; zeros for the first.
    """

    sequence: int
    effective_block: int
    previous: bytes


@dataclass(frozen=True, slots=True)
class ValidatorRule:
    """Finality by QBFT commit seals: ceil(2N/3) of the set in force.

    Attributes:
        source: How the set changes.
        validators: In force for the block after the trusted one, 20 bytes each, ascending.
        contract: Where ``source`` is ``contract``.
        threshold: k, how many must sign a rotation, where ``source`` is ``pinned``; else 0.
        statement: Where ``source`` is ``pinned`` and the set was pinned before the trusted block: by which statement.
        epoch_length: Blocks between two resets of the tally, where ``source`` is ``votes``; else 0. Votes are believed
            only from an engine that binds coinbase and list to the proposer; the trust file has to say so.
    """

    source: Source
    validators: tuple[bytes, ...]
    contract: ValidatorContract | None = None
    threshold: int = 0
    epoch_length: int = 0
    statement: PinnedStatement | None = None


FinalityRule: TypeAlias = WitnessRule | ValidatorRule


def first_statement(chain_id: int, number: int, rule: ValidatorRule) -> SetStatement:
    """The statement of a trust file that pins validators, which the first rotation names and follows.

    Args:
        chain_id: Of the trust file.
        number: Height of its trusted block; its validators seal from the next one on.
        rule: With the source ``pinned``.
    """
    own = rule.statement or _own_statement(number)
    return SetStatement(chain_id, own.sequence, own.effective_block, rule.threshold, own.previous, rule.validators)


def pinned_rule(statement: SetStatement, number: int) -> ValidatorRule:
    """The rule of a trust file that pins the set of a statement at block ``number``; see ``first_statement``."""
    own = PinnedStatement(statement.sequence, statement.effective_block, statement.previous)
    stated = None if own == _own_statement(number) else own
    return ValidatorRule(Source.PINNED, statement.validators, threshold=statement.threshold, statement=stated)


def check_beginning(rule: FinalityRule, number: int) -> None:
    """Refuse a trusted block that validators cannot be counted on from.

    Raises: MalformedError, where votes decide and ``number`` is not the first of an epoch (open votes may be
        unknown), or where a set was pinned from a later block on, or by the trust file's own statement: that is not
        written out.
    """
    if not isinstance(rule, ValidatorRule):
        return
    if rule.source is Source.VOTES and number % rule.epoch_length:
        raise MalformedError("trust file", "votes are counted from the first block of an epoch", "/trusted_block")
    if rule.statement is not None and rule.statement.effective_block > number + 1:
        raise MalformedError("trust file", "a set that is not in force yet", f"{_AT}/statement/effective_block")
    if rule.statement == _own_statement(number):
        raise MalformedError("trust file", "a statement that is the trust file's own", f"{_AT}/statement")


def _own_statement(number: int) -> PinnedStatement:
    return PinnedStatement(0, number + 1, bytes(32))
