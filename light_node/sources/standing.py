"""What a source's answer was worth, in one word and a sentence. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ledger.errors import (
    MalformedError,
    RollbackError,
    SourceTimeoutError,
    StaleError,
    TooLargeError,
    UnreachableError,
    VerificationError,
    VinculumError,
)
from light_node.verdict import Outcome, Verdict, outcome_of


class Standing(StrEnum):
    """What came of asking a source.

    ``verified``: its evidence is verified, and none was newer. ``stale``: older than that, than what was accepted, or
    than may be judged by. ``lying``: refuted, or of another asset. ``malformed``: not in its format, or over a limit.
    ``slow``: no answer in time. ``dead``: nobody answers. ``refused``: it answers that it has none. ``unproven``:
    nothing is wrong with it, but it proves nothing here.
    """

    VERIFIED = "verified"
    STALE = "stale"
    LYING = "lying"
    MALFORMED = "malformed"
    SLOW = "slow"
    DEAD = "dead"
    REFUSED = "refused"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of one source.

    Attributes:
        source: Its name.
        standing: In a word.
        reason: In a sentence; empty where verified.
        verdict: On its evidence, or None where there was none to judge.
    """

    source: str
    standing: Standing
    reason: str = ""
    verdict: Verdict | None = None


def heard_error(source: str, error: VinculumError) -> Heard:
    """A source that did not give evidence to judge."""
    return Heard(source, _standing_of(error), str(error))


def heard_verdict(source: str, verdict: Verdict) -> Heard:
    """A source whose evidence was judged."""
    return Heard(source, _standing(verdict), verdict.reason, verdict)


def _standing(verdict: Verdict) -> Standing:
    if verdict.outcome is Outcome.UNDETERMINED:
        stale = verdict.error in (StaleError.__name__, RollbackError.__name__)
        return Standing.STALE if stale else Standing.UNPROVEN
    return {
        Outcome.VERIFIED: Standing.VERIFIED,
        Outcome.REFUTED: Standing.LYING,
        Outcome.MALFORMED: Standing.MALFORMED,
    }[verdict.outcome]


def _standing_of(error: VinculumError) -> Standing:
    for kind, standing in (
        (SourceTimeoutError, Standing.SLOW),
        (UnreachableError, Standing.DEAD),
        ((MalformedError, TooLargeError), Standing.MALFORMED),
        ((StaleError, RollbackError), Standing.STALE),
    ):
        if isinstance(error, kind):
            return standing
    if isinstance(error, VerificationError):
        return Standing.LYING if outcome_of(error) is Outcome.REFUTED else Standing.UNPROVEN
    return Standing.REFUSED
