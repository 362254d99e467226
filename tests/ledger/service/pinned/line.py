"""Homes that pin their validators, and rotations of them: what the tests of pinned sets share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ledger.service.pinned import publish_rotation
from ledger.service.rotations import begin_pinned, propose_rotation
from light_node.qbft.rotation import Rotation, sign_rotation
from light_node.trust import Trust
from light_node.trust_rules import Source
from tests.ledger.service.sealed_home import Home
from tests.simulator.qbft import Validator, addresses, validators
from tests.simulator.sealed_node import SealedNode

FOUR = validators(4)
FIVE = [*FOUR, Validator("fifth")]
STRANGER = Validator("stranger")


def new_home(folder: Path, node: SealedNode, **chosen: object) -> Home:
    home = Home(folder, node)
    home.chosen = {"validator_source": Source.PINNED} | chosen
    return home


def begin(home: Home, members: Sequence[Validator] = FOUR, k: int | None = None) -> Trust:
    with home.open() as workspace:
        return begin_pinned(workspace, addresses(members), k)


def propose(home: Home, members: Sequence[Validator], effective: int, k: int | None = None) -> Rotation:
    with home.open() as workspace:
        return propose_rotation(workspace, addresses(members), effective, k)


def signed(made: Rotation, signers: Sequence[Validator]) -> Rotation:
    for signer in signers:
        made = sign_rotation(made, signer.key)
    return made


def rotate(home: Home, members: Sequence[Validator], effective: int, signers: Sequence[Validator]) -> Rotation:
    """Published in the home; the chain goes over in time."""
    made = signed(propose(home, members, effective), signers)
    assert publish_rotation(home.folder, made)
    while len(home.chain.blocks) < effective - 1:
        home.chain.mine()
    home.chain.mine(successors=members)
    return made
