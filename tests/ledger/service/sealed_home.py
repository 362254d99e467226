"""A home over a simulated sealed chain: what it writes, and what a reader says of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ledger.chain.client import ChainClient
from ledger.chain.contracts import Deployment
from ledger.event import AssetType
from ledger.proof.evidence import SealFinality
from ledger.proof.header import parse_header
from ledger.service.contracts import Contracts, origin_of
from ledger.service.finality import FinalBlock, final_block
from ledger.service.settings import ChainSettings, Settings, TrustSettings
from ledger.service.trust import make_trust
from ledger.service.workspace import Workspace
from light_node.heads import Accepted
from light_node.trust import Trust, encode_trust, parse_trust
from light_node.verdict import Outcome, Verdict
from tests.light_node.judging import assert_verified, judged
from tests.simulator.chain import CHAIN_ID, CONSORTIUM, LOG_ADDRESSES
from tests.simulator.sealed_node import SealedNode
from tests.simulator.world import MAKER, PART, World


class Home:
    """A home over a simulated node, and an asset to which nothing happened."""

    def __init__(self, folder: Path, node: SealedNode) -> None:
        folder.mkdir()
        self.folder, self.node, self.chain = folder, node, node.chain
        self.asset = self.chain.asset(AssetType.PART, PART, MAKER)
        self.since = 0
        self.chosen: dict[str, object] = {}

    def open(self) -> Workspace:
        settings = Settings(
            home=self.folder,
            chain=ChainSettings(url="http://127.0.0.1:1", chain_id=CHAIN_ID, block_hash_rule="qbft"),
            trust=TrustSettings.model_validate(
                {"finality": "validators", "validators_from_block": self.since} | self.chosen
            ),
        )
        workspace = Workspace(settings)
        logs = {kind: (address,) for kind, address in LOG_ADDRESSES.items()}
        deployment = Deployment(CHAIN_ID, CONSORTIUM, logs)
        workspace.__dict__["client"] = ChainClient(self.node)  # type: ignore[arg-type]
        workspace.use(Contracts(deployment, origin_of(deployment)))
        return workspace

    def final(self, at_least: int = 0, since: int | None = None) -> FinalBlock:
        with self.open() as workspace:
            return final_block(workspace, at_least, since)

    def heights(self, final: FinalBlock) -> list[int]:
        assert isinstance(final.finality, SealFinality)
        return [parse_header(step.header).number for step in final.finality.steps]

    def trust(self) -> Trust:
        """As it is read from the file that is written."""
        with self.open() as workspace:
            return parse_trust(encode_trust(make_trust(workspace)))

    def judge(self, final: FinalBlock, trust: Trust | None = None) -> Outcome:
        return self.verdict(final, trust).outcome

    def verdict(self, final: FinalBlock, trust: Trust | None = None, accepted: Accepted | None = None) -> Verdict:
        world = World(self.chain, *[self.asset] * 3)
        evidence = self.chain.evidence(self.asset, block=self.chain.blocks[final.number])
        evidence = replace(evidence, header=final.header, finality=final.finality)
        verdict = judged(world, evidence, trust=trust, identity_required=False, accepted=accepted)  # type: ignore[arg-type]
        if verdict.outcome is Outcome.VERIFIED:
            assert_verified(verdict)
        return verdict
