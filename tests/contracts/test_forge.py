"""Runs the forge tests: fuzz and invariants, in the EVM and with the compiler settings of what is deployed."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CONTRACTS = Path(__file__).resolve().parents[2] / "contracts"
MACHINE = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), platform.machine())
FORGE = CONTRACTS / f"node_modules/@foundry-rs/forge-{platform.system().lower()}-{MACHINE}/bin/forge"


def forge(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the native binary: the npm wrapper returns 0 where tests fail."""
    if not FORGE.exists():
        pytest.skip("forge is not installed for this machine: run scripts/test once")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**os.environ, "PATH": path, "FOUNDRY_DISABLE_NIGHTLY_WARNING": "1"}
    return subprocess.run(
        [FORGE, *arguments], cwd=CONTRACTS, env=environment, capture_output=True, text=True, check=False, timeout=400
    )


def results(finished: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    lines = [line for line in finished.stdout.splitlines() if line.startswith("{")]
    assert lines, finished.stdout + finished.stderr
    suites = json.loads(lines[-1])
    return {name: result for suite in suites.values() for name, result in suite["test_results"].items()}


@pytest.mark.integration
def test_fuzz_and_invariants() -> None:
    finished = forge("test", "--json")
    found = results(finished)
    failed = {name: result.get("reason") for name, result in found.items() if result["status"] != "Success"}
    assert not failed
    assert finished.returncode == 0
    assert sum(name.startswith("testFuzz_") for name in found) >= 10
    assert sum(name.startswith("invariant_") for name in found) >= 5


@pytest.mark.integration
def test_sources_are_formatted() -> None:
    checked = forge("fmt", "--check")
    assert checked.returncode == 0, checked.stdout
