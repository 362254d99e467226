"""What only the chain itself can tell: its heads, what witnesses signed of it, and whether it kept what was final."""

from __future__ import annotations

from pathlib import Path

from sqlmodel import Session, col, func, select

from ledger.chain.blocks import BlockTree
from ledger.chain.client import ChainClient
from ledger.chain.comparison import compare_heads
from ledger.errors import MalformedError
from ledger.proof.checkpoint import Checkpoint, parse_checkpoint
from ledger.proof.merkle_tree import root_of
from ledger.service.audit.report import Findings
from ledger.service.contracts import Contracts
from ledger.store.chain_index import Attestation, Head
from ledger.store.work import OutboxItem, OutboxTransaction, TransactionState

PART = 500


def check_heads(beside: Session, client: ChainClient, findings: Findings) -> None:
    """Ask the chain for the head of every history: the events that the node gave must fold to it."""
    for found in compare_heads(beside, client):
        message = (
            f"the events that the node gives fold to {found.indexed.hex()}, the chain's is {found.on_chain.hex()}: "
            "the node holds events back, or its state was changed"
        )
        findings.add("head", f"subject {found.subject.hex()} in log 0x{found.log.hex()}", message)
    findings.count("heads", beside.scalar(select(func.count()).select_from(Head)) or 0)


def check_witnesses(beside: Session, folder: Path, contracts: Contracts, block: int, findings: Findings) -> None:
    """Ask whether the chain extends every checkpoint that a witness of this home signed.

    Args:
        beside: Of the second index, up to ``block``.
        folder: With one note a witness.
        contracts: Of the home.
        block: Height of the chain.
        findings: Receives the differences.
    """
    for path in sorted(folder.glob("*.note")):
        try:
            checkpoint = parse_checkpoint(path.read_bytes()).checkpoint
        except MalformedError as error:
            findings.add("witness-damaged", path.name, f"the last checkpoint of a witness cannot be read: {error}")
            continue
        findings.count("checkpoints")
        told = _conflict(beside, checkpoint, contracts.origin, block)
        if told:
            findings.add("witness-conflict", path.name, told)


def _conflict(beside: Session, checkpoint: Checkpoint, origin: str, block: int) -> str:
    """Say in plain words how a checkpoint contradicts the chain; empty where it does not."""
    last = checkpoint.size - 1
    if checkpoint.origin != origin:
        return f"signed for {checkpoint.origin!r}, this consortium is {origin!r}"
    if last > block:
        return (
            f"the chain was signed up to block {last} and now ends at block {block}: the blocks after it are lost, "
            "as after a hard kill of the embedded chain. Evidence of those blocks stays valid and speaks of a chain "
            "that is gone; the witness signs nothing until an administrator decides which chain goes on"
        )
    if root_of(BlockTree(beside), checkpoint.size) != checkpoint.root:
        return (
            f"the blocks up to {last} that were signed are not the blocks of this chain: some were lost, as after a "
            "hard kill of the embedded chain, and others took their place, or this is another chain. Evidence made "
            "before contradicts evidence made from now on; the witness rightly refuses to sign"
        )
    return ""


def check_outbox(live: Session, beside: Session, block: int, findings: Findings) -> None:
    """Ask whether everything that the outbox holds as final is in the chain."""
    question = (
        select(OutboxItem.log, OutboxItem.subject, OutboxItem.digest, OutboxTransaction.block_number)
        .join(OutboxTransaction, col(OutboxTransaction.id) == col(OutboxItem.transaction_id))
        .where(OutboxTransaction.state == TransactionState.FINAL, col(OutboxTransaction.block_number) <= block)
        .order_by(col(OutboxItem.id))
    )
    for part in live.execute(question.execution_options(yield_per=PART)).partitions():
        digests = [row.digest for row in part]
        there = select(Attestation.log, Attestation.subject, Attestation.digest)
        found = set(beside.exec(there.where(col(Attestation.digest).in_(digests))).all())
        for row in part:
            findings.count("outbox items")
            if (row.log, row.subject, row.digest) not in found:
                message = (
                    f"was final in block {row.block_number} and is not in the chain any more: its block was lost; "
                    "the signed transaction is kept and can be sent again"
                )
                findings.add("outbox-lost", f"{row.digest.hex()} of subject {row.subject.hex()}", message)
