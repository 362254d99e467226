"""What the README shows of the demonstration is what it prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import zip_longest

import pytest

from tests.conftest import ROOT
from tests.demo.staged import QUICK

CUT = "…"
MOVING = (
    (re.compile(r"\d+\.\d s\b"), "<seconds>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "<time>"),
    (re.compile(r"\b(?:[0-9a-f]{4} ){15}[0-9a-f]{4}\b"), "<fingerprint>"),
    (re.compile(r"\b[0-9a-f]{16,}\b"), "<hash>"),
    (re.compile(r"(?<=found )[\w-]{43}$"), "<hash>"),
    (re.compile(r"\b(?:block|from block) \d+"), "block <number>"),
    (re.compile(r"\d+ (?=was accepted|is offered|KiB|blocks begins)"), "<number> "),
    (re.compile(r"(?<=begins with that of )\d+"), "<number>"),
    (re.compile(r"(?<=malformed evidence at )\d+"), "<number>"),
)


def still(line: str) -> str:
    """A line without what changes from run to run."""
    for pattern, word in MOVING:
        line = pattern.sub(word, line)
    return " ".join(line.split())


def matches(shown: str, printed: str) -> bool:
    """Whether a shown line is the printed one, or the beginning of one that was too long."""
    if not shown.endswith(CUT):
        return still(shown) == still(printed)
    return len(shown) > 100 and still(printed).startswith(still(shown.removesuffix(CUT).rsplit(" ", 1)[0]))


@pytest.mark.integration
@pytest.mark.xdist_group("demo")
def test_the_readme_shows_what_the_demonstration_prints() -> None:
    (block,) = re.findall(r"```text\n\$ scripts/demo\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    command = [sys.executable, str(ROOT / "scripts" / "demo")]
    done = subprocess.run(command, env={**os.environ, **QUICK}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    told = done.stdout[done.stdout.index("The network:") :]  # the first run installs, and says so
    lines = zip_longest(block.rstrip().split("\n"), told.rstrip().split("\n"), fillvalue="")
    assert [pair for pair in lines if not matches(*pair)] == []


@pytest.mark.parametrize(
    ("shown", "printed"),
    [("refused at fold", "refused at binding"), ("one…", "one line"), (f"{'one ' * 40}two thr…", "one " * 40)],
)
def test_another_line_does_not_match(shown: str, printed: str) -> None:
    assert not matches(shown, printed)
