"""Changes of the validators that ``Consortium`` names, as the index has them: from when on, and who was in force."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlmodel import col, select

from ledger.errors import ConfigurationError, MissingError
from ledger.service.seal_steps import Span
from ledger.service.workspace import Workspace
from ledger.store.chain_index import Block, GovernanceEvent
from light_node.qbft.steps import TrustedSet

ADDED, REMOVED = "ValidatorAdded", "ValidatorRemoved"


def contract_beginning(workspace: Workspace, block: int) -> TrustedSet:
    """The first block whose successor's validators the contract names.

    Raises:
        ConfigurationError: It names none yet, or not at the height ``block``.
        MissingError: The index has not got there.
    """
    events = _events(workspace)
    if not events:
        raise ConfigurationError("the contract names no validators: was this index made from another chain?")
    number = max(events[0].block_number, workspace.settings.trust.validators_from_block - 1)
    if number > block:
        raise ConfigurationError(
            f"the contract names the validators from block {number + 1} on, the chain is at {block}"
        )
    validators = _applied((), [event for event in events if event.block_number <= number])
    with workspace.database.read() as session:
        row = session.get(Block, number)
    if row is None:
        raise MissingError(f"block {number} is not in the index")
    return TrustedSet(number, row.hash, tuple(sorted(validators)), row.timestamp)


def changes_of_set(workspace: Workspace) -> dict[int, list[GovernanceEvent]]:
    """What the index knows of changes of the contract's validators, by block, ascending."""
    changes = dict[int, list[GovernanceEvent]]()
    for event in _events(workspace):
        changes.setdefault(event.block_number, []).append(event)
    return changes


def spans_between(beginning: TrustedSet, changes: Mapping[int, Sequence[GovernanceEvent]], block: int) -> list[Span]:
    """Say who was in force between changes, from the beginning up to the block before the one that is to be proven."""
    members, first, spans = frozenset(beginning.validators), beginning.number, list[Span]()
    for number, events in changes.items():
        if first < number < block:
            spans.append(Span(first, number - 1, members))
            first, members = number, frozenset(_applied(members, events))
    return [*spans, Span(first, block - 1, members)] if first < block else spans


def _applied(members: Iterable[bytes], events: Iterable[GovernanceEvent]) -> set[bytes]:
    validators = set(members)
    for event in events:
        address = bytes.fromhex(event.arguments["validator"][2:])
        (validators.add if event.name == ADDED else validators.discard)(address)
    return validators


def _events(workspace: Workspace) -> Sequence[GovernanceEvent]:
    question = (
        select(GovernanceEvent)
        .where(
            GovernanceEvent.contract == workspace.contracts.consortium,
            col(GovernanceEvent.name).in_((ADDED, REMOVED)),
        )
        .order_by(col(GovernanceEvent.block_number), col(GovernanceEvent.log_index))
    )
    with workspace.database.read() as session:
        return session.exec(question).all()
