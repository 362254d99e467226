"""Several sources at once, on real servers: a lying, stale, slow, dead or verbose one is named and stops no other."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import ConfigurationError, MissingError, RejectedError, SourceTimeoutError, TooLargeError
from ledger.event import AssetType
from ledger.proof.evidence import MAX_BYTES, encode_evidence
from light_node.http_source import HttpSource
from light_node.node import LightNode
from light_node.sources.crew import Crew
from light_node.sources.files import FileSource
from light_node.sources.http_evidence import HttpEvidenceSource
from light_node.sources.panel import Hearing, Limits, Panel
from light_node.sources.port import EvidenceSource, Hint, Wanted
from light_node.sources.rpc import JsonRpc
from light_node.sources.rpc_source import RpcSource
from light_node.sources.standing import Standing
from light_node.sources.web import Web
from light_node.state import StateFolder
from light_node.trust import Trust
from light_node.trust_rules import Source
from light_node.verdict import Outcome
from tests.light_node.sources.servers import RpcNode, Serve, WitnessNode, dead
from tests.simulator.chain import Asset, Simulator
from tests.simulator.qbft import validators
from tests.simulator.sealed import SealedSimulator
from tests.simulator.witnesses import WITNESSES
from tests.simulator.world import BATTERY, World, make_world

LIMITS = Limits(answer_s=1.5, lag_s=60)


class Bench:
    """A node of a reader, a chain, and as many sources as a test wants."""

    def __init__(self, folder: Path, serve: Serve) -> None:
        self.world: World = make_world()
        self.chain: Simulator = self.world.chain
        self.chain.mine()
        self.folder, self.serve, self.stop, self.told = folder, serve, threading.Event(), list[str]()
        self.state = StateFolder(folder / "node")
        self.state.make()
        self.state.pin(self.chain.trust())
        self.web = Web(1.0)
        self.witness = WitnessNode(self.chain)
        self.witnesses: dict[str, HttpSource] = {"witness": self.web.server(serve(self.witness))}
        self.panel = Panel(LightNode(self.state), self.stop, self.told.append, LIMITS)
        self.sources: list[EvidenceSource] = []

    @property
    def wanted(self) -> Wanted:
        return self.as_wanted(self.world.battery)

    def as_wanted(self, asset: Asset) -> Wanted:
        return Wanted("it", asset.reference.asset_type, asset.subject)

    def node(self, name: str, world: World | None = None, **changes: Any) -> RpcNode:
        world = world or self.world
        node = RpcNode(world.chain, [world.battery, world.vehicle, world.part])
        for change, value in changes.items():
            setattr(node, change, value)
        self.add_rpc(name, self.serve(node))
        return node

    def add_rpc(self, name: str, url: str) -> None:
        self.sources.append(RpcSource(JsonRpc(self.web.server(url, name), LIMITS.answer_s), self.chain.trust()))

    def add_file(self, name: str, data: bytes) -> None:
        path = self.folder / f"{name}.json"
        path.write_bytes(data)
        self.sources.append(FileSource(name, path))

    def add_http(self, name: str, respond: Callable[[str, str, bytes], tuple[int, bytes]]) -> None:
        url = f"{self.serve(respond)}/{{type}}/{{subject}}"
        self.sources.append(HttpEvidenceSource(name, url, self.web))

    def file(self, asset: Asset | None = None, **choices: Any) -> bytes:
        return encode_evidence(self.chain.evidence(asset or self.world.battery, **choices))

    def hear(self, wanted: Wanted | None = None, witnesses: Mapping[str, HttpSource] | None = None) -> Hearing:
        announced, self.faults = self.panel.announce(self.witnesses if witnesses is None else witnesses)
        memory = self.panel.node.memory
        accepted = None if memory is None else memory.accepted()
        return self.panel.hear(wanted or self.wanted, self.sources, Hint(self.chain.time, accepted, announced))


@pytest.fixture
def bench(tmp_path: Path, serve: Serve) -> Iterator[Bench]:
    made = Bench(tmp_path, serve)
    with made.state.alone():
        yield made
    assert made.told == []


def standings(hearing: Hearing) -> dict[str, str]:
    return {one.source: str(one.standing) for one in hearing.heard}


def drop_log(method: str, _: list[Any], result: Any) -> Any:
    return result[:-1] if method == "eth_getLogs" else result


def test_an_honest_node_is_enough(bench: Bench) -> None:
    bench.node("own")
    hearing = bench.hear()
    assert standings(hearing) == {"own": "verified"}
    assert hearing.best is not None
    assert bench.panel.node.memory is not None
    assert bench.panel.node.memory.block.number == len(bench.chain.blocks) - 1


def test_all_kinds_of_bad_sources_are_named_and_stop_nobody(bench: Bench, stalling: str) -> None:
    old = bench.file(block=bench.chain.blocks[-1])
    bench.chain.time += 3600
    bench.chain.mine()
    bench.add_rpc("dead", dead())
    bench.add_rpc("silent", stalling)
    bench.node("liar", change=drop_log)
    bench.node("behind", height=0)
    bench.add_http("junk", lambda *_: (200, b"\x00" * 100))
    bench.add_http("empty", lambda *_: (404, b""))
    bench.add_http("broken", lambda *_: (503, b"no"))
    bench.add_http("verbose", lambda *_: (200, b" " * (MAX_BYTES + 1)))
    bench.add_http("other asset", lambda *_: (200, bench.file(bench.world.part, block=bench.chain.blocks[-1])))
    bench.add_file("stale", old)
    bench.node("own")
    started = time.monotonic()
    hearing = bench.hear()
    assert time.monotonic() - started < 3 * LIMITS.answer_s
    assert standings(hearing) == {
        "dead": "dead",
        "silent": "slow",
        "liar": "lying",
        "behind": "refused",
        "junk": "malformed",
        "empty": "refused",
        "broken": "refused",
        "verbose": "malformed",
        "other asset": "lying",
        "stale": "stale",
        "own": "verified",
    }
    assert all(one.reason for one in hearing.heard if one.standing is not Standing.VERIFIED)
    assert hearing.best is not None
    assert hearing.best.as_of is not None
    assert hearing.best.as_of.number == len(bench.chain.blocks) - 1


def test_without_an_honest_one_nothing_is_believed(bench: Bench) -> None:
    bench.node("liar", change=drop_log)
    bench.add_rpc("dead", dead())
    hearing = bench.hear()
    assert hearing.best is None
    assert bench.state.memory() is None


def test_the_newest_verified_one_counts_whatever_the_order(bench: Bench) -> None:
    older = bench.file(block=bench.chain.blocks[-1])
    bench.chain.mine()
    newer = bench.file(block=bench.chain.blocks[-1])
    for place, order in enumerate(((older, newer), (newer, older))):
        bench.sources.clear()
        for number, data in enumerate(order):
            bench.add_file(f"{place}-{number}", data)
        hearing = bench.hear()
        assert hearing.best is not None
        assert hearing.best.as_of is not None
        assert hearing.best.as_of.number == len(bench.chain.blocks) - 1


def test_what_was_accepted_is_not_taken_back_by_a_stale_source(bench: Bench) -> None:
    old = bench.file(block=bench.chain.blocks[-1])
    bench.chain.mine()
    bench.node("own")
    bench.hear()
    before = bench.state.memory()
    bench.sources.clear()
    bench.add_file("stale", old)
    assert standings(bench.hear()) == {"stale": "stale"}
    assert bench.state.memory() == before


def test_the_same_file_again_is_verified_until_it_is_too_old(bench: Bench) -> None:
    bench.add_file("file", bench.file(block=bench.chain.blocks[-1]))
    assert standings(bench.hear()) == {"file": "verified"}
    bench.node("own")
    bench.chain.mine()
    bench.hear()  # the head moves on
    bench.sources.pop()
    bench.chain.time += bench.chain.trust().maximum_age_seconds + 1
    assert standings(bench.hear()) == {"file": "stale"}


def test_another_identifier_than_the_wanted_one_is_a_lie(bench: Bench) -> None:
    bench.add_file("file", bench.file(block=bench.chain.blocks[-1]))
    battery = bench.world.battery
    other = Wanted("it", battery.reference.asset_type, battery.subject, BATTERY.replace("B-0001", "B-0002"))
    assert standings(bench.hear(other)) == {"file": "lying"}
    right = Wanted("it", battery.reference.asset_type, battery.subject, BATTERY)
    assert standings(bench.hear(right)) == {"file": "verified"}


def test_by_identifier_alone_evidence_has_to_show_it(bench: Bench) -> None:
    bench.node("own")
    bench.add_file("closed", bench.file(block=bench.chain.blocks[-1], withheld=range(1, 6)))
    bench.add_file("open", bench.file(block=bench.chain.blocks[-1]))
    wanted = Wanted("it", bench.world.battery.reference.asset_type, None, BATTERY)
    assert standings(bench.hear(wanted)) == {"own": "refused", "closed": "unproven", "open": "verified"}


def test_two_signed_heads_are_kept_as_a_fork(bench: Bench) -> None:
    other = make_world()
    other.chain.time += 1
    other.chain.mine()
    bench.add_file("one", bench.file(block=bench.chain.blocks[-1]))
    bench.add_file("two", encode_evidence(other.chain.evidence(other.battery, block=other.chain.blocks[-1])))
    bench.sources.reverse()
    hearing = bench.hear()
    assert hearing.best is not None
    assert len(hearing.forks) == 1
    assert bench.state.forks() == list(hearing.forks)


def test_a_fork_of_what_was_accepted_is_kept(bench: Bench) -> None:
    bench.node("own")
    bench.hear()
    other = make_world()
    other.chain.time += 1
    other.chain.mine()
    bench.add_file("two", encode_evidence(other.chain.evidence(other.battery, block=other.chain.blocks[-1])))
    hearing = bench.hear()
    assert standings(hearing) == {"own": "verified", "two": "lying"}
    assert len(hearing.forks) == 1


# ---- witnesses ----------------------------------------------------------------------------------------------------


def test_witnesses_sign_together_and_bad_ones_are_named(bench: Bench, stalling: str) -> None:
    bench.node("own")
    bench.witnesses = {
        "one": bench.web.server(bench.serve(WitnessNode(bench.chain, WITNESSES[:1]))),
        "two": bench.web.server(bench.serve(WitnessNode(bench.chain, WITNESSES[1:2]))),
        "dead": bench.web.server(dead()),
        "silent": bench.web.server(stalling),
        "junk": bench.web.server(bench.serve(lambda *_: (200, b"junk"))),
        "huge": bench.web.server(bench.serve(lambda *_: (200, b"x" * 1_000_000))),
    }
    assert standings(bench.hear()) == {"own": "verified"}
    assert set(bench.faults) == {"dead", "silent", "junk", "huge"}


def test_false_consistency_paths_do_not_stop_honest_sources(bench: Bench) -> None:
    def lie(path: str, answer: tuple[int, bytes]) -> tuple[int, bytes]:
        lines = answer[1].split(b"\n")
        if path != "/consistency" or len(lines) < 4:
            return answer
        return 200, b"\n".join([*lines[:2], lines[2][::-1].replace(b"=", b"") + b"=", *lines[3:]])

    for _ in range(5):
        bench.chain.mine()
        bench.witness.size = len(bench.chain.blocks)
    bench.node("own")
    bench.hear()
    bench.chain.mine()
    bench.chain.mine()
    bench.witness.size = None
    false = bench.web.server(bench.serve(WitnessNode(bench.chain, change=lie)))
    bench.witnesses = {"liar": false, **bench.witnesses}
    assert standings(bench.hear()) == {"own": "verified"}


def test_without_a_path_the_head_does_not_move(bench: Bench) -> None:
    bench.node("own")
    bench.hear()
    before = bench.state.memory()
    bench.chain.mine()
    bench.witness.change = lambda path, answer: (404, b"") if path == "/consistency" else answer
    assert standings(bench.hear()) == {"own": "stale"}
    assert bench.state.memory() == before


def test_without_witnesses_nodes_cannot_build(bench: Bench) -> None:
    bench.node("own")
    assert standings(bench.hear(witnesses={})) == {"own": "refused"}


# ---- files, servers, the crew -------------------------------------------------------------------------------------


def test_a_folder_holds_a_file_an_asset(bench: Bench) -> None:
    folder = bench.folder / "folder"
    folder.mkdir()
    source, hint = FileSource("folder", folder), Hint(0)
    with pytest.raises(MissingError):
        source.fetch(bench.wanted, hint)
    (folder / f"{bench.world.battery.subject.hex()}.json").write_bytes(b"by subject")
    assert source.fetch(bench.wanted, hint) == b"by subject"
    (folder / "it.json").write_bytes(b"by name")
    assert source.fetch(bench.wanted, hint) == b"by name"
    with pytest.raises(MissingError):
        FileSource("file", folder / "nowhere").fetch(bench.wanted, hint)


def test_places_in_a_url_are_filled_and_encoded(bench: Bench) -> None:
    asked = list[str]()

    def respond(_: str, target: str, __: bytes) -> tuple[int, bytes]:
        asked.append(target)
        return 200, b"x"

    url = bench.serve(respond)
    source = HttpEvidenceSource("it", f"{url}/e/{{type}}/{{identifier}}?name={{name}}", bench.web)
    wanted = Wanted("a b&c", bench.world.battery.reference.asset_type, None, "https://id.gs1.org/01/1?x=1")
    source.fetch(wanted, Hint(0))
    assert asked == ["/e/battery/https%3A%2F%2Fid.gs1.org%2F01%2F1%3Fx%3D1?name=a%20b%26c"]
    with pytest.raises(MissingError):
        HttpEvidenceSource("it", f"{url}/{{subject}}", bench.web).fetch(wanted, Hint(0))


@pytest.mark.parametrize(
    "url", ["ftp://h/{subject}", "http://{subject}/", "http://h/{vin}", "http://h/{}", "http://h/#{subject}", "h", ""]
)
def test_urls_of_other_kinds_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        HttpEvidenceSource("it", url, Web())


def test_authorities_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for path in (tmp_path / "ca.pem", tmp_path / "nowhere.pem"):
        with pytest.raises(ConfigurationError):
            Web(1.0, authorities=path).server("https://localhost")


def test_an_answer_that_is_not_read_to_its_end_leaves_no_socket_open(bench: Bench) -> None:
    server = bench.web.server(bench.serve(lambda *_: (200, b"x" * 10_000_000)))
    with pytest.raises(TooLargeError):
        server.get("/", 10)
    gc.collect()  # what was left open would be told, and warnings are errors


def test_who_is_late_is_not_asked_again_meanwhile() -> None:
    crew, go = Crew[int](threading.Event(), lambda _: None), threading.Event()

    def late() -> int:
        go.wait(10)
        return 1

    first = crew.ask({"late": late, "quick": lambda: 2}, 0.2)
    assert first["quick"] == 2
    assert isinstance(first["late"], SourceTimeoutError)
    again = crew.ask({"late": lambda: 3, "quick": lambda: 4}, 0.2)
    assert again["quick"] == 4
    assert isinstance(again["late"], SourceTimeoutError)
    go.set()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        found = crew.ask({"late": lambda: 5}, 0.2)["late"]
        if found == 5:
            return
        time.sleep(0.02)
    pytest.fail("it stays busy")


def test_a_stop_ends_the_waiting_at_once() -> None:
    stop, go = threading.Event(), threading.Event()
    crew = Crew[bool](stop, lambda _: None)
    threading.Timer(0.2, stop.set).start()
    started = time.monotonic()
    found = crew.ask({"late": lambda: go.wait(10)}, 10.0)
    assert time.monotonic() - started < 2
    assert isinstance(found["late"], SourceTimeoutError)
    go.set()


def test_a_fault_of_ours_is_told_and_stops_nobody() -> None:
    told = list[str]()
    crew = Crew[int](threading.Event(), told.append)

    def broken() -> int:
        raise ZeroDivisionError

    found = crew.ask({"broken": broken, "fine": lambda: 1}, 2.0)
    assert found["fine"] == 1
    assert isinstance(found["broken"], RejectedError)
    assert "ZeroDivisionError" in told[0]


def test_outcomes_have_a_word_each() -> None:
    assert {str(outcome) for outcome in Outcome} == {"verified", "refuted", "malformed", "undetermined"}


# ---- who slept where votes decide --------------------------------------------------------------------------------


def voted_panel(folder: Path, serve: Serve, trust: Trust, world: World) -> tuple[Panel, EvidenceSource]:
    state = StateFolder(folder / "voted")
    state.make()
    state.pin(trust)
    node = RpcNode(world.chain, [world.battery, world.vehicle, world.part])
    source = RpcSource(JsonRpc(Web(1.0).server(serve(node), "node"), 5.0), trust)
    return Panel(LightNode(state), threading.Event(), lambda _: None, LIMITS), source


def test_whoever_slept_walks_on_over_blocks_that_are_too_old_to_judge_by(
    tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("light_node.sources.sealing.MAX_WALK", 6)
    world = make_world(SealedSimulator(lists=True))
    chain = world.chain
    assert isinstance(chain, SealedSimulator)
    chain.grow(17)
    recent = chain.time - chain.blocks[13].time
    trust = replace(chain.trust_since(0, Source.VOTES), maximum_age_seconds=recent)
    panel, source = voted_panel(tmp_path, serve, trust, world)
    wanted, heights = Wanted("it", AssetType.BATTERY, world.battery.subject), []
    for _ in range(3):
        memory = panel.node.memory
        hearing = panel.hear(wanted, [source], Hint(chain.time, None if memory is None else memory.accepted()))
        assert panel.node.memory is not None
        heights.append((panel.node.memory.block.number, hearing.best is not None, str(hearing.heard[0].standing)))
    assert heights == [(6, False, "stale"), (12, False, "stale"), (17, True, "verified")]


def test_a_stale_file_that_is_not_final_moves_nobody_on(tmp_path: Path, serve: Serve) -> None:
    world = make_world(SealedSimulator(lists=True))
    chain = world.chain
    assert isinstance(chain, SealedSimulator)
    chain.grow(5)
    chain.mine(signers=validators(4)[:2])
    panel, source = voted_panel(
        tmp_path, serve, replace(chain.trust_since(0, Source.VOTES), maximum_age_seconds=1), world
    )
    hearing = panel.hear(Wanted("it", AssetType.BATTERY, world.battery.subject), [source], Hint(chain.time + 100))
    assert (hearing.best, str(hearing.heard[0].standing), panel.node.memory) == (None, "unproven", None)
