"""Validators of a real QBFT engine, GoQuorum, on loopback: genesis, keys and processes.

No node looks for others, asks a router for a port, or listens on another address than 127.0.0.1.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import coincurve
import rlp  # type: ignore[import-untyped]

from ledger.chain.client import ChainClient
from ledger.chain.process import find_free_port
from ledger.errors import SourceError
from ledger.proof.keccak import keccak256

ENGINE_VARIABLE = "VINCULUM_QBFT_ENGINE"
CHAIN_ID = 84_600
EPOCH_LENGTH = 30_000
PERIOD_S = 1
ROUND_S = 2
MIX_HASH = "0x63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365"
GAS_LIMIT = 800_000_000
LOOPBACK = "127.0.0.1"
_PATIENCE_S = 120.0


def find_engine() -> tuple[Path | None, str]:
    """The engine that the environment names, or None and why there is none."""
    named = os.environ.get(ENGINE_VARIABLE)
    if not named:
        return None, f"no QBFT engine: set {ENGINE_VARIABLE} to a GoQuorum binary (24.4.1)"
    path = Path(named)
    if not (path.is_file() and os.access(path, os.X_OK)):
        return None, f"{ENGINE_VARIABLE} names {path.name}, which is not a program"
    return path, ""


def version_of(engine: Path) -> str:
    """What the engine says of itself, in a line."""
    told = subprocess.run([str(engine), "version"], capture_output=True, text=True, check=True).stdout
    found = dict(line.split(": ", 1) for line in told.splitlines() if ": " in line)
    return f"GoQuorum {found.get('Quorum Version', '?')} (geth {found.get('Version', '?')})"


@dataclass
class QbftNode:
    """One node with its key and its two ports."""

    folder: Path
    key: coincurve.PrivateKey
    http_port: int = field(default_factory=lambda: find_free_port(0))
    p2p_port: int = field(default_factory=lambda: find_free_port(0))
    process: subprocess.Popen[bytes] | None = None

    @property
    def public(self) -> bytes:
        return self.key.public_key.format(compressed=False)[1:]

    @property
    def address(self) -> bytes:
        return address_of(self.key)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.http_port}"

    @property
    def enode(self) -> str:
        return f"enode://{self.public.hex()}@{LOOPBACK}:{self.p2p_port}?discport=0"

    def height(self) -> int:
        client = ChainClient.at(self.url, timeout_s=5.0)
        try:
            return client.block_number()
        finally:
            client.close()

    def log(self) -> str:
        return (self.folder / "node.log").read_text(errors="replace")

    def last_words(self) -> str:
        return self.log()[-2000:]


def make_nodes(folder: Path, count: int) -> list[QbftNode]:
    """Nodes with random keys; the first hex digit of each address is the node's number.

    GoQuorum sorts validators by the bytes of their addresses, but by their text with its mixed case after it has read
    them back from its disk; nodes that differ wait for different proposers. Digits stand in one order both ways.
    """
    return [QbftNode(folder / f"node-{number}", _key_of(number)) for number in range(1, count + 1)]


def _key_of(digit: int) -> coincurve.PrivateKey:
    while True:
        key = coincurve.PrivateKey(secrets.token_bytes(32))
        if address_of(key)[0] >> 4 == digit:
            return key


def address_of(key: coincurve.PrivateKey) -> bytes:
    """The address of a key, 20 bytes."""
    return keccak256(key.public_key.format(compressed=False)[1:])[12:]


@dataclass
class QbftNetwork:
    """Nodes of one chain; those in ``running`` run."""

    engine: Path
    nodes: list[QbftNode]
    genesis: dict[str, object]

    @property
    def running(self) -> list[QbftNode]:
        return [node for node in self.nodes if node.process is not None]

    def prepare(self) -> None:
        """Write keys, genesis, settings and the list of peers of every node."""
        for node in self.nodes:
            (node.folder / "geth").mkdir(parents=True)
            (node.folder / "geth" / "nodekey").write_text(node.key.secret.hex())
            (node.folder / "static-nodes.json").write_text(json.dumps([one.enode for one in self.nodes]))
            (node.folder / "genesis.json").write_text(json.dumps(self.genesis))
            (node.folder / "config.toml").write_text(_config(node))
            self._run(node, "init", str(node.folder / "genesis.json"))

    def start(self, node: QbftNode) -> None:
        """Start a node; whether it answers is for ``wait_for`` to see."""
        with (node.folder / "node.log").open("ab") as log:
            node.process = subprocess.Popen(
                [str(self.engine), *_arguments(node)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_environment(node), start_new_session=True,
            )  # fmt: skip

    def kill(self, node: QbftNode) -> None:
        """Kill a node hard, as a power cut does."""
        assert node.process is not None
        node.process.send_signal(signal.SIGKILL)
        node.process.wait(_PATIENCE_S)
        node.process = None

    def forget(self, node: QbftNode) -> None:
        """Delete the chain of a node that does not run; it gets it from the others when it is started."""
        assert node.process is None
        shutil.rmtree(node.folder / "geth" / "chaindata")
        self._run(node, "init", str(node.folder / "genesis.json"))

    def stop(self) -> None:
        """Stop every node that runs, by its own process alone."""
        for node in self.running:
            assert node.process is not None
            node.process.terminate()
        for node in self.running:
            assert node.process is not None
            try:
                node.process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.kill(node)
            node.process = None

    def ask_again(self) -> None:
        """Have every node begin the next block anew, with the validators that the contract names by now.

        GoQuorum asks the contract who seals block T + 1 only where it has looked at block T once before; which of two
        callers comes first is chance. Nodes that took the former set keep it for that block, and wait for other
        proposers than the rest. Who seals is read again when sealing is stopped and started.
        """
        for method, arguments in (("miner_stop", ()), ("miner_start", (1,))):
            for node in self.running:
                client = ChainClient.at(node.url)
                try:
                    client.rpc.read(method, *arguments)
                finally:
                    client.close()

    def propose(self, candidate: QbftNode, *, add: bool, voters: Sequence[QbftNode]) -> None:
        """Have nodes vote a candidate in or out with every block that they propose, until it is decided."""
        for voter in voters:
            client = ChainClient.at(voter.url)
            try:
                client.rpc.read("istanbul_propose", f"0x{candidate.address.hex()}", add)
            finally:
                client.close()

    def wait_for(self, height: int, node: QbftNode | None = None, limit_s: float = _PATIENCE_S) -> int:
        """Wait until a node, the first that runs by default, has a block; returns how high it is."""
        asked, deadline = node or self.running[0], time.monotonic() + limit_s
        while time.monotonic() < deadline:
            with suppress(SourceError):
                reached = asked.height()
                if reached >= height:
                    return reached
            if asked.process is not None and asked.process.poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError(f"no block {height} within {limit_s:.0f} s, {self.heights()}: {asked.last_words()}")

    def heights(self) -> dict[str, int | None]:
        """How high each node that runs says it is; None where it says nothing."""
        found: dict[str, int | None] = {}
        for node in self.running:
            found[node.folder.name] = None
            with suppress(SourceError):
                found[node.folder.name] = node.height()
        return found

    def _run(self, node: QbftNode, *arguments: str) -> None:
        command = [str(self.engine), "--datadir", str(node.folder), "--nousb", *arguments]
        done = subprocess.run(command, capture_output=True, env=_environment(node), timeout=_PATIENCE_S, check=False)
        assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]


@contextmanager
def running_network(
    engine: Path, nodes: Sequence[QbftNode], validators: int, contract: bytes | None, since: int
) -> Iterator[QbftNetwork]:
    """Run nodes until the end; the first ``validators`` of them seal, from block ``since`` on those of a contract.

    Without one, those whom votes in headers name.
    """
    network = QbftNetwork(engine, list(nodes), genesis_of(nodes[:validators], contract, since))
    with _alone():
        network.prepare()
        yield from _run(network)


@contextmanager
def _alone() -> Iterator[None]:
    """One network at a time on this machine, in whatever process: two would be too slow for their rounds."""
    with (Path(tempfile.gettempdir()) / f"vinculum-qbft-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(network: QbftNetwork) -> Iterator[QbftNetwork]:
    try:
        for node in network.nodes:
            network.start(node)
        network.wait_for(1)
        yield network
    finally:
        network.stop()
        for node in network.nodes:
            shutil.rmtree(node.folder / "geth" / "chaindata", ignore_errors=True)


def genesis_of(sealers: Sequence[QbftNode], contract: bytes | None, since: int) -> dict[str, object]:
    """A genesis whose header names the first validators; a contract, if any, names them from block ``since`` on."""
    forks = ("homestead", "eip150", "eip155", "eip158", "byzantium", "constantinople", "petersburg", "istanbul")
    listed = sorted(node.address for node in sealers)
    extra = rlp.encode([bytes(32), listed, [], b"", []])
    config: dict[str, object] = {f"{name}Block": 0 for name in (*forks, "muirGlacier", "berlin")}
    config |= {
        "chainId": CHAIN_ID,
        "isQuorum": True,
        "maxCodeSizeConfig": [{"block": 0, "size": 64}],
        "txnSizeLimit": 64,
        "qbft": {
            "epochlength": EPOCH_LENGTH,
            "blockperiodseconds": PERIOD_S,
            "emptyblockperiodseconds": PERIOD_S,
            "requesttimeoutseconds": ROUND_S,  # doubled from round to round: what has come apart meets again
            "ceil2Nby3Block": 0,
            "testQBFTBlock": 0,
        },
    }
    if contract is not None:
        named = f"0x{contract.hex()}"
        config["transitions"] = [
            {"block": since, "validatorselectionmode": "contract", "validatorcontractaddress": named}
        ]
    return {
        "config": config,
        "alloc": {},
        "coinbase": f"0x{'00' * 20}",
        "difficulty": "0x1",
        "extraData": f"0x{extra.hex()}",
        "gasLimit": hex(GAS_LIMIT),
        "mixHash": MIX_HASH,
        "nonce": "0x0",
        "parentHash": f"0x{'00' * 32}",
        "timestamp": hex(int(time.time()) - PERIOD_S),
    }


def contract_address(deployer: bytes, nonce: int = 0) -> bytes:
    """Where a contract will stand (Yellow Paper, 7)."""
    return keccak256(rlp.encode([deployer, nonce]))[12:]


def _config(node: QbftNode) -> str:
    return (
        f'[Node.P2P]\nListenAddr = "{LOOPBACK}:{node.p2p_port}"\nNoDiscovery = true\nNoDial = false\n'
        f'NetRestrict = ["127.0.0.0/8"]\nBootstrapNodes = []\nBootstrapNodesV5 = []\n'
    )


def _arguments(node: QbftNode) -> list[str]:
    return [
        *("--config", str(node.folder / "config.toml"), "--datadir", str(node.folder), "--nousb", "--ipcdisable"),
        *("--networkid", str(CHAIN_ID), "--nat", "none", "--nodiscover", "--discovery.dns", "", "--bootnodes", ""),
        *("--netrestrict", "127.0.0.0/8", "--maxpeers", "16", "--syncmode", "full", "--gcmode", "archive"),
        *("--mine", "--miner.threads", "1", "--miner.gasprice", "0", "--txpool.pricelimit", "0"),
        *("--miner.gastarget", str(GAS_LIMIT), "--cache", "64", "--verbosity", "3"),
        *(
            "--http",
            "--http.addr",
            LOOPBACK,
            "--http.port",
            str(node.http_port),
            "--http.api",
            "eth,net,web3,miner,istanbul",
        ),
    ]


def _environment(node: QbftNode) -> dict[str, str]:
    """No private transactions, and no home but its own."""
    return {"PRIVATE_CONFIG": "ignore", "HOME": str(node.folder), "PATH": os.environ.get("PATH", ""), "TZ": "UTC"}
