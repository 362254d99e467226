"""A small world with honest histories: a battery, a vehicle and a part."""

from __future__ import annotations

from dataclasses import dataclass

from ledger.event import AssetType
from tests.simulator.chain import Asset, Simulator

MAKER, CAR_MAKER, WORKSHOP, RECYCLER = 1, 2, 3, 4
VIN = "1M8GDM9AXKP042788"
BATTERY = "https://id.gs1.org/01/09521234543213/21/B-0001"
PART = "urn:bpn:BPNL00000003CML1:serial-7"


@dataclass
class World:
    """The chain and its assets."""

    chain: Simulator
    battery: Asset
    vehicle: Asset
    part: Asset


def make_world(chain: Simulator | None = None) -> World:
    """Ten events for the vehicle, five for the battery, three for the part; on this chain, if one is given."""
    chain = Simulator() if chain is None else chain
    chain.assign(1, "1M8", CAR_MAKER)
    chain.assign(2, "952123", 9)
    chain.assign(2, "9521234", MAKER)
    chain.assign(4, "BPNL00000003CML1", MAKER)
    chain.time += 3600
    world = World(
        chain,
        chain.asset(AssetType.BATTERY, BATTERY, MAKER),
        chain.asset(AssetType.VEHICLE, VIN, CAR_MAKER),
        chain.asset(AssetType.PART, PART, MAKER),
    )
    live_battery(world)
    live_vehicle(world)
    chain.record(world.part, MAKER, "part.made", **chain.opening(world.part))
    chain.record(world.part, MAKER, "part.inspected", result="passed")
    chain.record(world.part, CAR_MAKER, "part.installed", parent=VIN)
    return world


def live_battery(world: World) -> None:
    chain, battery = world.chain, world.battery
    chain.record(
        battery,
        MAKER,
        "battery.commissioned",
        **chain.opening(battery, "urn:uuid:" + "0" * 8 + "-0000-0000-0000-" + "0" * 12),
    )
    chain.record(battery, MAKER, "battery.state_of_health", measured_at="2026-10-01", state_of_health_percent=99.5)
    chain.record(battery, WORKSHOP, "battery.installed", parent=VIN)
    chain.record(battery, WORKSHOP, "battery.state_of_health", measured_at="2026-11-01", state_of_health_percent=97)
    chain.record(battery, RECYCLER, "battery.declared_waste", reason="end of life")


def live_vehicle(world: World) -> None:
    chain, vehicle = world.chain, world.vehicle
    chain.record(vehicle, CAR_MAKER, "vehicle.built", **chain.opening(vehicle))
    chain.record(vehicle, CAR_MAKER, "vehicle.first_registered", registration_date="2026-09-22", country="BE")
    for km in (12, 15_000, 30_100, 44_000, 61_000, 75_500):
        chain.time += 100 * 86400
        chain.record(vehicle, WORKSHOP, "vehicle.serviced", odometer_km=km, work=["oil", "filter"], occurred_at=None)
    chain.record(vehicle, RECYCLER, "vehicle.accident", severity="minor")
    chain.record(vehicle, CAR_MAKER, "vehicle.deregistered", reason="export")
