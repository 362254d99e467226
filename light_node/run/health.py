"""Whether a run does what it is for. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ledger.errors import MalformedError
from ledger.event import Json
from ledger.strict_json import parse_json
from light_node.run.record import Record
from light_node.trust import grouped
from light_node.verdict import Outcome

MAX_BYTES = 1024 * 1024
MAX_REASONS = 20
_SUCCESSOR = "witnesses of the pinned trust file signed its successor"
_TAKE = "`vinculum-light trust rotate` takes it"
WORDS = {0: "ok", 1: "refuted", 3: "undetermined"}


@dataclass(frozen=True, slots=True)
class Health:
    """How it is.

    Attributes:
        exit_code: 0: every asset is verified. 1: something contradicts a proof. 3: it cannot be told.
        reasons: Why not 0, in sentences.
        notices: What somebody has to do, though it is well without.
    """

    exit_code: int
    reasons: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    def value(self) -> dict[str, Json]:
        """As JSON takes it; ``parse_health`` returns the same."""
        value: dict[str, Json] = {"health": WORDS[self.exit_code], "exit_code": self.exit_code}
        return value | {"reasons": [*self.reasons], "notices": [*self.notices]}


def health_of(record: Record, names: Iterable[str], forks: int, now: int, healthy_s: float) -> Health:
    """Tell how a run is.

    1. Signed heads or successions that contradict each other, or an asset that every source refutes: refuted.
    2. No round was finished or no evidence verified lately, or an asset is not verified: undetermined.

    Args:
        record: What it told last.
        names: Of all assets that are followed.
        forks: How many were kept.
        now: The local clock, in seconds since the epoch.
        healthy_s: How old the last round, and the last evidence that was verified, may be.
    """
    notices = () if record.successor is None else (f"{_SUCCESSOR}, {grouped(record.successor)}: {_TAKE}",)
    found = [(name, record.assets.get(name)) for name in names]
    refuted = [f"{name}: {one.reason}" for name, one in found if one is not None and one.outcome is Outcome.REFUTED]
    if forks:
        refuted.insert(0, f"{forks} pairs of signed statements contradict each other")
    if refuted:  # 1
        return Health(1, tuple(refuted[:MAX_REASONS]), notices)
    open_ones = [
        f"{name}: {'nothing is known yet' if one is None else one.reason}"
        for name, one in found
        if one is None or one.outcome is not Outcome.VERIFIED
    ]
    late = [
        f"{what} {'never' if not at else f'{now - at} s ago'}"
        for what, at in (("the last round was finished", record.round_at), ("evidence was verified", record.success_at))
        if not 0 <= now - at <= healthy_s
    ]
    reasons = (*late, *open_ones)[:MAX_REASONS]
    return Health(3 if reasons else 0, reasons, notices)  # 2


def parse_health(data: bytes) -> Health:
    """Read what a run answers.

    Args:
        data: *Untrusted*: whoever listens there.

    Raises: MalformedError.
    """
    value = parse_json(data, what="health", max_bytes=MAX_BYTES, max_depth=3)
    fields = value if isinstance(value, dict) else {}
    code, reasons = fields.get("exit_code"), fields.get("reasons")
    if type(code) is not int or code not in WORDS or not isinstance(reasons, list) or len(reasons) > MAX_REASONS:
        raise MalformedError("health", "not an exit code and its reasons")
    notices = fields.get("notices", [])
    if not isinstance(notices, list) or len(notices) > MAX_REASONS:
        raise MalformedError("health", "not a list of notices")
    return Health(code, tuple(map(str, reasons)), tuple(map(str, notices)))
