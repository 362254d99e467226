"""From attestations to the history that an evidence file shows: who, what, when, and the status after it. Pure."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence

from ledger.errors import MalformedError, RuleError
from ledger.event import AssetType
from ledger.kinds import next_status
from ledger.proof.evidence import MAX_EVENTS, OpenEntry, Segment
from ledger.proof.fold import EMPTY_HEAD, leaf, next_head, parse_meta
from light_node.history import known_kind
from light_node.sources.answers import Attestation

_FIRST = 1


def history_of(asset_type: AssetType, attestations: Sequence[Attestation]) -> tuple[OpenEntry, ...]:
    """Put a history together: nothing is opened, statuses are those of the kind table.

    Args:
        asset_type: Which log.
        attestations: Of one subject, *untrusted*, in the order of the chain.

    Raises: MalformedError, for a meta word out of its format, or over ``MAX_EVENTS`` events.
    """
    if len(attestations) > MAX_EVENTS:
        raise MalformedError("history", f"over {MAX_EVENTS} events")
    entries, status = list[OpenEntry](), 0
    for one in attestations:
        status = _status_after(asset_type, status, parse_meta(one.meta).kind)
        entries.append(OpenEntry(one.digest, one.meta, status, None))
    return tuple(entries)


def _status_after(asset_type: AssetType, before: int, number: int) -> int:
    """The status that follows; where the table allows none, any: the reader's verification refutes it."""
    kind = known_kind(number, asset_type)
    try:
        after = before if kind is None else next_status(kind, before, asset_type)
    except RuleError:
        after = before
    return after or _FIRST


def segments_of(logs: Sequence[bytes], attestations: Sequence[Attestation]) -> tuple[Segment, ...]:
    """Count the attestations of each log, in the logs' order of succession.

    Raises: MalformedError, where a log goes on after its successor.
    """
    order = {log: place for place, log in enumerate(logs)}
    if any(order[one.log] > order[other.log] for one, other in itertools.pairwise(attestations)):
        raise MalformedError("history", "a log that goes on after its successor")
    counts = Counter(one.log for one in attestations)
    return tuple(Segment(log, counts[log]) for log in logs)


def head_of(history: Sequence[OpenEntry]) -> bytes:
    """Fold a history, 32 bytes; zeros where it is empty."""
    head = EMPTY_HEAD
    for entry in history:
        head = next_head(head, leaf(entry.digest, entry.meta), entry.status)
    return head
