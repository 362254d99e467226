"""The contracts of one consortium: where they are, how they are deployed, and the calls that are made to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from contracts import LOGS, artefact
from ledger.chain.abi import Function
from ledger.chain.answers import Receipt
from ledger.chain.client import ChainClient
from ledger.chain.deploying import deploy_contract, deploy_contracts
from ledger.chain.signer import Signer
from ledger.errors import MissingError
from ledger.event import AssetType

NO_ADDRESS = bytes(20)
DEPLOY_GAS = 12_000_000
ACTION_GAS = 5_000_000

CONFIRM = Function("confirm(bytes,bytes32)", "bytes32,bool")
MEMBER = Function("member(address)", "uint32,uint64")
ADD_ORGANISATION = Function("addOrganisation(uint32,uint64,bytes32,address)")
SET_ORGANISATION = Function("setOrganisation(uint32,uint64,bytes32)")
SUSPEND_ORGANISATION = Function("suspendOrganisation(uint32)")
RESUME_ORGANISATION = Function("resumeOrganisation(uint32)")
ADD_ACCOUNT = Function("addAccount(uint32,address)")
REMOVE_ACCOUNT = Function("removeAccount(uint32,address)")
ADD_ISSUER_KEY = Function("addIssuerKey(bytes32,uint48,uint48,uint8,uint8)")
LIMIT_ISSUER_KEY = Function("limitIssuerKey(bytes32,uint48)")
REVOKE_ISSUER_KEY = Function("revokeIssuerKey(bytes32)")
REVOKE_ISSUER_KEY_FROM = Function("revokeIssuerKeyFrom(uint32,bytes32,uint48)")
ASSIGN_NAMESPACE = Function("assignNamespace(bytes32,uint32)")
RETIRE_LOG = Function("retireLog(address,address)")
ADD_VALIDATOR = Function("addValidator(address)")
REMOVE_VALIDATOR = Function("removeValidator(address)")
GET_VALIDATORS = Function("getValidators()", "address[]")
HEAD = Function("head(bytes32)", "bytes32")
LATEST_HEAD = Function("latestHead(bytes32)", "bytes32")


@dataclass(frozen=True, slots=True)
class Deployment:
    """The contracts of one consortium on one chain.

    Attributes:
        chain_id: Of the chain.
        consortium: Its address.
        logs: Addresses of each asset type's attestation logs, oldest first; each succeeds the one before it.
        first_block: Nothing of the consortium stands below it.
    """

    chain_id: int
    consortium: bytes
    logs: Mapping[AssetType, Sequence[bytes]]
    first_block: int = 0

    @property
    def addresses(self) -> tuple[bytes, ...]:
        """Everything that is followed."""
        return (self.consortium, *(log for logs in self.logs.values() for log in logs))

    @property
    def predecessors(self) -> dict[bytes, bytes]:
        """From a log to the one that it succeeds: there a subject goes on from its old head."""
        return {newer: older for logs in self.logs.values() for older, newer in pairwise(logs)}

    def log_of(self, asset_type: AssetType) -> bytes:
        """Return the log that takes new attestations.

        Raises: MissingError, if there is none for that type.
        """
        logs = self.logs.get(asset_type)
        if not logs:
            raise MissingError(f"no log of {asset_type} assets is deployed")
        return logs[-1]

    def asset_type_of(self, log: bytes) -> AssetType:
        """Return the asset type of a log.

        Raises: MissingError, if it is none of the deployment's.
        """
        for asset_type, logs in self.logs.items():
            if log in logs:
                return asset_type
        raise MissingError(f"0x{log.hex()} is no log of this deployment")


def governance_abis() -> tuple[Sequence[dict[str, Any]], ...]:
    """Return the interfaces whose events are kept beside the attestations."""
    return artefact("Consortium").abi, artefact("BatteryPassport").abi


def deploy(
    client: ChainClient,
    signer: Signer,
    *,
    administrators: Sequence[bytes],
    threshold: int,
    delay_s: int,
    validators: Sequence[bytes],
) -> Deployment:
    """Deploy a consortium and its three logs.

    Args:
        client: Of the chain.
        signer: Pays nothing and gets no right by this.
        administrators: Of the council, 20 bytes each.
        threshold: How many of them decide.
        delay_s: How long changes of council, validators, namespaces and logs wait.
        validators: The first set, 20 bytes each.
    """
    first_block = client.block_number()
    consortium = deploy_contract(client, artefact("Consortium"), signer, administrators, threshold, delay_s, validators)
    logs = deploy_contracts(
        client, [artefact(LOGS[asset_type]) for asset_type in AssetType], signer, consortium, NO_ADDRESS
    )
    by_type = {asset_type: (log,) for asset_type, log in zip(AssetType, logs, strict=True)}
    return Deployment(client.chain_id(), consortium, by_type, first_block)


def decide(client: ChainClient, administrator: Signer, consortium: bytes, action: bytes, salt: bytes) -> Receipt:
    """Propose, confirm or execute an action of the council, whichever is due.

    Args:
        client: Of the chain.
        administrator: Who confirms.
        consortium: Its address.
        action: Calldata, e.g. ``ADD_ORGANISATION.encode(…)``.
        salt: 32 bytes; the same for all who confirm this action.

    Raises:
        RuleError: The contract refuses, with its own error; nothing was sent.
    """
    return client.transact(administrator, consortium, CONFIRM.encode(action, salt))
