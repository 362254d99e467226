"""``validator``: who seals the blocks of a QBFT engine, as ``Consortium`` names them."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from ledger.cli.app import command, frame_of, group
from ledger.cli.council import tell
from ledger.errors import ConfigurationError
from ledger.service.council import change_validator, validators

Address = Annotated[str, typer.Argument(help="Of the node: 0x and 40 hex digits.", metavar="ADDRESS")]

validator_app = group("Nodes that seal the blocks of a QBFT engine, as Consortium names them.")


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(validator_app, name="validator")


@command(validator_app, "list", "vinculum validator list", "vinculum validator list --json")
def list_all(context: typer.Context) -> None:
    """List the validators that Consortium names. An engine that is not told to ask it has others."""
    frame = frame_of(context)
    with frame.workspace() as workspace:
        found = validators(workspace)
    frame.output.result([{"address": one} for one in found], "\n".join(f"0x{one.hex()}" for one in found))


@command(validator_app, "add", "vinculum validator add 0x59e8eb1d5f0c7c9a3d5b1f6f2b3e8a4c7d9e0f12")
def add(context: typer.Context, address: Address) -> None:
    """Let a node seal blocks, by the council of this home. One at a time, while all others are up."""
    _change(context, address, remove=False)


@command(validator_app, "remove", "vinculum validator remove 0x59e8eb1d5f0c7c9a3d5b1f6f2b3e8a4c7d9e0f12")
def remove(context: typer.Context, address: Address) -> None:
    """Let a node no longer seal blocks, by the council of this home; never the last one."""
    _change(context, address, remove=True)


def _change(context: typer.Context, text: str, *, remove: bool) -> None:
    frame = frame_of(context)
    if not re.fullmatch("0x[0-9a-fA-F]{40}", text):
        raise ConfigurationError(f"{text!r} is no address: 0x and 40 hex digits")
    address = bytes.fromhex(text[2:])
    with frame.workspace() as workspace:
        decision = change_validator(workspace, address, remove=remove)
    tell(frame, decision, f"0x{address.hex()} {'seals no blocks' if remove else 'seals blocks'} from the next one on")
