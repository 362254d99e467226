"""Whatever the light node imports, at once or on demand, is in the base distribution: by its sources, not by a run."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OWN = ("ledger", "ipfs", "light_node", "contracts", "api")
BASE = {"cryptography": "cryptography", "coincurve": "coincurve", "sha3": "safe-pysha3", "Crypto": "pycryptodome"}
"""What may be imported from outside, and the distribution that it comes in."""
EXTRAS = {
    "can": {"light_node.edge.can_signals"},
    "pkcs11": {"light_node.edge.pkcs11_key"},
}
EXTRA_MODULES = {"can": {"can", "cantools"}, "pkcs11": {"pkcs11"}}
BESIDE_PURE = frozenset({"ledger", "ipfs", "ipfs.files"})
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PURE = frozenset(
    name
    for contract in PROJECT["tool"]["importlinter"]["contracts"]
    if contract["name"] == "pure code does no I/O"
    for name in contract["source_modules"]
)


def _path(module: str) -> Path | None:
    base = ROOT / module.replace(".", "/")
    found = [one for one in (base.with_suffix(".py"), base / "__init__.py") if one.is_file()]
    return found[0] if found else None


def _run(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node that runs some time: all but what stands under ``if TYPE_CHECKING``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from _run(node)


@cache
def _imports(module: str) -> frozenset[str]:
    """Names that a module of ours imports, packages above them included."""
    path, found = _path(module), set()
    assert path is not None, module
    for node in _run(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            assert node.module is not None
            inner = {f"{node.module}.{one.name}" for one in node.names}
            found |= {node.module} | {one for one in inner if one.split(".")[0] in OWN and _path(one)}
    return frozenset(found | {one.rpartition(".")[0] for one in found if "." in one})


def _light_node() -> Iterator[str]:
    for path in (ROOT / "light_node").rglob("*.py"):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        yield name.removesuffix(".__init__")


def _reached() -> dict[str, str]:
    """Every module of ours that one of the light node's reaches, and who imports it."""
    found, open_ = {}, [(name, "the light node") for name in sorted(_light_node())]
    while open_:
        name, by = open_.pop()
        if name not in found:
            found[name] = by
            open_ += [(one, name) for one in _imports(name) if one.split(".")[0] in OWN]
    return found


def _outside(module: str) -> set[str]:
    tops = {one.split(".")[0] for one in _imports(module)}
    return tops - sys.stdlib_module_names - set(OWN)


def _is_pure(module: str) -> bool:
    return any(module == one or module.startswith(f"{one}.") for one in PURE)


REACHED = _reached()


def test_much_is_reached() -> None:
    assert {"light_node.verify", "ledger.proof.trie", "ledger.rules.vehicle", "ipfs.cid"} <= set(REACHED)


def test_of_the_ledger_only_pure_parts_are_reached() -> None:
    beside = {
        f"{name}, imported by {by}"
        for name, by in REACHED.items()
        if name.split(".")[0] != "light_node" and not _is_pure(name) and name not in BESIDE_PURE
    }
    assert beside == set()


def test_from_outside_only_the_base_dependencies_are_reached() -> None:
    declared = {entry.split(">")[0].split(";")[0].strip() for entry in PROJECT["project"]["dependencies"]}
    assert set(BASE.values()) == declared
    extras = {name for names in EXTRAS.values() for name in names}
    found = {f"{name} imports {top}" for name in REACHED if name not in extras for top in _outside(name) - set(BASE)}
    assert found == set()


@pytest.mark.parametrize("extra", EXTRAS)
def test_what_is_an_extra_is_imported_by_its_own_modules_alone(extra: str) -> None:
    others = {name for name in REACHED if EXTRA_MODULES[extra] & _outside(name)}
    assert others <= EXTRAS[extra]


@pytest.mark.parametrize("extra", EXTRAS)
def test_modules_of_an_extra_are_imported_on_demand_alone(extra: str) -> None:
    for name in REACHED:
        path = _path(name)
        assert path is not None
        at_once = {
            one
            for node in ast.parse(path.read_bytes()).body
            if isinstance(node, ast.Import | ast.ImportFrom)
            for one in ([node.module] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names])
        }
        assert name in EXTRAS[extra] or not at_once & EXTRAS[extra], f"{name} imports {extra} at once"


def test_what_is_planted_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    planted = tmp_path / "light_node" / "planted.py"
    planted.parent.mkdir()
    planted.write_text("def f() -> None:\n    import web3.auto\n    from ledger.chain import outbox\n")
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    assert _outside("light_node.planted") == {"web3"}
    assert "ledger.chain" in _imports("light_node.planted")
    assert not _is_pure("ledger.chain")
