"""``init``, ``up``, ``down``, ``status``, ``config``: a home, its chain and its settings."""

from __future__ import annotations

import typer

from ledger.chain.node import node_status
from ledger.cli.app import EXIT_DONE, EXIT_UNDETERMINED, Frame, command, frame_of
from ledger.cli.output import utc
from ledger.cli.settings_text import effective, template
from ledger.service.network import bring_down, bring_up, initialise
from ledger.service.overview import Overview, overview
from ledger.service.settings import FILE_NAME
from ledger.service.workspace import CHAIN


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "init", "vinculum init", "vinculum --home /srv/ledger init")(init)
    command(app, "up", "vinculum up")(up)
    command(app, "down", "vinculum down")(down)
    command(app, "status", "vinculum status", "vinculum status --json")(status)
    command(app, "config", "vinculum config", "VINCULUM_CHAIN__PORT=9545 vinculum config")(config)


def init(context: typer.Context) -> None:
    """Make a new home: a settings file, and encrypted keys for the administrators of its council.

    The passphrase comes from keys.passphrase_file, from VINCULUM_PASSPHRASE, or from a prompt.
    """
    frame = frame_of(context)
    with frame.workspace(new=True) as workspace:
        names = initialise(workspace, template(workspace.settings))
        threshold = workspace.settings.council.threshold
    text = f"{frame.home} is ready: settings in {FILE_NAME}, keys of {', '.join(names)} ({threshold} of them decide)"
    frame.output.result({"home": str(frame.home), "administrators": names, "threshold": threshold}, text)


def up(context: typer.Context) -> None:
    """Start the embedded chain, and deploy the contracts where there are none yet.

    One operator, no consensus: the embedded chain shows the mechanics and is not for production.
    """
    frame = frame_of(context)
    with frame.workspace() as workspace:
        with frame.output.progress("starting"):
            deployed = bring_up(workspace)
        contracts, url = workspace.contracts, workspace.client.rpc.url
        value = {
            "url": url,
            "chain_id": contracts.chain_id,
            "consortium": contracts.consortium,
            "deployed": deployed,
            "height": workspace.client.block_number(),
        }
    done = "contracts deployed" if deployed else "contracts as before"
    text = f"chain {contracts.chain_id} answers at {url}; {done}, Consortium 0x{contracts.consortium.hex()}"
    frame.output.result(value, text)


def down(context: typer.Context) -> None:
    """Stop the embedded chain; its whole state is on disk when this returns."""
    frame = frame_of(context)
    with frame.workspace() as workspace:
        stopped = bring_down(workspace)
    frame.output.result(
        {"stopped": stopped}, "the chain is stopped" if stopped else "no chain of this home was running"
    )


def status(context: typer.Context) -> None:
    """Show how chain, contracts, index and outbox stand. Ends with 3 where the chain does not answer."""
    frame = frame_of(context)
    with frame.workspace() as workspace:
        embedded = workspace.settings.chain.url is None
        node = node_status(frame.home / CHAIN) if embedded else None
        found = overview(workspace)
    pid = None if node is None else node.pid
    frame.output.result(_value(frame, found, pid), frame.output.table(("", ""), list(_lines(frame, found, pid))))
    raise typer.Exit(EXIT_UNDETERMINED if found.trouble else EXIT_DONE)


def config(context: typer.Context) -> None:
    """Print every setting that holds now: the settings file, overridden by the environment."""
    frame = frame_of(context)
    settings = frame.settings
    frame.output.result(settings.model_dump(mode="json"), effective(settings).rstrip("\n"))


def _value(frame: Frame, found: Overview, pid: int | None) -> dict[str, object]:
    return {
        "home": str(frame.home),
        "chain": {"url": found.chain_url, "chain_id": found.chain_id, "height": found.height, "process": pid},
        "trouble": found.trouble or None,
        "consortium": found.consortium,
        "index": {"block": found.followed, "time": found.followed_at, **found.counted},
        "outbox": dict(found.outbox),
    }


def _lines(frame: Frame, found: Overview, pid: int | None) -> list[tuple[str, str]]:
    process = "" if pid is None else f", process {pid}"
    chain = found.trouble or f"{found.chain_id} at {found.chain_url}, block {found.height}{process}"
    followed = f"block {found.followed} ({utc(found.followed_at)})" if found.followed >= 0 else "nothing yet"
    queue = ", ".join(f"{number} {state}" for state, number in sorted(found.outbox.items())) or "empty"
    return [
        ("home", str(frame.home)),
        ("chain", chain),
        ("consortium", "-" if found.consortium is None else f"0x{found.consortium.hex()}"),
        ("index", followed),
        ("", ", ".join(f"{number} {name}" for name, number in found.counted.items())),
        ("outbox", queue),
    ]
