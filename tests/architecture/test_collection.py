"""Every process that collects the tests finds the same ones: else they cannot be shared out, and none of them runs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
RANDOM = frozenset({"os.urandom", "secrets", "uuid", "random", "time.time", "datetime.now", "generate"})
PLANTED = """
import os, uuid
@pytest.mark.parametrize("a", [os.urandom(2)])
def test_a(a): ...
@pytest.mark.parametrize("b", [str(uuid.uuid4())])
class TestB: ...
@pytest.mark.parametrize("c", [bytes(2)])
def test_c(c): os.urandom(2)
"""


def _chance_in_names(source: str) -> Iterator[str]:
    """What decorators call that gives another value in every process; pytest makes names of tests from it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            for call in (inner for mark in node.decorator_list for inner in ast.walk(mark)):
                if isinstance(call, ast.Call) and _gives_chance(ast.unparse(call.func)):
                    yield f"{node.name}: {ast.unparse(call)}"


def _gives_chance(called: str) -> bool:
    return any(called == name or called.startswith(f"{name}.") or called.endswith(f".{name}") for name in RANDOM)


def test_no_test_is_named_by_chance() -> None:
    found = [
        f"{path.relative_to(TESTS)}: {fault}"
        for path in TESTS.rglob("*.py")
        for fault in _chance_in_names(path.read_text("utf-8"))
    ]
    assert found == []


def test_what_is_planted_is_found() -> None:
    assert list(_chance_in_names(PLANTED)) == ["test_a: os.urandom(2)", "TestB: uuid.uuid4()"]
