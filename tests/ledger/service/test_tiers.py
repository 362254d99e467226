"""What a reader of a tier is shown: nothing of a vehicle's identity, or of its buyer, that is not his to see."""

from __future__ import annotations

import pytest

from ledger.access import Tier
from ledger.event import AssetType
from ledger.kinds import kind_by_name
from ledger.service.read import Entry, visible_names
from ledger.store.chain_index import Attestation

OPENING = {"identifier", "asset_type", "aliases", "salt"}


def entry(kind: str, asset_type: AssetType) -> Entry:
    return Entry(1, kind_by_name(kind), 1, 0, "in_use", bytes(32), 1, Attestation(), asset_type)


@pytest.mark.parametrize(
    ("kind", "tier", "seen"),
    [
        ("vehicle.built", Tier.PUBLIC, set()),
        ("vehicle.built", Tier.MEMBERS, set()),
        ("vehicle.built", Tier.LEGITIMATE_INTEREST, OPENING),
        ("part.made", Tier.PUBLIC, set()),
        ("part.made", Tier.MEMBERS, OPENING),
        ("battery.commissioned", Tier.PUBLIC, OPENING - {"aliases"}),
        ("battery.commissioned", Tier.LEGITIMATE_INTEREST, OPENING),
    ],
)
def test_what_opens_the_subject_has_tiers_too(kind: str, tier: Tier, seen: set[str]) -> None:
    shown = visible_names(entry(kind, AssetType(kind.partition(".")[0])), [*OPENING, "note"], tier)
    assert shown == seen


def test_only_a_genesis_shows_a_salt() -> None:
    shown = visible_names(entry("battery.passport_updated", AssetType.BATTERY), ["salt", "identifier"], Tier.PUBLIC)
    assert shown == {"identifier"}


@pytest.mark.parametrize("field", ["to_party", "from_party", "at_location", "from_location", "to_location"])
@pytest.mark.parametrize("tier", [tier for tier in Tier if tier is not Tier.PRIVATE])
def test_what_a_vehicle_keeps_private_stays_so_in_kinds_of_any_log(field: str, tier: Tier) -> None:
    assert visible_names(entry("any.transferred", AssetType.VEHICLE), [field], tier) == frozenset()
    on_battery = visible_names(entry("any.transferred", AssetType.BATTERY), [field], tier)
    assert on_battery == ({field} if tier in {Tier.MEMBERS, Tier.AUTHORITIES} else set())
