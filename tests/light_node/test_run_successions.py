"""A run that asks witnesses what follows its trust file: it is told, or taken, calmly and one by one."""

from __future__ import annotations

import json
import os
import threading
import time

import pytest

from ledger.proof.evidence import encode_evidence
from light_node.cli.main import main
from light_node.run.follower import Follower
from light_node.run.settings import load_settings
from light_node.state import StateFolder
from light_node.succession.rotating import rotate_by_person
from light_node.trust import encode_trust
from tests.light_node.fleet import OF_B, Fleet, published
from tests.light_node.sources.servers import dead, silent
from tests.light_node.succession.making import NEWCOMERS, by
from tests.light_node.test_run import changes
from tests.simulator.witnesses import WITNESSES


class TestTaken:
    def test_and_the_assets_are_followed_on_by_the_new_one(self, fleet: Fleet) -> None:
        fleet.run()
        fleet.offer(fleet.a, fleet.b, "first")
        code, lines = fleet.run()
        assert (code, fleet.told(lines)) == (0, [("rotated", "b")])
        assert fleet.state.trust() == fleet.b
        fleet.record(description="after it")
        code, lines = fleet.run()
        assert (code, changes(lines)) == (0, ["head", "event"])
        fleet.nodes["second"].signers = WITNESSES[:2]  # of whom the new one pins one
        fleet.record(description="by the old ones")
        code, lines = fleet.run()
        assert "event" not in changes(lines)

    def test_in_one_run_without_a_restart(self, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(time, "time", lambda: float(fleet.chain.time))
        fleet.offer(fleet.a, fleet.b)
        told = list[str]()
        with fleet.state.alone():
            follower = fleet.follower(told)
            follower.round()
            assert fleet.state.trust() == fleet.b
            fleet.nodes["first"].signers = OF_B[1:]  # all that k of the new one sign by now
            fleet.record(description="after it")
            follower.round()
            assert follower.health().exit_code == 0
            assert "vinculum_light_rotations_total 1" in follower.metrics_text()
        assert [json.loads(line)["change"] for line in told][-2:] == ["head", "event"]

    def test_several_one_by_one(self, fleet: Fleet) -> None:
        fleet.offer(fleet.a, fleet.b, "first")
        fleet.offer(fleet.b, fleet.c, "second", witnesses=OF_B)
        code, lines = fleet.run()
        assert (code, fleet.told(lines)) == (0, [("rotated", "b"), ("rotated", "c")])
        assert fleet.state.trust() == fleet.c
        assert fleet.told(fleet.run()[1]) == []

    def test_what_a_crash_kept_from_being_told_is_told_later(
        self, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fleet.run()
        fleet.offer(fleet.a, fleet.b)
        fleet.offer(fleet.b, fleet.c, witnesses=OF_B)
        with fleet.state.alone(), monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda: float(fleet.chain.time))
            patch.setattr(StateFolder, "keep_followed", lambda *_: None)
            fleet.follower([]).round()
        assert fleet.state.trust() == fleet.c
        assert fleet.told(fleet.run()[1]) == [("rotated", "b"), ("rotated", "c")]
        assert fleet.told(fleet.run()[1]) == []

    def test_a_trust_file_that_a_person_pinned_is_not_told_as_one(self, fleet: Fleet) -> None:
        fleet.run()
        with fleet.state.alone():
            rotate_by_person(fleet.state, fleet.b)
        assert fleet.told(fleet.run()[1]) == []

    def test_a_bad_answer_does_not_stop_the_others(self, fleet: Fleet) -> None:
        fleet.publish(fleet.a, published(fleet.a, fleet.c, NEWCOMERS), "first")
        fleet.offer(fleet.a, fleet.b, "second")
        code, lines = fleet.run()
        assert (code, fleet.told(lines), fleet.blamed(lines)) == (0, [("rotated", "b")], {"first": "unproven"})

    def test_a_dead_witness_does_not_stop_the_others(self, fleet: Fleet) -> None:
        fleet.offer(fleet.a, fleet.b)
        fleet.witnesses["gone"] = dead()
        code, lines = fleet.run()
        assert (code, fleet.told(lines)) == (0, [("rotated", "b")])
        assert [line["to"] for line in lines if line.get("source") == "gone"] == ["dead"]

    def test_a_silent_witness_does_not_stop_the_others(self, fleet: Fleet) -> None:
        fleet.offer(fleet.a, fleet.b)
        with silent() as stalling:
            fleet.witnesses["silent"] = stalling
            code, lines = fleet.run()
        assert (code, fleet.told(lines)) == (0, [("rotated", "b")])
        assert [line["to"] for line in lines if line.get("source") == "silent"] == ["slow"]


class TestReported:
    @pytest.fixture(autouse=True)
    def _report(self, fleet: Fleet) -> None:
        fleet.choose("report")

    def test_it_is_told_once_and_not_taken(self, fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
        fleet.offer(fleet.a, fleet.b)
        before = (fleet.state.folder / "trust.json").read_bytes()
        code, lines = fleet.run()
        assert (code, fleet.told(lines)) == (0, [("available", "b")])
        (line,) = (line for line in lines if line["change"] == "succession")
        assert (line["verified"], line["by"]) == (True, [one.name for one in WITNESSES])
        assert fleet.told(fleet.run()[1]) == []
        assert (fleet.state.folder / "trust.json").read_bytes() == before == encode_trust(fleet.a)
        assert main(["health", "--config", str(fleet.config())]) == 0
        assert f"{fleet.b.fingerprint()}: `vinculum-light trust rotate` takes it" in capsys.readouterr().out

    def test_it_is_what_is_done_where_nothing_is_chosen(self, fleet: Fleet) -> None:
        del fleet.top["successions.follow"]
        fleet.offer(fleet.a, fleet.b)
        assert fleet.told(fleet.run()[1]) == [("available", "b")]
        assert fleet.state.trust() == fleet.a

    def test_a_person_takes_what_it_kept(self, fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
        fleet.offer(fleet.a, fleet.b)
        fleet.run()
        kept = [str(fleet.state.folder / name) for name in ("successor.trust.json", "successor.note")]
        words = ["trust", "rotate", kept[0], "--succession", kept[1], "--home", str(fleet.state.folder)]
        assert main(words) == 0
        capsys.readouterr()
        assert fleet.told(fleet.run()[1]) == [("rotated", "b")]
        assert not any(map(os.path.exists, kept))
        assert main(["health", "--config", str(fleet.config())]) == 0
        assert "takes it" not in capsys.readouterr().out

    def test_several_are_not_looked_for(self, fleet: Fleet) -> None:
        fleet.offer(fleet.a, fleet.b)
        fleet.offer(fleet.b, fleet.c, witnesses=OF_B)
        assert fleet.told(fleet.run()[1]) == [("available", "b")]
        assert fleet.asked(fleet.b) == 0

    def test_the_metric_says_so_after_a_restart_too(self, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
        fleet.offer(fleet.a, fleet.b)
        fleet.run()
        with fleet.state.alone():
            assert "vinculum_light_succession_available 1" in fleet.follower([]).metrics_text()

    def test_a_conflict_takes_the_offer_back(self, fleet: Fleet) -> None:
        fleet.offer(fleet.a, fleet.b, "first")
        fleet.run()
        fleet.offer(fleet.a, fleet.c, "second")
        code, lines = fleet.run()
        assert (code, changes(lines)[-1]) == (1, "fork")
        assert not (fleet.state.folder / "successor.note").exists()


class TestCalm:
    def test_who_answered_is_left_alone(self, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(time, "time", lambda: float(fleet.chain.time))
        with fleet.state.alone():
            follower = fleet.follower([])
            for _ in range(3):
                follower.round()
        assert fleet.asked(fleet.a) == 2

    def test_who_fails_is_not_asked_each_round(self, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(time, "time", lambda: float(fleet.chain.time))
        fleet.publish(fleet.a, b"junk")
        told = list[str]()
        with fleet.state.alone():
            follower = fleet.follower(told)
            for _ in range(5):
                follower.round()
        assert fleet.asked(fleet.a) == 2
        assert sum('"about": "succession"' in line for line in told) == 2

    def test_who_failed_is_asked_again(self, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(time, "time", lambda: float(fleet.chain.time))
        fleet.choose("rotate", interval_s=0.2)
        fleet.publish(fleet.a, b"junk")
        with fleet.state.alone():
            follower = fleet.follower([])
            follower.round()
            fleet.offer(fleet.a, fleet.b)
            deadline = time.monotonic() + 20
            while fleet.state.trust() == fleet.a:
                assert time.monotonic() < deadline
                follower.round()
                time.sleep(0.02)

    def test_a_run_that_is_stopped_takes_nothing(self, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
        fleet.offer(fleet.a, fleet.b)
        stop = threading.Event()

        def end(path: str, answer: tuple[int, bytes]) -> tuple[int, bytes]:
            if "succession" in path:
                stop.set()
            return answer

        for node in fleet.nodes.values():
            node.change = end
        monkeypatch.setattr(time, "time", lambda: float(fleet.chain.time))
        with fleet.state.alone():
            Follower(load_settings(fleet.config()), fleet.state, stop, lambda _: None, lambda _: None).run()
        assert fleet.state.trust() == fleet.a


def test_evidence_that_was_judged_by_the_old_one_is_judged_anew(fleet: Fleet) -> None:
    """A file that does not change is not verified by a trust file that is pinned no more."""
    file = fleet.folder / "pack.json"
    file.write_bytes(encode_evidence(fleet.chain.evidence(fleet.world.battery, block=fleet.chain.blocks[-1])))
    fleet.sources = [{"name": "stick", "kind": "file", "path": "pack.json"}]
    new = by(fleet.a, (*NEWCOMERS[:2], WITNESSES[2]))
    fleet.offer(fleet.a, new)
    told = list[str]()
    with fleet.state.alone(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: float(fleet.chain.time))
        follower = fleet.follower(told)
        follower.round()
        assert fleet.state.trust() == new
        follower.round()
    assert [json.loads(line)["to"] for line in told if '"source": "stick"' in line] == ["unproven"]
