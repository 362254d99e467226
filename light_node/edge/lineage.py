"""The chain of one device's batches about one asset: two with one predecessor are equivocation, a gap is reported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ledger.errors import ForkError, MalformedError
from light_node.edge.statement import VerifiedStatement


@dataclass(frozen=True, slots=True)
class Gap:
    """Batches that must exist, because a later one was signed, and are not here.

    Attributes:
        first: Sequence number of the first that is missing.
        last: Of the last.
    """

    first: int
    last: int

    def __str__(self) -> str:
        """Say which."""
        return f"batch {self.first}" if self.first == self.last else f"batches {self.first} to {self.last}"


@dataclass(slots=True)
class Lineage:
    """What is known of one chain of batches; they may come in any order.

    Attributes:
        known: Statements by sequence number.
    """

    known: dict[int, VerifiedStatement] = field(default_factory=dict)

    def add(self, statement: VerifiedStatement) -> None:
        """Add a statement; the same one again changes nothing.

        1. It is of the device and about the subject that the others are of.
        2. No other statement has its sequence number: two with one number have one predecessor.
        3. It names the one before it that is known, and the one after it that is known names it.

        Raises:
            MalformedError: 1 does not hold: the caller mixed chains.
            ForkError: 2 or 3 does not hold: the device signed two histories. Both statements are carried.
        """
        self._check_same_chain(statement)  # 1
        place = statement.statement.sequence
        same = self.known.get(place)
        if same is not None and same.digest != statement.digest:  # 2
            raise _fork(same, statement)
        before, after = self.known.get(place - 1), self.known.get(place + 1)
        if before is not None and statement.statement.previous != before.digest:  # 3
            raise _fork(before, statement)
        if after is not None and after.statement.previous != statement.digest:
            raise _fork(statement, after)
        self.known[place] = statement

    def gaps(self) -> tuple[Gap, ...]:
        """Return what is missing below the highest sequence number, in order."""
        return tuple(find_gaps(self.known))

    def _check_same_chain(self, statement: VerifiedStatement) -> None:
        other = next(iter(self.known.values()), None)
        if other is not None and chain_of(other) != chain_of(statement):
            raise MalformedError("chain of batches", "a statement of another device or about another subject")


def chain_of(statement: VerifiedStatement) -> tuple[bytes, bytes]:
    """Thumbprint of the device's key and subject: statements that agree in both form one chain."""
    return statement.key.thumbprint, statement.statement.subject


def find_gaps(sequences: Iterable[int]) -> Iterator[Gap]:
    """Yield what is missing from 0 up to the highest of these numbers."""
    expected = 0
    for sequence in sorted(set(sequences)):
        if sequence > expected:
            yield Gap(expected, sequence - 1)
        expected = sequence + 1


def _fork(first: VerifiedStatement, second: VerifiedStatement) -> ForkError:
    what = f"batch {min(first.statement.sequence, second.statement.sequence)} of device {first.key.key_id}"
    return ForkError(what, first.text.encode(), second.text.encode())
