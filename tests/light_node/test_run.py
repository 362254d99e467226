"""`vinculum-light run` and `health`: each change told once, on real servers; a real process ends at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from ledger.proof.evidence import encode_evidence
from light_node.cli.main import main
from light_node.run.exposition import CONTENT_TYPE, PREFIX
from light_node.run.follower import Follower
from light_node.run.settings import load_settings
from light_node.state import StateFolder
from light_node.trust import encode_trust
from tests.light_node.exposition_checker import parse_exposition
from tests.light_node.sources.servers import Respond, RpcNode, WitnessNode, dead, served, silent
from tests.simulator.chain import DAY, Asset
from tests.simulator.witnesses import WITNESSES
from tests.simulator.world import BATTERY, MAKER, VIN, World, make_world

ROOT = Path(__file__).parents[2]
SHIFTED = """
import sys, time
real, shift = time.time, float(sys.argv.pop(1))
time.time = lambda: real() + shift
from light_node.cli.main import main
raise SystemExit(main())
"""


class Bench:
    """A chain with its servers, a reader's folder, and the settings of his run."""

    def __init__(self, folder: Path, stack: ExitStack, patch: pytest.MonkeyPatch, out: Callable[[], str]) -> None:
        self.folder, self._stack, self._patch, self._out = folder, stack, patch, out
        self.world: World = make_world()
        self.chain = self.world.chain
        self.chain.mine()
        self.node = RpcNode(self.chain, [self.world.battery, self.world.vehicle, self.world.part])
        self.witness = WitnessNode(self.chain)
        self.sources: list[dict[str, Any]] = [{"name": "own", "kind": "rpc", "url": self.serve(self.node)}]
        self.witnesses = {"first": self.serve(self.witness), "second": self.serve(WitnessNode(self.chain))}
        self.assets = [self.asset("pack", self.world.battery)]
        self.top: dict[str, Any] = {"interval_s": 0.1, "answer_s": 2, "question_s": 1, "healthy_s": 600}
        self.state = StateFolder(folder / "node")
        self.pin()

    def pin(self, **changes: Any) -> None:
        self.state.make()
        self.state.pin(self.chain.trust(**changes))

    def serve(self, respond: Respond) -> str:
        return self._stack.enter_context(served(respond))

    @staticmethod
    def asset(name: str, asset: Asset) -> dict[str, Any]:
        return {"name": name, "type": str(asset.reference.asset_type), "subject": asset.subject.hex()}

    def config(self) -> Path:
        tables = {
            "assets": self.assets,
            "sources": self.sources,
            "witnesses": [{"name": name, "url": url} for name, url in self.witnesses.items()],
        }
        lines = [f"{name} = {json.dumps(value)}" for name, value in ({"home": "node"} | self.top).items()]
        for name, rows in tables.items():
            for row in rows:
                lines += [f"[[{name}]]", *(f"{key} = {json.dumps(value)}" for key, value in row.items())]
        path = self.folder / "light.toml"
        path.write_text("\n".join(lines))
        return path

    def run(self, *more: str) -> tuple[int, list[dict[str, Any]]]:
        """One round, at the time of the chain."""
        now = self.chain.time
        self._patch.setattr(time, "time", lambda: float(now))
        code = main(["run", "--config", str(self.config()), "--once", *more])
        return code, [json.loads(line) for line in self._out().splitlines()]

    def health(self) -> int:
        code = main(["health", "--config", str(self.config())])
        self._out()
        return code

    def record(self, **fields: Any) -> None:
        self.chain.record(self.world.battery, MAKER, "any.observation", **fields)
        self.chain.mine()


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(tmp_path, stack, monkeypatch, lambda: capsys.readouterr().out)


def changes(lines: list[dict[str, Any]]) -> list[str]:
    return [line["change"] for line in lines]


# ---- what is told -------------------------------------------------------------------------------------------------


def test_the_first_round_tells_head_verdict_events_and_status(bench: Bench) -> None:
    code, lines = bench.run()
    assert code == 0
    assert changes(lines) == ["head", "verdict", *["event"] * 5, "status"]
    assert all(line["verified"] for line in lines)
    assert all(line["as_of"]["block"] == len(bench.chain.blocks) - 1 for line in lines)
    assert [line["number"] for line in lines if line["change"] == "event"] == [1, 2, 3, 4, 5]
    assert lines[-1]["to"] == "waste"


def test_each_change_is_told_once_over_restarts(bench: Bench) -> None:
    bench.run()
    assert bench.run() == (0, [])
    bench.record(description="seen")
    code, lines = bench.run()
    assert code == 0
    assert changes(lines) == ["head", "event"]
    assert (lines[1]["number"], lines[1]["kind"], lines[1]["asset"]) == (6, "any.observation", "pack")
    assert bench.run() == (0, [])


def test_a_change_of_status_is_told(bench: Bench) -> None:
    bench.run()
    bench.chain.record(bench.world.battery, 4, "battery.recycled")
    bench.chain.mine()
    _, lines = bench.run()
    assert changes(lines) == ["head", "event", "status"]
    assert (lines[2]["from"], lines[2]["to"]) == ("waste", "recycled")


def test_a_fleet_is_followed_each_by_its_name(bench: Bench) -> None:
    bench.assets += [bench.asset("car", bench.world.vehicle), bench.asset("part", bench.world.part)]
    code, lines = bench.run()
    assert code == 0
    assert {line["asset"] for line in lines if line["change"] == "event"} == {"pack", "car", "part"}
    assert changes(lines).count("head") == 1


def test_an_identifier_is_learned_from_evidence_that_shows_it_and_then_nodes_do(bench: Bench) -> None:
    bench.assets = [{"name": "car", "type": "vehicle", "identifier": VIN}]
    assert bench.run()[0] == 3
    file = bench.folder / "car.json"
    file.write_bytes(encode_evidence(bench.chain.evidence(bench.world.vehicle, block=bench.chain.blocks[-1])))
    bench.sources.append({"name": "dealer", "kind": "file", "path": "car.json"})
    code, lines = bench.run()
    assert code == 0
    assert changes(lines).count("event") == len(bench.world.vehicle.history)
    file.unlink()
    bench.chain.record(bench.world.vehicle, 3, "vehicle.serviced", odometer_km=1, work=["oil"])
    bench.chain.mine()
    code, lines = bench.run()
    assert code == 0
    assert changes(lines) == ["source", "head", "event"]


def test_a_name_that_another_asset_takes_over_begins_anew(bench: Bench) -> None:
    bench.run()
    bench.assets = [bench.asset("pack", bench.world.vehicle) | {"type": "vehicle"}]
    code, lines = bench.run()
    assert code == 0
    assert changes(lines).count("event") == len(bench.world.vehicle.history)


def test_words_of_issuers_cannot_add_lines(bench: Bench) -> None:
    bench.record(description='x\n{"change":"head"}\u2028\x1b[2J')
    file = bench.folder / "pack.json"
    file.write_bytes(encode_evidence(bench.chain.evidence(bench.world.battery, block=bench.chain.blocks[-1])))
    bench.sources = [{"name": "file", "kind": "file", "path": "pack.json"}]
    _, lines = bench.run()
    assert changes(lines).count("head") == 1
    assert lines[-2]["fields"]["description"].startswith("x\n{")


# ---- bad sources --------------------------------------------------------------------------------------------------


def drop_log(method: str, _: list[Any], result: Any) -> Any:
    return result[:-1] if method == "eth_getLogs" else result


def test_bad_sources_are_named_once_and_stop_nobody(bench: Bench) -> None:
    liar = RpcNode(bench.chain, bench.node.assets, change=drop_log)
    with silent() as stalling:
        bench.sources += [
            {"name": "liar", "kind": "rpc", "url": bench.serve(liar)},
            {"name": "dead", "kind": "rpc", "url": dead()},
            {"name": "silent", "kind": "http", "url": f"{stalling}/{{subject}}"},
            {"name": "junk", "kind": "http", "url": bench.serve(lambda *_: (200, b"{}")) + "/{name}"},
            {"name": "none", "kind": "file", "path": "nowhere"},
        ]
        code, lines = bench.run()
    assert code == 0
    told = {line["source"]: line["to"] for line in lines if line["change"] == "source"}
    assert told == {"liar": "lying", "dead": "dead", "silent": "slow", "junk": "malformed", "none": "refused"}
    assert not any(line["verified"] for line in lines if line["change"] == "source")
    assert changes(lines).count("event") == 5


def test_a_liar_alone_changes_no_verdict_that_was_proven(bench: Bench) -> None:
    bench.run()
    bench.node.change = drop_log
    bench.record(description="seen")
    code, lines = bench.run()
    assert changes(lines) == ["source"]
    assert lines[0]["to"] == "lying"
    assert code == 0  # proven as of the block before, which is not too old


def test_what_nobody_confirms_any_more_becomes_undetermined(bench: Bench) -> None:
    bench.run()
    bench.chain.time += bench.chain.trust().maximum_age_seconds + DAY
    bench.sources = [{"name": "dead", "kind": "rpc", "url": dead()}]
    code, lines = bench.run()
    assert code == 3
    assert [(line["to"], line["error"]) for line in lines if line["change"] == "verdict"] == [
        ("undetermined", "StaleError")
    ]


def test_dead_witnesses_are_named_and_the_others_go_on(bench: Bench) -> None:
    bench.witnesses["gone"] = dead()
    code, lines = bench.run()
    assert code == 0
    assert [(line["source"], line["to"]) for line in lines if line["change"] == "source"] == [("gone", "dead")]


def test_witnesses_that_contradict_each_other_are_a_fork(bench: Bench) -> None:
    other = make_world()
    other.chain.time += 1
    other.chain.mine()
    bench.witnesses["other"] = bench.serve(WitnessNode(other.chain, WITNESSES[1:]))
    code, lines = bench.run()
    assert code == 3
    fork = next(line for line in lines if line["change"] == "fork")
    assert fork["first"] != fork["second"]
    assert "event" not in changes(lines)


def test_a_fork_is_told_and_ends_health(bench: Bench) -> None:
    bench.run()
    other = make_world()
    other.chain.time += 1
    other.chain.mine()
    data = encode_evidence(other.chain.evidence(other.battery, block=other.chain.blocks[-1]))
    bench.sources.append({"name": "other", "kind": "http", "url": bench.serve(lambda *_: (200, data)) + "/{subject}"})
    code, lines = bench.run()
    assert code == 1
    fork = next(line for line in lines if line["change"] == "fork")
    assert Path(fork["file"]) in bench.state.forks()
    assert bench.health() == 1


# ---- the trusting period ------------------------------------------------------------------------------------------


def slept(bench: Bench) -> None:
    bench.pin(trusting_period_seconds=1000 * DAY)
    bench.run()
    bench.chain.time += 1001 * DAY
    bench.chain.mine()


def test_beyond_the_trusting_period_it_anchors_anew(bench: Bench) -> None:
    slept(bench)
    bench.witnesses = {
        name: bench.serve(WitnessNode(bench.chain, (one,))) for name, one in zip("ab", WITNESSES, strict=False)
    }
    code, lines = bench.run()
    assert [line["to"] for line in lines if line["change"] == "anchor"] == ["needed", "anchored"]
    assert code == 0
    memory = bench.state.memory()
    assert memory is not None
    assert memory.block.number == len(bench.chain.blocks) - 1


@pytest.mark.parametrize("count", [0, 1])
def test_without_two_fresh_witnesses_it_says_so_and_believes_nothing(bench: Bench, count: int) -> None:
    slept(bench)
    before = bench.state.memory()
    bench.witnesses = dict(list(bench.witnesses.items())[:count])
    code, lines = bench.run()
    assert code == 3
    assert [line["to"] for line in lines if line["change"] == "anchor"] == ["needed", "failed"]
    assert bench.state.memory() == before


# ---- commands -----------------------------------------------------------------------------------------------------


def test_health_reads_the_folder_where_nothing_listens(bench: Bench) -> None:
    assert bench.health() == 3
    bench.run()
    assert bench.health() == 0
    bench.chain.time += 3600
    now = bench.chain.time
    time.time = lambda: float(now)  # the fixture puts it back
    assert bench.health() == 3


def test_health_asks_where_something_listens(bench: Bench) -> None:
    bench.run()
    bench.top["listen"] = dead().removeprefix("http://")
    assert bench.health() == 3
    bench.top["listen"] = bench.serve(lambda *_: (200, b"I am fine")).removeprefix("http://")
    assert bench.health() == 3
    answer = b'{"health":"refuted","exit_code":1,"reasons":["x"]}'
    bench.top["listen"] = bench.serve(lambda *_: (503, answer)).removeprefix("http://")
    assert bench.health() == 1


def test_without_a_node_it_says_what_to_do(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--once", "--config", str(bench.config()), "--home", str(bench.folder / "none")]) == 2
    assert "pin a trust file first" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "= 1", 'home = "node"'])
def test_settings_that_are_none_end_with_2(bench: Bench, text: str) -> None:
    path = bench.config()
    path.write_text(text)
    assert main(["run", "--once", "--config", str(path)]) == 2
    assert main(["health", "--config", str(path)]) == 2
    assert main(["run", "--once", "--config", str(bench.folder / "nowhere.toml")]) == 2


def test_what_was_told_is_told_anew_where_it_cannot_be_read(bench: Bench) -> None:
    bench.run()
    (bench.state.folder / "follow.json").write_bytes(b"{")
    code, lines = bench.run()
    assert code == 0
    assert changes(lines).count("event") == 5


def test_a_crash_after_telling_tells_again_and_never_leaves_out(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    class Crash(Exception):  # noqa: N818 - as a power cut
        pass

    def crash(*_: object) -> None:
        raise Crash

    told = list[str]()
    with bench.state.alone():
        monkeypatch.setattr(time, "time", lambda: float(bench.chain.time))
        follower = Follower(load_settings(bench.config()), bench.state, threading.Event(), told.append, told.append)
        with monkeypatch.context() as patch:
            patch.setattr(StateFolder, "keep_followed", crash)
            with pytest.raises(Crash):
                follower.round()
    assert sum('"change": "event"' in line for line in told) == 5
    assert changes(bench.run()[1]).count("event") == 5


# ---- a real process -----------------------------------------------------------------------------------------------


class Process:
    """`vinculum-light run` in a process of its own, at the time of the chain."""

    def __init__(self, bench: Bench) -> None:
        shift = str(bench.chain.time - int(time.time()))
        command = [sys.executable, "-c", SHIFTED, shift, "run", "--config", str(bench.config())]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(json.loads(line))

    def wait_for(self, change: str, count: int = 1) -> None:
        deadline = time.monotonic() + 30
        while changes(self.lines).count(change) < count:
            assert self.process.poll() is None
            assert time.monotonic() < deadline, self.lines
            time.sleep(0.02)

    def end(self, how: int = signal.SIGTERM) -> tuple[int, float]:
        """Its exit code, and how long it took to end."""
        began = time.monotonic()
        os.kill(self.process.pid, how)
        code = self.process.wait(timeout=20)
        self._reader.join(5)
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.error = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        return code, time.monotonic() - began


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(bench: Bench, how: int) -> None:
    process = Process(bench)
    process.wait_for("status")
    code, took = process.end(how)
    assert (code, process.error) == (0, "")
    assert took < 3
    with bench.state.alone():  # it is free
        assert bench.state.memory() is not None
    assert changes(bench.run()[1]) == []  # what was told was kept


def test_a_signal_ends_it_while_a_source_is_silent(bench: Bench) -> None:
    with silent() as stalling:
        bench.sources = [{"name": "silent", "kind": "rpc", "url": stalling}]
        bench.top |= {"answer_s": 60, "question_s": 60}
        process = Process(bench)
        time.sleep(1.5)
        code, took = process.end()
    assert (code, process.error) == (0, "")
    assert took < 3


def test_a_running_node_follows_and_answers(bench: Bench) -> None:
    address = dead().removeprefix("http://")
    bench.top["listen"] = address
    process = Process(bench)
    try:
        process.wait_for("status")
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as reply:
            assert reply.headers["Content-Type"] == CONTENT_TYPE
            samples = parse_exposition(reply.read().decode())
        assert samples[f"{PREFIX}head_height", ()] == len(bench.chain.blocks) - 1
        assert samples[f"{PREFIX}asset_verified", (("asset", "pack"),)] == 1
        assert samples[f"{PREFIX}verdicts_total", (("outcome", "verified"),)] >= 1
        assert not any(BATTERY in value or "0000" in value for _, labels in samples for _, value in labels)
        deadline = time.monotonic() + 10
        while bench.health() != 0:
            assert time.monotonic() < deadline
        bench.record(description="while it runs")
        process.wait_for("event", 6)
        assert main(["state", "--home", str(bench.state.folder)]) == 0  # reading needs no lock
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"http://{address}/", timeout=5)
    finally:
        code, _ = process.end()
    assert code == 0
    assert bench.health() == 3  # nobody answers any more


def test_a_second_process_is_kept_out(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    process = Process(bench)
    try:
        process.wait_for("head")
        monkeypatch.setattr("light_node.state.LOCK_TIMEOUT_S", 0.2)
        assert bench.run()[0] == 3
    finally:
        assert process.end()[0] == 0


def test_a_kill_leaves_a_state_that_goes_on(bench: Bench) -> None:
    process = Process(bench)
    process.wait_for("verdict")
    process.end(signal.SIGKILL)
    bench.record(description="while it was dead")
    code, lines = bench.run()
    assert code == 0
    assert lines[-1]["change"] in ("event", "status")
    assert any(line.get("number") == 6 for line in lines)


def test_the_trust_file_is_the_one_that_was_pinned(bench: Bench) -> None:
    assert (bench.state.folder / "trust.json").read_bytes() == encode_trust(bench.chain.trust())
