"""``docs/threats.md`` names tests that exist, and every test that was written for it."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "threats.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`((?:tests|contracts)/[\w/.]+::[\w:]+)`", PAGE)))
ROWS = re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)
SYSTEM = ROOT / "tests" / "system"
WRITTEN_FOR_IT = [*sorted(SYSTEM.glob("test_threats_*.py")), SYSTEM / "test_hard_kill.py"]


@cache
def _tests_of(path: Path) -> frozenset[str]:
    """Names of the tests in a file, those of a class with its name before."""
    text = path.read_text("utf-8")
    if path.suffix == ".sol":
        return frozenset(re.findall(r"function ((?:test|testFuzz|invariant)_\w+)\(", text))
    names = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}::{one.name}" for one in node.body if isinstance(one, ast.FunctionDef)}
    return frozenset(name for name in names if name.rpartition("::")[2].startswith("test_"))


@pytest.mark.parametrize("named", NAMED)
def test_every_test_that_is_named_exists(named: str) -> None:
    path, _, name = named.partition("::")
    assert (ROOT / path).is_file(), f"{path} is not there"
    assert name in _tests_of(ROOT / path)


@pytest.mark.parametrize("path", WRITTEN_FOR_IT, ids=lambda path: path.stem)
def test_every_test_that_was_written_for_it_is_named(path: Path) -> None:
    own = {f"{path.relative_to(ROOT).as_posix()}::{name}" for name in _tests_of(path)}
    assert own - set(NAMED) == set()


def test_every_row_has_its_section() -> None:
    sections = re.findall(r"^## (\d+)\. ", PAGE, re.MULTILINE)
    assert ROWS == sections == [str(number) for number in range(1, len(ROWS) + 1)]


@pytest.mark.parametrize("row", ROWS)
def test_every_row_names_a_test_or_says_what_it_comes_with(row: str) -> None:
    section = PAGE.split(f"\n## {row}. ")[1].split("\n## ")[0]
    assert "::" in section or "**With the" in section
