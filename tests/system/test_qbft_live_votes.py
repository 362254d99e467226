"""Validators of a real engine vote each other in and out, and evidence counts their votes.

The engine is GoQuorum, which does not bind votes to the proposer: its validators are honest here. They run where
VINCULUM_QBFT_ENGINE names the engine.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.access import Tier
from ledger.proof.header import parse_header
from ledger.proof.qbft_extra import parse_qbft_extra
from ledger.service.evidence import build_evidence
from ledger.service.settings import TrustSettings
from light_node.node import LightNode
from light_node.state import StateFolder
from light_node.verdict import Outcome, Step
from tests.system.house import assert_refused, assert_verified
from tests.system.qbft_live import Live, living, sealed
from tests.system.qbft_network import EPOCH_LENGTH, find_engine, version_of

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("qbft-live")]
BY_VOTES = TrustSettings(
    finality="validators", validator_source="votes", epoch_length=EPOCH_LENGTH, engine_binds_proposer=True
)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    engine, reason = find_engine()
    if engine is None:
        pytest.skip(reason)
    with living(engine, tmp_path_factory.mktemp("qbft-votes"), 5, BY_VOTES) as running:
        running.say(version_of(engine))
        yield running


def heights(data: bytes) -> list[int]:
    return [parse_header(step.header).number for step in sealed(data).steps]


def test_1_the_trust_file_pins_the_genesis_and_evidence_has_every_block(live: Live) -> None:
    assert live.house.trust.trusted_block.number == 0
    data = live.evidence()
    verdict = live.judged(data)
    assert_verified(verdict)
    assert verdict.as_of is not None
    assert heights(data) == list(range(1, verdict.as_of.number))
    live.say(f"evidence of block {verdict.as_of.number} with every block before it, {len(data)} bytes: verified")


@pytest.mark.parametrize("add", [True, False])
def test_2_a_fifth_is_voted_in_and_out_again(live: Live, *, add: bool) -> None:
    """Three of four vote him in, three of five vote him out; the first trust file goes on serving."""
    fifth, before = live.network.nodes[4], live.workspace.client.block_number()
    live.network.propose(fifth, add=add, voters=live.network.nodes[:3])
    deadline = time.monotonic() + 60
    while listed(live, fifth.address) is not add:
        assert time.monotonic() < deadline, "nobody is voted for"
        time.sleep(0.5)
    live.network.wait_for(live.workspace.client.block_number() + 3)
    data = live.evidence()
    assert_verified(live.judged(data))
    live.say(f"voted {'in' if add else 'out'} since block {before}: evidence verified by the first trust file")


def listed(live: Live, address: bytes) -> bool:
    """Whether the newest header names him."""
    header = parse_header(live.workspace.client.header().rlp)
    return address in parse_qbft_extra(header.extra_data).validators


def test_3_a_node_that_remembers_goes_on_from_there(live: Live, tmp_path: Path) -> None:
    """A file from the block that it remembers on; the whole one is a multiple of that."""
    state = StateFolder(tmp_path / "light")
    state.make()
    state.pin(live.house.trust)
    with state.alone():
        assert_verified(LightNode(state).judge(live.files[0], now=int(time.time())).verdict)
        memory = LightNode(state).memory
        assert memory is not None
        since = memory.block.number
        data = build_evidence(live.workspace, live.life.asset, Tier.PRIVATE, since=since)
        assert heights(data)[0] == since + 1
        assert_refused(live.judged(data), Outcome.REFUTED, Step.FINALITY, "ConsistencyError")
        assert_verified(LightNode(state).judge(data, now=int(time.time())).verdict)
    live.say(f"from block {since} on: {len(heights(data))} steps, {len(data)} bytes")
