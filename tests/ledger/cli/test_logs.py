"""``vinculum log``: a log is replaced, its lives go on, and homes that were not told say so."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ledger.cli.conftest import EXAMPLES, Ran, run

pytestmark = pytest.mark.integration

PACK = "https://id.gs1.org/01/09521000001206/21/LC-EV-000417"
BATTERY = EXAMPLES / "battery"


class Replaced:
    """What the home and a second one had before the switch, and what the command told."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.home, self.folder, self.behind = home, folder, folder / "behind"
        self.old_trust, self.old_evidence = folder / "old-trust.json", folder / "old-evidence.json"
        self.before = run("log", "list", "--json").json
        assert run("trust", "export", "-o", self.old_trust).code == 0
        assert run("evidence", PACK, "-o", self.old_evidence).code == 0
        self.behind.mkdir()
        url = run("status", "--json").json["chain"]["url"]
        (self.behind / "vinculum.toml").write_text(f'[chain]\nurl = "{url}"\n')
        (self.behind / "contracts.json").write_bytes((home / "contracts.json").read_bytes())
        self.ran = run("log", "succeed", "battery", "--json")

    def judge(self, evidence: Path, trust: Path) -> int:
        return run("verify", evidence, "--trust", trust).code


@pytest.fixture(scope="module")
def replaced(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Replaced:
    assert run("ingest", BATTERY / "passport-ev.json", "--as", "cell-maker").code == 0
    return Replaced(home, tmp_path_factory.mktemp("logs"))


def at_a_terminal(answer: str) -> Ran:
    """Run the command where a person sits and answers."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, f"{answer}\n".encode())
        command = [sys.executable, "-m", "ledger.cli.main", "log", "succeed", "vehicle"]
        done = subprocess.run(command, stdin=theirs, capture_output=True, check=False, timeout=120)
    finally:
        os.close(theirs)
        os.close(ours)
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def test_a_log_is_replaced_and_listed(replaced: Replaced) -> None:
    assert (replaced.ran.code, replaced.ran.json["executed"], replaced.ran.json["left_behind"]) == (0, True, {})
    old, new = replaced.ran.json["log"], replaced.ran.json["successor"]
    assert [one["successor"] for one in replaced.before] == [None, None, None]
    batteries = [one for one in run("log", "list", "--json").json if one["asset_type"] == "battery"]
    assert [(one["generation"], one["address"], one["successor"]) for one in batteries] == [
        (0, old, new),
        (1, new, None),
    ]
    told = run("log", "list").out
    assert f"closed for {new}" in told
    assert told.count("takes attestations") == 3


def test_a_home_that_was_not_told_says_so_and_then_follows(replaced: Replaced) -> None:
    new = replaced.ran.json["successor"]
    assert "does not follow yet" in run("--home", replaced.behind, "log", "list").out
    for words in (("audit",), ("org", "list"), ("org", "show", "1")):
        ran = run("--home", replaced.behind, *words)
        assert ran.code == 2, ran
        assert "vinculum log follow" in ran.err
        assert new in ran.err
    status = run("--home", replaced.behind, "status")
    assert (status.code, "vinculum log follow" in status.out) == (3, True)
    followed = run("--home", replaced.behind, "log", "follow", "--json").json
    assert [(one["address"], one["generation"]) for one in followed["added"]] == [(new, 1)]
    assert run("--home", replaced.behind, "org", "list").code == 0
    assert "nothing was replaced" in run("--home", replaced.behind, "log", "follow").out


def test_lives_go_on_and_are_proven_by_a_new_trust_file(replaced: Replaced) -> None:
    taken = run("ingest", BATTERY / "end-of-line-test.jsonld", BATTERY / "shipping.jsonld", "--as", "cell-maker")
    assert taken.code == 0, taken
    assert len(run("history", PACK, "--json").json["events"]) == 4
    evidence, trust, bag = (replaced.folder / name for name in ("new.json", "new-trust.json", "bag.zip"))
    assert run("evidence", PACK, "-o", evidence).code == 0
    assert run("trust", "export", "-o", trust).code == 0
    assert run("export", "--all", "-o", bag).code == 0
    codes = {
        (name, by): replaced.judge(file, believed)
        for name, file in (("old", replaced.old_evidence), ("new", evidence), ("bag", bag))
        for by, believed in (("old", replaced.old_trust), ("new", trust))
    }
    assert codes == {
        ("old", "old"): 0,
        ("old", "new"): 3,
        ("new", "old"): 3,
        ("new", "new"): 0,
        ("bag", "old"): 3,
        ("bag", "new"): 0,
    }
    assert run("audit", "--rebuild", "--yes").code == 0


def test_nothing_is_replaced_without_the_council(replaced: Replaced) -> None:
    run("--home", replaced.behind, "log", "follow")
    ran = run("--home", replaced.behind, "log", "succeed", "part")
    assert ran.code == 2
    assert "administrator" in ran.err


@pytest.mark.parametrize("name", ["bicycle", "", "BATTERY "])
def test_an_asset_type_that_there_is_none_of(replaced: Replaced, name: str) -> None:
    assert run("log", "succeed", name).code == 2


def test_a_person_is_asked_before_a_log_is_closed_for_ever(replaced: Replaced) -> None:
    ran = at_a_terminal("n")
    assert ran.code == 2
    assert "for ever" in ran.err
    assert "nothing was proposed" in ran.err
    assert {one["successor"] for one in run("log", "list", "--json").json if one["asset_type"] == "vehicle"} == {None}
    agreed = at_a_terminal("y")
    assert agreed.code == 0, agreed
    assert "is closed" in agreed.out
    assert "vinculum trust export" in agreed.out
