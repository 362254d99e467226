"""A folder with what an honest giver and a careful reader have."""

from __future__ import annotations

from pathlib import Path

from light_node.trust import encode_trust
from tests.simulator.recent import lasting, recent
from tests.simulator.world import World, make_world


def write_honest_files(folder: Path) -> World:
    """Write evidence of the car of a recent world, ``car.json``, and a trust file that lasts, ``trust.json``."""
    world = make_world(recent())
    (folder / "car.json").write_bytes(world.chain.file(world.vehicle))
    (folder / "trust.json").write_bytes(encode_trust(lasting(world.chain.trust())))
    return world
