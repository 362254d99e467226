"""A trust file in words for people, and as JSON for machines."""

from __future__ import annotations

from ledger.event import Json
from ledger.proof.evidence_fields import encode_hexadecimal
from light_node.trust import Trust
from light_node.trust_rules import FinalityRule, Source, WitnessRule
from light_node.verdict import time_text


def describe_rule(rule: FinalityRule) -> str:
    """Tell in a line who makes a header final."""
    if isinstance(rule, WitnessRule):
        return f"{rule.threshold} of {len(rule.witnesses)} witnesses, {rule.tolerated_liars} may lie"
    count = len(rule.validators)
    changes = {
        Source.CONTRACT: "then those of the contract",
        Source.PINNED: f"changed by {rule.threshold} of them",
        Source.VOTES: "changed by votes in headers",
    }
    return f"two thirds of {count} validators, {changes[rule.source]}"


def members_of(rule: FinalityRule) -> tuple[str, ...]:
    """Witness keys, or addresses of validators."""
    return rule.witnesses if isinstance(rule, WitnessRule) else tuple(map(encode_hexadecimal, rule.validators))


def trust_value(trust: Trust) -> dict[str, Json]:
    """As JSON takes it, for a person to read or a program to compare; ``encode_trust`` writes the file itself."""
    rule, listed = trust.finality, [*members_of(trust.finality)]
    value: dict[str, Json] = {
        "fingerprint": trust.fingerprint(),
        "chain_id": trust.chain_id,
        "trusted_block": f"{trust.trusted_block.number} {encode_hexadecimal(trust.trusted_block.hash)}",
        "trusted_block_time": time_text(trust.trusted_block.time),
        "block_hash_rule": trust.block_hash_rule,
        "rule": describe_rule(rule),
    }
    if isinstance(rule, WitnessRule):
        value["origin"] = rule.origin
    elif rule.statement is not None:
        value["pinned_by"] = f"rotation {rule.statement.sequence}, in force from block {rule.statement.effective_block}"
    value["consortium"] = encode_hexadecimal(trust.consortium.address)
    value |= {f"{kind} log": encode_hexadecimal(logs[-1].address) for kind, logs in trust.logs.items()}
    value["trusting_period_seconds"] = trust.trusting_period_seconds
    value["maximum_age_seconds"] = trust.maximum_age_seconds
    return value | {"witnesses" if isinstance(rule, WitnessRule) else "validators": [*listed]}
