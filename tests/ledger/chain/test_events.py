"""Decoding by slices is what web3 decodes; anything else is refused."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st
from web3 import Web3
from web3._utils.events import get_event_data

from contracts import artefact
from ledger.chain import calls
from ledger.chain.answers import Log
from ledger.chain.contracts import governance_abis
from ledger.chain.events import ATTESTED, ATTESTED_MANY, GovernanceDecoder, attestations_of
from ledger.errors import RejectedError
from ledger.proof.keccak import keccak256

WORD = st.binary(min_size=32, max_size=32)
CODEC = Web3().codec
ABI = {entry["name"]: entry for entry in artefact("BatteryPassport").abi if entry["type"] == "event"}
LOG_CONTRACT = Web3().eth.contract(abi=artefact("BatteryPassport").abi)


def _log(topics: list[bytes], data: bytes) -> Log:
    return Log(bytes(20), tuple(topics), data, 1, bytes(32), bytes(32), 0)


def _by_web3(name: str, log: Log) -> dict[str, object]:
    receipt = {
        "address": "0x" + "00" * 20,
        "topics": log.topics,
        "data": log.data,
        "blockNumber": 1,
        "blockHash": log.block_hash,
        "transactionHash": log.transaction_hash,
        "logIndex": 0,
        "transactionIndex": 0,
    }
    return dict(get_event_data(CODEC, cast(Any, ABI[name]), cast(Any, receipt))["args"])


@given(WORD, WORD, WORD)
def test_attested_is_what_web3_reads(subject: bytes, digest: bytes, meta: bytes) -> None:
    log = _log([ATTESTED, subject], digest + meta)
    oracle = _by_web3("Attested", log)
    assert list(attestations_of(log)) == [(oracle["subject"], oracle["digest"], meta)]
    assert oracle["meta"] == int.from_bytes(meta, "big")


@given(st.integers(0, 2**256 - 1), st.lists(st.tuples(WORD, WORD), max_size=20))
def test_attested_many_is_what_web3_reads(meta: int, pairs: list[tuple[bytes, bytes]]) -> None:
    log = _log([ATTESTED_MANY, bytes(32)], encode(["uint256", "bytes32[2][]"], [meta, pairs]))
    oracle = _by_web3("AttestedMany", log)
    found = list(attestations_of(log))
    assert [list(entry[:2]) for entry in found] == [list(pair) for pair in oracle["pairs"]]  # type: ignore[attr-defined]
    assert all(int.from_bytes(entry[2], "big") == meta for entry in found)


@given(st.lists(st.tuples(WORD, st.integers(0, 2**16 - 1), WORD), min_size=1, max_size=20), WORD)
def test_calldata_is_what_web3_writes(items: list[tuple[bytes, int, bytes]], head: bytes) -> None:
    subject, kind, digest = items[0]
    ours = [
        calls.attest(subject, kind, digest),
        calls.attest_if(subject, kind, digest, head),
        calls.attest_many(items),
        calls.attest_pairs(kind, [(one, other) for one, _, other in items]),
        calls.attest_series(subject, kind, [one for _, _, one in items]),
    ]
    theirs = [
        ("attest", [subject, kind, digest]),
        ("attestIf", [subject, kind, digest, head]),
        ("attestMany", [items]),
        ("attestPairs", [kind, [[one, other] for one, _, other in items]]),
        ("attestSeries", [subject, kind, [one for _, _, one in items]]),
    ]
    for data, (name, arguments) in zip(ours, theirs, strict=True):
        assert f"0x{data.hex()}" == LOG_CONTRACT.encode_abi(name, args=arguments)


@given(st.sampled_from([ATTESTED, ATTESTED_MANY]), st.lists(WORD, max_size=3), st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(event: bytes, topics: list[bytes], data: bytes) -> None:
    try:
        found = list(attestations_of(_log([event, *topics], data)))
    except RejectedError:
        return
    assert all(len(part) == 32 for entry in found for part in entry)


@pytest.mark.parametrize("cut", [1, 31, 32, 64, 95])
def test_truncated_pairs_are_refused(cut: int) -> None:
    data = encode(["uint256", "bytes32[2][]"], [1, [(bytes(32), bytes(32))]])
    with pytest.raises(RejectedError):
        list(attestations_of(_log([ATTESTED_MANY, bytes(32)], data[:-cut])))


def test_a_count_beyond_the_data_is_refused() -> None:
    data = (1).to_bytes(32, "big") + (64).to_bytes(32, "big") + (2**200).to_bytes(32, "big")
    with pytest.raises(RejectedError):
        list(attestations_of(_log([ATTESTED_MANY, bytes(32)], data)))


def test_other_events_are_no_attestations() -> None:
    assert list(attestations_of(_log([bytes(32), bytes(32)], bytes(64)))) == []


@given(st.binary(max_size=300), st.lists(WORD, max_size=3), st.integers(0, 40))
def test_governance_is_read_or_refused(data: bytes, topics: list[bytes], number: int) -> None:
    entries = [entry for abi in governance_abis() for entry in abi if entry["type"] == "event"]
    entry = entries[number % len(entries)]
    kinds = [one["type"] if one["type"] != "tuple" else _tuple(one) for one in entry["inputs"]]
    first = keccak256(f"{entry['name']}({','.join(kinds)})".encode())
    try:
        fact = GovernanceDecoder(*governance_abis()).decode(_log([first, *topics], data))
    except RejectedError:
        return
    assert fact is None or json.loads(json.dumps(fact.arguments)) == fact.arguments


def _tuple(entry: dict[str, object]) -> str:
    components: list[dict[str, str]] = entry["components"]  # type: ignore[assignment]
    return f"({','.join(one['type'] for one in components)})"
