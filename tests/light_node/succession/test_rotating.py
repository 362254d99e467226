"""A node whose trust file is replaced by its witnesses' word, by a person's, or by neither."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.errors import (
    ForkError,
    MalformedError,
    QuorumError,
    RollbackError,
    SignatureError,
    StaleError,
    UntrustedError,
)
from light_node.memory import Memory, SignedHead
from light_node.state import StateFolder, is_conflict
from light_node.succession.kept_lineage import KeptLineage
from light_node.succession.lineage import MAX_BYTES
from light_node.succession.rotating import rotate_by_person, rotate_by_succession, show_succession
from light_node.succession.rules import digest_of
from light_node.succession.statement import parse_succession, verify_signatures
from light_node.trust import Trust, TrustedBlock
from tests.light_node.succession.making import NEWCOMERS, WORLD, A, B, C, D, note, signed
from tests.simulator.witnesses import WITNESSES, Witness

ROOT = Path(__file__).parents[3]
NOW = WORLD.chain.time
OF_B = (*WITNESSES[1:], NEWCOMERS[0])
OF_C = (WITNESSES[2], *NEWCOMERS[:2])


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateFolder]:
    folder = StateFolder(tmp_path / "node")
    folder.make()
    with folder.alone():
        rotate_by_person(folder, A)
        yield folder


def rotate(
    state: StateFolder, new: Trust, old: Trust = A, by: tuple[Witness, ...] = WITNESSES, now: int = NOW
) -> tuple[str, ...]:
    return rotate_by_succession(state, new, signed(old, new, by), now).witnesses


def to_c(state: StateFolder) -> None:
    rotate(state, B)
    rotate(state, C, B, OF_B)


def conflicts(state: StateFolder) -> list[Path]:
    return [path for path in state.forks() if is_conflict(path)]


class TestRotated:
    def test_the_new_one_is_pinned_and_the_succession_kept(self, state: StateFolder) -> None:
        assert rotate(state, B) == tuple(one.name for one in WITNESSES)
        assert state.trust() == B
        lineage = KeptLineage(state).load()
        assert lineage.succession_of(digest_of(A)) == signed(A, B, WITNESSES)
        assert lineage.ancestry(digest_of(B)) == (digest_of(B), digest_of(A))

    def test_a_chain_of_two(self, state: StateFolder) -> None:
        to_c(state)
        assert state.trust() == C
        assert len(KeptLineage(state).load().ancestry(digest_of(C))) == 3

    def test_the_same_again_changes_nothing(self, state: StateFolder) -> None:
        rotate(state, B)
        before = {path: path.read_bytes() for path in state.folder.rglob("*.json")}
        rotate(state, B)
        assert {path: path.read_bytes() for path in state.folder.rglob("*.json")} == before

    def test_one_that_was_shown_before_is_used_later(self, state: StateFolder) -> None:
        assert not show_succession(state, signed(A, B)).taken
        assert state.trust() == A
        rotate(state, B)
        assert show_succession(state, signed(A, B)).taken

    def test_other_signatures_under_the_same_succession_are_the_same(self, state: StateFolder) -> None:
        show_succession(state, signed(A, B, WITNESSES[:2]))
        rotate(state, B, by=WITNESSES[1:])
        assert show_succession(state, signed(A, B, WITNESSES[::2])).taken
        assert conflicts(state) == []

    def test_a_node_that_was_pinned_before_there_was_a_lineage(self, state: StateFolder) -> None:
        (state.folder / "lineage.json").unlink()
        rotate(state, B)
        assert state.trust() == B
        assert KeptLineage(state).load().ancestry(digest_of(B))[-1] == digest_of(A)


class TestRefused:
    """Nothing is pinned, and what was remembered before stays."""

    def test_too_few_strangers_and_the_newcomers(self, state: StateFolder) -> None:
        for by in (WITNESSES[:1], NEWCOMERS, (WITNESSES[0], *NEWCOMERS)):
            with pytest.raises(QuorumError):
                rotate(state, B, by=by)
        assert state.trust() == A
        assert KeptLineage(state).load().successions == ()

    def test_a_signature_of_another_succession(self, state: StateFolder) -> None:
        data = note(A, B).replace(digest_of(B).hex().encode(), digest_of(C).hex().encode())
        with pytest.raises(SignatureError):
            rotate_by_succession(state, C, parse_succession(data), NOW)
        assert KeptLineage(state).load().successions == ()

    def test_another_file_than_the_one_that_was_signed(self, state: StateFolder) -> None:
        with pytest.raises(UntrustedError):
            rotate_by_succession(state, C, signed(A, B), NOW)
        assert state.trust() == A

    def test_one_step_of_two_left_out(self, state: StateFolder) -> None:
        with pytest.raises(UntrustedError, match="never pinned here"):
            rotate(state, C, B, OF_B)

    def test_a_trust_file_that_goes_back(self, state: StateFolder) -> None:
        block = WORLD.chain.blocks[1]
        later = replace(B, trusted_block=TrustedBlock(block.number, block.hash, block.time))
        rotate(state, later)
        with pytest.raises(RollbackError):
            rotate(state, C, later, OF_B)
        assert state.trust() == later

    def test_another_block_than_the_one_that_was_accepted(self, state: StateFolder) -> None:
        remember(state, 1, WORLD.chain.blocks[1].hash)
        new = replace(B, trusted_block=TrustedBlock(1, b"\1" * 32, WORLD.chain.blocks[1].time))
        with pytest.raises(UntrustedError, match="accepted"):
            rotate(state, new)

    def test_after_a_sleep_beyond_the_trusting_period(self, state: StateFolder) -> None:
        """Who signed may have given the key up long ago; whoever found it signs anything."""
        with pytest.raises(StaleError):
            rotate(state, B, now=A.trusted_block.time + A.trusting_period_seconds + 1)
        remember(state, 1, WORLD.chain.blocks[1].hash, anchored_at=A.trusted_block.time + 500)
        rotate(state, B, now=A.trusted_block.time + A.trusting_period_seconds + 1)

    def test_a_block_from_the_future(self, state: StateFolder) -> None:
        new = replace(B, trusted_block=TrustedBlock(9, bytes(32), NOW + 61))
        with pytest.raises(StaleError, match="future"):
            rotate(state, new)
        assert state.trust() == A

    def test_a_clock_behind_what_was_accepted(self, state: StateFolder) -> None:
        with pytest.raises(StaleError):
            rotate(state, B, now=A.trusted_block.time - 100)

    def test_an_old_succession_replayed(self, state: StateFolder) -> None:
        to_c(state)
        with pytest.raises(RollbackError):
            rotate(state, B)
        assert state.trust() == C

    def test_its_own_succession_with_another_file(self, state: StateFolder) -> None:
        rotate(state, B)
        with pytest.raises(RollbackError):
            rotate_by_succession(state, C, signed(A, B), NOW)
        assert state.trust() == B

    def test_back_to_what_was_given_up(self, state: StateFolder) -> None:
        rotate(state, B)
        with pytest.raises(RollbackError):
            rotate(state, A, B, OF_B)
        assert state.trust() == B

    def test_back_to_what_a_person_left(self, state: StateFolder) -> None:
        rotate(state, B)
        rotate_by_person(state, A)
        with pytest.raises(RollbackError):
            rotate(state, B)
        assert state.trust() == A
        rotate_by_person(state, B)


class TestConflict:
    def test_two_of_one_before_either_is_used(self, state: StateFolder) -> None:
        show_succession(state, signed(A, B))
        shown = show_succession(state, signed(A, C))
        assert [shown.conflict] == conflicts(state)
        for new in (B, C):
            with pytest.raises(ForkError) as found:
                rotate(state, new)
            assert {found.value.first, found.value.second} == {note(A, B), note(A, C)}
        assert state.trust() == A

    def test_the_other_one_after_the_rotation(self, state: StateFolder) -> None:
        rotate(state, B, by=WITNESSES[:2])
        shown = show_succession(state, signed(A, C))
        assert not shown.taken
        assert [shown.conflict] == conflicts(state)
        with pytest.raises(ForkError):
            rotate(state, C, B, OF_B)
        assert state.trust() == B

    def test_the_other_one_tried_after_the_rotation(self, state: StateFolder) -> None:
        rotate(state, B)
        with pytest.raises(ForkError):
            rotate(state, C)
        assert state.trust() == B
        assert len(conflicts(state)) == 1

    def test_of_the_first_of_three(self, state: StateFolder) -> None:
        to_c(state)
        show_succession(state, signed(A, D))
        with pytest.raises(ForkError):
            rotate(state, D, C, OF_C)
        assert state.trust() == C

    def test_the_evidence_stands_alone(self, state: StateFolder) -> None:
        show_succession(state, signed(A, B))
        show_succession(state, signed(A, C))
        conflict = KeptLineage(state).conflict(digest_of(A))
        assert conflict is not None
        both = [verify_signatures(conflict.trust, one).statement.new for one in (conflict.first, conflict.second)]
        assert both == [digest_of(B), digest_of(C)]

    def test_a_third_adds_nothing(self, state: StateFolder) -> None:
        for new in (B, C, D):
            show_succession(state, signed(A, new))
        (path,) = conflicts(state)
        assert show_succession(state, signed(A, B)).conflict == path

    def test_a_minority_makes_none(self, state: StateFolder) -> None:
        rotate(state, B)
        with pytest.raises(QuorumError):
            show_succession(state, signed(A, C, WITNESSES[:1]))
        assert conflicts(state) == []

    def test_a_person_who_compares_goes_on(self, state: StateFolder) -> None:
        rotate(state, B)
        show_succession(state, signed(A, C))
        rotate_by_person(state, B)
        rotate(state, C, B, OF_B)
        assert state.trust() == C
        assert len(conflicts(state)) == 1

    def test_of_the_trust_file_that_is_pinned_no_word_but_a_persons_counts(self, state: StateFolder) -> None:
        show_succession(state, signed(A, B))
        show_succession(state, signed(A, C))
        rotate_by_person(state, A)
        with pytest.raises(ForkError):
            rotate(state, B)
        rotate_by_person(state, C)
        rotate(state, D, C, OF_C)

    def test_a_person_who_went_another_way_than_the_witnesses_is_no_conflict(self, state: StateFolder) -> None:
        show_succession(state, signed(A, B))
        rotate_by_person(state, C)
        rotate(state, D, C, OF_C)
        assert conflicts(state) == []
        assert show_succession(state, signed(A, D)).conflict is not None


class TestDamaged:
    @pytest.mark.parametrize("data", [b"", b"{}", b"\0" * 40])
    def test_a_damaged_lineage_stops_successions_until_a_person_compares(self, state: StateFolder, data: bytes) -> None:
        rotate(state, B)
        (state.folder / "lineage.json").write_bytes(data)
        for call in (lambda: rotate(state, C, B, OF_B), lambda: show_succession(state, signed(A, C))):
            with pytest.raises(MalformedError):
                call()
        assert state.trust() == B
        assert not rotate_by_person(state, B)
        rotate(state, C, B, OF_B)

    def test_damaged_evidence_stops_them_too(self, state: StateFolder) -> None:
        show_succession(state, signed(A, B))
        shown = show_succession(state, signed(A, C))
        assert shown.conflict is not None
        shown.conflict.write_bytes(b"{")
        with pytest.raises(MalformedError):
            rotate(state, B)
        assert rotate_by_person(state, B)

    def test_a_lineage_that_is_too_long_is_not_read(self, state: StateFolder) -> None:
        with (state.folder / "lineage.json").open("wb") as file:
            file.truncate(MAX_BYTES + 1)
        with pytest.raises(MalformedError):
            rotate(state, B)


_CHILD = """
import sys
from pathlib import Path
from light_node.state import StateFolder
from light_node.succession.rotating import rotate_by_person, rotate_by_succession, show_succession
from tests.light_node.succession.making import A, B, C, signed
from tests.simulator.witnesses import WITNESSES
import os, signal
from ipfs import files
folder, word, writes = StateFolder(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
replace = files.replace_durably
def counted(path, data, **more):
    global writes
    if writes == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    writes -= 1
    replace(path, data, **more)
files.replace_durably = counted
with folder.alone():
    if word == "succession":
        rotate_by_succession(folder, B, signed(A, B), A.trusted_block.time)
    elif word == "person":
        rotate_by_person(folder, B)
    else:
        show_succession(folder, signed(A, C))
"""


def killed(tmp_path: Path, word: str, writes: int) -> bool:
    """Whether it was killed at that write, and not done before."""
    command = [sys.executable, "-c", _CHILD, str(tmp_path / "node"), word, str(writes)]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode in (0, -signal.SIGKILL)
    return done.returncode != 0


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    """Nobody holds it."""
    state = StateFolder(tmp_path / "node")
    state.make()
    with state.alone():
        rotate_by_person(state, A)
    return state


class TestCrash:
    """Killed before any of its writes, it has the old trust file or the new one, and the same again completes it."""

    @pytest.mark.parametrize("writes", range(4))
    def test_of_a_rotation_by_succession(self, folder: StateFolder, tmp_path: Path, writes: int) -> None:
        assert killed(tmp_path, "succession", writes) == (writes < 3)
        assert folder.trust() == (A if writes < 3 else B)
        assert (KeptLineage(folder).load().succession_of(digest_of(A)) is not None) == (writes > 0)
        rotate(folder, B)
        assert folder.trust() == B
        assert KeptLineage(folder).load().ancestry(digest_of(B)) == (digest_of(B), digest_of(A))

    @pytest.mark.parametrize("writes", range(1, 4))
    def test_after_which_the_other_one_is_a_conflict(self, folder: StateFolder, tmp_path: Path, writes: int) -> None:
        killed(tmp_path, "succession", writes)
        with pytest.raises(ForkError):
            rotate(folder, C)
        assert len(conflicts(folder)) == 1

    @pytest.mark.parametrize("writes", range(3))
    def test_of_a_rotation_by_a_person(self, folder: StateFolder, tmp_path: Path, writes: int) -> None:
        assert killed(tmp_path, "person", writes) == (writes < 2)
        assert folder.trust() == (A if writes < 2 else B)
        rotate_by_person(folder, B)
        assert KeptLineage(folder).load().ancestry(digest_of(B)) == (digest_of(B),)

    @pytest.mark.parametrize("writes", range(2))
    def test_of_keeping_a_conflict(self, folder: StateFolder, tmp_path: Path, writes: int) -> None:
        """It is one write: either it is seen and stops, or it has not been seen."""
        with folder.alone():
            show_succession(folder, signed(A, B))
        assert killed(tmp_path, "conflict", writes) == (writes < 1)
        assert len(conflicts(folder)) == writes
        if writes:
            with pytest.raises(ForkError):
                rotate(folder, B)
        else:
            rotate(folder, B)


def remember(state: StateFolder, number: int, block_hash: bytes, anchored_at: int = 0) -> None:
    evidence = WORLD.chain.evidence(WORLD.battery, block=WORLD.chain.blocks[1])
    block = TrustedBlock(number, block_hash, WORLD.chain.blocks[1].time)
    head = SignedHead(evidence.header, evidence.finality)
    state.remember(Memory(A.chain_id, block, head, anchored_at=anchored_at))
