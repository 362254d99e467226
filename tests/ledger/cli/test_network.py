"""A home from ``init`` to ``down``: settings, members, keys, namespaces, and what happens when the chain goes away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command

from ledger.cli.app import Frame
from ledger.cli.main import app
from ledger.cli.output import Output
from ledger.credential.jose import Algorithm
from ledger.credential.signing import generate_private_key
from ledger.errors import ConfigurationError
from ledger.service.network import initialise
from ledger.service.settings import load_settings
from ledger.service.workspace import Workspace
from tests.ledger.cli.conftest import EXAMPLES, run
from tests.ledger.cli.state import state_of

COMMANDS = [
    *("init", "up", "down", "status", "config", "record", "ingest", "history", "show", "grant", "evidence", "export"),
    *("verify", "audit", "trust export", "trust show", "trust fingerprint", "org add", "org list", "org show"),
    *("org suspend", "org resume", "org roles", "key list", "key add", "key revoke", "key limit", "key rotate"),
    *("namespace assign", "namespace list", "council list", "council confirm"),
    *("validator list", "validator add", "validator remove", "log list", "log succeed", "log follow"),
    *("rotation begin", "rotation propose", "rotation sign", "rotation combine", "rotation publish", "rotation show"),
    *("witness serve", "witness list", "witness add", "witness remove", "witness collect"),
    *("witness endorse", "witness combine", "witness publish"),
    *("gateway serve", "gateway status", "gateway reading"),
]


def names_of(command: object, before: str = "") -> list[str]:
    """Every command below a group."""
    below = getattr(command, "commands", None)
    if below is None:
        return [before]
    return [name for word, one in below.items() for name in names_of(one, f"{before} {word}".strip())]


def test_every_command_is_listed_here() -> None:
    assert sorted(names_of(get_command(app))) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_examples_and_json(name: str) -> None:
    ran = run(*name.split(), "--help")
    assert ran.code == 0
    assert f"vinculum {name}" in ran.out.partition("Examples:")[2]
    assert "--json" in ran.out


def test_help_without_a_command_and_the_version() -> None:
    assert "Exit codes:" in run("--help").out
    assert "Usage: vinculum" in run().err
    assert run("--version").out.startswith("vinculum")


def test_the_flag_wins_over_the_environment(quick: Path, tmp_path: Path) -> None:
    assert run("--home", tmp_path, "config", "--json").json["home"] == str(tmp_path)
    assert run("config", "--json").json["home"] == str(quick)


def test_config_is_toml_of_what_holds(quick: Path, tmp_path: Path) -> None:
    (tmp_path / "vinculum.toml").write_text("[chain]\nfinality_depth = 7\nblock_time_seconds = 3\n")
    told = tomllib.loads(run("--home", tmp_path, "config").out)
    assert told["chain"]["finality_depth"] == 7
    assert told["chain"]["block_time_seconds"] == 0.2  # the environment wins


@pytest.mark.parametrize("text", ["[chain]\nport = 0", "council = 1", "[keys", "[surprise]\nx = 1"])
def test_bad_settings_say_what_is_wrong(quick: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "vinculum.toml").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("VINCULUM_CHAIN__PORT")
        ran = run("--home", tmp_path, "config")
    assert ran.code == 2
    assert "vinculum.toml" in ran.err


@pytest.mark.parametrize(
    "words",
    [
        ("up",),
        ("down",),
        ("status",),
        ("org", "add", "cell-maker"),
        ("org", "list"),
        ("key", "rotate", "cell-maker"),
        ("council", "list"),
        ("council", "confirm", "0x123456"),
        ("history", "VCU4EZ7R9K1004176"),
        ("ingest", EXAMPLES / "vehicle" / "built.json", "--as", "cell-maker"),
        ("audit",),
    ],
)
def test_without_a_home(quick: Path, tmp_path: Path, words: tuple[str | Path, ...]) -> None:
    ran = run("--home", tmp_path / "none", *words)
    assert ran.code == 2
    assert "vinculum init" in ran.err
    assert not (tmp_path / "none").exists()


def test_the_settings_file_of_a_new_home_is_read_again(quick: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert run("--home", home, "init").code == 0
    text = (home / "vinculum.toml").read_text()
    assert "scrypt_n = 1024" in text
    assert "# witness_lag = 2" in text
    assert tomllib.loads(text)["chain"]["block_time_seconds"] == 0.2
    assert run("--home", home, "init").code == 2
    assert run("--home", home, "history", "VCU4EZ7R9K1004176").code == 2
    assert run("--home", home, "down").code == 0


def test_passphrases_are_asked_for_and_never_given_on_the_line(quick: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("VINCULUM_PASSPHRASE")
        ran = run("--home", tmp_path / "home", "init")
    assert ran.code == 2
    assert "passphrase" in ran.err
    for name in COMMANDS:
        assert "--pass" not in run(*name.split(), "--help").out


class Terminal:
    """Standard input where a person sits."""

    def isatty(self) -> bool:
        return True


def test_a_person_is_asked_once_and_for_a_new_home_twice(
    quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VINCULUM_PASSPHRASE")
    answers = iter(["one", "other", "one", "one"])
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return next(answers)

    monkeypatch.setattr("ledger.cli.app.getpass", answer)
    monkeypatch.setattr("sys.stdin", Terminal())
    home = tmp_path / "home"
    differs = Frame(home, Output(as_json=False))
    with pytest.raises(ConfigurationError), differs.workspace(new=True) as workspace:
        initialise(workspace, "")
    assert not (home / "keys").exists() or not list((home / "keys").glob("*/account.json"))
    with differs.workspace(new=True) as workspace:
        assert len(initialise(workspace, "")) == 3
    assert len(asked) == 4


@pytest.mark.integration
def test_status_for_people_and_machines(home: Path) -> None:
    told = run("status", "--json").json
    assert told["index"]["organisations"] == 4
    assert told["trouble"] is None
    assert run("status").code == 0


@pytest.mark.integration
def test_members_are_listed_and_shown(home: Path) -> None:
    everybody = run("org", "list", "--json").json
    assert [one["keys"] for one in everybody] == ["cell-maker", "car-maker", "workshop", "recycler"]
    assert "insure" in run("org", "show", "workshop").out
    assert run("org", "show", "3", "--json").json == run("org", "show", "The workshop", "--json").json


@pytest.mark.integration
def test_namespaces_are_recognised_by_their_names(home: Path) -> None:
    (held,) = run("namespace", "list", "wmi:VCU", "--json").json
    assert (held["prefix"], held["name"]) == ("wmi:VCU", "car-maker")
    assert len(run("namespace", "list", "--json").json) == 4
    assert run("namespace", "assign", "wmi:XYZ", "recycler").code == 0
    time.sleep(1.1)  # once a second at most, so that every moment has one holder
    assert run("namespace", "assign", "wmi:XYZ", "nobody").code == 0
    assert run("namespace", "list", "wmi:XYZ", "--json").json[0]["organisation"] == 0


@pytest.mark.integration
def test_keys_are_added_limited_and_revoked(home: Path, tmp_path: Path) -> None:
    key = generate_private_key(Algorithm.ES256, os.urandom).public
    (tmp_path / "device.jwk").write_text(json.dumps(dict(key.jwk)))
    assert run("key", "add", "recycler", tmp_path / "device.jwk").code == 0
    listed = run("key", "list", "recycler", "--json").json
    assert len(listed) == 2
    identifier = key.thumbprint.hex()
    assert run("key", "limit", "recycler", identifier, "--until", "2090-01-01T00:00:00Z").code == 0
    assert run("key", "limit", "recycler", identifier, "--until", "2091-01-01T00:00:00Z").code == 1
    assert run("key", "revoke", "recycler", identifier).code == 0
    assert run("key", "revoke", "recycler", identifier).code == 1
    assert "revoked from" in run("key", "list", "recycler").out
    (tmp_path / "device.jwk").write_text("{}")
    assert run("key", "add", "recycler", tmp_path / "device.jwk").code == 2


@pytest.mark.integration
def test_a_suspended_member_writes_nothing_until_it_is_resumed(home: Path) -> None:
    birth = ("ingest", EXAMPLES / "battery" / "passport-ev.json", "--as", "cell-maker", "--json")
    assert run("org", "suspend", "cell-maker").code == 0
    before = state_of(home)
    refused = run(*birth)
    assert refused.code == 1
    assert "suspended" in refused.json["results"][0]["faults"][0]["message"]
    assert state_of(home) == before
    assert run("org", "resume", "cell-maker").code == 0
    assert run(*birth).code == 0


@pytest.mark.integration
def test_roles_are_replaced(home: Path) -> None:
    assert run("org", "roles", "recycler", "--role", "member").code == 0
    assert run("org", "show", "recycler", "--json").json["roles"] == ["member"]
    words = [word for role in ("second_life", "recycle", "measure", "member") for word in ("--role", role)]
    assert run("org", "roles", "recycler", *words).code == 0


@pytest.mark.integration
def test_nothing_is_signed_with_a_revoked_key(home: Path) -> None:
    assert run("org", "add", "shortlived", "--role", "make", "--role", "member").code == 0
    (key,) = run("key", "list", "shortlived", "--json").json
    assert run("key", "revoke", "shortlived", key["thumbprint"]).code == 0
    before = state_of(home)
    for words in ((), ("--dry-run",)):
        ran = run("ingest", EXAMPLES / "vehicle" / "built.json", "--as", "shortlived", *words)
        assert ran.code == 1
        assert "is revoked since" in ran.err
    assert state_of(home) == before


@pytest.mark.integration
def test_a_wrong_passphrase_opens_nothing(home: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VINCULUM_PASSPHRASE", "wrong")
        ran = run("history", "VCU4EZ7R9K1004176")
    assert ran.code == 2
    assert "passphrase" in ran.err


@pytest.mark.integration
def test_two_writers_of_one_account(home: Path) -> None:
    with Workspace(load_settings(home)) as workspace, workspace.outbox(workspace.member("car-maker")):
        ran = run("ingest", EXAMPLES / "parts" / "batch.json", "--as", "car-maker")
    assert ran.code == 1
    assert "in use by another program" in ran.err


@pytest.mark.integration
def test_the_chain_goes_away_and_comes_back(home: Path) -> None:
    assert run("down").code == 0
    assert "no chain" in run("down").out
    away = run("ingest", EXAMPLES / "vehicle" / "built.json", "--as", "car-maker")
    assert away.code == 3
    assert "vinculum up" in away.err
    assert run("status").code == 3
    assert run("up", "--json").json["deployed"] is False
    assert run("ingest", EXAMPLES / "vehicle" / "built.json", "--as", "car-maker").code == 0


def _vinculum(*words: str, **more: object) -> subprocess.Popen[bytes]:
    root = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-m", "ledger.cli.main", *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=root, stdout=pipe, stderr=pipe, stdin=pipe, **more)  # type: ignore[call-overload,no-any-return]


@pytest.mark.integration
def test_an_interrupted_command_ends_with_130(home: Path) -> None:
    with _vinculum("record", "--as", "workshop") as process:
        assert process.stdin is not None
        process.stdin.write(b"{")
        process.stdin.flush()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(4)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    interrupted = {130, -signal.SIGINT}  # the second where it had not got to its own handler: a shell says 130 of both
    assert process.returncode in interrupted, errors
    assert process.returncode != 130 or b"Traceback" not in errors


@pytest.mark.integration
def test_a_reader_that_goes_away_causes_no_traceback(home: Path) -> None:
    with _vinculum("org", "list") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
    assert (process.returncode, errors) == (141, b"")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete(shell: str) -> None:
    with _vinculum(env={**os.environ, "_VINCULUM_COMPLETE": f"source_{shell}"}) as process:
        out, errors = process.communicate()
    assert (process.returncode, errors) == (0, b"")
    assert b"_VINCULUM_COMPLETE" in out
