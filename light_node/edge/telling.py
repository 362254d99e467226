"""What the device's command says: words beside the answer while it works, and the answer for machines."""

from __future__ import annotations

from pathlib import Path

from ledger.event import Json
from light_node.cli.output import Output
from light_node.edge.outgoing import Outgoing
from light_node.edge.receipt import VerifiedInclusion
from light_node.edge.source import Told
from light_node.edge.statement import VerifiedStatement
from light_node.edge.submission import Round
from light_node.verdict import time_text

DONE, REFUSED = 0, 1
OUTCOMES = ("done", "refused")
"""By exit code."""


class Taking:
    """Says which batches were closed and what was no reading, and counts both."""

    def __init__(self, output: Output) -> None:
        """Nothing came yet."""
        self._output, self._refused, self._closed = output, 0, 0

    def closed(self, statement: VerifiedStatement) -> None:
        """Take a batch that is on the disk."""
        told = statement.statement
        self._closed += 1
        words = f"{told.size} readings, {told.flagged} flagged"
        self._output.warn(f"batch {told.sequence} of {told.subject.hex()[:16]}: {words}")

    def refused(self, reason: str) -> None:
        """Take why something was no reading."""
        self._refused += 1
        self._output.warn(f"refused: {reason}")

    def finish(self, told: Told) -> int:
        """Say what it came to; returns the exit code."""
        code = REFUSED if self._refused else DONE
        value: dict[str, Json] = {
            "outcome": OUTCOMES[code],
            "readings": told.readings,
            "flagged": told.flagged,
            "refused": self._refused,
            "repeated": told.repeated,
            "batches": self._closed,
        }
        words = f"{told.readings} readings taken, {told.flagged} flagged"
        self._output.done(value, f"{words}; {self._refused} refused, {told.repeated} known")
        return code


class Sending:
    """Says what became of batches."""

    def __init__(self, output: Output) -> None:
        """No round was told yet."""
        self._output, self._last = output, Round()
        self._delivered: list[VerifiedInclusion] = []
        self._forks: dict[Path, None] = {}

    def round(self, told: Round) -> None:
        """Take a round of some."""
        for inclusion in told.delivered:
            lag = f"{inclusion.lag_seconds} s after its last reading"
            self._output.warn(f"batch {inclusion.digest.hex()[:16]} is on chain, {lag}")
        for problem in told.problems:
            self._output.warn(problem)
        for fork in told.forks:
            self._output.warn(f"two heads that contradict each other are kept in {fork}: show them to the members")
        self._last = told
        self._delivered += told.delivered
        self._forks |= dict.fromkeys(told.forks)

    def follow(self, told: Round) -> None:
        """Take a round of many, and say at once what there is to be said."""
        self.round(told)
        if told.delivered or told.problems or told.forks:
            self.finish()
        self._delivered, self._forks = [], {}

    def finish(self) -> int:
        """Say what it came to; returns the exit code."""
        code = REFUSED if self._last.refused else DONE
        value: dict[str, Json] = {
            "outcome": OUTCOMES[code],
            "delivered": [_delivered(one) for one in self._delivered],
            "pending": self._last.pending,
            "refused": self._last.refused,
            "forks": [str(path) for path in self._forks],
        }
        self._output.done(value)
        return code


def _delivered(inclusion: VerifiedInclusion) -> Json:
    return {
        "batch": inclusion.digest.hex(),
        "attested_at": time_text(inclusion.attested_at),
        "lag_seconds": inclusion.lag_seconds,
        "block": inclusion.block.number,
    }


def queue_value(outgoing: Outgoing) -> dict[str, Json]:
    """What the queue holds, what was refused, and for each chain of batches what was delivered."""
    state = outgoing.state()
    return {
        "readings": state.readings,
        "bytes": state.byte_count,
        "signed_batches": state.batches,
        "oldest_reading_at": None if state.oldest_at_us is None else time_text(state.oldest_at_us // 1_000_000),
        "refused": [
            {"batch": one.digest.hex(), "readings": one.size, "reason": one.refused}
            for one in outgoing.waiting()
            if one.refused
        ],
        "delivered": [
            {
                "device_key": one.key_id,
                "subject": one.subject.hex(),
                "batches": one.batches,
                "readings": one.readings,
                "last_reading_at": time_text(one.last_at_us // 1_000_000),
                "attested_at": time_text(one.attested_at),
                "lag_seconds": one.lag_seconds,
                "block": one.block_number,
            }
            for one in state.delivered
        ],
    }
