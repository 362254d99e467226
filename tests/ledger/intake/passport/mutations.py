"""Seeded mutations of JSON documents."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

Place = tuple[Any, Any]

STRANGE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 2.0, 100.0001, 1e15, -1e15, "", " ", "x", [], {}, [1], {"a": {"b": [None]}},
    "2026-02-30", "2026-01-01", "2026-01-01T00:00:00", "2026-01-01T00:00:00Z", "2026-01-01t25:00:00z", "kg", "g", "mAh",
    "Ah", "kWh", "%", "original", "re-used", "Original", "Pb", "electric vehicle battery", "https://a.example/x",
    "javascript:alert(1)", [[[[[[[[[[]]]]]]]]]],
)  # fmt: skip


def places(value: Any) -> Iterator[Place]:
    """Every (container, key) in a document."""
    items = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    for key, child in items:
        yield value, key
        if isinstance(child, (dict, list)):
            yield from places(child)


def delete(place: Place, rng: random.Random, _: Any) -> None:
    container, key = place
    del container[key]


def replace(place: Place, rng: random.Random, _: Any) -> None:
    container, key = place
    container[key] = copy.deepcopy(rng.choice(STRANGE))


def rename(place: Place, rng: random.Random, _: Any) -> None:
    container, key = place
    if isinstance(container, dict):
        container[rng.choice(["x", key.upper(), key + " ", "a/b~c"])] = container.pop(key)


def add(place: Place, rng: random.Random, _: Any) -> None:
    container, _key = place
    if isinstance(container, dict):
        container[rng.choice(["extra", "StateOfCertifiedEnergySOCE", "a/b", ""])] = copy.deepcopy(rng.choice(STRANGE))


def nest(place: Place, rng: random.Random, _: Any) -> None:
    container, key = place
    for _step in range(rng.randrange(1, 20)):
        container[key] = {"n": container[key]} if rng.random() < 0.5 else [container[key]]


def exchange(place: Place, rng: random.Random, document: Any) -> None:
    container, key = place
    other, name = rng.choice(list(places(document)))
    container[key] = copy.deepcopy(other[name])


def scale(place: Place, rng: random.Random, document: Any) -> None:
    numbers = [(inside, key) for inside, key in places(document) if type(inside[key]) in (int, float)]
    if numbers:
        container, key = rng.choice(numbers)
        container[key] *= rng.choice([-1, 10, 1000, 0.001, 0])


def edit(place: Place, rng: random.Random, document: Any) -> None:
    texts = [(inside, key) for inside, key in places(document) if isinstance(inside[key], str) and inside[key]]
    if texts:
        container, key = rng.choice(texts)
        text = container[key]
        at = rng.randrange(len(text))
        container[key] = text[:at] + rng.choice(["0", "7", " ", "A", "\u00e9", ""]) + text[at + 1 :]


MUTATIONS: tuple[Callable[[Place, random.Random, Any], None], ...] = (
    delete, replace, rename, add, nest, exchange, scale, scale, edit, edit,
)  # fmt: skip


def mutated(document: Any, seed: int) -> Any:
    """Return a copy with one to three mutations."""
    rng = random.Random(seed)
    copied = copy.deepcopy(document)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        found = list(places(copied))
        if found:
            rng.choice(MUTATIONS)(rng.choice(found), rng, copied)
    return copied
