"""The commands of ``docs/light-node.md``, run as they stand there; what it shows is what they print."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.demo import tampering
from ledger.proof.evidence import encode_evidence
from light_node import state
from light_node.cli.main import MODULES, main
from light_node.trust import encode_trust
from tests.simulator.recent import lasting, recent
from tests.simulator.world import make_world
from tests.system.test_readme import EXIT, check

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "light-node.md").read_text("utf-8")
CALL = re.compile(rf"(?:^|[\s/])vinculum-light +((?:{'|'.join([*MODULES, 'attest'])})\b.*)$", re.MULTILINE)
BLOCK = re.compile(r"^```(?:console|sh)?\n(.*?)^```", re.DOTALL | re.MULTILINE)
CALLS = sorted(
    {
        (page.name, call)
        for page in DOCS.glob("*.md")
        for block in BLOCK.findall(page.read_text("utf-8"))
        for call in CALL.findall(re.sub(r"\\\n\s*", "", block))
    }
)
FINGERPRINT = re.compile(r"\b(?:[0-9a-f]{4} ){15}[0-9a-f]{4}\b")


@pytest.fixture
def told(tmp_path: Path) -> str:
    """The files that the page speaks of; returns the fingerprint that a person was told."""
    world = make_world(recent())
    older, now = world.chain.evidence(world.battery), world.chain.evidence(world.vehicle)
    trust = lasting(world.chain.trust())
    files = {
        "trust.json": encode_trust(trust),
        "vehicle.json": encode_evidence(now),
        "vehicle-without-its-accident.json": encode_evidence(tampering.leave_out(now, 9)),
        "battery-from-before.json": encode_evidence(older),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    return trust.fingerprint()


def test_every_command_prints_what_the_page_shows(tmp_path: Path, told: str) -> None:
    (block,) = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    ran = 0
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *shown = part.rstrip("\n").split("\n")
        code = int(said[1]) if (said := EXIT.fullmatch(shown[-1])) else 0
        words = shlex.split(FINGERPRINT.sub(told, command))
        assert words[0] == "vinculum-light"
        done = subprocess.run(
            [sys.executable, "-m", "light_node.cli.main", *words[1:]],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        check([line for line in shown if not EXIT.fullmatch(line)], (done.stdout + done.stderr).splitlines())
        assert done.returncode == code, done.stdout
        ran += 1
    assert ran > 5


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)\)", PAGE))))
def test_every_link_leads_somewhere(link: str) -> None:
    assert (Path(__file__).parents[2] / "docs" / link).exists()


@pytest.mark.parametrize(("page", "call"), CALLS)
def test_every_page_calls_commands_that_there_are_with_options_that_they_have(
    page: str, call: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = shlex.split(call, comments=True)
    command = words[: 2 if words[0] in ("trust", "attest", "state") and words[1:] and words[1][0] != "-" else 1]
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    for option in (word for word in words if word.startswith("--")):
        assert re.search(rf"(^|\s|\[){re.escape(option)}[\s,\]]", told), (page, option)


def test_every_command_is_called_on_some_page() -> None:
    written = " ".join(page.read_text("utf-8") for page in DOCS.glob("*.md"))
    for command in (
        *MODULES,
        "attest",
        "trust pin",
        "trust rotate",
        "trust show",
        "trust fingerprint",
        "state compare",
    ):
        assert re.search(rf"`(vinculum-light )?{command}\b|^\$? ?vinculum-light {command}\b", written, re.MULTILINE), (
            command
        )


def test_the_page_names_every_file_of_the_folder_and_no_other() -> None:
    (table,) = re.findall(r"^\| file in the folder \| what \|\n(.*?)\n\n", PAGE, re.DOTALL | re.MULTILINE)
    kept = re.findall(r"^      (\S+)  +\S", state.__doc__ or "", re.MULTILINE)
    assert set(re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)) == set(kept)
    assert len(kept) > 4
