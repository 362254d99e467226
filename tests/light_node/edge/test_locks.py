"""A role is held by one process at a time, whatever lies in the place of the lock, and no longer than it lives."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.errors import ConflictError
from light_node.edge.locks import hold

ROOT = Path(__file__).parents[3]
HOLDER = """
import sys
from pathlib import Path
from light_node.edge.locks import hold
with hold(Path(sys.argv[1]), "taking"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_another_holder_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    queue = tmp_path / "queue.db"
    with hold(queue, "taking"):
        with pytest.raises(ConflictError, match=r"queue\.db is in use for taking"), hold(queue, "taking"):
            pass
        with hold(queue, "sending"):
            pass
    with hold(queue, "taking"):
        pass


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    queue = tmp_path / "queue.db"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(queue)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(ConflictError), hold(queue, "taking"):
            pass
        holder.kill()
        holder.wait()
    with hold(queue, "taking"):
        pass


def test_nothing_waits_for_a_pipe_in_the_place_of_the_lock(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "queue.db.taking.lock")
    with hold(tmp_path / "queue.db", "taking"), pytest.raises(ConflictError), hold(tmp_path / "queue.db", "taking"):
        pass


def test_what_fails_while_it_is_held_is_told_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(BlockingIOError), hold(tmp_path / "queue.db", "taking"):
        raise BlockingIOError
    with hold(tmp_path / "queue.db", "taking"):
        pass


def test_a_folder_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), hold(tmp_path / "nowhere" / "queue.db", "taking"):
        pass
