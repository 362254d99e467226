"""Grants: the recipient opens, nobody else does, and who signs a false key is found out."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipfs.cid import cid_of_raw
from ledger.credential.capsule_format import CapsuleReference, commit_key
from ledger.credential.false_key import (
    FalseKeyProof,
    encode_false_key_proof,
    parse_false_key_proof,
    prove_false_key,
    verify_false_key,
)
from ledger.credential.grant import VerifiedGrant, context_for, open_grant, open_item_keys, seal_grant, verify_grant
from ledger.credential.grant_format import Context, Grant, GrantItem, Policy, encode_grant
from ledger.credential.grant_reader import parse_grant, parse_statement
from ledger.credential.jose import Algorithm
from ledger.credential.jws import sign_jws
from ledger.credential.recipient import RecipientPrivateKey, SuiteName, generate_recipient_key
from ledger.credential.signing import SigningKey
from ledger.errors import ContentMismatchError, MalformedError, SignatureError, VerificationError
from ledger.strict_json import canonical_json, parse_json
from tests.ledger.credential.builders import encode, forge_jws, key_of, seeded

SUITES = list(SuiteName)
POLICY = Policy("urn:vinculum:odrl:1", "inspection", 1_800_000_000)
GRANTOR = key_of()
RECIPIENTS = {suite: generate_recipient_key(seeded("recipient"), suite) for suite in SUITES}
RECIPIENT = RECIPIENTS[SuiteName.X25519]
KEYS = [(str(cid_of_raw(bytes([number]))), seeded(f"capsule {number}")(32)) for number in range(4)]
CID, KEY = KEYS[1]


def context(recipient: RecipientPrivateKey = RECIPIENT) -> Context:
    return context_for(recipient.public, 7, 8, POLICY, 1_790_000_000)


def grant_for(recipient: RecipientPrivateKey = RECIPIENT, key: SigningKey = GRANTOR) -> Grant:
    return seal_grant(recipient.public, context(recipient), KEYS, key, seeded("batch")(32))


def reference(cid: str = CID, key: bytes = KEY) -> CapsuleReference:
    return CapsuleReference(cid, commit_key(key))


def signed(grant: Grant, change: dict[str, Any], key: SigningKey = GRANTOR) -> str:
    return sign_jws(canonical_json(grant.jws.payload | change), key, "vinculum-grant+jwt")


def resigned(grant: Grant, items: tuple[GrantItem, ...]) -> Grant:
    """What a grantor who lies can sign: any items."""
    return parse_statement(signed(grant, {"items": [encode(item.digest()) for item in items]}), items)


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_the_recipient_opens_every_key(suite: SuiteName, algorithm: Algorithm) -> None:
    grant = grant_for(RECIPIENTS[suite], key_of(algorithm))
    again = parse_grant(encode_grant(grant))
    assert again == grant
    assert open_grant(verify_grant(again, key_of(algorithm).public), RECIPIENTS[suite]) == dict(KEYS)
    assert again.context == context(RECIPIENTS[suite])


def test_one_item_is_opened_without_the_others() -> None:
    one = parse_grant(encode_grant(grant_for().only(CID)))
    assert [item.capsule for item in one.items] == [CID]
    assert open_grant(verify_grant(one, GRANTOR.public), RECIPIENT) == {CID: KEY}
    text = encode_grant(one)
    assert not [other for other, _ in KEYS if other != CID and other.encode() in text]


def test_what_is_not_granted_is_not_there() -> None:
    assert grant_for().only("other").items == ()
    assert open_grant(verify_grant(grant_for().only("other"), GRANTOR.public), RECIPIENT) == {}


def test_two_grants_of_one_batch_key_share_nothing() -> None:
    """The same batch key for another recipient or purpose seals under other item keys."""
    other = replace(context(), policy=replace(POLICY, purpose="research"))
    first = grant_for()
    second = seal_grant(RECIPIENT.public, other, KEYS, GRANTOR, seeded("batch")(32))
    pairs = zip(first.items, second.items, strict=True)
    assert all(a.ciphertext != b.ciphertext and a.item_key_commitment != b.item_key_commitment for a, b in pairs)


def test_neither_key_nor_batch_key_is_in_the_clear() -> None:
    text = encode_grant(grant_for()) + canonical_json(grant_for().jws.payload)
    for secret in (KEY, seeded("batch")(32), RECIPIENT.data):
        assert encode(secret).encode() not in text
        assert secret.hex().encode() not in text


# ---- who may open -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suite", SUITES)
def test_another_recipient_does_not_open(suite: SuiteName) -> None:
    verified = verify_grant(grant_for(RECIPIENTS[suite]), GRANTOR.public)
    others = [generate_recipient_key(seeded("other"), name) for name in SUITES]
    for other in [*others, *(RECIPIENTS[name] for name in SUITES if name is not suite)]:
        with pytest.raises(ContentMismatchError, match="recipient key"):
            open_grant(verified, other)


@pytest.mark.parametrize("suite", SUITES)
def test_a_grant_that_is_readdressed_does_not_open(suite: SuiteName) -> None:
    """A grantor, or who holds his key, puts another's thumbprint over a message that was sealed for someone else."""
    grant, other = grant_for(RECIPIENTS[suite]), generate_recipient_key(seeded("other"), suite)
    recipient = {"key": encode(other.public.thumbprint), "organisation": 8}
    changed = parse_statement(signed(grant, {"recipient": recipient}), grant.items)
    with pytest.raises(ContentMismatchError):
        open_grant(verify_grant(changed, GRANTOR.public), other)


@pytest.mark.parametrize(
    "change",
    [
        {"grantor": 9},
        {"issued_at": 1_790_000_001},
        {"policy": {"expires_at": None, "profile": POLICY.profile, "purpose": POLICY.purpose}},
        {"policy": {"expires_at": 1_900_000_000, "profile": POLICY.profile, "purpose": POLICY.purpose}},
        {"policy": {"expires_at": 1_800_000_000, "profile": POLICY.profile, "purpose": "research"}},
        {"policy": {"expires_at": 1_800_000_000, "profile": "urn:other", "purpose": POLICY.purpose}},
        {"recipient": {"key": encode(RECIPIENT.public.thumbprint), "organisation": 9}},
        {"sealed_key": encode(bytes(80))},
    ],
)
def test_what_was_sealed_opens_only_in_its_context(change: dict[str, Any]) -> None:
    grant = grant_for()
    changed = parse_statement(signed(grant, change), grant.items)
    with pytest.raises(ContentMismatchError):
        open_grant(verify_grant(changed, GRANTOR.public), RECIPIENT)


def test_the_context_names_the_key_that_is_sealed_for() -> None:
    for recipient in (generate_recipient_key(seeded("other"), SuiteName.X25519), RECIPIENTS[SuiteName.HYBRID]):
        with pytest.raises(MalformedError):
            seal_grant(recipient.public, context(), KEYS, GRANTOR, bytes(32))


@pytest.mark.parametrize(
    "keys", [[], [(CID, KEY[:31])], [(CID, KEY + b"x")], [KEYS[0], KEYS[0]], [(CID, KEY)] * 10_001]
)
def test_keys_that_no_reader_would_read_are_not_sealed(keys: list[tuple[str, bytes]]) -> None:
    with pytest.raises(MalformedError):
        seal_grant(RECIPIENT.public, context(), keys, GRANTOR, bytes(32))


@pytest.mark.parametrize("batch_key", [b"", bytes(31), bytes(33)])
def test_a_batch_key_of_another_length_is_refused(batch_key: bytes) -> None:
    with pytest.raises(MalformedError):
        seal_grant(RECIPIENT.public, context(), KEYS, GRANTOR, batch_key)


# ---- changes ------------------------------------------------------------------------------------------------------


def test_every_flipped_bit_is_refused() -> None:
    """In each character of a grant of one item, its lowest, a middle and its highest bit."""
    text = encode_grant(grant_for().only(CID))
    for place in range(len(text)):
        for bit in (0, 1, 2, 5):
            changed = bytearray(text)
            changed[place] ^= 1 << bit
            with pytest.raises(VerificationError):
                open_grant(verify_grant(parse_grant(bytes(changed)), GRANTOR.public), RECIPIENT)


def test_every_truncation_is_refused() -> None:
    text = encode_grant(grant_for().only(CID))
    for length in range(len(text)):
        with pytest.raises(MalformedError):
            parse_grant(text[:length])


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_another_grantors_key_is_refused(algorithm: Algorithm) -> None:
    with pytest.raises(SignatureError):
        verify_grant(grant_for(), key_of(algorithm, "other").public)


def test_a_statement_of_another_type_is_refused() -> None:
    """A credential, a receipt … signed by the same key is no grant."""
    grant = grant_for()
    text = sign_jws(canonical_json(grant.jws.payload), GRANTOR, "dc+sd-jwt")
    with pytest.raises(SignatureError, match="typ"):
        verify_grant(parse_statement(text, grant.items), GRANTOR.public)


def test_an_item_of_another_grant_is_refused() -> None:
    other = seal_grant(RECIPIENT.public, context(), KEYS, GRANTOR, bytes(32))
    for items in ((other.items[0],), (*grant_for().items, other.items[0]), other.items):
        with pytest.raises(MalformedError):
            parse_statement(grant_for().jws.text, items)


@pytest.mark.parametrize(
    "change",
    [
        {"capsule": KEYS[0][0]},
        {"key_commitment": bytes(32)},
        {"item_key_commitment": bytes(32)},
        {"ciphertext": bytes(48)},
    ],
)
def test_a_changed_item_is_refused(change: dict[str, Any]) -> None:
    grant = grant_for()
    forged = replace(grant, items=(replace(grant.items[1], **change),))
    with pytest.raises(MalformedError):
        parse_grant(encode_grant(forged))
    with pytest.raises(MalformedError):
        verify_grant(forged, GRANTOR.public)


def test_a_capsule_twice_is_refused() -> None:
    grant = grant_for()
    twice = (grant.items[0], replace(grant.items[1], capsule=grant.items[0].capsule))
    with pytest.raises(MalformedError, match="twice"):
        resigned(grant, twice)
    with pytest.raises(MalformedError, match="twice"):
        parse_statement(signed(grant, {"items": [encode(grant.items[0].digest())] * 2}), ())


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("version", [0, 2, "1", True, None]),
        ("grantor", [-1, 2**32, "7", 7.5, True, None]),
        ("issued_at", [-1, 2**48, "1", None, 1.5]),
        ("suite", ["", "none", "X25519", None, 1, SuiteName.HYBRID.value]),
        ("sealed_key", ["", "A" * 106, "A" * 108, None, 7, "=" * 107]),
        ("items", [None, {}, "x", [7], [None], ["A" * 42], ["A" * 42 + "B"]]),
        ("recipient", [None, [], {}, {"key": "A" * 43}, {"key": "A" * 43, "organisation": -1}]),
        ("recipient", [{"key": "A" * 43, "organisation": 8, "name": "x"}, {"key": "A" * 42, "organisation": 8}]),
        (
            "policy",
            [None, [], {}, {"profile": "x", "purpose": "y"}, {"expires_at": None, "profile": "", "purpose": "y"}],
        ),
        (
            "policy",
            [{"expires_at": -1, "profile": "x", "purpose": "y"}, {"expires_at": 1, "profile": 7, "purpose": "y"}],
        ),
        (
            "policy",
            [
                {"expires_at": 1, "profile": "x", "purpose": "a\nb"},
                {"expires_at": 1, "profile": "x" * 256, "purpose": "y"},
            ],
        ),
        (
            "policy",
            [
                {"expires_at": "1", "profile": "x", "purpose": "y"},
                {"expires_at": 1, "profile": "x", "purpose": "y", "z": 1},
            ],
        ),
        ("more", [1]),
    ],
)
def test_a_statement_in_another_form_is_refused_though_it_is_signed(name: str, values: list[Any]) -> None:
    grant = grant_for()
    for value in values:
        with pytest.raises(MalformedError):
            parse_statement(signed(grant, {name: value}), ())


def test_a_statement_without_a_member_is_refused() -> None:
    payload = grant_for().jws.payload
    for name in payload:
        text = canonical_json({other: payload[other] for other in payload if other != name})
        with pytest.raises(MalformedError):
            parse_statement(sign_jws(text, GRANTOR, "vinculum-grant+jwt"), ())


def test_a_statement_that_is_not_canonical_is_refused() -> None:
    grant = grant_for()
    canonical = canonical_json(grant.jws.payload)
    for payload in (
        canonical + b" ",
        b" " + canonical,
        canonical.replace(b":8", b": 8"),
        canonical[:-1] + b',"grantor":7}',
    ):
        with pytest.raises(MalformedError):
            parse_statement(sign_jws(payload, GRANTOR, "vinculum-grant+jwt"), grant.items)


@pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "ES256", "crit": []}, {"alg": "ES256", "jwk": {}}, {}])
def test_a_statement_with_another_header_is_refused(header: dict[str, Any]) -> None:
    text = forge_jws(canonical_json(grant_for().jws.payload), GRANTOR, header)
    with pytest.raises(MalformedError):
        parse_statement(text, ())


GOOD: Any = parse_json(encode_grant(grant_for()))
ITEM = GOOD["items"][0]


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        GOOD | {"x": 1},
        {"items": GOOD["items"]},
        {"statement": GOOD["statement"]},
        GOOD | {"statement": None},
        GOOD | {"statement": ""},
        GOOD | {"statement": GOOD["statement"] + "~"},
        GOOD | {"items": None},
        GOOD | {"items": {}},
        GOOD | {"items": [None]},
        GOOD | {"items": [{}]},
        GOOD | {"items": [ITEM, ITEM]},
        GOOD | {"items": [ITEM | {"x": 1}]},
        GOOD | {"items": [ITEM | {"capsule": "x"}]},
        GOOD | {"items": [ITEM | {"capsule": None}]},
        GOOD | {"items": [ITEM | {"capsule": ITEM["capsule"].upper()}]},
        GOOD | {"items": [ITEM | {"key_commitment": "A" * 42 + "B"}]},
        GOOD | {"items": [ITEM | {"item_key_commitment": ""}]},
        GOOD | {"items": [ITEM | {"ciphertext": "A" * 63}]},
        GOOD | {"items": [ITEM | {"ciphertext": 7}]},
    ],
)
def test_a_grant_in_another_form_is_refused(value: Any) -> None:
    with pytest.raises(MalformedError):
        parse_grant(canonical_json(value))


@given(st.binary(max_size=80))
def test_any_bytes_are_a_grant_or_malformed(data: bytes) -> None:
    for parse in (parse_grant, parse_false_key_proof):
        with pytest.raises(MalformedError):
            parse(data)


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=3))
def test_any_change_of_a_grant_is_refused(place: int, other: bytes) -> None:
    text = encode_grant(grant_for().only(CID))
    place %= len(text)
    changed = text[:place] + other + text[place + len(other) :]
    if changed != text:
        with pytest.raises(VerificationError):
            open_grant(verify_grant(parse_grant(changed), GRANTOR.public), RECIPIENT)


# ---- false keys ---------------------------------------------------------------------------------------------------

FALSE = seeded("false key")(32)


def false_grants() -> dict[str, Grant]:
    """The three ways to lie about a key that can be shown to others."""
    honest = grant_for()
    lying = seal_grant(RECIPIENT.public, context(), [(CID, FALSE)], GRANTOR, seeded("batch")(32))
    item = lying.items[0]
    return {
        "a false key, and its own commitment": lying,
        "a false key under the true commitment": resigned(lying, (replace(item, key_commitment=commit_key(KEY)),)),
        "a ciphertext that does not open": resigned(lying, (replace(item, ciphertext=bytes(48)),)),
        "another item's ciphertext": resigned(lying, (replace(item, ciphertext=honest.items[0].ciphertext),)),
    }


@pytest.mark.parametrize("name", sorted(false_grants()))
def test_a_false_key_is_refused_and_proven(name: str) -> None:
    verified = verify_grant(false_grants()[name], GRANTOR.public)
    if name != "a false key, and its own commitment":
        with pytest.raises(ContentMismatchError):
            open_grant(verified, RECIPIENT)
    proof = parse_false_key_proof(encode_false_key_proof(prove_false_key(verified, RECIPIENT, reference())))
    assert verify_false_key(proof, GRANTOR.public, reference()) == 7


def test_the_proof_shows_no_other_key_of_the_batch() -> None:
    keys = [(cid, FALSE if cid == CID else key) for cid, key in KEYS]
    lying = seal_grant(RECIPIENT.public, context(), keys, GRANTOR, seeded("batch")(32))
    proof = prove_false_key(verify_grant(lying, GRANTOR.public), RECIPIENT, reference())
    assert [item.capsule for item in proof.grant.items] == [CID]
    others = [key for cid, key in open_item_keys(lying, RECIPIENT).items() if cid != CID]
    text = encode_false_key_proof(proof)
    assert not [key for key in others if encode(key).encode() in text]


def test_nobody_who_gave_the_right_key_is_accused() -> None:
    verified = verify_grant(grant_for(), GRANTOR.public)
    with pytest.raises(MalformedError, match="right one"):
        prove_false_key(verified, RECIPIENT, reference())
    item_key = open_item_keys(verified.grant, RECIPIENT)[CID]
    with pytest.raises(MalformedError):
        verify_false_key(FalseKeyProof(verified.grant.only(CID), item_key), GRANTOR.public, reference())
    for forged in (bytes(32), sha256(item_key).digest(), b"", item_key + b"\x00"):
        with pytest.raises(ContentMismatchError):
            verify_false_key(FalseKeyProof(verified.grant.only(CID), forged), GRANTOR.public, reference())


@pytest.mark.parametrize("length", [0, 16, 24, 31, 33])
def test_a_proof_with_a_key_of_another_length_is_refused_though_the_item_commits_to_it(length: int) -> None:
    grant, item_key = grant_for(), bytes(length)
    commitment = sha256(b"vinculum/grant-item-key-commitment/1" + item_key).digest()
    forged = resigned(grant, (replace(grant.items[1], item_key_commitment=commitment),))
    with pytest.raises(ContentMismatchError):
        verify_false_key(FalseKeyProof(forged, item_key), GRANTOR.public, reference())


def test_a_proof_is_of_one_capsule_one_item_and_one_grantor() -> None:
    verified = verify_grant(false_grants()["a false key, and its own commitment"], GRANTOR.public)
    proof = prove_false_key(verified, RECIPIENT, reference())
    with pytest.raises(MalformedError):
        verify_false_key(proof, GRANTOR.public, reference(KEYS[0][0]))
    with pytest.raises(MalformedError):
        verify_false_key(replace(proof, grant=proof.grant.only("none")), GRANTOR.public, reference())
    with pytest.raises(SignatureError):
        verify_false_key(proof, key_of(label="other").public, reference())
    innocent = replace(proof, grant=replace(proof.grant, context=replace(proof.grant.context, grantor=9)))
    assert verify_false_key(innocent, GRANTOR.public, reference()) == 7


def test_without_an_item_or_a_way_to_open_there_is_no_proof() -> None:
    verified = verify_grant(grant_for(), GRANTOR.public)
    with pytest.raises(MalformedError, match="no item"):
        prove_false_key(verified, RECIPIENT, reference(str(cid_of_raw(b"other"))))
    with pytest.raises(ContentMismatchError):
        prove_false_key(verified, generate_recipient_key(seeded("other"), SuiteName.X25519), reference())
    garbage = parse_statement(signed(verified.grant, {"sealed_key": encode(bytes(80))}), verified.grant.items)
    with pytest.raises(ContentMismatchError):
        prove_false_key(VerifiedGrant(garbage, GRANTOR.public), RECIPIENT, reference())


@pytest.mark.parametrize(
    "change", [{"item_key": "A" * 42}, {"item_key": None}, {"grant": None}, {"grant": {}}, {"grant": []}, {"x": 1}]
)
def test_a_proof_in_another_form_is_refused(change: dict[str, Any]) -> None:
    verified = verify_grant(false_grants()["a false key, and its own commitment"], GRANTOR.public)
    good: Any = parse_json(encode_false_key_proof(prove_false_key(verified, RECIPIENT, reference())))
    with pytest.raises(MalformedError):
        parse_false_key_proof(canonical_json(good | change))
    with pytest.raises(MalformedError):
        parse_false_key_proof(canonical_json(good) + b"\n")
