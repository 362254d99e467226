"""A credential belongs to one place; every other place refuses it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.credential.binding import (
    Binding,
    Place,
    claims_of,
    coarse_time,
    log_name,
    parse_binding,
    schema_of,
    verify_binding,
)
from ledger.credential.salting import make_disclosures
from ledger.credential.sd_jwt import Disclosed, issue, parse_sd_jwt, verify_sd_jwt
from ledger.errors import BindingError, MalformedError
from tests.ledger.credential.builders import BINDING, PLACE, credential, digest_of, encode, forge, key_of, seeded

CLAIMS = claims_of(BINDING)


def disclosed(claims: dict[str, Any]) -> Disclosed:
    issued = issue(claims, (), key_of(), seeded("binding"))
    return verify_sd_jwt(parse_sd_jwt(issued.text), key_of().public)


def test_the_claims_are_those_of_the_format() -> None:
    assert {
        "iss": "urn:vinculum:organisation:4000000001",
        "sub": f"urn:vinculum:subject:{BINDING.subject.hex()}",
        "vct": "urn:vinculum:kind:battery.state_of_health:1",
        "kind": 1283,
        "log": "eip155:1337:0x000102030405060708090a0b0c0d0e0f10111213",
        "jti": BINDING.jti,
        "iat": BINDING.issued_at,
        "prev": (BINDING.previous_head or b"").hex(),
        "capsule": {
            "cid": BINDING.capsule.cid,
            "key_commitment": encode(BINDING.capsule.key_commitment),
            "files": [encode(bytes(range(32)))],
        },
    } == CLAIMS


@pytest.mark.parametrize("binding", [BINDING, replace(BINDING, previous_head=None), replace(BINDING, issued_at=0)])
def test_a_binding_is_read_back(binding: Binding) -> None:
    assert parse_binding(claims_of(binding)) == binding


def test_the_right_place_is_accepted() -> None:
    verified = verify_sd_jwt(parse_sd_jwt(credential().text), key_of().public)
    assert verify_binding(verified, PLACE) == BINDING
    assert verify_binding(verified, replace(PLACE, attested_at=None)) == BINDING


@pytest.mark.parametrize(
    ("claim", "place"),
    [
        ("sub", replace(PLACE, subject=bytes(32))),
        ("kind", replace(PLACE, kind=PLACE.kind + 1)),
        ("kind", replace(PLACE, kind=0)),
        ("vct", replace(PLACE, schema=schema_of("battery.state_of_charge"))),
        ("vct", replace(PLACE, schema=PLACE.schema[:-1] + "2")),
        ("log", replace(PLACE, log=log_name(1338, bytes(range(20))))),
        ("log", replace(PLACE, log=log_name(1337, bytes(20)))),
        ("iss", replace(PLACE, organisation=PLACE.organisation - 1)),
        ("iss", replace(PLACE, organisation=1)),
        ("prev", replace(PLACE, previous_head=None)),
        ("prev", replace(PLACE, previous_head=bytes(32))),
        ("iat", replace(PLACE, attested_at=BINDING.issued_at - 301)),
        ("iat", replace(PLACE, attested_at=0)),
    ],
)
def test_another_place_is_refused(claim: str, place: Place) -> None:
    with pytest.raises(BindingError) as caught:
        verify_binding(disclosed(CLAIMS), place)
    assert caught.value.claim == claim


def test_a_head_is_asked_for_where_the_kind_changes_the_status() -> None:
    without = {name: value for name, value in CLAIMS.items() if name != "prev"}
    verify_binding(disclosed(without), replace(PLACE, previous_head=None))
    with pytest.raises(BindingError):
        verify_binding(disclosed(without), PLACE)


@pytest.mark.parametrize("name", sorted(CLAIMS.keys() - {"prev"}))
def test_a_missing_claim_is_refused(name: str) -> None:
    with pytest.raises(MalformedError):
        parse_binding({other: value for other, value in CLAIMS.items() if other != name})


@pytest.mark.parametrize("name", ["exp", "nbf", "aud", "cnf", "status", "previous", "", "organisation", "owner"])
def test_an_unknown_visible_claim_is_refused(name: str) -> None:
    with pytest.raises(MalformedError):
        verify_binding(disclosed(CLAIMS | {name: "x"}), PLACE)


SUBJECT = BINDING.subject.hex()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("iss", ["", "4", "urn:vinculum:organisation:", "urn:vinculum:organisation:0", "urn:vinculum:organisation:01"]),
        ("iss", ["urn:vinculum:organisation:4294967296", "urn:vinculum:organisation:9999999999", 4, None]),
        ("iss", ["urn:vinculum:organisation:-1", "urn:vinculum:organisation:+1", "urn:vinculum:organisation:1 "]),
        ("iss", ["URN:vinculum:organisation:1", "urn:vinculum:organisation:1\n", "urn:vinculum:organisation:٣"]),
        ("sub", ["", SUBJECT, f"urn:vinculum:subject:{SUBJECT[:-1]}", f"urn:vinculum:subject:{SUBJECT}0"]),
        ("sub", [f"urn:vinculum:subject:{SUBJECT.upper()}", f"urn:vinculum:subject:0x{SUBJECT[2:]}", None, []]),
        ("sub", [f"urn:vinculum:subject:{SUBJECT}\n", f" urn:vinculum:subject:{SUBJECT}"]),
        (
            "vct",
            ["", "battery.x", "urn:vinculum:kind:battery:1", "urn:vinculum:kind:battery.x", "urn:vinculum:kind:b.x:0"],
        ),
        ("vct", ["urn:vinculum:kind:Battery.x:1", "urn:vinculum:kind:b.x:1:1", "urn:vinculum:kind:b.x:01", 1, None]),
        ("kind", [-1, 65536, "1283", 1283.0, True, None, [1283]]),
        ("log", ["", "eip155:1", "eip155:0:0x" + "0" * 40, "eip155:01:0x" + "0" * 40, "eip155:1:0x" + "0" * 39]),
        ("log", ["eip155:1:0x" + "A" * 40, "eip155:1:" + "0" * 42, "cosmos:1:0x" + "0" * 40, None, 1]),
        ("jti", ["", "A" * 21, "A" * 20, "A" * 22 + "=", "A" * 21 + "B", "A" * 23 + "+", "A" * 90, None, 7]),
        ("iat", [-3600, 1, 3599, 3601, "3600", 3600.0, True, None, 2**48]),
        ("prev", ["", "00" * 31, "00" * 33, "0x" + "00" * 31, "AA" * 32, None, 0, "00" * 32 + "\n"]),
        ("capsule", [None, {}, [], "cid", CLAIMS["capsule"] | {"x": 1}]),  # type: ignore[operator]
    ],
)
def test_a_claim_in_another_form_is_refused(name: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(MalformedError):
            parse_binding(CLAIMS | {name: value})


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("cid", ["", None, 7, BINDING.capsule.cid.upper(), BINDING.capsule.cid[:-1], BINDING.capsule.cid + "a"]),
        ("cid", ["QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG", "z" + BINDING.capsule.cid[1:], "b" + "a" * 58]),
        ("key_commitment", ["", None, 7, "A" * 42, "A" * 44, "A" * 43 + "=", "A" * 42 + "B", "00" * 32]),
        ("files", [None, {}, "x", [7], [None], [""], ["A" * 42], ["A" * 42 + "B"], [["A" * 43]], ["A" * 43] * 1025]),
    ],
)
def test_a_capsule_in_another_form_is_refused(name: str, values: list[Any]) -> None:
    capsule: Any = CLAIMS["capsule"]
    for value in values:
        with pytest.raises(MalformedError):
            parse_binding(CLAIMS | {"capsule": capsule | {name: value}})
    with pytest.raises(MalformedError):
        parse_binding(CLAIMS | {"capsule": {other: capsule[other] for other in capsule if other != name}})


@pytest.mark.parametrize(
    "change",
    [
        {"subject": bytes(31)},
        {"kind": 65536},
        {"schema": schema_of("battery")},
        {"log": log_name(0, bytes(20))},
        {"log": log_name(1, bytes(19))},
        {"organisation": 0},
        {"organisation": 2**32},
        {"jti": "short"},
        {"issued_at": 1},
        {"previous_head": bytes(31)},
        {"capsule": replace(BINDING.capsule, cid="x")},
        {"capsule": replace(BINDING.capsule, key_commitment=bytes(31))},
        {"capsule": replace(BINDING.capsule, files=(bytes(31),))},
    ],
)
def test_what_no_reader_would_read_is_not_written(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        claims_of(replace(BINDING, **change))


def test_a_bound_claim_cannot_be_disclosed_beside_the_visible_ones() -> None:
    """An ordinary kind has no ``prev``; hidden behind a hash it is refused too."""
    hidden = encode(["salt", "prev", "00" * 32])
    payload = {name: value for name, value in CLAIMS.items() if name != "prev"}
    text = forge(payload | {"_sd": [digest_of(hidden)], "_sd_alg": "sha-256"}, [hidden])
    with pytest.raises(MalformedError):
        verify_sd_jwt(parse_sd_jwt(text), key_of().public)


def test_fields_do_not_reach_the_binding() -> None:
    """A field may bear the name of a claim that is not ours; it stays a field."""
    random = seeded("fields")
    issued = issue(CLAIMS, make_disclosures({"organisation": 1, "subject": "x"}, random), key_of(), random)
    verified = verify_sd_jwt(parse_sd_jwt(issued.text), key_of().public)
    assert verify_binding(verified, PLACE) == BINDING
    assert verified.disclosed == {"organisation": 1, "subject": "x"}


@given(st.dictionaries(st.sampled_from([*CLAIMS, "x"]), st.none() | st.integers() | st.text(max_size=8) | st.just([])))
def test_any_claims_are_read_or_malformed(claims: dict[str, Any]) -> None:
    for candidate in (claims, CLAIMS | claims):
        try:
            binding = parse_binding(candidate)
        except MalformedError:
            continue
        assert claims_of(binding) == candidate


@given(st.integers(0, 2**40))
def test_time_is_coarse(seconds: int) -> None:
    hour = coarse_time(seconds)
    assert hour % 3600 == 0
    assert 0 <= seconds - hour < 3600
