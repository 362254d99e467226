"""``docs/cli.md`` speaks of commands and options that there are, and of every command."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from ledger.cli.app import EXIT_DONE, EXIT_INTERRUPTED, EXIT_MALFORMED, EXIT_REFUSED, EXIT_UNDETERMINED
from ledger.cli.main import EXIT_BROKEN_PIPE
from tests.ledger.cli.conftest import run
from tests.ledger.cli.test_network import COMMANDS

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "cli.md").read_text("utf-8")
LINES = re.findall(r"^\$ vinculum (.*)$", TEXT, re.MULTILINE)


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[:40])
def test_each_line_is_one_that_the_command_takes(line: str) -> None:
    words = shlex.split(line)
    name = next(name for name in sorted(COMMANDS, key=len, reverse=True) if words[: len(name.split())] == name.split())
    told = run(*name.split(), "--help").out
    for option in (word for word in words if word.startswith("-")):
        assert re.search(rf"(^|\s){re.escape(option)}[\s,]", told), option


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_written_about(name: str) -> None:
    assert re.search(rf"`(vinculum )?{name}\b", TEXT) or f"$ vinculum {name}" in TEXT


def test_every_exit_code_is_written_down() -> None:
    written = {int(code) for code in re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)}
    codes = (EXIT_DONE, EXIT_REFUSED, EXIT_MALFORMED, EXIT_UNDETERMINED, EXIT_INTERRUPTED, EXIT_BROKEN_PIPE)
    assert written == set(codes)
