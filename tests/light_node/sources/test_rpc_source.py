"""Evidence built from untrusted nodes: what verifies, and what comes of each lie."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ledger.errors import (
    MalformedError,
    MissingError,
    RejectedError,
    SourceTimeoutError,
    TooLargeError,
    UnreachableError,
    VinculumError,
)
from ledger.proof.evidence import SealFinality, parse_evidence
from ledger.proof.evidence_types import MAX_STEPS
from light_node.heads import Accepted
from light_node.judgement import judge
from light_node.progress import Progress
from light_node.qbft.rotation import encode_rotation
from light_node.sources.announcing import HashPath
from light_node.sources.node import Node
from light_node.sources.port import Announced, Hint, Wanted
from light_node.sources.rpc import JsonRpc
from light_node.sources.rpc_source import RpcSource
from light_node.sources.sealing import Sealing, fetch_sealed
from light_node.sources.web import Web
from light_node.trust import Trust, TrustedBlock
from light_node.trust_rules import Source, ValidatorRule, pinned_rule
from light_node.verdict import Outcome, Step, Verdict
from tests.light_node.sources.conftest import Serve
from tests.light_node.sources.servers import RpcNode, dead
from tests.simulator.chain import Asset, Simulator
from tests.simulator.qbft import Validator, validators
from tests.simulator.sealed import SealedSimulator, first_statement, rotation
from tests.simulator.world import MAKER, World, make_world

FOUR = validators(4)
Change = Callable[[str, list[Any], Any], Any]


def assets(world: World) -> list[Asset]:
    return [world.battery, world.vehicle, world.part]


def wanted(asset: Asset) -> Wanted:
    return Wanted("it", asset.reference.asset_type, asset.subject)


def announced(chain: Simulator, *more: HashPath) -> Announced:
    """What witnesses sign of the chain as it is."""
    finality = chain.finality(chain.blocks[-1])
    return Announced(finality.note, len(chain.blocks), (*more, finality.path))


class Bench:
    """One node of a chain, and a reader of it."""

    def __init__(self, world: World, serve: Serve, trust: Trust | None = None, **settings: Any) -> None:
        world.chain.mine()
        self.world, self.node = world, RpcNode(world.chain, assets(world))
        self.trust = world.chain.trust() if trust is None else trust
        server = Web(2.0).server(serve(self.node), "node")
        self.source = RpcSource(JsonRpc(server, 10.0), self.trust, **settings)
        self.accepted: Accepted | None = None

    def hint(self) -> Hint:
        sealed = isinstance(self.world.chain, SealedSimulator)
        return Hint(self.world.chain.time, self.accepted, None if sealed else announced(self.world.chain))

    def fetch(self, asset: Asset | None = None) -> bytes:
        return self.source.fetch(wanted(asset or self.world.battery), self.hint())

    def judge(self, data: bytes | None = None, asset: Asset | None = None) -> Verdict:
        data = self.fetch(asset) if data is None else data
        progress = Progress()
        verdict = judge(
            data,
            self.trust,
            now=self.world.chain.time,
            accepted=self.accepted,
            identity_required=False,
            progress=progress,
        )
        if verdict.outcome is Outcome.VERIFIED and progress.header is not None:
            head = progress.header
            block = TrustedBlock(head.number, head.hash, head.time)
            self.accepted = Accepted(block, head.tree, None, head.validated)
        return verdict


@pytest.fixture
def bench(serve: Serve) -> Bench:
    return Bench(make_world(), serve)


def told(verdict: Verdict) -> tuple[Outcome, str | None]:
    return verdict.outcome, verdict.error


# ---- what verifies ------------------------------------------------------------------------------------------------


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


# ---- what lies ----------------------------------------------------------------------------------------------------


def on(method: str, change: Callable[[Any], Any]) -> Change:
    return lambda asked, params, result: change(copy.deepcopy(result)) if asked == method else result


def with_(name: str, value: Any) -> Callable[[Any], Any]:
    return lambda result: {**result, name: value}


def drop_log(result: list[Any]) -> list[Any]:
    return result[:1] + result[2:]


def swap_logs(result: list[Any]) -> list[Any]:
    if len(result) > 2:
        for name in ("logIndex", "blockNumber"):
            result[1][name], result[2][name] = result[2][name], result[1][name]
        result[1], result[2] = result[2], result[1]
    return result


def other_digest(result: list[Any]) -> list[Any]:
    for entry in result[2:3]:
        entry["data"] = "0x" + "11" * 32 + entry["data"][66:]
    return result


def doubled(result: list[Any]) -> list[Any]:
    again = [{**entry, "logIndex": hex(int(entry["logIndex"], 16) + 100)} for entry in result[-1:]]
    return [*result, *again]


def other_node(result: dict[str, Any]) -> dict[str, Any]:
    node = result["accountProof"][-1]
    result["accountProof"][-1] = node[:-2] + ("00" if node[-2:] != "00" else "01")
    return result


def other_storage(result: dict[str, Any]) -> dict[str, Any]:
    for entry in result["storageProof"]:
        entry["proof"] = entry["proof"][:-1]
    return result


LIES: dict[str, tuple[Change, Step]] = {
    "an event left out": (on("eth_getLogs", drop_log), Step.FOLD),
    "two events swapped": (on("eth_getLogs", swap_logs), Step.FOLD),
    "another digest": (on("eth_getLogs", other_digest), Step.FOLD),
    "an event twice": (on("eth_getLogs", doubled), Step.FOLD),
    "no events at all": (on("eth_getLogs", lambda _: []), Step.FOLD),
    "a node of the state changed": (on("eth_getProof", other_node), Step.CONTRACTS),
    "a node of the storage missing": (on("eth_getProof", other_storage), Step.STORAGE),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_node_that_lies_is_refuted(bench: Bench, lie: str) -> None:
    change, step = LIES[lie]
    bench.node.change = change
    verdict = bench.judge()
    assert (verdict.outcome, verdict.step) == (Outcome.REFUTED, step), verdict.reason


@pytest.mark.parametrize("lie", LIES)
def test_a_node_that_stops_lying_is_read_anew(bench: Bench, lie: str) -> None:
    bench.node.change = LIES[lie][0]
    bench.judge()
    bench.node.change = lambda method, params, result: result
    assert bench.judge().outcome is Outcome.VERIFIED


def test_a_header_of_another_chain_is_refuted(serve: Serve) -> None:
    other = make_world(Simulator("another"))
    bench = Bench(other, serve)
    honest = make_world()
    honest.chain.mine()
    bench.trust = honest.chain.trust()
    hint = Hint(honest.chain.time, None, announced(honest.chain))
    data = bench.source.fetch(wanted(other.battery), hint)
    verdict = judge(data, bench.trust, now=honest.chain.time, identity_required=False)
    assert (verdict.outcome, verdict.step, verdict.error) == (Outcome.REFUTED, Step.FINALITY, "InclusionError")


MALFORMED: dict[str, Change] = {
    "a header that hashes otherwise": on("eth_getBlockByNumber", with_("stateRoot", "0x" + "11" * 32)),
    "another block than asked for": on("eth_getBlockByNumber", with_("number", "0x0")),
    "a field missing": on("eth_getBlockByNumber", lambda result: {k: v for k, v in result.items() if k != "miner"}),
    "a short root": on("eth_getBlockByNumber", with_("stateRoot", "0x11")),
    "a number that is none": on("eth_getBlockByNumber", with_("gasUsed", "0xg")),
    "a decimal number": on("eth_getBlockByNumber", with_("gasUsed", 12)),
    "a negative number": on("eth_getBlockByNumber", with_("gasUsed", "-0x1")),
    "a number with an underscore": on("eth_getBlockByNumber", with_("gasUsed", "0x1_0")),
    "a number beyond any field": on("eth_getBlockByNumber", with_("timestamp", "0x" + "f" * 64)),
    "a huge bloom": on("eth_getBlockByNumber", with_("logsBloom", "0x" + "00" * 100_000)),
    "a block that is a list": on("eth_getBlockByNumber", lambda _: []),
    "no storage proof": on("eth_getProof", with_("storageProof", [])),
    "a proof that is text": on("eth_getProof", lambda _: "0x"),
    "too many nodes": on("eth_getProof", with_("accountProof", ["0x00"] * 10_000)),
    "a huge node": on("eth_getProof", with_("accountProof", ["0x" + "00" * 100_000])),
    "odd digits": on("eth_getProof", with_("accountProof", ["0x0"])),
    "logs that are text": on("eth_getLogs", lambda _: "none"),
    "a log that is text": on("eth_getLogs", lambda _: ["none"]),
    "a log of another contract": on("eth_getLogs", lambda all_: [{**one, "address": "0x" + "11" * 20} for one in all_]),
    "a log of another block": on("eth_getLogs", lambda all_: [{**one, "blockNumber": "0xffff"} for one in all_]),
    "a removed log": on("eth_getLogs", lambda all_: [{**one, "removed": True} for one in all_]),
    "a log without topics": on("eth_getLogs", lambda all_: [{**one, "topics": []} for one in all_]),
    "a log of another event": on(
        "eth_getLogs", lambda all_: [{**one, "topics": ["0x" + "1" * 64] * 2} for one in all_]
    ),
    "a log with short data": on("eth_getLogs", lambda all_: [{**one, "data": "0x00"} for one in all_]),
    "a meta word of another version": on(
        "eth_getLogs", lambda all_: [{**one, "data": one["data"][:66] + "ff" * 32} for one in all_]
    ),
}


@pytest.mark.parametrize("lie", MALFORMED)
def test_what_is_not_in_its_format_is_malformed(bench: Bench, lie: str) -> None:
    bench.node.change = MALFORMED[lie]
    with pytest.raises(MalformedError):
        bench.fetch()


def test_pairs_that_say_another_length_are_malformed(bench: Bench) -> None:
    bench.node.many = True
    for change in (lambda data: data + "00" * 64, lambda data: data[:-64], lambda data: data[:130] + "ff" * 32):
        bench.node.change = on(
            "eth_getLogs", lambda all_, change=change: [{**one, "data": change(one["data"])} for one in all_]
        )
        with pytest.raises(MalformedError):
            bench.fetch()


ANSWERS: dict[str, tuple[tuple[int, bytes], type[VinculumError]]] = {
    "no JSON": ((200, b"<html>"), MalformedError),
    "not UTF-8": ((200, b"\xff\xfe"), MalformedError),
    "nested deeply": ((200, b"[" * 100_000), MalformedError),
    "a number beyond I-JSON": ((200, b'{"id":1,"result":' + b"9" * 400 + b"}"), MalformedError),
    "one name twice": ((200, b'{"id":1,"result":"0x1","result":"0x2"}'), MalformedError),
    "a list": ((200, b"[]"), MalformedError),
    "an answer to another question": ((200, b'{"id":2,"result":"0x1"}'), MalformedError),
    "neither result nor error": ((200, b'{"id":1}'), MalformedError),
    "an error": ((200, b'{"id":1,"error":{"code":-1,"message":"no"}}'), RejectedError),
    "an error that is text": ((200, b'{"id":1,"error":"no"}'), RejectedError),
    "no such block": ((200, b'{"id":1,"result":null}'), MissingError),
    "a fault of its own": ((500, b"{}"), RejectedError),
    "a redirect": ((302, b""), RejectedError),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_of_other_kinds_are_errors_of_ours(bench: Bench, serve: Serve, name: str) -> None:
    answer, error = ANSWERS[name]
    source = RpcSource(JsonRpc(Web(2.0).server(serve(lambda *_: answer), "node"), 5.0), bench.trust)
    with pytest.raises(error):
        source.fetch(wanted(bench.world.battery), bench.hint())


def test_a_node_that_answers_too_much_is_left(bench: Bench, serve: Serve) -> None:
    small = RpcSource(JsonRpc(Web(2.0).server(serve(bench.node), "node"), 5.0, answer_bytes=1000), bench.trust)
    with pytest.raises(TooLargeError):
        small.fetch(wanted(bench.world.battery), bench.hint())


def test_a_dead_node_is_named_and_its_url_is_not(bench: Bench) -> None:
    url = dead()
    source = RpcSource(JsonRpc(Web(2.0).server(url, "far away"), 5.0), bench.trust)
    with pytest.raises(UnreachableError, match="far away") as caught:
        source.fetch(wanted(bench.world.battery), bench.hint())
    assert url not in str(caught.value)


def test_a_silent_node_is_left_in_time(bench: Bench, stalling: str) -> None:
    source = RpcSource(JsonRpc(Web(0.2).server(stalling, "node"), 5.0), bench.trust)
    with pytest.raises(SourceTimeoutError):
        source.fetch(wanted(bench.world.battery), bench.hint())


def test_a_node_that_is_slow_with_every_answer_is_left_in_time(bench: Bench, serve: Serve) -> None:
    slow = RpcSource(JsonRpc(Web(2.0).server(serve(bench.node), "node"), 0.0), bench.trust)
    with pytest.raises(SourceTimeoutError):
        slow.fetch(wanted(bench.world.battery), bench.hint())


def test_without_a_subject_or_a_checkpoint_nothing_is_built(bench: Bench) -> None:
    battery = bench.world.battery
    with pytest.raises(MissingError, match="subject"):
        bench.source.fetch(Wanted("it", battery.reference.asset_type, None, "x"), bench.hint())
    with pytest.raises(MissingError, match="checkpoint"):
        bench.source.fetch(wanted(battery), Hint(bench.world.chain.time))
    good = announced(bench.world.chain)
    with pytest.raises(MissingError, match="witness"):
        bench.source.fetch(wanted(battery), Hint(0, None, Announced(good.note, good.size)))


def test_a_node_behind_the_witnesses_has_no_such_block(bench: Bench) -> None:
    bench.node.height = 0
    with pytest.raises(MissingError):
        bench.fetch()


# ---- seals --------------------------------------------------------------------------------------------------------


def sealed_world(chain: SealedSimulator | None = None) -> World:
    return make_world(SealedSimulator() if chain is None else chain)


def test_sealed_blocks_are_verified(serve: Serve) -> None:
    bench = Bench(sealed_world(), serve)
    assert told(bench.judge()) == (Outcome.VERIFIED, None)


def test_the_way_is_bisected_where_the_set_changed(serve: Serve) -> None:
    world = sealed_world()
    chain = world.chain
    assert isinstance(chain, SealedSimulator)
    members = list(FOUR)
    for number in range(6):
        chain.grow(2)
        members = [*members[1:], Validator(f"new/{number}")]
        chain.mine(successors=members)
    bench = Bench(world, serve)
    data = bench.fetch()
    finality = parse_evidence(data).finality
    assert isinstance(finality, SealFinality)
    assert 0 < len(finality.steps) < len(chain.blocks) - 2
    assert told(bench.judge(data)) == (Outcome.VERIFIED, None)
    chain.grow(1)
    again = parse_evidence(bench.fetch()).finality
    assert isinstance(again, SealFinality)
    assert again.steps == ()  # from what was accepted
    assert told(bench.judge()) == (Outcome.VERIFIED, None)


def test_the_same_block_again_is_verified(serve: Serve) -> None:
    bench = Bench(sealed_world(), serve)
    bench.judge()
    assert told(bench.judge()) == (Outcome.VERIFIED, None)


def test_votes_need_every_block(serve: Serve) -> None:
    world = make_world(SealedSimulator(lists=True))
    assert isinstance(world.chain, SealedSimulator)
    world.chain.grow(5)
    trust = world.chain.trust(finality=world.chain.rule(0, Source.VOTES))
    bench = Bench(world, serve, trust)
    finality = parse_evidence(bench.fetch()).finality
    assert isinstance(finality, SealFinality)
    assert len(finality.steps) == len(world.chain.blocks) - 2
    assert told(bench.judge()) == (Outcome.VERIFIED, None)


def test_pinned_validators_need_the_rotations(serve: Serve) -> None:
    world = sealed_world()
    chain = world.chain
    assert isinstance(chain, SealedSimulator)
    chain.grow(2)
    others = validators(4, "other")
    chain.mine(successors=others)
    chain.grow(3)
    made = rotation(first_statement(chain), 4, others, FOUR[:3])
    trust = chain.trust(finality=chain.rule(0, Source.PINNED))
    with_ = Bench(world, serve, trust, rotations=(encode_rotation(made),))
    assert told(with_.judge()) == (Outcome.VERIFIED, None)
    assert told(Bench(world, serve, trust).judge()) == (Outcome.REFUTED, "SignatureError")


def test_a_node_that_withholds_seals_proves_nothing(serve: Serve) -> None:
    world = sealed_world()
    chain = world.chain
    assert isinstance(chain, SealedSimulator)
    chain.mine(signers=FOUR[:2])
    bench = Bench(world, serve)
    world.chain.blocks.pop()  # the one with too few seals is the last
    verdict = bench.judge()
    assert told(verdict) == (Outcome.UNDETERMINED, "QuorumError")


def test_a_stranger_among_the_seals_of_the_next_block_is_refuted(serve: Serve) -> None:
    world = sealed_world()
    chain = world.chain
    assert isinstance(chain, SealedSimulator)
    bench = Bench(world, serve)
    bench.judge()
    chain.mine(signers=[*FOUR[:3], Validator("stranger")])
    assert bench.judge().outcome is Outcome.VERIFIED  # left out: it counts for nothing
    chain.mine(signers=[*FOUR[:2], Validator("stranger")])
    assert bench.judge().outcome is not Outcome.VERIFIED


def test_a_node_that_went_back_takes_nothing_back(serve: Serve) -> None:
    world = sealed_world()
    bench = Bench(world, serve)
    assert isinstance(world.chain, SealedSimulator)
    world.chain.grow(3)
    bench.judge()
    bench.node.height = len(world.chain.blocks) - 3
    assert told(bench.judge()) == (Outcome.UNDETERMINED, "RollbackError")


def test_a_false_list_of_validators_is_refuted(serve: Serve) -> None:
    bench = Bench(sealed_world(), serve)

    def change(method: str, params: list[Any], result: Any) -> Any:
        if method == "eth_getStorageAt":
            return hex(3)
        return result

    bench.node.change = change
    assert bench.judge().outcome in (Outcome.REFUTED, Outcome.MALFORMED)
    bench.node.change = on("eth_getStorageAt", lambda _: hex(10**9))
    with pytest.raises(MalformedError):
        bench.fetch()


def test_of_a_pinned_block_strangers_seals_are_left_out(serve: Serve) -> None:
    world = sealed_world()
    chain = world.chain
    assert isinstance(chain, SealedSimulator)
    trust = chain.trust(finality=chain.rule(0, Source.PINNED))
    bench = Bench(world, serve, trust)
    chain.mine(signers=[*FOUR[:3], Validator("newcomer")])
    assert told(bench.judge()) == (Outcome.VERIFIED, None)
    chain.mine(signers=[*FOUR[:2], Validator("newcomer")])
    assert told(bench.judge()) == (Outcome.REFUTED, "SignatureError")


def test_a_pinned_set_of_a_later_statement_is_served_by_the_same_rotations(serve: Serve) -> None:
    world = sealed_world()
    chain = world.chain
    assert isinstance(chain, SealedSimulator)
    start, others = len(chain.blocks), validators(4, "other")
    chain.mine(successors=others)
    chain.grow(2)
    made = rotation(first_statement(chain), start + 1, others, FOUR[:3])
    at = len(chain.blocks) - 1
    trust = chain.trust_since(at, Source.PINNED)
    trust = chain.trust(trusted_block=trust.trusted_block, finality=pinned_rule(made.statement, at))
    for rotations in ((encode_rotation(made),), ()):
        assert told(Bench(world, serve, trust, rotations=rotations).judge()) == (Outcome.VERIFIED, None)


def voted_bench(serve: Serve, blocks: int, epoch_length: int = 4) -> Bench:
    world = make_world(SealedSimulator(lists=True))
    assert isinstance(world.chain, SealedSimulator)
    world.chain.grow(blocks)
    rule = replace(world.chain.rule(0, Source.VOTES), epoch_length=epoch_length)
    return Bench(world, serve, world.chain.trust(finality=rule))


def test_votes_are_counted_in_walks_that_a_node_can_be_asked_for(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within an epoch that no walk spans, each file goes on where the one before ended."""
    monkeypatch.setattr("light_node.sources.sealing.MAX_WALK", 7)
    bench = voted_bench(serve, 19, epoch_length=30_000)
    reached = []
    for _ in range(4):
        assert told(bench.judge()) == (Outcome.VERIFIED, None)
        assert bench.accepted is not None
        reached.append(bench.accepted.block.number)
    tip = len(bench.world.chain.blocks) - 1
    assert reached == [7, 14, min(21, tip), tip]


def test_more_blocks_than_a_file_holds_are_not_asked_for(serve: Serve) -> None:
    bench = voted_bench(serve, 3)
    assert isinstance(bench.trust.finality, ValidatorRule)
    sealing = Sealing(bench.trust, bench.trust.finality)
    node = Node(JsonRpc(Web(2.0).server(serve(bench.node), "node"), 10.0), "qbft")
    bench.node.asked.clear()
    with pytest.raises(TooLargeError):
        fetch_sealed(node, MAX_STEPS + 2, sealing, bench.hint())
    assert bench.node.asked == []
