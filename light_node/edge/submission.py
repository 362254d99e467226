"""Submit signed batches until each is proven on chain; only then is one deleted.

::

    waiting ─ PUT ─ 202 ─ GET … 200 receipt ─ verified by our own trust file and memory ─ deleted
               │                          └── proves nothing: kept, asked again
               ├── no answer, 408, 425, 429, 5xx: back off, again
               └── 4xx: kept with the reason, not sent again until somebody says so
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from ledger.errors import MalformedError, RejectedError, RollbackError, SourceError, VerificationError
from ledger.proof.tlog_text import parse_consistency_proof
from light_node.back_off import BackOff
from light_node.edge.device_memory import DeviceMemory
from light_node.edge.gateway_client import Answer, Gateway
from light_node.edge.outgoing import Outgoing, Waiting
from light_node.edge.receipt import VerifiedInclusion, verify_receipts
from light_node.edge.statement import VerifiedStatement, parse_statement, verify_statement
from light_node.state import StateFolder

_OK, _ACCEPTED, _UNKNOWN = 200, 202, 404
_AGAIN = frozenset({408, 425, 429})
_SHOWN = 300
_TOGETHER = 256


@dataclass(slots=True)
class Round:
    """What one round over the queue came to.

    Attributes:
        delivered: Batches that were deleted, each with its proof.
        pending: Batches that the gateway has, without a receipt that proves them yet.
        refused: Batches that the gateway will not have.
        problems: What went wrong, in words.
        forks: Files in which two heads that contradict each other were kept.
        wait_s: How long the gateway asks to be left alone.
        failed: Whether to back off.
    """

    delivered: list[VerifiedInclusion] = field(default_factory=list)
    pending: int = 0
    refused: int = 0
    problems: list[str] = field(default_factory=list)
    forks: list[Path] = field(default_factory=list)
    wait_s: float = 0.0
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Device:
    """Who submits.

    Attributes:
        organisation: Number of the member that enrolled it and runs the gateway.
        state: The light node's folder: the device's own trust file, and what it accepted.
    """

    organisation: int
    state: StateFolder


class Submitter:
    """Carries batches from a queue to a gateway. Of one thread."""

    def __init__(self, outgoing: Outgoing, gateway: Gateway, device: Device, clock: Callable[[], float] = time.time):
        """Nothing is sent yet; ``clock`` is the device's, in seconds since 1970.

        Raises: MalformedError, where what the device remembers is damaged.
        """
        self._outgoing, self._gateway, self._clock = outgoing, gateway, clock
        self._organisation, self._memory = device.organisation, DeviceMemory(device.state)
        self._sent: set[bytes] = set()

    def round(self) -> Round:
        """Go over everything that waits, oldest first, once.

        No answer, or one that says *later*, ends the round: whoever cannot take one batch cannot take the next.
        """
        told = Round()
        for waiting in self._outgoing.waiting():
            if waiting.refused:
                told.refused += 1
                continue
            try:
                self._carry(waiting, told)
            except (SourceError, VerificationError) as error:
                told.problems.append(f"batch {waiting.digest.hex()[:16]}: {error}"[:_SHOWN])
                told.failed = True
                if isinstance(error, SourceError):
                    break
        return told

    def _carry(self, waiting: Waiting, told: Round) -> None:
        if any(one.digest == waiting.digest for one in told.delivered):
            return
        statement = self._verified(waiting)
        answer = self._ask(waiting)
        told.wait_s = max(told.wait_s, answer.wait_s)
        if answer.status == _OK:
            self._deliver(statement, answer.body, told)
        elif answer.status == _ACCEPTED:
            self._sent.add(waiting.digest)
            told.pending += 1
        elif 400 <= answer.status < 500 and answer.status not in _AGAIN:
            reason = f"{answer.status}: {answer.body[:_SHOWN].decode('utf-8', 'replace').strip()}"
            self._outgoing.refuse(waiting.digest, reason)
            told.refused += 1
            told.problems.append(f"batch {waiting.digest.hex()[:16]} refused, {reason}"[:_SHOWN])
        else:
            raise RejectedError(f"the gateway answered {answer.status}")

    def _ask(self, waiting: Waiting) -> Answer:
        """Ask for the receipt of what was sent; send what was not, or what the gateway has forgotten."""
        if waiting.digest in self._sent:
            answer = self._gateway.get(waiting.digest, self._memory.height)
            if answer.status != _UNKNOWN:
                return answer
            self._sent.discard(waiting.digest)
        body = waiting.statement.encode() + b"\n" + self._outgoing.readings(waiting.number)
        return self._gateway.put(waiting.digest, body)

    def _deliver(self, statement: VerifiedStatement, receipt: bytes, told: Round) -> None:
        """Delete what a receipt proves: this batch, and others of the asset that it shows too.

        Its head is remembered first, so that nothing is ever deleted by a head that is forgotten again.

        Raises:
            StaleError, InclusionError: See ``verify_receipt``.
            RollbackError: Earlier batches were proven by a higher head, which the light node's folder has lost.
        """
        self._sent.add(statement.digest)
        judged = self._memory.judge(receipt, int(self._clock()), self._path)
        told.forks += [] if judged.fork is None else [judged.fork]
        others = islice(self._others(statement), _TOGETHER)
        for inclusion in verify_receipts(judged.verdict, statement, others, self._organisation):
            if inclusion.block.number < self._outgoing.proven_up_to():
                raise RollbackError("block number", self._outgoing.proven_up_to(), inclusion.block.number)
            self._outgoing.delete(inclusion)
            self._sent.discard(inclusion.digest)
            told.delivered.append(inclusion)

    def _path(self, old: int, new: int) -> tuple[bytes, ...] | None:
        """Ask the gateway how one tree of blocks goes on from the other; what it proves, their roots decide."""
        answer = self._gateway.consistency(old, new)
        if answer.status == _UNKNOWN:
            return None
        if answer.status != _OK:
            raise RejectedError(f"the gateway answered {answer.status}")
        proof = parse_consistency_proof(answer.body)
        if (proof.old, proof.new) != (old, new):
            raise MalformedError("consistency proof", f"not from {old} to {new} blocks")
        return proof.path

    def _others(self, statement: VerifiedStatement) -> Iterator[VerifiedStatement]:
        """Yield the other batches about the same asset that were sent."""
        for waiting in self._outgoing.waiting():
            if waiting.digest in self._sent and waiting.digest != statement.digest:
                other = self._verified(waiting)
                if other.statement.subject == statement.statement.subject:
                    yield other

    def _verified(self, waiting: Waiting) -> VerifiedStatement:
        raw = parse_statement(waiting.statement)
        return verify_statement(raw, self._outgoing.key(raw.key_id))


def submit(
    submitter: Submitter,
    back_off: BackOff,
    *,
    poll_s: float = 2.0,
    until: Callable[[Round], bool] = lambda told: not (told.pending or told.failed),
    sleep: Callable[[float], None] = time.sleep,
    tell: Callable[[Round], None] = lambda _: None,
) -> Round:
    """Submit until there is nothing left to do, or somebody interrupts.

    Args:
        submitter: Over the queue.
        back_off: After failures.
        poll_s: Between two rounds that went well.
        until: Whether a round was the last one; by default, once nothing is pending and nothing failed.
        sleep: Waits.
        tell: Told every round.

    Returns: The last round.
    """
    failures = 0
    while True:
        told = submitter.round()
        tell(told)
        if until(told):
            return told
        failures = failures + 1 if told.failed and not told.delivered else 0
        sleep(max(back_off.wait_s(failures) if failures else poll_s, told.wait_s))
