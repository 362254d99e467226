"""The fold: the list of attestations is complete, ordered and unaltered, and every status follows from the last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ledger.errors import HistoryError, MalformedError, TransitionError
from ledger.event import AssetType
from ledger.kinds import Kind, kind_by_number, next_status, status_name
from ledger.proof.evidence import Evidence, HistoryEntry, OpenEntry
from ledger.proof.fold import EMPTY_HEAD, Meta, leaf, next_head, parse_meta
from light_node.proofs import ProvenState


@dataclass(frozen=True, slots=True)
class ProvenEntry:
    """An attestation that the chain proves.

    Attributes:
        number: Place in the history, from 1.
        log: Address of the log that it was attested in, 20 bytes.
        entry: As in the evidence.
        meta: Kind, organisation and time; None where hidden.
        kind: From the kind table; None where hidden, or where the table of this version does not hold it.
        head_before: Head that it was folded onto, 32 bytes.
    """

    number: int
    log: bytes
    entry: HistoryEntry
    meta: Meta | None
    kind: Kind | None
    head_before: bytes


def verify_history(evidence: Evidence, state: ProvenState, block_time: int) -> tuple[ProvenEntry, ...]:
    """Prove that the history is all that was attested to the subject, in order.

    1. In each log, the fold of its entries onto the head before it is the proven head; a log that never wrote to the
       subject proves so by an absent head.
    2. Every status follows from the one before, by the kind table.
    3. No time lies before the one ahead of it, or after the block.

    Args:
        evidence: Parsed; its segments name the trusted logs in their order.
        state: *Verified.*
        block_time: Of the verified header.

    Returns:
        Every attestation up to the block.

    Raises:
        HistoryError: 1, 2 or 3 does not hold.
        MalformedError: A meta word is not in its format, or the proof of a head is not in the file.
    """
    entries = tuple(_fold(evidence, state))  # 1
    _verify_statuses(entries, evidence.asset_type)  # 2
    _verify_times(entries, block_time)  # 3
    return entries


def _fold(evidence: Evidence, state: ProvenState) -> Iterator[ProvenEntry]:
    head, start = EMPTY_HEAD, 0
    for segment in evidence.segments:
        for number in range(start + 1, start + segment.entries + 1):
            entry = evidence.history[number - 1]
            meta = parse_meta(entry.meta) if isinstance(entry, OpenEntry) else None
            kind = None if meta is None else known_kind(meta.kind, evidence.asset_type)
            yield ProvenEntry(number, segment.log, entry, meta, kind, head)
            head = next_head(head, _leaf(entry), entry.status)
        start += segment.entries
        expected = state.head(segment.log, evidence.subject)
        if expected != (head if segment.entries else EMPTY_HEAD):
            raise HistoryError("fold of the history", expected, head)


def _leaf(entry: HistoryEntry) -> bytes:
    return leaf(entry.digest, entry.meta) if isinstance(entry, OpenEntry) else entry.leaf


def known_kind(number: int, asset_type: AssetType) -> Kind | None:
    """Return a kind of this asset type's log; None where the table of this version does not hold it there."""
    try:
        kind = kind_by_number(number)
    except MalformedError:
        return None
    return kind if kind.concerns(asset_type) else None


def _verify_statuses(entries: Sequence[ProvenEntry], asset_type: AssetType) -> None:
    before = 0
    for proven in entries:
        after = proven.entry.status
        status_name(asset_type, after)
        if proven.meta is not None:
            expected = _status_after(proven.kind, before, asset_type)
            if expected != after or not after:
                raise HistoryError(f"status after event {proven.number}", bytes((expected,)), bytes((after,)))
        before = after


def _status_after(kind: Kind | None, before: int, asset_type: AssetType) -> int:
    """Return the status that must follow; 0, which no event leaves behind, where the table does not allow the kind."""
    if kind is None:
        return before
    try:
        return next_status(kind, before, asset_type)
    except TransitionError:
        return 0


def _verify_times(entries: Sequence[ProvenEntry], block_time: int) -> None:
    last = 0
    for proven in entries:
        if proven.meta is not None:
            if not last <= proven.meta.time <= block_time:
                expected, found = last.to_bytes(8, "big"), proven.meta.time.to_bytes(8, "big")
                raise HistoryError(f"time of event {proven.number}", expected, found)
            last = proven.meta.time
