"""Keys and signatures: one encoding each, and nothing forged."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import coincurve
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from ledger.credential.base64url import encode_base64url, parse_base64url
from ledger.credential.jose import Algorithm, parse_jwk, thumbprint, verify_signature
from ledger.credential.signing import generate_private_key, parse_private_key, private_bytes, sign, signing_key
from ledger.errors import MalformedError, SignatureError
from tests.ledger.credential.builders import ALGORITHMS, encode, key_of, seeded

MESSAGE = b"a battery, its life"
ORDERS = {
    Algorithm.ES256: 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    Algorithm.ES256K: 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
}
FIELD_P256 = 2**256 - 2**224 + 2**192 + 2**96 - 1
FIELD_25519 = 2**255 - 19


def jwk_of(algorithm: Algorithm) -> dict[str, Any]:
    return dict(key_of(algorithm).public.jwk)


def test_known_answer_of_ed25519() -> None:
    """RFC 8037, A.1 to A.4."""
    key = parse_private_key(Algorithm.EDDSA, parse_base64url("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", "d"))
    assert key.public.jwk["x"] == "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    assert key.public.key_id == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    signed = ".".join(map(encode, (b'{"alg":"EdDSA"}', b"Example of Ed25519 signing"))).encode()
    expected = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    assert encode_base64url(sign(key, signed)) == expected


def test_known_answer_of_es256_has_a_high_s() -> None:
    """RFC 7515, A.3: a valid signature, but not in the one form that we accept of our own algorithm."""
    d = parse_base64url("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI", "d")
    key = parse_private_key(Algorithm.ES256, d)
    assert key.public.jwk["x"] == "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
    payload = b'{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}'
    signed = ".".join(map(encode, (b'{"alg":"ES256"}', payload))).encode()
    text = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    signature = parse_base64url(text, "signature")
    verify_signature(key.public, signed, signature, low_s=False)
    with pytest.raises(SignatureError, match="upper half"):
        verify_signature(key.public, signed, signature)


def test_es256_is_deterministic_as_the_standard_says() -> None:
    """RFC 6979, A.2.5: message "sample", SHA-256; its s is in the upper half and is brought down."""
    scalar = bytes.fromhex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721")
    r = 0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716
    s = 0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8
    signature = sign(parse_private_key(Algorithm.ES256, scalar), b"sample")
    assert signature == r.to_bytes(32, "big") + (ORDERS[Algorithm.ES256] - s).to_bytes(32, "big")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_signs_and_verifies(algorithm: Algorithm) -> None:
    key = key_of(algorithm)
    signature = sign(key, MESSAGE)
    assert len(signature) == 64
    assert sign(key, MESSAGE) == signature
    verify_signature(parse_jwk(dict(key.public.jwk)), MESSAGE, signature)


@pytest.mark.parametrize("algorithm", [Algorithm.ES256, Algorithm.EDDSA])
def test_another_implementation_verifies_ours_and_we_its(algorithm: Algorithm) -> None:
    key = key_of(algorithm)
    d = {"d": encode_base64url(private_bytes(key))}
    other = JWK(**key.public.jwk, **d)
    assert other.thumbprint() == key.public.key_id
    protected = json.dumps({"alg": algorithm.value})
    signed = f"{encode(protected.encode())}.{encode(MESSAGE)}"
    JWS.from_jose_token(f"{signed}.{encode_base64url(sign(key, signed.encode()))}").verify(other)
    theirs = JWS(MESSAGE)
    theirs.add_signature(other, alg=algorithm.value, protected=protected)
    head, body, signature = theirs.serialize(compact=True).split(".")
    verify_signature(key.public, f"{head}.{body}".encode(), parse_base64url(signature, "s"), low_s=False)


def test_another_implementation_verifies_es256k() -> None:
    key = key_of(Algorithm.ES256K)
    signature = sign(key, MESSAGE)
    scalar = int.from_bytes(private_bytes(key), "big")
    other = ec.derive_private_key(scalar, ec.SECP256K1())
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    other.public_key().verify(der, MESSAGE, ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_flipped_bit_of_a_signature_is_refused(algorithm: Algorithm) -> None:
    key = key_of(algorithm)
    signature = sign(key, MESSAGE)
    for bit in range(512):
        changed = bytearray(signature)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SignatureError):
            verify_signature(key.public, MESSAGE, bytes(changed))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_flipped_bit_of_a_message_is_refused(algorithm: Algorithm) -> None:
    key = key_of(algorithm)
    signature = sign(key, MESSAGE)
    for bit in range(len(MESSAGE) * 8):
        changed = bytearray(MESSAGE)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SignatureError):
            verify_signature(key.public, bytes(changed), signature)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("length", [0, 1, 32, 63, 65, 72, 128])
def test_another_length_is_refused(algorithm: Algorithm, length: int) -> None:
    key = key_of(algorithm)
    with pytest.raises(SignatureError):
        verify_signature(key.public, MESSAGE, (sign(key, MESSAGE) * 2)[:length])


@pytest.mark.parametrize("algorithm", [Algorithm.ES256, Algorithm.ES256K])
def test_the_second_form_of_a_signature_is_refused(algorithm: Algorithm) -> None:
    key = key_of(algorithm)
    signature = sign(key, MESSAGE)
    other = ORDERS[algorithm] - int.from_bytes(signature[32:], "big")
    second = signature[:32] + other.to_bytes(32, "big")
    verify_signature(key.public, MESSAGE, second, low_s=False)
    with pytest.raises(SignatureError, match="upper half"):
        verify_signature(key.public, MESSAGE, second)


@pytest.mark.parametrize("algorithm", [Algorithm.ES256, Algorithm.ES256K])
@pytest.mark.parametrize("low_s", [True, False])
def test_scalars_out_of_range_are_refused(algorithm: Algorithm, low_s: bool) -> None:
    key, order = key_of(algorithm), ORDERS[algorithm]
    good = sign(key, MESSAGE)
    zero, top = bytes(32), order.to_bytes(32, "big")
    ones = b"\xff" * 32
    forged = [zero + zero, zero + good[32:], good[:32] + zero, top + good[32:], good[:32] + top, ones + good[32:]]
    for signature in [*forged, good[:32] + ones, ones + ones]:
        with pytest.raises(SignatureError, match="r or s"):
            verify_signature(key.public, MESSAGE, signature, low_s=low_s)


def test_r_beyond_the_order_is_refused_though_it_is_the_same_residue() -> None:
    """A small r could be written as r + n; both would be the same point's x."""
    key = key_of(Algorithm.ES256)
    good = sign(key, MESSAGE)
    r = int.from_bytes(good[:32], "big") + ORDERS[Algorithm.ES256]
    with pytest.raises(SignatureError):
        verify_signature(key.public, MESSAGE, (r % 2**256).to_bytes(32, "big") + good[32:])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_another_key_is_refused(algorithm: Algorithm) -> None:
    signature = sign(key_of(algorithm), MESSAGE)
    for other in ALGORITHMS:
        with pytest.raises(SignatureError):
            verify_signature(key_of(other, "other").public, MESSAGE, signature)


def test_the_scalar_of_ed25519_has_one_form() -> None:
    """S + L would verify where S is not compared with the group's order (RFC 8032, 8.4)."""
    key = key_of(Algorithm.EDDSA)
    signature = sign(key, MESSAGE)
    order = 2**252 + 27742317777372353535851937790883648493
    second = (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")
    with pytest.raises(SignatureError):
        verify_signature(key.public, MESSAGE, signature[:32] + second)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_is_read_back_from_its_jwk_and_its_raw_bytes(algorithm: Algorithm) -> None:
    key = key_of(algorithm)
    public = parse_jwk(dict(key.public.jwk))
    assert public == key.public
    assert public.thumbprint == thumbprint(key.public.jwk)
    again = parse_private_key(algorithm, private_bytes(key))
    assert sign(again, MESSAGE) == sign(key, MESSAGE)
    assert private_bytes(key).hex() not in repr(key)


def test_the_thumbprint_is_of_sorted_members_without_spaces() -> None:
    """RFC 7638, 3."""
    jwk = jwk_of(Algorithm.ES256)
    text = f'{{"crv":"P-256","kty":"EC","x":"{jwk["x"]}","y":"{jwk["y"]}"}}'
    assert thumbprint(dict(reversed(jwk.items()))) == sha256(text.encode()).digest()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("extra", ["d", "kid", "alg", "use", "key_ops", "x5c", "y", "z", ""])
def test_a_jwk_with_another_member_is_refused(algorithm: Algorithm, extra: str) -> None:
    jwk = jwk_of(algorithm)
    if extra in jwk:
        return
    with pytest.raises(MalformedError):
        parse_jwk(jwk | {extra: "AA"})


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_jwk_without_a_member_is_refused(algorithm: Algorithm) -> None:
    jwk = jwk_of(algorithm)
    for name in jwk:
        with pytest.raises(MalformedError):
            parse_jwk({other: value for other, value in jwk.items() if other != name})


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(
    "value", ["", "AA", "A" * 42, "A" * 44, "=" * 43, "A" * 43 + "=", "A" * 42 + "B", "é" * 43, 7, None, [], {}]
)
def test_a_jwk_with_another_encoding_is_refused(algorithm: Algorithm, value: object) -> None:
    jwk = jwk_of(algorithm)
    for name in set(jwk) & {"x", "y"}:
        with pytest.raises(MalformedError):
            parse_jwk(jwk | {name: value})


@pytest.mark.parametrize(
    ("kty", "crv"),
    [
        *(("EC", curve) for curve in ("P-384", "P-521", "Ed25519", "p-256", "")),
        *(("OKP", curve) for curve in ("P-256", "X25519", "Ed448", "ed25519")),
        *((kty, "P-256") for kty in ("RSA", "oct", "ec", "AKP", "")),
    ],
)
def test_another_curve_is_refused(kty: str, crv: str) -> None:
    for algorithm in ALGORITHMS:
        with pytest.raises(MalformedError):
            parse_jwk(jwk_of(algorithm) | {"kty": kty, "crv": crv})


@pytest.mark.parametrize("value", [None, 1, "x", [], [1], b"x", {}, {1: "x"}, {"kty": ["EC"]}])
def test_what_is_no_object_of_texts_is_refused(value: object) -> None:
    with pytest.raises(MalformedError):
        parse_jwk(value)


@pytest.mark.parametrize("algorithm", [Algorithm.ES256, Algorithm.ES256K])
def test_a_point_off_the_curve_is_refused(algorithm: Algorithm) -> None:
    jwk = jwk_of(algorithm)
    other = "secp256k1" if algorithm is Algorithm.ES256 else "P-256"
    forged = [
        {"x": jwk["y"]},
        {"y": jwk["x"]},
        {"x": encode(bytes(32))},
        {"x": encode(bytes(32)), "y": encode(bytes(32))},
    ]
    for change in [*forged, {"x": encode(b"\xff" * 32)}, {"crv": other}]:
        with pytest.raises(MalformedError):
            parse_jwk(jwk | change)


def test_a_coordinate_beyond_the_field_is_refused() -> None:
    """x = 5 lies on P-256; 5 + p is the same residue and another text."""
    y = pow(
        (5**3 - 3 * 5 + 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B) % FIELD_P256,
        (FIELD_P256 + 1) // 4,
        FIELD_P256,
    )
    point = {"kty": "EC", "crv": "P-256", "x": encode((5).to_bytes(32, "big")), "y": encode(y.to_bytes(32, "big"))}
    parse_jwk(point)
    with pytest.raises(MalformedError):
        parse_jwk(point | {"x": encode((5 + FIELD_P256).to_bytes(32, "big"))})


SMALL_ORDER = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


@pytest.mark.parametrize("point", SMALL_ORDER)
def test_an_ed25519_key_of_small_order_is_refused(point: str) -> None:
    with pytest.raises(MalformedError, match="small order"):
        parse_jwk({"kty": "OKP", "crv": "Ed25519", "x": encode(bytes.fromhex(point))})


@pytest.mark.parametrize("y", [FIELD_25519, FIELD_25519 + 1, FIELD_25519 + 18])
@pytest.mark.parametrize("sign_bit", [0, 1])
def test_a_second_encoding_of_an_ed25519_key_is_refused(y: int, sign_bit: int) -> None:
    data = (y | sign_bit << 255).to_bytes(32, "little")
    with pytest.raises(MalformedError, match="prime"):
        parse_jwk({"kty": "OKP", "crv": "Ed25519", "x": encode(data)})


@pytest.mark.parametrize("point", ["01" + "00" * 30 + "80", "02" + "00" * 31, "ec" + "ff" * 31])
def test_what_is_no_point_of_edwards25519_is_refused(point: str) -> None:
    with pytest.raises(MalformedError, match="no point"):
        parse_jwk({"kty": "OKP", "crv": "Ed25519", "x": encode(bytes.fromhex(point))})


@given(st.binary(min_size=32, max_size=32))
def test_every_true_ed25519_key_is_accepted(seed: bytes) -> None:
    key = parse_private_key(Algorithm.EDDSA, seed)
    assert parse_jwk(dict(key.public.jwk)) == key.public


@given(
    st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner), max_leaves=6)
)
def test_any_value_is_a_key_or_malformed(value: object) -> None:
    with pytest.raises(MalformedError):
        parse_jwk(value)


@given(st.sampled_from(ALGORITHMS), st.binary(max_size=70))
def test_any_bytes_are_no_signature(algorithm: Algorithm, data: bytes) -> None:
    with pytest.raises(SignatureError):
        verify_signature(key_of(algorithm).public, MESSAGE, data)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_private_bytes_of_another_length_are_refused(algorithm: Algorithm, length: int) -> None:
    with pytest.raises(MalformedError):
        parse_private_key(algorithm, b"\x01" * length)


@pytest.mark.parametrize("algorithm", [Algorithm.ES256, Algorithm.ES256K])
def test_a_scalar_out_of_range_is_refused_and_drawn_again(algorithm: Algorithm) -> None:
    bad = [bytes(32), ORDERS[algorithm].to_bytes(32, "big"), b"\xff" * 32]
    for data in bad:
        with pytest.raises(MalformedError):
            parse_private_key(algorithm, data)
    draws = iter([*bad, b"\x07" * 32])
    assert private_bytes(generate_private_key(algorithm, lambda _: next(draws))) == b"\x07" * 32


def test_private_keys_of_other_curves_are_refused() -> None:
    for curve in (ec.SECP384R1(), ec.SECP256K1()):
        with pytest.raises(MalformedError):
            signing_key(ec.derive_private_key(7, curve))


def test_a_key_object_of_the_library_is_taken() -> None:
    secret = seeded("coincurve")(32)
    assert signing_key(coincurve.PrivateKey(secret)).public.algorithm is Algorithm.ES256K


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_signature_that_was_seen_signs_nothing_else(algorithm: Algorithm) -> None:
    key, stranger = key_of(algorithm), key_of(algorithm, "stranger")
    message, other = b"a message", b"a messagf"
    signature = sign(key, message)
    for _ in range(2):
        verify_signature(key.public, message, signature)
        for wrong_key, wrong_message, wrong_signature in (
            (stranger.public, message, signature),
            (key.public, other, signature),
            (key.public, message, sign(key, other)),
            (key.public, message, sign(stranger, message)),
        ):
            with pytest.raises(SignatureError):
                verify_signature(wrong_key, wrong_message, wrong_signature)
