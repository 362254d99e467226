"""Evidence of blocks that validators sealed, built from untrusted nodes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ledger.errors import MalformedError, TooLargeError
from ledger.proof.evidence import SealFinality, parse_evidence
from ledger.proof.evidence_types import MAX_STEPS
from light_node.qbft.rotation import encode_rotation
from light_node.sources.node import Node
from light_node.sources.rpc import JsonRpc
from light_node.sources.sealing import Sealing, fetch_sealed
from light_node.sources.web import Web
from light_node.trust_rules import Source, ValidatorRule, pinned_rule
from light_node.verdict import Outcome
from tests.light_node.sources.bench import Bench, on, told
from tests.light_node.sources.servers import Serve
from tests.simulator.qbft import Validator, validators
from tests.simulator.sealed import SealedSimulator, first_statement, rotation
from tests.simulator.world import World, make_world

FOUR = validators(4)


# ---- seals -------------------------------------------------------------------------------------------------------


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
