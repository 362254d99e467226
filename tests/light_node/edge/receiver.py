"""An honest gateway over the simulator's chain, a device's folder, and a queue with batches about a battery of its."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ledger.proof.merkle import leaf_hash
from ledger.proof.merkle_tree import MemoryTree, consistency_path
from ledger.proof.tlog_text import ConsistencyProof, encode_consistency_proof
from light_node.edge.attester import EdgeAsset
from light_node.edge.batch import verify_readings
from light_node.edge.device_memory import open_folder
from light_node.edge.gateway_client import HttpGateway
from light_node.edge.outgoing import Outgoing
from light_node.edge.queue import Queue
from light_node.edge.receipt import KIND, batch_fields
from light_node.edge.statement import VerifiedStatement, parse_statement, verify_statement
from light_node.edge.submission import Device, Submitter
from tests.light_node.edge.making import KEY, LOG, NOW_US, OTHER_KEY, SECOND, attester, reading
from tests.simulator.chain import Asset
from tests.simulator.world import MAKER, World

Reply = tuple[int, bytes, dict[str, str]] | None
WAIT: Reply = (202, b"", {})


class Receiver:
    """An honest gateway over the simulator's chain; ``before`` may answer in its place."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.before: Callable[[str, VerifiedStatement | None], Reply | str] = lambda *_: "go on"
        self.taken: dict[str, VerifiedStatement] = {}
        self.attested: set[str] = set()
        self.consistency: Callable[[int, int], Reply] = self.path
        self.bodies = 0

    def answer(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Reply:
        trees = re.fullmatch(r"/consistency\?old=(\d+)&new=(\d+)", path)
        if trees is not None:
            return self.consistency(int(trees[1]), int(trees[2]))
        digest = path.split("/batches/")[1].split("?", maxsplit=1)[0]
        statement = None
        if method == "PUT":
            assert headers["Idempotency-Key"] == f'"{digest}"'
            self.bodies += 1
            text, readings = body.split(b"\n", 1)
            raw = parse_statement(text.decode())
            key = next(key for key in (KEY, OTHER_KEY) if key.public.key_id == raw.key_id)
            statement = verify_statement(raw, key.public)
            assert statement.digest.hex() == digest
            verify_readings(statement, readings)
        early = self.before(method, statement)
        if not isinstance(early, str):
            return early
        if statement is not None:
            self.taken[digest] = statement
        return self.receipt(digest) if digest in self.taken else (404, b"", {})

    def attest(self, digest: str) -> None:
        """Put a batch on chain, once."""
        if digest not in self.attested:
            self.attested.add(digest)
            self.world.chain.record(self.asset(digest), MAKER, KIND, **batch_fields(self.taken[digest]))

    def asset(self, digest: str) -> Asset:
        subject = self.taken[digest].statement.subject
        return next(one for one in (self.world.battery, self.world.vehicle) if one.subject == subject)

    def receipt(self, digest: str) -> Reply:
        self.attest(digest)
        return 200, self.world.chain.file(self.asset(digest)), {}

    def path(self, old: int, new: int) -> Reply:
        """How the tree goes on, of the chain as it is."""
        tree = MemoryTree([leaf_hash(block.hash) for block in self.world.chain.blocks])
        proof = ConsistencyProof(old, new, tuple(consistency_path(tree, old, new)))
        return 200, encode_consistency_proof(proof), {}


def fill(path: Path, world: World, numbers: range) -> None:
    """Batches of four about the world's battery."""
    with Queue(path) as queue:
        device, asset = attester(queue), EdgeAsset(world.battery.subject, LOG)
        device.take(asset, [reading(n, taken_at_us=NOW_US - 7200 * SECOND + n) for n in numbers])


def submitter(outgoing: Outgoing, url: str, world: World, organisation: int = MAKER) -> Submitter:
    """A new process of the device, with the folder that lies beside its queue."""
    device = Device(organisation, open_folder(outgoing._path.parent / "light", world.chain.trust()))
    return Submitter(outgoing, HttpGateway(url, timeout_s=5), device, clock=lambda: world.chain.time + 600)
