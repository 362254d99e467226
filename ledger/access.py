"""Who may see which field: a lookup in ``access.toml``, with *private* for every field that does not stand there."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cache
from importlib import resources


class Tier(StrEnum):
    """Readers, and the fields that begin to be visible to them."""

    PUBLIC = "public"
    LEGITIMATE_INTEREST = "legitimate_interest"
    AUTHORITIES = "authorities"
    MEMBERS = "members"
    PRIVATE = "private"


def tier_of(kind: str, field: str, asset_type: str = "") -> Tier:
    """Return the tier of one field of one kind of event.

    Args:
        kind: Name in the kind table, e.g. ``vehicle.inspected``; *untrusted* names are fine.
        field: Name of the field; *untrusted*.
        asset_type: Of the asset that the event happened to. What its log keeps private stays so in kinds of any log:
            who a vehicle was sold to is no less personal where it was merely handed over.

    Returns: What stands under the kind, else under its log, else under any log; ``PRIVATE`` where it stands nowhere.
    """
    table = _tiers()
    if table.get(asset_type, {}).get(field) is Tier.PRIVATE and field not in table.get(kind, {}):
        return Tier.PRIVATE
    for section in (kind, kind.partition(".")[0], "any"):
        tier = table.get(section, {}).get(field)
        if tier is not None:
            return tier
    return Tier.PRIVATE


def sees(reader: Tier, field_tier: Tier) -> bool:
    """Tell whether a reader of one tier may see a field of another."""
    return field_tier in _readers()[reader]


def fields_visible(kind: str, names: Iterable[str], tier: Tier, asset_type: str = "") -> tuple[str, ...]:
    """Return those names, in their order, that a reader may see.

    Args:
        kind: Name in the kind table.
        names: Field names of one event; *untrusted*.
        tier: Of the reader.
        asset_type: Of the asset that the event happened to.
    """
    return tuple(name for name in names if sees(tier, tier_of(kind, name, asset_type)))


def tier_table() -> Mapping[str, Mapping[str, Tier]]:
    """Return the whole table: section (kind, log or ``any``) to field to tier."""
    return _tiers()


@cache
def _data() -> dict:  # type: ignore[type-arg]
    return tomllib.loads(resources.files("ledger").joinpath("access.toml").read_text("utf-8"))


@cache
def _readers() -> Mapping[Tier, frozenset[Tier]]:
    return {Tier(reader): frozenset(Tier(name) for name in names) for reader, names in _data()["sees"].items()}


@cache
def _tiers() -> Mapping[str, Mapping[str, Tier]]:
    table: dict[str, dict[str, Tier]] = {}
    for section, lists in _data()["fields"].items():
        _add(table.setdefault(section, {}), lists, "")
    for group, lists in _data()["passport"].items():
        _add(table.setdefault("battery", {}), lists, f"{group}.")
    return table


def _add(section: dict[str, Tier], lists: Mapping[str, list[str]], prefix: str) -> None:
    for tier, names in lists.items():
        for name in names:
            if section.setdefault(prefix + name, Tier(tier)) is not Tier(tier):
                raise ValueError(f"access.toml gives {prefix + name} two tiers")
