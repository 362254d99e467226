"""kill -9 at every step of a real process: nothing acknowledged is lost, nothing comes twice, nobody equivocates."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from light_node.edge.batch import verify_readings
from light_node.edge.lineage import Lineage
from light_node.edge.reading import Reading
from light_node.edge.statement import VerifiedStatement, parse_statement, verify_statement
from tests.light_node.edge.crash_child import GROUP, GROUPS, work
from tests.light_node.edge.making import KEY, held, reading

ROOT = Path(__file__).parents[3]
MOST = 400


def sent(folder: Path) -> tuple[list[VerifiedStatement], list[Reading]]:
    """What left the device, each batch once."""
    lines = (folder / "sent").read_text().splitlines() if (folder / "sent").exists() else []
    statements, readings = [], []
    for line in dict.fromkeys(lines):
        text, data = line.split(" ")
        statement = verify_statement(parse_statement(text), KEY.public)
        statements.append(statement)
        readings += [one for one, _ in verify_readings(statement, bytes.fromhex(data)).readings]
    return statements, readings


def everything(folder: Path) -> list[Reading]:
    """All readings that were sent or are held; all their statements form one chain."""
    (left, gone), (staying, kept) = sent(folder), held(folder / "queue.db")
    lineage = Lineage()
    for statement in (*left, *staying):
        lineage.add(statement)
    assert lineage.gaps() == ()
    again = {statement.digest for statement in left} & {statement.digest for statement in staying}
    repeated = sum(statement.statement.size for statement in staying if statement.digest in again)
    return gone + kept[repeated:]


@pytest.mark.integration
def test_a_process_that_dies_at_any_step_loses_and_doubles_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.light_node.edge.crash_child", str(tmp_path), str(MOST)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    rounds = sorted(tmp_path.iterdir(), key=lambda folder: int(folder.name))
    assert len(rounds) > 60
    whole = [reading(number) for number in range(GROUPS * GROUP)]
    for folder in rounds:
        path = folder / "acknowledged"
        acknowledged = len(path.read_text().splitlines()) * GROUP if path.exists() else 0
        found = everything(folder)
        assert found == whole[: len(found)], folder.name
        assert len(found) in (acknowledged, acknowledged + GROUP), folder.name
        work(folder)
        assert everything(folder) == whole, folder.name
