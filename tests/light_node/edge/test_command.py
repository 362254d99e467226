"""The device's command, as a process: settings, key, readings from a pipe and a log, sending, status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.credential.jose import parse_jwk
from ledger.errors import ConfigurationError, UnreachableError
from light_node.edge.device_memory import open_folder
from light_node.edge.opening import open_can
from light_node.edge.outgoing import Outgoing
from light_node.edge.settings import load_settings
from light_node.edge.statement import parse_statement
from tests.light_node.edge.bus import drive
from tests.light_node.edge.device_home import LINE, ROOT, edge, settings
from tests.light_node.edge.gateway_double import Told, serving
from tests.simulator.world import World


@pytest.mark.integration
def test_a_day_of_a_device(folder: Path) -> None:
    made = edge(folder, "key", "--new")
    assert made.returncode == 0, made.stderr
    key = parse_jwk(json.loads(made.stdout))
    assert edge(folder, "key", "--new").returncode == 2
    taken = edge(folder, "take", stdin="".join(LINE % km for km in (10, 11, 12, 13, 5, 14)))
    assert (taken.returncode, taken.stdout) == (0, "")
    assert "6 readings taken, 1 flagged; 0 refused" in taken.stderr
    assert edge(folder, "take", stdin="junk\n" + LINE % 15).returncode == 1
    (folder / "drive.log").write_bytes(drive(100))
    for known in ("370 readings taken", "0 readings taken"):
        assert known in edge(folder, "take", "--candump", str(folder / "drive.log")).stderr
    status = json.loads(edge(folder, "status").stdout)
    assert (status["readings"], status["refused"], status["delivered"]) == (377, [], [])
    assert status["signed_batches"] >= 377 // 4
    with Outgoing(folder / "queue.db") as outgoing:
        assert {parse_statement(one.statement).key_id for one in outgoing.waiting()} == {key.key_id}


@pytest.mark.integration
def test_sending_refused_batches_and_trying_them_again(folder: Path, honest: World) -> None:
    edge(folder, "key", "--new")
    edge(folder, "take", stdin=LINE % 10)
    told = Told(lambda *_: (403, b"unknown device", {}))
    with serving(told) as url:
        (folder / "edge.toml").write_text(settings(honest, url))
        sent = edge(folder, "send")
        assert (sent.returncode, "403: unknown device" in sent.stderr) == (1, True)
        (refused,) = json.loads(edge(folder, "status").stdout)["refused"]
        assert refused["reason"] == "403: unknown device"
        assert edge(folder, "send").returncode == 1
        assert len(told.asked) == 1
        (folder / "trust.json").unlink()  # it is pinned by now
        edge(folder, "retry")
        edge(folder, "send")
        assert len(told.asked) == 2


@pytest.mark.integration
def test_the_command_needs_nothing_of_the_extras(folder: Path) -> None:
    edge(folder, "key", "--new")
    program = (
        "import sys\n"
        "for name in ('can', 'cantools', 'pkcs11', 'httpx', 'web3', 'sqlmodel', 'h11'): sys.modules[name] = None\n"
        "from light_node.edge.command import main\n"
        f"sys.exit(main(['--settings', {str(folder / 'edge.toml')!r}, *sys.argv[1:]]))"
    )

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", program, *arguments]
        return subprocess.run(
            command, cwd=ROOT, input=LINE % 5, capture_output=True, text=True, check=False, timeout=60
        )

    taken = run("take")
    assert taken.returncode == 0, taken.stderr
    lacking = run("take", "--candump", "drive.log")
    assert (lacking.returncode, "vinculum[can]" in lacking.stderr) == (2, True)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('queue = "queue.db"', ""),
        ('trust = "trust.json"', 'trust = "nothing.json"'),
        ('trust = "trust.json"', 'trust = "pack.dbc"'),
        ('trust = "trust.json"', ""),
        ('trust = "trust.json"', 'trust = "trust.json"\nhome = ""'),
        ('trust = "trust.json"', 'trust = "trust.json"\nhome = 7'),
        ("organisation = 1", "organisation = 0"),
        ("organisation = 1", "organisation = true"),
        ("organisation = 1", 'organisation = "maker"'),
        ('file = "device.pem"', ""),
        ('file = "device.pem"', 'file = "device.pem"\npin_file = "pin"'),
        ('file = "device.pem"', 'token = "edge"'),
        ('type = "battery"', 'type = "boat"'),
        ('subject = "0x', 'subject = "0x00'),
        ('subject = "0x', 'subject = "zz'),
        ("readings = 4", "readings = 70000"),
        ("readings = 4", "reading = 4"),
        ("[can]", "[cans]"),
        ('dbc = "pack.dbc"', ""),
        ("[batches]", "[[batches]]"),
        ("[batches]", "[batches"),
        ("[assets.car]", "[asset.car]"),
    ],
)
def test_settings_out_of_their_form_are_refused(folder: Path, old: str, new: str) -> None:
    text = (folder / "edge.toml").read_text()
    assert old in text
    (folder / "edge.toml").write_text(text.replace(old, new))
    with pytest.raises(ConfigurationError):
        load_settings(folder / "edge.toml")


def test_the_pinned_trust_file_counts_and_the_other_is_needed_no_more(folder: Path, honest: World) -> None:
    pinned = honest.chain.trust(maximum_age_seconds=77)
    assert load_settings(folder / "edge.toml").trust != pinned
    open_folder(folder / ".vinculum-light", pinned)
    (folder / "trust.json").unlink()
    assert load_settings(folder / "edge.toml").trust == pinned
    text = (folder / "edge.toml").read_text()
    (folder / "edge.toml").write_text(text.replace('trust = "trust.json"', 'home = "elsewhere"'))
    with pytest.raises(ConfigurationError, match="/trust"):
        load_settings(folder / "edge.toml")
    open_folder(folder / "elsewhere", pinned)
    assert load_settings(folder / "edge.toml").trust == pinned


@pytest.mark.parametrize("damage", [b"", b"{}"])
def test_a_pinned_trust_file_that_is_damaged_is_not_replaced_by_the_other(folder: Path, damage: bytes) -> None:
    (folder / ".vinculum-light").mkdir()
    (folder / ".vinculum-light" / "trust.json").write_bytes(damage)
    with pytest.raises(ConfigurationError):
        load_settings(folder / "edge.toml")


def test_settings_that_are_not_there_are_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        load_settings(tmp_path / "edge.toml")


def test_the_log_of_an_asset_is_that_of_the_trust_file(folder: Path, honest: World) -> None:
    assets = load_settings(folder / "edge.toml").assets
    assert assets["pack"].subject == honest.battery.subject
    assert assets["pack"].log == "eip155:31337:0x" + "b1" * 20
    assert assets["car"].log == "eip155:31337:0x" + "b2" * 20


def test_a_bus_that_is_not_there_is_said(folder: Path) -> None:
    tables = folder / "pack.dbc", folder / "signals.toml"
    for bus, error in (("can0", ConfigurationError), ("socketcan:nowhere", UnreachableError)):
        with pytest.raises(error), open_can(tables, log=None, bus=bus):
            pass
