"""Which steps a file needs, so that it leads every reader to its block, whatever block he trusts. Pure.

Between two changes of the set all readers know the same validators: a *span*. From a block of a span the verifier goes
to the next step above it, however far: it needs a quorum of the span's set among the seals there, one of the set that
the step leads to, and no seal of anybody else. The step that is the very next block needs the span's set alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from light_node.qbft.seals import quorum_of


@dataclass(frozen=True, slots=True)
class Span:
    """Blocks after which the same validators seal.

    Attributes:
        first: The lowest of them, in whose state the set stands first.
        last: The highest.
        members: Who seals after each of them.
    """

    first: int
    last: int
    members: frozenset[bytes]


@dataclass(frozen=True, slots=True)
class Stop:
    """A step, or the block that the file leads to.

    Attributes:
        number: Height.
        signers: Whose seals the file has of it.
        successors: Who seals the block after it.
    """

    number: int
    signers: frozenset[bytes]
    successors: frozenset[bytes]


def needed_stops(stops: Sequence[Stop], spans: Sequence[Span]) -> list[Stop]:
    """Leave out what nobody needs: its readers go on to a later step at once.

    Args:
        stops: Ascending; the last is the block that the file leads to, and stays.
        spans: Ascending, each after the one before; the last ends below that block.

    Returns: Those with which no reader is worse off; none of them can be left out alone.
    """
    return min((_thinned(stops, spans, order) for order in (reversed(stops[:-1]), stops[:-1])), key=len)


def _thinned(stops: Sequence[Stop], spans: Sequence[Span], order: Iterable[Stop]) -> list[Stop]:
    """Left out one by one, in an order, until no more can be."""
    kept, stranded, waiting = list(stops), stranded_spans(stops, spans), list(order)
    while True:
        before = len(kept)
        for stop in waiting:
            rest = [one for one in kept if one is not stop]
            if len(rest) < len(kept) and stranded_spans(rest, spans) <= stranded:
                kept = rest
        if len(kept) == before:
            return kept


def stranded_spans(stops: Sequence[Stop], spans: Sequence[Span]) -> frozenset[Span]:
    """Spans with a block from which the next step cannot be reached."""
    return frozenset(span for span in spans if not _serves(stops, span))


def _serves(stops: Sequence[Stop], span: Span) -> bool:
    """Whether whoever trusts any block of a span reaches the next step above it."""
    start = span.first
    for stop in stops:
        if stop.number <= start:
            continue
        end = min(span.last, stop.number - 1)
        if start < stop.number - 1 and not _reaches(span.members, stop):
            return False
        if end == stop.number - 1 and not _is_next(span.members, stop):
            return False
        start = stop.number
        if start > span.last:
            return True
    return False


def _reaches(members: frozenset[bytes], stop: Stop) -> bool:
    known = members | stop.successors
    return stop.signers <= known and _is_quorum(stop, members) and _is_quorum(stop, stop.successors)


def _is_next(members: frozenset[bytes], stop: Stop) -> bool:
    return stop.signers <= members and _is_quorum(stop, members)


def _is_quorum(stop: Stop, members: frozenset[bytes]) -> bool:
    return len(stop.signers & members) >= quorum_of(len(members))
