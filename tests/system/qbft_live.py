"""A chain of real QBFT validators with a consortium on it, and what readers say of its evidence."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ledger.access import Tier
from ledger.demo.story import Story, load_story
from ledger.proof.evidence import Evidence, SealFinality, encode_evidence, parse_evidence
from ledger.service.council import change_validator, validators
from ledger.service.enrolment import enrol_all
from ledger.service.network import bring_up, initialise
from ledger.service.settings import Settings, TrustSettings
from ledger.service.trust import make_trust
from ledger.service.workspace import COUNCIL, Workspace
from light_node.judgement import judge
from light_node.trust import Trust, encode_trust, parse_trust
from light_node.verdict import Verdict
from tests.system.house import EXAMPLES, READING, House, Life, settings_for
from tests.system.qbft_network import CHAIN_ID, QbftNetwork, QbftNode, contract_address, make_nodes, running_network

SINCE = 20
"""First block whose validators the engine asks the contract for."""
BY_CONTRACT = TrustSettings(finality="validators", validators_from_block=SINCE)
STANDSTILL_S = 20.0
LATER = 4
"""So many blocks after a change are waited for, and each is proven."""


@dataclass
class Live:
    """A chain of several validators, a home that talks to the first, and what was proven so far."""

    network: QbftNetwork
    house: House
    life: Life
    files: list[bytes] = field(default_factory=list)

    @property
    def workspace(self) -> Workspace:
        return self.house.workspace

    def say(self, text: str) -> None:
        """For whoever runs this with ``-s``."""
        sys.stderr.write(f"  {text}\n")

    def evidence(self) -> bytes:
        """Fresh evidence with one more event."""
        km = 100 * (len(self.life.events) + 1)
        self.house.tell(self.life, self.house.party("workshop"), READING, {"odometer_km": km})
        self.files.append(self.house.evidence(self.life.asset, Tier.PRIVATE))
        return self.files[-1]

    def judged(self, data: bytes | Evidence, trust: Trust | None = None) -> Verdict:
        """What a reader says who has this trust file, or the first one, and nothing else."""
        file = data if isinstance(data, bytes) else encode_evidence(data)
        return judge(file, trust or self.house.trust, now=int(time.time()))

    def change(self, node: QbftNode, *, remove: bool = False) -> int:
        """Let the council change the validators; returns the height after which the engine goes on with them."""
        assert change_validator(self.workspace, node.address, remove=remove).executed
        assert (node.address in validators(self.workspace)) is not remove
        goal = self.workspace.client.block_number() + LATER
        try:
            return self.network.wait_for(goal, limit_s=STANDSTILL_S)
        except AssertionError:
            self.say(f"nodes differ over the set and stand still, {self.network.heights()}: they are asked again")
            self.network.ask_again()
            return self.network.wait_for(goal)


def sealed(data: bytes) -> SealFinality:
    finality = parse_evidence(data).finality
    assert isinstance(finality, SealFinality)
    return finality


def settings_of(folder: Path, nodes: list[QbftNode], trust: TrustSettings) -> Settings:
    usual = settings_for(folder)
    chain = usual.chain.model_copy(
        update={"url": nodes[0].url, "chain_id": CHAIN_ID, "block_hash_rule": "qbft", "block_time_seconds": 1.0}
    )
    council = usual.council.model_copy(update={"validators": tuple(f"0x{one.address.hex()}" for one in nodes[:4])})
    return usual.model_copy(update={"chain": chain, "council": council, "trust": trust})


def settle(workspace: Workspace, story: Story, network: QbftNetwork) -> Trust:
    """Deploy, enrol, and pin the validators once the engine asks the contract for them."""
    assert bring_up(workspace)
    enrol_all(workspace, story.organisations)
    if workspace.settings.trust == BY_CONTRACT:
        assert workspace.client.block_number() < SINCE, "too slow: the engine changed over before the contract stood"
        network.wait_for(SINCE + 2)
    return parse_trust(encode_trust(make_trust(workspace)))


@contextmanager
def living(engine: Path, folder: Path, count: int = 6, trust: TrustSettings = BY_CONTRACT) -> Iterator[Live]:
    """A new chain, of which the first four nodes seal, and on it a home with a car; stopped at the end.

    Args:
        engine: The program.
        folder: For nodes and home.
        count: Nodes.
        trust: By a contract: the engine asks it from block ``SINCE`` on. Else it goes by votes from its genesis on.
    """
    nodes, story = make_nodes(folder, count), load_story(EXAMPLES)
    with Workspace(settings_of(folder, nodes, trust)) as workspace:
        initialise(workspace, "")
        contract = contract_address(workspace.keyring.address(f"{COUNCIL}-1"))
        asked = contract if trust == BY_CONTRACT else None
        with running_network(engine, nodes, 4, asked, SINCE) as network:
            pinned = settle(workspace, story, network)
            assert workspace.contracts.consortium == contract
            house = House(workspace, story, pinned)
            yield Live(network, house, house.register(house.party("car-maker")))
