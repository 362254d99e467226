"""The demonstration as people start it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ledger.chain.node import node_status
from ledger.demo.forgeries import FORGERIES
from tests.conftest import ROOT
from tests.demo.staged import QUICK

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("demo")]

COMMAND = [sys.executable, str(ROOT / "scripts" / "demo")]
ENVIRONMENT = {**os.environ, **QUICK}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What it prints for machines, with a further folder of documents."""
    folder = tmp_path_factory.mktemp("further")
    (folder / "good.json").write_bytes((ROOT / "examples" / "parts" / "spare-part.json").read_bytes())
    (folder / "bad.json").write_text('{"vinculum_event": 1, "kind": "part.made"}')
    (folder / "unknown.json").write_text("[]")
    finished = subprocess.run([*COMMAND, "--json", str(folder)], env=ENVIRONMENT, capture_output=True, check=False)
    assert finished.returncode == 0, finished.stderr.decode()
    found: dict[str, Any] = json.loads(finished.stdout)
    return found


def test_everything_is_verified_and_refused(shown: dict[str, Any]) -> None:
    assert shown["passed"] is True
    assert {one["outcome"] for one in shown["assets"]} == {"verified"}
    assert [one["name"] for one in shown["forgeries"]] == [one.name for one in FORGERIES]
    assert all(one["refused"] for one in shown["forgeries"])


def test_there_are_eleven_forgeries_each_with_its_own_name() -> None:
    assert len({one.name for one in FORGERIES}) == len(FORGERIES) == 11


def test_a_car_of_forty_parts_a_vehicle_and_a_battery_of_two_lives_are_shown(shown: dict[str, Any]) -> None:
    by_type = {
        kind: [one for one in shown["assets"] if one["asset_type"] == kind] for kind in ("battery", "vehicle", "part")
    }
    assert len(by_type["part"]) >= 40
    assert sorted(one["status"] for one in by_type["battery"]) == ["recycled", "repurposed"]
    assert max(one["events"] for one in by_type["vehicle"]) > 15
    assert all(one["events"] == one["registered"] for one in shown["assets"])


def test_a_light_node_apart_verifies_three_assets_and_refuses_each_copy_for_another_reason(
    shown: dict[str, Any],
) -> None:
    told = shown["light_node"]
    assert [one["account"]["asset_type"] for one in told["genuine"]] == ["battery", "vehicle", "part"]
    assert {one["outcome"] for one in told["genuine"]} == {"verified"}
    assert all(one["refused"] for one in told["copies"])
    assert len({(one["error"], one["step"]) for one in told["copies"]}) == len(told["copies"]) >= 5
    assert {one["exit_code"] for one in told["copies"]} == {1, 2, 3}


def test_each_asset_says_up_to_which_block(shown: dict[str, Any]) -> None:
    assert all(one["block"] > 0 and one["time"] > 0 for one in shown["assets"])


def test_documents_of_a_further_folder_are_told_one_by_one(shown: dict[str, Any]) -> None:
    further = {Path(one["source"]).name: one for one in shown["documents"] if "further" in one["source"]}
    assert further["good.json"]["outcome"] == "repeated"
    assert further["bad.json"]["outcome"] == further["unknown.json"]["outcome"] == "refused"
    assert further["bad.json"]["faults"]
    assert further["unknown.json"]["faults"][0]["code"] == "unknown-document"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_stops_its_chain(tmp_path: Path, number: signal.Signals) -> None:
    home = tmp_path / "home"
    process = subprocess.Popen(
        [*COMMAND, "--home", str(home)], env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while not (home / "contracts.json").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert node_status(home / "chain") is not None
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert node_status(home / "chain") is None


def test_words_never_say_more_than_was_proven() -> None:
    finished = subprocess.run([*COMMAND], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout
    assert "complete as registered up to block" in finished.stdout
    for claim in ("accident-free", "accident free", "unfallfrei", "guaranteed", "certified"):
        assert claim not in finished.stdout.lower()


def test_shared_documents_are_taken_in_or_refused_with_reasons(shared_data: Path) -> None:
    finished = subprocess.run([*COMMAND, "--json", str(shared_data)], env=ENVIRONMENT, capture_output=True, check=False)
    assert finished.returncode == 0, finished.stderr.decode()
    shown = json.loads(finished.stdout)
    further = [one for one in shown["documents"] if one["source"].startswith(str(shared_data))]
    assert sum(one["outcome"] == "recorded" for one in further) >= 5
    assert all(one["faults"] for one in further if one["outcome"] == "refused")
    assert {one["outcome"] for one in shown["assets"]} == {"verified"}
