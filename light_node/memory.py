"""What a light node keeps of the last head that it accepted, and of heads that contradict each other. Pure.

Source: DESIGN, Light node: "It keeps its last head, refuses to go back in height or time … Two conflicting headers are
kept as evidence."
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ledger.errors import MalformedError
from ledger.event import Json
from ledger.proof.evidence import MAX_BYTES as MAX_EVIDENCE_BYTES
from ledger.proof.evidence import Finality
from ledger.proof.evidence_fields import FieldReader, encode_hexadecimal
from ledger.proof.evidence_finality import finality_value, parse_finality
from ledger.proof.header import MAX_HEADER_BYTES
from ledger.proof.qbft_extra import MAX_VALIDATORS
from ledger.strict_json import MAX_INTEGER, canonical_json, parse_json
from light_node.heads import Accepted, TreeHead, ValidatedBlock, VerifiedHeader
from light_node.qbft.votes import MAX_OPEN_VOTES
from light_node.trust import TrustedBlock

MEDIA_TYPE = "application/vnd.vinculum.light-state+json"
FORK_MEDIA_TYPE = "application/vnd.vinculum.fork+json"
VERSION = 1
MAX_BYTES = 2 * MAX_EVIDENCE_BYTES + 1024 * 1024
"""Two proofs of finality, each as large as a whole file may be: whatever was accepted can be read again."""
MAX_DEPTH = 12

_read = FieldReader("state of the light node")
_STATE = frozenset({"type", "version", "chain_id", "block", "tree", "validated", "anchored_at", "signed"})
_BLOCK = frozenset({"number", "hash", "time"})
_VALIDATED = frozenset({"block", "validators"})
_MAY_BE_VALIDATED = frozenset({"votes", "sequence"})
_VOTE = frozenset({"voter", "candidate"})
_TREE = frozenset({"size", "root"})
_SIGNED = frozenset({"header", "finality"})


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A header with what made it final, as an evidence file carried it.

    Attributes:
        header: RLP.
        finality: Its signatures and paths.
    """

    header: bytes
    finality: Finality

    def value(self) -> dict[str, Json]:
        """As JSON takes it."""
        return {"header": encode_hexadecimal(self.header), "finality": finality_value(self.finality)}


@dataclass(frozen=True, slots=True)
class Memory:
    """What was accepted last; it was verified then.

    Attributes:
        chain_id: EIP-155 chain id.
        block: Height, hash and time of the last head.
        signed: The proof of it: one half of the evidence, should another head ever contradict it.
        tree: The largest tree of block hashes that witnesses cosigned; None where validators seal.
        validated: The last block whose successor's validators are known; None where witnesses cosign.
        anchored_at: When witnesses last vouched for ``tree`` to this very node; 0: never.
    """

    chain_id: int
    block: TrustedBlock
    signed: SignedHead
    tree: TreeHead | None = None
    validated: ValidatedBlock | None = None
    anchored_at: int = 0

    def accepted(self, path: tuple[bytes, ...] | None = None) -> Accepted:
        """What a new file must not take back; ``path``: see ``Accepted``."""
        return Accepted(self.block, self.tree, path, self.validated, self.anchored_at)


def remember(before: Memory | None, chain_id: int, header: VerifiedHeader, signed: SignedHead) -> Memory:
    """The memory after a file was verified: the higher head, the larger tree, the later set of validators.

    Args:
        before: What was remembered, and what ``header`` was verified against.
        chain_id: Of the trust file.
        header: *Verified*.
        signed: What ``header`` was verified from.
    """
    now = Memory(chain_id, TrustedBlock(header.number, header.hash, header.time), signed, header.tree, header.validated)
    if before is None:
        return now
    higher = max(before, now, key=_height)
    trees = [one.tree for one in (before, now) if one.tree is not None]
    sets = [one.validated for one in (before, now) if one.validated is not None]
    return Memory(
        chain_id,
        higher.block,
        higher.signed,
        max(trees, key=lambda one: one.size, default=None),
        max(sets, key=lambda one: one.block.number, default=None),
        before.anchored_at,
    )


def _height(memory: Memory) -> tuple[int, int]:
    return memory.block.number, 0 if memory.tree is None else memory.tree.size


def encode_memory(memory: Memory) -> bytes:
    """Write a memory as canonical JSON; ``parse_memory`` returns the same value."""
    tree, validated = memory.tree, memory.validated
    return canonical_json(
        {
            "type": MEDIA_TYPE,
            "version": VERSION,
            "chain_id": memory.chain_id,
            "block": _block_value(memory.block),
            "tree": None if tree is None else {"size": tree.size, "root": encode_hexadecimal(tree.root)},
            "validated": None if validated is None else _validated_value(validated),
            "anchored_at": memory.anchored_at,
            "signed": memory.signed.value(),
        }
    )


def parse_memory(data: bytes) -> Memory:
    """Read a memory back.

    Args:
        data: Our own file; a disk may have damaged it.

    Raises: MalformedError; the caller must not go on as if nothing had ever been accepted.
    """
    fields = _members(data, _STATE, MEDIA_TYPE)
    return Memory(
        chain_id=_read.integer(fields["chain_id"], "/chain_id", least=1, most=MAX_INTEGER),
        block=_block(fields["block"], "/block"),
        signed=_signed(fields["signed"], "/signed"),
        tree=None if fields["tree"] is None else _tree(fields["tree"]),
        validated=None if fields["validated"] is None else _validated(fields["validated"]),
        anchored_at=_read.integer(fields["anchored_at"], "/anchored_at", most=MAX_INTEGER),
    )


def encode_fork(chain_id: int, first: SignedHead, second: SignedHead) -> bytes:
    """Write two heads that contradict each other, each with its signatures, as canonical JSON.

    Whoever has the trust file verifies each of them, and then knows that enough witnesses or validators signed both.
    """
    value: dict[str, Json] = {"type": FORK_MEDIA_TYPE, "version": VERSION, "chain_id": chain_id}
    return canonical_json(value | {"first": first.value(), "second": second.value()})


def parse_fork(data: bytes) -> tuple[int, SignedHead, SignedHead]:
    """Read fork evidence: chain id and both heads, *untrusted*.

    Raises: MalformedError.
    """
    names = frozenset({"type", "version", "chain_id", "first", "second"})
    fields = _members(data, names, FORK_MEDIA_TYPE)
    chain_id = _read.integer(fields["chain_id"], "/chain_id", least=1, most=MAX_INTEGER)
    return chain_id, _signed(fields["first"], "/first"), _signed(fields["second"], "/second")


def _members(data: bytes, names: frozenset[str], media_type: str) -> Mapping[str, Json]:
    value = parse_json(data, what="state of the light node", max_bytes=MAX_BYTES, max_depth=MAX_DEPTH)
    fields = _read.members(value, names, "")
    _read.constant(fields["type"], media_type, "/type")
    _read.constant(fields["version"], VERSION, "/version")
    if canonical_json(value) != data:
        raise MalformedError("state of the light node", "not the canonical encoding of its content")
    return fields


def _signed(value: Json, at: str) -> SignedHead:
    fields = _read.members(value, _SIGNED, at)
    header = _read.hexadecimal(fields["header"], f"{at}/header", most=MAX_HEADER_BYTES)
    return SignedHead(header, parse_finality(fields["finality"], f"{at}/finality"))


def _block_value(block: TrustedBlock) -> dict[str, Json]:
    return {"number": block.number, "hash": encode_hexadecimal(block.hash), "time": block.time}


def _validated_value(validated: ValidatedBlock) -> dict[str, Json]:
    """Open votes and the number of a rotation stand there only where there are some."""
    listed: list[Json] = [encode_hexadecimal(one) for one in validated.validators]
    votes: list[Json] = [
        {"voter": encode_hexadecimal(voter), "candidate": encode_hexadecimal(candidate)}
        for voter, candidate in sorted(validated.votes)
    ]
    value: dict[str, Json] = {"block": _block_value(validated.block), "validators": listed}
    value |= {"votes": votes} if votes else {}
    return value | ({"sequence": validated.sequence} if validated.sequence else {})


def _block(value: Json, at: str) -> TrustedBlock:
    fields = _read.members(value, _BLOCK, at)
    return TrustedBlock(
        number=_read.integer(fields["number"], f"{at}/number", most=MAX_INTEGER),
        hash=_read.hexadecimal(fields["hash"], f"{at}/hash", length=32),
        time=_read.integer(fields["time"], f"{at}/time", most=MAX_INTEGER),
    )


def _tree(value: Json) -> TreeHead:
    fields = _read.members(value, _TREE, "/tree")
    return TreeHead(
        size=_read.integer(fields["size"], "/tree/size", least=1, most=MAX_INTEGER),
        root=_read.hexadecimal(fields["root"], "/tree/root", length=32),
    )


def _validated(value: Json) -> ValidatedBlock:
    at = "/validated"
    more = _MAY_BE_VALIDATED & value.keys() if isinstance(value, dict) else frozenset[str]()
    fields = _read.members(value, _VALIDATED | more, at)
    items = _read.items(fields["validators"], f"{at}/validators", least=1, most=MAX_VALIDATORS)
    return ValidatedBlock(
        _block(fields["block"], f"{at}/block"),
        tuple(_read.hexadecimal(one, f"{at}/validators/{n}", length=20) for n, one in enumerate(items)),
        _votes(fields["votes"], f"{at}/votes") if "votes" in more else frozenset(),
        _read.integer(fields["sequence"], f"{at}/sequence", least=1, most=MAX_INTEGER) if "sequence" in more else 0,
    )


def _votes(value: Json, at: str) -> frozenset[tuple[bytes, bytes]]:
    votes = list[tuple[bytes, bytes]]()
    for n, item in enumerate(_read.items(value, at, least=1, most=MAX_OPEN_VOTES)):
        fields = _read.members(item, _VOTE, f"{at}/{n}")
        voter, candidate = (
            _read.hexadecimal(fields[name], f"{at}/{n}/{name}", length=20) for name in ("voter", "candidate")
        )
        votes.append((voter, candidate))
    if votes != sorted(set(votes)):
        raise MalformedError("state of the light node", "votes twice or not in ascending order", at)
    return frozenset(votes)
