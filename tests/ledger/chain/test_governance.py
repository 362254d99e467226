"""Organisations, accounts, keys and namespaces in the index are those of the consortium, also after a re-org."""

from __future__ import annotations

from contextlib import closing

import pytest
from sqlalchemy import select
from sqlmodel import col

from ledger.chain import contracts as calls
from ledger.chain.abi import Function
from ledger.chain.client import ChainClient
from ledger.chain.projector import Projector
from ledger.chain.signer import KeySigner
from ledger.errors import NotAuthorisedError, RuleError
from ledger.store.chain_index import Account, GovernanceEvent, IssuerKey, Namespace, Organisation
from ledger.store.database import Database
from tests.ledger.chain.test_crashes import _dump
from tests.ledger.chain.world import World, mine

pytestmark = pytest.mark.integration
THUMBPRINT, NAMESPACE, FOREVER = b"\x11" * 32, b"\x22" * 32, 2**48 - 1


def _transact(client: ChainClient, signer: KeySigner, to: bytes, data: bytes) -> None:
    client.rpc.read("evm_setAutomine", True)
    client.transact(signer, to, data)
    client.rpc.read("evm_setAutomine", False)


def _decide(client: ChainClient, world: World, action: bytes, salt: bytes = bytes(32)) -> None:
    _transact(client, world.signer(), world.consortium, calls.CONFIRM.encode(action, salt))


def _govern(client: ChainClient, world: World) -> None:
    own = world.signer(1)
    _decide(client, world, calls.SET_ORGANISATION.encode(3, 5, b"\x33" * 32))
    _decide(client, world, calls.SUSPEND_ORGANISATION.encode(4))
    _transact(client, own, world.consortium, calls.ADD_ACCOUNT.encode(2, world.signer(4).address))
    _transact(client, own, world.consortium, calls.REMOVE_ACCOUNT.encode(2, world.signer(4).address))
    _transact(client, own, world.consortium, calls.ADD_ISSUER_KEY.encode(THUMBPRINT, 0, FOREVER, 1, 0))
    _transact(client, own, world.consortium, calls.REVOKE_ISSUER_KEY.encode(THUMBPRINT))
    _decide(client, world, calls.ASSIGN_NAMESPACE.encode(NAMESPACE, 2))
    client.rpc.read("evm_increaseTime", 5)
    mine(client, 2)
    _decide(client, world, calls.ASSIGN_NAMESPACE.encode(NAMESPACE, 3))


def test_the_tables_are_the_consortium(manual_world: World, database: Database) -> None:
    with closing(manual_world.client()) as client:
        _govern(client, manual_world)
        Projector(database, client, manual_world.deployment).sync()
        asked = Function("issuerKey(uint32,bytes32)", "(uint48,uint48,uint48,uint48,uint8,uint8)")
        on_chain = client.call(manual_world.consortium, asked, 2, THUMBPRINT)
        roles = [client.call(manual_world.consortium, calls.MEMBER, manual_world.signer(n).address) for n in range(5)]
    with database.read() as session:
        organisations = {row.id: row for row in session.scalars(select(Organisation))}
        assert {number: (row.roles, row.suspended) for number, row in organisations.items()} == {
            1: (2047, False),
            2: (2047, False),
            3: (5, False),
            4: (2047, True),
        }
        assert organisations[3].metadata_digest == b"\x33" * 32
        accounts = {row.address: row.organisation for row in session.scalars(select(Account))}
        assert accounts == {manual_world.signer(n).address: (n + 1) % 5 for n in range(5)}
        assert [granted for _, granted in roles] == [2047, 2047, 5, 0, 0]
        key = session.get_one(IssuerKey, (2, THUMBPRINT))
        assert (key.valid_from, key.valid_until, key.revoked_from, key.changed_at, key.algorithm, key.flags) == on_chain
        owners = session.scalars(select(Namespace).order_by(col(Namespace.position))).all()
        assert [(row.namespace, row.organisation) for row in owners] == [(NAMESPACE, 2), (NAMESPACE, 3)]
        names = set(session.scalars(select(col(GovernanceEvent.name))))
    assert {"Proposed", "Executed", "ValidatorAdded", "ThresholdChanged"} <= names


def test_governance_that_a_reorg_took_is_taken_back(manual_world: World, database: Database) -> None:
    with closing(manual_world.client()) as client:
        Projector(database, client, manual_world.deployment).sync()
        before = _dump(database)
        snapshot = client.rpc.read("evm_snapshot")
        _govern(client, manual_world)
        Projector(database, client, manual_world.deployment).sync()
        assert len(_dump(database)["issuer_key"]) == 1
        client.rpc.read("evm_revert", snapshot)
        client.rpc.read("anvil_setCoinbase", "0x" + "77" * 20)
        mine(client)
        Projector(database, client, manual_world.deployment).sync()
    after = _dump(database)
    for name in ("organisation", "account", "issuer_key", "namespace", "governance_event"):
        assert after[name] == before[name]


def test_the_contract_refuses_before_anything_is_sent(manual_world: World) -> None:
    with closing(manual_world.client()) as client:
        outsider = manual_world.signer(4)
        with pytest.raises(NotAuthorisedError, match="administrator"):
            calls.decide(client, outsider, manual_world.consortium, calls.RESUME_ORGANISATION.encode(1), bytes(32))
        data = calls.ADD_ISSUER_KEY.encode(THUMBPRINT, 0, FOREVER, 9, 0)
        with pytest.raises(RuleError, match="key algorithm"):
            client.transact(manual_world.signer(), manual_world.consortium, data)
        assert client.nonce(outsider.address) == 0
