"""Recipients' keys, and what is sealed for them."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.credential.base64url import parse_base64url
from ledger.credential.recipient import (
    SEALED_BYTES,
    RecipientPrivateKey,
    SuiteName,
    generate_recipient_key,
    open_sealed,
    parse_recipient_jwk,
    parse_recipient_private,
    seal_for,
)
from ledger.errors import ContentMismatchError, MalformedError
from tests.ledger.credential.builders import encode, seeded

SUITES = list(SuiteName)
SECRET = seeded("secret")(32)


def key_of(suite: SuiteName, label: str = "recipient") -> RecipientPrivateKey:
    return generate_recipient_key(seeded(label), suite)


def jwk_of(suite: SuiteName) -> dict[str, Any]:
    return dict(key_of(suite).public.jwk)


def test_hybrid_is_the_default() -> None:
    assert generate_recipient_key(seeded("x")).public.suite is SuiteName.HYBRID


@pytest.mark.parametrize("suite", SUITES)
def test_a_key_is_read_back(suite: SuiteName) -> None:
    key = key_of(suite)
    assert parse_recipient_jwk(jwk_of(suite)) == key.public
    again = parse_recipient_private(suite, key.data)
    assert again.public == key.public
    assert open_sealed(again, seal_for(key.public, SECRET, b"info"), b"info") == SECRET
    assert key.data.hex() not in repr(key)


def test_the_hybrid_key_is_both_keys_one_after_the_other() -> None:
    key = key_of(SuiteName.HYBRID)
    ml_kem = MLKEM768PrivateKey.from_seed_bytes(key.data[:64]).public_key().public_bytes_raw()
    x25519 = parse_recipient_private(SuiteName.X25519, key.data[64:]).public.jwk["x"]
    assert len(ml_kem) == 1184
    assert parse_base64url(key.public.jwk["pub"], "pub") == ml_kem + parse_base64url(x25519, "x")


@pytest.mark.parametrize("suite", SUITES)
def test_the_key_id_is_the_thumbprint(suite: SuiteName) -> None:
    jwk = jwk_of(suite)
    text = "{" + ",".join(f'"{name}":"{jwk[name]}"' for name in sorted(jwk)) + "}"
    assert key_of(suite).public.thumbprint == sha256(text.encode()).digest()


@pytest.mark.parametrize("suite", SUITES)
def test_every_flipped_bit_of_a_sealed_key_is_refused(suite: SuiteName) -> None:
    key = key_of(suite)
    sealed = seal_for(key.public, SECRET, b"info")
    assert len(sealed) == SEALED_BYTES[suite]
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1 << place % 8
        with pytest.raises(ContentMismatchError):
            open_sealed(key, bytes(changed), b"info")


@pytest.mark.parametrize("suite", SUITES)
def test_another_key_context_or_length_is_refused(suite: SuiteName) -> None:
    key = key_of(suite)
    sealed = seal_for(key.public, SECRET, b"info")
    cases = [(key_of(suite, "other"), sealed, b"info"), (key, sealed, b"infp"), (key, sealed, b""), (key, b"", b"info")]
    other = key_of(next(name for name in SUITES if name is not suite))
    for private, data, info in [
        *cases,
        (key, sealed[:-1], b"info"),
        (key, sealed + b"x", b"info"),
        (other, sealed, b"info"),
    ]:
        with pytest.raises(ContentMismatchError):
            open_sealed(private, data, info)


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize(
    "change",
    [{"d": "AA"}, {"kid": "x"}, {"use": "enc"}, {"kty": "EC"}, {"kty": "oct"}, {"kty": ""}, {"kty": None}, {"": ""}],
)
def test_a_key_with_other_members_is_refused(suite: SuiteName, change: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        parse_recipient_jwk(jwk_of(suite) | change)


@pytest.mark.parametrize("suite", SUITES)
def test_a_key_without_a_member_is_refused(suite: SuiteName) -> None:
    jwk = jwk_of(suite)
    for name in jwk:
        with pytest.raises(MalformedError):
            parse_recipient_jwk({other: jwk[other] for other in jwk if other != name})


@pytest.mark.parametrize("name", ["Ed25519", "X448", "P-256", "x25519", "", "MLKEM768-X25519"])
def test_another_curve_or_algorithm_is_refused(name: str) -> None:
    with pytest.raises(MalformedError):
        parse_recipient_jwk(jwk_of(SuiteName.X25519) | {"crv": name})
    if name != "MLKEM768-X25519":
        with pytest.raises(MalformedError):
            parse_recipient_jwk(jwk_of(SuiteName.HYBRID) | {"alg": name})


SMALL_ORDER = [
    bytes(32),
    (1).to_bytes(32, "little"),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    (2**255 - 20).to_bytes(32, "little"),
]


@pytest.mark.parametrize("point", SMALL_ORDER)
def test_a_point_of_small_order_is_refused(point: bytes) -> None:
    with pytest.raises(MalformedError, match="small order"):
        parse_recipient_jwk({"kty": "OKP", "crv": "X25519", "x": encode(point)})
    hybrid = encode(MLKEM768PrivateKey.from_seed_bytes(bytes(64)).public_key().public_bytes_raw() + point)
    with pytest.raises(MalformedError, match="small order"):
        parse_recipient_jwk({"kty": "AKP", "alg": "MLKEM768-X25519", "pub": hybrid})


@pytest.mark.parametrize("value", [2**255 - 19, 2**255 - 10, 2**255 - 1, 2**255 + 9, 2**256 - 1])
def test_a_second_encoding_of_a_point_is_refused(value: int) -> None:
    with pytest.raises(MalformedError, match="prime"):
        parse_recipient_jwk({"kty": "OKP", "crv": "X25519", "x": encode(value.to_bytes(32, "little"))})


@pytest.mark.parametrize(
    "pub",
    [
        "",
        "AA",
        "_" * 1621 + "w",
        encode(bytes(1215)),
        encode(bytes(1217)),
        encode(b"\xff" * 1184 + b"\x09" + bytes(31)),
    ],
)
def test_what_is_no_ml_kem_key_is_refused(pub: str) -> None:
    with pytest.raises(MalformedError):
        parse_recipient_jwk({"kty": "AKP", "alg": "MLKEM768-X25519", "pub": pub})


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("length", [0, 31, 33, 64, 95, 97])
def test_private_bytes_of_another_length_are_refused(suite: SuiteName, length: int) -> None:
    with pytest.raises(MalformedError):
        parse_recipient_private(suite, bytes(length))


@given(
    st.none()
    | st.integers()
    | st.text()
    | st.dictionaries(st.sampled_from(["kty", "crv", "x", "alg", "pub"]), st.text())
)
def test_any_value_is_a_key_or_malformed(value: object) -> None:
    with pytest.raises(MalformedError):
        parse_recipient_jwk(value)
