"""A world that ended a few days ago, for programs that look at the clock of the machine."""

from __future__ import annotations

import time
from dataclasses import replace

from light_node.trust import Trust
from tests.simulator.chain import DAY, Simulator
from tests.simulator.sealed import SealedSimulator

HISTORY_DAYS = 620


def recent(chain: Simulator | None = None) -> Simulator:
    """The same chain, begun so long ago that a world's history ends a few days before now."""
    chain = Simulator() if chain is None else chain
    begun = int(time.time()) - HISTORY_DAYS * DAY
    chain.blocks.clear()
    chain.time = begun
    if isinstance(chain, SealedSimulator):
        chain.sealings.clear()
    for organisation, key in chain.keys.items():
        chain.add_key(organisation, key, valid_from=begun, changed_at=begun)
    chain.mine()
    return chain


def lasting(trust: Trust) -> Trust:
    """The same trust file, by which evidence does not grow too old."""
    return replace(trust, maximum_age_seconds=3650 * DAY)
