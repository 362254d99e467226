"""After a long sleep: fresh checkpoints, bound to an own nonce, from HTTP servers that may lie, be slow or dead."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from ledger.errors import (
    ConfigurationError,
    ForkError,
    MissingError,
    QuorumError,
    RejectedError,
    SourceTimeoutError,
    TooLargeError,
    UnreachableError,
    UntrustedError,
)
from ledger.proof.evidence import encode_evidence
from ledger.proof.merkle import leaf_hash
from ledger.proof.merkle_tree import MemoryTree, consistency_path, root_of
from ledger.proof.tlog_text import ConsistencyProof, encode_consistency_proof
from light_node.anchoring import anchor_anew, fetch_path
from light_node.http_source import HttpSource
from light_node.node import LightNode
from light_node.state import StateFolder
from light_node.verdict import Outcome
from tests.simulator.chain import DAY, ORIGIN
from tests.simulator.witnesses import WITNESSES, Witness, checkpoint_body, cosigned
from tests.simulator.world import World, make_world

Respond = Callable[[str, dict[str, list[str]]], tuple[int, bytes]]


@contextmanager
def served(respond: Respond) -> Iterator[HttpSource]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            status, body = respond(parts.path, parse_qs(parts.query))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield HttpSource(f"http://127.0.0.1:{server.server_port}", timeout_s=2.0)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Sleeper:
    """A node that slept for two trusting periods, and the witnesses of its chain."""

    def __init__(self, folder: Path) -> None:
        self.world: World = make_world()
        chain = self.world.chain
        self.trust = chain.trust(trusting_period_seconds=700 * DAY)
        self.state = StateFolder(folder)
        self.state.make()
        self.state.pin(self.trust)
        before = encode_evidence(chain.evidence(self.world.battery))
        assert LightNode(self.state).judge(before, now=chain.time).verdict.outcome is Outcome.VERIFIED
        chain.time += 750 * DAY
        chain.mine()
        self.now = chain.time

    @property
    def tree(self) -> MemoryTree:
        return MemoryTree([leaf_hash(block.hash) for block in self.world.chain.blocks])

    def witness(self, *signers: Witness, size: int | None = None, at: int = 0, nonce: bytes | None = None) -> Respond:
        def respond(path: str, query: dict[str, list[str]]) -> tuple[int, bytes]:
            tree = self.tree
            if path == "/consistency":
                old, new = int(query["old"][0]), int(query["new"][0])
                proof = ConsistencyProof(old, new, tuple(consistency_path(tree, old, new)))
                return 200, encode_consistency_proof(proof)
            given = query["nonce"][0] if nonce is None else base64.b64encode(nonce).decode()
            count = tree.size if size is None else size
            body = f"{checkpoint_body(ORIGIN, count, root_of(tree, count))}nonce {given}\n"
            return 200, cosigned(body, self.now + at, signers).encode()

        return respond

    def anchor(self, *sources: HttpSource) -> None:
        anchor, memory = anchor_anew(self.trust, self.state.memory(), sources, self.now, lambda size: b"n" * size)
        assert anchor.size == self.tree.size
        assert memory is not None
        self.state.remember(memory)

    def judge(self, source: HttpSource | None = None) -> Outcome:
        data = encode_evidence(self.world.chain.evidence(self.world.battery))
        node = LightNode(self.state)
        sizes = node.unproven_sizes(data)
        path = None if source is None or sizes is None else fetch_path([source], *sizes)
        return node.judge(data, now=self.world.chain.time, path=path).verdict.outcome


@pytest.fixture
def sleeper(tmp_path: Path) -> Sleeper:
    return Sleeper(tmp_path / "node")


@pytest.fixture
def serve() -> Iterator[Callable[[Respond], HttpSource]]:
    with ExitStack() as stack:
        yield lambda respond: stack.enter_context(served(respond))


Serve = Callable[[Respond], HttpSource]


def test_beyond_the_period_nothing_is_judged_until_two_witnesses_answered(sleeper: Sleeper, serve: Serve) -> None:
    sources = [serve(sleeper.witness(one)) for one in WITNESSES[:2]]
    assert sleeper.judge(sources[0]) is Outcome.UNDETERMINED
    sleeper.anchor(*sources)
    assert sleeper.judge(sources[0]) is Outcome.VERIFIED


def test_dead_slow_and_lying_witnesses_do_not_stop_the_others(sleeper: Sleeper, serve: Serve) -> None:
    dead = HttpSource("http://127.0.0.1:9", timeout_s=1.0)
    false = serve(lambda *_: (200, b"junk"))
    odd = serve(lambda *_: (500, b""))
    sleeper.anchor(dead, false, odd, *(serve(sleeper.witness(one)) for one in WITNESSES[:2]))


def test_one_source_is_not_enough_whoever_signed(sleeper: Sleeper, serve: Serve) -> None:
    with pytest.raises(QuorumError):
        sleeper.anchor(serve(sleeper.witness(*WITNESSES)))


def test_one_source_named_twice_is_one(sleeper: Sleeper, serve: Serve) -> None:
    source = serve(sleeper.witness(*WITNESSES))
    with pytest.raises(QuorumError):
        sleeper.anchor(source, source)


def test_answer_to_another_nonce_does_not_count(sleeper: Sleeper, serve: Serve) -> None:
    old = [serve(sleeper.witness(one, nonce=bytes(32))) for one in WITNESSES[:2]]
    with pytest.raises(UntrustedError):
        sleeper.anchor(*old)


def test_witnesses_that_contradict_each_other_stop_it(sleeper: Sleeper, serve: Serve) -> None:
    other = make_world()
    other.chain.time += 750 * DAY + 1
    other.chain.mine()
    other.chain.mine()
    honest = sleeper.witness(WITNESSES[0])
    real, sleeper.world = sleeper.world, other
    liar = sleeper.witness(WITNESSES[1])
    false = liar("/fresh", {"nonce": [base64.b64encode(b"n" * 32).decode()]})
    sleeper.world = real
    assert sleeper.tree.size == 3
    with pytest.raises(ForkError):
        sleeper.anchor(serve(honest), serve(lambda path, query: false if path == "/fresh" else honest(path, query)))


def test_anchor_alone_takes_no_head_back(sleeper: Sleeper, serve: Serve) -> None:
    before = sleeper.state.memory()
    sleeper.anchor(*(serve(sleeper.witness(one)) for one in WITNESSES[:2]))
    after = sleeper.state.memory()
    assert before is not None
    assert after is not None
    assert after.block == before.block
    assert after.anchored_at == sleeper.now


def test_path_that_nobody_shows_is_missing(serve: Serve) -> None:
    with pytest.raises(MissingError):
        fetch_path([serve(lambda *_: (404, b"")), serve(lambda *_: (200, b"old 1\nnew 3\n"))], 1, 2)


@pytest.mark.parametrize(
    "url", ["", "ftp://host", "http://", "http://host:port", "http://host/?q=1", "http://me@host", "file:///etc/passwd"]
)
def test_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        HttpSource(url)


def test_answers_of_other_kinds_are_errors_of_ours(serve: Serve) -> None:
    big = serve(lambda *_: (200, b"x" * 1000))
    assert len(big.get("/", 1000)) == 1000
    with pytest.raises(TooLargeError):
        big.get("/", 999)
    with pytest.raises(MissingError):
        serve(lambda *_: (404, b"")).get("/", 10)
    with pytest.raises(RejectedError):
        serve(lambda *_: (302, b"")).get("/", 10)
    with pytest.raises(UnreachableError):
        HttpSource("http://127.0.0.1:9").get("/", 10)


def test_server_that_never_ends_is_left_in_time(serve: Serve) -> None:
    waiting = threading.Event()

    def respond(*_: object) -> tuple[int, bytes]:
        waiting.wait(5.0)
        return 200, b""

    try:
        with pytest.raises(SourceTimeoutError):
            serve(respond).get("/", 10)
    finally:
        waiting.set()
