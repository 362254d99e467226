"""What a forgery is, how it is tried, and what is told of its refusal."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ledger.demo.staging import Scene, Staged
from ledger.proof.evidence import Evidence, encode_evidence
from light_node.judgement import judge
from light_node.verdict import Outcome


@dataclass(frozen=True, slots=True)
class Refusal:
    """What became of a forgery.

    Attributes:
        name: For machines and tests.
        told: What the forger did, for people.
        expected: Error class and step that it must be refused with.
        found: Error class and step that it was refused with; None where it was not refused.
        reason: In the verifier's words.
    """

    name: str
    told: str
    expected: tuple[str, str]
    found: tuple[str, str] | None
    reason: str

    @property
    def refused(self) -> bool:
        """Whether it was refused, and for its own reason."""
        return self.found == self.expected

    def describe(self) -> str:
        """Tell it in one line."""
        if self.found is None:
            return f"NOT REFUSED: {self.reason}"
        error, step = self.found
        word = "refused" if self.refused else f"REFUSED OTHERWISE than by {self.expected[0]} at {self.expected[1]},"
        return f"{word} at {step} with {error}: {self.reason}"

    def as_json(self) -> dict[str, object]:
        """For machines."""
        error, step = self.found or (None, None)
        return {
            "name": self.name,
            "told": self.told,
            "refused": self.refused,
            "error": error,
            "step": step,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Found:
    """Why a forgery was refused: error class, step, and the verifier's words."""

    error: str
    step: str
    reason: str


@dataclass(frozen=True, slots=True)
class Forgery:
    """A forgery and what must become of it; ``attempt`` gives None where it is taken for genuine."""

    name: str
    told: str
    expected: tuple[str, str]
    attempt: Callable[[Scene, Staged], Found | None]


def try_one(forgery: Forgery, scene: Scene, staged: Staged) -> Refusal:
    """Try one forgery and say what became of it."""
    found = forgery.attempt(scene, staged)
    if found is None:
        return Refusal(forgery.name, forgery.told, forgery.expected, None, "it was taken for genuine")
    return Refusal(forgery.name, forgery.told, forgery.expected, (found.error, found.step), found.reason)


def judged(scene: Scene, evidence: Evidence | bytes) -> Found | None:
    """Judge a file as the verifier of this scene does."""
    data = evidence if isinstance(evidence, bytes) else encode_evidence(evidence)
    verdict = judge(data, scene.trust, now=int(time.time()), accepted=scene.accepted)
    if verdict.outcome is Outcome.VERIFIED or verdict.step is None or verdict.error is None:
        return None
    return Found(verdict.error, verdict.step.name.lower(), verdict.reason)
