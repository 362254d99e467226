"""Whatever stands on a line, it gets exactly one well-formed answer, and never by the way that nobody foresaw."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.credential.jose import Algorithm
from light_node.conformance.__main__ import converse
from tests.light_node.conformance.asking import answer_of, bare, read_answer
from tests.light_node.conformance.requests import REQUESTS, fields_of

FOLDER = Path(__file__).parents[2] / "vectors"


def first(name: str, *members: str) -> dict[str, Any]:
    """The first vector of a file that has these members."""
    found: list[dict[str, Any]] = json.loads((FOLDER / name).read_text("utf-8"))["vectors"]
    return next(one for one in found if set(members) <= set(one))


CREDENTIAL = first("credential/sd_jwt.json", "payload")
TRIE, HEADER = first("proof/trie.json", "value"), first("proof/header.json", "seal", "rlp")
VALID: list[dict[str, Any]] = [
    *({"op": op, **fields} for op, fields in REQUESTS.items()),
    {"op": "sd_jwt", "sd_jwt": CREDENTIAL["sd_jwt"], "jwk": CREDENTIAL["jwk"]},
    {"op": "trie_proof", "proof": list(map(bare, TRIE["proof"]))}
    | {one: bare(TRIE[one]) for one in ("root", "key", "value")},
    {"op": "qbft_header", "rlp": bare(HEADER["rlp"]), "validators": ["01" * 20]},
    {"op": "qbft_skip", **REQUESTS["qbft_skip"], "header": bare(HEADER["rlp"])},
    *({"op": "signature", **fields_of(algorithm)} for algorithm in Algorithm),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary().map(bytes.hex),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
NAMES = st.sampled_from(sorted({name for fields in VALID for name in fields} | {"id", "proof", "number", "hash"}))


def assert_one_answer_a_line(data: bytes) -> None:
    out = io.BytesIO()
    converse(io.BytesIO(data), out)
    asked = [line for line in data.split(b"\n") if line.strip(b" \t\r")]
    answers = [read_answer(line) for line in out.getvalue().splitlines(keepends=True)]
    assert len(answers) == len(asked)


@given(st.lists(st.binary() | st.sampled_from([b"", b" ", b"\r"]), max_size=8).map(b"\n".join))
def test_any_bytes(data: bytes) -> None:
    assert_one_answer_a_line(data)


@given(JSON)
def test_any_json(value: object) -> None:
    assert_one_answer_a_line(json.dumps(value).encode())


@settings(max_examples=1000)
@given(st.sampled_from(VALID), st.dictionaries(NAMES, JSON, max_size=2), st.sets(NAMES, max_size=1))
def test_any_fields(request: dict[str, Any], changed: dict[str, object], left_out: set[str]) -> None:
    fields = {name: value for name, value in (request | changed).items() if name not in left_out}
    assert_one_answer_a_line(json.dumps(fields).encode())


@settings(max_examples=500)
@given(st.sampled_from(VALID), st.data())
def test_any_field_of_the_right_form(request: dict[str, Any], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(set(request) - {"op"})))
    other: st.SearchStrategy[object] = st.binary(max_size=80).map(bytes.hex)
    if isinstance(request[name], int):
        other = st.integers(0, 2**70)
    elif isinstance(request[name], list):
        other = st.lists(other, max_size=4)
    answer_of(json.dumps(request | {name: data.draw(other)}).encode())
