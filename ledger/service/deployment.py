"""Which contracts this home works with: ``deployment.json``, written once when they are deployed or joined."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger.errors import ConfigurationError, MalformedError
from ledger.event import AssetType
from ledger.service.files import write_durably
from ledger.strict_json import parse_json

FILE_NAME = "deployment.json"
LOG_CONTRACTS: Mapping[AssetType, str] = {
    AssetType.BATTERY: "BatteryPassport",
    AssetType.VEHICLE: "VehicleHistory",
    AssetType.PART: "PartsProvenance",
}
_ADDRESS = re.compile(r"0x[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Deployment:
    """Addresses of one consortium's contracts; all of it is public.

    Attributes:
        chain_id: EIP-155 chain id.
        consortium: Address of ``Consortium``, 20 bytes.
        logs: Address of each log, 20 bytes.
        first_block: Number of the block before which nothing of ours happened.
        origin: Origin line of the checkpoints over this chain's block hashes.
    """

    chain_id: int
    consortium: bytes
    logs: Mapping[AssetType, bytes]
    first_block: int
    origin: str

    def log_name(self, asset_type: AssetType) -> str:
        """CAIP-10 name of a log, as credentials carry it."""
        return f"eip155:{self.chain_id}:0x{self.logs[asset_type].hex()}"

    def asset_type_of(self, log: bytes) -> AssetType:
        """Which log has this address.

        Raises: ConfigurationError, where it is none of ours.
        """
        for asset_type, address in self.logs.items():
            if address == log:
                return asset_type
        raise ConfigurationError(f"0x{log.hex()} is no log of this deployment")


def save_deployment(home: Path, deployment: Deployment) -> None:
    """Write ``deployment.json``; an existing one is never overwritten.

    Raises: ConfigurationError, where there is one already.
    """
    path = home / FILE_NAME
    if path.exists():
        raise ConfigurationError(f"{path} exists: this home has its contracts already")
    value = {
        "version": 1,
        "chain_id": deployment.chain_id,
        "consortium": f"0x{deployment.consortium.hex()}",
        "logs": {asset_type.value: f"0x{address.hex()}" for asset_type, address in deployment.logs.items()},
        "first_block": deployment.first_block,
        "origin": deployment.origin,
    }
    write_durably(path, json.dumps(value, indent=2).encode() + b"\n")


def load_deployment(home: Path) -> Deployment:
    """Read ``deployment.json``.

    Raises: ConfigurationError, where it is missing or unusable.
    """
    path = home / FILE_NAME
    if not path.exists():
        raise ConfigurationError(f"no contracts yet in {home}: run `vinculum up` first")
    try:
        value: Any = parse_json(path.read_bytes(), what=FILE_NAME)
        logs = {AssetType(name): _address(text) for name, text in value["logs"].items()}
        if value["version"] != 1 or set(logs) != set(LOG_CONTRACTS):
            raise ConfigurationError(f"{path} is of another version or lacks a log")
        consortium = _address(value["consortium"])
        return Deployment(value["chain_id"], consortium, logs, value["first_block"], value["origin"])
    except (MalformedError, KeyError, ValueError, TypeError, AttributeError, OSError) as error:
        raise ConfigurationError(f"{path} cannot be used: {error}") from None


def _address(text: str) -> bytes:
    if not _ADDRESS.fullmatch(text):
        raise ValueError("an address is 0x and 40 lower-case hex digits")
    return bytes.fromhex(text[2:])
