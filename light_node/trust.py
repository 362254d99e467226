"""The trust file: everything that a light node believes without proof. It never comes from evidence or its giver."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ledger.errors import MalformedError
from ledger.event import AssetType, Json
from ledger.proof.evidence_fields import FieldReader, encode_hexadecimal
from ledger.proof.header import PLAIN, QBFT
from ledger.strict_json import MAX_INTEGER, canonical_json, parse_json
from light_node.trust_rule_format import parse_rule, rule_value
from light_node.trust_rules import FinalityRule, ValidatorRule, check_beginning

MEDIA_TYPE = "application/vnd.vinculum.trust+json"
VERSION = 1

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 6
MAX_LOGS = 8
MAX_SECONDS = 100 * 366 * 24 * 3600
BLOCK_HASH_RULES = (PLAIN, QBFT)


@dataclass(frozen=True, slots=True)
class TrustedBlock:
    """A block that is final, by its pinning or because it was verified.

    Attributes:
        number: Height.
        hash: 32 bytes, after the trust file's block hash rule.
        time: Timestamp of the block, in seconds since the epoch.
    """

    number: int
    hash: bytes
    time: int


@dataclass(frozen=True, slots=True)
class TrustedContract:
    """A contract by address and by what its code is.

    Attributes:
        address: 20 bytes.
        code_hash: keccak256 of the code at that address, 32 bytes.
    """

    address: bytes
    code_hash: bytes


@dataclass(frozen=True, slots=True)
class Trust:
    """A trust file in memory.

    Attributes:
        chain_id: EIP-155 chain id.
        block_hash_rule: ``plain`` (keccak of the header) or ``qbft`` (round and seals normalised).
        trusted_block: Nothing below it is accepted.
        finality: How a header becomes final.
        consortium: The contract of organisations, issuer keys and namespaces.
        logs: The log contracts of each asset type, in order of succession, the current one last.
        trusting_period_seconds: How long after the last accepted block the pinned keys are still believed.
        maximum_age_seconds: How old a block may be to judge by it.
    """

    chain_id: int
    block_hash_rule: str
    trusted_block: TrustedBlock
    finality: FinalityRule
    consortium: TrustedContract
    logs: Mapping[AssetType, tuple[TrustedContract, ...]]
    trusting_period_seconds: int
    maximum_age_seconds: int
    _fingerprint: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Calculate the fingerprint once: every verdict bears it."""
        object.__setattr__(self, "_fingerprint", grouped(hashlib.sha256(_canonical(self)).digest()))

    def fingerprint(self) -> str:
        """Return the fingerprint that two members read to each other: SHA-256 of the file, in groups of four."""
        return self._fingerprint


def grouped(digest: bytes) -> str:
    """Return a fingerprint as people read it, in groups of four."""
    text = digest.hex()
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


_read = FieldReader("trust file")
_TRUST = frozenset(
    {"type", "version", "chain_id", "block_hash_rule", "trusted_block", "finality", "contracts"}
    | {"trusting_period_seconds", "maximum_age_seconds"}
)
_BLOCK = frozenset({"number", "hash", "time"})
_CONTRACTS = frozenset({"consortium", "logs"})
_CONTRACT = frozenset({"address", "code_hash"})
_LOGS = frozenset(str(asset_type) for asset_type in AssetType)


def parse_trust(data: bytes) -> Trust:
    """Read a trust file.

    Args:
        data: The file; trusted as to its meaning, not as to its form. White space between tokens is free.

    Raises:
        MalformedError: A name missing, unknown or out of its range, a key twice, a threshold with which two histories
            could both be cosigned (2k <= n + tolerated liars), or a block that votes cannot be counted from.
    """
    fields = _read.members(parse_json(data, what="trust file", max_bytes=MAX_BYTES, max_depth=MAX_DEPTH), _TRUST, "")
    _read.constant(fields["type"], MEDIA_TYPE, "/type")
    _read.constant(fields["version"], VERSION, "/version")
    contracts = _read.members(fields["contracts"], _CONTRACTS, "/contracts")
    trust = Trust(
        chain_id=_read.integer(fields["chain_id"], "/chain_id", least=1, most=MAX_INTEGER),
        block_hash_rule=_hash_rule(fields["block_hash_rule"]),
        trusted_block=_block(fields["trusted_block"]),
        finality=parse_rule(fields["finality"]),
        consortium=_contract(contracts["consortium"], "/contracts/consortium"),
        logs=_logs(contracts["logs"]),
        trusting_period_seconds=_seconds(fields, "trusting_period_seconds"),
        maximum_age_seconds=_seconds(fields, "maximum_age_seconds"),
    )
    _check_addresses(trust)
    if isinstance(trust.finality, ValidatorRule) and trust.block_hash_rule != QBFT:
        raise MalformedError("trust file", "validators seal blocks of the hash rule qbft alone", "/block_hash_rule")
    check_beginning(trust.finality, trust.trusted_block.number)
    return trust


def encode_trust(trust: Trust) -> bytes:
    """Write a trust file as canonical JSON; ``parse_trust`` returns the same value.

    Raises: MalformedError, where ``trust`` is one that ``parse_trust`` refuses.
    """
    data = _canonical(trust)
    parse_trust(data)
    return data


def _canonical(trust: Trust) -> bytes:
    block = trust.trusted_block
    logs: dict[str, Json] = {
        str(kind): [_contract_value(contract) for contract in contracts] for kind, contracts in trust.logs.items()
    }
    return canonical_json(
        {
            "type": MEDIA_TYPE,
            "version": VERSION,
            "chain_id": trust.chain_id,
            "block_hash_rule": trust.block_hash_rule,
            "trusted_block": {"number": block.number, "hash": encode_hexadecimal(block.hash), "time": block.time},
            "finality": rule_value(trust.finality),
            "contracts": {"consortium": _contract_value(trust.consortium), "logs": logs},
            "trusting_period_seconds": trust.trusting_period_seconds,
            "maximum_age_seconds": trust.maximum_age_seconds,
        }
    )


def _contract_value(contract: TrustedContract) -> Json:
    return {"address": encode_hexadecimal(contract.address), "code_hash": encode_hexadecimal(contract.code_hash)}


def _hash_rule(value: Json) -> str:
    for rule in BLOCK_HASH_RULES:
        if value == rule:
            return rule
    raise MalformedError("trust file", f"one of {', '.join(BLOCK_HASH_RULES)} is needed", "/block_hash_rule")


def _block(value: Json) -> TrustedBlock:
    at = "/trusted_block"
    fields = _read.members(value, _BLOCK, at)
    return TrustedBlock(
        number=_read.integer(fields["number"], f"{at}/number", most=MAX_INTEGER),
        hash=_read.hexadecimal(fields["hash"], f"{at}/hash", length=32),
        time=_read.integer(fields["time"], f"{at}/time", most=MAX_INTEGER),
    )


def _contract(value: Json, at: str) -> TrustedContract:
    fields = _read.members(value, _CONTRACT, at)
    address = _read.hexadecimal(fields["address"], f"{at}/address", length=20)
    return TrustedContract(address, _read.hexadecimal(fields["code_hash"], f"{at}/code_hash", length=32))


def _logs(value: Json) -> Mapping[AssetType, tuple[TrustedContract, ...]]:
    at = "/contracts/logs"
    fields = _read.members(value, _LOGS, at)
    logs = {}
    for kind in AssetType:
        items = _read.items(fields[str(kind)], f"{at}/{kind}", least=1, most=MAX_LOGS)
        logs[kind] = tuple(_contract(item, f"{at}/{kind}/{n}") for n, item in enumerate(items))
    return MappingProxyType(logs)


def _check_addresses(trust: Trust) -> None:
    contracts = [trust.consortium, *(contract for logs in trust.logs.values() for contract in logs)]
    if len({contract.address for contract in contracts}) != len(contracts):
        raise MalformedError("trust file", "one address for two contracts", "/contracts")


def _seconds(fields: Mapping[str, Json], name: str) -> int:
    return _read.integer(fields[name], f"/{name}", least=1, most=MAX_SECONDS)
