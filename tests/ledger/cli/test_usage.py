"""Command lines that cannot be read and settings that cannot hold: told to people and machines, and where from."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import ConfigurationError
from ledger.service.settings import FILE_NAME, load_settings
from tests.ledger.cli.conftest import run
from tests.ledger.cli.test_network import COMMANDS

WRONG = [
    ["nonsense"],
    ["verify"],
    ["verify", "a", "b", "c"],
    ["status", "--never"],
    ["grant"],
    ["org", "add"],
    ["org", "no"],
]


@pytest.mark.parametrize("words", WRONG, ids=" ".join)
def test_wrong_words_are_told_to_machines_as_one_json_value(words: list[str]) -> None:
    told = run(*words, "--json")
    assert (told.code, told.json["error"], sorted(told.json)) == (2, "ConfigurationError", ["error", "message"])
    assert told.err.startswith("Usage: vinculum")
    assert (run(*words).code, run(*words).out) == (2, "")


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_refuses_an_option_that_it_has_not(name: str) -> None:
    told = run(*name.split(), "--never", "--json")
    assert (told.code, told.json["error"]) == (2, "ConfigurationError")
    assert "--never" in told.json["message"]


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    told = run("verify", tmp_path / "none", "--json")
    assert (told.code, told.json["error"]) == (2, "ConfigurationError")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("VINCULUM_CHAIN__PORT", "many"),
        ("VINCULUM_CHAIN__PORT", "99999999"),
        ("vinculum_chain__port", "many"),
        ("VINCULUM_CHAIN", "no json"),
        ("VINCULUM_SHARING__RECIPIENTS", "workshop"),
        ("VINCULUM_CHAIN", '{"port": "many"}'),
        ("VINCULUM_CHAIN__NEVER", "1"),
        ("VINCULUM_TRUST__FINALITY", "hope"),
    ],
)
def test_a_wrong_variable_is_blamed_and_not_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    (tmp_path / FILE_NAME).write_text("[chain]\nport = 8745\n")
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as refused:
        load_settings(tmp_path)
    assert variable in str(refused.value)
    assert FILE_NAME not in str(refused.value)


def test_the_file_is_blamed_for_what_stands_there_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / FILE_NAME).write_text('[chain]\nport = "many"\n[trust]\nfinality = "hope"\n')
    monkeypatch.setenv("VINCULUM_TRUST__FINALITY", "faith")
    monkeypatch.setenv("VINCULUM_KEYS__SCRYPT_N", "1024")
    with pytest.raises(ConfigurationError) as refused:
        load_settings(tmp_path)
    by_place = dict(part.split(": ", 1) for part in str(refused.value).split("; "))
    assert set(by_place) == {f"{tmp_path / FILE_NAME}", "VINCULUM_TRUST__FINALITY"}
    assert by_place[f"{tmp_path / FILE_NAME}"].startswith("chain.port: ")


def test_a_variable_puts_right_what_is_wrong_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / FILE_NAME).write_text('[chain]\nport = "many"\n')
    monkeypatch.setenv("VINCULUM_CHAIN__PORT", "9545")
    assert load_settings(tmp_path).chain.port == 9545


def _command(folder: Path, *words: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "ledger.cli.main", *words]
    environment = {"PYTHONPATH": str(Path(__file__).parents[3]), **options.pop("env", {})}
    return subprocess.run(command, cwd=folder, env=environment, check=False, timeout=60, **options)


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
@pytest.mark.parametrize("name", ["n\u00e9", "\u202e", "\udcff"])
def test_json_is_json_in_any_encoding_and_of_any_name(tmp_path: Path, encoding: str, name: str) -> None:
    words = ("--home", name, "status", "--json")
    done = _command(tmp_path, *words, env={"PYTHONIOENCODING": encoding}, capture_output=True)
    assert (done.returncode, b"Traceback" in done.stderr) == (2, False)
    assert json.loads(done.stdout.decode("ascii"))["message"].encode("utf-8")


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="a full disk is simulated by /dev/full")
@pytest.mark.parametrize("words", [["status", "--json"], ["--version"]])
def test_a_full_disk_under_the_output_is_no_verdict(tmp_path: Path, words: list[str]) -> None:
    with FULL.open("wb") as full:
        done = _command(tmp_path, *words, stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, b"Traceback" in done.stderr) == (3, False)


def test_a_fault_of_ours_decides_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(_: Path) -> None:
        raise RuntimeError("bug")

    monkeypatch.setattr("ledger.cli.app.load_settings", fail)
    told = run("--home", tmp_path, "config")
    assert (told.code, told.out, "RuntimeError: bug" in told.err) == (3, "", True)
