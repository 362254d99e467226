"""Have the witnesses of other homes sign a checkpoint: all at once, each within its time, and a report of every one."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import httpx

from ledger.chain.blocks import BlockTree
from ledger.proof.checkpoint import SignedCheckpoint
from ledger.proof.merkle_tree import consistency_path
from ledger.service.witness_client import CONVERSATION_S, Asked, WitnessClient
from ledger.service.witness_peers import Peer, Said
from ledger.store.database import Database

_GRACE_S = 1.0


@dataclass(frozen=True, slots=True)
class Question:
    """What every witness is asked.

    Attributes:
        signed: A checkpoint of the own node's tree, signed by the witnesses of this home.
        paths: Gives the consistency path to it from a size; threads may share it.
        believed: What each witness is believed to have signed last, by name; nothing where it does not stand there.
    """

    signed: SignedCheckpoint
    paths: Callable[[int], Sequence[bytes]]
    believed: Mapping[str, int]


def paths_in(database: Database, size: int) -> Callable[[int], Sequence[bytes]]:
    """Give the consistency paths to ``size`` from the index; an empty one from sizes that none leads from."""

    def path(old: int) -> Sequence[bytes]:
        with database.read() as session:
            return consistency_path(BlockTree(session), old, size) if old <= size else []

    return path


def ask_all(
    peers: Sequence[Peer],
    question: Question,
    transport: httpx.BaseTransport | None = None,
    *,
    limit_s: float = CONVERSATION_S,
) -> list[Asked]:
    """Ask every witness at the same time.

    Args:
        peers: Whom.
        question: What.
        transport: For HTTP; the network by default.
        limit_s: For all of them together; who is not done by then was too slow.

    Returns: One for each, in their order.
    """
    client = WitnessClient(transport)
    answers: queue.SimpleQueue[tuple[int, Asked]] = queue.SimpleQueue()

    def ask(place: int) -> None:
        peer = peers[place]
        old = min(question.believed.get(peer.name, 0), question.signed.checkpoint.size)
        answers.put((place, client.cosign(peer, question.signed, question.paths, old, limit_s=limit_s)))

    for place in range(len(peers)):  # as daemons: one that hangs must not keep this process
        threading.Thread(target=ask, args=(place,), daemon=True).start()
    try:
        found = _gather(answers, len(peers), limit_s + _GRACE_S)
    finally:
        client.close()
    late = {place: Asked(Said(peer.name, "slow", f"not done within {limit_s:g} s")) for place, peer in enumerate(peers)}
    return [found.get(place, late[place]) for place in range(len(peers))]


def _gather(answers: queue.SimpleQueue[tuple[int, Asked]], count: int, limit_s: float) -> dict[int, Asked]:
    deadline, found = time.monotonic() + limit_s, dict[int, Asked]()
    while len(found) < count:
        try:
            place, asked = answers.get(timeout=max(deadline - time.monotonic(), 0.001))
        except queue.Empty:
            break
        found[place] = asked
    return found
