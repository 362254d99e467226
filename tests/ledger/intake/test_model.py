"""The toolkit for models: every fault is found, each with its place and code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.event import Json
from ledger.intake.faults import Faults
from ledger.intake.model import Boolean, Check, Choice, Field, Items, Need, Number, Record, Text, unit
from ledger.intake.text_rules import calendar_date, link, matching, zoned_time

MASS = Record({"value": Field(Number(minimum=0)), "unit": Field(unit("g", "kg"))})
BATTERY = Record(
    {
        "mass": Field(MASS),
        "made": Field(Text((calendar_date,))),
        "updated": Field(Text((zoned_time,)), Need.OPTIONAL),
        "label": Field(Text((link,)), Need.PENDING, "the act is not adopted"),
        "parts": Field(Items(Text((matching("[a-z]+", "a lower-case word"),)), fewest=1, most=3), Need.OPTIONAL),
        "status": Field(Choice(("new", "old")), Need.OPTIONAL),
        "tested": Field(Boolean(), Need.OPTIONAL),
    },
    not_applicable={"energy": "only for cars"},
)
GOOD: dict[str, Json] = {"mass": {"value": 1, "unit": "kg"}, "made": "2026-07-22", "label": "https://x.example/l"}


def faults_of(check: Check, value: Json) -> Faults:
    faults = Faults()
    check.check(value, "", faults)
    return faults


def codes(faults: Faults) -> set[tuple[str, str]]:
    return {(fault.pointer, fault.code) for fault in (*faults.errors, *faults.notices)}


def test_a_good_value_has_no_faults() -> None:
    assert codes(faults_of(BATTERY, GOOD)) == set()


def test_all_faults_are_collected_with_their_places() -> None:
    value: Json = {
        "mass": {"value": "1", "unit": "lb", "a/b~": 1},
        "made": "2026-02-30",
        "updated": "2026-07-22T06:45:00",
        "parts": ["ok", "Not", 3],
        "status": "broken",
        "tested": 1,
        "energy": 3,
    }
    assert codes(faults_of(BATTERY, value)) == {
        ("/mass/value", "wrong-type"),
        ("/mass/unit", "unknown-unit"),
        ("/mass/a~1b~0", "unknown-field"),
        ("/made", "bad-format"),
        ("/updated", "no-time-zone"),
        ("/label", "not-yet-required"),
        ("/parts/1", "bad-format"),
        ("/parts/2", "wrong-type"),
        ("/status", "bad-value"),
        ("/tested", "wrong-type"),
        ("/energy", "not-applicable"),
    }


def test_only_errors_refuse() -> None:
    faults = faults_of(BATTERY, {**GOOD, "energy": 1, "other": 2})
    assert faults.errors == []
    assert [fault.severity for fault in faults.notices] == ["notice", "notice"]


@pytest.mark.parametrize(
    ("check", "value", "code"),
    [
        (BATTERY, [], "wrong-type"),
        (BATTERY, None, "wrong-type"),
        (MASS, {"unit": "kg"}, "missing"),
        (MASS, {"unit": "kg", "value": 1, "x" * 257: 1}, "too-long"),
        (Number(), True, "wrong-type"),
        (Number(), None, "wrong-type"),
        (Number(integer=True), 1.5, "wrong-type"),
        (Number(minimum=0), -1, "out-of-range"),
        (Number(maximum=100), 100.5, "out-of-range"),
        (Number(minimum=0, code="negative"), -0.5, "negative"),
        (Text(), 1, "wrong-type"),
        (Text(), "  ", "empty"),
        (Text(longest=3), "four", "too-long"),
        (Choice(("a",)), "A", "bad-value"),
        (Choice(("a",)), ["a"], "wrong-type"),
        (Items(Number(), fewest=1), [], "empty"),
        (Items(Number(), most=1), [1, 2], "too-many"),
        (Items(Number()), {}, "wrong-type"),
        (Boolean(), "true", "wrong-type"),
    ],
)
def test_each_check_refuses(check: Check, value: Json, code: str) -> None:
    assert [fault.code for fault in faults_of(check, value).errors] == [code]


@pytest.mark.parametrize(
    "text",
    ["", "x", "a b:c", "javascript:alert(1)", "data:text/html,x", "file:///etc", "https:", "https:x", "https://", "//x",
     "https://a.example/ b", "https://a.example/\u00e9", "1http://x", "ftp://a.example/x"],
)  # fmt: skip
def test_what_is_not_a_safe_link_is_refused(text: str) -> None:
    found = link(text)
    assert found is not None
    assert found[0] == "bad-uri"


@pytest.mark.parametrize(
    "text", ["https://a.example", "HTTP://a.example/x?y#z", "urn:uuid:1", "ipfs://bafy", "did:web:a"]
)
def test_a_safe_link_is_accepted(text: str) -> None:
    assert link(text) is None


@pytest.mark.parametrize("value", [0, 2.0, -3, 1e15])
def test_a_whole_number_may_be_written_as_a_float(value: float) -> None:
    assert faults_of(Number(integer=True), value).errors == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=6), children, max_size=3),
    max_leaves=12,
)


@given(JSON)
def test_no_value_raises(value: Json) -> None:
    faults_of(BATTERY, value)
    faults_of(BATTERY, {**GOOD, "mass": value, "parts": value, "made": value, "status": value})
