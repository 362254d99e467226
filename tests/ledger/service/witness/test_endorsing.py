"""A witness signs one successor of a trust file, for good; and what members signed is put together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ledger.errors import ConsistencyError, MalformedError, MissingError, QuorumError, UntrustedError, VinculumError
from ledger.proof.note import NoteSignature, SigningKey
from ledger.service.witness_endorse import combine
from ledger.service.witness_promise import Witness
from light_node.succession.statement import (
    SignedSuccession,
    Succession,
    encode_succession,
    parse_succession,
    succession_of,
    verify_signatures,
    verify_succession,
)
from tests.ledger.service.witness.world import chain_of, checkpoint_of, tree_of
from tests.light_node.succession.making import NEWCOMERS, A, B, C, D, by, signed
from tests.simulator.chain import ORIGIN
from tests.simulator.witnesses import WITNESSES, succession_body

ROOT = Path(__file__).resolve().parents[4]
KEY = SigningKey("own.example", 0x04, b"o" * 32)
AB, AC, BC = succession_of(A, B), succession_of(A, C), succession_of(B, C)


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness(KEY, tmp_path / "own.note")


def again(tmp_path: Path) -> Witness:
    """As another program would begin."""
    return Witness(KEY, tmp_path / "own.note")


def kept(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "own.successions").glob("*"))


class TestPromise:
    def test_what_it_signs_is_kept_and_counts(self, witness: Witness, tmp_path: Path) -> None:
        old = by(A, (*WITNESSES[:2],), 2)
        line = witness.endorse(AB)
        (path,) = kept(tmp_path)
        assert path.name == f"{AB.old.hex()}.note"
        assert parse_succession(path.read_bytes()) == SignedSuccession(AB, (line,))
        with pytest.raises(QuorumError):  # of a trust file that does not pin it, it counts for nothing
            verify_signatures(old, SignedSuccession(succession_of(old, B), (line,)))

    def test_the_same_again_is_the_same_signature(self, witness: Witness, tmp_path: Path) -> None:
        assert witness.endorse(AB) == witness.endorse(AB) == again(tmp_path).endorse(AB)

    def test_another_successor_is_refused_for_good(self, witness: Witness, tmp_path: Path) -> None:
        witness.endorse(AB)
        before = [path.read_bytes() for path in kept(tmp_path)]
        for one in (witness, again(tmp_path)):
            with pytest.raises(ConsistencyError, match="signs no other"):
                one.endorse(AC)
        assert [path.read_bytes() for path in kept(tmp_path)] == before

    def test_back_to_what_was_followed_is_refused(self, witness: Witness, tmp_path: Path) -> None:
        witness.endorse(AB)
        witness.endorse(BC)
        for back in (succession_of(B, A), succession_of(C, A), succession_of(C, B)):
            with pytest.raises(ConsistencyError):
                witness.endorse(back)
        assert len(kept(tmp_path)) == 2

    def test_another_name_of_the_log_is_another_statement(self, witness: Witness) -> None:
        witness.endorse(AB)
        with pytest.raises(ConsistencyError):
            witness.endorse(Succession("other", AB.chain_id, AB.old, AB.new))

    def test_of_another_trust_file_it_signs(self, witness: Witness, tmp_path: Path) -> None:
        witness.endorse(AB)
        witness.endorse(BC)
        assert len(kept(tmp_path)) == 2

    @pytest.mark.parametrize("data", [b"", b"\0" * 9, b"x\n\n"])
    def test_what_it_signed_and_cannot_read_stops_it(self, witness: Witness, tmp_path: Path, data: bytes) -> None:
        witness.endorse(AB)
        kept(tmp_path)[0].write_bytes(data)
        with pytest.raises(MalformedError):
            witness.endorse(AB)
        witness.endorse(BC)

    def test_a_note_under_another_name_stops_it(self, witness: Witness, tmp_path: Path) -> None:
        witness.endorse(BC)
        kept(tmp_path)[0].rename(kept(tmp_path)[0].with_name(f"{AB.old.hex()}.note"))
        with pytest.raises(MalformedError, match="than its name says"):
            witness.endorse(AB)

    def test_what_no_note_can_hold_is_not_promised(self, witness: Witness, tmp_path: Path) -> None:
        with pytest.raises(MalformedError):
            witness.endorse(Succession("two\nlines", 1, bytes(32), b"\1" * 32))
        assert kept(tmp_path) == []

    def test_a_damaged_memory_of_checkpoints_signs_no_succession_either(self, witness: Witness, tmp_path: Path) -> None:
        (tmp_path / "own.note").write_bytes(b"")
        with pytest.raises(MalformedError):
            witness.endorse(AB)

    def test_it_leaves_its_checkpoints_alone(self, witness: Witness) -> None:
        hashes = chain_of(5)
        for size in (3, 5):
            witness.cosign(checkpoint_of(hashes, size, ORIGIN), tree_of(hashes), 1)
            witness.endorse(AB)
        last = witness.last()
        assert last is not None
        assert last.size == 5

    def test_many_at_once_sign_one(self, tmp_path: Path) -> None:
        statements, signed_ones = [AB, AC] * 4, list[Succession]()

        def ask(statement: Succession) -> None:
            try:
                again(tmp_path).endorse(statement)
                signed_ones.append(statement)
            except VinculumError:
                pass

        threads = [threading.Thread(target=ask, args=(one,)) for one in statements]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(signed_ones)) == 1

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_killed_at_its_signature_it_never_signs_another(self, tmp_path: Path, when: str) -> None:
        """Hard, in the moment before or after it is on disk; nobody saw the signature."""
        child = [sys.executable, "-c", _CHILD, str(tmp_path / "own.note"), when]
        done = subprocess.run(child, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
        assert done.returncode == -signal.SIGKILL
        if when == "before":
            again(tmp_path).endorse(AC)
            return
        with pytest.raises(ConsistencyError):
            again(tmp_path).endorse(AC)
        again(tmp_path).endorse(AB)


_CHILD = """
import os, signal, sys
from pathlib import Path
from ledger.service import witness_promise
from ledger.service.files import write_durably
from tests.ledger.service.witness.test_endorsing import AB, KEY
def write(path, data):
    if sys.argv[2] == "after":
        write_durably(path, data)
    os.kill(os.getpid(), signal.SIGKILL)
witness_promise.write_durably = write
witness_promise.Witness(KEY, Path(sys.argv[1])).endorse(AB)
"""


class TestCombine:
    def test_members_notes_become_one(self) -> None:
        alone = [signed(A, B, [one]) for one in WITNESSES]
        found = combine(A, alone)
        assert found.left_out == ()
        assert verify_succession(A, B, found.note).witnesses == tuple(one.name for one in WITNESSES)
        assert parse_succession(encode_succession(found.note)) == found.note

    def test_a_line_that_is_there_twice_stands_once(self) -> None:
        found = combine(A, [signed(A, B), signed(A, B, WITNESSES[1:]), signed(A, B)])
        assert len(found.note.signatures) == 3

    def test_what_counts_for_nothing_is_named_and_left_out(self) -> None:
        false = NoteSignature(WITNESSES[1].name, signed(A, B).signatures[1].key_id, bytes(64))
        short = NoteSignature(WITNESSES[2].name, signed(A, B, WITNESSES).signatures[2].key_id, bytes(9))
        cosigned = parse_succession(f"{AB.text}\n{WITNESSES[2].line(AB.text, 1)}")
        bad = [SignedSuccession(AB, (false, short)), signed(A, B, NEWCOMERS[:1]), cosigned]
        found = combine(A, [signed(A, B, WITNESSES[:1]), *bad])
        assert [line.name for line in found.note.signatures] == [WITNESSES[0].name]
        assert [name for name, _ in found.left_out] == [
            WITNESSES[1].name,
            WITNESSES[2].name,
            NEWCOMERS[0].name,
            WITNESSES[2].name,
        ]

    def test_a_false_line_hides_no_good_one_of_the_same_witness(self) -> None:
        false = NoteSignature(WITNESSES[0].name, signed(A, B).signatures[0].key_id, bytes(64))
        found = combine(A, [SignedSuccession(AB, (false,)), signed(A, B)])
        assert len(verify_succession(A, B, found.note).witnesses) == 2

    def test_different_successions_are_not_mixed(self) -> None:
        for other in (signed(A, C), signed(A, D), signed(B, C, WITNESSES[1:])):
            with pytest.raises(ConsistencyError, match="different successions"):
                combine(A, [signed(A, B), other])

    def test_of_another_trust_file(self) -> None:
        with pytest.raises(UntrustedError):
            combine(C, [signed(A, B)])

    def test_of_another_log(self) -> None:
        text = succession_body("other", A.chain_id, A.fingerprint(), B.fingerprint())
        note = parse_succession(f"{text}\n{WITNESSES[0].succession_line(text)}")
        with pytest.raises(UntrustedError):
            combine(A, [note])

    def test_where_nothing_counts_there_is_no_note(self) -> None:
        with pytest.raises(MissingError):
            combine(A, [signed(A, B, NEWCOMERS)])
