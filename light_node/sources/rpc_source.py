"""Evidence that is built from one untrusted node's answers, without any credential: who, what kind, when, what status.

Nothing is verified here. What is built is encoded as an evidence file, and judged as any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ledger.errors import InclusionError, MalformedError, MissingError
from ledger.event import AssetType
from ledger.proof.checkpoint import parse_checkpoint
from ledger.proof.evidence import (
    AccountProof,
    CheckpointFinality,
    Evidence,
    Finality,
    OpenEntry,
    StorageProof,
    encode_evidence,
)
from ledger.proof.header import block_hash
from ledger.proof.merkle import leaf_hash, verify_inclusion
from ledger.proof.slots import SUCCESSOR_SLOT, head_slot, word_of
from light_node.sources.answers import NodeProof
from light_node.sources.histories import head_of, history_of, segments_of
from light_node.sources.node import Node
from light_node.sources.port import Announced, Hint, Wanted
from light_node.sources.rpc import JsonRpc
from light_node.sources.scan import Scan
from light_node.sources.sealing import Sealing, bare, fetch_sealed
from light_node.trust import Trust
from light_node.trust_rules import ValidatorRule


class RpcSource:
    """Builds evidence from a node: header, ``eth_getProof`` of the heads, ``eth_getLogs`` of the attestations.

    It keeps what it read of the logs, in memory, and reads on from there; where the head shows that the node told
    something else before, it reads from the beginning.
    """

    def __init__(self, rpc: JsonRpc, trust: Trust, *, first_block: int = 0, rotations: tuple[bytes, ...] = ()) -> None:
        """Nothing is asked yet.

        Args:
            rpc: The node.
            trust: Whose verification the evidence is for.
            first_block: No log is older; the block of their deployment spares reading those before.
            rotations: Files of rotations, where the validators are pinned.
        """
        self.name, self._trust = rpc.name, trust
        self._node = Node(rpc, trust.block_hash_rule)
        self._scan = Scan(self._node, first_block)
        rule = trust.finality
        self._sealing = Sealing(trust, rule, rotations) if isinstance(rule, ValidatorRule) else None

    def follow(self, subjects: Iterable[tuple[bytes, AssetType]]) -> None:
        """Read logs for all of these at once; others are read for themselves when they are asked for."""
        self._scan.follow(subjects)

    def fetch(self, wanted: Wanted, hint: Hint) -> bytes:
        """As the port says."""
        if wanted.subject is None:
            raise MissingError(f"{self.name} can be asked by subject alone, which is not known of {wanted.name} yet")
        self._node.begin()
        number, header, finality = self._head(hint)
        logs = tuple(contract.address for contract in self._trust.logs[wanted.asset_type])
        slots = sorted((head_slot(wanted.subject), word_of(SUCCESSOR_SLOT)))
        proofs = {log: self._node.proof(log, slots, number) for log in logs}
        told = _told_head(proofs, logs, slots.index(head_slot(wanted.subject)))
        history = self._history(wanted.asset_type, wanted.subject, logs, number, told)
        return encode_evidence(
            Evidence(
                chain_id=self._trust.chain_id,
                asset_type=wanted.asset_type,
                subject=wanted.subject,
                header=header,
                finality=finality,
                accounts=tuple(_account(log, slots, proofs[log]) for log in sorted(logs)),
                segments=segments_of(logs, self._scan.known(wanted.subject)),
                history=history,
                issuers=(),
            )
        )

    def _head(self, hint: Hint) -> tuple[int, bytes, Finality]:
        """The block that everything is proven at, with what makes it final."""
        if self._sealing is not None:
            number = self._sealing.reach(self._node.height(), hint.accepted)
            return number, *fetch_sealed(self._node, number, self._sealing, hint)
        if hint.announced is None:
            raise MissingError("no checkpoint that enough witnesses signed: without it no block is final")
        header = self._node.header(hint.announced.size - 1)
        rule = self._trust.block_hash_rule
        path = _path(hint.announced, block_hash(header, rule))
        return header.number, bare(header, rule), CheckpointFinality(hint.announced.note, path)

    def _history(
        self, asset_type: AssetType, subject: bytes, logs: Sequence[bytes], number: int, told: bytes
    ) -> tuple[OpenEntry, ...]:
        """The history up to a block; read on only where the head says that something came."""
        self._scan.follow([(subject, asset_type)])
        for attempt in (self._known, self._read_on, self._read_again):
            history = attempt(asset_type, subject, logs, number)
            if history is not None and head_of(history) == told:
                return history
        return history_of(asset_type, self._scan.known(subject))  # for the reader to refute

    def _known(
        self, asset_type: AssetType, subject: bytes, _logs: Sequence[bytes], _number: int
    ) -> tuple[OpenEntry, ...] | None:
        try:
            return history_of(asset_type, self._scan.known(subject))
        except MalformedError:
            return None

    def _read_on(
        self, asset_type: AssetType, subject: bytes, logs: Sequence[bytes], number: int
    ) -> tuple[OpenEntry, ...] | None:
        self._scan.read(subject, logs, number)
        return self._known(asset_type, subject, logs, number)

    def _read_again(
        self, asset_type: AssetType, subject: bytes, logs: Sequence[bytes], number: int
    ) -> tuple[OpenEntry, ...] | None:
        self._scan.forget(subject)
        return self._read_on(asset_type, subject, logs, number)


def _path(announced: Announced, hashed: bytes) -> tuple[bytes, ...]:
    """The path that leads from the block to the checkpoint; any, where none does: the verdict says so."""
    checkpoint = parse_checkpoint(announced.note).checkpoint
    for path in announced.paths:
        try:
            verify_inclusion(leaf_hash(hashed), checkpoint.size - 1, checkpoint.size, path, checkpoint.root)
        except (InclusionError, MalformedError):
            continue
        return path
    if not announced.paths:
        raise MissingError(f"no witness shows where block {checkpoint.size - 1} stands in its tree")
    return announced.paths[0]


def _told_head(proofs: dict[bytes, NodeProof], logs: Sequence[bytes], place: int) -> bytes:
    """The head in the last log that has one, as the node says; zeros where none has."""
    values = [proofs[log].values[place] for log in logs]
    return next((value for value in reversed(values) if value), 0).to_bytes(32, "big")


def _account(log: bytes, slots: Sequence[bytes], proof: NodeProof) -> AccountProof:
    storage = tuple(StorageProof(slot, nodes) for slot, nodes in zip(slots, proof.storage, strict=True))
    return AccountProof(log, proof.account, storage)
