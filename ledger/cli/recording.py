"""``record`` and ``ingest``: one event from the command line, or documents from files, folders and standard input."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ipfs.files import read_file_or_pipe
from ledger.cli.app import EXIT_DONE, EXIT_REFUSED, Frame, command, frame_of
from ledger.cli.event_options import asset_type_of, attachment_of, fields_of, folder_of
from ledger.cli.options import As, To
from ledger.cli.output import Output, counted
from ledger.errors import SourceError
from ledger.event import Json
from ledger.intake.csv_map import MAX_MAPPING_BYTES
from ledger.service.directory import recipients_of
from ledger.service.ingest import Choice, ingest
from ledger.service.results import Outcome, Result, ResultFile, Tally, fault_of, line_of, open_results
from ledger.service.sources import Source, find_sources

MAX_SHOWN_ROWS = 50
MAX_SHOWN_FAULTS = 200


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(
        app,
        "record",
        "vinculum record vehicle.sold VCU4EZ7R9K1004176 --as workshop --field odometer_km=15021 --field country=GBR",
        "vinculum record vehicle.accident VCU4EZ7R9K1004176 --as workshop --field severity=minor --attach sketch.svg",
        "vinculum record --as workshop < event.json",
    )(record)
    command(
        app,
        "ingest",
        "vinculum ingest passport-ev.json --as cell-maker",
        "vinculum ingest folder/ --as workshop --keep-going --result results.csv",
        "vinculum ingest services.csv --map map.toml --as workshop --dry-run",
        "curl -s https://example.org/epcis | vinculum ingest - --as workshop --to car-maker",
    )(ingest_documents)


def record(  # noqa: PLR0913 - one parameter an option
    context: typer.Context,
    organisation: As,
    *,
    kind: Annotated[
        str | None, typer.Argument(help="Kind of the event; without it, event JSON is read from standard input.")
    ] = None,
    identifier: Annotated[str | None, typer.Argument(help="The asset's identifier.")] = None,
    asset_type: Annotated[
        str | None, typer.Option("--type", help="battery, vehicle or part; needed for kinds of any log.")
    ] = None,
    at: Annotated[str | None, typer.Option("--at", help="When it happened (RFC 3339); now, if not given.")] = None,
    field: Annotated[
        list[str] | None, typer.Option("--field", help="NAME=VALUE; the value is JSON, or else text. May be repeated.")
    ] = None,
    text: Annotated[
        list[str] | None, typer.Option("--text", help="NAME=VALUE; the value is text whatever it looks like.")
    ] = None,
    document_id: Annotated[str | None, typer.Option("--id", help="Your own id of the event.")] = None,
    alias: Annotated[list[str] | None, typer.Option("--alias", help="Another identifier, for a birth.")] = None,
    attach: Annotated[
        list[Path] | None, typer.Option("--attach", help="A raw file to keep with it.", exists=True, dir_okay=False)
    ] = None,
    to: To = None,
) -> None:
    """Record one event: from options, or as event JSON from standard input."""
    if kind is None:
        source = Source("standard input", None)
    else:
        when = at or datetime.now(UTC).isoformat(timespec="seconds")
        event: dict[str, Json] = {
            "vinculum_event": 1,
            "kind": kind,
            "asset": {
                "type": asset_type_of(kind, asset_type),
                "identifier": identifier or "",
                "aliases": [*(alias or ())],
            },
            "occurred_at": when,
            "fields": fields_of(field or [], text or []),
            "attachments": [attachment_of(path) for path in attach or ()],
        }
        if document_id is not None:
            event["id"] = document_id
        source = Source("event", None, json.dumps(event).encode(), folder_of(attach or []))
    _take(frame_of(context), organisation, [source], Choice(), to or [], None)


def ingest_documents(  # noqa: PLR0913 - one parameter an option
    context: typer.Context,
    paths: Annotated[list[str], typer.Argument(help="Files or folders; - is standard input.", metavar="PATH...")],
    organisation: As,
    *,
    to: To = None,
    mapping: Annotated[
        Path | None,
        typer.Option("--map", help="What the columns of tables mean (TOML).", exists=True, dir_okay=False),
    ] = None,
    maker: Annotated[
        str | None, typer.Option("--maker", help="BPNL of the maker, for parts whose documents name none.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, record nothing.")] = False,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Go on after a refused document, and record a table's good rows.")
    ] = False,
    result: Annotated[
        Path | None,
        typer.Option("--result", help="Write a line per document and row: .csv, or else JSON lines.", dir_okay=False),
    ] = None,
) -> None:
    """Take documents in: each as a whole, or not at all with every fault by its place.

    Reads battery passports, EPCIS 2.0, Catena-X aspects and twins, inspection records, event JSON and, with --map, CSV.
    A folder's documents are taken in the order of what they tell. A run that was broken off goes on when it is
    started again: what was recorded is recognised and not recorded twice.
    """
    sources, any_order = find_sources(paths, tables=mapping is not None)
    columns = None if mapping is None else read_file_or_pipe(mapping, MAX_MAPPING_BYTES, "CSV mapping")
    choice = Choice(columns, maker, dry_run, keep_going, any_order)
    _take(frame_of(context), organisation, sources, choice, to or [], result)


def _take(
    frame: Frame, organisation: str, sources: list[Source], choice: Choice, to: list[str], result: Path | None
) -> None:
    shown = _Shown(frame.output)
    with ExitStack() as stack:
        workspace = stack.enter_context(frame.workspace())
        member = workspace.member(organisation)
        recipients = recipients_of(workspace, member.organisation, to)
        file = None if result is None else stack.enter_context(open_results(result))
        watch = stack.enter_context(_bar(frame.output, len(sources)))
        told = _both(shown, file)
        try:
            tally = ingest(workspace, member, sources, choice, recipients=recipients, on_result=told, watch=watch)
        except SourceError:
            frame.output.warn("broken off; what was recorded stays: start again for what is missing")
            raise
    shown.finish(tally, choice)
    raise typer.Exit(EXIT_REFUSED if tally.refused else EXIT_DONE)


class _Shown:
    """Prints results as they come; for machines, keeps documents and refused rows for one JSON value."""

    def __init__(self, output: Output) -> None:
        self._output, self._lines, self._rows = output, list[dict[str, object]](), 0

    def __call__(self, result: Result) -> None:
        if result.row is not None and result.outcome is not Outcome.REFUSED:
            return
        self._rows += result.row is not None
        if result.row is not None and self._rows > MAX_SHOWN_ROWS and not self._output.as_json:
            return
        if self._output.as_json:
            self._lines.append(line_of(result) | {"notices": [fault_of(notice) for notice in result.notices]})
            return
        place = result.source if result.row is None else f"{result.source} row {result.row}"
        new = f", {counted(result.events, 'event')}" if result.events else ""
        self._output.say(f"{result.outcome:9} {place}  {result.what}{new}".rstrip())
        for fault in (*result.faults[:MAX_SHOWN_FAULTS], *result.notices[:MAX_SHOWN_FAULTS]):
            mark = "note: " if fault.severity == "notice" else ""
            self._output.say(f"          {fault.pointer or '/'}  {mark}{fault.code}: {fault.message}")
        if len(result.faults) > MAX_SHOWN_FAULTS:
            self._output.say(f"          … and {len(result.faults) - MAX_SHOWN_FAULTS} more faults")

    def finish(self, tally: Tally, choice: Choice) -> None:
        """Print the counts."""
        if self._rows > MAX_SHOWN_ROWS:
            self._output.say(f"          … and {self._rows - MAX_SHOWN_ROWS} more refused rows: see --result")
        value = {
            "dry_run": choice.dry_run,
            "documents": {str(outcome): tally.documents[outcome] for outcome in Outcome},
            "rows": {str(outcome): tally.rows[outcome] for outcome in Outcome},
            "events": tally.events,
            "repeated": tally.repeated,
            "results": self._lines,
        }
        parts = [f"{number} {outcome}" for outcome, number in tally.documents.items()]
        rows = [f"{number} {outcome}" for outcome, number in tally.rows.items()]
        told = f"documents: {', '.join(parts)}" + (f"; rows: {', '.join(rows)}" if rows else "")
        new = counted(tally.events, "new event") if tally.events else "no new event"
        where = " would be recorded" if choice.dry_run else " final on the chain" if tally.events else ""
        before = f", {tally.repeated} recorded before" if tally.repeated else ""
        self._output.result(value, f"{told}; {new}{where}{before}")


def _both(shown: _Shown, file: ResultFile | None) -> Callable[[Result], None]:
    def take(result: Result) -> None:
        shown(result)
        if file is not None:
            file.write(result)

    return take


@contextmanager
def _bar(output: Output, documents: int) -> Iterator[Callable[[str, int, int], None]]:
    with output.progress("documents", documents) as bar:

        def watch(what: str, done: int, total: int) -> None:
            bar.update(bar.task_ids[0], description=what, completed=done, total=total or None)

        yield watch
