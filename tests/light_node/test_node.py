"""A light node that remembers: it never goes back, and keeps what contradicts what it accepted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.errors import ConfigurationError, MalformedError, UntrustedError
from ledger.proof.evidence import encode_evidence
from ledger.proof.merkle import leaf_hash
from ledger.proof.merkle_tree import MemoryTree, consistency_path
from light_node.finality import verify_finality
from light_node.heads import TreeHead
from light_node.memory import Memory, encode_memory, parse_fork, parse_memory
from light_node.node import Judged, LightNode
from light_node.state import StateFolder
from light_node.verdict import Outcome, Step
from tests.simulator.chain import Simulator
from tests.simulator.world import World, make_world

ROOT = Path(__file__).parents[2]


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def state(tmp_path: Path, world: World) -> Iterator[StateFolder]:
    folder = StateFolder(tmp_path / "node")
    folder.make()
    folder.pin(world.chain.trust())
    with folder.alone():
        yield folder


def evidence(world: World) -> bytes:
    return encode_evidence(world.chain.evidence(world.battery))


def path_between(chain: Simulator, old: int, new: int) -> tuple[bytes, ...]:
    tree = MemoryTree([leaf_hash(block.hash) for block in chain.blocks[:new]])
    return tuple(consistency_path(tree, old, new))


def judged(state: StateFolder, world: World, data: bytes, path: tuple[bytes, ...] | None = None) -> Judged:
    return LightNode(state).judge(data, now=world.chain.time, path=path)


def memory_of(state: StateFolder) -> Memory:
    memory = state.memory()
    assert memory is not None
    return memory


def test_first_file_is_remembered(state: StateFolder, world: World) -> None:
    assert judged(state, world, evidence(world)).verdict.outcome is Outcome.VERIFIED
    memory = memory_of(state)
    assert (memory.block.number, memory.block.hash) == (len(world.chain.blocks) - 1, world.chain.blocks[-1].hash)
    assert memory.tree is not None
    assert memory.tree.size == len(world.chain.blocks)


def test_same_file_again_is_verified_and_changes_nothing(state: StateFolder, world: World) -> None:
    data = evidence(world)
    judged(state, world, data)
    before = memory_of(state)
    assert judged(state, world, data).verdict.outcome is Outcome.VERIFIED
    assert memory_of(state) == before


def test_later_file_needs_the_path_from_the_remembered_tree(state: StateFolder, world: World) -> None:
    judged(state, world, evidence(world))
    old = len(world.chain.blocks)
    later = evidence(world)
    verdict = judged(state, world, later).verdict
    assert (verdict.outcome, verdict.step, verdict.error) == (Outcome.UNDETERMINED, Step.FINALITY, "StaleError")
    path = path_between(world.chain, old, len(world.chain.blocks))
    assert judged(state, world, later, path).verdict.outcome is Outcome.VERIFIED
    assert memory_of(state).block.number == old


def test_false_path_is_refuted_and_nothing_is_remembered(state: StateFolder, world: World) -> None:
    judged(state, world, evidence(world))
    before, old = memory_of(state), len(world.chain.blocks)
    later = evidence(world)
    path = (*path_between(world.chain, old, old + 1)[:-1], bytes(32))
    verdict = judged(state, world, later, path).verdict
    assert (verdict.outcome, verdict.error) == (Outcome.REFUTED, "ConsistencyError")
    assert memory_of(state) == before


def test_older_file_does_not_take_the_head_back(state: StateFolder, world: World) -> None:
    older = evidence(world)
    judged(state, world, evidence(world))
    before = memory_of(state)
    verdict = judged(state, world, older).verdict
    assert (verdict.outcome, verdict.step) == (Outcome.UNDETERMINED, Step.FINALITY)
    assert memory_of(state) == before


def test_refuted_file_is_not_remembered(state: StateFolder, world: World) -> None:
    changed = json.loads(evidence(world))
    changed["history"][1]["status"] = 9
    data = json.dumps(changed, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert judged(state, world, data).verdict.outcome is Outcome.REFUTED
    assert state.memory() is None


def test_two_trees_of_one_size_are_kept_as_a_fork_with_both_sets_of_signatures(
    state: StateFolder, world: World
) -> None:
    first = evidence(world)
    judged(state, world, first)
    before = memory_of(state)
    other = make_world()
    other.chain.time += 1  # another last block, cosigned as well
    second = evidence(other)
    found = judged(state, world, second)
    assert (found.verdict.outcome, found.verdict.error) == (Outcome.REFUTED, "ForkError")
    assert found.fork is not None
    assert state.forks() == [found.fork]
    chain_id, one, two = parse_fork(found.fork.read_bytes())
    assert chain_id == world.chain.trust().chain_id
    assert one.header != two.header
    for head, at in ((one, world), (two, other)):  # whoever has the trust file sees that both were signed
        file = replace(at.chain.evidence(at.battery), header=head.header, finality=head.finality)
        verify_finality(file, world.chain.trust(), world.chain.time)
    assert memory_of(state) == before


def test_same_fork_is_kept_once(state: StateFolder, world: World) -> None:
    judged(state, world, evidence(world))
    other = make_world()
    other.chain.time += 1
    second = evidence(other)
    judged(state, world, second)
    judged(state, world, second)
    assert len(state.forks()) == 1


def test_memory_of_another_chain_is_not_gone_on_from(state: StateFolder, world: World) -> None:
    judged(state, world, evidence(world))
    state.remember(replace(memory_of(state), chain_id=1))
    with pytest.raises(UntrustedError):
        LightNode(state)


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"type":"x"}'])
def test_damaged_memory_is_no_fresh_start(state: StateFolder, world: World, damage: bytes) -> None:
    judged(state, world, evidence(world))
    (state.folder / "head.json").write_bytes(damage)
    with pytest.raises(MalformedError):
        LightNode(state)


def test_each_bit_of_a_memory_matters_or_is_refused(state: StateFolder, world: World) -> None:
    judged(state, world, evidence(world))
    memory = memory_of(state)
    data = encode_memory(memory)
    assert parse_memory(data) == memory
    for place in range(0, len(data), 7):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        try:
            assert parse_memory(bytes(changed)) != memory
        except MalformedError:
            continue


def test_node_without_a_trust_file_says_what_to_do(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    with pytest.raises(ConfigurationError, match="trust pin"):
        folder.trust()


def test_folder_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="pin a trust file"), StateFolder(tmp_path / "none").alone():
        pass


def test_other_trees_do_not_shrink_what_is_remembered(state: StateFolder, world: World) -> None:
    judged(state, world, evidence(world))
    before = memory_of(state)
    assert before.tree is not None
    state.remember(replace(before, tree=TreeHead(before.tree.size + 5, bytes(32))))
    verdict = judged(state, world, evidence(world)).verdict
    assert (verdict.outcome, verdict.error) == (Outcome.UNDETERMINED, "StaleError")


KILLED = """
import sys
from pathlib import Path
from light_node.memory import parse_memory
from light_node.state import StateFolder
folder, first, second = StateFolder(Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3])
memories = [parse_memory(path.read_bytes()) for path in (first, second)]
folder.remember(memories[0])
print("ready", flush=True)
while True:
    for memory in memories:
        folder.remember(memory)
"""


def test_kill_at_any_time_leaves_one_whole_memory(state: StateFolder, world: World, tmp_path: Path) -> None:
    judged(state, world, evidence(world))
    one = memory_of(state)
    two = replace(one, block=replace(one.block, number=one.block.number + 1))
    for name, memory in (("one", one), ("two", two)):
        (tmp_path / name).write_bytes(encode_memory(memory))
    for _ in range(5):
        command = [sys.executable, "-c", KILLED, str(state.folder), str(tmp_path / "one"), str(tmp_path / "two")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert memory_of(state) in (one, two)
