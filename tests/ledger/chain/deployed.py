"""Deploys the real contracts for tests: a council of one, four organisations with all roles, an account each."""

from __future__ import annotations

import os

from ledger.chain.client import ChainClient
from ledger.chain.contracts import ADD_ORGANISATION, decide, deploy
from ledger.chain.signer import KeySigner
from ledger.event import AssetType
from tests.ledger.chain.world import World

ALL_ROLES = 2**11 - 1


def deploy_world(url: str, *, mines: bool = True) -> World:
    """The fifth key is of an account that belongs to nobody."""
    client, keys = ChainClient.at(url), tuple(os.urandom(32) for _ in range(5))
    if not mines:
        client.rpc.read("evm_setAutomine", True)
    admin = KeySigner(keys[0])
    council = {"administrators": [admin.address], "threshold": 1, "delay_s": 0, "validators": [admin.address]}
    deployment = deploy(client, admin, **council)  # type: ignore[arg-type]
    for number, key in enumerate(keys[:4], start=1):
        action = ADD_ORGANISATION.encode(number, ALL_ROLES, bytes(32), KeySigner(key).address)
        decide(client, admin, deployment.consortium, action, bytes(32))
    if not mines:
        client.rpc.read("evm_setAutomine", False)
    client.close()
    return World(url, deployment.log_of(AssetType.BATTERY), deployment.consortium, keys)
