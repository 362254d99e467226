"""A witness over a log that a test can grow and fork, and what a member would send it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ledger.errors import MissingError
from ledger.proof.checkpoint import Checkpoint, SignedCheckpoint
from ledger.proof.cosignature import add_cosignatures, cosign, witness_key_from_seed
from ledger.proof.merkle import leaf_hash
from ledger.proof.merkle_tree import MemoryTree, NodeReader, consistency_path, root_of
from ledger.proof.note import SigningKey
from ledger.proof.tlog_text import AddCheckpoint, encode_add_checkpoint
from ledger.service.witness_answers import Files, WitnessAnswers
from ledger.service.witness_promise import Witness
from ledger.service.witness_request import Request, Response
from tests.simulator.chain import Simulator

ORIGIN = "simulator.example/blocks"
NOW = 1_790_000_000
MEMBER = witness_key_from_seed("member.example", b"m" * 32)
STRANGER = witness_key_from_seed("stranger.example", b"s" * 32)
OWN = witness_key_from_seed("own.example", b"o" * 32)


def chain_of(blocks: int, *, forked_at: int | None = None) -> list[bytes]:
    """Hashes of a simulated chain's blocks; from ``forked_at`` on they are others."""
    simulator = Simulator()
    while len(simulator.blocks) < blocks:
        if len(simulator.blocks) == forked_at:
            simulator.time += 1
        simulator.mine()
    return [block.hash for block in simulator.blocks[:blocks]]


def tree_of(hashes: Sequence[bytes]) -> MemoryTree:
    return MemoryTree(map(leaf_hash, hashes))


class _Tree:
    """Complete nodes as the index gives them."""

    def __init__(self, tree: MemoryTree) -> None:
        self._tree = tree

    def node(self, level: int, position: int) -> bytes:
        try:
            return self._tree.node(level, position)
        except IndexError:
            raise MissingError("the tree does not reach that far") from None


class LogNode:
    """A member's node that holds some blocks of a log as final."""

    def __init__(self, hashes: Sequence[bytes], lag: int = 0) -> None:
        self.hashes, self.lag, self.asked = list(hashes), lag, 0

    def final_size(self) -> int:
        self.asked += 1
        return len(self.hashes)

    def signing_size(self) -> int:
        return max(self.final_size() - self.lag, 0)

    @contextmanager
    def tree(self) -> Iterator[NodeReader]:
        yield _Tree(tree_of(self.hashes))


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class World:
    """One witness, its node, its folder and its clock."""

    def __init__(self, folder: Path, hashes: Sequence[bytes]) -> None:
        self.folder, self.node, self.clock = folder, LogNode(hashes), Clock()
        self.witness = Witness(OWN, folder / "own.note")
        self.answers = self.start()

    def start(self) -> WitnessAnswers:
        """As the process would start again."""
        files = Files(self.folder / "checkpoint.note", self.folder / "refused", self.folder / "published")
        return WitnessAnswers(ORIGIN, self.witness, self.node, lambda: [MEMBER.public], files, self.clock)

    def post(self, body: bytes, target: str = "/add-checkpoint") -> Response:
        return self.answers.answer(Request("POST", target, body))

    def get(self, target: str) -> Response:
        return self.answers.answer(Request("GET", target))

    def add(self, old: int, size: int, hashes: Sequence[bytes] | None = None, **changed: object) -> Response:
        return self.post(submission(self.node.hashes if hashes is None else hashes, old, size, **changed))

    @property
    def size(self) -> int:
        last = self.witness.last()
        return 0 if last is None else last.size


def checkpoint_of(hashes: Sequence[bytes], size: int, origin: str = ORIGIN) -> Checkpoint:
    return Checkpoint(origin, size, root_of(tree_of(hashes), size))


def submission(
    hashes: Sequence[bytes],
    old: int,
    size: int,
    *,
    origin: str = ORIGIN,
    by: SigningKey = MEMBER,
    lines: tuple[str, ...] = (),
    path: Sequence[bytes] | None = None,
) -> bytes:
    """What a member sends to have a tree of these blocks cosigned."""
    plain = checkpoint_of(hashes, size, origin)
    checkpoint = Checkpoint(plain.origin, plain.size, plain.root, lines)
    signed = add_cosignatures(SignedCheckpoint(checkpoint, ()), [cosign(checkpoint, by, NOW)])
    proof = consistency_path(tree_of(hashes), old, size) if path is None and old <= size else path or []
    return encode_add_checkpoint(AddCheckpoint(old, tuple(proof), signed))
