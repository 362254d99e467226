"""Evidence built from a node that is honest: what is read, how often, and that it verifies."""

from __future__ import annotations

import pytest

from ledger.proof.evidence import parse_evidence
from light_node.sources.port import Announced, Hint
from light_node.verdict import Outcome
from tests.light_node.sources.bench import Bench, announced, assets, told, wanted
from tests.light_node.sources.servers import Serve
from tests.simulator.world import MAKER, make_world


@pytest.mark.parametrize("place", range(3))
def test_what_is_built_is_verified_and_complete(bench: Bench, place: int) -> None:
    asset = assets(bench.world)[place]
    verdict = bench.judge(asset=asset)
    assert (verdict.outcome, verdict.reason) == (Outcome.VERIFIED, "")
    assert verdict.account is not None
    assert [event.organisation for event in verdict.account.events] == [one.meta.organisation for one in asset.history]
    assert verdict.account.subject == asset.subject


def test_an_asset_without_events_is_proven_absent(bench: Bench) -> None:
    nobody = bench.world.chain.asset(bench.world.battery.reference.asset_type, "urn:uuid:nobody", MAKER)
    verdict = bench.judge(asset=nobody)
    assert verdict.outcome is Outcome.VERIFIED
    assert verdict.account is not None
    assert verdict.account.events == ()


def test_events_that_came_many_at_once_are_read(serve: Serve) -> None:
    bench = Bench(make_world(), serve)
    bench.node.many = True
    verdict = bench.judge(asset=bench.world.vehicle)
    assert told(verdict) == (Outcome.VERIFIED, None)


def test_logs_are_read_once_and_then_only_what_is_new(bench: Bench) -> None:
    bench.judge()
    bench.node.asked.clear()
    bench.world.chain.mine()
    bench.accepted = None
    assert bench.judge().outcome is Outcome.VERIFIED
    assert "eth_getLogs" not in bench.node.asked
    bench.world.chain.record(bench.world.battery, MAKER, "any.observation", description="seen")
    bench.world.chain.mine()
    bench.accepted = None
    verdict = bench.judge()
    assert verdict.account is not None
    assert len(verdict.account.events) == len(bench.world.battery.history)
    assert bench.node.asked.count("eth_getLogs") == 2


def test_subjects_that_are_followed_are_read_together(bench: Bench) -> None:
    battery, other = bench.world.battery, bench.world.chain.asset(bench.world.battery.reference.asset_type, "x", MAKER)
    bench.world.chain.record(other, MAKER, "battery.commissioned", **bench.world.chain.opening(other))
    bench.node.assets.append(other)
    bench.world.chain.mine()
    bench.source.follow((one.subject, one.reference.asset_type) for one in (battery, other))
    for asset in (battery, other):
        bench.accepted = None
        assert bench.judge(asset=asset).outcome is Outcome.VERIFIED
    assert bench.node.asked.count("eth_getLogs") == 2


def test_a_node_that_gives_few_blocks_of_logs_at_once_is_asked_for_fewer(bench: Bench) -> None:
    for _ in range(20):
        bench.world.chain.mine()
    bench.node.span = 3
    assert bench.judge().outcome is Outcome.VERIFIED


def test_a_false_inclusion_path_of_one_witness_does_not_spoil_the_right_one(bench: Bench) -> None:
    good = announced(bench.world.chain)
    false = tuple(bytes(32) for _ in good.paths[0])
    for paths in ((false, *good.paths), ((), *good.paths), (*good.paths, false)):
        hint = Hint(bench.world.chain.time, None, Announced(good.note, good.size, paths))
        data = bench.source.fetch(wanted(bench.world.battery), hint)
        bench.accepted = None
        assert bench.judge(data).outcome is Outcome.VERIFIED


def test_a_successor_log_is_read_too(serve: Serve) -> None:
    world = make_world()
    world.chain.mine()
    world.chain.succeed(world.battery.reference.asset_type, b"\xbb" * 20)
    world.chain.record(world.battery, MAKER, "any.observation", description="in the new log")
    bench = Bench(world, serve)
    verdict = bench.judge()
    assert told(verdict) == (Outcome.VERIFIED, None)
    assert [segment.entries for segment in parse_evidence(bench.fetch()).segments] == [5, 1]
