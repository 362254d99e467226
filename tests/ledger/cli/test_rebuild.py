"""``vinculum audit --rebuild``: asked before it replaces the index, and refused where that would lose something."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import delete
from sqlmodel import select

from ledger.service.settings import load_settings
from ledger.service.workspace import Workspace
from ledger.store.document_index import Asset, AssetAlias
from tests.ledger.cli.conftest import EXAMPLES, Ran, run

pytestmark = pytest.mark.integration

PACK = "https://id.gs1.org/01/09521000001206/21/LC-EV-000417"


@pytest.fixture(scope="module")
def recorded(home: Path) -> Path:
    """The home with one battery."""
    assert run("ingest", EXAMPLES / "battery" / "passport-ev.json", "--as", "cell-maker").code == 0
    return home


@pytest.fixture
def forgotten(recorded: Path) -> Path:
    """The home whose index has forgotten its assets."""
    with Workspace(load_settings(recorded)) as workspace, workspace.database.write() as session:
        session.execute(delete(AssetAlias))
        session.execute(delete(Asset))
    return recorded


def assets(home: Path) -> int:
    with Workspace(load_settings(home)) as workspace, workspace.database.read() as session:
        return len(session.exec(select(Asset)).all())


def at_a_terminal(answer: str) -> Ran:
    """Run the command where a person sits and answers."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, f"{answer}\n".encode())
        command = [sys.executable, "-m", "ledger.cli.main", "audit", "--rebuild"]
        done = subprocess.run(command, stdin=theirs, capture_output=True, check=False, timeout=120)
    finally:
        os.close(theirs)
        os.close(ours)
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def test_a_lost_index_is_made_anew_and_audited(forgotten: Path) -> None:
    assert run("history", PACK).code == 1
    assert run("audit").code == 1
    ran = run("audit", "--rebuild", "--yes", "--json")
    assert (ran.code, ran.json["clean"], ran.json["rebuilt"]["asset"]) == (0, True, 1), ran
    assert run("history", PACK).code == 0
    again = run("ingest", EXAMPLES / "battery" / "passport-ev.json", "--as", "cell-maker", "--json")
    assert again.json["documents"] == {"recorded": 0, "repeated": 1, "valid": 0, "refused": 0}


def test_people_are_told_what_was_made(recorded: Path) -> None:
    ran = run("audit", "--rebuild", "--yes")
    assert ran.code == 0
    assert "the index was made anew" in ran.out
    assert "1 rows of asset\n" in ran.out
    assert "nothing differs" in ran.out


def test_nobody_to_ask_is_wrong_usage(forgotten: Path) -> None:
    ran = run("audit", "--rebuild", stdin=b"y\n")
    assert ran.code == 2
    assert "--yes" in ran.err
    assert assets(forgotten) == 0


@pytest.mark.parametrize("answer", ["n", "", "no"])
def test_a_person_who_does_not_agree_keeps_the_index(forgotten: Path, answer: str) -> None:
    ran = at_a_terminal(answer)
    assert ran.code == 1
    assert "as it was" in ran.err
    assert assets(forgotten) == 0


def test_a_person_who_agrees_gets_another(forgotten: Path) -> None:
    ran = at_a_terminal("y")
    assert ran.code == 0, ran
    assert "Go on?" in ran.err
    assert assets(forgotten) == 1


@pytest.mark.parametrize("option", ["--yes", "--despite-damage"])
def test_options_of_a_rebuild_alone_are_wrong_usage(recorded: Path, option: str) -> None:
    assert run("audit", option).code == 2


def test_nothing_is_replaced_while_somebody_records(forgotten: Path) -> None:
    with Workspace(load_settings(forgotten)) as workspace, workspace.outbox(workspace.member("cell-maker")):
        ran = run("audit", "--rebuild", "--yes")
    assert ran.code == 1
    assert "in use by another program" in ran.err
    assert assets(forgotten) == 0


def test_nothing_is_replaced_where_the_store_lost_something(recorded: Path) -> None:
    assert run("audit", "--rebuild", "--yes").code == 0
    (car,) = (path for path in (recorded / "documents" / "batches").iterdir() if b"VNCLCAP" in path.read_bytes())
    kept = car.read_bytes()
    at = kept.index(b"VNCLCAP") + 12
    car.write_bytes(kept[:at] + bytes((kept[at] ^ 1,)) + kept[at + 1 :])
    try:
        ran = run("audit", "--rebuild", "--yes")
        assert ran.code == 1
        assert "the store is damaged" in ran.err
        assert assets(recorded) == 1
        without = run("audit", "--rebuild", "--yes", "--despite-damage", "--json")
        assert (without.code, without.json["clean"]) == (1, False)
        assert assets(recorded) == 0
    finally:
        car.write_bytes(kept)
    assert run("audit", "--rebuild", "--yes").code == 0
    assert assets(recorded) == 1


def test_a_chain_that_does_not_answer_is_undetermined_and_the_index_stays(recorded: Path) -> None:
    before = assets(recorded)
    assert run("down").code == 0
    try:
        assert run("audit", "--rebuild", "--yes").code == 3
        assert assets(recorded) == before
    finally:
        assert run("up").code == 0
