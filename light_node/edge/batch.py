"""A batch: readings of one asset, gathered until a count, a size or an age closes it, and held to what was signed."""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger.errors import ContentMismatchError, InclusionError, MalformedError
from ledger.proof.merkle import leaf_hash
from ledger.proof.merkle_tree import Frontier, root_from_leaves
from light_node.edge.limits import MICROSECONDS
from light_node.edge.reading import MAX_LEAF_BYTES, Quality, Reading, parse_reading
from light_node.edge.statement import MAX_READINGS, MAX_READINGS_BYTES, Statement, VerifiedStatement


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """When a batch is closed: at the first of these.

    Attributes:
        readings: 1 to 65,536.
        byte_count: Leaves with their line feeds; 2,049 bytes to 16 MiB.
        age_us: After its first reading came.
    """

    readings: int = 1024
    byte_count: int = 1024 * 1024
    age_us: int = 60 * MICROSECONDS

    def __post_init__(self) -> None:
        in_range = 1 <= self.readings <= MAX_READINGS and MAX_LEAF_BYTES < self.byte_count <= MAX_READINGS_BYTES
        if not in_range or self.age_us < 1:
            raise MalformedError("limits of a batch", "out of their ranges")


@dataclass(slots=True)
class OpenBatch:
    """A batch that still grows: its place in the chain of batches, and O(log n) hashes of its tree."""

    sequence: int
    previous: bytes | None
    opened_at_us: int
    size: int = 0
    byte_count: int = 0
    flagged: int = 0
    first_at_us: int = 0
    last_at_us: int = 0
    tree: Frontier = field(default_factory=Frontier, repr=False)

    def add(self, leaf: bytes, taken_at_us: int, quality: Quality) -> None:
        """Add a reading's leaf."""
        self.tree.append(leaf_hash(leaf))
        self.first_at_us = min(self.first_at_us, taken_at_us) if self.size else taken_at_us
        self.last_at_us = max(self.last_at_us, taken_at_us) if self.size else taken_at_us
        self.size += 1
        self.byte_count += len(leaf) + 1
        self.flagged += bool(quality)

    def has_room(self, leaf: bytes, limits: BatchLimits) -> bool:
        """Whether one more leaf keeps the limits."""
        return self.size < limits.readings and self.byte_count + len(leaf) + 1 <= limits.byte_count

    def is_due(self, now_us: int, limits: BatchLimits) -> bool:
        """Whether it is old enough to be closed; a clock that went back closes it too."""
        return self.size > 0 and not 0 <= now_us - self.opened_at_us < limits.age_us

    def close(self, log: str, subject: bytes, now_us: int) -> Statement:
        """Return what is to be signed about it."""
        return Statement(
            log=log,
            subject=subject,
            sequence=self.sequence,
            previous=self.previous,
            root=self.tree.root(),
            size=self.size,
            byte_count=self.byte_count,
            flagged=self.flagged,
            first_at_us=self.first_at_us,
            last_at_us=self.last_at_us,
            closed_at_us=now_us,
        )


@dataclass(frozen=True, slots=True)
class VerifiedBatch:
    """A batch whose readings are those of its statement; ``verify_readings`` makes it.

    Attributes:
        statement: Verified.
        readings: In order, with their flags. Their truth is the device's matter.
    """

    statement: VerifiedStatement
    readings: tuple[tuple[Reading, Quality], ...]


def verify_readings(statement: VerifiedStatement, data: bytes) -> VerifiedBatch:
    """Prove that these are the readings that a statement speaks of.

    1. Their number of bytes and of lines is the stated one.
    2. Their leaves lead to the root.
    3. Each is a reading in its one encoding.
    4. Flags and times are summed up truly.

    Args:
        statement: *Verified*.
        data: *Untrusted*; leaves, each with a line feed.

    Raises:
        ContentMismatchError: 1 or 4 does not hold.
        InclusionError: 2.
        MalformedError: 3.
    """
    told = statement.statement
    _match("bytes", told.byte_count, len(data))  # 1
    leaves = split_leaves(data)
    _match("number of readings", told.size, len(leaves))
    root = root_from_leaves(map(leaf_hash, leaves))  # 2
    if root != told.root:
        raise InclusionError("root of the readings", told.root, root)
    readings = tuple(map(parse_reading, leaves))  # 3
    times = [reading.taken_at_us for reading, _ in readings]
    _match("number of flagged readings", told.flagged, sum(bool(quality) for _, quality in readings))  # 4
    _match("time of the first reading", told.first_at_us, min(times))
    _match("time of the last reading", told.last_at_us, max(times))
    return VerifiedBatch(statement, readings)


def split_leaves(data: bytes) -> list[bytes]:
    """Split leaves that each end with a line feed; what follows the last one is a leaf of its own."""
    return data.removesuffix(b"\n").split(b"\n")


def _match(what: str, expected: int, found: int) -> None:
    if expected != found:
        raise ContentMismatchError(what, str(expected), str(found))
