"""Seeded mutations of JSON documents: what a careless exporter, a bad converter or an attacker does to them."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator

SCALARS = (None, True, False, 0, 1, -1, 0.5, 2.0, 10**12, "", " ", "x", "OBSERVE", "DELETE", "2026-02-30", "2026-02-03")
TEXTS = (
    "2026-02-03T10:00:00",
    "2026-02-03T10:00:00Z",
    "2026-02-03t10:00:00z",
    "2026-02-03T24:00:00Z",
    "2026-02-03T10:00:00+25:00",
    "urn:epcglobal:cbv:bizstep:shipping",
    "https://ref.gs1.org/cbv/BizStep-packing",
    "https://ns.gs1.org/cbv/Disp-active",
    "https://gs1.org/voc/Temperature",
    "urn:uuid:3a3bBbf9-DBed-00Da-a7dB-BC5D5Ca769DE",
    "KGM",
    "kg",
    "recalled",
    "null",
    "+02:00",
)


def mutations(document: object, seed: int, count: int) -> Iterator[object]:
    """``count`` copies of a document, each with one to three changes."""
    chance = random.Random(seed)
    for _ in range(count):
        changed = copy.deepcopy(document)
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            _mutate(changed, chance)
        yield changed


def _containers(value: object) -> list[dict[str, object] | list[object]]:
    found: list[dict[str, object] | list[object]] = []
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict) and item:
            found.append(item)
            stack.extend(item.values())
        elif isinstance(item, list):
            found.append(item)
            stack.extend(item)
    return found


def _mutate(document: object, chance: random.Random) -> None:
    places = _containers(document)
    if not places:
        return
    place = chance.choice(places)
    if isinstance(place, dict):
        name = chance.choice(list(place))
        action = chance.randrange(6)
        if action == 0:
            del place[name]
        elif action == 1:
            place[f"x{chance.randrange(9)}"] = _value(chance)
        elif action == 2:
            other = chance.choice(places)
            place[name] = copy.deepcopy(other)
        else:
            place[name] = _changed(place[name], chance)
    elif place:
        index = chance.randrange(len(place))
        action = chance.randrange(4)
        if action == 0:
            del place[index]
        elif action == 1:
            place.append(copy.deepcopy(place[index]))
        elif action == 2:
            place.clear()
        else:
            place[index] = _changed(place[index], chance)
    else:
        place.append(_value(chance))


def _value(chance: random.Random) -> object:
    return chance.choice((*SCALARS, *TEXTS, [], {}, ["x"], {"x": 1}))


def _changed(value: object, chance: random.Random) -> object:
    if isinstance(value, str) and value and chance.random() < 0.5:
        cut = chance.randrange(len(value))
        return chance.choice(
            (value[:cut], value.upper(), value.lower(), value[:cut] + "9" + value[cut + 1 :], value + "Z")
        )
    if isinstance(value, int | float) and not isinstance(value, bool) and chance.random() < 0.5:
        return chance.choice((-value, str(value), value * 1000, value + 0.5))
    return _value(chance)


def repaired(value: object) -> object:
    """A published sample without its known blemishes: CBV words as URNs, numbers as texts, and smaller slips."""
    if isinstance(value, list):
        return [repaired(item) for item in value]
    if isinstance(value, dict):
        fixed = {name: repaired(item) for name, item in value.items()}
        number = fixed.get("value")
        if isinstance(number, str) and "uom" in fixed:
            fixed["value"] = float(number)
        if "eubat:hasEventType" in fixed:
            fixed.pop("errorDeclaration", None)
        if "exception" in fixed:
            fixed.setdefault("type", "https://example.org/voc/state")
        return fixed
    if isinstance(value, str) and value.startswith("https://id.example.com/8003/"):
        return "https://id.example.com/8003/030013450007768765"
    if isinstance(value, str) and value.startswith("urn:epcglobal:cbv:"):
        word = value.rsplit(":", 1)[1]
        return "incorrect_data" if word == "other" else word if len(value.split(":")) == 5 else value
    return value
