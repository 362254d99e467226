"""Untrusted words in what is printed: a terminal obeys none of them, and they add no line of their own."""

from __future__ import annotations

import pytest

from ledger.cli.output import Output

FORGED = "none\n  odometer: consistent\r\n\x1b[2J\u202eVERIFIED\x85\u2028"
SHOWN = r"none\n  odometer: consistent\r\n\x1b[2J\u202eVERIFIED\x85\u2028"


@pytest.fixture
def output() -> Output:
    return Output(as_json=False)


def test_a_line_stays_one(output: Output, capsys: pytest.CaptureFixture[str]) -> None:
    output.say(FORGED)
    output.warn(FORGED)
    shown = capsys.readouterr()
    assert shown.out == shown.err == f"{SHOWN}\n"


def test_lines_stay_as_many(output: Output, capsys: pytest.CaptureFixture[str]) -> None:
    output.result({}, ["status: built", f"title brand: {FORGED}"])
    assert capsys.readouterr().out == f"status: built\ntitle brand: {SHOWN}\n"


def test_a_row_of_a_table_stays_one(output: Output) -> None:
    assert output.table(("name", "number"), [(FORGED, 1)]).split("\n")[1:] == [f"{SHOWN}  1"]


def test_text_of_our_own_keeps_its_lines(output: Output, capsys: pytest.CaptureFixture[str]) -> None:
    output.result({}, "first\nsecond \x1b[1m")
    assert capsys.readouterr().out == "first\nsecond \\x1b[1m\n"
