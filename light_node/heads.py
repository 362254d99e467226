"""Heads of a chain: verified ones, and those that were accepted here before."""

from __future__ import annotations

from dataclasses import dataclass

from light_node.trust import TrustedBlock


@dataclass(frozen=True, slots=True)
class TreeHead:
    """A tree of block hashes that enough witnesses cosigned.

    Attributes:
        size: Blocks in it; block n is entry n.
        root: 32 bytes.
    """

    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class VerifiedHeader:
    """A header that is final by the trust file's rule; only ``verify_finality`` makes it.

    Attributes:
        number: Height.
        time: Timestamp, in seconds since the epoch.
        hash: 32 bytes.
        state_root: 32 bytes.
        tree: Of the checkpoint that it is final by; None where it is final by seals.
        validated: The last block whose successor's validators are proven, with those, ascending; None where
            it is final by a checkpoint.
    """

    number: int
    time: int
    hash: bytes
    state_root: bytes
    tree: TreeHead | None = None
    validated: ValidatedBlock | None = None


@dataclass(frozen=True, slots=True)
class ValidatedBlock:
    """A final block, and who seals the one after it.

    Attributes:
        block: Final.
        validators: 20 bytes each, ascending.
        votes: (voter, candidate) that are open after it, where votes decide; elsewhere, and where a trust file begins,
            there are none.
        sequence: Which rotation put these validators in force, where they are pinned; 0: none.
    """

    block: TrustedBlock
    validators: tuple[bytes, ...]
    votes: frozenset[tuple[bytes, bytes]] = frozenset()
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Accepted:
    """What was accepted here before, and must not be taken back.

    Attributes:
        block: The last head.
        tree: The last tree, or None where none is remembered: then nothing is asked of a new one.
        path: Consistency path between that tree and the one of the file, *untrusted*; from whoever has the blocks.
        validated: The last set of validators that was proven, or None where none is remembered.
        anchored_at: When witnesses last vouched for that tree to this very node, in seconds since the epoch; 0: never.
    """

    block: TrustedBlock
    tree: TreeHead | None = None
    path: tuple[bytes, ...] | None = None
    validated: ValidatedBlock | None = None
    anchored_at: int = 0
