"""Ways around the council that once were open, each by name."""

from __future__ import annotations

import pytest

from ledger.proof.slots import IssuerKeyRecord
from tests.contracts.evm import RefusedError, refused
from tests.contracts.world import DELAY, MAKER, World

SALT, KEY = b"\x07" * 32, b"\x0b" * 32
NO_END = 2**48 - 1


def confirmed(world: World, action: bytes, *who: int) -> None:
    for one in who:
        world.consortium.send(world.chain.accounts[one], "confirm", action, SALT)


def executed(world: World, action: bytes) -> bool:
    proposal = world.consortium.read("proposalId", action, SALT)
    return bool(world.consortium.read("proposal", proposal)[0][2])


@pytest.mark.parametrize("change", ["removeAdministrator", "setThreshold"])
def test_a_majority_that_was_lost_waits_its_delay_again(world: World, change: str) -> None:
    action = world.consortium.data("addAdministrator", world.stranger)
    confirmed(world, action, 0, 1, 2)
    world.chain.wait(DELAY)
    world.council.decide(change, world.chain.accounts[2] if change == "removeAdministrator" else 4)
    refused(world.consortium, "AlreadyConfirmed", world.chain.accounts[0], "confirm", action, SALT)
    confirmed(world, action, 3)
    assert not executed(world, action)
    refused(world.consortium, "ProposalNotReady", world.chain.accounts[0], "confirm", action, SALT)
    world.chain.wait(DELAY)
    confirmed(world, action, 0)
    assert executed(world, action)


def test_a_thief_who_revokes_a_key_himself_does_not_save_what_he_signed_before(world: World) -> None:
    world.consortium.send(world.maker, "addIssuerKey", KEY, 0, NO_END, 1, 0)
    since = world.chain.time
    world.chain.wait(5000)
    world.consortium.send(world.maker, "revokeIssuerKey", KEY)
    recorded = world.chain.time
    world.chain.wait(5000)
    world.council.decide("revokeIssuerKeyFrom", MAKER, KEY, since + 10)
    word = world.consortium.read("issuerKey", MAKER, KEY)
    assert IssuerKeyRecord(*word) == IssuerKeyRecord(since, NO_END, since + 10, recorded, 1, 0)
    for later in (since + 10, since + 11, recorded):
        with pytest.raises(RefusedError, match="IssuerKeyIsRevoked"):
            world.council.decide("revokeIssuerKeyFrom", MAKER, KEY, later)
