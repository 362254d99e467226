"""How a header becomes final, as a trust file says it: by witnesses' checkpoints, or by validators' seals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from ledger.errors import MalformedError
from ledger.event import Json
from ledger.proof.cosignature import check_threshold, parse_vkey
from ledger.proof.evidence_fields import FieldReader, encode_hexadecimal
from ledger.proof.qbft_extra import MAX_VALIDATORS
from ledger.strict_json import MAX_INTEGER
from light_node.qbft.rotation import SetStatement
from light_node.qbft.seals import ADDRESS_BYTES, check_validators, quorum_of
from light_node.qbft.votes import MAX_EPOCH_LENGTH

MAX_WITNESSES = 256
MAX_WITNESS_CHARACTERS = 512
MAX_ORIGIN_CHARACTERS = 256

_read = FieldReader("trust file")
_AT = "/finality"
_WITNESSES = frozenset({"rule", "origin", "k", "witnesses", "tolerated_liars"})
_VALIDATORS = frozenset({"rule", "source", "validators"})
_CONTRACT = frozenset({"address", "code_hash", "slot"})
_STATEMENT = frozenset({"sequence", "effective_block", "previous"})


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


def parse_rule(value: Json) -> FinalityRule:
    """Read ``finality`` of a trust file.

    Raises:
        MalformedError: Another rule, a name missing or unknown, a key or validator twice, a threshold with which two
            histories could both be signed, or votes of an engine that does not bind them to the proposer.
    """
    if isinstance(value, dict) and value.get("rule") == "validators":
        return _validators(value)
    return _witnesses(value)


def rule_value(rule: FinalityRule) -> dict[str, Json]:
    """As JSON takes it; ``parse_rule`` returns the same value."""
    if isinstance(rule, WitnessRule):
        return {
            "rule": "witnesses",
            "origin": rule.origin,
            "k": rule.threshold,
            "witnesses": [*rule.witnesses],
            "tolerated_liars": rule.tolerated_liars,
        }
    listed: list[Json] = [encode_hexadecimal(one) for one in rule.validators]
    value: dict[str, Json] = {"rule": "validators", "source": str(rule.source), "validators": listed}
    return value | _more(rule)


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


def _more(rule: ValidatorRule) -> dict[str, Json]:
    if rule.contract is not None:
        address, code_hash = encode_hexadecimal(rule.contract.address), encode_hexadecimal(rule.contract.code_hash)
        return {"contract": {"address": address, "code_hash": code_hash, "slot": rule.contract.slot}}
    if rule.source is Source.PINNED:
        return {"k": rule.threshold} | _statement_value(rule.statement)
    return {"epoch_length": rule.epoch_length, "engine_binds_proposer": True}


def _statement_value(statement: PinnedStatement | None) -> dict[str, Json]:
    if statement is None:
        return {}
    sequence, effective = statement.sequence, statement.effective_block
    previous = encode_hexadecimal(statement.previous)
    return {"statement": {"sequence": sequence, "effective_block": effective, "previous": previous}}


def _witnesses(value: Json) -> WitnessRule:
    fields = _read.members(value, _WITNESSES, _AT)
    _read.constant(fields["rule"], "witnesses", f"{_AT}/rule")
    items = _read.items(fields["witnesses"], f"{_AT}/witnesses", least=1, most=MAX_WITNESSES)
    keys = tuple(_read.text(item, f"{_AT}/witnesses/{n}", most=MAX_WITNESS_CHARACTERS) for n, item in enumerate(items))
    rule = WitnessRule(
        origin=_read.text(fields["origin"], f"{_AT}/origin", most=MAX_ORIGIN_CHARACTERS),
        threshold=_read.integer(fields["k"], f"{_AT}/k", least=1, most=len(keys)),
        witnesses=keys,
        tolerated_liars=_read.integer(fields["tolerated_liars"], f"{_AT}/tolerated_liars", most=len(keys)),
    )
    check_threshold(rule.threshold, len(rule.witnesses), rule.tolerated_liars)
    # A key under two names would count twice.
    if len({parse_vkey(witness).public_key for witness in rule.witnesses}) != len(rule.witnesses):
        raise MalformedError("trust file", "one witness key twice", f"{_AT}/witnesses")
    return rule


def _validators(value: Mapping[str, Json]) -> ValidatorRule:
    source = next((one for one in Source if value.get("source") == one), None)
    if source is None:
        raise MalformedError("trust file", f"one of {', '.join(Source)} is needed", f"{_AT}/source")
    if source is Source.CONTRACT:
        fields = _read.members(dict(value), _VALIDATORS | {"contract"}, _AT)
        return ValidatorRule(source, _set(fields["validators"]), contract=_contract(fields["contract"]))
    if source is Source.PINNED:
        return _pinned(value)
    fields = _read.members(dict(value), _VALIDATORS | {"epoch_length", "engine_binds_proposer"}, _AT)
    if fields["engine_binds_proposer"] is not True:
        raise MalformedError(
            "trust file", "votes of an engine that does not bind them to the proposer", f"{_AT}/engine_binds_proposer"
        )
    epoch_length = _read.integer(fields["epoch_length"], f"{_AT}/epoch_length", least=1, most=MAX_EPOCH_LENGTH)
    return ValidatorRule(source, _set(fields["validators"]), epoch_length=epoch_length)


def _pinned(value: Mapping[str, Json]) -> ValidatorRule:
    names = {"k", "statement"} if "statement" in value else {"k"}
    fields = _read.members(dict(value), _VALIDATORS | names, _AT)
    pinned = _set(fields["validators"])
    k = _read.integer(fields["k"], f"{_AT}/k", least=quorum_of(len(pinned)), most=len(pinned))
    statement = _statement(fields["statement"]) if "statement" in value else None
    return ValidatorRule(Source.PINNED, pinned, threshold=k, statement=statement)


def _statement(value: Json) -> PinnedStatement:
    at = f"{_AT}/statement"
    fields = _read.members(value, _STATEMENT, at)
    statement = PinnedStatement(
        sequence=_read.integer(fields["sequence"], f"{at}/sequence", most=MAX_INTEGER),
        effective_block=_read.integer(fields["effective_block"], f"{at}/effective_block", least=1, most=MAX_INTEGER),
        previous=_read.hexadecimal(fields["previous"], f"{at}/previous", length=32),
    )
    if (statement.sequence == 0) != (statement.previous == bytes(32)):
        raise MalformedError("trust file", "the first statement alone has none before it", f"{at}/previous")
    return statement


def _set(value: Json) -> tuple[bytes, ...]:
    at = f"{_AT}/validators"
    items = _read.items(value, at, least=1, most=MAX_VALIDATORS)
    validators = tuple(_read.hexadecimal(item, f"{at}/{n}", length=ADDRESS_BYTES) for n, item in enumerate(items))
    check_validators(validators)
    if list(validators) != sorted(validators):
        raise MalformedError("trust file", "validators that are not in ascending order", at)
    return validators


def _contract(value: Json) -> ValidatorContract:
    at = f"{_AT}/contract"
    fields = _read.members(value, _CONTRACT, at)
    return ValidatorContract(
        address=_read.hexadecimal(fields["address"], f"{at}/address", length=ADDRESS_BYTES),
        code_hash=_read.hexadecimal(fields["code_hash"], f"{at}/code_hash", length=32),
        slot=_read.integer(fields["slot"], f"{at}/slot", most=MAX_INTEGER),
    )
