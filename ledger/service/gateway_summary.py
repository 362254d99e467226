"""What a batch of readings says of its asset as a whole, in the fields that the rules read. Pure."""

from __future__ import annotations

from ledger.event import Json
from light_node.edge.batch import VerifiedBatch
from light_node.edge.limits import default_limits
from light_node.edge.reading import GOOD, Reading

_ODOMETER, _HEALTH, _CHARGE = "odometer", "state_of_health", "state_of_charge"


def summary_of(batch: VerifiedBatch) -> dict[str, Json]:
    """Sum a batch up: the highest odometer, the last state of health and of charge; of readings without a flag only."""
    good = [reading for reading, quality in batch.readings if quality == GOOD]
    fields: dict[str, Json] = {}
    kilometres = [km for reading in good if (km := _base(reading, _ODOMETER)) is not None]
    if kilometres:
        fields["odometer_km"] = round(max(kilometres), 3)
    for quantity in (_HEALTH, _CHARGE):
        last = max((one for one in good if one.quantity == quantity), key=lambda one: one.taken_at_us, default=None)
        if last is not None and (percent := _base(last, quantity)) is not None:
            fields[f"{quantity}_percent"] = percent
    return fields


def _base(reading: Reading, quantity: str) -> float | None:
    """A number in the quantity's own unit; the device's table of units may be another, so it is checked here."""
    limits = default_limits()
    unit = limits.units.get(reading.unit)
    if reading.quantity != quantity or unit is None or unit.measures != limits.quantities[quantity].measures:
        return None
    if isinstance(reading.value, str) or reading.value is None:
        return None
    return reading.value if (unit.factor, unit.offset) == (1.0, 0.0) else unit.to_base(reading.value)
