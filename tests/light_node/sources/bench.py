"""One node of a chain and a reader of it: what the tests of evidence from nodes share."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from light_node.heads import Accepted
from light_node.judgement import judge
from light_node.progress import Progress
from light_node.sources.announcing import HashPath
from light_node.sources.port import Announced, Hint, Wanted
from light_node.sources.rpc import JsonRpc
from light_node.sources.rpc_source import RpcSource
from light_node.sources.web import Web
from light_node.trust import Trust, TrustedBlock
from light_node.verdict import Outcome, Verdict
from tests.light_node.sources.servers import RpcNode, Serve
from tests.simulator.chain import Asset, Simulator
from tests.simulator.sealed import SealedSimulator
from tests.simulator.world import World

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


def told(verdict: Verdict) -> tuple[Outcome, str | None]:
    return verdict.outcome, verdict.error


def on(method: str, change: Callable[[Any], Any]) -> Change:
    return lambda asked, params, result: change(copy.deepcopy(result)) if asked == method else result


def with_(name: str, value: Any) -> Callable[[Any], Any]:
    return lambda result: {**result, name: value}
