"""Collecting from other homes' witnesses: honest ones sign, every kind of bad one is named and costs little time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ledger.chain.process import find_free_port
from ledger.proof.checkpoint import SignedCheckpoint
from ledger.proof.cosignature import add_cosignatures, cosign, verify_cosignatures, witness_key_from_seed
from ledger.proof.merkle_tree import consistency_path
from ledger.proof.note import SigningKey
from ledger.service.witness_client import MAX_ANSWER_BYTES, Asked
from ledger.service.witness_collect import Question, ask_all
from ledger.service.witness_peers import Peer
from ledger.service.witness_request import SIZE, Request, Response
from tests.ledger.service.witness.running import Running
from tests.ledger.service.witness.world import MEMBER, NOW, OWN, World, chain_of, checkpoint_of, tree_of

CHAIN = chain_of(40)
PLAIN = checkpoint_of(CHAIN, 20)
SIGNED = add_cosignatures(SignedCheckpoint(PLAIN, ()), [cosign(PLAIN, MEMBER, NOW)])
OTHER = witness_key_from_seed("other.example", b"p" * 32)
LIMIT_S = 1.5
Answer = Callable[[Request], Response]


def question(believed: dict[str, int] | None = None) -> Question:
    tree = tree_of(CHAIN)
    return Question(SIGNED, lambda old: consistency_path(tree, old, 20) if old <= 20 else [], believed or {})


def ask(*peers: Peer, believed: dict[str, int] | None = None, limit_s: float = LIMIT_S) -> list[Asked]:
    began = time.monotonic()
    found = ask_all(peers, question(believed), limit_s=limit_s)
    assert time.monotonic() - began < limit_s + 2
    return found


@contextmanager
def running(answer: Answer, key: SigningKey = OWN) -> Iterator[Peer]:
    server = Running(answer)
    try:
        yield Peer(server.url, key.public)
    finally:
        server.close()


@contextmanager
def listening(talk: Callable[[socket.socket], None]) -> Iterator[Peer]:
    """Whatever speaks to whoever connects; not HTTP of ours."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, suppress(OSError):
                        talk(connection)

        threading.Thread(target=run, daemon=True).start()
        yield Peer(f"http://127.0.0.1:{server.getsockname()[1]}", OWN.public)


def always(status: int, body: bytes | str, content_type: str = "text/plain") -> Answer:
    data = body if isinstance(body, bytes) else body.encode()
    return lambda _: Response(status, data, content_type)


class TestHonest:
    @pytest.mark.parametrize(
        ("before", "believed"), [(0, {}), (7, {}), (7, {OWN.public.name: 7}), (20, {}), (7, {OWN.public.name: 13})]
    )
    def test_it_signs_whatever_was_believed_of_it(self, tmp_path: Path, before: int, believed: dict[str, int]) -> None:
        world = World(tmp_path, CHAIN)
        if before:
            world.add(0, before)
        with running(world.answers.answer) as peer:
            (asked,) = ask(peer, believed=believed)
        assert asked.said.word == "signed"
        assert asked.cosignature is not None
        verify_cosignatures(SignedCheckpoint(PLAIN, (asked.cosignature,)), [OWN.public], 1)
        assert world.size == 20

    def test_it_is_ahead(self, tmp_path: Path) -> None:
        world = World(tmp_path, CHAIN)
        world.add(0, 25)
        with running(world.answers.answer) as peer:
            (asked,) = ask(peer)
        assert (asked.said.word, asked.ahead, asked.cosignature) == ("ahead", 25, None)
        assert world.size == 25

    def test_it_is_waited_for_while_its_node_is_behind(self, tmp_path: Path) -> None:
        world = World(tmp_path, CHAIN[:10])
        threading.Timer(0.5, lambda: world.node.hashes.extend(CHAIN[10:])).start()
        with running(world.answers.answer) as peer:
            (asked,) = ask(peer, limit_s=5)
        assert asked.said.word == "signed"

    def test_its_node_stays_behind(self, tmp_path: Path) -> None:
        with running(World(tmp_path, CHAIN[:10]).answers.answer) as peer:
            (asked,) = ask(peer)
        assert asked.said.word == "behind"
        assert "holds 10 blocks" in asked.said.text

    def test_it_is_on_another_chain(self, tmp_path: Path) -> None:
        with running(World(tmp_path, chain_of(40, forked_at=5)).answers.answer) as peer:
            (asked,) = ask(peer)
        assert asked.said.word == "refused"
        assert "422: the node of this witness holds other blocks" in asked.said.text


class TestBad:
    def said(self, peer: Peer) -> str:
        (asked,) = ask(peer)
        assert asked.cosignature is None
        return asked.said.word

    def test_dead(self) -> None:
        assert self.said(Peer(f"http://127.0.0.1:{find_free_port()}", OWN.public)) == "unreachable"

    def test_of_no_known_name(self) -> None:
        assert self.said(Peer("http://witness.invalid:1", OWN.public)) in ("unreachable", "slow")

    @pytest.mark.parametrize("status", [201, 204, 301, 302, 307, 400, 403, 404, 418, 422, 500, 502])
    def test_refusing(self, status: int) -> None:
        line = b"" if status == 204 else cosign(PLAIN, OWN, NOW).line.encode()
        with running(always(status, line)) as peer:
            assert self.said(peer) == "refused"

    def test_no_redirect_is_followed(self, tmp_path: Path) -> None:
        world = World(tmp_path, CHAIN)
        with running(world.answers.answer) as honest:
            where = {"location": f"{honest.url}/add-checkpoint"}
            with running(lambda _: Response(307, b"", headers=where)) as peer:
                assert self.said(peer) == "refused"
        assert world.size == 0

    @pytest.mark.parametrize(
        "line",
        [
            cosign(PLAIN, OTHER, NOW).line,
            cosign(checkpoint_of(CHAIN, 19), OWN, NOW).line,
            cosign(checkpoint_of(chain_of(40, forked_at=5), 20), OWN, NOW).line,
            cosign(PLAIN, witness_key_from_seed(OWN.public.name, b"x" * 32), NOW).line,
            cosign(PLAIN, OWN, NOW).line * 2,
            cosign(PLAIN, OWN, NOW).line + "\n",
            cosign(PLAIN, OWN, NOW).line[:-1],
            SIGNED.note,
            "",
            "— own.example AAAA\n",
            "\x1b[2J",
        ],
    )
    def test_what_is_no_signature_of_its_key_on_this(self, line: str) -> None:
        with running(always(200, line)) as peer:
            assert self.said(peer) == "false"

    def test_lines_of_strangers_beside_its_own_are_ignored(self) -> None:
        lines = cosign(PLAIN, OTHER, NOW).line + cosign(PLAIN, OWN, NOW).line
        with running(always(200, lines)) as peer:
            (asked,) = ask(peer)
        assert asked.cosignature == cosign(PLAIN, OWN, NOW)

    @pytest.mark.parametrize("body", ["", "x\n", "-1\n", "0\n", "007\n", f"{2**63}\n", "1 2\n", "²\n", "7"])
    def test_a_size_that_is_none_or_changes_nothing(self, body: str) -> None:
        with running(always(409, body, SIZE)) as peer:
            assert self.said(peer) == "false"

    def test_a_word_that_changes_all_the_time(self) -> None:
        sizes = iter(range(1, 1000))
        with running(lambda _: Response(409, f"{next(sizes)}\n".encode(), SIZE)) as peer:
            assert self.said(peer) == "false"
        assert next(sizes) < 10

    def test_a_size_from_nowhere_is_only_reported(self) -> None:
        with running(always(409, f"{10**15}\n", SIZE)) as peer:
            (asked,) = ask(peer)
        assert (asked.said.word, asked.ahead) == ("ahead", 10**15)

    def test_a_conflict_without_its_type_is_a_refusal(self) -> None:
        with running(always(409, "7\n")) as peer:
            assert self.said(peer) == "refused"

    def test_never_now(self) -> None:
        with running(always(503, "not now\n")) as peer:
            assert self.said(peer) == "behind"

    def test_too_large(self) -> None:
        with running(always(200, bytes(MAX_ANSWER_BYTES + 1))) as peer:
            assert self.said(peer) == "too-large"

    def test_packed_to_look_small(self) -> None:
        """Nothing is unpacked: what says that it is packed is no signature line."""
        with running(lambda _: Response(200, b"\x1f\x8b" + bytes(100), headers={"content-encoding": "gzip"})) as peer:
            assert self.said(peer) == "false"

    def test_silent(self) -> None:
        with listening(lambda connection: time.sleep(10)) as peer:
            assert self.said(peer) == "slow"

    @pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"])
    def test_one_byte_after_the_other(self, start: bytes) -> None:
        def drip(connection: socket.socket) -> None:
            connection.sendall(start)
            for _ in range(200):
                connection.sendall(b"x")
                time.sleep(0.05)

        with listening(drip) as peer:
            assert self.said(peer) == "slow"

    def test_not_http(self) -> None:
        with listening(lambda connection: connection.sendall(b"SSH-2.0-x\r\n\r\n")) as peer:
            assert self.said(peer) == "unreachable"

    def test_closing_at_once(self) -> None:
        with listening(lambda connection: None) as peer:
            assert self.said(peer) == "unreachable"


def test_the_good_ones_sign_beside_all_others(tmp_path: Path) -> None:
    world = World(tmp_path, CHAIN)
    with (
        running(world.answers.answer) as good,
        running(always(200, cosign(PLAIN, OWN, NOW).line), OTHER) as lying,
        listening(lambda connection: time.sleep(10)) as slow,
    ):
        dead = Peer(f"http://127.0.0.1:{find_free_port()}", OTHER.public)
        found = ask(lying, slow, good, dead)
    assert [one.said.word for one in found] == ["false", "slow", "signed", "unreachable"]
