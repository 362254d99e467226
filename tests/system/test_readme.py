"""The README's commands, run as they stand there; what it shows is what they print."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.chain.process import find_free_port

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
EXIT = re.compile(r"\(exit (\d)\)")
CUT, LEFT_OUT = "…", "[…]"
MOVING = (
    (re.compile(r"https?://127\.0\.0\.1:\d+"), "<address>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(Z)"), "<time>"),
    (re.compile(r"\b(?:[0-9a-f]{4} ){8,}[0-9a-f]{4}\b"), "<fingerprint>"),
    (re.compile(r"(0x)?[0-9a-f]{12,}"), "<hash>"),
    (re.compile(r"block \d+"), "block <number>"),
    (re.compile(r"\d+ bytes"), "<number> bytes"),
    (re.compile(r"^ +\d+ "), "<count> "),
)


def commands() -> Iterator[tuple[str, list[str]]]:
    """Each command of the console block with the lines that are shown under it."""
    (block,) = re.findall(r"```console\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *shown = part.rstrip("\n").split("\n")
        yield command, shown


def still(line: str) -> str:
    """A line without what changes from run to run."""
    for pattern, word in MOVING:
        line = pattern.sub(word, line)
    return line.rstrip()


def matches(shown: str, printed: str) -> bool:
    """Whether a shown line is the printed one, or a long one's beginning."""
    if shown.endswith(CUT) and len(shown) > 100:
        return still(printed).startswith(still(shown[: -len(CUT)].rsplit(" ", 1)[0]))
    return still(shown) == still(printed)


def check(shown: list[str], printed: list[str]) -> None:
    """Hold the shown lines to the printed ones, in order; only at a mark may lines be missing."""
    place, skipping = 0, False
    for line in shown:
        if line == LEFT_OUT:
            skipping = True
            continue
        while skipping and place < len(printed) and not matches(line, printed[place]):
            place += 1
        assert place < len(printed), f"not printed: {line}"
        assert matches(line, printed[place]), f"shown: {line}\nprinted: {printed[place]}"
        place, skipping = place + 1, False
    assert skipping or place == len(printed), f"printed but not shown: {printed[place:]}"


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    found = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "VINCULUM_PASSPHRASE": "readme",
        "VINCULUM_CHAIN__PORT": str(find_free_port()),
        "VINCULUM_KEYS__SCRYPT_N": "1024",
    }
    found.pop("VINCULUM_HOME", None)
    yield found
    run("vinculum down", tmp_path, found)


def run(command: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        shlex.split(command), cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_every_command_prints_what_the_readme_shows(tmp_path: Path, environment: dict[str, str]) -> None:
    ran = 0
    for command, shown in commands():
        code = 0
        if shown and (said := EXIT.fullmatch(shown[-1])):
            code = int(said[1])
            shown.pop()
        done = run(command, tmp_path, environment)
        check(shown, (done.stdout + done.stderr).rstrip("\n").split("\n"))
        assert done.returncode == code, done.stderr
        ran += 1
    assert ran > 10
