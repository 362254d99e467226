"""The witnesses of this home: each cosigns only what its node holds as final and what extends what it signed before.

In the embedded default all members' witnesses are in one home, so this shows the mechanics and not independence.
A witness writes down what it is about to sign before the signature leaves it, and keeps that promise over a crash.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ledger.chain.blocks import BlockTree
from ledger.errors import ConsistencyError, MissingError, RejectedError, SourceTimeoutError
from ledger.proof.checkpoint import (
    Checkpoint,
    SignedCheckpoint,
    add_cosignatures,
    cosign,
    parse_checkpoint,
)
from ledger.proof.merkle import NodeReader, consistency_path, root_of, verify_consistency
from ledger.proof.note import NoteSignature, SigningKey
from ledger.service.files import write_durably
from ledger.service.members import WITNESS, witness_key
from ledger.service.workspace import Workspace
from ledger.store.locks import exclusive

FOLDER = "witness"
LATEST = "checkpoint.note"
FRESH_BLOCKS = 64
_POLL_S = 0.1
_TIMEOUT_S = 60.0


class Witness:
    """One witness: its key, and the last checkpoint that it signed, in a file."""

    def __init__(self, key: SigningKey, state: Path) -> None:
        self._key, self._state = key, state

    def last(self) -> Checkpoint | None:
        """What it signed last, or None."""
        if not self._state.exists():
            return None
        return parse_checkpoint(self._state.read_bytes()).checkpoint

    def cosign(self, checkpoint: Checkpoint, tree: NodeReader, now: int) -> NoteSignature:
        """Sign a checkpoint of its own node's tree.

        1. It is of the log that was signed before, and not smaller.
        2. It extends what was signed before, by a consistency proof.
        3. What is signed is on disk before the signature is given out.

        Raises:
            ConsistencyError: 1 or 2 does not hold; nothing is signed.
        """
        last = self.last()
        if last is not None:
            if last.origin != checkpoint.origin or last.size > checkpoint.size:  # 1
                raise ConsistencyError(
                    f"witness {self._key.public.name} signed {last.size} blocks of {last.origin} already"
                )
            path = consistency_path(tree, last.size, checkpoint.size)
            verify_consistency(last.size, checkpoint.size, last.root, checkpoint.root, path)  # 2
        signature = cosign(checkpoint, self._key, now)
        note = add_cosignatures(SignedCheckpoint(checkpoint, ()), [signature]).note
        self._state.parent.mkdir(parents=True, exist_ok=True)
        write_durably(self._state, note.encode())  # 3
        return signature


def witnesses_of(workspace: Workspace) -> list[Witness]:
    """The witnesses whose keys lie in this home, by name."""
    folder = workspace.home / FOLDER
    unlocked = workspace.keyring.unlock_all(workspace.member_names())
    return [
        Witness(witness_key(keys.name, keys.secrets), folder / f"{keys.name}.note")
        for keys in unlocked
        if WITNESS in keys.secrets
    ]


def latest_checkpoint(workspace: Workspace, at_least: int, clock: Callable[[], float] = time.time) -> SignedCheckpoint:
    """The latest cosigned checkpoint; a new one is made where it does not reach block ``at_least`` or is old.

    Raises:
        SourceTimeoutError: The chain does not get that far in time.
        ConsistencyError: A witness refuses: the chain is not the one that it signed before.
    """
    path = workspace.home / FOLDER / LATEST
    if path.exists():
        stored = parse_checkpoint(path.read_bytes())
        height = workspace.client.block_number()
        size = stored.checkpoint.size
        recent = size > at_least and size + FRESH_BLOCKS > height
        if recent and _has_state(workspace, size - 1) and _is_of_this_chain(workspace, stored.checkpoint):
            return stored
    with exclusive(workspace.database, "witness"):
        _wait_for(workspace, at_least)
        signed = _cosign_all(workspace, witnesses_of(workspace), int(clock()))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, signed.note.encode())
    return signed


def _is_of_this_chain(workspace: Workspace, checkpoint: Checkpoint) -> bool:
    """Whether the index, as far as it is, has the tree that was signed; after a hard kill of the chain it has not."""
    if checkpoint.origin != workspace.contracts.origin:
        return False
    with workspace.database.read() as session:
        try:
            return root_of(BlockTree(session), checkpoint.size) == checkpoint.root
        except MissingError:
            return False


def _has_state(workspace: Workspace, block: int) -> bool:
    """Whether the node can still prove anything at a block: the embedded chain forgets states when it is restarted."""
    try:
        workspace.client.proofs(workspace.contracts.consortium, (), block)
    except RejectedError:
        return False
    return True


def witnessed_height(workspace: Workspace, tip: int) -> int:
    """The highest block that witnesses sign when the chain is at ``tip``; -1 for none."""
    chain = workspace.settings.chain
    return max(tip - chain.finality_depth - chain.witness_lag, -1)


def _wait_for(workspace: Workspace, at_least: int) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while witnessed_height(workspace, workspace.projector.sync().block_number) < at_least:
        if time.monotonic() > deadline:
            raise SourceTimeoutError(
                f"the chain has not got to block {at_least} and the blocks that witnesses wait for"
            )
        time.sleep(_POLL_S)


def _cosign_all(workspace: Workspace, witnesses: Sequence[Witness], now: int) -> SignedCheckpoint:
    size = witnessed_height(workspace, workspace.projector.sync().block_number) + 1
    if size == 0:
        raise MissingError("the chain has no block yet that witnesses sign")
    with workspace.database.read() as session:
        tree = BlockTree(session)
        checkpoint = Checkpoint(workspace.contracts.origin, size, root_of(tree, size))
        signatures = [witness.cosign(checkpoint, tree, now) for witness in witnesses]
    return add_cosignatures(SignedCheckpoint(checkpoint, ()), signatures)
