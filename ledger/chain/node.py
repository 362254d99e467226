"""The embedded chain: one anvil process on loopback with its state on disk. One operator, no consensus.

A stop by SIGTERM writes the whole state. A hard kill loses what came after the last dump; the outbox broadcasts it
again.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from ledger.chain.process import find_free_port, is_running, started_at, wait_for_exit
from ledger.chain.rpc import Rpc
from ledger.chain.state import STATE, keep_state, mend_state
from ledger.errors import ConfigurationError, ConflictError, SourceError, SourceTimeoutError, UnreachableError

LOOPBACK = "127.0.0.1"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 120.0
DEFAULT_GAS_LIMIT = 1_000_000_000
GENESIS_TIME = 1_704_067_200
"""Of block 0, which anvil makes anew whenever it starts: with another time it would be another block, and a chain that
is read from its beginning would not hang together. The clock is set right as soon as the node answers."""
BINARY_VARIABLE = "VINCULUM_ANVIL"
RECORD, LOG = "node.json", "node.log"
_REAP: list[subprocess.Popen[bytes]] = []  # children that outlive their handle; the interpreter reaps them
PLATFORM_PACKAGES = Path(__file__).parents[2] / "contracts" / "node_modules" / "@foundry-rs"


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """How the embedded chain runs.

    Attributes:
        folder: Where state, record and log are kept.
        chain_id: Fixed for the life of the chain.
        port: 0 takes a free one; a restart takes the same again.
        block_time_s: Seconds between blocks; None mines only when told to.
        state_interval_s: Seconds between dumps: what a hard kill may lose. A dump writes the whole state.
        gas_limit: Of a block.
        hardfork: The EVM; the contracts are compiled for Berlin, which every QBFT engine runs.
        binary: anvil, where it is not to be searched for.
    """

    folder: Path
    chain_id: int
    port: int = 0
    block_time_s: float | None = 1.0
    state_interval_s: int = 1
    gas_limit: int = DEFAULT_GAS_LIMIT
    hardfork: str = "berlin"
    binary: Path | None = None


@dataclass(frozen=True, slots=True)
class RunningNode:
    """A node that answers: ``pid`` with ``started`` tells it from any later process of the same number."""

    pid: int
    started: str
    port: int
    chain_id: int

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{LOOPBACK}:{self.port}"


def start_node(settings: NodeSettings) -> RunningNode:
    """Start the chain, or return the one that runs already.

    Raises:
        ConfigurationError: anvil is not found, or the state cannot be read.
        UnreachableError: It ended at once; the message carries its last words.
        SourceTimeoutError: It does not answer; it was stopped again.
    """
    settings.folder.mkdir(parents=True, exist_ok=True)
    with _alone(settings.folder):
        running = node_status(settings.folder)
        if running is not None:
            _wait_until_it_answers(_same_chain(running, settings), settings.folder)
            return running
        mend_state(settings.folder)
        return _launch(settings, find_anvil(settings.binary))


def node_status(folder: Path) -> RunningNode | None:
    """Return the node of this folder if its process runs and is that process; else None."""
    node = _recorded(folder)
    return node if node is not None and is_running(node.pid, node.started) else None


def stop_node(folder: Path, timeout_s: float = STOP_TIMEOUT_S) -> bool:
    """Ask the node to stop and wait until it has written its state.

    Returns: False if none was running.
    Raises: SourceTimeoutError, if it still runs; it is never killed hard.
    """
    node = node_status(folder)
    if node is None:
        return False
    os.kill(node.pid, signal.SIGTERM)
    if not wait_for_exit(node.pid, node.started, timeout_s):
        raise SourceTimeoutError(f"anvil (process {node.pid}) is still writing its state after {timeout_s:.0f} s")
    for child in _REAP:
        child.poll()
    keep_state(folder)
    return True


def find_anvil(configured: Path | None = None) -> Path:
    """Find the anvil program: as configured, by VINCULUM_ANVIL, from the npm package, on the path.

    The npm package's ``.bin`` script is passed over: killing it would leave the node running.

    Raises:
        ConfigurationError: Nowhere; says what to do.
    """
    chosen = configured or (Path(os.environ[BINARY_VARIABLE]) if os.environ.get(BINARY_VARIABLE) else None)
    if chosen is not None:
        if os.access(chosen, os.X_OK) and chosen.is_file():
            return chosen
        raise ConfigurationError(f"anvil is configured as {chosen}, which is not a program")
    packaged = sorted(PLATFORM_PACKAGES.glob("anvil-*/bin/anvil"))
    on_path = shutil.which("anvil")
    if packaged:
        return packaged[0]
    if on_path is not None:
        return Path(on_path)
    raise ConfigurationError(f"anvil was not found: run scripts/setup, install Foundry, or set {BINARY_VARIABLE}")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    import fcntl  # noqa: PLC0415 - POSIX only, as the whole module

    with (folder / "node.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(f"another program is starting the chain in {folder}") from None
        yield


def _recorded(folder: Path) -> RunningNode | None:
    try:
        return RunningNode(**json.loads((folder / RECORD).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _same_chain(running: RunningNode, settings: NodeSettings) -> RunningNode:
    if running.chain_id != settings.chain_id:
        raise ConfigurationError(f"the running chain has id {running.chain_id}, not {settings.chain_id}")
    return running


def _launch(settings: NodeSettings, binary: Path) -> RunningNode:
    previous = _recorded(settings.folder)
    port = settings.port or find_free_port(previous.port if previous else 0)
    with (settings.folder / LOG).open("ab") as log:
        process = subprocess.Popen(
            _command(settings, binary, port), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    node = RunningNode(process.pid, started_at(process.pid) or "", port, settings.chain_id)
    (settings.folder / RECORD).write_text(json.dumps(asdict(node)))  # first, so that a crash leaves no orphan
    try:
        _wait_until_it_answers(node, settings.folder)
    except BaseException:
        process.terminate()
        process.wait(STOP_TIMEOUT_S)
        raise
    _REAP.append(process)
    return node


def _command(settings: NodeSettings, binary: Path, port: int) -> list[str]:
    mining = ["--no-mining"] if settings.block_time_s is None else ["--block-time", f"{settings.block_time_s:g}"]
    return [
        *(str(binary), "--quiet", "--host", LOOPBACK, "--port", str(port), "--no-cors", *mining),
        *("--state", str(settings.folder / STATE), "--state-interval", str(settings.state_interval_s)),
        *("--chain-id", str(settings.chain_id), "--hardfork", settings.hardfork, "--accounts", "0"),
        *("--gas-price", "0", "--block-base-fee-per-gas", "0", "--gas-limit", str(settings.gas_limit)),
        *("--order", "fifo", "--no-request-size-limit", "--timestamp", str(GENESIS_TIME)),
    ]


def _wait_until_it_answers(node: RunningNode, folder: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    rpc = Rpc(node.url, timeout_s=2.0)
    try:
        while time.monotonic() < deadline:
            if not is_running(node.pid, node.started):
                raise UnreachableError(f"anvil ended at once: {_last_words(folder)}")
            if _answers(rpc, node.chain_id):
                rpc.read("evm_setTime", hex(int(time.time())))
                return
            time.sleep(0.05)
    finally:
        rpc.close()
    raise SourceTimeoutError(f"anvil does not answer after {START_TIMEOUT_S:.0f} s: {_last_words(folder)}")


def _answers(rpc: Rpc, chain_id: int) -> bool:
    try:
        return int(rpc.write_many([("eth_chainId", [])])[0], 16) == chain_id
    except (SourceError, TypeError, ValueError):
        return False


def _last_words(folder: Path) -> str:
    return (folder / LOG).read_text(errors="replace")[-300:].strip() or "it said nothing"
