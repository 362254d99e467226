"""The wheel holds whatever the programs read at run time, and works away from the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("ledger/", "ipfs/", "light_node/", "contracts/artefacts/")
READ_AT_RUN_TIME = (".json", ".toml", ".py")
PROBE = """
import pathlib, sys
from importlib import resources
import contracts, ledger.service.export.bag
from ledger.kinds import all_kinds
from ledger.store.database import open_database
open_database("sqlite:///index.db").close()
contracts.artefact("BatteryPassport")
assert all_kinds()
assert resources.files("ledger.proof").joinpath("evidence.schema.json").read_bytes() == sys.stdin.buffer.read()
for module in (contracts, ledger):
    assert pathlib.Path(module.__file__).is_relative_to(sys.argv[1]), module.__file__
"""


def _sources() -> list[str]:
    """Every file of the checkout that is, or could be, under version control."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a checkout of the repository")
    command = [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    return [name for name in done.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing of it is left in the checkout."""
    copy, made = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("wheel")
    for name in _sources():
        if name.startswith((*PACKAGES, "contracts/__init__.py")) or "/" not in name:
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, copy / name)
    build = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(made)], cwd=copy, capture_output=True, check=True, timeout=300)
    (found,) = made.glob("*.whl")
    return found


def test_every_file_that_is_read_at_run_time_is_in_the_wheel(wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    wanted = {name for name in _sources() if name.startswith(PACKAGES) and name.endswith(READ_AT_RUN_TIME)}
    assert "ledger/proof/evidence.schema.json" in wanted
    assert sorted(wanted - packed) == []


def test_the_wheel_holds_no_test_and_no_script(wheel: Path) -> None:
    folders = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert folders.isdisjoint({"tests", "scripts", "docs", "examples"})


def test_the_wheel_works_away_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    unpacked = tmp_path / "unpacked"
    zipfile.ZipFile(wheel).extractall(unpacked)
    schema = (ROOT / "ledger" / "proof" / "evidence.schema.json").read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(unpacked)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(unpacked)},
        input=schema,
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()
