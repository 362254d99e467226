"""TOML that somebody spoiled: each reader of it says plainly and at once what is wrong, and takes no unknown name."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ledger.errors import ConfigurationError, MalformedError
from light_node.edge.limits import parse_limits
from light_node.edge.settings import load_settings as load_device
from light_node.run.settings import load_settings as load_run
from light_node.settings_table import MAX_DEPTH, Fields, members, parse_toml, table

MOST_S = 5.0
BAD: Mapping[str, tuple[bytes, str]] = {
    "no TOML": (b"= 1", "not TOML"),
    "cut off": (b"[key", "not TOML"),
    "one name twice": (b"a = 1\na = 2", "not TOML"),
    "no UTF-8": (b"home = '\xff'", "not TOML"),
    "UTF-16": ('home = "x"'.encode("utf-16"), "not TOML"),
    "a mark before it": (b"\xef\xbb\xbfhome = 'x'", "not TOML"),
    "10,000 nested lists": (b"a = " + b"[" * 10_000 + b"]" * 10_000, "nested too deeply"),
    "10,000 lists that are not closed": (b"a = " + b"[" * 10_000, "(nested too deeply|not TOML)"),
    "10,000 nested tables": (b"a = " + b"{a = " * 10_000 + b"1" + b"}" * 10_000, "nested too deeply"),
    "a number of 10,000 digits": (b"interval_s = " + b"9" * 10_000, "not TOML"),
    "a name of 300,000 parts": (b"a." * 300_000 + b"a = 1", "parts"),
    "a heading of 300,000 parts": (b"[" + b"a." * 300_000 + b"a]", "parts"),
    "a name of 300,000 parts with blanks": (b"a . " * 250_000 + b"a = 1", "parts"),
    "a name of 200,000 parts in quotes": (b"'a'." * 100_000 + b'"a".' * 100_000 + b"a = 1", "parts"),
    "a name of 200,000 empty parts": (b"''." * 200_000 + b"a = 1", "parts"),
    "a name of 100,000 parts in a list": (b"x = [{" + b"a." * 100_000 + b"a = 1}]", "parts"),
    "a name that nobody knows": (b"nobody = 1", "an unknown name"),
}
READERS: Mapping[str, Callable[[Path], object]] = {
    "a run": load_run,
    "a device": load_device,
}


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("reader", READERS)
def test_settings_out_of_form_are_told_plainly_and_at_once(tmp_path: Path, reader: str, what: str) -> None:
    data, why = BAD[what]
    (tmp_path / "some.toml").write_bytes(data)
    began = time.monotonic()
    with pytest.raises(ConfigurationError, match=rf"^some\.toml: .*{why}"):
        READERS[reader](tmp_path / "some.toml")
    assert time.monotonic() - began < MOST_S


@pytest.mark.parametrize("limit", [1000, 100_000])
@pytest.mark.parametrize(
    "text", [b"a = " + b"[" * 5000 + b"]" * 5000, b"[" + b"a." * 40 + b"a]\nb = " + b"[" * 40 + b"]" * 40]
)
def test_how_deep_is_too_deep_is_ours_to_say(text: bytes, limit: int) -> None:
    """Other libraries in the process may have let Python go deeper."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(limit)
    try:
        with pytest.raises(MalformedError, match="nested too deeply"):
            parse_toml(text, "settings")
    finally:
        sys.setrecursionlimit(before)


@pytest.mark.parametrize("reader", READERS)
def test_settings_beyond_the_limit_are_not_read(tmp_path: Path, reader: str) -> None:
    (tmp_path / "some.toml").write_bytes(b"#" * 5_000_000)
    with pytest.raises(ConfigurationError, match=r"^some\.toml: .*over \d+ bytes"):
        READERS[reader](tmp_path / "some.toml")


@pytest.mark.parametrize("reader", READERS)
def test_settings_that_are_not_there_are_said(tmp_path: Path, reader: str) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        READERS[reader](tmp_path / "some.toml")


@pytest.mark.parametrize("what", BAD)
def test_a_table_of_limits_out_of_form_is_malformed_at_once(what: str) -> None:
    began = time.monotonic()
    with pytest.raises(MalformedError):
        parse_limits(BAD[what][0])
    assert time.monotonic() - began < MOST_S


@pytest.mark.parametrize("what", BAD)
def test_a_table_of_signals_out_of_form_is_malformed_at_once(what: str) -> None:
    signals = pytest.importorskip("light_node.edge.can_signals", exc_type=ImportError)
    with pytest.raises(MalformedError):
        signals.parse_signals(b"", BAD[what][0])


POINTED = ["." * 1000, "a." * 20, "http://" + "a/b.c." * 100, "''.''", "x" * 100_000, "' . " * 20]


@pytest.mark.parametrize("text", POINTED)
def test_a_text_may_have_points(text: str) -> None:
    assert parse_toml(f'a = "{text}"'.encode(), "settings") == {"a": text}


def test_a_name_of_some_parts_is_read() -> None:
    value = parse_toml(b"a." * (MAX_DEPTH - 1) + b"a = 1", "settings")
    for _ in range(MAX_DEPTH):
        value = value["a"]  # type: ignore[assignment]
    assert value == 1


@pytest.mark.parametrize("row", [[], 1, "x", None, [{}], True])
def test_what_is_no_table_is_refused(row: object) -> None:
    with pytest.raises(MalformedError, match="a table is needed"):
        members(row, frozenset(), "")
    with pytest.raises(MalformedError, match="/inner"):
        table(Fields({"inner": row}, ""), "inner", frozenset())


@pytest.mark.parametrize("value", [None, 0, -1, True, 1.0, "1", 2**53, []])
def test_a_number_that_must_be_there_is_asked_for(value: object) -> None:
    row = {} if value is None else {"organisation": value}
    with pytest.raises(MalformedError, match="/organisation"):
        Fields(row, "").number("organisation", None, least=1)


def test_a_table_that_is_missing_is_empty() -> None:
    assert table(Fields({}, "/a"), "inner", frozenset()) == Fields({}, "/a/inner")
