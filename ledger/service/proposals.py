"""Proposals of the council as the chain's events and ``Consortium`` tell them.

The events carry each proposal's action and salt, so any administrator can confirm it from a home of his own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlmodel import Session, col, select

from ledger.chain.abi import Function
from ledger.chain.actions import proposal_id
from ledger.errors import ConfigurationError, ContentMismatchError
from ledger.service.workspace import Workspace
from ledger.store.chain_index import GovernanceEvent

LIFETIME_S = 30 * 86_400
"""How long a proposal may wait for its confirmations, and once ready for its execution: ``PROPOSAL_LIFETIME``."""
MIN_BEGINNING = 6
THRESHOLD = Function("threshold()", "uint256")
PROPOSAL = Function("proposal(bytes32)", "(uint48,uint48,uint48),address[]")


class State(StrEnum):
    """Where a proposal stands."""

    OPEN = "open"
    """Further administrators have to confirm it."""
    WAITING = "waiting"
    """Confirmed by enough; its delay runs."""
    READY = "ready"
    """Its delay is over: the next confirmation executes it."""
    EXECUTED = "executed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Proposal:
    """One proposal, as it stands now.

    Attributes:
        id: 32 bytes; follows from ``action`` and ``salt``.
        action: Calldata.
        salt: 32 bytes.
        proposed_by: Address of the administrator, 20 bytes.
        proposed_at: Block time, seconds since 1970.
        confirmed_by: Addresses of the present administrators who confirmed it; of an executed one, all who did.
        missing: How many further administrators have to confirm it.
        ready_at: When its delay ends, or None where it does not run.
        executed_at: When it took effect, or None.
        state: Where it stands.
    """

    id: bytes
    action: bytes
    salt: bytes
    proposed_by: bytes
    proposed_at: int
    confirmed_by: tuple[bytes, ...]
    missing: int
    ready_at: int | None
    executed_at: int | None
    state: State

    @property
    def alive(self) -> bool:
        """Whether it can still take effect."""
        return self.state not in {State.EXECUTED, State.EXPIRED}


def list_proposals(workspace: Workspace, *, executed: bool = True) -> list[Proposal]:
    """Every proposal, in the order in which they were made.

    Args:
        workspace: The home.
        executed: Whether those that took effect are listed too.

    Raises: ContentMismatchError, where the index holds an action that its id is not of.
    """
    workspace.projector.sync()
    with workspace.database.read() as session:
        events = _events(session, workspace.contracts.consortium)
    done = {event.arguments["id"]: event.at for event in events if event.name == "Executed"}
    proposed = [event for event in events if event.name == "Proposed"]
    threshold, now = int(workspace.client.call(workspace.contracts.consortium, THRESHOLD)), _now(workspace)
    return [
        _executed(event, events, done[event.arguments["id"]])
        if event.arguments["id"] in done
        else _pending(workspace, event, threshold, now)
        for event in proposed
        if executed or event.arguments["id"] not in done
    ]


def alive_proposals(workspace: Workspace) -> list[Proposal]:
    """The proposals that can still take effect."""
    return [one for one in list_proposals(workspace, executed=False) if one.alive]


def find_proposal(workspace: Workspace, text: str) -> Proposal:
    """Find a proposal by its id in hex, or by the beginning of it.

    Raises: ConfigurationError, where there is none, or more than one.
    """
    beginning = text.lower().removeprefix("0x")
    if len(beginning) < MIN_BEGINNING:
        raise ConfigurationError(f"{text!r} is too short for a proposal: name at least {MIN_BEGINNING} hex digits")
    found = [one for one in list_proposals(workspace) if one.id.hex().startswith(beginning)]
    if len(found) != 1:
        many = "no proposal" if not found else "more than one proposal"
        raise ConfigurationError(f"{many} begins with {text!r}: `vinculum council list --all` shows them")
    return found[0]


def _events(session: Session, consortium: bytes) -> Sequence[GovernanceEvent]:
    names = ("Proposed", "Confirmed", "Withdrawn", "Executed")
    question = select(GovernanceEvent).where(
        GovernanceEvent.contract == consortium, col(GovernanceEvent.name).in_(names)
    )
    return session.exec(question.order_by(col(GovernanceEvent.block_number), col(GovernanceEvent.log_index))).all()


def _executed(event: GovernanceEvent, events: Iterable[GovernanceEvent], at: int) -> Proposal:
    confirmed: dict[bytes, None] = {}
    for one in events:
        if one.arguments["id"] == event.arguments["id"] and one.name in {"Confirmed", "Withdrawn"}:
            confirmed.pop(_octets(one.arguments["administrator"]), None)
            if one.name == "Confirmed":
                confirmed[_octets(one.arguments["administrator"])] = None
    return Proposal(*_facts(event), tuple(confirmed), 0, None, at, State.EXECUTED)


def _pending(workspace: Workspace, event: GovernanceEvent, threshold: int, now: int) -> Proposal:
    facts = _facts(event)
    (_, ready_at, executed_at), confirmed = workspace.client.call(workspace.contracts.consortium, PROPOSAL, facts[0])
    missing = max(threshold - len(confirmed), 0)
    state = _state(facts[4], ready_at, executed_at, missing, now)
    return Proposal(*facts, tuple(confirmed), missing, ready_at or None, executed_at or None, state)


def _state(proposed_at: int, ready_at: int, executed_at: int, missing: int, now: int) -> State:
    if executed_at:
        return State.EXECUTED
    if now > (ready_at or proposed_at) + LIFETIME_S:
        return State.EXPIRED
    if missing:
        return State.OPEN
    return State.READY if now >= ready_at else State.WAITING


def _facts(event: GovernanceEvent) -> tuple[bytes, bytes, bytes, bytes, int]:
    facts: dict[str, Any] = event.arguments
    action, salt, stated = (_octets(facts[name]) for name in ("action", "salt", "id"))
    if proposal_id(action, salt) != stated:
        raise ContentMismatchError("proposal", stated.hex(), proposal_id(action, salt).hex())
    return stated, action, salt, _octets(facts["administrator"]), event.at


def _now(workspace: Workspace) -> int:
    return workspace.client.header().timestamp


def _octets(text: str) -> bytes:
    return bytes.fromhex(text[2:])
