"""What a witness answers: one signature for one history, and every other request refused with its own status."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import quote

import pytest

from ledger.errors import UnreachableError
from ledger.proof.checkpoint import Checkpoint, SignedCheckpoint, parse_checkpoint
from ledger.proof.cosignature import add_cosignatures, cosign, verify_cosignatures, witness_key_from_seed
from ledger.proof.note import parse_signature_lines
from ledger.proof.tlog_text import nonce_line
from ledger.service.witness_answers import MAX_REFUSED_NOTES, RENEW_SECONDS
from ledger.service.witness_request import SIZE, Request, Response
from tests.ledger.service.witness.world import (
    MEMBER,
    NOW,
    OWN,
    STRANGER,
    World,
    chain_of,
    checkpoint_of,
    submission,
)

CHAIN, FORK = chain_of(40), chain_of(40, forked_at=12)
NONCE = bytes(range(32))
FRESH = f"/fresh?nonce={quote(base64.b64encode(NONCE).decode(), safe='')}"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A witness whose node holds 30 blocks as final."""
    return World(tmp_path, CHAIN[:30])


def verified(response: Response, checkpoint: Checkpoint) -> int:
    """Time of the cosignature in an answer."""
    assert (response.status, response.content_type) == (200, "text/plain; charset=utf-8")
    signed = SignedCheckpoint(checkpoint, parse_signature_lines(response.body))
    return verify_cosignatures(signed, [OWN.public], 1).cosignatures[0].time


def assert_refused(world: World, response: Response, status: int, size: int | None = None) -> None:
    """Refused with that status, and the memory is as it was."""
    assert response.status == status, response.body
    assert response.body.endswith(b"\n")
    assert b"\xe2\x80\x94" not in response.body
    assert world.size == (size or 0)


class TestSigning:
    def test_a_first_checkpoint_is_signed(self, world: World) -> None:
        assert verified(world.add(0, 20), checkpoint_of(CHAIN, 20)) == NOW
        assert world.size == 20

    def test_what_extends_the_last_one_is_signed(self, world: World) -> None:
        for old, size in ((0, 7), (7, 8), (8, 29), (29, 30)):
            verified(world.add(old, size), checkpoint_of(CHAIN, size))

    def test_the_same_once_more_is_signed_with_the_time_of_now(self, world: World) -> None:
        world.add(0, 20)
        world.clock.now += 100
        assert verified(world.add(20, 20), checkpoint_of(CHAIN, 20)) == NOW + 100

    def test_the_memory_is_on_disk_before_the_answer_is_there(self, world: World) -> None:
        world.add(0, 20)
        note = parse_checkpoint((world.folder / "own.note").read_bytes())
        assert note.checkpoint == checkpoint_of(CHAIN, 20)


class TestRefused:
    def test_another_log(self, world: World) -> None:
        assert_refused(world, world.add(0, 20, origin="other.example"), 404)

    def test_signed_by_a_stranger(self, world: World) -> None:
        assert_refused(world, world.add(0, 20, by=STRANGER), 403)

    def test_signed_by_somebody_with_a_members_name(self, world: World) -> None:
        impostor = witness_key_from_seed(MEMBER.public.name, b"x" * 32)
        assert_refused(world, world.add(0, 20, by=impostor), 403)

    def test_a_members_signature_of_something_else(self, world: World) -> None:
        other = submission(CHAIN, 0, 20).replace(b"\n20\n", b"\n21\n")
        assert_refused(world, world.post(other), 403)

    def test_an_old_size_above_the_checkpoint(self, world: World) -> None:
        assert_refused(world, world.add(21, 20), 400)

    @pytest.mark.parametrize("old", [0, 19, 21, 29])
    def test_another_old_size_than_the_last_is_told_the_right_one(self, world: World, old: int) -> None:
        world.add(0, 20)
        response = world.add(old, 30)
        assert_refused(world, response, 409, 20)
        assert (response.body, response.content_type) == (b"20\n", SIZE)

    def test_an_old_size_where_nothing_was_signed_is_told_zero(self, world: World) -> None:
        response = world.add(5, 20)
        assert_refused(world, response, 409)
        assert (response.body, response.content_type) == (b"0\n", SIZE)

    def test_a_smaller_tree_is_never_signed(self, world: World) -> None:
        world.add(0, 20)
        for old in range(20):
            assert_refused(world, world.add(old, 19), 409, 20)
        assert_refused(world, world.add(20, 19), 400, 20)

    @pytest.mark.parametrize("path", [[], [bytes(32)], [bytes(32)] * 63])
    def test_a_proof_that_does_not_verify(self, world: World, path: list[bytes]) -> None:
        world.add(0, 20)
        assert_refused(world, world.add(20, 30, path=path), 422, 20)

    def test_a_proof_from_nothing(self, world: World) -> None:
        assert_refused(world, world.add(0, 20, path=[bytes(32)]), 422)

    def test_a_proof_at_the_same_size(self, world: World) -> None:
        world.add(0, 20)
        assert_refused(world, world.add(20, 20, path=[bytes(32)]), 422, 20)

    def test_more_blocks_than_its_node_holds_as_final(self, world: World) -> None:
        response = world.add(0, 31, CHAIN)
        assert_refused(world, response, 503)
        assert response.headers == {"retry-after": "1"}

    def test_further_lines_are_vouched_for_by_nobody(self, world: World) -> None:
        for lines in ((nonce_line(NONCE),), ("anything",)):
            assert_refused(world, world.add(0, 20, lines=lines), 400)

    def test_an_empty_tree(self, world: World) -> None:
        assert_refused(world, world.add(0, 0), 400)

    @pytest.mark.parametrize("body", [b"", b"old 0\n\n", b"\xff" * 100, b"old 0\n\n" + b"x" * 70_000])
    def test_what_is_no_request(self, world: World, body: bytes) -> None:
        assert_refused(world, world.post(body), 400)

    def test_a_node_that_does_not_answer(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        def gone() -> int:
            raise UnreachableError("node at http://10.1.2.3: secret words")

        monkeypatch.setattr(world.node, "final_size", gone)
        response = world.add(0, 20)
        assert_refused(world, response, 503)
        assert b"10.1.2.3" not in response.body

    def test_a_memory_that_cannot_be_read_signs_nothing(self, world: World) -> None:
        world.add(0, 20)
        (world.folder / "own.note").write_bytes(b"torn")
        for response in (world.add(0, 25), world.add(20, 25), world.get(FRESH)):
            assert response.status == 500

    def test_a_memory_of_another_log_signs_nothing(self, world: World) -> None:
        other = checkpoint_of(CHAIN, 10, "other.example")
        note = add_cosignatures(SignedCheckpoint(other, ()), [cosign(other, OWN, NOW)])
        (world.folder / "own.note").write_text(note.note)
        assert_refused(world, world.add(10, 25), 500, 10)


class TestFork:
    """A log that shows two histories gets a signature for one of them."""

    def test_another_history_at_the_same_size(self, world: World) -> None:
        world.add(0, 20)
        assert_refused(world, world.add(20, 20, FORK), 409, 20)

    def test_a_longer_other_history_with_its_own_honest_proof(self, world: World) -> None:
        world.add(0, 20)
        assert_refused(world, world.add(20, 30, FORK), 422, 20)

    def test_the_first_signature_too_is_for_the_own_nodes_blocks_only(self, world: World) -> None:
        assert_refused(world, world.add(0, 20, FORK), 422)

    def test_a_node_that_changes_sides_moves_no_witness(self, world: World) -> None:
        world.add(0, 20)
        world.node.hashes = FORK
        for response in (world.add(20, 30, FORK), world.add(20, 20, FORK), world.get(FRESH)):
            assert response.status in (409, 422, 503)
        world.clock.now += RENEW_SECONDS
        assert world.get(FRESH).status == 503
        assert world.witness.last() == checkpoint_of(CHAIN, 20)

    def test_not_even_after_it_was_started_again(self, world: World) -> None:
        world.add(0, 20)
        world.node.hashes = FORK
        world.answers = world.start()
        assert_refused(world, world.add(20, 30, FORK), 422, 20)
        assert_refused(world, world.add(0, 30, FORK), 409, 20)

    def test_the_common_beginning_may_be_signed_before_the_fork_shows(self, world: World) -> None:
        verified(world.add(0, 12, FORK), checkpoint_of(CHAIN, 12))
        assert_refused(world, world.add(12, 13, FORK), 422, 12)

    def test_what_contradicts_is_kept_with_the_members_signature(self, world: World) -> None:
        world.add(0, 20)
        world.add(20, 20, FORK)
        world.add(20, 25, FORK, path=[])
        (kept,) = (world.folder / "refused").glob("*.note")
        note = parse_checkpoint(kept.read_bytes())
        assert note.checkpoint == checkpoint_of(FORK, 20)
        verify_cosignatures(note, [MEMBER.public], 1)

    def test_it_is_not_kept_without_end(self, world: World) -> None:
        folder = world.folder / "refused"
        folder.mkdir()
        for number in range(MAX_REFUSED_NOTES):
            (folder / f"{number}.note").touch()
        assert world.add(0, 20, FORK).status == 422
        assert len(list(folder.iterdir())) == MAX_REFUSED_NOTES


@pytest.mark.parametrize("target", ["/", "", "*", "/add-checkpoint/", "//add-checkpoint", "/Checkpoint", "/own.note"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_unknown_places(world: World, method: str, target: str) -> None:
    assert world.answers.answer(Request(method, target)).status == 404


@pytest.mark.parametrize("target", ["/../own.note", "/checkpoint/../own.note", "/%63heckpoint", "http://x/checkpoint"])
def test_ways_around(world: World, target: str) -> None:
    world.add(0, 20)
    assert world.get(target).status == 404


@pytest.mark.parametrize(
    ("method", "target", "allowed"),
    [(method, "/add-checkpoint", "POST") for method in ("GET", "PUT", "DELETE", "OPTIONS", "get")]
    + [(method, place, "GET") for method in ("POST", "HEAD", "PATCH") for place in ("/checkpoint", "/fresh")],
)
def test_wrong_methods(world: World, method: str, target: str, allowed: str) -> None:
    response = world.answers.answer(Request(method, target, submission(CHAIN, 0, 20)))
    assert_refused(world, response, 405)
    assert response.headers == {"allow": allowed}


def test_a_body_or_a_query_where_none_belongs(world: World) -> None:
    assert world.answers.answer(Request("GET", "/checkpoint", b"x")).status == 400
    assert world.post(submission(CHAIN, 0, 20), "/add-checkpoint?x=1").status == 400
