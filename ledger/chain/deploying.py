"""Putting compiled contracts on a chain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ledger.chain.abi import encode_constructor
from ledger.chain.client import ChainClient
from ledger.chain.signer import Signer
from ledger.errors import RejectedError


class Deployable(Protocol):
    """What is needed of a compiled contract."""

    @property
    def abi(self) -> Sequence[dict[str, Any]]:
        """Its interface."""

    @property
    def bytecode(self) -> bytes:
        """Its creation code."""


def deploy_contract(client: ChainClient, artefact: Deployable, signer: Signer, *arguments: Any) -> bytes:
    """Deploy a contract and return its address."""
    return deploy_contracts(client, [artefact], signer, *arguments)[0]


def deploy_contracts(
    client: ChainClient, artefacts: Sequence[Deployable], signer: Signer, *arguments: Any
) -> list[bytes]:
    """Deploy contracts that take the same arguments, in one block, and return their addresses."""
    codes = [one.bytecode + encode_constructor(one.abi, arguments) for one in artefacts]
    addresses = []
    for receipt in client.transact_many(signer, [(None, code) for code in codes]):
        if receipt.contract_address is None:
            raise RejectedError("node: a deployment without an address")
        addresses.append(receipt.contract_address)
    return addresses
