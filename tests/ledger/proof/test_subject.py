"""Pseudonyms: each part of an asset's name decides, and none can be moved into another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof.subject import namespace_id, subject
from tests.ledger.proof.vectors import Vector, octets, vectors

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
TYPES = st.sampled_from(["battery", "vehicle", "part"])
SALTS = st.binary(min_size=32, max_size=32)
ASSETS = st.tuples(st.integers(0, 2**32 - 1), TYPES, TEXTS, SALTS)


def run(vector: Vector) -> bytes:
    return subject(vector["organisation"], vector["asset_type"], vector["identifier"], octets(vector["salt"]))


@vectors("subject", refused=False)
def test_subjects(vector: Vector) -> None:
    assert run(vector) == octets(vector["subject"])


@vectors("subject", refused=True)
def test_what_makes_no_subject(vector: Vector) -> None:
    with pytest.raises((ValueError, OverflowError)) as caught:
        run(vector)
    assert type(caught.value).__name__ == vector["error"]


@vectors("subject", "namespaces")
def test_namespaces(vector: Vector) -> None:
    assert namespace_id(vector["scheme"], vector["prefix"]) == octets(vector["id"])


@given(ASSETS, ASSETS)
def test_other_assets_have_other_subjects(one: tuple[int, str, str, bytes], other: tuple[int, str, str, bytes]) -> None:
    assert (subject(*one) == subject(*other)) is (one == other)
    assert int.from_bytes(subject(*one)[:4], "big") == one[0]


@given(st.integers(0, 255), st.text("0123456789ABCXYZ", max_size=16), st.integers(0, 255))
def test_schemes_do_not_share_prefixes(scheme: int, prefix: str, other: int) -> None:
    assert (namespace_id(scheme, prefix) == namespace_id(other, prefix)) is (scheme == other)
