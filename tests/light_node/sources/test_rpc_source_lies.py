"""Evidence built from untrusted nodes: what comes of each lie."""

from __future__ import annotations

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
from light_node.judgement import judge
from light_node.sources.port import Announced, Hint, Wanted
from light_node.sources.rpc import JsonRpc
from light_node.sources.rpc_source import RpcSource
from light_node.sources.web import Web
from light_node.verdict import Outcome, Step
from tests.light_node.sources.bench import Bench, Change, announced, on, wanted, with_
from tests.light_node.sources.servers import Serve, dead
from tests.simulator.chain import Simulator
from tests.simulator.world import make_world


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
