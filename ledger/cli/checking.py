"""``verify`` and ``audit``: what is handed to us, and what we hold ourselves."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ipfs.files import open_regular, read_file, read_file_or_pipe
from ledger.cli.app import EXIT_DONE, EXIT_REFUSED, command, frame_of
from ledger.cli.options import TrustFile, canonical
from ledger.cli.output import Output, counted, utc
from ledger.errors import ConfigurationError, IdentityError, MalformedError, VinculumError
from ledger.event import AssetReference
from ledger.proof.evidence import MAX_BYTES, parse_evidence
from ledger.service.audit.rebuild import rebuild
from ledger.service.audit.report import AuditReport
from ledger.service.audit.run import audit
from ledger.service.export.verify import BagReport, verify_bag
from light_node.describe import describe, to_json
from light_node.judgement import judge
from light_node.trust import MAX_BYTES as MAX_TRUST_BYTES
from light_node.trust import Trust, parse_trust

ZIP_START = b"PK"
_QUESTION = (
    "The index is replaced by one that is made anew. Documents that were taken in are read again once when they come "
    "again; nothing else is lost. Go on?"
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(
        app,
        "verify",
        "vinculum verify car.evidence.json --trust consortium.trust.json",
        "vinculum verify car.evidence.json --trust consortium.trust.json --asset VCU4EZ7R9K1004176 --json",
        "vinculum verify bag.zip --trust consortium.trust.json",
    )(verify)
    command(app, "audit", "vinculum audit", "vinculum audit --json", "vinculum audit --rebuild --yes")(audit_home)


def verify(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Evidence, or a bag.", exists=True, dir_okay=False, metavar="FILE")],
    trust: TrustFile,
    asset: Annotated[str | None, typer.Option("--asset", help="Identifier of the asset that it has to be of.")] = None,
) -> None:
    """Verify evidence or an export, offline, by your own trust file and nothing else.

    Ends with 0 where it is verified, 1 refuted, 2 malformed, 3 undetermined: nothing is wrong with it, but it proves
    nothing here and now.
    """
    output = frame_of(context).output
    believed = parse_trust(read_file(trust, MAX_TRUST_BYTES, "trust file"))
    verify_it = _verify_bag if _is_bag(file) else _verify_file
    raise typer.Exit(verify_it(output, file, believed, asset))


def audit_home(
    context: typer.Context,
    anew: Annotated[
        bool, typer.Option("--rebuild", help="First make the index anew, beside the live one, and put it in its place.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --rebuild: do not ask.")] = False,
    despite_damage: Annotated[
        bool, typer.Option("--despite-damage", help="With --rebuild: do without what a damaged store does not tell.")
    ] = False,
) -> None:
    """Re-read chain and documents, re-hash everything, rebuild the index beside the live one, and compare.

    Each difference is named. Ends with 0 where nothing is wrong, 1 where anything is. With --rebuild the index that is
    compared is one that was made anew from chain, documents and keys; the outbox is kept.
    """
    frame = frame_of(context)
    if (yes or despite_damage) and not anew:
        raise ConfigurationError("--yes and --despite-damage are for --rebuild")
    if anew and not yes and not _agreed():
        frame.output.warn("the index is as it was")
        raise typer.Exit(EXIT_REFUSED)
    with frame.workspace() as workspace, frame.output.progress("auditing") as bar:

        def watch(what: str, done: int) -> None:
            bar.update(bar.task_ids[0], description=what, completed=done)

        rows = rebuild(workspace, watch, despite_damage=despite_damage) if anew else None
        report = audit(workspace, watch)
    value = _audit_value(report) | ({} if rows is None else {"rebuilt": dict(rows)})
    frame.output.result(value, [*_rebuilt_lines(rows or {}), *_audit_lines(report)])
    raise typer.Exit(EXIT_DONE if report.clean else EXIT_REFUSED)


def _agreed() -> bool:
    """Ask whether the index may be replaced.

    Raises: ConfigurationError, where nobody is there to be asked.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        raise ConfigurationError("--rebuild replaces the index: say --yes where nobody can be asked")
    return typer.confirm(_QUESTION, err=True)


def _audit_value(report: AuditReport) -> dict[str, object]:
    return {
        "block": report.block,
        "clean": report.clean,
        "errors": report.errors,
        "checked": dict(report.checked),
        "differences": [asdict(one) for one in report.differences],
        "omitted": report.omitted,
    }


def _rebuilt_lines(rows: Mapping[str, int]) -> Iterator[str]:
    if rows:
        yield "the index was made anew:"
        yield from (f"  {number:>9} rows of {name}" for name, number in rows.items() if number)


def _audit_lines(report: AuditReport) -> Iterator[str]:
    yield from (f"{one.severity}: {one.code}: {one.place}: {one.message}" for one in report.differences)
    if report.omitted:
        yield f"and {report.omitted} more differences"
    yield f"checked as of block {report.block}:"
    yield from (f"  {number:>9} {what}" for what, number in report.checked.items())
    yield "nothing differs" if report.clean else f"{report.errors} differences are errors"


def _is_bag(file: Path) -> bool:
    """Whether a file begins as a bag does; evidence may come through a pipe, of which nothing is to be lost."""
    if not file.is_file():
        return False
    with open_regular(file) as stream:
        return stream.read(len(ZIP_START)) == ZIP_START


def _verify_file(output: Output, file: Path, trust: Trust, asset: str | None) -> int:
    try:
        data = read_file_or_pipe(file, MAX_BYTES, "evidence")
    except MalformedError:
        data = b""
    wanted = None if asset is None else _reference(data, asset)
    verdict = judge(data, trust, now=int(time.time()), asset=wanted)
    output.result(to_json(verdict), describe(verdict).rstrip("\n"))
    return verdict.outcome.exit_code


def _reference(data: bytes, identifier: str) -> AssetReference | None:
    """The asset that is asked for; the file says which log it is of, and the verdict whether it is that asset."""
    try:
        return AssetReference(parse_evidence(data).asset_type, canonical(identifier))
    except VinculumError:
        return None


def _verify_bag(output: Output, file: Path, trust: Trust, asset: str | None) -> int:
    with output.progress("assets") as bar:
        report = verify_bag(file, trust, int(time.time()), lambda _: bar.advance(bar.task_ids[0]))
    if asset is not None and canonical(asset) not in {one.identifier for one in report.assets}:
        report.note("", IdentityError("the bag does not show that it holds the asset that was asked for"))
    as_of = None if report.as_of is None else {"block": report.as_of.number, "time": report.as_of.time}
    value = {
        "outcome": str(report.outcome),
        "exit_code": report.outcome.exit_code,
        "reason": report.reason,
        "statement": report.statement,
        "as_of": as_of,
        "exporter": report.exporter,
        "exporter_name": report.exporter_name,
        "tier": report.tier,
        "files": report.files,
        "assets": [asdict(one) for one in report.assets],
        "problems": [asdict(one) for one in report.problems],
        "trust_fingerprint": report.trust_fingerprint,
    }
    output.result(value, _bag_lines(report))
    return report.outcome.exit_code


def _bag_lines(report: BagReport) -> Iterator[str]:
    yield report.outcome.upper() if not report.reason else f"{report.outcome.upper()}: {report.reason}"
    if report.exporter is not None:
        yield f"  signed by {report.exporter_name or 'organisation'} ({report.exporter}), for the tier {report.tier}"
    if report.as_of is not None:
        yield f"  complete as registered up to block {report.as_of.number} ({utc(report.as_of.time)}), or later"
    held = f"{counted(len(report.assets), 'asset')}, {counted(report.events, 'event')}"
    yield f"  {counted(report.files, 'file')} hashed, {held}"
    for one in report.assets:
        name = f"{one.asset_type} {one.identifier}" if one.identifier else one.path
        told = f"{counted(one.events, 'event')}, {one.status}" if one.asset_type else one.reason
        yield f"  {one.outcome}: {name}: {told}"
    for problem in report.problems:
        yield f"  {problem.outcome}: {problem.path or 'the bag'}: {problem.reason}"
    yield f"  judged by the trust file {report.trust_fingerprint}"


def _text(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
