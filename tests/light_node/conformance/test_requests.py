"""What is asked, line by line: ids that come back, lines that are no request, fields that are missing or too many."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import VinculumError
from light_node.conformance import answers
from light_node.conformance.__main__ import converse
from light_node.conformance.fields import Fields
from light_node.conformance.lines import read_lines
from light_node.conformance.operations import MODULES, operation
from light_node.conformance.request import MAX_COMMAS, MAX_DEPTH, MAX_LINE_BYTES, MAX_NUMBER_CHARACTERS
from tests.light_node.conformance.asking import answer_of, ask, ok, read_answer, refusal
from tests.light_node.conformance.requests import REQUESTS

PAGE = Path(__file__).parents[3] / "docs" / "conformance.md"
GOOD = b'"op":"rlp_decode","hex":"80"'
IDS = ["1", "-1", "0", "9007199254740993", "1.5", '"a"', '""', '"\\ud800"', '"\u00e4\u2028"', "null", "true", "false"]
OTHERS: list[object] = [
    None,
    True,
    False,
    0,
    -1,
    1.0,
    1.5,
    2**300,
    "",
    "zz",
    "0",
    "\udc80",
    [],
    [[]],
    [None],
    {},
    {"a": 1},
]


def conversation(data: bytes) -> list[dict[str, Any]]:
    out = io.BytesIO()
    converse(io.BytesIO(data), out)
    return [read_answer(line) for line in out.getvalue().splitlines(keepends=True)]


@pytest.mark.parametrize("op", MODULES)
def test_every_operation_is_here(op: str) -> None:
    assert callable(operation(op))
    assert op in REQUESTS


def test_the_page_says_what_every_operation_takes() -> None:
    table = PAGE.read_text("utf-8").partition("## Operations")[2].partition("\n\n|")[2].partition("\n\n")[0]
    rows = {line.split("`")[1]: line for line in table.splitlines() if line.startswith("| `")}
    assert set(rows) == set(MODULES)
    for op, fields in REQUESTS.items():
        assert all(f"`{name}`" in rows[op] for name in fields), op
    assert str(MAX_NUMBER_CHARACTERS) in PAGE.read_text("utf-8")


@pytest.mark.parametrize(
    "given",
    [*IDS, "1" * MAX_NUMBER_CHARACTERS, "[]", "{}", '[1,{"a":[null]}]', '{"b":1,"a":2}'],
)
@pytest.mark.parametrize("rest", [GOOD, b'"op":"rlp_decode","hex":"x"', b'"op":"nothing"'])
def test_an_id_of_any_type_comes_back(given: str, rest: bytes) -> None:
    found = answer_of(b'{"id":' + given.encode() + b"," + rest + b"}")
    assert json.dumps(found["id"]) == json.dumps(json.loads(given))
    assert ("ok" in found) == (rest == GOOD)


def test_where_no_id_is_given_null_comes_back() -> None:
    assert answer_of(b"{" + GOOD + b"}") == {"id": None, "ok": ""}


@pytest.mark.parametrize("place", ["first", "last"])
@pytest.mark.parametrize(
    "wrong", [b'"hex":"80","hex":"80"', b'"hex":{"a":1,"a":1}', b'"n":NaN', b'"n":1e999', b'"n":' + b"1" * 5000]
)
def test_the_id_comes_back_from_a_line_that_is_refused_as_a_whole(wrong: bytes, place: str) -> None:
    parts = [b'"id":"me"', b'"op":"rlp_decode"', wrong]
    found = answer_of(b"{" + b",".join(parts if place == "first" else parts[::-1]) + b"}")
    assert (found["id"], found["error"]) == ("me", "MalformedError")


@pytest.mark.parametrize(
    "line",
    [
        b'{"id":1,"id":1,' + GOOD + b"}",
        b'{"id":1,"id":2,' + GOOD + b"}",
        b'{"id":NaN,' + GOOD + b"}",
        b'{"id":1e999,' + GOOD + b"}",
        b'{"id":' + b"1" * (MAX_NUMBER_CHARACTERS + 1) + b"," + GOOD + b"}",
        b'{"id":-Infinity,' + GOOD + b"}",
        b'{"id":{"a":1,"a":2},' + GOOD + b"}",
        b'{"id":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"," + GOOD + b"}",
        b'[["id",1]]',
        b'[{"id":1}]',
        b'"id"',
        b"1",
        b"null",
        b"NaN",
        b"{}{}",
        b'{"id":1,' + GOOD + b"} x",
        b'{"id":1,' + GOOD,
        b"{'id':1}",
        b'{"id":1,}',
        b"\xef\xbb\xbf{}",
        b'{"id":"\xff"}',
        b'{"id":"\xed\xa0\x80"}',
        b'{"id":"\x00"}',
        b"\x00",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" + b"1," * (MAX_COMMAS + 1) + b"1]",
    ],
)
def test_a_line_whose_id_cannot_be_told_is_answered_with_null(line: bytes) -> None:
    found = answer_of(line)
    assert (found["id"], found["error"]) == (None, "MalformedError")


def test_an_id_may_be_as_deep_as_a_line_may_nest() -> None:
    depth = MAX_DEPTH - 1
    line = b'{"id":' + b"[" * depth + b"]" * depth + b"," + GOOD + b"}"
    assert answer_of(line)["ok"] == ""


@pytest.mark.parametrize("blank", [b"\n", b" \n", b"\t\r\n", b"\r\n"])
def test_blank_lines_are_passed_over(blank: bytes) -> None:
    line = b'{"id":1,' + GOOD + b"}"
    assert conversation(blank + line + b"\n" + blank * 3 + line) == [{"id": 1, "ok": ""}] * 2
    assert conversation(blank) == []


def test_answers_come_in_order_and_a_bad_line_hurts_no_other() -> None:
    lines = [b'{"id":%d,%s}' % (number, GOOD) if number % 3 else b"what?" for number in range(30)]
    expected = [number if number % 3 else None for number in range(30)]
    assert [one["id"] for one in conversation(b"\n".join(lines))] == expected


def test_white_space_of_json_around_a_request_is_none_of_it() -> None:
    assert conversation(b' \t{ "id" : 1 ,' + GOOD + b"} \r\n") == [{"id": 1, "ok": ""}]


@pytest.mark.parametrize("extra", [0, 1, 2, 63_000, 64 * 1024, 200_000])
def test_a_line_that_is_too_long_is_skipped_and_the_next_is_read(extra: int) -> None:
    data = b"ab\n" + b"x" * (10 + extra) + b"\ncd\n" + b"y" * (10 + extra)
    long = None if extra else b"x" * 10
    assert list(read_lines(io.BytesIO(data), 10)) == [b"ab", long, b"cd", long and b"y" * 10]


def test_the_longest_line_is_answered_and_a_longer_one_refused() -> None:
    start, end = b'{"id":1,"op":"cid","hex":"', b'"}'
    longest = start + b"0" * (MAX_LINE_BYTES - len(start) - len(end)) + end
    first, second, third = conversation(longest + b"\n" + b" " + longest + b"\n" + b'{"id":3,' + GOOD + b"}")
    assert (first["id"], second["id"], second["error"], third) == (1, None, "MalformedError", {"id": 3, "ok": ""})


@pytest.mark.parametrize("op", [None, 1, [], {}, "", "RLP_DECODE", "rlp_decode ", "__init__", "trees", "operation"])
def test_only_the_operations_of_the_list_run(op: object) -> None:
    assert answer_of(json.dumps({"id": 1, "op": op, "hex": "80"}).encode())["error"] == "MalformedError"
    assert answer_of(b'{"id":1}')["error"] == "MalformedError"


@pytest.mark.parametrize(("op", "name"), [(op, name) for op, fields in REQUESTS.items() for name in fields])
def test_no_field_may_be_missing(op: str, name: str) -> None:
    found = ask(op, **{one: value for one, value in REQUESTS[op].items() if one != name})
    assert found["error"] == "MalformedError"
    assert f"no field {name!r}" in found["message"]


@pytest.mark.parametrize("op", REQUESTS)
def test_no_unknown_field_is_taken(op: str) -> None:
    found = ask(op, **REQUESTS[op], comment="see above")
    assert (found["error"], "an unknown field 'comment'" in found["message"]) == ("MalformedError", True)


@pytest.mark.parametrize(("op", "place"), [("qbft_chain", "trusted"), ("qbft_skip", "trusted")])
@pytest.mark.parametrize("change", ["without", "with"])
def test_the_same_holds_for_what_is_nested(op: str, place: str, change: str) -> None:
    inner = REQUESTS[op][place] | {"more": 1}
    if change == "without":
        del inner["more"], inner["hash"]
    found = ask(op, **REQUESTS[op] | {place: inner})
    assert (found["error"], place in found["message"]) == ("MalformedError", True)


@pytest.mark.parametrize(("op", "name"), [(op, name) for op, fields in REQUESTS.items() for name in fields])
def test_a_field_of_any_other_type_is_refused_by_one_of_our_errors(op: str, name: str) -> None:
    for other in OTHERS:
        found = ask(op, **REQUESTS[op] | {name: other})
        assert found["id"] == 7
        if type(other) is not type(REQUESTS[op][name]) and name not in ("array_slot", "value"):
            assert found.get("error") == "MalformedError", (other, found)


@pytest.mark.parametrize(
    "text",
    ["0", "000", "0x00", "0X00", "zz", "0 0", " 00", "00 ", "00\n", "+0", "-1", "0_", "\u0661\u0661", "\udc80\udc80"],
)
def test_hex_is_digits_alone(text: str) -> None:
    assert refusal("rlp_decode", hex=text) == "MalformedError"
    assert refusal("cid", hex=text) == "MalformedError"


def test_hex_is_read_in_either_case_and_written_in_lower_case() -> None:
    assert ok("rlp_decode", hex="83AbCdEF") == "abcdef"


@pytest.mark.parametrize("error", [ValueError("x"), RecursionError(), MemoryError(), KeyError("k"), AssertionError()])
def test_a_failure_that_nobody_foresaw_ends_no_run_and_is_told(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(fields: Fields) -> object:
        raise error

    monkeypatch.setattr(answers, "operation", lambda name: fail)
    found = json.loads(answers.answer(b'{"id":5,"op":"cid","hex":""}'))
    assert (found["id"], found["error"]) == (5, "MalformedError")
    assert answers.UNFORESEEN in found["message"]
    assert type(error).__name__ in capsys.readouterr().err


def test_an_error_of_our_own_without_a_public_name_has_that_of_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    class _HiddenError(VinculumError):
        """No name for others."""

    def fail(fields: Fields) -> object:
        raise _HiddenError("x" * 5000)

    monkeypatch.setattr(answers, "operation", lambda name: fail)
    found = json.loads(answers.answer(b'{"op":"cid"}'))
    assert (found["error"], len(found["message"])) == ("VinculumError", answers.MAX_MESSAGE_CHARACTERS)
