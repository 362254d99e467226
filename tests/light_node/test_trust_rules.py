"""How a trust file says that seals of validators make a header final; what is no such rule is refused at its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ledger.errors import MalformedError
from light_node.qbft.votes import MAX_EPOCH_LENGTH
from light_node.trust import Trust, TrustedBlock, encode_trust, parse_trust
from light_node.trust_rules import PinnedStatement, Source, ValidatorRule, first_statement, pinned_rule
from light_node.trust_words import describe_rule, trust_value
from tests.simulator.qbft import addresses, validators
from tests.simulator.sealed import SealedSimulator

CHAIN = SealedSimulator()
TRUSTS = {source: CHAIN.trust_since(0, source) for source in Source}
Change = Callable[[dict[str, Any]], object]


def finality_of(trust: Trust) -> tuple[Any, Any]:
    value = json.loads(encode_trust(trust))
    return value, value["finality"]


@pytest.mark.parametrize("source", Source)
def test_what_is_written_is_read_again(source: Source) -> None:
    trust = TRUSTS[source]
    assert parse_trust(encode_trust(trust)) == trust
    assert "two thirds of 4 validators" in describe_rule(trust.finality)
    assert trust_value(trust)["validators"] == [f"0x{one.hex()}" for one in addresses(validators(4))]


def listed(count: int) -> list[str]:
    return [f"0x{one.hex()}" for one in addresses(validators(count))]


COMMON: dict[str, Change] = {
    "/finality/source": lambda f: f.update(source="header"),
    "/finality/validators": lambda f: f.update(validators=[]),
    "/finality/validators/0": lambda f: f.update(validators=["0x00"]),
    "not in ascending order": lambda f: f["validators"].reverse(),
    "one of them twice": lambda f: f.update(validators=[*f["validators"], f["validators"][-1]]),
    "the zero address": lambda f: f.update(validators=["0x" + "00" * 20]),
    "unknown": lambda f: f.update(surplus=1),
    "lacks": lambda f: f.pop("validators"),
    "/validators": lambda f: f.update(validators=[f"0x{n:040x}" for n in range(1, 258)]),
}
LATER = replace(
    CHAIN.trust_since(0, Source.PINNED),
    finality=replace(CHAIN.rule(0, Source.PINNED), statement=PinnedStatement(2, 1, b"\x11" * 32)),
)
"""Pins the set of the second rotation."""
OWN: list[tuple[Source, str, Change]] = [
    (Source.CONTRACT, "/finality/contract", lambda f: f.update(contract=None)),
    (Source.CONTRACT, "lacks", lambda f: f["contract"].pop("slot")),
    (Source.CONTRACT, "unknown", lambda f: f["contract"].update(more=1)),
    (Source.CONTRACT, "/finality/contract/address", lambda f: f["contract"].update(address="0x" + "01" * 19)),
    (Source.CONTRACT, "/finality/contract/code_hash", lambda f: f["contract"].update(code_hash="0x" + "01" * 31)),
    (Source.CONTRACT, "/finality/contract/slot", lambda f: f["contract"].update(slot=-1)),
    (Source.CONTRACT, "unknown", lambda f: f.update(k=3)),
    (Source.PINNED, "/finality/k", lambda f: f.update(k=2)),
    (Source.PINNED, "/finality/k", lambda f: f.update(k=5)),
    (Source.PINNED, "/finality/k", lambda f: f.update(k="3")),
    (Source.PINNED, "lacks", lambda f: f.pop("k")),
    (Source.VOTES, "/finality/epoch_length", lambda f: f.update(epoch_length=0)),
    (Source.VOTES, "/finality/epoch_length", lambda f: f.update(epoch_length=MAX_EPOCH_LENGTH + 1)),
    (Source.VOTES, "/finality/engine_binds_proposer", lambda f: f.update(engine_binds_proposer=False)),
    (Source.VOTES, "/finality/engine_binds_proposer", lambda f: f.update(engine_binds_proposer=1)),
    (Source.VOTES, "lacks", lambda f: f.pop("engine_binds_proposer")),
]


def assert_refused(trust: Trust, change: Change, says: str) -> None:
    value, finality = finality_of(trust)
    change(finality)
    with pytest.raises(MalformedError) as caught:
        parse_trust(json.dumps(value).encode())
    assert says in str(caught.value)


@pytest.mark.parametrize("source", Source)
@pytest.mark.parametrize("says", COMMON)
def test_what_is_no_set_of_validators_is_refused(source: Source, says: str) -> None:
    assert_refused(TRUSTS[source], COMMON[says], says)


@pytest.mark.parametrize(("source", "says", "change"), OWN)
def test_what_the_source_does_not_allow_is_refused(source: Source, says: str, change: Change) -> None:
    assert_refused(TRUSTS[source], change, says)


@pytest.mark.parametrize("source", Source)
def test_validators_seal_no_plain_blocks(source: Source) -> None:
    with pytest.raises(MalformedError, match="hash rule qbft"):
        encode_trust(replace(TRUSTS[source], block_hash_rule="plain"))


@pytest.mark.parametrize("number", [1, 3, 5])
def test_votes_are_counted_from_the_first_block_of_an_epoch(number: int) -> None:
    block = TrustedBlock(number, bytes(32), 0)
    with pytest.raises(MalformedError, match="/trusted_block"):
        encode_trust(replace(TRUSTS[Source.VOTES], trusted_block=block))
    encode_trust(replace(TRUSTS[Source.CONTRACT], trusted_block=block))


# ---- a pinned set of which statement -----------------------------------------------------------------------------


def test_a_trust_file_says_which_statement_pinned_its_set() -> None:
    assert parse_trust(encode_trust(LATER)) == LATER
    assert LATER.fingerprint() != TRUSTS[Source.PINNED].fingerprint()
    rule = LATER.finality
    assert isinstance(rule, ValidatorRule)
    first = first_statement(LATER.chain_id, 0, rule)
    assert (first.sequence, first.effective_block, first.previous) == (2, 1, b"\x11" * 32)
    assert pinned_rule(first, 0) == rule
    assert trust_value(LATER)["pinned_by"] == "rotation 2, in force from block 1"
    assert "pinned_by" not in trust_value(TRUSTS[Source.PINNED])


@pytest.mark.parametrize("number", [0, 7])
def test_its_own_statement_is_not_written_out(number: int) -> None:
    plain = CHAIN.rule(0, Source.PINNED)
    own = first_statement(LATER.chain_id, number, plain)
    assert pinned_rule(own, number) == plain
    stated = pinned_rule(own, number + 1)
    assert stated.statement == PinnedStatement(0, number + 1, bytes(32))
    assert first_statement(LATER.chain_id, number + 1, stated) == own


STATEMENTS: list[tuple[str, Change]] = [
    ("/finality/statement", lambda f: f.update(statement=None)),
    ("unknown", lambda f: f["statement"].update(k=3)),
    ("lacks", lambda f: f["statement"].pop("previous")),
    ("/finality/statement/sequence", lambda f: f["statement"].update(sequence=-1)),
    ("/finality/statement/previous", lambda f: f["statement"].update(previous="0x" + "11" * 31)),
    ("/finality/statement/previous", lambda f: f["statement"].update(previous="0x" + "00" * 32)),
    ("/finality/statement/previous", lambda f: f["statement"].update(sequence=0)),
    ("/finality/statement/effective_block", lambda f: f["statement"].update(effective_block=0)),
    ("/finality/statement/effective_block", lambda f: f["statement"].update(effective_block=2)),
    ("trust file's own", lambda f: f["statement"].update(sequence=0, previous="0x" + "00" * 32)),
]


@pytest.mark.parametrize(("says", "change"), STATEMENTS)
def test_what_is_no_statement_of_a_pinned_set_is_refused(says: str, change: Change) -> None:
    assert_refused(LATER, change, says)


@pytest.mark.parametrize("source", [Source.CONTRACT, Source.VOTES])
def test_only_a_pinned_set_has_a_statement(source: Source) -> None:
    stated = {"sequence": 2, "effective_block": 1, "previous": "0x" + "11" * 32}
    assert_refused(TRUSTS[source], lambda f: f.update(statement=stated), "unknown")
