"""A final block to prove things at, and why it is final, in the way that the settings name."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from ledger.chain.blocks import BlockTree
from ledger.errors import ConfigurationError, MalformedError, QuorumError, RejectedError, SourceTimeoutError
from ledger.event import Json
from ledger.proof.evidence import CheckpointFinality, Finality, SealFinality, SealStep
from ledger.proof.evidence_fields import FieldReader, encode_hexadecimal
from ledger.proof.evidence_finality import finality_value, parse_finality
from ledger.proof.header import MAX_HEADER_BYTES, QBFT, block_hash, parse_header, with_seals
from ledger.proof.merkle_tree import inclusion_path
from ledger.service.files import write_durably
from ledger.service.pinned import load_line, prove_pinned
from ledger.service.seals import prove_sealed
from ledger.service.votes import prove_voted, reach_at
from ledger.service.witness import FRESH_BLOCKS, latest_checkpoint
from ledger.service.workspace import Workspace
from ledger.store.chain_index import Block
from ledger.strict_json import canonical_json, parse_json
from light_node.trust_rules import Source

WITNESSES, VALIDATORS = "witnesses", "validators"
FILE_NAME = "sealed.json"
FILE_NAMES = {Source.CONTRACT: FILE_NAME, Source.PINNED: "sealed-pinned.json", Source.VOTES: "sealed-votes.json"}
VERSION = 1
MAX_BYTES = 32 * 1024 * 1024
_read = FieldReader(FILE_NAME)
_NAMED = {Source.CONTRACT: "the contract names", Source.PINNED: "readers pin", Source.VOTES: "votes name"}
_POLL_S = 0.1
_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class FinalBlock:
    """A block that readers of this home's trust file hold as final.

    Attributes:
        number: Height.
        header: RLP; of a QBFT block without round and seals.
        finality: Why.
    """

    number: int
    header: bytes
    finality: Finality


def final_block(workspace: Workspace, at_least: int, since: int | None = None) -> FinalBlock:
    """The latest final block; one that was proven before, where it reaches block ``at_least`` and is recent.

    Args:
        workspace: The home.
        at_least: Height; not kept to where ``since`` is given.
        since: The last block that the reader knows: the proof goes on from there. Where votes decide, it goes as far as
            one file leads.

    Raises:
        SourceTimeoutError: The chain does not get that far in time, or no block of the node has enough seals.
        MissingError, ConsistencyError: Of the witnesses; see ``latest_checkpoint``.
        VerificationError, ConfigurationError: Of the validators; see ``prove_sealed``.
    """
    if since is not None:
        return _since(workspace, at_least, since)
    if workspace.settings.trust.finality == VALIDATORS:
        return _sealed(workspace, at_least)
    return _witnessed(workspace, at_least)


def _since(workspace: Workspace, at_least: int, since: int) -> FinalBlock:
    """Without what a reader has behind him, who remembers block ``since``; nothing of it is kept here."""
    chosen, tip = workspace.settings.trust, workspace.projector.sync().block_number
    if chosen.finality != VALIDATORS or chosen.validator_source == Source.PINNED:
        raise ConfigurationError("there is nothing to leave out: a file of this home has no blocks between")
    if since >= tip:
        raise ConfigurationError(f"nothing comes after block {since} yet: the chain is at {tip}")
    if chosen.validator_source == Source.VOTES:
        goal = min(tip, since + reach_at(workspace, tip))
        sealed = prove_voted(workspace, goal, since)
        return FinalBlock(goal, sealed.header, sealed.finality)
    final = _sealed(workspace, max(at_least, since + 1))
    if not isinstance(final.finality, SealFinality):
        return final
    steps = tuple(step for step in final.finality.steps if parse_header(step.header).number > since)
    return replace(final, finality=replace(final.finality, steps=steps))


def _witnessed(workspace: Workspace, at_least: int) -> FinalBlock:
    note = latest_checkpoint(workspace, at_least)
    size = note.checkpoint.size
    with workspace.database.read() as session:
        path = inclusion_path(BlockTree(session), size - 1, size)
    header = parse_header(workspace.client.header(size - 1).rlp)
    if workspace.settings.chain.block_hash_rule == QBFT and header.number:
        header = with_seals(header, 0, ())
    return FinalBlock(size - 1, header.rlp, CheckpointFinality(note.note, tuple(path)))


def _sealed(workspace: Workspace, at_least: int) -> FinalBlock:
    """With QBFT each block is final at once; where the node's copy has too few seals, the next one is waited for."""
    deadline, stored = time.monotonic() + _TIMEOUT_S, _stored(workspace)
    if workspace.settings.trust.validator_source == Source.PINNED:
        load_line(workspace.home)  # nothing is proven by a line in which members lie, nor again what was
    source = workspace.settings.trust.validator_source
    wanting = f"the chain has not got to block {at_least}"
    while time.monotonic() < deadline:
        tip = workspace.projector.sync().block_number
        if stored is not None and stored.number >= at_least and _is_usable(workspace, stored, tip):
            return stored
        if tip >= at_least:
            try:
                return _prove(workspace, tip, stored)
            except QuorumError as error:
                wanting = f"block {tip}, as the node has it, is not sealed by those whom {_NAMED[source]}: {error}"
        time.sleep(_POLL_S)
    raise SourceTimeoutError(wanting)


def _prove(workspace: Workspace, block: int, stored: FinalBlock | None) -> FinalBlock:
    source = workspace.settings.trust.validator_source
    if source == Source.PINNED:
        sealed = prove_pinned(workspace, block)
    elif source == Source.VOTES:
        sealed = prove_voted(workspace, block)
    else:
        sealed = prove_sealed(workspace, block, _steps(workspace, stored))
    proven = FinalBlock(block, sealed.header, sealed.finality)
    value: dict[str, Json] = {"version": VERSION, "header": encode_hexadecimal(sealed.header)}
    value["finality"] = finality_value(sealed.finality)
    write_durably(_path(workspace), canonical_json(value))
    return proven


def _stored(workspace: Workspace) -> FinalBlock | None:
    """What was proven before; it can be lost or damaged, and is made anew then, as far as the node has the states."""
    try:
        value = parse_json(_path(workspace).read_bytes(), what=FILE_NAME, max_bytes=MAX_BYTES, max_depth=8)
        fields = _read.members(value, frozenset({"version", "header", "finality"}), "")
        _read.constant(fields["version"], VERSION, "/version")
        header = _read.hexadecimal(fields["header"], "/header", most=MAX_HEADER_BYTES)
        return FinalBlock(parse_header(header).number, header, parse_finality(fields["finality"], "/finality"))
    except (OSError, MalformedError):
        return None


def _path(workspace: Workspace) -> Path:
    return workspace.home / FILE_NAMES[workspace.settings.trust.validator_source]


def _is_usable(workspace: Workspace, stored: FinalBlock, tip: int) -> bool:
    """Whether it is recent, of this chain, and of a state that the node still has."""
    if stored.number + FRESH_BLOCKS <= tip or not _is_of_this_chain(workspace, stored.header):
        return False
    try:
        workspace.client.proofs(workspace.contracts.consortium, (), stored.number)
    except RejectedError:
        return False
    return True


def _steps(workspace: Workspace, stored: FinalBlock | None) -> dict[int, SealStep]:
    """What was proven before, the block itself included: of old blocks many nodes have no state any more."""
    if stored is None or not isinstance(stored.finality, SealFinality):
        return {}
    own = stored.finality
    steps = (*own.steps, SealStep(stored.header, own.round, own.seals, own.account, own.validators))
    return {parse_header(step.header).number: step for step in steps if _is_of_this_chain(workspace, step.header)}


def _is_of_this_chain(workspace: Workspace, data: bytes) -> bool:
    header = parse_header(data)
    with workspace.database.read() as session:
        row = session.get(Block, header.number)
    return row is not None and row.hash == block_hash(header, QBFT)
