"""The workload named ``standard``: events of 12 fields and 1.5 KB, 70 % of them on existing assets."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

NAME = "standard"
EVENT_BYTES = 1500
NEW_ASSETS_PERCENT = 30
COMPANY_PREFIX = "9521000001"
_STARTED = "2026-06-01T08:00:00Z"


def events(count: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Yield ``count`` events in the minimal event JSON; the same seed gives the same events."""
    source, known = random.Random(seed), list[str]()  # noqa: S311
    for number in range(count):
        if not known or source.random() * 100 < NEW_ASSETS_PERCENT:
            known.append(f"https://id.gs1.org/01/{_gtin(source)}/21/B{seed}-{number}")
            yield _event("battery.commissioned", known[-1], number, _birth(known[-1], source))
        else:
            yield _event("battery.state_of_health", source.choice(known), number, _health(source))


def documents(count: int, per_document: int, seed: int = 1) -> Iterator[bytes]:
    """Yield the events as JSON documents of ``per_document`` events each."""
    batch: list[dict[str, Any]] = []
    for event in events(count, seed):
        batch.append(event)
        if len(batch) == per_document:
            yield json.dumps(batch).encode()
            batch = []
    if batch:
        yield json.dumps(batch).encode()


def _event(kind: str, identifier: str, number: int, fields: dict[str, Any]) -> dict[str, Any]:
    event = {
        "vinculum_event": 1,
        "kind": kind,
        "asset": {"type": "battery", "identifier": identifier},
        "occurred_at": _STARTED,
        "id": f"bench-{number}",
        "fields": fields,
    }
    padding = EVENT_BYTES - len(json.dumps(event)) - len(', "remarks": ""')
    fields["remarks"] = "x" * max(padding, 1)
    return event


def _health(source: random.Random) -> dict[str, Any]:
    return {
        "measured_at": _STARTED,
        "state_of_health_percent": round(source.uniform(60, 100), 2),
        "state_of_charge_percent": round(source.uniform(0, 100), 1),
        "remaining_capacity_ah": round(source.uniform(100, 200), 1),
        "remaining_energy_kwh": round(source.uniform(40, 80), 2),
        "cycle_count": source.randrange(2000),
        "energy_throughput_kwh": source.randrange(100_000),
        "internal_resistance_ohm": round(source.uniform(0.05, 0.2), 4),
        "temperature_celsius": round(source.uniform(-10, 40), 1),
        "deep_discharge_count": source.randrange(5),
        "overcharge_count": source.randrange(5),
    }


def _birth(identifier: str, source: random.Random) -> dict[str, Any]:
    return {
        "identifier": identifier,
        "asset_type": "battery",
        "rated_capacity_ah": source.randrange(100, 200),
        "nominal_voltage_v": 400,
        "certified_energy_kwh": source.randrange(40, 100),
        "mass_kg": source.randrange(200, 600),
        "chemistry": "NMC",
        "manufactured_date": "2026-05-01",
        "category": "EV",
        "model": "LC-60",
        "plant": "0346",
    }


def _gtin(source: random.Random) -> str:
    body = f"0{COMPANY_PREFIX}{source.randrange(100):02d}"
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(body))
    return f"{body}{-total % 10}"
