"""Command lines that cannot be read and settings that cannot hold: told to people and machines, and where from."""

from __future__ import annotations

from pathlib import Path

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
