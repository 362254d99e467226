"""A device's key signs batches of readings; a credential that it signed is refused by every reader."""

from __future__ import annotations

from ledger.proof.slots import DEVICE_KEY
from light_node.verdict import Outcome, Step
from tests.light_node.judging import assert_refused, assert_verified, judged
from tests.simulator import layout
from tests.simulator.chain import CONSORTIUM
from tests.simulator.world import MAKER, World

FLAGS_AT = 200


def test_a_credential_by_a_devices_key_is_refused(world: World) -> None:
    assert_verified(judged(world, world.chain.evidence(world.battery)))
    place = layout.issuer_key_at(MAKER, world.chain.keys[MAKER].public.thumbprint)
    world.chain.slots[CONSORTIUM][place] |= DEVICE_KEY << FLAGS_AT
    verdict = judged(world, world.chain.evidence(world.battery))
    assert_refused(verdict, Outcome.REFUTED, Step.AUTHORITY, "IssuerError")
    assert "for a device" in verdict.reason


def test_other_flags_are_the_organisations_own(world: World) -> None:
    place = layout.issuer_key_at(MAKER, world.chain.keys[MAKER].public.thumbprint)
    world.chain.slots[CONSORTIUM][place] |= 0xFE << FLAGS_AT
    assert_verified(judged(world, world.chain.evidence(world.battery)))
