"""Where a verification stands; carried along so that a refusal can name its step."""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger.errors import VerificationError
from light_node.verdict import AsOf, Doubt, Step


@dataclass(slots=True)
class Progress:
    """The step under way, and what is known so far.

    Attributes:
        step: Being done.
        as_of: The block, once finality is reached.
        doubts: What leaves the file undetermined, in the order found.
    """

    step: Step = Step.PARSE
    as_of: AsOf | None = None
    doubts: list[Doubt] = field(default_factory=list)

    def doubt(self, error: VerificationError) -> None:
        """Note a doubt at the present step and go on."""
        self.doubts.append(Doubt(self.step, type(error).__name__, str(error)))
