"""Real servers on loopback over a simulated chain: nodes that speak JSON-RPC, witnesses, evidence, and worse."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import rlp

from ledger.proof.keccak import keccak256
from ledger.proof.merkle import leaf_hash
from ledger.proof.merkle_tree import MemoryTree, consistency_path, inclusion_path, root_of
from ledger.proof.tlog_text import (
    ConsistencyProof,
    InclusionProof,
    encode_consistency_proof,
    encode_inclusion_proof,
)
from tests.simulator.chain import ORIGIN, Asset, Block, Simulator, account_proof
from tests.simulator.sealed import SealedSimulator, with_extra
from tests.simulator.witnesses import WITNESSES, Witness, checkpoint_body, cosigned

ATTESTED = keccak256(b"Attested(bytes32,bytes32,uint256)")
ATTESTED_MANY = keccak256(b"AttestedMany(uint256,uint256,bytes32[2][])")
FIELDS = (
    *("parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom", "difficulty"),
    *("number", "gasLimit", "gasUsed", "timestamp", "extraData", "mixHash", "nonce", "baseFeePerGas"),
)
NUMBERS = {"difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas"}
Answer = tuple[int, bytes]
Respond = Callable[[str, str, bytes], Answer]
Serve = Callable[[Respond], str]


@contextmanager
def served(respond: Respond) -> Iterator[str]:
    """The URL of a server; ``respond`` gets method, target and body."""

    class Handler(BaseHTTPRequestHandler):
        def _respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, answer = respond(self.command, self.path, body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = _respond  # noqa: N815 - as http.server wants them

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            pass  # whoever asked is gone

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def silent() -> Iterator[str]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def dead() -> str:
    """A URL where nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"http://127.0.0.1:{listening.getsockname()[1]}"


def hexadecimal(data: bytes) -> str:
    return f"0x{data.hex()}"


@dataclass
class RpcNode:
    """A node of a simulated chain; ``change`` may turn any of its answers into another."""

    chain: Simulator
    assets: list[Asset] = field(default_factory=list)
    height: int | None = None
    change: Callable[[str, list[Any], Any], Any] = lambda method, params, result: result
    asked: list[str] = field(default_factory=list)
    span: int = 10_000
    many: bool = False

    def __call__(self, method: str, target: str, body: bytes) -> Answer:
        question = json.loads(body)
        self.asked.append(question["method"])
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": question["id"]}
        try:
            methods: dict[str, Callable[..., Any]] = {
                "eth_blockNumber": self._height,
                "eth_getBlockByNumber": self._block,
                "eth_getStorageAt": self._slot,
                "eth_getProof": self._proof,
                "eth_getLogs": self._logs,
            }
            result = methods[question["method"]](*question["params"])
            answer["result"] = self.change(question["method"], question["params"], result)
        except LookupError as error:
            answer["error"] = {"code": -32000, "message": str(error)}
        return 200, json.dumps(answer).encode()

    def _at(self, number: str) -> Block | None:
        at = int(number, 16)
        return self.chain.blocks[at] if at <= int(self._height(), 16) else None

    def _height(self) -> str:
        return hex(len(self.chain.blocks) - 1 if self.height is None else self.height)

    def _block(self, number: str, _full: bool) -> dict[str, Any] | None:
        block = self._at(number)
        if block is None:
            return None
        header = block.header
        if isinstance(self.chain, SealedSimulator) and block.number:
            sealing = self.chain.sealings[block.number]
            header = with_extra(header, sealing.round, self.chain.seals(block.number))
        fields = dict(zip(FIELDS, rlp.decode(header), strict=True))
        shown = {name: _quantity(one) if name in NUMBERS else hexadecimal(one) for name, one in fields.items()}
        return {**shown, "hash": hexadecimal(block.hash), "transactions": [], "size": "0x2a"}

    def _slot(self, address: str, slot: str, number: str) -> str:
        block = self._at(number)
        assert block is not None
        value = block.slots[bytes.fromhex(address[2:])].get(bytes.fromhex(slot[2:]), 0)
        return f"0x{value:064x}"

    def _proof(self, address: str, slots: list[str], number: str) -> dict[str, Any]:
        block = self._at(number)
        if block is None:
            raise LookupError("no such state")
        contract, wanted = bytes.fromhex(address[2:]), [bytes.fromhex(slot[2:]) for slot in slots]
        made = {one.slot: one.nodes for one in account_proof(block, contract, wanted).storage}
        storage = [
            {
                "key": hexadecimal(slot),
                "value": hex(block.slots[contract].get(slot, 0)),
                "proof": [hexadecimal(node) for node in made[slot]],
            }
            for slot in wanted
        ]
        return {"accountProof": [hexadecimal(node) for node in block.state.proof(contract)], "storageProof": storage}

    def _logs(self, question: dict[str, Any]) -> list[dict[str, Any]]:
        first, last = int(question["fromBlock"], 16), int(question["toBlock"], 16)
        if last - first >= self.span:
            raise LookupError("too many blocks")
        event, *named = [question["topics"][0], *question["topics"][1:]]
        if (event == hexadecimal(ATTESTED_MANY)) != self.many:
            return []
        return [
            entry
            for entry in self._events()
            if first <= int(entry["blockNumber"], 16) <= last
            and entry["address"] in question["address"]
            and (not named or entry["topics"][1] in named[0])
        ]

    def _events(self) -> Iterator[dict[str, Any]]:
        index = 0
        for asset in self.assets:
            for one in asset.history:
                block = next((block for block in self.chain.blocks if block.time >= one.meta.time), None)
                if block is None:
                    return
                index += 1
                yield {
                    "address": hexadecimal(one.log),
                    "blockNumber": hex(block.number),
                    "blockHash": hexadecimal(block.hash),
                    "logIndex": hex(index),
                    "removed": False,
                    **self._event(asset, one.digest, one.meta.word, one.meta.organisation),
                }

    def _event(self, asset: Asset, digest: bytes, meta: bytes, organisation: int) -> dict[str, Any]:
        if not self.many:
            return {
                "topics": [hexadecimal(ATTESTED), hexadecimal(asset.subject)],
                "data": hexadecimal(digest + meta),
            }
        word = [value.to_bytes(32, "big") for value in (64, 2, organisation)]
        data = meta + word[0] + word[1] + bytes(32) + bytes(32) + asset.subject + digest
        return {"topics": [hexadecimal(ATTESTED_MANY), hexadecimal(word[2])], "data": hexadecimal(data)}


def _quantity(data: bytes) -> str:
    return hex(int.from_bytes(data, "big"))


@dataclass
class WitnessNode:
    """A witness that collected the signatures of some; ``change`` may turn any of its answers into another."""

    chain: Simulator
    signers: tuple[Witness, ...] = WITNESSES[:2]
    size: int | None = None
    change: Callable[[str, Answer], Answer] = lambda path, answer: answer
    asked: list[str] = field(default_factory=list)
    published: dict[str, bytes] = field(default_factory=dict)

    def __call__(self, method: str, target: str, body: bytes) -> Answer:
        parts = urlsplit(target)
        self.asked.append(parts.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        return self.change(parts.path, self._answer(parts.path, query))

    @property
    def _size(self) -> int:
        return len(self.chain.blocks) if self.size is None else self.size

    def _answer(self, path: str, query: dict[str, str]) -> Answer:
        if path.startswith("/succession/"):
            found = self.published.get(path.removeprefix("/succession/"))
            return (404, b"") if found is None else (200, found)
        tree = MemoryTree([leaf_hash(block.hash) for block in self.chain.blocks])
        if path == "/checkpoint":
            body = checkpoint_body(ORIGIN, self._size, root_of(tree, self._size))
            return 200, cosigned(body, self.chain.time, self.signers).encode()
        if path == "/fresh":
            body = f"{checkpoint_body(ORIGIN, self._size, root_of(tree, self._size))}nonce {query['nonce']}\n"
            return 200, cosigned(body, self.chain.time, self.signers).encode()
        if path == "/inclusion":
            block, size = int(query["block"]), int(query["size"])
            proof = InclusionProof(block, size, tuple(inclusion_path(tree, block, size)))
            return 200, encode_inclusion_proof(proof)
        old, new = int(query["old"]), int(query["new"])
        return 200, encode_consistency_proof(ConsistencyProof(old, new, tuple(consistency_path(tree, old, new))))
