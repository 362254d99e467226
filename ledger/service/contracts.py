"""Which contracts this home works with: ``contracts.json``, written when they are deployed or a log is replaced."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ledger.chain.contracts import Deployment
from ledger.credential.binding import log_name
from ledger.errors import ConfigurationError, MalformedError
from ledger.event import AssetType
from ledger.service.files import write_durably
from ledger.strict_json import parse_json

FILE_NAME = "contracts.json"
VERSION = 1
_ADDRESS = re.compile(r"0x[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Contracts:
    """One consortium's contracts; all of it is public.

    Attributes:
        deployment: Where they are.
        origin: Origin line of the checkpoints over this chain's block hashes.
    """

    deployment: Deployment
    origin: str

    @property
    def chain_id(self) -> int:
        """EIP-155 chain id."""
        return self.deployment.chain_id

    @property
    def consortium(self) -> bytes:
        """Address of ``Consortium``, 20 bytes."""
        return self.deployment.consortium

    def log(self, asset_type: AssetType) -> bytes:
        """Address of the log that takes new attestations, 20 bytes."""
        return self.deployment.log_of(asset_type)

    def log_name(self, asset_type: AssetType) -> str:
        """CAIP-10 name of that log, as credentials carry it."""
        return log_name(self.chain_id, self.log(asset_type))


def origin_of(deployment: Deployment) -> str:
    """The origin line of checkpoints over the chain of a consortium."""
    return f"vinculum/{deployment.chain_id}/0x{deployment.consortium.hex()}"


def with_successor(contracts: Contracts, asset_type: AssetType, log: bytes) -> Contracts:
    """The same contracts with a further log of one asset type, which takes new attestations from now on."""
    logs = contracts.deployment.logs
    further = {**logs, asset_type: (*logs[asset_type], log)}
    return replace(contracts, deployment=replace(contracts.deployment, logs=further))


def save_contracts(home: Path, contracts: Contracts) -> None:
    """Write ``contracts.json``; an existing one is never overwritten.

    Raises: ConfigurationError, where there is one already.
    """
    path = home / FILE_NAME
    if path.exists():
        raise ConfigurationError(f"{path} exists: this home has its contracts already")
    write_durably(path, _encode(contracts))


def extend_contracts(home: Path, contracts: Contracts) -> None:
    """Write ``contracts.json`` with further logs; all that it names stays as it is, in the same order.

    Raises: ConfigurationError, where something else differs.
    """
    before = load_contracts(home)
    older, newer = before.deployment.logs, contracts.deployment.logs
    same = replace(contracts, deployment=replace(contracts.deployment, logs=older)) == before
    if not same or any(tuple(newer[kind])[: len(older[kind])] != tuple(older[kind]) for kind in AssetType):
        raise ConfigurationError(f"{home / FILE_NAME} names other contracts: further logs can only be added to it")
    write_durably(home / FILE_NAME, _encode(contracts))


def _encode(contracts: Contracts) -> bytes:
    deployment = contracts.deployment
    value = {
        "version": VERSION,
        "chain_id": deployment.chain_id,
        "consortium": f"0x{deployment.consortium.hex()}",
        "logs": {kind.value: [f"0x{log.hex()}" for log in logs] for kind, logs in deployment.logs.items()},
        "first_block": deployment.first_block,
        "origin": contracts.origin,
    }
    return json.dumps(value, indent=2).encode() + b"\n"


def load_contracts(home: Path) -> Contracts:
    """Read ``contracts.json``.

    Raises: ConfigurationError, where it is missing or unusable.
    """
    path = home / FILE_NAME
    if not path.exists():
        raise ConfigurationError(f"no contracts yet in {home}: run `vinculum up` first")
    try:
        value: Any = parse_json(path.read_bytes(), what=FILE_NAME)
        logs = {AssetType(name): tuple(map(_address, texts)) for name, texts in value["logs"].items()}
        if value["version"] != VERSION or set(logs) != set(AssetType) or not all(logs.values()):
            raise ConfigurationError(f"{path} is of another version or lacks a log")
        deployment = Deployment(value["chain_id"], _address(value["consortium"]), logs, value["first_block"])
        return Contracts(deployment, value["origin"])
    except (MalformedError, KeyError, ValueError, TypeError, AttributeError, OSError) as error:
        raise ConfigurationError(f"{path} cannot be used: {error}") from None


def _address(text: str) -> bytes:
    if not _ADDRESS.fullmatch(text):
        raise ValueError("an address is 0x and 40 lower-case hex digits")
    return bytes.fromhex(text[2:])
