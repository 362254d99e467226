"""Credentials: what is issued verifies, shows what it should, and no change survives."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.credential.base64url import parse_base64url
from ledger.credential.binding import claims_of
from ledger.credential.disclosure import MAX_DISCLOSURE_CHARACTERS, parse_disclosure
from ledger.credential.jose import Algorithm
from ledger.credential.salting import make_disclosures, verify_disclosable
from ledger.credential.sd_jwt import (
    ALWAYS_VISIBLE,
    MAX_CHARACTERS,
    MAX_DISCLOSURES,
    MAX_JWT_CHARACTERS,
    Disclosed,
    issue,
    parse_sd_jwt,
    present,
    verify_foreign_sd_jwt,
    verify_sd_jwt,
)
from ledger.errors import ContentMismatchError, MalformedError, SignatureError, VerificationError
from tests.ledger.credential.builders import (
    ALGORITHMS,
    BINDING,
    FIELDS,
    credential,
    digest_of,
    encode,
    forge,
    forge_jws,
    key_of,
    seeded,
)

JWK = key_of().public.jwk


def check(text: str) -> Disclosed:
    return verify_sd_jwt(parse_sd_jwt(text), key_of().public)


def payload_of(jwt: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(parse_base64url(jwt.split(".")[1], "payload"))
    return value


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_issued_is_read_back(algorithm: Algorithm) -> None:
    key = key_of(algorithm)
    issued = credential(key)
    disclosed = verify_sd_jwt(parse_sd_jwt(issued.text), key.public)
    assert disclosed.disclosed == FIELDS
    assert disclosed.visible == claims_of(BINDING)
    assert disclosed.digest == issued.digest == sha256(issued.jwt.encode()).digest()
    assert disclosed.withheld == 16 - len(FIELDS)
    assert disclosed.key == key.public


@pytest.mark.parametrize("names", [[], ["note"], ["note", "cycles"], ["unknown"], list(FIELDS)])
def test_a_part_is_presented(names: list[str]) -> None:
    shown = present(credential(), names)
    disclosed = check(shown.text)
    assert disclosed.disclosed == {name: FIELDS[name] for name in FIELDS if name in names}
    assert disclosed.digest == credential().digest
    assert disclosed.withheld == 16 - len(disclosed.disclosed)


def test_the_order_of_disclosures_says_nothing() -> None:
    issued = credential()
    text = "~".join((issued.jwt, *reversed(issued.disclosures), ""))
    assert check(text).disclosed == FIELDS


@pytest.mark.parametrize(("fields", "hashes"), [(0, 16), (1, 16), (15, 16), (16, 16), (17, 32), (32, 32), (33, 48)])
def test_decoys_hide_how_many_fields_there_are(fields: int, hashes: int) -> None:
    issued = credential(fields={f"field_{number}": number for number in range(fields)})
    digests = payload_of(issued.jwt)["_sd"]
    assert len(set(digests)) == hashes
    assert digests == sorted(digests)
    assert {len(digest) for digest in digests} == {43}


def test_the_signed_part_shows_no_field() -> None:
    signed = parse_base64url(credential().jwt.split(".")[1], "payload").decode()
    assert not [name for name in FIELDS if f'"{name}"' in signed]
    assert "93.5" not in signed


def test_salts_and_decoys_are_fresh() -> None:
    first, second = (make_disclosures({"a": 1, "b": 1}, seeded(label)) for label in ("x", "y"))
    salts = [json.loads(parse_base64url(text, "d"))[0] for text in first + second]
    assert len(set(salts)) == 4
    assert all(len(parse_base64url(salt, "salt")) == 16 for salt in salts)


@pytest.mark.parametrize(
    "fields",
    [
        {"_sd": 1},
        {"_sd_alg": "sha-256"},
        {"...": 1},
        {"a": {"_sd": []}},
        {"a": [{"...": "x"}]},
        {"a": [[{"b": {"_sd_alg": 1}}]]},
        {"a": 2**53},
        {"a": [-(2**53)]},
        {"a": float("nan")},
        {"a": [float("inf")]},
        {"a": "\ud800"},
        {"\udfff": 1},
    ],
)
def test_what_no_reader_would_read_is_not_issued(fields: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        make_disclosures(fields, seeded("x"))
    with pytest.raises(MalformedError):
        verify_disclosable(fields)


def test_a_claim_that_is_too_long_is_not_issued() -> None:
    longest = {"a": "x" * (MAX_DISCLOSURE_CHARACTERS * 3 // 4 - 33)}
    verify_disclosable(longest)
    (text,) = make_disclosures(longest, seeded("x"))
    assert len(text) == MAX_DISCLOSURE_CHARACTERS
    assert parse_disclosure(text).value == longest["a"]
    for issue_it in (verify_disclosable, lambda claims: make_disclosures(claims, seeded("x"))):
        with pytest.raises(MalformedError, match="longer than"):
            issue_it({"a": longest["a"] + "x"})


def test_a_value_that_is_too_deep_is_not_issued() -> None:
    value: Any = 1
    for _ in range(60):
        value = [value]
    with pytest.raises(MalformedError):
        make_disclosures({"a": value}, seeded("x"))


@pytest.mark.parametrize("depth", [1, 20, 40, 44])
def test_a_value_that_is_issued_is_read_whatever_its_depth(depth: int) -> None:
    value: Any = 1
    for _ in range(depth):
        value = {"x": [value]} if depth < 21 else [value]
    assert check(credential(fields={"a": value}).text).disclosed == {"a": value}


@pytest.mark.parametrize("name", ["_sd", "_sd_alg", "..."])
def test_a_reserved_visible_claim_is_not_issued(name: str) -> None:
    with pytest.raises(MalformedError):
        issue({name: []}, (), key_of(), seeded("x"))


def test_too_many_disclosures_are_not_issued() -> None:
    with pytest.raises(MalformedError):
        issue({}, ["AA"] * (MAX_DISCLOSURES + 1), key_of(), seeded("x"))


# ---- changes of the text ----------------------------------------------------------------------------------------


def test_every_flipped_bit_is_refused() -> None:
    """One field and its credential, each bit of each character."""
    key = key_of(Algorithm.ES256K)
    text = credential(key, {"cycles": 412}).text
    verify_sd_jwt(parse_sd_jwt(text), key.public)
    for place in range(len(text)):
        for bit in range(7):
            changed = text[:place] + chr(ord(text[place]) ^ 1 << bit) + text[place + 1 :]
            with pytest.raises(VerificationError):
                verify_sd_jwt(parse_sd_jwt(changed), key.public)


def test_every_truncation_is_refused_or_shows_fewer_fields() -> None:
    issued = credential()
    presentations = {len("~".join((issued.jwt, *issued.disclosures[:count], ""))) for count in range(len(FIELDS) + 1)}
    for length in range(len(issued.text)):
        if length in presentations:
            check(issued.text[:length])
            continue
        with pytest.raises(MalformedError):
            parse_sd_jwt(issued.text[:length])


@pytest.mark.parametrize("inserted", ["~", ".", "=", " ", "\n", "A", "AAAA", "~~", "é", "\x00"])
def test_every_insertion_is_refused(inserted: str) -> None:
    text = credential(fields={"cycles": 412}).text
    for place in range(0, len(text) + 1, 7):
        with pytest.raises(VerificationError):
            check(text[:place] + inserted + text[place:])
    for text_ in (text + inserted, inserted + text):
        with pytest.raises(VerificationError):
            check(text_)


def test_a_disclosure_twice_is_refused() -> None:
    issued = credential()
    with pytest.raises(MalformedError, match="twice"):
        check(issued.text + issued.disclosures[0] + "~")


def test_another_credentials_disclosure_is_refused() -> None:
    other = make_disclosures({"cycles": 1}, seeded("other"))
    with pytest.raises(ContentMismatchError):
        check(credential().jwt + "~" + other[0] + "~")


def test_a_changed_value_is_refused() -> None:
    issued = credential()
    for text in issued.disclosures:
        salt, name, _ = json.loads(parse_base64url(text, "d"))
        with pytest.raises(ContentMismatchError):
            check(f"{issued.jwt}~{encode([salt, name, 'changed'])}~")


def test_a_disclosure_with_other_spaces_is_refused() -> None:
    """The hash is of the text, not of the value."""
    issued = credential()
    array = json.loads(parse_base64url(issued.disclosures[0], "d"))
    with pytest.raises(ContentMismatchError):
        check(f"{issued.jwt}~{encode(json.dumps(array, indent=1).encode())}~")


def test_a_holders_key_binding_is_refused() -> None:
    binding = forge_jws(
        {"iat": 1, "aud": "x", "nonce": "y", "sd_hash": "z"}, key_of(), {"alg": "ES256", "typ": "kb+jwt"}
    )
    with pytest.raises(MalformedError, match="holder"):
        check(credential().text + binding)


@pytest.mark.parametrize("text", ["", "~", "~~", ".", "..", "..~", "a.b.c~", "a.b.c.d~", "a.b~", "jwt", "{}~"])
def test_what_is_no_sd_jwt_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_sd_jwt(text)


def test_a_jwt_of_four_parts_is_refused() -> None:
    jwt = credential().jwt
    for text in (f"{jwt}.~", f"{jwt}.AA~", f".{jwt}~", f"{jwt}.{jwt}~"):
        with pytest.raises(MalformedError):
            parse_sd_jwt(text)


def test_limits_are_refused_before_anything_is_read() -> None:
    jwt = credential().jwt
    for text in (
        "A" * (MAX_CHARACTERS + 1),
        jwt + "~" * (MAX_DISCLOSURES + 2),
        "A" * MAX_JWT_CHARACTERS + ".A.A~",
        "A" * 2000 + ".AA.AA~",
        f"{jwt}~{'A' * (1024 * 1024 + 1)}~",
    ):
        with pytest.raises(MalformedError):
            parse_sd_jwt(text)


# ---- headers ------------------------------------------------------------------------------------------------------

USUAL = {"alg": "ES256", "kid": key_of().public.key_id, "typ": "dc+sd-jwt"}


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "none"},
        {"alg": "None"},
        {"alg": ""},
        {"alg": "HS256"},
        {"alg": "ES384"},
        {"alg": "RS256"},
        {"alg": "es256"},
        {"alg": "ES256 "},
        {"alg": None},
        {"alg": ["ES256"]},
        {"alg": "ES256K"},
        {"alg": "EdDSA"},
        {"typ": "vc+sd-jwt"},
        {"typ": "JWT"},
        {"typ": "application/dc+sd-jwt"},
        {"typ": "DC+SD-JWT"},
        {"typ": ""},
        {"typ": None},
        {"typ": 1},
        {"kid": ""},
        {"kid": "other"},
        {"kid": key_of(label="other").public.key_id},
        {"kid": None},
        {"kid": {"a": 1}},
        {"crit": []},
        {"crit": ["exp"]},
        {"b64": False},
        {"b64": True},
        {"jku": "https://example.org"},
        {"jwk": dict(JWK)},
        {"x5u": "https://example.org"},
        {"x5c": []},
        {"x5t": "AA"},
        {"x5t#S256": "AA"},
        {"cty": "JWT"},
        {"zip": "DEF"},
        {"enc": "A256GCM"},
        {"vctm": []},
        {"": ""},
    ],
)
def test_another_header_is_refused_though_it_is_signed(change: dict[str, Any]) -> None:
    with pytest.raises((MalformedError, SignatureError)):
        check(forge(payload_of(credential().jwt), header=USUAL | change))


@pytest.mark.parametrize("name", ["alg", "kid", "typ"])
def test_a_header_without_a_member_is_refused(name: str) -> None:
    header = {other: value for other, value in USUAL.items() if other != name}
    with pytest.raises((MalformedError, SignatureError)):
        check(forge(payload_of(credential().jwt), header=header))


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"null",
        b"[]",
        b'"ES256"',
        b"{",
        b"\xff",
        b'{"alg":"none","alg":"ES256","kid":"%s","typ":"dc+sd-jwt"}' % key_of().public.key_id.encode(),
        b'{"alg":"ES256","kid":"%s","typ":"x","typ":"dc+sd-jwt"}' % key_of().public.key_id.encode(),
        b'\xef\xbb\xbf{"alg":"ES256","kid":"%s","typ":"dc+sd-jwt"}' % key_of().public.key_id.encode(),
        b'{"\\u0061lg":"none","alg":"ES256","kid":"%s","typ":"dc+sd-jwt"}' % key_of().public.key_id.encode(),
    ],
)
def test_a_header_that_is_not_strict_json_is_refused(header: bytes) -> None:
    with pytest.raises(MalformedError):
        check(forge(payload_of(credential().jwt), header=header))


def test_an_unsigned_token_is_refused() -> None:
    head = encode({"alg": "none", "typ": "dc+sd-jwt"})
    body = credential().jwt.split(".")[1]
    for text in (f"{head}.{body}.~", f"{credential().jwt.rsplit('.', 1)[0]}.~"):
        with pytest.raises((MalformedError, SignatureError)):
            check(text)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_another_issuers_key_is_refused(algorithm: Algorithm) -> None:
    raw = parse_sd_jwt(credential().text)
    with pytest.raises(SignatureError):
        verify_sd_jwt(raw, key_of(algorithm, "other").public)


# ---- payloads that a misbehaving issuer signs ---------------------------------------------------------------------

ONE = encode(["salt", "cycles", 412])
TWO = encode(["salt", "note", {"_sd": [digest_of(ONE)]}])
ELEMENT = encode(["salt", "value"])
DECOY = encode(bytes(32))


def test_a_forged_payload_is_accepted_where_it_keeps_the_rules() -> None:
    """The positive control of the forgeries below."""
    assert check(forge({"_sd": [digest_of(ONE)], "_sd_alg": "sha-256"}, [ONE])).disclosed == {"cycles": 412}


@pytest.mark.parametrize(
    "payload",
    [
        {"_sd": [digest_of(ONE), digest_of(ONE)]},
        {"_sd": [digest_of(ONE)], "a": {"_sd": [digest_of(ONE)]}},
        {"_sd": [digest_of(ONE)], "a": [{"...": digest_of(ONE)}]},
        {"_sd": [digest_of(ONE), DECOY, DECOY]},
        {"_sd": digest_of(ONE)},
        {"_sd": {"0": digest_of(ONE)}},
        {"_sd": None},
        {"_sd": [digest_of(ONE), 7]},
        {"_sd": [digest_of(ONE), None]},
        {"_sd": [digest_of(ONE), "short"]},
        {"_sd": [digest_of(ONE), DECOY + "="]},
        {"_sd": [digest_of(ONE), DECOY[:-1] + "B"]},
        {"_sd": [digest_of(ONE)], "cycles": 1},
        {"_sd": [digest_of(ONE)], "...": "x"},
        {"_sd": [digest_of(ONE)], "a": {"...": DECOY}},
        {"_sd": [digest_of(ONE)], "a": [{"...": DECOY, "b": 1}]},
        {"_sd": [digest_of(ONE)], "a": [{"...": 7}]},
        {"_sd": [digest_of(ONE)], "a": [{"...": None}]},
        {"_sd": [digest_of(ONE)], "a": [{"...": [DECOY]}]},
        {"a": [{"...": digest_of(ONE)}]},
        {"_sd": []},
        {},
    ],
)
def test_a_payload_that_breaks_the_rules_is_refused(payload: dict[str, Any]) -> None:
    text = forge(payload | {"_sd_alg": "sha-256"}, [ONE])
    with pytest.raises((MalformedError, ContentMismatchError)):
        check(text)
    with pytest.raises((MalformedError, ContentMismatchError)):
        verify_foreign_sd_jwt(text, JWK)


@pytest.mark.parametrize("last", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
def test_a_hash_has_one_text(last: str) -> None:
    """Exactly the last characters that 32 bytes can end in."""
    text = forge({"_sd": ["A" * 42 + last]})
    try:
        parse_base64url("A" * 42 + last, "hash", size=32)
    except MalformedError:
        with pytest.raises(MalformedError):
            verify_foreign_sd_jwt(text, JWK)
    else:
        assert verify_foreign_sd_jwt(text, JWK) == {}


@pytest.mark.parametrize("name", ["sha-512", "SHA-256", "sha256", "md5", "", None, 256, ["sha-256"]])
def test_another_hash_algorithm_is_refused(name: object) -> None:
    text = forge({"_sd": [digest_of(ONE)], "_sd_alg": name}, [ONE])
    for verify in (check, lambda value: verify_foreign_sd_jwt(value, JWK)):
        with pytest.raises(MalformedError):
            verify(text)


def test_ours_names_its_hash_algorithm_and_others_need_not() -> None:
    text = forge({"_sd": [digest_of(ONE)]}, [ONE])
    assert verify_foreign_sd_jwt(text, JWK) == {"cycles": 412}
    with pytest.raises(MalformedError):
        check(text)


@pytest.mark.parametrize("name", sorted(ALWAYS_VISIBLE))
def test_a_claim_that_must_be_visible_cannot_be_hidden(name: str) -> None:
    hidden = encode(["salt", name, 1])
    with pytest.raises(MalformedError, match="visible"):
        check(forge({"_sd": [digest_of(hidden)], "_sd_alg": "sha-256"}, [hidden]))


@pytest.mark.parametrize(
    "payload",
    [{"_sd": [DECOY], "capsule": {"_sd": [digest_of(ONE)]}}, {"_sd": [DECOY], "a": [{"...": digest_of(ELEMENT)}]}],
)
def test_ours_hides_nothing_below_the_top_level(payload: dict[str, Any]) -> None:
    with pytest.raises(MalformedError, match="top level"):
        check(forge(payload | {"_sd_alg": "sha-256"}))


@pytest.mark.parametrize(
    "disclosure",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b'["salt"]',
        b'["salt","a",1,2]',
        b'[1,"a",1]',
        b'[null,"a",1]',
        b'["salt",1,1]',
        b'["salt",null,1]',
        b'["salt","_sd",[]]',
        b'["salt","_sd_alg","sha-256"]',
        b'["salt","...",1]',
        b'["salt","a",{"b":1,"b":2}]',
        b'["salt","a",NaN]',
        b'["salt","a",1e999]',
        b'["salt","a",9007199254740993]',
        b'["salt","a","\\ud800"]',
        b'["salt","a",1]x',
        b'["salt","a",1,]',
        b"\xff\xfe",
        b'\xef\xbb\xbf["salt","a",1]',
        b'["salt","a",' + b"[" * 60 + b"]" * 60 + b"]",
    ],
)
def test_a_disclosure_in_another_form_is_refused_though_it_is_signed(disclosure: bytes) -> None:
    text = encode(disclosure)
    with pytest.raises(MalformedError):
        check(forge({"_sd": [digest_of(text)], "_sd_alg": "sha-256"}, [text]))


@pytest.mark.parametrize("end", ["=", "==", "B", "\n", " ", "%3D"])
def test_a_disclosure_in_another_encoding_is_refused_though_it_is_signed(end: str) -> None:
    text = encode(b'["salt","a",12]') + end
    with pytest.raises(MalformedError):
        check(forge({"_sd": [digest_of(text)], "_sd_alg": "sha-256"}, [text]))


def test_claims_and_elements_do_not_stand_for_each_other() -> None:
    for payload, text in (({"_sd": [digest_of(ELEMENT)]}, ELEMENT), ({"a": [{"...": digest_of(ONE)}]}, ONE)):
        with pytest.raises(MalformedError):
            verify_foreign_sd_jwt(forge(payload, [text]), JWK)


# ---- nested, of other systems -------------------------------------------------------------------------------------


def test_recursive_disclosures_are_resolved() -> None:
    text = forge({"_sd": [digest_of(TWO)]}, [ONE, TWO])
    assert verify_foreign_sd_jwt(text, JWK) == {"note": {"cycles": 412}}
    assert verify_foreign_sd_jwt(forge({"_sd": [digest_of(TWO)]}, [TWO]), JWK) == {"note": {}}


def test_an_inner_disclosure_without_its_outer_one_is_refused() -> None:
    with pytest.raises(ContentMismatchError):
        verify_foreign_sd_jwt(forge({"_sd": [digest_of(TWO)]}, [ONE]), JWK)


def test_a_hash_within_a_disclosure_and_in_the_payload_is_refused() -> None:
    with pytest.raises(MalformedError, match="twice"):
        verify_foreign_sd_jwt(forge({"_sd": [digest_of(ONE), digest_of(TWO)]}, [ONE, TWO]), JWK)


def test_two_disclosures_of_one_name_are_refused() -> None:
    other = encode(["other", "cycles", 7])
    with pytest.raises(MalformedError):
        verify_foreign_sd_jwt(forge({"_sd": [digest_of(ONE), digest_of(other)]}, [ONE, other]), JWK)


def test_undisclosed_elements_disappear() -> None:
    second = encode(["salt", ["x", {"...": digest_of(ELEMENT)}]])
    payload = {"a": ["first", {"...": DECOY}, {"...": digest_of(second)}, {"b": 1}]}
    assert verify_foreign_sd_jwt(forge(payload, [second]), JWK) == {"a": ["first", ["x"], {"b": 1}]}
    assert verify_foreign_sd_jwt(forge(payload), JWK) == {"a": ["first", {"b": 1}]}
    assert verify_foreign_sd_jwt(forge(payload, [ELEMENT, second]), JWK)["a"][1] == ["x", "value"]  # type: ignore[index]


def test_a_chain_of_disclosures_is_bounded_in_depth() -> None:
    texts, digest = [], digest_of(ONE)
    for number in range(60):
        texts.append(encode([str(number), "a", {"_sd": [digest]}]))
        digest = digest_of(texts[-1])
    with pytest.raises(MalformedError, match="deeper"):
        verify_foreign_sd_jwt(forge({"_sd": [digest]}, [ONE, *texts]), JWK)


def test_another_systems_header_is_read_within_the_list() -> None:
    text = forge({"_sd": [digest_of(ONE)]}, [ONE], header={"alg": "ES256", "typ": "example+sd-jwt"})
    assert verify_foreign_sd_jwt(text, JWK) == {"cycles": 412}
    for header in ({"alg": "none"}, {"alg": "ES256", "crit": ["x"], "x": 1}, {"alg": "EdDSA"}, {"typ": "x"}):
        with pytest.raises((MalformedError, SignatureError)):
            verify_foreign_sd_jwt(forge({"_sd": [digest_of(ONE)]}, [ONE], header=header), JWK)


# ---- anything -----------------------------------------------------------------------------------------------------


@given(st.text(alphabet=st.characters(), max_size=60) | st.text(alphabet="eyJ.~-_A=", max_size=60))
def test_any_text_is_read_or_malformed(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_sd_jwt(text)


@given(st.binary(max_size=60))
def test_any_disclosure_is_read_or_malformed(data: bytes) -> None:
    try:
        parse_disclosure(encode(data))
    except MalformedError:
        return
    assert isinstance(json.loads(data), list)


def forge_any(claims: dict[str, Any]) -> str:
    texts = [encode(json.dumps(["salt", name, value], ensure_ascii=False).encode()) for name, value in claims.items()]
    return forge({"_sd": [digest_of(text) for text in texts], "_sd_alg": "sha-256"}, texts)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBERS = st.integers(-(2**54), 2**54) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(TEXT, JSON, max_size=5))
def test_any_claims_are_issued_and_read_back_or_refused(claims: dict[str, Any]) -> None:
    try:
        disclosures = make_disclosures(claims, seeded("any"))
    except MalformedError:
        with pytest.raises(MalformedError):
            check(forge_any(claims))
        return
    if not ALWAYS_VISIBLE.isdisjoint(claims):
        return
    issued = issue({}, disclosures, key_of(Algorithm.ES256K), seeded("decoys"))
    disclosed = verify_sd_jwt(parse_sd_jwt(issued.text), key_of(Algorithm.ES256K).public)
    assert disclosed.disclosed == claims


@given(st.dictionaries(st.sampled_from(["_sd", "_sd_alg", "...", "a"]), JSON | st.just([DECOY]), max_size=4))
def test_any_signed_payload_is_resolved_or_refused(payload: dict[str, Any]) -> None:
    try:
        verify_foreign_sd_jwt(forge(payload), JWK)
    except VerificationError:
        return
    assert "..." not in payload


def test_what_a_reader_does_to_one_header_does_not_reach_another() -> None:
    text = credential().text
    first, second = parse_sd_jwt(text), parse_sd_jwt(text)
    assert isinstance(first.jws.header, dict)
    first.jws.header["alg"] = "none"
    assert second.jws.header["alg"] == parse_sd_jwt(text).jws.header["alg"] == "ES256"
