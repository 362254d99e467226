"""Where a verification stands; carried along so that a refusal can name its step."""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger.errors import VerificationError
from light_node.heads import VerifiedHeader
from light_node.memory import SignedHead
from light_node.verdict import AsOf, Doubt, Step


@dataclass(slots=True)
class Progress:
    """The step under way, and what is known so far.

    Attributes:
        step: Being done.
        signed: The file's header and what makes it final, once it is parsed; *untrusted* until ``header`` is there.
        header: Verified, once finality is reached.
        doubts: What leaves the file undetermined, in the order found.
    """

    step: Step = Step.PARSE
    signed: SignedHead | None = None
    header: VerifiedHeader | None = None
    doubts: list[Doubt] = field(default_factory=list)

    @property
    def as_of(self) -> AsOf | None:
        """The block, once finality is reached."""
        return None if self.header is None else AsOf(self.header.number, self.header.time, self.header.hash)

    def doubt(self, error: VerificationError) -> None:
        """Note a doubt at the present step and go on."""
        self.doubts.append(Doubt(self.step, type(error).__name__, str(error)))
