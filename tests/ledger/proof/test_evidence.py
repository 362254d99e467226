from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import MalformedError
from ledger.event import AssetType
from ledger.proof.evidence import (
    MAX_BYTES,
    AccountProof,
    CheckpointFinality,
    Evidence,
    HiddenEntry,
    IssuerKey,
    OpenEntry,
    SealFinality,
    Segment,
    StorageProof,
    encode_evidence,
    issuer_order,
    parse_evidence,
)
from ledger.strict_json import canonical_json

SCHEMA = json.loads((Path(__file__).parents[3] / "ledger" / "proof" / "evidence.schema.json").read_text())
JWK = {"kty": "OKP", "crv": "Ed25519", "x": "A" * 43}

EVIDENCE = Evidence(
    chain_id=31337,
    asset_type=AssetType.BATTERY,
    subject=b"\x01" * 32,
    header=b"\xc0",
    finality=CheckpointFinality("note\n", (b"\x02" * 32,)),
    accounts=(
        AccountProof(b"\x03" * 20, (b"\x80",), (StorageProof(b"\x04" * 32, ()), StorageProof(b"\x05" * 32, (b"n",)))),
        AccountProof(b"\x06" * 20, (), (StorageProof(b"\x04" * 32, ()),)),
    ),
    segments=(Segment(b"\x06" * 20, 1), Segment(b"\x03" * 20, 2)),
    history=(
        OpenEntry(b"\x07" * 32, b"\x08" * 32, 1, "a.b.c~d\N{LATIN SMALL LETTER E WITH ACUTE}~"),
        OpenEntry(b"\x07" * 32, b"\x08" * 32, 1, None),
        HiddenEntry(b"\x09" * 32, 6),
    ),
    issuers=(IssuerKey(1, JWK), IssuerKey(2, JWK)),
)
DATA = encode_evidence(EVIDENCE)
SLOTS = (StorageProof(bytes(32), ()),)


def value() -> Any:
    return json.loads(DATA)


def refused(changed: Any, *, by_schema: bool = True) -> MalformedError:
    if by_schema:
        assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(changed)
    with pytest.raises(MalformedError) as caught:
        parse_evidence(canonical_json(changed))
    return caught.value


def test_what_is_written_is_read_again() -> None:
    assert parse_evidence(DATA) == EVIDENCE
    assert canonical_json(value()) == DATA
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA).validate(value())


@pytest.mark.parametrize("name", sorted(SCHEMA["properties"]))
def test_each_member_is_needed(name: str) -> None:
    changed = value()
    del changed[name]
    assert name in str(refused(changed))


@pytest.mark.parametrize("name", sorted(SCHEMA["properties"]))
@pytest.mark.parametrize("other", [None, True, 1.5, "x", [], {}, [1], -1, 2**53], ids=str)
def test_each_member_has_its_type(name: str, other: object) -> None:
    changed = value() | {name: other}
    if name in {"history", "issuers"} and other == []:
        return
    if other == 2**53:
        with pytest.raises(MalformedError):
            parse_evidence(json.dumps(changed, sort_keys=True, separators=(",", ":")).encode())
    else:
        refused(changed)


PLACES = [
    ("/finality", lambda v: v["finality"]),
    ("/accounts/0", lambda v: v["accounts"][0]),
    ("/accounts/0/storage/1", lambda v: v["accounts"][0]["storage"][1]),
    ("/segments/0", lambda v: v["segments"][0]),
    ("/history/0", lambda v: v["history"][0]),
    ("/history/2", lambda v: v["history"][2]),
    ("/issuers/0", lambda v: v["issuers"][0]),
]


@pytest.mark.parametrize(("at", "find"), PLACES)
def test_each_inner_member_is_needed_typed_and_alone(at: str, find: Callable[[Any], dict[str, Any]]) -> None:
    for name in find(value()):
        changed = value()
        del find(changed)[name]
        refused(changed)
        for other in (True, 1.5, "", "0x", "0X00", "0xAB", [0], {"a": 0}, -1):
            changed = value()
            find(changed)[name] = other
            if name not in {"note", "credential"} or not isinstance(other, str) or not other:
                refused(changed)
    changed = value()
    find(changed)["surplus"] = 1
    assert refused(changed).at == at


@pytest.mark.parametrize("kind", ["votes", "", "Seals", "Checkpoint", "x" * 65])
def test_other_ways_to_finality_are_refused(kind: str) -> None:
    changed = value()
    changed["finality"]["type"] = kind
    assert str(refused(changed).at).startswith("/finality/type")


def test_checkpoint_does_not_pass_for_seals() -> None:
    changed = value()
    changed["finality"]["type"] = "seals"
    assert refused(changed).at == "/finality"


SEAL, NODE, STEP_HEADER = "0x" + "01" * 65, "0x" + "80" * 40, "0x" + "c0" * 20


def sealed() -> Any:
    changed = value()
    step = {"header": STEP_HEADER, "round": 1, "seals": [SEAL], "account": [NODE], "validators": [[NODE], []]}
    more = {"round": 0, "seals": [SEAL, SEAL.replace("01", "02")], "account": [NODE], "validators": [[NODE]]}
    changed["finality"] = {"type": "seals", "steps": [step], "rotations": [{"k": 3}], **more}
    return changed


def test_seals_are_read_and_written() -> None:
    data = canonical_json(sealed())
    evidence = parse_evidence(data)
    assert isinstance(evidence.finality, SealFinality)
    assert (len(evidence.finality.seals), len(evidence.finality.steps)) == (2, 1)
    assert encode_evidence(evidence) == data


@pytest.mark.parametrize(
    ("change", "at"),
    [
        (lambda f: f["seals"].reverse(), "/finality/seals"),
        (lambda f: f["seals"].append(f["seals"][-1]), "/finality/seals"),
        (lambda f: f.update(seals=["0x" + "01" * 64]), "/finality/seals/0"),
        (lambda f: f.update(seals=[f"0x{n:0130x}" for n in range(1, 258)]), "/finality/seals"),
        (lambda f: f.update(round=2**32), "/finality/round"),
        (lambda f: f.update(round=-1), "/finality/round"),
        (lambda f: f.update(round=True), "/finality/round"),
        (lambda f: f.update(rotations=[{}] * 65), "/finality/rotations"),
        (lambda f: f.update(steps=f["steps"] * 4097), "/finality/steps"),
        (lambda f: f["steps"][0].update(surplus=1), "/finality/steps/0"),
        (lambda f: f["steps"][0].update(header="0x"), "/finality/steps/0/header"),
        (lambda f: f["steps"][0].update(validators=[[]] * 258), "/finality/steps/0/validators"),
        (lambda f: f.update(account=["0x" + "80" * 1025]), "/finality/account/0"),
        (lambda f: f.pop("account"), "/finality"),
    ],
)
def test_seals_out_of_their_form_or_limits_are_refused(change: Callable[[Any], Any], at: str) -> None:
    changed = sealed()
    change(changed["finality"])
    assert refused(changed, by_schema=False).at == at


@pytest.mark.parametrize("name", ["accounts", "issuers"])
def test_sets_stand_in_ascending_order_without_doubles(name: str) -> None:
    changed = value()
    changed[name].reverse()
    assert "order" in str(refused(changed, by_schema=False))
    changed[name] = [changed[name][0]] * 2
    assert "twice" in str(refused(changed, by_schema=False))


def test_storage_stands_in_ascending_order() -> None:
    changed = value()
    changed["accounts"][0]["storage"].reverse()
    refused(changed, by_schema=False)


@pytest.mark.parametrize("entries", [(0, 2), (1, 1), (3, 1), (2, 2)])
def test_segments_cover_the_history(entries: tuple[int, int]) -> None:
    changed = value()
    for segment, count in zip(changed["segments"], entries, strict=True):
        segment["entries"] = count
    refused(changed, by_schema=False)


def test_a_log_has_one_segment() -> None:
    changed = value()
    changed["segments"][1]["log"] = changed["segments"][0]["log"]
    refused(changed, by_schema=False)


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda data: data + b"\n",
        lambda data: b" " + data,
        lambda data: data.replace(b'"version":1', b'"version": 1'),
        lambda data: data.replace(b'"chain_id":31337', b'"chain_id":3.1337e4'),
        lambda data: data.replace("é".encode(), b"\\u00e9"),
        lambda data: data.replace(b'"version":1', b'"version":1,"version":1'),
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: json.dumps(dict(reversed(json.loads(data).items())), ensure_ascii=False).encode(),
        lambda data: json.dumps(json.loads(data), indent=1, ensure_ascii=False).encode(),
    ],
)
def test_only_the_canonical_encoding_is_read(rewrite: Callable[[bytes], bytes]) -> None:
    assert rewrite(DATA) != DATA
    with pytest.raises(MalformedError):
        parse_evidence(rewrite(DATA))


@pytest.mark.parametrize(
    "change",
    [
        {"chain_id": 0},
        {"subject": b"\x01" * 31},
        {"header": b""},
        {"header": bytes(64 * 1024 + 1)},
        {"accounts": ()},
        {"accounts": tuple(AccountProof(n.to_bytes(20, "big"), (), SLOTS) for n in range(17))},
        {"accounts": (AccountProof(bytes(20), (), ()),)},
        {"accounts": (AccountProof(bytes(20), (b"n",) * 67, SLOTS),)},
        {"accounts": (AccountProof(bytes(20), (bytes(1025),), SLOTS),)},
        {"accounts": (AccountProof(bytes(20), (b"",), SLOTS),)},
        {
            "accounts": (
                AccountProof(bytes(20), (), tuple(StorageProof(n.to_bytes(32, "big"), ()) for n in range(4097))),
            )
        },
        {"finality": CheckpointFinality("", ())},
        {"finality": CheckpointFinality("n" * 65537, ())},
        {"finality": CheckpointFinality("n", (bytes(32),) * 65)},
        {"segments": ()},
        {"issuers": (IssuerKey(0, JWK),)},
        {"issuers": (IssuerKey(2**32, JWK),)},
        {"issuers": (IssuerKey(1, {}),)},
        {"issuers": (IssuerKey(1, {"x": "A" * 257}),)},
        {"issuers": (IssuerKey(1, {"\N{GREEK SMALL LETTER ALPHA}": "A"}),)},
        {"issuers": (IssuerKey(1, {str(n): "A" for n in range(9)}),)},
    ],
)
def test_nothing_over_a_limit_is_written(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        encode_evidence(replace(EVIDENCE, **change))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"\xff",
        b"[" * 10_000,
        b'{"a":' * 10_000,
        b" " * (MAX_BYTES + 1),
        b"NaN",
        b"1" * 50,
    ],
)
def test_other_bytes_are_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_evidence(data)


def test_each_truncation_is_malformed() -> None:
    for length in range(len(DATA)):
        with pytest.raises(MalformedError):
            parse_evidence(DATA[:length])


def test_each_flipped_bit_is_malformed_or_means_something_else() -> None:
    others = 0
    for index in range(len(DATA) * 8):
        changed = bytearray(DATA)
        changed[index // 8] ^= 1 << index % 8
        try:
            assert parse_evidence(bytes(changed)) != EVIDENCE
            others += 1
        except MalformedError:
            pass
    assert others < len(DATA) * 8


@given(st.binary(max_size=200))
def test_any_bytes_give_evidence_or_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_evidence(data)


def test_issuers_are_sorted_by_organisation_then_key() -> None:
    keys = [IssuerKey(2, {"x": "a"}), IssuerKey(1, {"x": "b"}), IssuerKey(1, {"x": "a"})]
    ordered = sorted(keys, key=issuer_order)
    assert [(key.organisation, key.jwk["x"]) for key in ordered] == [(1, "a"), (1, "b"), (2, "a")]
