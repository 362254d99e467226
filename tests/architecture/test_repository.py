"""What is in the repository says nothing of the machine that it was made on, and holds no secret."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).relative_to(ROOT).as_posix()
FORBIDDEN = {
    "a path of somebody's machine": r"(?<![\w./}\])*-])/(?:work|root|tmp|home|Users|mnt|farm)/[A-Za-z0-9_.]",
    "a package registry or mirror": (
        r"(?i)registry\.(?:npmjs|yarnpkg)\.(?:org|com)|files\.pythonhosted\.org|pypi\.org/simple|"
        r"index-url[ =]+http|trusted-host[ =]|proxy\.golang\.org|artifactory|nexus/repository"
    ),
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "a token of a service": r"\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|npm_[A-Za-z0-9]{36})",
    "a password in a URL": r"(?<!`)\b[a-z][a-z0-9+]*://(?!user:word@)[^\s/:@\"'`{<]+:[^\s/:@\"'`{<]+@",
    "a well-known test phrase": r"test test test test test test test test test test test junk",
}
PLANTED = {
    "a path of somebody's machine": ["open('/tmp/x')", "cd /root/here", "/home/anna/a"],
    "a package registry or mirror": ["https://registry.npmjs.org/solc", "--index-url http://here"],
    "a private key": ["-----BEGIN EC PRIVATE KEY-----"],
    "a token of a service": ["AKIA" + "A" * 16, "ghp_" + "a" * 36],
    "a password in a URL": ["postgresql://me:secret@host/name"],
    "a well-known test phrase": ["test " * 11 + "junk"],
}


def _files() -> Iterator[tuple[str, str]]:
    """Every text file that is under version control, by path."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a checkout of the repository")
    done = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    for name in done.stdout.decode().split("\0")[:-1]:
        path = ROOT / name
        if name != HERE and path.is_file():
            yield name, path.read_text("utf-8", errors="replace")


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    found = [f"{name}: {match[0]}" for name, text in _files() for match in pattern.finditer(text)]
    assert found == []


@pytest.mark.parametrize("what", PLANTED)
def test_what_is_planted_is_found(what: str) -> None:
    assert all(re.search(FORBIDDEN[what], text) for text in PLANTED[what])
