"""Actions of the council, read back from the calldata that is to be confirmed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError

from contracts import artefact
from ledger.chain.abi import signature_of, type_of
from ledger.errors import MalformedError
from ledger.proof.keccak import keccak256

ACTIONS = frozenset(
    {
        "addOrganisation",
        "setOrganisation",
        "suspendOrganisation",
        "resumeOrganisation",
        "addAccount",
        "removeAccount",
        "revokeIssuerKeyFrom",
        "assignNamespace",
        "addValidator",
        "removeValidator",
        "retireLog",
        "addAdministrator",
        "removeAdministrator",
        "setThreshold",
    }
)
"""What the council can decide; ``Consortium`` refuses the proposal of anything else."""


@dataclass(frozen=True, slots=True)
class Action:
    """What a proposal would do; ``parse_action`` makes it.

    Attributes:
        name: Of the contract's function.
        arguments: By the names of the function's parameters; addresses as 20 bytes.
    """

    name: str
    arguments: Mapping[str, Any]


def parse_action(calldata: bytes) -> Action:
    """Read an action of the council.

    Args:
        calldata: *Untrusted*.

    Returns: The action, of which ``calldata`` is the one encoding: what is shown is all that it does.

    Raises: MalformedError, for any other function or encoding.
    """
    entry = _functions().get(calldata[:4])
    if entry is None:
        raise MalformedError("council action", f"0x{calldata[:4].hex()} is none")
    types = [type_of(one) for one in entry["inputs"]]
    try:
        values = decode(types, calldata[4:])
        same = encode(types, values) == calldata[4:]
    except (DecodingError, OverflowError):
        same = False
    if not same:
        raise MalformedError("council action", f"not the one encoding of {entry['name']}")
    names = [one["name"] for one in entry["inputs"]]
    return Action(entry["name"], dict(zip(names, map(_plain, types, values), strict=True)))


def proposal_id(action: bytes, salt: bytes) -> bytes:
    """The id under which an action is confirmed, 32 bytes, as the contract calculates it.

    Args:
        action: Calldata.
        salt: 32 bytes.
    """
    return keccak256(keccak256(action) + salt)


@cache
def _functions() -> Mapping[bytes, dict[str, Any]]:
    entries = [one for one in artefact("Consortium").abi if one["type"] == "function" and one["name"] in ACTIONS]
    return {keccak256(signature_of(one).encode())[:4]: one for one in entries}


def _plain(kind: str, value: Any) -> Any:
    return bytes.fromhex(value[2:]) if kind == "address" else value
