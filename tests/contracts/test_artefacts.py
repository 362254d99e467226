"""What is committed is what the sources compile to, and what the light node reads slots by."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from contracts import CONTRACTS, ContractName, artefact
from ledger.proof import slots
from ledger.proof.keccak import keccak256
from tests.contracts.evm import type_of

ROOT = Path(__file__).resolve().parents[2]


def check(script: str) -> None:
    command = [sys.executable, str(ROOT / "scripts" / script), "--check"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, f"run scripts/{script}: {checked.stdout}{checked.stderr}"


@pytest.mark.integration
def test_artefacts_are_fresh() -> None:
    node = shutil.which("node", path=str(Path(sys.executable).parent))
    if node is None or not (ROOT / "contracts/node_modules/solc").is_dir():
        pytest.skip("node or solc is not installed: run scripts/test once")
    check("compile")


def test_generated_files_are_fresh() -> None:
    check("generate")


def test_slots_are_those_of_the_layout() -> None:
    consortium = artefact("Consortium").slots
    assert (consortium["_members"], consortium["_issuerKeys"], consortium["_namespaces"]) == (
        slots.MEMBERS_SLOT,
        slots.ISSUER_KEYS_SLOT,
        slots.NAMESPACES_SLOT,
    )
    for log in CONTRACTS[1:]:
        assert artefact(log).slots == {"_heads": slots.HEAD_SLOT, "successor": 1}


def test_the_layout_never_moves() -> None:
    assert artefact("Consortium").slots == {
        "_members": 0,
        "_issuerKeys": 1,
        "_namespaces": 2,
        "_organisations": 3,
        "_accounts": 4,
        "_administrators": 5,
        "_terms": 6,
        "_confirmations": 7,
        "_proposals": 8,
        "_threshold": 9,
        "_lastTerm": 9,
        "_validators": 10,
        "_validatorsChangedIn": 11,
    }


@pytest.mark.parametrize("name", CONTRACTS)
def test_sources_say_the_slots_that_the_compiler_chose(name: ContractName) -> None:
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "contracts/src").glob("*.sol"))
    for label, slot in artefact(name).slots.items():
        assert re.search(rf"\b{label}; // slot {slot}\b", sources), label


@pytest.mark.parametrize("name", CONTRACTS)
def test_berlin_code_of_a_deployable_size(name: ContractName) -> None:
    compiled = artefact(name)
    assert compiled.compiler["evmVersion"] == "berlin"
    assert len(compiled.deployed_bytecode) <= 24_576
    assert compiled.without_immutables(compiled.deployed_bytecode) == compiled.deployed_bytecode


@pytest.mark.parametrize("name", CONTRACTS)
def test_errors_by_selector(name: ContractName) -> None:
    compiled = artefact(name)
    assert len(compiled.errors) == sum(entry["type"] == "error" for entry in compiled.abi)
    for selector, entry in compiled.errors.items():
        signature = f"{entry['name']}({','.join(type_of(one) for one in entry['inputs'])})"
        assert keccak256(signature.encode())[:4] == selector


def test_one_selector_is_one_error_everywhere() -> None:
    seen: dict[bytes, str] = {}
    for name in CONTRACTS:
        for selector, entry in artefact(name).errors.items():
            assert seen.setdefault(selector, entry["name"]) == entry["name"]


def test_immutables_are_blanked() -> None:
    compiled = artefact("BatteryPassport")
    code = bytearray(compiled.deployed_bytecode)
    for start, length in compiled.immutables:
        code[start : start + length] = b"\xaa" * length
    assert compiled.without_immutables(bytes(code)) == compiled.deployed_bytecode
    code[0] ^= 1
    assert compiled.without_immutables(bytes(code)) != compiled.deployed_bytecode
    assert compiled.without_immutables(b"\x01") == b"\x01"


def test_unknown_artefact() -> None:
    with pytest.raises(KeyError):
        artefact(cast("ContractName", "Proxy"))
