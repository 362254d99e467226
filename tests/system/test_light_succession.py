"""A running light node takes the next trust file from a member's witness, and follows its asset on by it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import ForkError, QuorumError
from ledger.service.members import WITNESS, witness_key
from ledger.service.witness import FOLDER, latest_checkpoint
from ledger.service.witness_endorse import check_successor, endorse
from ledger.service.witness_publish import PUBLISHED, publish
from light_node.state import StateFolder, is_conflict
from light_node.succession.statement import SignedSuccession, sign_succession
from light_node.trust import Trust
from light_node.trust_rules import WitnessRule
from tests.system.house import READING, SERVICED, House, Life

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("house")]
ROOT = Path(__file__).parents[2]
WAIT_S = 60
_NUMBERS = count(1)


@pytest.fixture
def old(house: House) -> Trust:
    """One for this test alone, as each witness signs one successor of a trust file for good."""
    return replace(house.trust, maximum_age_seconds=house.trust.maximum_age_seconds - next(_NUMBERS))


@pytest.fixture
def new(old: Trust) -> Trust:
    """One witness is gone."""
    assert isinstance(old.finality, WitnessRule)
    return replace(old, finality=replace(old.finality, witnesses=old.finality.witnesses[1:]))


@pytest.fixture
def life(house: House) -> Life:
    made = house.register(house.party("car-maker"))
    house.tell(made, house.party("workshop"), READING, {"odometer_km": 10})
    return made


class Node:
    """`vinculum-light run` in a process of its own."""

    def __init__(self, house: House, life: Life, folder: Path, witness: str, old: Trust) -> None:
        self.state = StateFolder(folder / "node")
        self.state.make()
        self.state.pin(old)
        asset = life.asset
        (folder / "light.toml").write_text(
            f'home = "node"\ninterval_s = 0.3\n'
            f'[[assets]]\nname = "car"\ntype = "{asset.asset_type}"\nsubject = "{asset.subject.hex()}"\n'
            f'[[sources]]\nname = "node"\nkind = "rpc"\nurl = "{house.workspace.client.rpc.url}"\n'
            f'[[witnesses]]\nname = "witness"\nurl = "{witness}"\n'
            f'[successions]\nfollow = "rotate"\ninterval_s = 0.5\n'
        )
        command = [sys.executable, "-m", "light_node.cli.main", "run", "--config", str(folder / "light.toml")]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(json.loads(line) for line in self.process.stdout)

    def wait_for(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        deadline = time.monotonic() + WAIT_S
        while not (found := [line for line in self.lines if wanted(line)]):
            assert self.process.poll() is None, self.lines
            assert time.monotonic() < deadline, self.lines
            time.sleep(0.05)
        return found[0]

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        self._reader.join(5)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return code


@pytest.fixture
def node(house: House, life: Life, tmp_path: Path, witness: str, old: Trust) -> Iterator[Node]:
    collect(house, life)
    made = Node(house, life, tmp_path, witness, old)
    yield made
    if made.process.poll() is None:
        made.end()


def collect(house: House, life: Life) -> None:
    """Have the witnesses of the home sign what is on the chain by now."""
    workspace = house.workspace
    workspace.projector.sync()
    latest_checkpoint(workspace, workspace.reader().history(life.asset)[-1].block_number)


def hand_out(house: House, old: Trust, new: Trust, note: SignedSuccession) -> bool:
    return publish(house.workspace, house.workspace.home / FOLDER / PUBLISHED, old, new, note)


def of_succession(line: dict[str, Any]) -> bool:
    return line["change"] == "succession"


def test_from_the_witness_that_published_it(house: House, life: Life, node: Node, old: Trust, new: Trust) -> None:
    node.wait_for(lambda line: line.get("kind") == READING)
    note = endorse(house.workspace, old, check_successor(house.workspace, old, new)).note
    few = SignedSuccession(note.statement, note.signatures[:1])
    with pytest.raises(QuorumError):
        hand_out(house, old, new, few)
    assert hand_out(house, old, new, note)
    line = node.wait_for(of_succession)
    assert (line["to"], line["old"], line["new"]) == ("rotated", old.fingerprint(), new.fingerprint())
    assert node.state.trust() == new
    house.tell(life, house.party("workshop"), SERVICED, {"odometer_km": 20, "work": ["oil"]})
    collect(house, life)
    assert node.wait_for(lambda line: line.get("kind") == SERVICED)["verified"]
    assert node.end() == 0
    assert not any(line["change"] in ("fork", "source") for line in node.lines), node.lines


def broken_promise(house: House, old: Trust, new: Trust) -> SignedSuccession:
    """What the keys of this home sign without the memory of what they promised."""
    statement = check_successor(house.workspace, old, new)
    unlocked = house.workspace.keyring.unlock_all(house.workspace.member_names())
    keys = [witness_key(one.name, one.secrets) for one in unlocked if WITNESS in one.secrets]
    return SignedSuccession(statement, tuple(sign_succession(statement, key) for key in keys))


def test_two_that_a_witness_knows_of_stop_it(house: House, life: Life, node: Node, old: Trust, new: Trust) -> None:
    other = replace(new, maximum_age_seconds=old.maximum_age_seconds - 1)
    node.wait_for(lambda line: line.get("kind") == READING)
    assert hand_out(house, old, new, broken_promise(house, old, new))
    node.wait_for(of_succession)
    with pytest.raises(ForkError):
        hand_out(house, old, other, broken_promise(house, old, other))
    fork = node.wait_for(lambda line: line["change"] == "fork")
    assert is_conflict(Path(fork["file"]))
    house.tell(life, house.party("workshop"), SERVICED, {"odometer_km": 20, "work": ["oil"]})
    collect(house, life)
    node.wait_for(lambda line: line["change"] == "source" and "signed two successors" in line["reason"])
    assert node.end() == 0
    assert not any(line.get("kind") == SERVICED for line in node.lines)
    assert node.state.trust() == new
