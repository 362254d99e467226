"""Evidence through a pipe, as a shell's ``<(command)``: read to its end within limits of size and time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ipfs import files
from ledger.errors import MalformedError, SourceTimeoutError
from light_node.cli.main import main
from tests.light_node.honest_files import write_honest_files
from tests.light_node.waiting import MOST_S, alarm

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _alarm(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(files, "PIPE_TIMEOUT_S", 15.0)
    with alarm():
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    write_honest_files(folder)
    return folder


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


@contextmanager
def _written(path: Path, data: bytes, *, end: bool = True) -> Iterator[None]:
    """Somebody writes to a pipe, slowly; or does not end."""
    program = (
        "import sys, time\n"
        "data = sys.stdin.buffer.read()\n"
        "with open(sys.argv[1], 'wb', buffering=0) as pipe:\n"
        "    for at in range(0, len(data), 30_000): pipe.write(data[at:at + 30_000]); time.sleep(0.02)\n"
        f"    time.sleep({0 if end else 60})\n"
    )
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        process.stdin.write(data)
        process.stdin.close()
        try:
            yield
        finally:
            process.kill()


def test_evidence_through_a_pipe_is_judged(made: Path, pipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with _written(pipe, (made / "car.json").read_bytes()):
        code = main(["verify", str(pipe), "--trust", str(made / "trust.json")])
    assert (code, capsys.readouterr().out[:9]) == (0, "VERIFIED\n")


def test_a_shell_hands_evidence_over_and_keeps_the_exit_code(made: Path) -> None:
    """As in bash: ``verify <(command)``."""
    command = [sys.executable, "-m", "light_node.cli.main", "verify", "/dev/stdin", "--trust", "trust.json"]
    environment = {"PYTHONPATH": str(ROOT)}
    for data, code in ((made / "car.json").read_bytes(), 0), (b"", 2), (b"{", 2):
        done = subprocess.run(
            command, cwd=made, env=environment, input=data, capture_output=True, check=False, timeout=MOST_S
        )
        assert done.returncode == code, done.stderr


def test_a_pipe_has_the_limits_of_a_file(pipe: Path) -> None:
    with _written(pipe, b"x" * 200_000), pytest.raises(MalformedError, match="over 100000 bytes"):
        files.read_file_or_pipe(pipe, 100_000, "evidence")


def test_a_pipe_of_the_greatest_length_is_read_whole(pipe: Path) -> None:
    with _written(pipe, b"x" * 200_000):
        assert files.read_file_or_pipe(pipe, 200_000, "evidence") == b"x" * 200_000


def test_a_pipe_that_does_not_end_is_given_up(pipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PIPE_TIMEOUT_S", 2.0)
    began = time.monotonic()
    with _written(pipe, b"{}", end=False), pytest.raises(SourceTimeoutError, match="within 2 s"):
        files.read_file_or_pipe(pipe, 1000, "evidence")
    assert time.monotonic() - began < 10
