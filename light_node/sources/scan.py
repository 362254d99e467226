"""What a node said was attested to each subject so far, so that only what came since is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ledger.event import AssetType
from light_node.sources.answers import Attestation
from light_node.sources.node import Node

MAX_TOGETHER = 256


@dataclass(slots=True)
class _Followed:
    asset_type: AssetType
    next_block: int
    found: list[Attestation] = field(default_factory=list)


class Scan:
    """Reads the events of logs once for all subjects that have come as far; in memory only."""

    def __init__(self, node: Node, first_block: int) -> None:
        """Nothing is asked yet; no attestation lies before ``first_block``."""
        self._node, self._first = node, first_block
        self._followed: dict[bytes, _Followed] = {}

    def follow(self, subjects: Iterable[tuple[bytes, AssetType]]) -> None:
        """Read for these subjects too, from now on."""
        for subject, asset_type in subjects:
            self._followed.setdefault(subject, _Followed(asset_type, self._first))

    def known(self, subject: bytes) -> Sequence[Attestation]:
        """What was read of a subject that is followed."""
        return self._followed[subject].found

    def forget(self, subject: bytes) -> None:
        """Read a subject from the beginning again: the node said something else before."""
        self._followed[subject] = _Followed(self._followed[subject].asset_type, self._first)

    def read(self, subject: bytes, logs: Sequence[bytes], last: int) -> None:
        """Read on to a block, for all subjects that stand where this one does.

        Raises: SourceError, MalformedError; then nothing of it counts.
        """
        own = self._followed[subject]
        if own.next_block > last:
            return
        alike = [
            (other, one)
            for other, one in self._followed.items()
            if (one.asset_type, one.next_block) == (own.asset_type, own.next_block) and other != subject
        ]
        together = dict([(subject, own), *alike[: MAX_TOGETHER - 1]])
        for attestation in self._node.attestations(logs, frozenset(together), own.next_block, last):
            together[attestation.subject].found.append(attestation)
        for one in together.values():
            one.next_block = last + 1
