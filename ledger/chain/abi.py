"""Encoding by the contract ABI, for everything but the hot path (``calls`` and ``events`` do that by hand)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError

from ledger.errors import RejectedError
from ledger.proof.keccak import keccak256


@dataclass(frozen=True)
class Function:
    """A contract function: ``Function("head(bytes32)", "bytes32")``; arrays and tuples as in the ABI's own notation."""

    signature: str
    results: str = ""

    @cached_property
    def selector(self) -> bytes:
        """The first 4 bytes of calldata."""
        return keccak256(self.signature.encode())[:4]

    def encode(self, *arguments: Any) -> bytes:
        """Return calldata."""
        return self.selector + encode(_split(self.signature[self.signature.index("(") :]), arguments)

    def decode(self, data: bytes) -> Any:
        """Return the one result plain, several as a tuple, None for none.

        Raises: RejectedError, if the answer is not of that type: nothing, or another contract, is at the address.
        """
        types = _split(f"({self.results})")
        try:
            values = decode(types, data)
        except DecodingError:
            raise RejectedError(f"no contract answers {self.signature} there") from None
        plain = tuple(_plain(kind, value) for kind, value in zip(types, values, strict=True))
        return plain[0] if len(plain) == 1 else (plain or None)


def encode_constructor(abi: Sequence[dict[str, Any]], arguments: Sequence[Any]) -> bytes:
    """Return what follows the creation code."""
    inputs: list[dict[str, Any]] = next((entry["inputs"] for entry in abi if entry["type"] == "constructor"), [])
    return bytes(encode([type_of(argument) for argument in inputs], arguments))


def type_of(argument: dict[str, Any]) -> str:
    """Write an ABI entry's type out: tuples with their components."""
    kind = str(argument["type"])
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(map(type_of, argument['components']))}){kind.removeprefix('tuple')}"


def signature_of(entry: dict[str, Any]) -> str:
    """Write a function's, event's or error's signature, as it is hashed."""
    return f"{entry['name']}({','.join(map(type_of, entry['inputs']))})"


def _plain(kind: str, value: Any) -> Any:
    """Give addresses as 20 bytes, as everywhere else."""
    if kind == "address":
        return bytes.fromhex(value[2:])
    return tuple(bytes.fromhex(one[2:]) for one in value) if kind == "address[]" else value


def _split(types: str) -> list[str]:
    parts, depth, current = [], 0, ""
    for character in types[1:-1]:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += character
    return [*parts, current] if current else parts
