"""The embedded chain: starts once, stops cleanly, survives hard kills and torn dumps."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest

from ledger.chain.node import (
    RECORD,
    NodeSettings,
    RunningNode,
    find_anvil,
    node_status,
    start_node,
    stop_node,
)
from ledger.chain.process import find_free_port, is_running, started_at, wait_for_exit
from ledger.chain.rpc import Rpc
from ledger.chain.state import KEPT, STATE, keep_state
from ledger.errors import ConfigurationError, UnreachableError

pytestmark = pytest.mark.integration
MIB = 1024 * 1024
ADDRESS, BALANCE = "0x" + "ab" * 20, "0x1234"


@pytest.fixture
def settings(tmp_path: Path) -> NodeSettings:
    try:
        find_anvil()
    except ConfigurationError as missing:
        pytest.skip(str(missing))
    return NodeSettings(tmp_path / "chain", chain_id=4711, block_time_s=None)


@pytest.fixture
def stopped_afterwards(settings: NodeSettings):  # type: ignore[no-untyped-def]
    yield settings
    stop_node(settings.folder)


def _mark(node: RunningNode) -> None:
    rpc = Rpc(node.url)
    rpc.read("anvil_setBalance", ADDRESS, BALANCE)
    rpc.read("evm_mine")
    rpc.close()


def _marked(node: RunningNode) -> bool:
    rpc = Rpc(node.url)
    try:
        return bool(rpc.read("eth_getBalance", ADDRESS, "latest") == BALANCE)
    finally:
        rpc.close()


def test_start_is_idempotent_and_stop_keeps_the_state(stopped_afterwards: NodeSettings) -> None:
    node = start_node(stopped_afterwards)
    assert start_node(stopped_afterwards) == node == node_status(stopped_afterwards.folder)
    _mark(node)
    assert stop_node(stopped_afterwards.folder)
    assert node_status(stopped_afterwards.folder) is None
    assert not stop_node(stopped_afterwards.folder)
    again = start_node(stopped_afterwards)
    taken = again.port != node.port and find_free_port(node.port) != node.port  # any outgoing connection may do that
    assert again.port == node.port or taken
    assert _marked(again)


def test_no_account_of_a_well_known_phrase_holds_anything(stopped_afterwards: NodeSettings) -> None:
    node = start_node(stopped_afterwards)
    rpc = Rpc(node.url)
    assert rpc.read("eth_accounts") == []
    assert rpc.read("eth_getBalance", "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "latest") == "0x0"
    rpc.close()
    assert "Mnemonic" not in (stopped_afterwards.folder / "node.log").read_text()


def test_a_hard_kill_loses_at_most_the_last_interval(stopped_afterwards: NodeSettings) -> None:
    node = start_node(stopped_afterwards)
    _mark(node)
    time.sleep(2.2)
    os.kill(node.pid, signal.SIGKILL)
    assert wait_for_exit(node.pid, node.started, 10)
    assert node_status(stopped_afterwards.folder) is None
    assert _marked(start_node(stopped_afterwards))


def test_a_torn_dump_is_replaced_by_the_kept_one(stopped_afterwards: NodeSettings) -> None:
    node = start_node(stopped_afterwards)
    _mark(node)
    stop_node(stopped_afterwards.folder)
    state = stopped_afterwards.folder / STATE
    state.write_bytes(state.read_bytes()[:-100])
    assert _marked(start_node(stopped_afterwards))


def test_a_torn_dump_without_a_copy_is_refused(settings: NodeSettings) -> None:
    settings.folder.mkdir()
    (settings.folder / STATE).write_text('{"block":')
    with pytest.raises(ConfigurationError, match="torn"):
        start_node(settings)
    assert node_status(settings.folder) is None


def test_an_empty_dump_is_no_state(stopped_afterwards: NodeSettings) -> None:
    stopped_afterwards.folder.mkdir()
    (stopped_afterwards.folder / STATE).touch()
    start_node(stopped_afterwards)


def test_only_complete_dumps_are_kept(tmp_path: Path) -> None:
    (tmp_path / STATE).write_text('{"a":1}')
    assert keep_state(tmp_path)
    (tmp_path / STATE).write_text('{"a":2')
    assert not keep_state(tmp_path)
    assert (tmp_path / KEPT).read_text() == '{"a":1}'
    assert sorted(path.name for path in tmp_path.iterdir()) == [STATE, KEPT]


def test_what_is_not_there_is_not_kept(tmp_path: Path) -> None:
    assert not keep_state(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_keeping_the_state_does_not_hold_it(tmp_path: Path) -> None:
    """A chain of 100,000 events is 60 MiB of state, which once took three times as much memory at each stop."""
    (tmp_path / STATE).write_text(json.dumps({"transactions": [{"input": "0x" + "ab" * 50_000}] * 200}))
    assert keep_state(tmp_path)
    tracemalloc.start()
    try:
        assert keep_state(tmp_path)
        held = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (tmp_path / KEPT).stat().st_size > 18 * MIB
    assert held < 8 * MIB


def test_a_reused_process_number_is_not_the_node(tmp_path: Path) -> None:
    record = {"pid": os.getpid(), "started": "long ago", "port": 1, "chain_id": 1}
    (tmp_path / RECORD).write_text(json.dumps(record))
    assert node_status(tmp_path) is None
    assert not stop_node(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"pid": 1, "other": 2}'])
def test_a_damaged_record_is_no_node(tmp_path: Path, text: str) -> None:
    (tmp_path / RECORD).write_text(text)
    assert node_status(tmp_path) is None


def test_another_chain_in_the_same_folder_is_refused(stopped_afterwards: NodeSettings) -> None:
    start_node(stopped_afterwards)
    other = NodeSettings(stopped_afterwards.folder, chain_id=1, block_time_s=None)
    with pytest.raises(ConfigurationError, match="4711"):
        start_node(other)


def test_a_node_that_ends_at_once_says_why(settings: NodeSettings) -> None:
    wrong = NodeSettings(settings.folder, chain_id=1, hardfork="nonsense")
    with pytest.raises(UnreachableError, match="hardfork"):
        start_node(wrong)
    assert node_status(settings.folder) is None


def test_a_taken_port_is_not_preferred() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert find_free_port(taken.getsockname()[1]) != taken.getsockname()[1]


def test_anvil_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="not a program"):
        find_anvil(tmp_path / "none")
    monkeypatch.setattr("ledger.chain.node.PLATFORM_PACKAGES", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("VINCULUM_ANVIL", raising=False)
    with pytest.raises(ConfigurationError, match="VINCULUM_ANVIL"):
        find_anvil()
    monkeypatch.setenv("VINCULUM_ANVIL", sys.executable)
    assert find_anvil() == Path(sys.executable)


def test_a_zombie_does_not_run() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    started = started_at(child.pid)
    assert started is None or wait_for_exit(child.pid, started, 10)
    assert not is_running(child.pid, started or "")
    child.wait()
