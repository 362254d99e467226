"""A pipe in the place of a file: trust files do not come through one, and nobody waits for ever for what may."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipfs import files
from tests.ledger.cli.conftest import run
from tests.light_node.honest_files import write_honest_files
from tests.light_node.waiting import alarm

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _alarm(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(files, "PIPE_TIMEOUT_S", 0.2)
    with alarm():
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    write_honest_files(folder)
    os.mkfifo(folder / "pipe")
    (folder / "device").symlink_to("/dev/zero")
    return folder


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("verify", "car.json", "--trust", "pipe"), 2),
        (("verify", "car.json", "--trust", "device"), 2),
        (("verify", "device", "--trust", "trust.json"), 2),
        (("verify", "pipe", "--trust", "trust.json"), 3),
        (("trust", "show", "pipe"), 2),
        (("trust", "show", "device"), 2),
        (("trust", "fingerprint", "pipe"), 2),
        (("witness", "combine", "pipe", "--trust", "trust.json", "-o", "out.note"), 3),
        (("witness", "combine", "car.json", "--trust", "pipe", "-o", "out.note"), 2),
        (("key", "add", "workshop", "pipe"), 3),
        (("key", "add", "workshop", "device"), 2),
        (("ingest", "car.json", "--map", "pipe", "--as", "workshop"), 3),
        (("gateway", "reading", "car", "--event", "1", "--reading", "1", "--evidence", "pipe", "-o", "out.json"), 3),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_nothing_waits(made: Path, words: tuple[str, ...], code: int) -> None:
    told = run("--home", "home", *words, "--json", folder=made)
    assert (told.code, sorted(told.json)) == (code, ["error", "message"]), told
    assert any(words in told.json["message"] for words in ("not a regular file", "a pipe that did not end"))


def test_evidence_comes_through_a_pipe(made: Path) -> None:
    command = [sys.executable, "-m", "ledger.cli.main", "verify", "/dev/stdin", "--trust", "trust.json"]
    for data, code in ((made / "car.json").read_bytes(), 0), (b"", 2), (b"PK", 2):
        done = subprocess.run(
            command, cwd=made, env={"PYTHONPATH": str(ROOT)}, input=data, capture_output=True, check=False, timeout=60
        )
        assert done.returncode == code, done.stderr
