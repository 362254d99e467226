"""Batches of readings: whether a device's batches about this asset form one chain without a gap."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ledger.rules.types import Finding, History, OpenedEvent, Severity

BATCH = "any.telemetry_batch"
_FIELDS = frozenset({"device_key", "previous_batch", "batch_digest", "sequence"})
_Chain = dict[int, OpenedEvent]


def assess_telemetry(history: History) -> list[Finding]:
    """Return findings on each device's chain of batches, as far as it is shown.

    - ``batch-equivocation``: two batches with one number, or one whose predecessor is another than the one registered:
      the device signed two histories.
    - ``batch-gap``: a number that must exist because a later one was signed, and is not registered. Not said where an
      event is closed that may be it.

    A member speaks of its own devices only: what another says of them is a chain apart.

    Args:
        history: Corrections applied.
    """
    chains: dict[tuple[int, str], _Chain] = {}
    findings: list[Finding] = []
    for event in history.opened:
        place, device = event.fields.get("sequence"), event.fields.get("device_key")
        if event.kind != BATCH or not isinstance(device, str) or type(place) is not int or place < 0:
            continue
        first = chains.setdefault((event.organisation, device), {}).setdefault(place, event)
        if first.fields.get("batch_digest") != event.fields.get("batch_digest"):
            findings.append(_equivocation((first.number, event.number), device))
    closed = any(event.kind in (None, BATCH) for event in history.closed)
    closed = closed or any(event.kind == BATCH and event.may_withhold(_FIELDS) for event in history.opened)
    for (_, device), chain in chains.items():
        findings += _false_predecessors(chain, device)
        if not closed:
            findings += _gaps(chain, device)
    return findings


def _false_predecessors(chain: Mapping[int, OpenedEvent], device: str) -> Iterator[Finding]:
    for place, event in chain.items():
        before, named = chain.get(place - 1), event.fields.get("previous_batch")
        if before is not None and named is not None and named != before.fields.get("batch_digest"):
            yield _equivocation((before.number, event.number), device)


def _gaps(chain: Mapping[int, OpenedEvent], device: str) -> Iterator[Finding]:
    expected = 0
    for place in sorted(chain):
        if place > expected:
            missing = f"batch {expected}" if place == expected + 1 else f"batches {expected} to {place - 1}"
            message = f"device {device[:64]} signed {missing} too, which is not registered"
            yield Finding("batch-gap", Severity.WARNING, (chain[place].number,), message)
        expected = place + 1


def _equivocation(numbers: tuple[int, int], device: str) -> Finding:
    ordered = min(numbers), max(numbers)
    message = f"device {device[:64]} signed two histories: these batches contradict each other"
    return Finding("batch-equivocation", Severity.ERROR, ordered, message)
