"""Slots and packed words: as Solidity lays them out, and as our contracts declare them."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import artefact
from ledger.errors import MalformedError
from ledger.proof import slots
from tests.ledger.proof.vectors import Vector, assert_refused, octets, vectors

PARSERS = (slots.parse_issuer_key, slots.parse_namespace_grant, slots.parse_member, slots.parse_address)


@vectors("slots")
def test_where_our_contracts_keep_things(vector: Vector) -> None:
    arguments = [octets(one) if isinstance(one, str) else one for one in vector["arguments"]]
    assert getattr(slots, vector["function"])(*arguments) == octets(vector["slot"])


def parse(vector: Vector) -> Any:
    return getattr(slots, vector["function"])(int.from_bytes(octets(vector["word"]), "big"))


@vectors("slots", "words", refused=False)
def test_packed_words(vector: Vector) -> None:
    found, expected = parse(vector), vector["value"]
    if isinstance(expected, str):
        assert found == octets(expected)
    else:
        assert found is expected is None or list(astuple(found)) == expected


@vectors("slots", "words", refused=True)
def test_bits_beyond_the_layout_are_refused(vector: Vector) -> None:
    assert_refused(vector, lambda: parse(vector))


@given(st.integers(-1, 2**256 - 1) | st.integers(0, 255).map(lambda bit: 1 << bit))
def test_any_word_is_a_value_or_malformed(word: int) -> None:
    for one in PARSERS:
        try:
            one(word)
        except MalformedError:
            assert not 0 <= word < 2**80


def test_the_numbers_are_those_of_the_compiled_contracts() -> None:
    consortium = artefact("Consortium").slots
    assert consortium["_members"] == slots.MEMBERS_SLOT
    assert consortium["_issuerKeys"] == slots.ISSUER_KEYS_SLOT
    assert consortium["_namespaces"] == slots.NAMESPACES_SLOT
    assert consortium["_validators"] == slots.VALIDATORS_SLOT
    for name in ("BatteryPassport", "VehicleHistory", "PartsProvenance"):
        log = artefact(name).slots
        assert (log["_heads"], log["successor"]) == (slots.HEAD_SLOT, slots.SUCCESSOR_SLOT)


def test_an_array_wraps_at_the_last_slot() -> None:
    start = int.from_bytes(slots.array_slot(0, 0), "big")
    assert slots.array_slot(0, 2**256 - start) == bytes(32)


@pytest.mark.parametrize("key", [b"", bytes(20), bytes(31), bytes(33)])
def test_a_key_of_a_mapping_is_a_word(key: bytes) -> None:
    with pytest.raises(ValueError, match=f"a key of {len(key)} bytes"):
        slots.mapping_slot(key, 0)
    with pytest.raises(ValueError, match="a key of"):
        slots.head_slot(key)


def test_no_two_slots_meet() -> None:
    word, address = bytes(range(32)), bytes(range(20))
    found = [
        slots.head_slot(word),
        slots.member_slot(address),
        slots.issuer_key_slot(7, word),
        slots.issuer_key_slot(8, word),
        slots.namespace_slot(word),
        *(slots.namespace_element_slot(word, index) for index in range(slots.MAX_NAMESPACE_GRANTS)),
    ]
    assert len(set(found)) == len(found)
