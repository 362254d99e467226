"""The verdict about a bag: what it was verified to hold, and what keeps it from being verified."""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger.errors import VerificationError
from light_node.verdict import AsOf, Outcome, outcome_of

MAX_PROBLEMS = 1000


@dataclass(frozen=True, slots=True)
class AssetCheck:
    """What one evidence file deserves.

    Attributes:
        path: In the bag.
        outcome: Of ``light_node.judge``.
        reason: One sentence; empty where verified.
        asset_type: Battery, vehicle or part; None where it was refused.
        identifier: Where it is shown.
        status: Name of the status.
        events: How many.
    """

    path: str
    outcome: Outcome
    reason: str
    asset_type: str | None = None
    identifier: str | None = None
    status: str | None = None
    events: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that keeps a bag from being verified.

    Attributes:
        outcome: What it makes of the bag by itself.
        path: Where, in the bag; empty for the bag as a whole.
        error: Name of the error's class.
        reason: One sentence.
    """

    outcome: Outcome
    path: str
    error: str
    reason: str


@dataclass(slots=True)
class BagReport:
    """The verdict about a bag.

    Attributes:
        trust_fingerprint: Of the trust file that it was judged by.
        statement: What the exporter signed; empty where that was not reached. Its proof is in the evidence files.
        as_of: The earliest block that any evidence is of, where that was reached.
        exporter: Number of the organisation that signed, where the signature verified.
        exporter_name: From its proven profile; for people.
        tier: Of the reader that it was made for.
        files: How many files were hashed.
        assets: One for each evidence file, in their order.
        problems: Why it is not verified; at most ``MAX_PROBLEMS``.
    """

    trust_fingerprint: str
    statement: str = ""
    as_of: AsOf | None = None
    exporter: int | None = None
    exporter_name: str | None = None
    tier: str | None = None
    files: int = 0
    assets: list[AssetCheck] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome:
        """Verified without problems; else the gravest: refuted before malformed before undetermined."""
        found = {problem.outcome for problem in self.problems}
        order = (Outcome.REFUTED, Outcome.MALFORMED, Outcome.UNDETERMINED)
        return next((outcome for outcome in order if outcome in found), Outcome.VERIFIED)

    @property
    def events(self) -> int:
        """How many events all evidence files hold."""
        return sum(asset.events for asset in self.assets)

    @property
    def reason(self) -> str:
        """The first problem of the bag's outcome; empty where verified."""
        outcome = self.outcome
        first = next((problem for problem in self.problems if problem.outcome is outcome), None)
        return "" if first is None else f"{first.path}: {first.reason}".removeprefix(": ")

    def note(self, path: str, error: VerificationError) -> None:
        """Note what an error makes of the bag."""
        self.add(Problem(outcome_of(error), path, type(error).__name__, str(error)))

    def add(self, problem: Problem) -> None:
        """Note a problem, as long as there are not too many."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)
