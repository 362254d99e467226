"""The port: whoever is asked for evidence of one asset, what is asked, and what helps to answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ledger.event import AssetType
from light_node.heads import Accepted


@dataclass(frozen=True, slots=True)
class Wanted:
    """The asset that evidence is wanted of.

    Attributes:
        name: What the reader calls it.
        asset_type: Which log.
        subject: 32 bytes, or None where only the identifier is known.
        identifier: In canonical text, or None where only the subject is known.
    """

    name: str
    asset_type: AssetType
    subject: bytes | None = None
    identifier: str | None = None


@dataclass(frozen=True, slots=True)
class Announced:
    """A checkpoint that enough witnesses cosigned, and how its last block may stand in it.

    Attributes:
        note: The signed note.
        size: Blocks in its tree.
        paths: Inclusion paths of the last block, *untrusted*: whoever has that block sees which of them is right.
    """

    note: str
    size: int
    paths: tuple[tuple[bytes, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Hint:
    """What helps to build evidence that this reader can judge.

    Attributes:
        now: The local clock, in seconds since the epoch.
        accepted: What was accepted here before, or None: proofs need not begin earlier.
        announced: By witnesses; None where validators seal, or none was had.
    """

    now: int
    accepted: Accepted | None = None
    announced: Announced | None = None


class EvidenceSource(Protocol):
    """Gives evidence files; keeps nothing durable, and nobody believes it. Whoever asks retries.

    One question at a time. An answer may come from memory, so long as it is what a new one would be.
    """

    @property
    def name(self) -> str:
        """What the reader calls it."""
        ...

    def fetch(self, wanted: Wanted, hint: Hint) -> bytes:
        """Fetch or build one evidence file, *untrusted*, of at most ``MAX_BYTES``.

        Raises:
            SourceError: It does not answer, has none, or answers too much.
            MalformedError: Evidence was to be built, and a part of it is not in its format.
        """
        ...
