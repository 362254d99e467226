"""Everything that a public reader could get hold of: the chain in every form, and every block of the store."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from ipfs.cid import RAW, Cid
from ipfs.dag_pb import parse_node
from ipfs.store import DocumentStore
from ledger.chain.rpc import Rpc
from ledger.credential.base64url import parse_base64url
from ledger.errors import MalformedError
from ledger.service.witness import FOLDER, LATEST
from ledger.service.workspace import Workspace

_HEX = re.compile(rb"(?:0x)?((?:[0-9a-fA-F]{2}){16,})")
_TOKEN = re.compile(rb"[A-Za-z0-9_-]{16,}")
MAX_LAYERS = 3


@dataclass(frozen=True)
class Item:
    """A piece of what is public, and what it is."""

    name: str
    data: bytes


def everything_public(workspace: Workspace) -> list[Item]:
    items = [*chain_items(workspace.client.rpc), *store_items(workspace.documents), *file_items(workspace)]
    return [layer for item in items for layer in layers(item)]


def chain_items(rpc: Rpc) -> Iterator[Item]:
    height = int(rpc.read("eth_blockNumber"), 16)
    for number in range(height + 1):
        block = rpc.read("eth_getBlockByNumber", hex(number), True)
        yield Item(f"header {number}", json.dumps({**block, "transactions": []}).encode())
        for transaction in block["transactions"]:
            yield Item(f"calldata in block {number}", octets(transaction["input"]))
            yield Item(f"transaction in block {number}", json.dumps(transaction).encode())
    for log in rpc.read("eth_getLogs", {"fromBlock": "0x0", "toBlock": hex(height)}):
        yield Item(f"log in block {log['blockNumber']}", b"".join(map(octets, [*log["topics"], log["data"]])))
    state = json.loads(gzip.decompress(octets(rpc.read("anvil_dumpState"))))
    for address, account in state["accounts"].items():
        yield Item(f"code of {address}", octets(account["code"]))
        for slot, value in account["storage"].items():
            yield Item(f"storage of {address}", octets(slot) + octets(value))


def store_items(store: DocumentStore) -> Iterator[Item]:
    seen: set[Cid] = set()
    waiting = list(store.roots())
    while waiting:
        cid = waiting.pop()
        if cid in seen:
            continue
        seen.add(cid)
        data = store.get(cid)
        yield Item(f"block {cid}", data)
        if cid.codec != RAW:
            waiting += [link.cid for link in parse_node(data).links]


def file_items(workspace: Workspace) -> Iterator[Item]:
    """What is handed out beside chain and store, and the files of the store as they lie on the disk."""
    checkpoint = workspace.home / FOLDER / LATEST
    if checkpoint.exists():
        yield Item("checkpoint", checkpoint.read_bytes())
    yield Item("contracts.json", (workspace.home / "contracts.json").read_bytes())
    for path in sorted((workspace.home / "documents").rglob("*")):
        if path.is_file():
            yield Item(f"file {path.name} of the store", path.read_bytes())


def layers(item: Item, depth: int = 0) -> Iterator[Item]:
    """The item, and what is written in it as hex or base64url: JWTs, hashes in JSON, and so on."""
    yield item
    if depth == MAX_LAYERS or b"\0" in item.data[:64]:
        return
    for match in _TOKEN.finditer(item.data):
        text = match.group()
        try:
            yield from layers(Item(f"{item.name}, decoded", parse_base64url(text.decode(), "token")), depth + 1)
        except MalformedError:
            continue
    for match in _HEX.finditer(item.data):
        yield Item(f"{item.name}, hex", bytes.fromhex(match.group(1).decode()))


def octets(text: str) -> bytes:
    digits = text.removeprefix("0x")
    return bytes.fromhex(digits if len(digits) % 2 == 0 else f"0{digits}")
