"""``state compare`` as a person uses it: exit codes, what is kept, and that the own head stays where it is."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ledger.proof.evidence import encode_evidence
from ledger.proof.tlog_text import ConsistencyProof, encode_consistency_proof
from light_node.cli.main import main
from light_node.finality import verify_finality
from light_node.memory import encode_memory, parse_fork, parse_memory
from light_node.trust import encode_trust
from tests.light_node.heads import path_between, witnessed
from tests.light_node.sources.servers import Serve, WitnessNode, served
from tests.light_node.succession.making import A, B, C, note
from tests.simulator.world import World, make_world


class Bench:
    """Two nodes that pinned one trust file; the second one's ``head.json`` is what is handed over."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._capsys, self._patch, self.out, self.err = folder, capsys, monkeypatch, "", ""
        self.trust, self.own, self.other = make_world().chain.trust(), make_world(), make_world()
        (folder / "trust.json").write_bytes(encode_trust(self.trust))
        self.at(self.own.chain.time)

    def at(self, now: int) -> None:
        self._patch.setattr(time, "time", lambda: float(now))

    def run(self, *words: object) -> int:
        code = main([*map(str, words)])
        self.out, self.err = self._capsys.readouterr()
        return code

    def pinned(self, home: str) -> Path:
        words = ("trust", "pin", self.folder / "trust.json", "--fingerprint", self.trust.fingerprint())
        assert self.run(*words, "--home", self.folder / home) == 0
        return self.folder / home / "head.json"

    def verified(self, home: str, world: World) -> Path:
        """The head of a node that verified a file of the newest block; returns its ``head.json``."""
        head, car = self.pinned(home), self.folder / "car.json"
        car.write_bytes(encode_evidence(world.chain.evidence(world.vehicle)))
        self.at(world.chain.time)
        assert self.run("verify", car, "--home", self.folder / home) == 0
        return head

    def compared(self, *words: object, head: str = "other") -> int:
        """Hold the other's head against the own one, which must not move."""
        own = self.folder / "own" / "head.json"
        before = own.read_bytes()
        code = self.run("state", "compare", self.folder / head / "head.json", *words, "--home", self.folder / "own")
        assert own.read_bytes() == before
        return code

    def forks(self) -> list[Path]:
        return sorted((self.folder / "own" / "forks").glob("*.json"))


@pytest.fixture
def bench(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, capsys, monkeypatch)


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:
        yield lambda respond: stack.enter_context(served(respond))


@pytest.fixture
def apart(bench: Bench) -> Bench:
    """The other's head is two blocks higher, on the same chain."""
    bench.verified("own", bench.own)
    bench.other.chain.mine()
    bench.other.chain.mine()
    bench.verified("other", bench.other)
    return bench


@pytest.fixture
def forked(bench: Bench) -> Bench:
    """Another last block each."""
    bench.verified("own", bench.own)
    bench.other.chain.time += 1
    bench.verified("other", bench.other)
    return bench


# ---- one chain ---------------------------------------------------------------------------------------------------


def test_two_that_hold_the_same_head(bench: Bench) -> None:
    bench.verified("own", bench.own)
    bench.verified("other", bench.other)
    assert bench.compared() == 0
    assert bench.out.startswith("THE SAME HEAD\n  own    block 1 (")
    assert bench.compared("--json") == 0
    told = json.loads(bench.out)
    assert (told["outcome"], told["relation"], told["fork"]) == ("verified", "same", None)
    assert told["own"] == told["other"]
    assert bench.forks() == []


def test_a_path_from_a_file_shows_which_is_higher(apart: Bench) -> None:
    path = apart.folder / "path"
    path.write_bytes(encode_consistency_proof(ConsistencyProof(2, 4, path_between(apart.other.chain, 2, 4))))
    assert apart.compared("--consistency", path) == 0
    assert apart.out.startswith("ONE CHAIN: the other head is the higher one\n")
    assert "in a tree of 4 blocks" in apart.out
    swapped = ("--consistency", path, "--home", apart.folder / "other")
    assert apart.run("state", "compare", apart.folder / "own" / "head.json", *swapped) == 0
    assert apart.out.startswith("ONE CHAIN: the own head is the higher one\n")


def test_a_witness_is_asked_for_the_path_where_one_is_needed(apart: Bench, serve: Serve) -> None:
    witness = WitnessNode(apart.other.chain)
    url = serve(witness)
    assert apart.compared("--source", url) == 0
    assert witness.asked == ["/consistency"]


def test_nobody_is_asked_who_is_not_needed(forked: Bench, serve: Serve) -> None:
    witness = WitnessNode(forked.other.chain)
    assert forked.compared("--source", serve(witness)) == 1
    assert witness.asked == []


def test_home_and_json_may_stand_before_the_word(bench: Bench) -> None:
    bench.verified("own", bench.own)
    head = bench.verified("other", bench.other)
    assert bench.run("state", "--home", bench.folder / "own", "--json", "compare", head) == 0
    assert json.loads(bench.out)["relation"] == "same"


def test_state_alone_is_what_it_was(forked: Bench) -> None:
    assert forked.run("state", "--home", forked.folder / "own") == 0
    forked.compared()
    assert forked.run("state", "--home", forked.folder / "own") == 1
    assert "two heads that contradict each other" in forked.out


# ---- forks -------------------------------------------------------------------------------------------------------


def test_two_heads_that_contradict_each_other_are_kept_with_their_signatures(forked: Bench) -> None:
    assert forked.compared() == 1
    (kept,) = forked.forks()
    assert forked.out.startswith("REFUTED: two signed versions of block 1\n")
    assert f"both signed heads are kept in {kept}" in forked.out
    chain_id, *heads = parse_fork(kept.read_bytes())
    remembered = [parse_memory((forked.folder / name / "head.json").read_bytes()) for name in ("own", "other")]
    assert chain_id == forked.trust.chain_id
    assert heads == [one.signed for one in remembered]
    for signed in heads:  # whoever has the trust file sees that both were signed
        verify_finality(signed, forked.trust, forked.own.chain.time)


def test_they_are_kept_once_and_as_a_file_of_evidence_leaves_them(forked: Bench) -> None:
    assert forked.compared() == 1
    assert forked.compared("--json") == 1
    assert json.loads(forked.out)["fork"] == str(forked.forks()[0])
    assert forked.run("verify", forked.folder / "car.json", "--home", forked.folder / "own") == 1
    assert len(forked.forks()) == 1


def test_both_nodes_find_it(forked: Bench) -> None:
    words = ("state", "compare", forked.folder / "own" / "head.json", "--home", forked.folder / "other")
    assert forked.run(*words) == 1
    assert len(list((forked.folder / "other" / "forks").glob("*.json"))) == 1


# ---- what is kept of nothing -------------------------------------------------------------------------------------


@pytest.fixture
def refused(forked: Bench) -> Iterator[Callable[[bytes, int, str], None]]:
    """Hand this over; it ends with this code, and nothing is kept."""

    def refused(data: bytes, code: int, error: str) -> None:
        (forked.folder / "other" / "head.json").write_bytes(data)
        assert forked.compared("--json") == code
        told = json.loads(forked.out)
        assert (told["error"], told["relation"], told["fork"]) == (error, None, None)
        assert forked.compared() == code
        assert "Traceback" not in forked.err

    yield refused
    assert forked.forks() == []


Refused = Callable[[bytes, int, str], None]


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b'{"type":"x"}', b"\xff" * 9, b"[" * 10_000])
def test_what_is_no_head_ends_with_2(refused: Refused, data: bytes) -> None:
    refused(data, 2, "MalformedError")


def test_a_head_with_another_letter_ends_with_2(refused: Refused, forked: Bench) -> None:
    data = (forked.folder / "other" / "head.json").read_bytes()
    refused(data[:-1], 2, "MalformedError")
    refused(data + b"\n", 2, "MalformedError")
    refused(data.replace(b'"number":1', b'"number":2'), 2, "MalformedError")


def test_a_head_of_another_chain_ends_with_3(refused: Refused, forked: Bench) -> None:
    data = (forked.folder / "other" / "head.json").read_bytes()
    refused(data.replace(b'"chain_id":31337', b'"chain_id":1'), 3, "UntrustedError")


def test_a_head_without_its_signatures_ends_with_3(refused: Refused, forked: Bench) -> None:
    data = (forked.folder / "other" / "head.json").read_bytes()
    text = parse_memory(data).signed.finality.note  # type: ignore[union-attr]
    first = text.split("\n\n")[1].split("\n")[0]
    refused(data.replace(f"{first}\\n".encode(), b""), 3, "QuorumError")


@pytest.mark.parametrize("wait", [-86_400, 4000 * 86_400])
def test_with_a_slow_clock_or_after_a_long_sleep_it_ends_with_3(forked: Bench, wait: int) -> None:
    forked.at(forked.own.chain.time + wait)
    assert forked.compared() == 3
    assert forked.out.startswith("UNDETERMINED: ")
    assert forked.forks() == []


def test_without_a_path_it_ends_with_3(apart: Bench) -> None:
    assert apart.compared() == 3
    assert apart.out.startswith("UNDETERMINED: no proof that the tree of 4 blocks begins with that of 2\n")
    assert apart.forks() == []


@pytest.mark.parametrize(("data", "code"), [(b"", 2), (b"old 2\nnew 4\n", 2)])
def test_a_path_out_of_its_form_ends_with_2(apart: Bench, data: bytes, code: int) -> None:
    (apart.folder / "path").write_bytes(data)
    assert apart.compared("--consistency", apart.folder / "path") == code


def test_a_false_path_keeps_nothing(apart: Bench) -> None:
    path = (*path_between(apart.other.chain, 2, 4)[:-1], bytes(32))
    (apart.folder / "path").write_bytes(encode_consistency_proof(ConsistencyProof(2, 4, path)))
    assert apart.compared("--consistency", apart.folder / "path") == 3
    assert apart.forks() == []


def test_a_witness_without_the_path_ends_with_3(apart: Bench, serve: Serve) -> None:
    assert apart.compared("--source", serve(lambda *_: (404, b""))) == 3
    assert "MissingError" in apart.err


def test_who_accepted_nothing_yet_cannot_compare(bench: Bench) -> None:
    head = bench.verified("other", bench.other)
    bench.pinned("own")
    assert bench.run("state", "compare", head, "--home", bench.folder / "own") == 3
    assert "nothing was accepted here yet" in bench.err
    assert not (bench.folder / "own" / "head.json").exists()


def test_without_a_node_or_a_file_it_ends_with_2(bench: Bench) -> None:
    head = bench.verified("other", bench.other)
    assert bench.run("state", "compare", head, "--home", bench.folder / "none") == 2
    assert "pin a trust file first" in bench.err
    assert bench.run("state", "compare", bench.folder / "none", "--home", bench.folder / "other") == 2


def test_a_damaged_own_head_is_no_fresh_start(forked: Bench) -> None:
    (forked.folder / "own" / "head.json").write_bytes(b"{")
    assert forked.compared() == 2
    assert forked.forks() == []


def test_a_head_may_come_through_a_pipe(forked: Bench) -> None:
    """As with ``state compare <(ssh gateway cat head.json)``; what is longer than a head is not read to its end."""
    head, data = forked.folder / "other" / "head.json", encode_memory(witnessed(make_world()))
    head.unlink()
    os.mkfifo(head)
    writer = threading.Thread(target=head.write_bytes, args=(data,))
    writer.start()
    assert forked.compared() == 0
    writer.join()


def test_a_node_whose_witnesses_signed_two_successors_believes_no_head(forked: Bench) -> None:
    note_file = forked.folder / "note"
    for new, code in ((B, 0), (C, 1)):
        note_file.write_bytes(note(A, new))
        assert forked.run("trust", "succession", note_file, "--home", forked.folder / "own") == code
    assert forked.compared() == 3
    assert "signed two successors" in forked.err
    assert all(path.name.startswith("succession-") for path in forked.forks())
