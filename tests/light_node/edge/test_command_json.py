"""The device's command for machines: one JSON value on standard output, whatever happens, words beside it."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from light_node.cli.main import main
from light_node.edge.command import main as edge_main
from light_node.trust import encode_trust
from tests.light_node.edge.device_home import LINE, edge, settings, started
from tests.light_node.edge.gateway_double import Told, serving
from tests.light_node.edge.receiver import Receiver, Reply, fill
from tests.simulator.recent import lasting, recent
from tests.simulator.world import World, make_world

COMMANDS = ("key", "take", "send", "status", "retry")


def told(folder: Path, *words: str, stdin: str = "") -> tuple[int, Any]:
    """Exit code, and the one value on one line of ASCII."""
    done = edge(folder, *words, "--json", stdin=stdin)
    assert "Traceback" not in done.stderr
    assert done.stdout.isascii()
    assert done.stdout.count("\n") == 1, done.stdout
    return done.returncode, json.loads(done.stdout)


# ---- what goes wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("first", [True, False])
def test_settings_that_are_not_there_are_one_value(
    command: str, first: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--settings", str(tmp_path / "none.toml")]
    assert main(["attest", *words, *(["--json", command] if first else [command, "--json"])]) == 2
    out, err = capsys.readouterr()
    value = json.loads(out)
    assert (value["error"], sorted(value)) == ("ConfigurationError", ["error", "message"])
    assert "none.toml" in value["message"]
    assert err.startswith("ConfigurationError: ")


WRONG_WORDS = [
    [],
    ["certify"],
    ["status", "all"],
    ["take", "--never"],
    ["take", "--candump", "a", "--can", "b:c"],
    ["take", "--asset"],
    ["--settings"],
    ["key", "--old"],
]


@pytest.mark.parametrize("words", WRONG_WORDS, ids=" ".join)
@pytest.mark.parametrize("option", ["--json", "--js"])
def test_wrong_words_are_told_to_machines_as_one_value(
    words: Sequence[str], option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["attest", *words, option]) == 2
    out, err = capsys.readouterr()
    value = json.loads(out)
    assert (value["error"], sorted(value)) == ("ConfigurationError", ["error", "message"])
    assert err.startswith("usage: vinculum-light attest")
    assert main(["attest", *words]) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["n\u00e9.toml", "\u202e.toml", "\udcff.toml", "\U0001f600"])
def test_a_name_that_no_stream_can_carry_is_json_all_the_same(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert edge_main(["--settings", str(tmp_path / name), "status", "--json"]) == 2
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out)["message"].encode("utf-8")


@pytest.mark.integration
def test_lines_that_are_no_readings_are_counted_and_the_code_says_so(folder: Path) -> None:
    edge(folder, "key", "--new")
    code, value = told(folder, "take", stdin="junk\n" + LINE % 5 + '{"value":1}\n')
    assert code == 1
    assert (value["outcome"], value["readings"], value["refused"]) == ("refused", 1, 2)


@pytest.mark.integration
def test_a_key_that_is_there_already_is_a_fault(folder: Path) -> None:
    assert told(folder, "key", "--new")[0] == 0
    code, value = told(folder, "key", "--new")
    assert (code, value["error"]) == (2, "ConfigurationError")


@pytest.mark.integration
def test_a_gateway_cannot_write_to_the_terminal(folder: Path, honest: World) -> None:
    edge(folder, "key", "--new")
    edge(folder, "take", stdin=LINE % 10)
    with serving(Told(lambda *_: (403, b"\x1b[2Jgone\xe2\x80\xae", {}))) as url:
        (folder / "edge.toml").write_text(settings(honest, url))
        sent = edge(folder, "send")
    assert sent.returncode == 1
    assert "\x1b" not in sent.stderr
    assert "\u202e" not in sent.stderr
    assert "\\x1b[2Jgone" in sent.stderr


# ---- what goes well ------------------------------------------------------------------------------------------------


@pytest.mark.integration
def test_a_day_of_a_device(folder: Path, honest: World) -> None:
    code, key = told(folder, "key", "--new")
    assert (code, key["kty"], "d" in key) == (0, "EC", False)
    code, value = told(folder, "take", stdin="".join(LINE % km for km in (10, 11, 12, 13, 5, 14)))
    assert code == 0
    assert value == {"outcome": "done", "readings": 6, "flagged": 1, "refused": 0, "repeated": 0, "batches": 2}
    with serving(Told(_answering)) as url:
        (folder / "edge.toml").write_text(settings(honest, url))
        code, value = told(folder, "send")
    assert (code, value) == (1, {"outcome": "refused", "delivered": [], "pending": 0, "refused": 2, "forks": []})
    code, value = told(folder, "status")
    assert (code, value["readings"], len(value["refused"]), value["delivered"]) == (0, 6, 2, [])
    assert value == json.loads(edge(folder, "status").stdout)
    assert told(folder, "retry") == (0, {"outcome": "done", "batches": 2})
    assert told(folder, "retry") == (0, {"outcome": "done", "batches": 0})


def _answering(*_: object) -> Reply:
    return 403, b"unknown device", {}


@pytest.mark.integration
def test_what_was_proven_is_told_for_each_batch(tmp_path: Path) -> None:
    world = make_world(recent())
    (tmp_path / "trust.json").write_bytes(encode_trust(lasting(world.chain.trust())))
    fill(tmp_path / "queue.db", world, range(12))
    receiver = Receiver(world)
    with serving(Told(receiver.answer)) as url:
        (tmp_path / "edge.toml").write_text(settings(world, url))
        code, value = told(tmp_path, "send")
    assert (code, value["outcome"], value["pending"], value["refused"]) == (0, "done", 0, 0)
    assert {one["batch"] for one in value["delivered"]} == set(receiver.taken)
    assert {tuple(sorted(one)) for one in value["delivered"]} == {("attested_at", "batch", "block", "lag_seconds")}


@pytest.mark.integration
def test_whoever_follows_is_told_a_line_for_each_round_with_news(folder: Path, honest: World) -> None:
    edge(folder, "key", "--new")
    edge(folder, "take", stdin=LINE % 10)
    with serving(Told(_answering)) as url:
        (folder / "edge.toml").write_text(settings(honest, url))
        process = started(folder, "send", "--follow", "--json")
        assert process.stdout is not None
        value = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        rest, err = process.communicate(timeout=60)
    assert value == {"outcome": "refused", "delivered": [], "pending": 0, "refused": 1, "forks": []}
    assert (process.returncode, rest, "Traceback" in err) == (130, "", False)


def test_help_of_every_command_names_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], *([command] for command in COMMANDS)):
        with pytest.raises(SystemExit) as ended:
            main(["attest", *words, "--help"])
        assert ended.value.code == 0
        assert "--json" in capsys.readouterr().out
