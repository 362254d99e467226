"""A buyer who asks for evidence of now: a file of yesterday, true as it is, leaves out what happened since."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from ledger.errors import StaleError
from ledger.proof.evidence import encode_evidence
from light_node.cli.main import main
from light_node.freshness import verify_freshness
from light_node.heads import VerifiedHeader
from light_node.judgement import judge
from light_node.state import StateFolder
from light_node.trust import encode_trust
from light_node.verdict import Outcome, Step
from tests.light_node.judging import assert_refused, assert_verified
from tests.light_node.sources.servers import WitnessNode, served
from tests.simulator.chain import DAY
from tests.simulator.sealed import SealedSimulator
from tests.simulator.world import WORKSHOP, World, make_world


class Buyer:
    """Yesterday's evidence of a car in a folder, and a node of the buyer's."""

    def __init__(self, folder: Path, stack: ExitStack, patch: pytest.MonkeyPatch, told: Callable[[], Any]) -> None:
        self.folder, self._patch, self._told = folder, patch, told
        self.world: World = make_world()
        self.chain = self.world.chain
        self.state = StateFolder(folder / "node")
        self.state.make()
        self.state.pin(self.chain.trust())
        self.old = self.write("old.json")
        self.asked = self.chain.time + DAY
        self.urls = [stack.enter_context(served(WitnessNode(self.chain))) for _ in range(2)]

    def write(self, name: str) -> Path:
        path = self.folder / name
        path.write_bytes(encode_evidence(self.chain.evidence(self.world.vehicle)))
        return path

    def accident(self) -> None:
        self.chain.time = self.asked + 60
        self.chain.record(self.world.vehicle, WORKSHOP, "any.observation", description="a crash")

    def run(self, *words: object) -> tuple[int, dict[str, Any]]:
        self._patch.setattr(time, "time", lambda: float(self.chain.time))
        code = main([*map(str, words), "--home", str(self.folder / "node"), "--json"])
        value: dict[str, Any] = json.loads(self._told())
        return code, value

    def sources(self) -> list[str]:
        return [word for url in self.urls for word in ("--source", url)]


@pytest.fixture
def buyer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Buyer]:
    with ExitStack() as stack:
        yield Buyer(tmp_path, stack, monkeypatch, lambda: capsys.readouterr().out)


def moment(seconds: int, hours: int = 0) -> str:
    return datetime.fromtimestamp(seconds, timezone(timedelta(hours=hours))).isoformat()


def test_a_buyer_who_asks_for_evidence_of_now_is_not_shown_yesterdays(buyer: Buyer) -> None:
    buyer.accident()
    assert buyer.run("verify", buyer.old)[0] == 0
    code, told = buyer.run("verify", buyer.old, "--since", moment(buyer.asked))
    assert (code, told["outcome"], told["error"]) == (3, "undetermined", "StaleError")
    assert "older than what was asked for" in told["reason"]
    new = buyer.write("new.json")
    code, told = buyer.run("verify", new, "--since", moment(buyer.asked), *buyer.sources())
    assert (code, told["outcome"]) == (0, "verified")
    assert told["account"]["events"][-1]["kind"] == "any.observation"


def test_a_head_bound_to_the_buyers_nonce_says_when_he_asked(buyer: Buyer) -> None:
    assert buyer.run("verify", buyer.old)[0] == 0
    buyer.chain.time = buyer.asked
    buyer.chain.mine()
    code, told = buyer.run("anchor", *buyer.sources())
    assert (code, len(told["witnesses"])) == (0, 2)
    code, told = buyer.run("verify", buyer.old, "--since", "anchor", *buyer.sources())
    assert (code, told["step_name"]) == (3, "freshness")
    assert "older than what was asked for" in told["reason"]
    buyer.accident()
    assert buyer.run("verify", buyer.write("new.json"), "--since", "anchor", *buyer.sources())[0] == 0


def test_what_was_accepted_stays_accepted_for_who_does_not_ask(buyer: Buyer) -> None:
    buyer.accident()
    new = buyer.write("new.json")
    assert buyer.run("verify", new, "--since", moment(buyer.asked))[0] == 0
    assert buyer.run("verify", new, "--since", moment(buyer.chain.time + 3600))[0] == 3
    assert buyer.run("verify", new)[0] == 0


@pytest.mark.parametrize("hours", [-11, 0, 2])
def test_times_of_any_zone_are_read(buyer: Buyer, hours: int) -> None:
    at = int(buyer.chain.blocks[-1].time)
    assert buyer.run("verify", buyer.old, "--since", moment(at, hours))[0] == 0
    assert buyer.run("verify", buyer.old, "--since", moment(at + 1, hours))[0] == 3


def test_a_part_of_a_second_counts_as_the_whole(buyer: Buyer) -> None:
    at = datetime.fromtimestamp(int(buyer.chain.blocks[-1].time), UTC)
    assert buyer.run("verify", buyer.old, "--since", (at + timedelta(milliseconds=1)).isoformat())[0] == 3


@pytest.mark.parametrize(
    "when",
    ["", "now", "yesterday", "1790000000", "2027-03-01", "2027-03-01T12:00:00", "2027-13-01T00:00:00Z", "Anchor"],
)
def test_what_is_no_time_with_its_zone_is_misuse(buyer: Buyer, when: str) -> None:
    code, told = buyer.run("verify", buyer.old, "--since", when)
    assert (code, told["error"]) == (2, "ConfigurationError")
    assert buyer.state.memory() is None


def test_without_an_anchor_none_can_be_meant(buyer: Buyer) -> None:
    assert buyer.run("verify", buyer.old, "--since", "anchor")[0] == 2
    assert buyer.run("verify", buyer.old)[0] == 0
    assert buyer.run("verify", buyer.old, "--since", "anchor")[0] == 2
    (buyer.folder / "trust.json").write_bytes(encode_trust(buyer.chain.trust()))
    assert buyer.run("verify", buyer.old, "--trust", buyer.folder / "trust.json", "--since", "anchor")[0] == 2


def test_by_a_trust_file_alone_too(buyer: Buyer) -> None:
    trust = buyer.folder / "trust.json"
    trust.write_bytes(encode_trust(buyer.chain.trust()))
    at = buyer.chain.blocks[-1].time
    assert buyer.run("verify", buyer.old, "--trust", trust, "--since", moment(at))[0] == 0
    assert buyer.run("verify", buyer.old, "--trust", trust, "--since", moment(at + 1))[0] == 3


def test_blocks_that_validators_sealed_say_when_they_were_made() -> None:
    chain = SealedSimulator()
    world = make_world(chain)
    chain.grow(2)
    data, at = encode_evidence(chain.sealed_evidence(world.battery)), chain.blocks[-1].time
    assert_verified(judge(data, chain.trust(), now=chain.time, since=at))
    late = judge(data, chain.trust(), now=chain.time, since=at + 1)
    assert_refused(late, Outcome.UNDETERMINED, Step.FRESHNESS, "StaleError")


@pytest.mark.parametrize(("since", "fresh"), [(0, True), (999, True), (1000, True), (1001, False), (2**40, False)])
def test_the_second_itself_is_recent_enough(since: int, fresh: bool) -> None:
    own = make_world().chain.trust()
    shift = own.trusted_block.time
    header = VerifiedHeader(1, shift + 1000, bytes(32), bytes(32))
    if fresh:
        verify_freshness(header, own, None, shift + 1000, since and shift + since)
    else:
        with pytest.raises(StaleError, match="older than what was asked for"):
            verify_freshness(header, own, None, shift + 1000, shift + since)
