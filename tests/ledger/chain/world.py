"""A small consortium on a real node, for tests: one log, organisations with all roles, and their accounts."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass

from ledger.chain import calls
from ledger.chain.client import ChainClient
from ledger.chain.contracts import Deployment
from ledger.chain.events import attestations_of
from ledger.chain.outbox_store import NewItem
from ledger.chain.signer import KeySigner
from ledger.event import AssetType
from ledger.kinds import kind_by_number
from ledger.proof.fold import EMPTY_HEAD, leaf, next_head

CHAIN_ID = 4711
COMMISSIONED, STATE_OF_HEALTH, SERVICED, WASTE, RECYCLED = 256, 1296, 2322, 7432, 7433


def next_status(status: int, kind: int) -> int:
    to_status = kind_by_number(kind).to_status
    return status if to_status is None else to_status


@dataclass(frozen=True)
class World:
    """Where everything is; plain values, so that a child process can be given them."""

    url: str
    log: bytes
    consortium: bytes
    keys: tuple[bytes, ...]

    def client(self) -> ChainClient:
        return ChainClient.at(self.url)

    def signer(self, number: int = 0) -> KeySigner:
        return KeySigner(self.keys[number])

    @property
    def deployment(self) -> Deployment:
        return Deployment(CHAIN_ID, self.consortium, {AssetType.BATTERY: (self.log,)})

    def subject(self, name: str, organisation: int = 1) -> bytes:
        return organisation.to_bytes(4, "big") + digest(f"subject {name}")[:28]

    def item(self, name: str, kind: int, number: int, expected_head: bytes | None = None) -> NewItem:
        return NewItem(self.log, self.subject(name), kind, digest(f"{name} {kind} {number}"), expected_head)

    def recorded(self, first_block: int = 0) -> Counter[bytes]:
        """Count what stands in the chain, by digest, straight from the logs."""
        client = self.client()
        logs = client.logs([self.log], first_block, client.block_number())
        found = Counter(entry[1] for log in logs for entry in attestations_of(log))
        client.close()
        return found

    def folded_head(self, subject: bytes) -> bytes:
        client, head, status = self.client(), EMPTY_HEAD, 0
        for log in client.logs([self.log], 0, client.block_number()):
            for found, digest_, meta in attestations_of(log):
                if found == subject:
                    status = next_status(status, int.from_bytes(meta[20:22], "big"))
                    head = next_head(head, leaf(digest_, meta), status)
        client.close()
        return head

    def text(self) -> str:
        return json.dumps([self.url, self.log.hex(), self.consortium.hex(), [key.hex() for key in self.keys]])

    @classmethod
    def from_text(cls, text: str) -> World:
        url, log, consortium, keys = json.loads(text)
        return cls(url, bytes.fromhex(log), bytes.fromhex(consortium), tuple(map(bytes.fromhex, keys)))


def digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def mine(client: ChainClient, blocks: int = 1) -> None:
    for _ in range(blocks):
        client.rpc.read("evm_mine")


def fill(world: World, lives: int = 10, blocks: int = 6) -> None:
    """Attest some lives directly, a transaction each, over several blocks; empty blocks between."""
    client, signer = world.client(), world.signer()
    nonce = client.nonce(signer.address)
    for block in range(blocks):
        raws = []
        for life in range(lives):
            kind = COMMISSIONED if block == 0 else STATE_OF_HEALTH
            item = world.item(f"filled {life}", kind, block)
            data = calls.attest(item.subject, item.kind, item.digest)
            if block == 3 and life == 0:
                data = calls.attest_pairs(SERVICED, [(world.subject(f"filled {n}"), item.digest) for n in range(lives)])
            if block == 4 and life == 0:
                data = calls.attest_series(item.subject, SERVICED, [digest(f"series {n}") for n in range(5)])
            fields = {"nonce": nonce, "gasPrice": 0, "gas": 900_000, "to": world.log, "value": 0, "data": data}
            raws.append(signer.sign(fields | {"chainId": CHAIN_ID})[0])
            nonce += 1
        assert client.send(raws) == [None] * lives
        mine(client, 1 + block % 3 * 8)
    client.close()
