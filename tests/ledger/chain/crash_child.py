"""A process that runs outbox or projector and kills itself hard: ``crash_child WHO STEP NTH WORLD DATABASE``."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable

from ledger.chain.outbox import Outbox
from ledger.chain.projector import Projector
from ledger.chain.settling import OutboxSettings
from ledger.store.database import open_database
from tests.ledger.chain.world import CHAIN_ID, World


def _killer(step: str, nth: int) -> Callable[[str], None]:
    left = nth

    def observe(name: str) -> None:
        nonlocal left
        if name == step:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return observe


def main(who: str, step: str, nth: str, text: str, url: str) -> None:
    world, database = World.from_text(text), open_database(url)
    client, observer = world.client(), _killer(step, int(nth))
    if who == "projector":
        Projector(database, client, world.deployment, observer=observer).sync()
        return
    settings = OutboxSettings(CHAIN_ID, batch_items=3, poll_s=0.02)
    with Outbox(database, client, world.signer(), settings, observer=observer) as outbox:
        outbox.drain(30)


if __name__ == "__main__":
    main(*sys.argv[1:])
