"""``gateway``: take signed batches of readings from a member's devices, and put them on chain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ipfs.files import read_file_or_pipe
from ledger.cli.app import command, frame_of, group
from ledger.cli.options import As, Asset, To, find_asset, read_address
from ledger.proof.evidence import MAX_BYTES as MAX_EVIDENCE_BYTES
from ledger.service.files import write_durably
from ledger.service.gateway_inbox import Inbox
from ledger.service.gateway_serve import inbox_path, serve
from ledger.service.reading_proof import prove_attested_reading
from light_node.edge.reading_proof import encode_proof

gateway_app = group("Gateway: receives what devices attest at the edge.")


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(gateway_app, name="gateway")


@command(
    gateway_app,
    "serve",
    "vinculum gateway serve --as workshop",
    "vinculum gateway serve --as workshop --listen 10.0.0.5:8760 --to car-maker",
)
def serve_gateway(
    context: typer.Context,
    organisation: As,
    *,
    listen: Annotated[str, typer.Option("--listen", help="Address and port; port 0 is a free one.")] = "127.0.0.1:8760",
    to: To = None,
) -> None:
    """Take batches from the devices of an organisation until it is interrupted.

    Takes what a key signed that the organisation enrolled with `key add --device`, records it, and hands out the
    evidence by which a device deletes it. TLS is the matter of whatever stands before it.
    """
    frame = frame_of(context)
    address = read_address(listen)
    host = f"[{address[0]}]" if ":" in address[0] else address[0]

    def ready(bound: int) -> None:
        url = f"http://{host}:{bound}"
        frame.output.result({"url": url}, f"the gateway of {organisation} answers at {url}")

    with frame.workspace() as workspace:
        serve(workspace, organisation, address, ready, frame.output.warn, to or ())


@command(gateway_app, "status", "vinculum gateway status", "vinculum gateway status --json")
def status(context: typer.Context) -> None:
    """Say how many batches came, and which devices signed two histories, with both statements as evidence."""
    frame = frame_of(context)
    with frame.workspace() as workspace, Inbox(inbox_path(workspace.home)) as inbox:
        counts, forks = inbox.counts(), inbox.forks()
    value = {"batches": counts, "equivocations": [{"first": first, "second": second} for first, second in forks]}
    text = ", ".join(f"{count} {state}" for state, count in counts.items())
    lines = [f"batches: {text}", *(f"equivocation:\n  {first}\n  {second}" for first, second in forks)]
    frame.output.result(value, "\n".join(lines))


@command(
    gateway_app,
    "reading",
    "vinculum gateway reading VCU4EZ7R9K1004176 --event 12 --reading 3 --evidence car.evidence.json -o reading.json",
)
def prove_reading(
    context: typer.Context,
    asset: Asset,
    *,
    event: Annotated[int, typer.Option("--event", help="Place of the batch in the history, from 1.")],
    reading: Annotated[int, typer.Option("--reading", help="Place of the reading in its batch, from 1.")],
    evidence: Annotated[
        Path, typer.Option("--evidence", help="Evidence of the asset that it goes with.", exists=True, dir_okay=False)
    ],
    target: Annotated[Path, typer.Option("-o", "--output", help="File to write.", dir_okay=False)],
) -> None:
    """Prove one reading of a batch that opens here: that its device signed it, and that the device was enrolled.

    Goes with the evidence, whose block the device's key is proven at; `vinculum-light reading` verifies both.
    """
    frame = frame_of(context)
    data = read_file_or_pipe(evidence, MAX_EVIDENCE_BYTES, "evidence")
    with frame.workspace() as workspace:
        proof = prove_attested_reading(workspace, find_asset(workspace, asset), event, reading, data)
    encoded = encode_proof(proof)
    write_durably(target, encoded)
    value = {"file": str(target), "bytes": len(encoded), "reading": proof.leaf.decode()}
    frame.output.result(value, f"{target}: {len(encoded)} bytes that prove {proof.leaf.decode()}")
