"""A home hands out what enough witnesses signed: verified once, kept over a crash, never replaced."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from ledger.errors import (
    ForkError,
    MalformedError,
    QuorumError,
    RollbackError,
    SignatureError,
    UntrustedError,
    VinculumError,
)
from ledger.service.witness_publish import FOUND_FOR_S, Publications, answer_succession
from ledger.service.witness_request import Request
from light_node.succession.published import MEDIA_TYPE, Published, encode_published, parse_published
from light_node.succession.rules import digest_of
from light_node.succession.statement import parse_succession
from light_node.trust import Trust, TrustedBlock
from tests.ledger.service.witness.running import Running
from tests.ledger.service.witness.world import World, chain_of
from tests.light_node.succession.making import NEWCOMERS, A, B, C, D, body, note, signed
from tests.simulator.witnesses import WITNESSES, Witness, succeeded

ROOT = Path(__file__).resolve().parents[4]
OF_A = f"/succession/{digest_of(A).hex()}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "published"


@pytest.fixture
def publications(folder: Path) -> Publications:
    return Publications(folder)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, chain_of(3))


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.*")}


class TestKept:
    def test_what_was_published_is_found(self, publications: Publications, folder: Path) -> None:
        assert publications.publish(A, B, signed(A, B))
        assert Publications(folder).find(digest_of(A)) == Published((signed(A, B),), B)
        assert publications.find(digest_of(B)) is None

    def test_the_same_again_changes_nothing(self, publications: Publications, folder: Path) -> None:
        publications.publish(A, B, signed(A, B))
        before = files(folder)
        assert not publications.publish(A, B, signed(A, B, WITNESSES[1:]))
        assert files(folder) == before

    def test_one_after_the_other(self, publications: Publications) -> None:
        publications.publish(A, B, signed(A, B))
        publications.publish(B, C, signed(B, C, (*WITNESSES[1:], NEWCOMERS[0])))
        found = publications.find(digest_of(B))
        assert found is not None
        assert found.successor == C


class TestRefused:
    """Nothing is kept."""

    @pytest.mark.parametrize("by", [WITNESSES[:1], NEWCOMERS, (WITNESSES[0], *NEWCOMERS)])
    def test_too_few(self, publications: Publications, folder: Path, by: tuple[Witness, ...]) -> None:
        with pytest.raises(QuorumError):
            publications.publish(A, B, signed(A, B, by))
        assert files(folder) == {}

    @pytest.mark.parametrize(("old", "new"), [(B, C), (A, C), (B, A)])
    def test_of_other_trust_files(self, publications: Publications, folder: Path, old: Trust, new: Trust) -> None:
        with pytest.raises(UntrustedError):
            publications.publish(old, new, signed(A, B))
        assert files(folder) == {}

    def test_a_signature_of_another(self, publications: Publications, folder: Path) -> None:
        data = note(A, B).replace(digest_of(B).hex().encode(), digest_of(C).hex().encode())
        with pytest.raises(SignatureError):
            publications.publish(A, C, parse_succession(data))
        assert files(folder) == {}

    def test_one_that_goes_back(self, publications: Publications, folder: Path) -> None:
        later = replace(A, trusted_block=TrustedBlock(9, b"\1" * 32, A.trusted_block.time + 9))
        with pytest.raises(RollbackError):
            publications.publish(later, A, parse_succession(succeeded(body(later, A), WITNESSES)))
        assert files(folder) == {}


class TestTwo:
    def test_another_successor_is_kept_beside_the_first(self, publications: Publications, folder: Path) -> None:
        publications.publish(A, B, signed(A, B))
        first = files(folder)
        with pytest.raises(ForkError) as found:
            publications.publish(A, C, signed(A, C))
        assert {found.value.first, found.value.second} == {note(A, B), note(A, C)}
        assert {name: files(folder)[name] for name in first} == first
        assert publications.find(digest_of(A)) == Published((signed(A, B), signed(A, C)), B)

    def test_a_third_adds_nothing_and_either_again_is_told(self, publications: Publications, folder: Path) -> None:
        publications.publish(A, B, signed(A, B))
        for new in (C, D, C):
            with pytest.raises(ForkError):
                publications.publish(A, new, signed(A, new))
        assert not publications.publish(A, B, signed(A, B))
        assert len(files(folder)) == 2

    def test_one_that_too_few_signed_is_no_evidence(self, publications: Publications, folder: Path) -> None:
        publications.publish(A, B, signed(A, B))
        with pytest.raises(QuorumError):
            publications.publish(A, C, signed(A, C, WITNESSES[:1]))
        assert len(files(folder)) == 1

    def test_lines_of_strangers_do_not_make_them_too_long_for_readers(self, publications: Publications) -> None:
        strangers = [Witness(f"{number:03}.{'x' * 150}.example", bytes((number, 3))) for number in range(240)]
        publications.publish(A, B, signed(A, B, (*WITNESSES[:2], *strangers)))
        with pytest.raises(ForkError):
            publications.publish(A, C, signed(A, C, (*strangers, *WITNESSES[:2])))
        response = answer_succession(publications, digest_of(A).hex(), "")
        assert parse_published(response.body) == Published((signed(A, B), signed(A, C)), B)

    def test_many_at_once_keep_one_first(self, folder: Path) -> None:
        done = list[Trust]()

        def publish(new: Trust) -> None:
            try:
                Publications(folder).publish(A, new, signed(A, new))
                done.append(new)
            except VinculumError:
                pass

        threads = [threading.Thread(target=publish, args=(one,)) for one in [B, C] * 4]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = Publications(folder).find(digest_of(A))
        assert found is not None
        assert done == [found.successor] * 4
        assert len(found.notes) == 2


_CHILD = """
import os, signal, sys
from pathlib import Path
from ledger.service import witness_publish
from tests.light_node.succession.making import A, B, C, signed
write = witness_publish.write_durably
def killing(path, data):
    if sys.argv[2] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    write(path, data)
    os.kill(os.getpid(), signal.SIGKILL)
witness_publish.write_durably = killing
new = B if sys.argv[3] == "B" else C
witness_publish.Publications(Path(sys.argv[1])).publish(A, new, signed(A, new))
"""


def killed(folder: Path, when: str, which: str) -> None:
    child = [sys.executable, "-c", _CHILD, str(folder), when, which]
    done = subprocess.run(child, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_its_write_it_has_all_or_nothing(publications: Publications, folder: Path, when: str) -> None:
    killed(folder, when, "B")
    found = publications.find(digest_of(A))
    assert found == (None if when == "before" else Published((signed(A, B),), B))
    assert publications.publish(A, B, signed(A, B)) is (when == "before")


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_the_evidence_the_first_one_stays(publications: Publications, folder: Path, when: str) -> None:
    publications.publish(A, B, signed(A, B))
    killed(folder, when, "C")
    found = publications.find(digest_of(A))
    assert found is not None
    assert found.notes[0] == signed(A, B)
    assert len(found.notes) == (1 if when == "before" else 2)
    with pytest.raises(ForkError):
        publications.publish(A, C, signed(A, C))


class TestAnswered:
    def test_to_whoever_asks(self, world: World, publications: Publications) -> None:
        assert world.get(OF_A).status == 404
        publications.publish(A, B, signed(A, B))
        answer = world.get(OF_A)
        assert (answer.status, answer.content_type) == (200, MEDIA_TYPE)
        assert parse_published(answer.body) == Published((signed(A, B),), B)
        assert answer.headers == {"Cache-Control": f"public, max-age={FOUND_FOR_S}"}

    def test_with_what_contradicts_it(self, world: World, publications: Publications) -> None:
        publications.publish(A, B, signed(A, B))
        with pytest.raises(ForkError):
            publications.publish(A, C, signed(A, C))
        assert len(parse_published(world.get(OF_A).body).notes) == 2

    @pytest.mark.parametrize(
        "place",
        [
            digest_of(B).hex(),
            digest_of(A).hex().upper(),
            digest_of(A).hex()[:-1],
            f"0x{digest_of(A).hex()}",
            f"{digest_of(A).hex()}/",
            f"{digest_of(A).hex()}.json",
            f"../published/{digest_of(A).hex()}",
            f"%2e%2e/{digest_of(A).hex()}",
            "",
            "\0" * 64,
            "x" * 64,
        ],
    )
    def test_other_places_are_none(self, world: World, publications: Publications, place: str) -> None:
        publications.publish(A, B, signed(A, B))
        assert world.get(f"/succession/{place}").status == 404

    def test_other_requests_are_refused(self, world: World, publications: Publications) -> None:
        publications.publish(A, B, signed(A, B))
        assert world.get(f"{OF_A}?x=1").status == 400
        assert world.answers.answer(Request("GET", OF_A, b"x")).status == 400
        for method in ("POST", "PUT", "DELETE"):
            answer = world.answers.answer(Request(method, OF_A))
            assert (answer.status, answer.headers["allow"]) == (405, "GET")
        assert publications.find(digest_of(A)) == Published((signed(A, B),), B)

    @pytest.mark.parametrize("data", [b"", b"{}", encode_published(Published((signed(B, C),), C))])
    def test_what_was_damaged_is_not_handed_out(
        self, world: World, publications: Publications, folder: Path, data: bytes
    ) -> None:
        publications.publish(A, B, signed(A, B))
        (folder / f"{digest_of(A).hex()}.json").write_bytes(data)
        assert world.get(OF_A).status == 500
        with pytest.raises(MalformedError):
            publications.publish(A, B, signed(A, B))
        assert world.get("/checkpoint").status == 404  # all else goes on

    @pytest.mark.parametrize("name", ["json", "other.note"])
    @pytest.mark.parametrize("put", [os.mkfifo, Path.mkdir, lambda path: path.write_bytes(b"x" * 10_000_000)])
    def test_a_pipe_or_a_folder_in_its_place_is_damage_and_nobody_waits_for_it(
        self, world: World, publications: Publications, folder: Path, name: str, put: Callable[[Path], object]
    ) -> None:
        publications.publish(A, B, signed(A, B))
        path, answers = folder / f"{digest_of(A).hex()}.{name}", list[int]()
        path.unlink(missing_ok=True)
        put(path)
        asked = threading.Thread(target=lambda: answers.append(world.get(OF_A).status), daemon=True)
        asked.start()
        asked.join(5)
        assert answers == [500]
        with pytest.raises(MalformedError):
            publications.publish(A, B, signed(A, B))


@pytest.fixture
def running(world: World) -> Iterator[Running]:
    made = Running(world.answers.answer)
    yield made
    made.close()


def test_over_http_a_proxy_may_keep_it_for_a_while(running: Running, publications: Publications) -> None:
    url = f"{running.url}{OF_A}"
    missing = httpx.get(url, trust_env=False)
    assert (missing.status_code, missing.headers.get_list("cache-control")) == (404, ["public, max-age=60"])
    publications.publish(A, B, signed(A, B))
    found = httpx.get(url, trust_env=False)
    assert (found.status_code, found.headers.get_list("cache-control")) == (200, ["public, max-age=300"])
    assert found.headers["content-type"] == MEDIA_TYPE
    assert parse_published(found.content).successor == B
