"""``witness``: sign for others over HTTP, know who signs for this home, and collect their signatures."""

from __future__ import annotations

from typing import Annotated

import typer

from ledger.cli.app import command, frame_of, group
from ledger.cli.options import As, read_address
from ledger.cli.output import counted, utc
from ledger.errors import ConfigurationError
from ledger.proof.cosignature import parse_vkey
from ledger.service.directory import find_organisation
from ledger.service.witness import FOLDER, new_checkpoint, witnesses_of
from ledger.service.witness_peers import Peer, Report, add_peer, load_peers, load_report, parse_url, remove_peer
from ledger.service.witness_promise import Witness
from ledger.service.witness_serve import answers_of, serve, witness_of

witness_app = group("Witnesses: who signs how far the chain is.")


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(witness_app, name="witness")


@command(
    witness_app,
    "serve",
    "vinculum witness serve --as cell-maker",
    "vinculum witness serve --as cell-maker --listen 10.0.0.5:8750",
)
def serve_witness(
    context: typer.Context,
    organisation: As,
    listen: Annotated[str, typer.Option("--listen", help="Address and port; port 0 is a free one.")] = "127.0.0.1:8750",
) -> None:
    """Answer as the witness of an organisation (C2SP tlog-witness over HTTP) until it is interrupted.

    It signs only what the node of this home holds as final, and what extends what it signed before.
    """
    frame = frame_of(context)
    host, port = read_address(listen)
    with frame.workspace() as workspace:
        witness = witness_of(workspace, organisation)

        def ready(bound: int) -> None:
            url = f"http://{f'[{host}]' if ':' in host else host}:{bound}"
            value = {"url": url, "origin": workspace.contracts.origin, "key": witness.public.vkey}
            frame.output.result(value, f"witness {witness.name} answers at {url}\nits key: {witness.public.vkey}")

        serve(answers_of(workspace, witness), host, port, ready, frame.output.warn)


@command(witness_app, "list", "vinculum witness list", "vinculum witness list --json")
def list_witnesses(context: typer.Context) -> None:
    """List the witnesses of this home and the others that it asks, with what each said last."""
    frame = frame_of(context)
    with frame.workspace() as workspace:
        folder = workspace.home / FOLDER
        own, peers, report = witnesses_of(workspace), load_peers(folder), load_report(folder)
    said = {} if report is None else {one.name: one for one in report.said}
    rows = [(one.name, "here", _last(one)) for one in own]
    for peer in peers:
        one = said.get(peer.name)
        rows.append((peer.name, peer.url, "not asked yet" if one is None else f"{one.word}: {one.text}"))
    names = ("name", "where", "last")
    value = {"witnesses": [dict(zip(names, row, strict=True)) for row in rows], "collected": _report_value(report)}
    text = frame.output.table(("witness", "", "last"), rows) if rows else "no witness is here, and none is known"
    frame.output.result(value, text if report is None else f"{text}\n{_report_line(report)}")


@command(
    witness_app,
    "add",
    "vinculum witness add 2 http://10.0.0.6:8750",
    "vinculum witness add car-maker https://witness.example/w1 --key NAME+ID+KEY",
)
def add_witness(
    context: typer.Context,
    organisation: Annotated[str, typer.Argument(help="Whose witness it is: number or name.", metavar="ORG")],
    url: Annotated[str, typer.Argument(help="Where it answers, without /add-checkpoint.")],
    key: Annotated[
        str | None, typer.Option("--key", help="Its verifier key; the one in the organisation's profile by default.")
    ] = None,
) -> None:
    """Ask another home's witness from now on; its key is pinned now, and later answers are held against it."""
    frame = frame_of(context)
    address = parse_url(url)
    with frame.workspace() as workspace:
        number = find_organisation(workspace, organisation).number
        peer = Peer(address, parse_vkey(workspace.reader().profile(number).witness if key is None else key))
        if any(peer.key.public_key == own.public.public_key for own in witnesses_of(workspace)):
            raise ConfigurationError(f"the key of {peer.name} lies in this home: it signs here already")
        add_peer(workspace.home / FOLDER, peer)
    frame.output.result(_peer_value(peer), f"{peer.name} is asked at {peer.url} from now on")


@command(witness_app, "remove", "vinculum witness remove http://10.0.0.6:8750")
def remove_witness(
    context: typer.Context,
    witness: Annotated[str, typer.Argument(help="Its address, or the name of its key.")],
) -> None:
    """Ask a witness no more; what it signed stays."""
    frame = frame_of(context)
    with frame.workspace() as workspace:
        peer = remove_peer(workspace.home / FOLDER, witness)
    frame.output.result(_peer_value(peer), f"{peer.name} at {peer.url} is asked no more")


@command(witness_app, "collect", "vinculum witness collect", "vinculum witness collect --json")
def collect(context: typer.Context) -> None:
    """Make a checkpoint of the chain as it is now, and have every witness that is known sign it.

    Ends with 3 where fewer sign than are needed; who did not, and why, is told then and by `witness list`.
    """
    frame = frame_of(context)
    with frame.workspace() as workspace:
        note = new_checkpoint(workspace)
        report = load_report(workspace.home / FOLDER) if load_peers(workspace.home / FOLDER) else None
    signed = [line.name for line in note.signatures]
    value = {"size": note.checkpoint.size, "root": note.checkpoint.root, "signed": signed, "note": note.note}
    lines = [f"{counted(note.checkpoint.size, 'block')}, signed by {', '.join(signed) or 'nobody'}"]
    lines += [f"  {one.name} is {one.word}: {one.text}" for one in (report.said if report else ()) if _failed(one.word)]
    frame.output.result(value | {"collected": _report_value(report)}, "\n".join(lines))


def _failed(word: str) -> bool:
    return word != "signed"


def _last(witness: Witness) -> str:
    last = witness.last()
    return "signed nothing yet" if last is None else f"signed: {counted(last.size, 'block')}"


def _peer_value(peer: Peer) -> dict[str, object]:
    return {"name": peer.name, "url": peer.url, "key": peer.key.vkey}


def _report_value(report: Report | None) -> dict[str, object] | None:
    if report is None:
        return None
    said = [{"name": one.name, "word": one.word, "text": one.text} for one in report.said]
    value: dict[str, object] = {"time": report.time, "size": report.size, "signed": report.signed}
    return value | {"needed": report.needed, "said": said}


def _report_line(report: Report) -> str:
    return f"{utc(report.time)}: {report.signed} signed {counted(report.size, 'block')}, {report.needed} are needed"
