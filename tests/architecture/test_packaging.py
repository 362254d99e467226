"""What puts the light node on a gateway: a unit that is closed, and a container that takes what the lock says."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from light_node.run.settings import load_settings

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "packaging" / "vinculum-light.service"
CONTAINER = (ROOT / "packaging" / "Containerfile").read_text("utf-8")
LOCK = (ROOT / "requirements" / "lock.txt").read_text("utf-8")
SETTINGS = ROOT / "packaging" / "light.toml"
PROGRAM = "/opt/vinculum-light/bin/vinculum-light"
MOST_EXPOSED = 1.5
SHUT = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "DynamicUser": "yes",
    "MemoryMax": "64M",
    "MemoryDenyWriteExecute": "yes",
    "CapabilityBoundingSet": "",
    "SystemCallArchitectures": "native",
    "StateDirectory": "vinculum-light",
}


def _settings() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", UNIT.read_text("utf-8"), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


@pytest.fixture
def analyze(tmp_path: Path) -> tuple[str, Path]:
    """The program that judges units, and the unit with a program that is there."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text("utf-8").replace(PROGRAM, shutil.which("true") or "/bin/true"))
    return program, unit


@pytest.mark.parametrize("name", SHUT)
def test_the_unit_holds_no_privilege_and_a_ceiling(name: str) -> None:
    assert _settings()[name] == [SHUT[name]]


def test_the_unit_calls_what_an_operation_needs_and_no_more() -> None:
    settings = _settings()
    assert settings["SystemCallFilter"] == ["@system-service", "~@privileged @resources @mount @keyring"]
    assert settings["RestrictAddressFamilies"] == ["AF_INET AF_INET6 AF_UNIX"]
    assert settings["ExecStart"] == [f"{PROGRAM} run --config /etc/vinculum-light/light.toml"]


def test_the_settings_can_be_read_and_keep_all_in_the_folder_that_the_unit_and_the_container_have() -> None:
    settings = load_settings(SETTINGS)
    assert settings.home == Path("/var/lib") / _settings()["StateDirectory"][0]
    assert re.search(rf"^VOLUME {settings.home}$", CONTAINER, re.MULTILINE)
    assert len(settings.assets) == len(settings.sources) == 1


def test_systemd_understands_every_line(analyze: tuple[str, Path]) -> None:
    program, unit = analyze
    done = subprocess.run([program, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_systemd_finds_little_exposed(analyze: tuple[str, Path]) -> None:
    program, unit = analyze
    command = [program, "security", "--offline=true", "--no-pager", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"Overall exposure level[^:]*: (\d+\.\d+)", done.stdout)
    if found is None:
        pytest.skip(f"this systemd cannot judge a file: {done.stderr.strip()}")
    assert float(found[1]) <= MOST_EXPOSED


def test_the_container_takes_the_base_dependencies_as_they_are_locked() -> None:
    (names,) = re.findall(r"keep = /\^\(([\w|-]+)\)==/", CONTAINER)
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    on_linux = {re.split(r"[>;\s]", one)[0] for one in declared if "!= 'linux'" not in one}
    assert set(names.split("|")) == on_linux | {"cffi", "pycparser"}
    assert all(re.search(rf"^{name}==", LOCK, re.MULTILINE) for name in names.split("|"))
    assert CONTAINER.count("--require-hashes") == 2


def test_the_container_has_one_base_that_a_house_may_replace() -> None:
    assert re.findall(r"^FROM (\S+)", CONTAINER, re.MULTILINE) == ["${BASE}", "${BASE}"]
    assert len(re.findall(r"^ARG BASE=\S+$", CONTAINER.split("\nFROM ", 1)[0], re.MULTILINE)) == 1


def test_the_container_is_built_from_what_it_copies_alone() -> None:
    ignored = (ROOT / ".containerignore").read_text("utf-8").splitlines()
    sent = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", CONTAINER, re.MULTILINE)
    assert "*" in ignored
    assert sent == {name for line in copied for name in line.split()}


def test_the_container_runs_as_nobody() -> None:
    last = CONTAINER.split("\nFROM ")[-1]
    (user,) = re.findall(r"^USER (\d+):\d+$", last, re.MULTILINE)
    assert int(user) > 0
    assert "pip install" not in last


@pytest.mark.parametrize("place", re.findall(r"^COPY (?!--from)(.+) \S+$", CONTAINER, re.MULTILINE))
def test_what_the_container_copies_is_there(place: str) -> None:
    assert all((ROOT / name).exists() for name in place.split())


def test_the_container_copies_whatever_is_packed() -> None:
    packed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]["find"]
    folders = {name.rstrip("*") for name in packed["include"] if (ROOT / name.rstrip("*")).is_dir()}
    assert all(re.search(rf"^COPY {folder}\b", CONTAINER, re.MULTILINE) for folder in folders)
