"""Where the contracts are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Deployment:
    """The contracts of one consortium on one chain.

    Attributes:
        chain_id: Of the chain.
        consortium: Its address.
        logs: Addresses of the attestation logs, old ones included.
        first_block: Nothing of the consortium stands below it.
        predecessors: From a log's address to the log that it succeeds: a subject goes on from its old head.
        abis: Interfaces whose governance events are to be decoded.
    """

    chain_id: int
    consortium: bytes
    logs: tuple[bytes, ...]
    first_block: int = 0
    predecessors: dict[bytes, bytes] = field(default_factory=dict)
    abis: tuple[Sequence[dict[str, Any]], ...] = ()

    @property
    def addresses(self) -> tuple[bytes, ...]:
        """Everything that is followed."""
        return (self.consortium, *self.logs)

    def follows(self, block_number: int) -> bool:
        """Tell whether anything can stand in that block."""
        return block_number >= self.first_block
