"""Metrics, and their text for Prometheus (exposition format 0.0.4). No clock and no socket here.

Source: Prometheus, "Exposition formats", text-based format.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
COUNTER, GAUGE = "counter", "gauge"


@dataclass(frozen=True, slots=True)
class Metric:
    """One family: what is measured, and by which labels it is told apart."""

    kind: str
    help: str
    labels: tuple[str, ...] = ()


PREFIX = "vinculum_light_"
METRICS: Mapping[str, Metric] = {
    "head_height": Metric(GAUGE, "Height of the last head that was accepted."),
    "head_time_seconds": Metric(GAUGE, "Time of the last head that was accepted, since the epoch."),
    "head_age_seconds": Metric(GAUGE, "Age of the last head that was accepted, by the local clock."),
    "last_success_time_seconds": Metric(GAUGE, "When evidence was last verified, since the epoch."),
    "last_round_time_seconds": Metric(GAUGE, "When all assets were last asked for, since the epoch."),
    "rounds_total": Metric(COUNTER, "Rounds that were finished."),
    "forks": Metric(GAUGE, "Pairs of signed heads or successions that contradict each other, kept in the state."),
    "succession_available": Metric(
        GAUGE, "Whether the pinned trust file has a verified successor that is not taken yet: 1 or 0."
    ),
    "rotations_total": Metric(COUNTER, "Trust files that were put in place by a succession."),
    "verdicts_total": Metric(COUNTER, "Evidence files that were judged, by outcome.", ("outcome",)),
    "changes_total": Metric(COUNTER, "Changes that were told, by what changed.", ("change",)),
    "asset_verified": Metric(GAUGE, "Whether the asset is verified now: 1 or 0.", ("asset",)),
    "asset_events": Metric(GAUGE, "Events of the asset that are proven.", ("asset",)),
    "asset_block": Metric(GAUGE, "Height up to which the asset's history is proven.", ("asset",)),
    "source_failures_total": Metric(
        COUNTER, "Questions that came to nothing, by source and cause.", ("source", "cause")
    ),
    "source_last_success_time_seconds": Metric(GAUGE, "When the source last gave what verifies.", ("source",)),
}
"""Labels are names that the reader gave and words of this program; no identifier, no subject, no URL."""


class Metrics:
    """The present values; may be read while they are written."""

    def __init__(self) -> None:
        """Every family without labels begins with 0."""
        self._lock = threading.Lock()
        self._values: dict[str, dict[tuple[str, ...], float]] = {
            name: {} if metric.labels else {(): 0} for name, metric in METRICS.items()
        }

    def count(self, name: str, *labels: str, by: int = 1) -> None:
        """Add to a counter; ``by`` 0 makes it appear before it first counts."""
        if METRICS[name].kind != COUNTER or len(labels) != len(METRICS[name].labels) or by < 0:
            raise ValueError(f"{name} does not count that")
        with self._lock:
            values = self._values[name]
            values[labels] = values.get(labels, 0) + by

    def set(self, name: str, value: float, *labels: str) -> None:
        """Set a gauge."""
        if METRICS[name].kind != GAUGE or len(labels) != len(METRICS[name].labels):
            raise ValueError(f"{name} is no such gauge")
        with self._lock:
            self._values[name][labels] = value

    def text(self) -> str:
        """All of them, as Prometheus reads it."""
        with self._lock:
            return "".join(f"{line}\n" for name in METRICS for line in self._family(name))

    def _family(self, name: str) -> Iterator[str]:
        metric, full = METRICS[name], f"{PREFIX}{name}"
        yield f"# HELP {full} {_escaped(metric.help)}"
        yield f"# TYPE {full} {metric.kind}"
        for labels, value in sorted(self._values[name].items()):
            pairs = zip(metric.labels, labels, strict=True)
            shown = ",".join(f'{label}="{_escaped(text, quoted=True)}"' for label, text in pairs)
            yield f"{full}{{{shown}}} {_number(value)}" if shown else f"{full} {_number(value)}"


def _escaped(text: str, *, quoted: bool = False) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quoted else text


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
