"""A device remembers what it accepted as every light node does: what goes back or forks deletes nothing."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ledger.errors import ConfigurationError, MalformedError
from ledger.proof.tlog_text import ConsistencyProof, encode_consistency_proof
from light_node import state as state_module
from light_node.cli.main import main as light
from light_node.edge.device_memory import open_folder
from light_node.edge.gateway_client import HttpGateway
from light_node.edge.outgoing import Outgoing
from light_node.edge.statement import VerifiedStatement
from light_node.edge.submission import Device, Round, Submitter
from light_node.memory import Memory, parse_fork
from light_node.state import StateFolder
from tests.light_node.edge.gateway_double import Told, serving
from tests.light_node.edge.receiver import Receiver, Reply, fill, submitter
from tests.simulator.world import MAKER, World, make_world


class Bench:
    """A device that delivered its first batches, and holds one more."""

    def __init__(self, folder: Path, receiver: Receiver, outgoing: Outgoing, url: str, told: Told) -> None:
        self.folder, self.receiver, self.outgoing, self.url, self.told = folder, receiver, outgoing, url, told
        self.world, self.state = receiver.world, StateFolder(folder / "light")
        self.round()
        assert not outgoing.state().readings
        fill(folder / "queue.db", self.world, range(12, 16))
        told.asked.clear()

    def round(self) -> Round:
        """One round of a new process."""
        return submitter(self.outgoing, self.url, self.world).round()

    def memory(self) -> Memory:
        memory = self.state.memory()
        assert memory is not None
        return memory

    def stays(self, reason: str) -> Round:
        """A round after which everything is as before, and that says why."""
        before = self.memory()
        told = self.round()
        assert (told.delivered, told.failed) == ([], True)
        assert reason in " ".join(told.problems), told.problems
        assert self.outgoing.state().readings == 4
        assert self.memory() == before
        return told

    def delivers(self) -> None:
        before = self.memory()
        assert len(self.round().delivered) == 1
        assert self.memory().block.number > before.block.number
        assert not self.outgoing.state().readings


@pytest.fixture
def bench(tmp_path: Path, world: World) -> Iterator[Bench]:
    receiver = Receiver(world)
    told = Told(receiver.answer)
    fill(tmp_path / "queue.db", world, range(4))
    with serving(told) as url, Outgoing(tmp_path / "queue.db") as outgoing:
        yield Bench(tmp_path, receiver, outgoing, url, told)


def test_the_head_of_a_receipt_is_remembered_in_the_light_nodes_own_folder(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    last = bench.world.chain.blocks[-1]
    assert (bench.memory().block.number, bench.memory().block.hash) == (last.number, last.hash)
    assert light(["state", "--home", str(bench.state.folder)]) == 0
    assert f"block {last.number} of chain" in capsys.readouterr().out


def test_a_later_receipt_is_held_to_the_remembered_tree_by_the_gateways_path(bench: Bench) -> None:
    tree = bench.memory().tree
    assert tree is not None
    bench.delivers()
    paths = [path for _, path in bench.told.asked if path.startswith("/consistency")]
    assert paths == [f"/consistency?old={tree.size}&new={len(bench.world.chain.blocks)}"]


# ---- paths that prove nothing -------------------------------------------------------------------------------------


def proof(old: int, new: int, *path: bytes) -> Reply:
    return 200, encode_consistency_proof(ConsistencyProof(old, new, path)), {}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda old, new: (404, b"", {}), "no proof that the tree of"),
        (lambda old, new: (503, b"", {}), "the gateway answered 503"),
        (lambda old, new: (400, b"", {}), "the gateway answered 400"),
        (lambda old, new: None, ""),
        (lambda old, new: (200, b"", {}), "consistency proof"),
        (lambda old, new: (200, b"\xff" * 100, {}), "consistency proof"),
        (lambda old, new: (200, b"old 1\nnew 2\n" + b"x" * 100_000, {}), ""),
        (proof, "receipt is"),
        (lambda old, new: proof(old, new, bytes(32), bytes(32), bytes(32)), "receipt is"),
        (lambda old, new: proof(old, new + 1), "not from"),
        (lambda old, new: proof(old - 1, new), "not from"),
    ],
)
def test_without_a_path_that_fits_nothing_is_deleted(
    bench: Bench, answer: Callable[[int, int], Reply], reason: str
) -> None:
    bench.receiver.consistency = answer
    bench.stays(reason)
    bench.receiver.consistency = bench.receiver.path
    bench.delivers()


def test_a_changed_path_is_refuted(bench: Bench) -> None:
    def changed(old: int, new: int) -> Reply:
        status, body, headers = bench.receiver.path(old, new) or (0, b"", {})
        *lines, last, end = body.split(b"\n")
        return status, b"\n".join([*lines, last[::-1].replace(b"=", b"A")[:-1] + b"=", end]), headers

    bench.receiver.consistency = changed
    bench.stays("")


# ---- a chain that goes back or forks ------------------------------------------------------------------------------


def test_a_receipt_of_an_older_block_deletes_nothing(bench: Bench) -> None:
    world, old = bench.world, bench.world.chain.blocks[-2]
    bench.receiver.before = lambda *_: (200, world.chain.file(world.battery, block=old), {})
    bench.stays("block number")


def test_a_receipt_in_an_older_tree_deletes_nothing(bench: Bench) -> None:
    world = bench.world
    kept = list(world.chain.blocks)
    del world.chain.blocks[-1:]
    older = world.chain.file(world.battery, block=world.chain.blocks[-1])
    world.chain.blocks[:] = kept
    bench.receiver.before = lambda *_: (200, older, {})
    bench.stays("receipt proves nothing here and now")


def fork_of(bench: Bench) -> World:
    """The same chain up to the last block; from there on another, which the witnesses signed too."""
    other = make_world()
    other.battery.salt = bench.world.battery.salt
    other.chain.blocks[:] = bench.world.chain.blocks[:-1]
    other.chain.time = bench.world.chain.time
    return other


def test_a_fork_is_kept_with_both_signed_heads_and_deletes_nothing(bench: Bench) -> None:
    before, other = bench.memory(), fork_of(bench)
    bench.receiver.before = lambda *_: (200, other.chain.file(other.battery), {})
    told = bench.stays("the tree of")
    (path,) = told.forks
    assert bench.state.forks() == [path]
    _, first, second = parse_fork(path.read_bytes())
    assert first.header == before.signed.header != second.header
    bench.receiver.before = lambda *_: "go on"
    bench.delivers()
    assert bench.state.forks() == [path]


def test_a_longer_fork_has_no_path_and_deletes_nothing(bench: Bench) -> None:
    other = fork_of(bench)
    other.chain.mine()
    bench.receiver.before = lambda *_: (200, other.chain.file(other.battery), {})
    bench.receiver.consistency = Receiver(other).path
    bench.stays("receipt is refuted")


def test_a_clock_behind_the_last_head_deletes_nothing(bench: Bench) -> None:
    device = Device(MAKER, bench.state)
    slow = Submitter(bench.outgoing, HttpGateway(bench.url), device, clock=lambda: bench.memory().block.time - 86400)
    told = slow.round()
    assert (told.delivered, "proves nothing here and now" in told.problems[0]) == ([], True)
    assert bench.outgoing.state().readings == 4


@pytest.mark.parametrize("off_s", [-10 * 365 * 86400, -7 * 86400, 30 * 86400, 10 * 365 * 86400])
def test_a_device_whose_clock_is_wrong_keeps_everything_until_it_is_right(bench: Bench, off_s: int) -> None:
    device = Device(MAKER, bench.state)
    wrong = Submitter(bench.outgoing, HttpGateway(bench.url), device, clock=lambda: bench.world.chain.time + off_s)
    before = bench.memory()
    assert wrong.round().delivered == []
    assert (bench.outgoing.state().readings, bench.memory()) == (4, before)
    bench.delivers()


# ---- the folder ---------------------------------------------------------------------------------------------------


def proven_by_an_older_block(bench: Bench) -> Callable[..., Reply]:
    """The batch that waits is on chain; a later one was proven, and deleted, by a block above that.

    Returns: Hands out the receipt of the lower block: true, complete and final, but from before what was accepted.
    """
    receiver, world = bench.receiver, bench.world

    def take(method: str, statement: VerifiedStatement | None) -> Reply:
        if statement is not None:
            receiver.taken[statement.digest.hex()] = statement
        return 409, b"not now", {}

    receiver.before = take
    waiting = next(bench.outgoing.waiting()).digest
    bench.round()
    receiver.attest(waiting.hex())
    receipt = world.chain.file(world.battery)
    low = world.chain.blocks[-1].number
    fill(bench.folder / "queue.db", world, range(16, 20))
    receiver.before = lambda *_: "go on"
    assert len(bench.round().delivered) == 1
    bench.outgoing.refuse(waiting, "")
    assert bench.outgoing.proven_up_to() > low
    return lambda *_: (200, receipt, {})


def test_a_folder_that_was_lost_does_not_let_the_queue_go_back(bench: Bench) -> None:
    bench.receiver.before = proven_by_an_older_block(bench)
    shutil.rmtree(bench.state.folder)
    told = bench.round()
    assert (told.delivered, "block number" in told.problems[0]) == ([], True)
    assert bench.outgoing.state().readings == 4
    bench.receiver.before = lambda *_: "go on"
    bench.delivers()


def test_a_folder_put_back_from_a_copy_does_not_let_the_queue_go_back(bench: Bench) -> None:
    shutil.copytree(bench.state.folder, bench.folder / "copy")
    bench.receiver.before = proven_by_an_older_block(bench)
    shutil.rmtree(bench.state.folder)
    (bench.folder / "copy").rename(bench.state.folder)
    told = bench.round()
    assert (told.delivered, "block number" in told.problems[0]) == ([], True)
    assert bench.outgoing.state().readings == 4
    bench.receiver.before = lambda *_: "go on"
    bench.delivers()


@pytest.mark.parametrize("damage", [b"", b"{", b"[]"])
def test_a_damaged_memory_stops_the_device(bench: Bench, damage: bytes) -> None:
    (bench.state.folder / "head.json").write_bytes(damage)
    with pytest.raises(MalformedError):
        bench.round()
    assert bench.outgoing.state().readings == 4


def test_a_memory_that_is_damaged_between_two_rounds_deletes_nothing(bench: Bench) -> None:
    device = submitter(bench.outgoing, bench.url, bench.world)
    (bench.state.folder / "head.json").write_bytes(b"{")
    told = device.round()
    assert (told.delivered, told.failed) == ([], True)
    assert bench.outgoing.state().readings == 4


def test_a_folder_that_another_process_holds_is_waited_for_and_then_tried_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = submitter(bench.outgoing, bench.url, bench.world)
    monkeypatch.setattr(state_module, "LOCK_TIMEOUT_S", 0.2)
    with bench.state.alone():
        told = device.round()
    assert (told.delivered, told.failed) == ([], True)
    bench.delivers()


def test_a_head_that_another_process_moved_meanwhile_is_not_taken_back(bench: Bench) -> None:
    world = bench.world

    def meanwhile(old: int, new: int) -> Reply:
        bench.receiver.consistency = bench.receiver.path
        newer = bench.folder / "newer.json"
        newer.write_bytes(world.chain.file(world.vehicle))
        path = bench.folder / "path"
        path.write_bytes((bench.receiver.path(old, len(world.chain.blocks)) or (0, b"", {}))[1])
        command = ["verify", str(newer), "--home", str(bench.state.folder), "--consistency", str(path)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("light_node.cli.verifying.time.time", lambda: world.chain.time)
            assert light(command) == 0
        return bench.receiver.path(old, new)

    bench.receiver.consistency = meanwhile
    told = bench.round()
    assert (told.delivered, told.failed) == ([], True)
    assert bench.memory().block.number == len(world.chain.blocks) - 1
    bench.delivers()


def test_the_trust_file_that_is_pinned_stays(bench: Bench) -> None:
    pinned = bench.state.trust()
    again = open_folder(bench.state.folder, bench.world.chain.trust(maximum_age_seconds=5))
    assert again.trust() == pinned


def test_a_folder_without_a_trust_file_is_no_memory(tmp_path: Path, bench: Bench) -> None:
    (bench.state.folder / "trust.json").unlink()
    device = Device(MAKER, bench.state)
    with pytest.raises(ConfigurationError):
        Submitter(bench.outgoing, HttpGateway(bench.url), device, clock=lambda: bench.world.chain.time).round()
    assert bench.outgoing.state().readings == 4


# ---- crashes ------------------------------------------------------------------------------------------------------


@pytest.mark.integration
@pytest.mark.parametrize("place", ["remember", "delete"])
def test_killed_between_the_memory_and_the_queue_nothing_is_lost_and_nothing_goes_back(
    bench: Bench, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the head is remembered nothing is deleted; after it the batch is asked for again, at that head or later."""
    before = bench.memory()

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    child = os.fork()
    if not child:
        if place == "remember":
            monkeypatch.setattr(StateFolder, "remember", die)
        else:
            monkeypatch.setattr(Outgoing, "delete", die)
        with Outgoing(bench.folder / "queue.db") as own:
            submitter(own, bench.url, bench.world).round()
        os._exit(1)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    moved = bench.memory().block.number - before.block.number
    assert (moved > 0) is (place == "delete")
    assert bench.outgoing.state().readings == 4
    assert len(bench.round().delivered) == 1
    assert bench.memory().block.number >= before.block.number + moved
    assert bench.outgoing.proven_up_to() <= bench.memory().block.number


def test_a_queue_that_kept_its_head_in_itself_goes_on(bench: Bench) -> None:
    """Queues from before had one row of their own for it; what was delivered says as much."""
    with closing(sqlite3.connect(bench.folder / "queue.db")) as connection:
        connection.execute("CREATE TABLE head (number INTEGER NOT NULL, hash BLOB NOT NULL, time INTEGER NOT NULL)")
        connection.execute("INSERT INTO head VALUES (3, x'00', 7)")
        connection.commit()
    bench.delivers()
