"""Keccak-256: known answers, the other library, and that it is not SHA3-256."""

from __future__ import annotations

import builtins
import hashlib
import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from Crypto.Hash import keccak as pycryptodome
from hypothesis import given
from hypothesis import strategies as st

from ledger.proof import keccak

KNOWN = {
    b"": "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
    b"abc": "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45",
    b"transfer(address,uint256)": "a9059cbb2ab09eb219583f4a59a5d0623ade346d962bcd4e46b11da047c9049b",
}


@pytest.fixture
def other_library(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The module as it is on platforms that have no wheel of the fast library."""
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "sha3":
            raise ImportError(name)
        return real(name, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(builtins, "__import__", without)
        importlib.reload(keccak)
    yield keccak
    importlib.reload(keccak)


@pytest.mark.parametrize("data", KNOWN)
def test_known_answers(data: bytes) -> None:
    assert keccak.keccak256(data).hex() == KNOWN[data]
    assert keccak.keccak256(data) != hashlib.sha3_256(data).digest()


def test_known_answers_of_the_slower_library(other_library: Any) -> None:
    assert other_library.keccak256.__module__ == "ledger.proof.keccak"
    for data, digest in KNOWN.items():
        assert other_library.keccak256(data).hex() == digest


@given(st.binary(max_size=300))
def test_both_libraries_agree(data: bytes) -> None:
    assert keccak.keccak256(data) == pycryptodome.new(digest_bits=256, data=data).digest()
