"""What differs between two trust files, name by name, for whoever is to put one in place of the other. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ledger.event import Json
from ledger.strict_json import canonical_json, parse_json
from light_node.trust import MAX_DEPTH, Trust, encode_trust

_SETS = frozenset({"/finality/witnesses", "/finality/validators"})


@dataclass(frozen=True, slots=True)
class Difference:
    """One place in which two trust files differ.

    Attributes:
        place: JSON Pointer in the file; of a set, such as the witnesses', that of the set.
        before: As it stands in the old one, as JSON; None where it is not there.
        after: As it stands in the new one; None where it is not there.
    """

    place: str
    before: str | None
    after: str | None

    @property
    def line(self) -> str:
        """For people."""
        return f"{self.place}: {self.before or 'nothing'} -> {self.after or 'nothing'}"


def differences(old: Trust, new: Trust) -> tuple[Difference, ...]:
    """Everything that differs, so that two trust files with different fingerprints have a difference at least.

    Sets are compared as such: who was added and who is gone. That they stand in another order is told where nothing
    else is.
    """
    before, after = dict(_leaves(_value(old), "")), dict(_leaves(_value(new), ""))
    places = dict.fromkeys((*before, *after))
    changed = [place for place in places if before.get(place) != after.get(place)]
    found = tuple(Difference(place[0], before.get(place), after.get(place)) for place in changed)
    if not found and old != new:
        return (Difference("/finality/witnesses", "in this order", "in another order"),)
    return found


def _value(trust: Trust) -> Json:
    return parse_json(encode_trust(trust), what="trust file", max_depth=MAX_DEPTH)


def _leaves(value: Json, at: str) -> Iterator[tuple[tuple[str, str], str]]:
    """Every value with its place; members of a set with their own text as a part of it."""
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from _leaves(item, f"{at}/{name}")
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            if at in _SETS:
                yield (at, _text(item)), _text(item)
            else:
                yield from _leaves(item, f"{at}/{number}")
    else:
        yield (at, ""), _text(value)


def _text(value: Json) -> str:
    return canonical_json(value).decode()
