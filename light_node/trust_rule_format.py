"""The JSON form of a rule of finality: read from an untrusted trust file, and written."""

from __future__ import annotations

from collections.abc import Mapping

from ledger.errors import MalformedError
from ledger.event import Json
from ledger.proof.cosignature import check_threshold, parse_vkey
from ledger.proof.evidence_fields import FieldReader, encode_hexadecimal
from ledger.proof.qbft_extra import MAX_VALIDATORS
from ledger.strict_json import MAX_INTEGER
from light_node.qbft.seals import ADDRESS_BYTES, check_validators, quorum_of
from light_node.qbft.votes import MAX_EPOCH_LENGTH
from light_node.trust_rules import (
    FinalityRule,
    PinnedStatement,
    Source,
    ValidatorContract,
    ValidatorRule,
    WitnessRule,
)

MAX_WITNESSES = 256
MAX_WITNESS_CHARACTERS = 512
MAX_ORIGIN_CHARACTERS = 256
_read = FieldReader("trust file")
_AT = "/finality"
_WITNESSES = frozenset({"rule", "origin", "k", "witnesses", "tolerated_liars"})
_VALIDATORS = frozenset({"rule", "source", "validators"})
_CONTRACT = frozenset({"address", "code_hash", "slot"})
_STATEMENT = frozenset({"sequence", "effective_block", "previous"})


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
