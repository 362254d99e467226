"""Rotating a trust file by what its witnesses signed, as a person does it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from light_node.trust import Trust, encode_trust
from tests.light_node.succession.making import NEWCOMERS, A, B, C, note
from tests.light_node.test_cli import Bench
from tests.simulator.witnesses import WITNESSES

PATIENT = replace(A, maximum_age_seconds=A.maximum_age_seconds + 1)
"""By the same witnesses."""


@pytest.fixture
def bench(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench(tmp_path, capsys, monkeypatch)
    assert made.trust == A
    made.pin()
    return made


def file(bench: Bench, trust: Trust) -> Path:
    return bench.write("new.json", encode_trust(trust))


def rotate(bench: Bench, trust: Trust, data: bytes) -> int:
    return bench.run("trust", "rotate", file(bench, trust), "--succession", bench.write("note", data))


def show(bench: Bench, data: bytes) -> int:
    return bench.run("trust", "succession", bench.write("note", data))


def test_rotated_by_k_of_the_old_witnesses(bench: Bench) -> None:
    assert rotate(bench, B, note(A, B)) == 0
    assert f"by a succession that {WITNESSES[0].name}, {WITNESSES[1].name} signed" in bench.out
    assert bench.json("trust", "fingerprint")["fingerprint"] == B.fingerprint()
    assert bench.run("state") == 0


def test_what_was_accepted_before_stays(bench: Bench) -> None:
    bench.run("verify", bench.car)
    before = bench.json("state")["head"]
    assert rotate(bench, B, note(A, B)) == 0
    assert bench.json("state")["head"] == before is not None


def test_exactly_one_word_counts(bench: Bench) -> None:
    words = ("trust", "rotate", file(bench, B), "--fingerprint", B.fingerprint())
    for chosen in (words[:3], (*words, "--succession", bench.write("note", note(A, B)))):
        assert bench.run(*chosen) == 2
    assert bench.json("trust", "fingerprint")["fingerprint"] == A.fingerprint()


@pytest.mark.parametrize(
    ("trust", "data", "code", "error"),
    [
        (B, note(A, B, WITNESSES[:1]), 3, "QuorumError"),
        (B, note(A, B, NEWCOMERS), 3, "QuorumError"),
        (C, note(A, B), 3, "UntrustedError"),
        (C, note(B, C), 3, "UntrustedError"),
        (C, note(A, B).replace(B.fingerprint()[:4].encode(), b"0000"), 1, "SignatureError"),
        (B, b"", 2, "MalformedError"),
        (B, b"x" * 100_000, 2, "MalformedError"),
        (B, note(A, B)[:-2], 2, "MalformedError"),
    ],
)
def test_refused_with_its_reason_and_nothing_is_pinned(
    bench: Bench, trust: Trust, data: bytes, code: int, error: str
) -> None:
    assert rotate(bench, trust, data) == code
    assert bench.err.startswith(f"{error}: ")
    assert bench.json("trust", "fingerprint")["fingerprint"] == A.fingerprint()


def test_files_that_are_not_there_end_with_2(bench: Bench) -> None:
    assert bench.run("trust", "succession", "nowhere") == 2
    assert bench.run("trust", "rotate", "nowhere", "--succession", "nowhere") == 2


@pytest.mark.parametrize("words", [("trust", "succession"), ("trust", "rotate", "--succession")])
def test_without_a_node_it_says_what_to_do(tmp_path: Path, bench: Bench, words: tuple[str, ...]) -> None:
    new = [file(bench, B)] if "rotate" in words else []
    chosen = [*words[:2], *new, *words[2:], bench.write("note", note(A, B))]
    bench.folder = tmp_path / "elsewhere"
    assert bench.run(*chosen) == 2
    assert "pin a trust file first" in bench.err


def test_shown_and_not_used(bench: Bench) -> None:
    assert show(bench, note(A, B)) == 0
    assert "this node did not take it" in bench.out
    assert bench.json("trust", "fingerprint")["fingerprint"] == A.fingerprint()
    rotate(bench, B, note(A, B))
    assert show(bench, note(A, B)) == 0
    assert "this node took it" in bench.out


def test_a_conflict_is_told_by_everything_that_tells_of_forks(bench: Bench) -> None:
    rotate(bench, B, note(A, B))
    assert show(bench, note(A, C)) == 1
    assert "two successions of one trust file that contradict each other" in bench.out
    assert bench.run("state") == 1
    assert "two successions of one trust file that contradict each other: " in bench.out
    (kept,) = (bench.folder / "node" / "forks").iterdir()
    assert bench.json("state")["forks"] == [str(kept)]
    settings = f'[[assets]]\nname = "car"\ntype = "vehicle"\nsubject = "{"00" * 3}02{"11" * 28}"\n'
    settings += '[[sources]]\nname = "stick"\nkind = "file"\npath = "evidence"\n'
    assert bench.run("health", "--config", bench.write("light.toml", settings.encode())) == 1
    assert "1 pairs of signed statements contradict each other" in bench.out


def test_a_conflict_stops_rotation_until_a_person_compares(bench: Bench) -> None:
    rotate(bench, B, note(A, B))
    show(bench, note(A, C))
    by = (*WITNESSES[1:], NEWCOMERS[0])
    assert rotate(bench, C, note(B, C, by)) == 1
    assert bench.err.startswith("ForkError: ")
    assert bench.run("trust", "pin", file(bench, B), "--fingerprint", B.fingerprint()) == 0
    assert rotate(bench, C, note(B, C, by)) == 0
    assert bench.run("state") == 1


def test_nothing_is_verified_by_witnesses_who_signed_two_successors(bench: Bench) -> None:
    assert bench.run("verify", bench.car) == 0
    show(bench, note(A, PATIENT))
    show(bench, note(A, C))
    assert bench.run("verify", bench.car) == 3
    assert "UNDETERMINED at step 3 (finality): witnesses of the trust file" in bench.out
    assert bench.run("verify", bench.write("cut", bench.car.read_bytes()[:-1])) == 2
    assert bench.run("anchor", "--source", "http://127.0.0.1:9", "--source", "http://127.0.0.1:8") == 3
    assert "signed two successors, which this node rests on" in bench.err
    assert bench.run("trust", "pin", file(bench, A), "--fingerprint", A.fingerprint()) == 0
    assert bench.run("verify", bench.car) == 3
    assert bench.run("trust", "rotate", file(bench, PATIENT), "--fingerprint", PATIENT.fingerprint()) == 0
    assert bench.run("verify", bench.car) == 0


def test_nothing_is_verified_where_those_before_signed_two(bench: Bench) -> None:
    rotate(bench, PATIENT, note(A, PATIENT))
    assert bench.run("verify", bench.car) == 0
    head = bench.json("state")["head"]
    show(bench, note(A, C))
    assert bench.run("verify", bench.car) == 3
    assert bench.json("state")["head"] == head
    assert bench.run("trust", "pin", file(bench, PATIENT), "--fingerprint", PATIENT.fingerprint()) == 0
    assert bench.run("verify", bench.car) == 0


def test_a_damaged_lineage_is_told(bench: Bench) -> None:
    (bench.folder / "node" / "lineage.json").write_bytes(b"{")
    assert rotate(bench, B, note(A, B)) == 2
    assert bench.run("trust", "rotate", file(bench, B), "--fingerprint", B.fingerprint()) == 0
    assert "could not be read, and is forgotten" in bench.err


def test_after_a_sleep_no_succession_counts(bench: Bench) -> None:
    bench.at(A.trusted_block.time + A.trusting_period_seconds + 1)
    assert rotate(bench, B, note(A, B)) == 3
    assert "beyond the trusting period" in bench.err
