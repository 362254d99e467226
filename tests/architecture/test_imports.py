"""The layers of the house: what may import what, as ``pyproject.toml`` states it."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
LIGHT_NODE_NOT_PURE = frozenset(
    f"light_node.{name}"
    for name in (
        "anchoring",
        "http_source",
        "http_timing",
        "kept_lineage",
        "node",
        "settings_file",
        "state",
        "succeeding",
    )
)
"""Modules of the light node that do I/O: its folder, what it asks over a network, and what uses the two."""


def test_every_import_contract_holds() -> None:
    program = Path(sys.executable).parent / "lint-imports"
    if not program.exists():
        pytest.skip("import-linter is not installed beside this Python")
    done = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert f"{len(SETTINGS['contracts'])} kept, 0 broken" in done.stdout


def test_every_module_of_the_light_node_is_held_to_purity() -> None:
    modules = {f"light_node.{path.stem}" for path in (ROOT / "light_node").glob("*.py") if path.stem != "__init__"}
    assert modules - LIGHT_NODE_NOT_PURE <= set(_contract("pure code does no I/O")["source_modules"])


def test_only_pure_code_is_called_pure() -> None:
    for name in _contract("pure code does no I/O")["source_modules"]:
        path = ROOT / name.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__init__.py").exists(), f"{name} is no module any more"


def test_of_urllib_only_the_parser_is_used() -> None:
    names = set()
    for path in (ROOT / "ledger" / "identifiers").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                names.add(node.module)
            elif isinstance(node, ast.Import):
                names |= {one.name for one in node.names}
    assert {name for name in names if name.split(".")[0] == "urllib"} == {"urllib.parse"}


def _contract(name: str) -> dict[str, list[str]]:
    found: list[dict[str, list[str]]] = [one for one in SETTINGS["contracts"] if one["name"] == name]
    return found[0]
