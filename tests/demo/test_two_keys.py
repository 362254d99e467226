"""One ciphertext under two keys: against the library, not against ourselves."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.demo.double_capsule import make_double_capsule
from ledger.demo.two_keys import two_key_text

FREE = 40
KEYS = st.binary(min_size=32, max_size=32)


@settings(max_examples=25)
@given(
    KEYS,
    KEYS,
    st.binary(min_size=12, max_size=12),
    st.binary(max_size=40),
    st.binary(max_size=100),
    st.binary(max_size=100),
)
def test_ciphertext_opens_under_both_keys(
    first: bytes, second: bytes, nonce: bytes, header: bytes, before: bytes, after: bytes
) -> None:
    if first == second:
        return
    free = range(len(before), len(before) + FREE)
    text = two_key_text(before + b"?" * FREE + after, free, (first, second), nonce, header)
    assert text[: len(before)] == before
    assert text[len(before) + FREE :] == after
    assert all(0x60 <= character <= 0x6F for character in text[len(before) : len(before) + FREE])
    sealed = AESGCM(first).encrypt(nonce, text, header)
    assert AESGCM(second).decrypt(nonce, sealed, header) != text


def test_too_few_free_characters_have_no_solution() -> None:
    with pytest.raises(ValueError, match="no solution"):
        two_key_text(bytes(64), range(8, 16), (bytes(32), b"1" * 32), bytes(12), b"")


@pytest.mark.parametrize("size", [1, 15, 16, 17, 1000])
def test_double_capsule_tells_something_else_under_its_second_key(size: int) -> None:
    told = b"x" * size
    double = make_double_capsule(("disclosure",), told)
    assert double.under(double.second).endswith(told)
    assert not double.under(double.first).endswith(told) or size == 1
    with pytest.raises(InvalidTag):
        double.under(bytes(32))
