"""``log``: the contracts that keep the histories, and going on with another where one is closed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Annotated

import typer

from ledger.cli.app import Frame, command, frame_of, group
from ledger.cli.council import decision_value, open_lines
from ledger.cli.output import counted
from ledger.errors import ConfigurationError
from ledger.event import AssetType
from ledger.service.migration import LogState, Succession, follow, left_behind, logs, succeed

log_app = group("The contracts that keep the histories; one of each asset type takes attestations.")


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(log_app, name="log")


@command(log_app, "list", "vinculum log list", "vinculum log list --json")
def list_all(context: typer.Context) -> None:
    """List the logs that this home follows, and where one was closed, the log that goes on."""
    frame = frame_of(context)
    with frame.workspace() as workspace:
        found = logs(workspace)
    followed = {one.address for one in found}
    rows = [(one.asset_type, one.generation, f"0x{one.address.hex()}", _state(one, followed)) for one in found]
    table = frame.output.table(("type", "generation", "address", ""), rows)
    frame.output.result([_value(one) for one in found], table)


@command(log_app, "succeed", "vinculum log succeed battery", "vinculum log succeed vehicle --yes --json")
def succeed_one(
    context: typer.Context,
    asset_type: Annotated[AssetType, typer.Argument(help="Whose log is to be replaced.", metavar="TYPE")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask a person first.")] = False,
) -> None:
    """Deploy a successor of a log, and close the old one for it, once and for ever, by the council of this home.

    Where a successor is proposed already, its code is verified and the proposal confirmed; where its delay is over, it
    takes effect. Every other home then runs `vinculum log follow`.
    """
    frame = frame_of(context)
    _ask(asset_type, yes)
    with frame.workspace() as workspace, frame.output.progress("replacing the log"):
        found = succeed(workspace, asset_type)
        left = left_behind(workspace) if found.decision.executed else {}
    addresses = {"log": found.log, "successor": found.successor}
    lines = _succeeded(asset_type, found, left) if found.decision.executed else open_lines(found.decision)
    frame.output.result(addresses | decision_value(found.decision) | {"left_behind": dict(left)}, "\n".join(lines))


@command(log_app, "follow", "vinculum log follow", "vinculum log follow --json")
def follow_all(context: typer.Context) -> None:
    """Go on with the logs for which the council has closed others; their code has to be that of this version."""
    frame = frame_of(context)
    with frame.workspace() as workspace, frame.output.progress("following"):
        added = follow(workspace)
        left = left_behind(workspace)
    told = [f"the {one.asset_type} log 0x{one.address.hex()} goes on" for one in added] or ["nothing was replaced"]
    value = {"added": [_value(one) for one in added], "left_behind": dict(left)}
    frame.output.result(value, "\n".join([*told, *_left(left), *_hand_on(frame, added)]))


def _succeeded(asset_type: AssetType, found: Succession, left: Mapping[str, int]) -> Iterator[str]:
    yield f"the {asset_type} log 0x{found.log.hex()} is closed; 0x{found.successor.hex()} goes on"
    yield from _left(left)
    yield "other homes: `vinculum log follow`; readers need a new trust file: `vinculum trust export`"


def _hand_on(frame: Frame, added: list[LogState]) -> Iterator[str]:
    if added:
        yield f"{frame.home}/contracts.json names them now; readers need a new trust file: `vinculum trust export`"


def _left(left: Mapping[str, int]) -> Iterator[str]:
    if left:
        yield f"{counted(sum(left.values()), 'event')} came too late for the closed log; take in again:"
        yield from (f"  {name or 'documents whose names are not known'}: {number}" for name, number in left.items())


def _ask(asset_type: AssetType, yes: bool) -> None:
    """Let a person at a terminal say no."""
    question = f"The {asset_type} log takes no attestations any more, for ever; its successor does. Go on?"
    if not yes and sys.stdin is not None and sys.stdin.isatty() and not typer.confirm(question, err=True):
        raise ConfigurationError("nothing was proposed")


def _state(one: LogState, followed: set[bytes]) -> str:
    if one.successor is None:
        return "takes attestations"
    known = "" if one.successor in followed else ", which this home does not follow yet"
    return f"closed for 0x{one.successor.hex()}{known}"


def _value(one: LogState) -> dict[str, object]:
    return {
        "asset_type": str(one.asset_type),
        "generation": one.generation,
        "address": one.address,
        "successor": one.successor,
    }
