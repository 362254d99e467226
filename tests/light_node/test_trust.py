from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import MalformedError
from ledger.event import AssetType
from light_node.trust import Trust, TrustedBlock, TrustedContract, encode_trust, parse_trust
from light_node.trust_rules import WitnessRule
from tests.simulator.witnesses import WITNESSES

TRUST = Trust(
    chain_id=31337,
    block_hash_rule="plain",
    trusted_block=TrustedBlock(0, bytes(32), 1_790_000_000),
    finality=WitnessRule("test/chain", 2, tuple(witness.vkey for witness in WITNESSES), 0),
    consortium=TrustedContract(b"\x01" * 20, b"\x02" * 32),
    logs={kind: (TrustedContract(bytes((n,)) * 20, b"\x03" * 32),) for n, kind in enumerate(AssetType, 2)},
    trusting_period_seconds=30 * 86400,
    maximum_age_seconds=86400,
)
DATA = encode_trust(TRUST)


def value() -> Any:
    return json.loads(DATA)


def refused(changed: Any) -> MalformedError:
    with pytest.raises(MalformedError) as caught:
        parse_trust(json.dumps(changed).encode())
    return caught.value


def test_what_is_written_is_read_again() -> None:
    assert parse_trust(DATA) == TRUST
    assert parse_trust(json.dumps(value(), indent=2).encode()) == TRUST


def test_the_fingerprint_is_of_the_content_not_of_the_white_space() -> None:
    assert parse_trust(json.dumps(value(), indent=2).encode()).fingerprint() == TRUST.fingerprint()
    assert replace(TRUST, maximum_age_seconds=86401).fingerprint() != TRUST.fingerprint()
    assert len(TRUST.fingerprint().split()) == 16


@pytest.mark.parametrize(
    ("k", "liars", "accepted"), [(1, 0, False), (2, 0, True), (2, 1, False), (3, 2, True), (3, 3, False)]
)
def test_thresholds_with_which_two_halves_reach_k_are_refused(k: int, liars: int, accepted: bool) -> None:
    changed = value()
    changed["finality"] |= {"k": k, "tolerated_liars": liars}
    if accepted:
        parse_trust(json.dumps(changed).encode())
    else:
        assert "two histories" in str(refused(changed))


@pytest.mark.parametrize("k", [0, 4, -1, 2.0, True, "2", None])
def test_k_is_between_one_and_the_number_of_witnesses(k: object) -> None:
    changed = value()
    changed["finality"]["k"] = k
    refused(changed)


def test_a_witness_counts_once() -> None:
    changed = value()
    changed["finality"]["witnesses"][1] = changed["finality"]["witnesses"][0]
    assert "twice" in str(refused(changed))


def test_a_witness_under_two_names_counts_once() -> None:
    changed = value()
    changed["finality"]["witnesses"][1] = WITNESSES[0].vkey_under("another-name")
    assert "twice" in str(refused(changed))


@pytest.mark.parametrize("vkey", ["", "x", "name+00000000+AAAA", "+", 5, None, "a" * 600])
def test_what_is_no_witness_key_is_refused(vkey: object) -> None:
    changed = value()
    changed["finality"]["witnesses"][1] = vkey
    refused(changed)


@pytest.mark.parametrize("name", sorted(json.loads(DATA)))
def test_each_member_is_needed_and_typed(name: str) -> None:
    changed = value()
    del changed[name]
    assert name in str(refused(changed))
    for other in (None, True, "x", [], {}, 1.5, -1, {"a": 1}):
        refused(value() | {name: other})


PLACES: list[Callable[[Any], Any]] = [
    lambda v: v,
    lambda v: v["trusted_block"],
    lambda v: v["finality"],
    lambda v: v["contracts"],
    lambda v: v["contracts"]["consortium"],
    lambda v: v["contracts"]["logs"],
    lambda v: v["contracts"]["logs"]["part"][0],
]


@pytest.mark.parametrize("find", PLACES)
def test_each_object_is_strict(find: Callable[[Any], Any]) -> None:
    changed = value()
    find(changed)["surplus"] = 1
    assert "unknown" in str(refused(changed))
    for name in find(value()):
        changed = value()
        del find(changed)[name]
        assert "lacks" in str(refused(changed))


@pytest.mark.parametrize("rule", ["Plain", "ibft", "", 1])
def test_other_block_hash_rules_are_refused(rule: object) -> None:
    refused(value() | {"block_hash_rule": rule})


def test_one_address_is_one_contract() -> None:
    changed = value()
    changed["contracts"]["logs"]["part"][0]["address"] = changed["contracts"]["consortium"]["address"]
    assert "one address" in str(refused(changed))


def test_a_log_is_needed_for_each_asset_type() -> None:
    changed = value()
    changed["contracts"]["logs"]["battery"] = []
    refused(changed)


def test_a_name_twice_is_refused() -> None:
    with pytest.raises(MalformedError):
        parse_trust(DATA.replace(b'"chain_id":31337', b'"chain_id":31337,"chain_id":1'))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b"[" * 1000, b" " * (1024 * 1024 + 1)])
def test_other_bytes_are_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_trust(data)


@given(st.integers(0, len(DATA) * 8 - 1))
def test_a_flipped_bit_is_refused_or_another_trust(index: int) -> None:
    changed = bytearray(DATA)
    changed[index // 8] ^= 1 << index % 8
    with contextlib.suppress(MalformedError):
        assert parse_trust(bytes(changed)).fingerprint() != TRUST.fingerprint()


def test_nothing_is_written_that_would_be_refused() -> None:
    with pytest.raises(MalformedError):
        encode_trust(replace(TRUST, chain_id=0))
