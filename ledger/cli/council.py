"""``council``: what is proposed, and confirming it from this home; and how every command tells what was decided."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from ledger.cli.app import Frame, command, frame_of, group
from ledger.cli.output import counted, utc
from ledger.errors import ConfigurationError
from ledger.service.council import Decision, confirm, keys_here
from ledger.service.council_words import describe_action
from ledger.service.directory import namespace_digests
from ledger.service.namespaces import parse_namespace
from ledger.service.proposals import Proposal, State, find_proposal, list_proposals

Prefixes = Annotated[
    list[str] | None, typer.Option("--prefix", help="A prefix to recognise by name; the chain has its hash alone.")
]

council_app = group("What the council has to decide.")


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(council_app, name="council")


@command(council_app, "list", "vinculum council list", "vinculum council list --all --json")
def list_all(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Also what took effect, or has expired.")] = False,
    prefix: Prefixes = None,
) -> None:
    """List the proposals that wait for confirmations or for the end of their delay, oldest first."""
    frame = frame_of(context)
    with frame.workspace() as workspace:
        found = [one for one in list_proposals(workspace, executed=everything) if everything or one.alive]
        told = [describe_action(workspace, one.action, _names(prefix)) for one in found]
        here = {address: name for name, address in keys_here(workspace).items()}
    lines = [line for one, says in zip(found, told, strict=True) for line in _lines(one, says, here)]
    values = [_value(one, says) for one, says in zip(found, told, strict=True)]
    frame.output.result(values, lines or ["nothing is to be decided"])


@command(council_app, "confirm", "vinculum council confirm 3f9c12ab", "vinculum council confirm 3f9c12ab --yes")
def confirm_one(
    context: typer.Context,
    proposal: Annotated[str, typer.Argument(help="Its id in hex, or the beginning of it.")],
    prefix: Prefixes = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask a person first.")] = False,
) -> None:
    """Show a proposal in words and confirm it with the administrators' keys of this home.

    It takes effect with the last confirmation that is needed; one that waits out a delay, when it is confirmed once
    more after that.
    """
    frame = frame_of(context)
    with frame.workspace() as workspace:
        found = find_proposal(workspace, proposal)
        says = describe_action(workspace, found.action, _names(prefix))
        frame.output.say(f"proposal 0x{found.id.hex()}: {says}")
        _ask(yes)
        decision = confirm(workspace, found)
    tell(frame, decision, "confirmed, and in force", {"says": says})


def tell(frame: Frame, decision: Decision, done: str, more: Mapping[str, object] | None = None) -> None:
    """Say what became of a decision: ``done`` where it took effect, else who has to do what."""
    lines = [done] if decision.executed else open_lines(decision)
    frame.output.result(decision_value(decision) | dict(more or {}), lines)


def decision_value(decision: Decision) -> dict[str, object]:
    """A decision for machines."""
    return {
        "proposal": decision.proposal,
        "action": decision.action,
        "salt": decision.salt,
        "executed": decision.executed,
        "missing": decision.missing,
        "ready_at": decision.ready_at,
    }


def open_lines(decision: Decision) -> list[str]:
    """What people are told of a decision that has not taken effect."""
    if decision.missing:
        state = f"proposed: {counted(decision.missing, 'more administrator')} must confirm it"
    else:
        state = f"confirmed: it can take effect from {utc(decision.ready_at or 0)} on"
    return [
        f"{state}, with `vinculum council confirm {decision.proposal.hex()[:12]}`",
        f"  proposal  0x{decision.proposal.hex()}",
        f"  action    0x{decision.action.hex()}",
        f"  salt      0x{decision.salt.hex()}",
    ]


def _names(prefixes: Sequence[str] | None) -> dict[bytes, str]:
    return namespace_digests([(text, parse_namespace(text)) for text in prefixes or ()])


def _ask(yes: bool) -> None:
    """Let a person at a terminal say no."""
    if not yes and _at_a_terminal() and not typer.confirm("Confirm it?", err=True):
        raise ConfigurationError("nothing was confirmed")


def _at_a_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _lines(one: Proposal, says: str, here: Mapping[bytes, str]) -> list[str]:
    confirmed = ", ".join(here.get(address, f"0x{address.hex()}") for address in one.confirmed_by) or "nobody"
    return [
        f"{one.id.hex()[:12]}  {says}",
        f"{'':12}  {_state(one)}; proposed {utc(one.proposed_at)}, confirmed by {confirmed}",
    ]


def _state(one: Proposal) -> str:
    if one.state is State.OPEN:
        return f"open: {counted(one.missing, 'more administrator')} must confirm it"
    if one.state is State.WAITING:
        return f"waiting: it can take effect from {utc(one.ready_at or 0)} on"
    if one.state is State.READY:
        return "ready: it takes effect when it is confirmed once more"
    return f"executed {utc(one.executed_at)}" if one.executed_at else "expired"


def _value(one: Proposal, says: str) -> dict[str, object]:
    return {
        "proposal": one.id,
        "says": says,
        "state": one.state,
        "action": one.action,
        "salt": one.salt,
        "proposed_by": one.proposed_by,
        "proposed_at": one.proposed_at,
        "confirmed_by": list(one.confirmed_by),
        "missing": one.missing,
        "ready_at": one.ready_at,
        "executed_at": one.executed_at,
    }
