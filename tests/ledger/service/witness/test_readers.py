"""What a witness answers readers: its last checkpoint, consistency proofs, and a fresh checkpoint for their nonce."""

from __future__ import annotations

import base64
from pathlib import Path
from urllib.parse import quote

import pytest

from ledger.proof.checkpoint import Checkpoint, SignedCheckpoint, parse_checkpoint
from ledger.proof.cosignature import add_cosignatures, cosign, verify_cosignatures
from ledger.proof.merkle import leaf_hash, verify_consistency, verify_inclusion
from ledger.proof.merkle_tree import root_of
from ledger.proof.tlog_text import nonce_line, parse_consistency_proof, parse_inclusion_proof
from ledger.service.witness_answers import RENEW_SECONDS
from ledger.service.witness_request import Request
from tests.ledger.service.witness.world import MEMBER, NOW, ORIGIN, OWN, World, chain_of, checkpoint_of, tree_of

CHAIN = chain_of(40)
NONCE = bytes(range(32))
FRESH = f"/fresh?nonce={quote(base64.b64encode(NONCE).decode(), safe='')}"


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A witness whose node holds 30 blocks as final."""
    return World(tmp_path, CHAIN[:30])


class TestReaders:
    def test_the_last_checkpoint(self, world: World) -> None:
        world.add(0, 20)
        assert parse_checkpoint(world.get("/checkpoint").body).checkpoint == checkpoint_of(CHAIN, 20)

    def test_a_collected_checkpoint_has_more_signatures(self, world: World) -> None:
        world.add(0, 20)
        checkpoint = checkpoint_of(CHAIN, 18)
        lines = [cosign(checkpoint, key, NOW) for key in (MEMBER, OWN)]
        (world.folder / "checkpoint.note").write_text(add_cosignatures(SignedCheckpoint(checkpoint, ()), lines).note)
        assert len(parse_checkpoint(world.get("/checkpoint").body).signatures) == 2

    def test_a_collected_checkpoint_of_another_log_is_not_shown(self, world: World) -> None:
        world.add(0, 20)
        other = checkpoint_of(CHAIN, 18, "other.example")
        note = add_cosignatures(SignedCheckpoint(other, ()), [cosign(other, OWN, NOW)])
        (world.folder / "checkpoint.note").write_text(note.note)
        assert parse_checkpoint(world.get("/checkpoint").body).checkpoint.origin == ORIGIN

    def test_nothing_was_signed_yet(self, world: World) -> None:
        world.node.hashes = []
        assert world.get("/checkpoint").status == 404
        assert world.get(FRESH).status == 404

    @pytest.mark.parametrize(("old", "new"), [(1, 30), (7, 8), (16, 17), (30, 30), (13, 29)])
    def test_a_consistency_proof_verifies(self, world: World, old: int, new: int) -> None:
        proof = parse_consistency_proof(world.get(f"/consistency?old={old}&new={new}").body)
        roots = [root_of(tree_of(CHAIN), size) for size in (old, new)]
        assert (proof.old, proof.new) == (old, new)
        verify_consistency(old, new, roots[0], roots[1], proof.path)

    @pytest.mark.parametrize(
        "query",
        [
            "",
            "?",
            "?old=1",
            "?new=2",
            "?old=1&new=2&more=3",
            "?old=1&old=1&new=2",
            "?old=1&new=2&",
            "?old=01&new=2",
            "?old=-1&new=2",
            "?old=2&new=1",
            "?old=0&new=1",
            "?old=1&new=x",
            f"?old=1&new={2**63}",
            "?old&new",
            "?old=1&new=2#x",
            "?old=%31%30&new=2",
            "?old=1;new=2",
            "?old=" + "9" * 5000 + "&new=1",
        ],
    )
    def test_sizes_that_are_none(self, world: World, query: str) -> None:
        assert world.get(f"/consistency{query}").status == 400

    def test_beyond_what_the_node_holds(self, world: World) -> None:
        assert world.get("/consistency?old=1&new=31").status == 404

    @pytest.mark.parametrize(("block", "size"), [(0, 1), (0, 30), (29, 30), (15, 16), (16, 17), (7, 29)])
    def test_an_inclusion_proof_verifies(self, world: World, block: int, size: int) -> None:
        proof = parse_inclusion_proof(world.get(f"/inclusion?block={block}&size={size}").body)
        assert (proof.block, proof.size) == (block, size)
        verify_inclusion(leaf_hash(CHAIN[block]), block, size, proof.path, root_of(tree_of(CHAIN), size))

    @pytest.mark.parametrize(
        "query",
        [
            "",
            "?block=1",
            "?size=2",
            "?block=1&size=2&more=3",
            "?block=1&block=1&size=2",
            "?block=01&size=2",
            "?block=-1&size=2",
            "?block=2&size=2",
            "?block=0&size=0",
            "?block=3&size=2",
            "?block=x&size=2",
            f"?block=1&size={2**63}",
            "?block&size",
            "?block=1;size=2",
            "?old=1&new=2",
        ],
    )
    def test_blocks_that_are_in_no_such_tree(self, world: World, query: str) -> None:
        assert world.get(f"/inclusion{query}").status == 400

    def test_a_block_in_a_tree_beyond_what_the_node_holds(self, world: World) -> None:
        assert world.get("/inclusion?block=1&size=31").status == 404

    def test_an_inclusion_needs_no_body_and_is_not_posted(self, world: World) -> None:
        assert world.answers.answer(Request("GET", "/inclusion?block=1&size=2", b"x")).status == 400
        assert world.answers.answer(Request("POST", "/inclusion?block=1&size=2")).status == 405


class TestFresh:
    def fresh(self, world: World, target: str = FRESH) -> SignedCheckpoint:
        response = world.get(target)
        assert response.status == 200, response.body
        note = parse_checkpoint(response.body)
        verify_cosignatures(note, [OWN.public], 1)
        return note

    def test_it_is_bound_to_the_nonce_and_signed_now(self, world: World) -> None:
        world.add(0, 20)
        world.clock.now += 5
        note = self.fresh(world)
        assert note.checkpoint == Checkpoint(ORIGIN, 20, root_of(tree_of(CHAIN), 20), (nonce_line(NONCE),))
        assert verify_cosignatures(note, [OWN.public], 1).cosignatures[0].time == NOW + 5

    def test_a_plus_sign_need_not_be_encoded(self, world: World) -> None:
        nonce = b"\xfb" * 32
        note = self.fresh(world, f"/fresh?nonce={base64.b64encode(nonce).decode()}")
        assert note.checkpoint.extensions == (nonce_line(nonce),)

    def test_the_memory_stays_an_ordinary_checkpoint(self, world: World) -> None:
        world.add(0, 20)
        before = (world.folder / "own.note").read_bytes()
        self.fresh(world)
        assert (world.folder / "own.note").read_bytes() == before

    def test_an_old_signature_is_renewed_from_the_own_node_and_remembered(self, world: World) -> None:
        world.add(0, 20)
        world.node.lag = 2
        world.clock.now += RENEW_SECONDS
        assert self.fresh(world).checkpoint.size == 28
        assert world.size == 28
        assert world.add(20, 25).status == 409

    def test_a_young_signature_is_not(self, world: World) -> None:
        world.add(0, 20)
        world.clock.now += RENEW_SECONDS - 1
        assert self.fresh(world).checkpoint.size == 20

    def test_a_witness_that_signed_nothing_yet_begins(self, world: World) -> None:
        assert self.fresh(world).checkpoint.size == world.size == 30

    def test_a_node_that_fell_behind_takes_nothing_back(self, world: World) -> None:
        world.add(0, 20)
        world.clock.now += RENEW_SECONDS
        world.node.hashes = CHAIN[:10]
        assert world.get(FRESH).status == 503
        assert world.size == 20

    @pytest.mark.parametrize(
        "query",
        [
            "",
            "?nonce=",
            "?nonce=AAAA",
            "?nonce=" + "A" * 43,
            "?nonce=" + "_" * 43 + "%3D",
            f"{FRESH[6:]}&size=3",
            f"{FRESH[6:]}&{FRESH[7:]}",
            FRESH[6:].replace("%3D", "%0A"),
            FRESH[6:] + "%0Amore",
            "?Nonce=" + "A" * 43,
        ],
    )
    def test_a_nonce_that_is_none(self, world: World, query: str) -> None:
        world.add(0, 20)
        assert world.get(f"/fresh{query}").status == 400
