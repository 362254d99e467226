"""``verify`` and ``audit``: what is handed to us, and what we hold ourselves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ledger.cli.app import EXIT_DONE, EXIT_REFUSED, command, frame_of
from ledger.cli.options import TrustFile, canonical, read_limited
from ledger.cli.output import Output, counted, utc
from ledger.errors import MalformedError, VinculumError
from ledger.event import AssetReference
from ledger.proof.evidence import MAX_BYTES, parse_evidence
from ledger.service.audit.report import AuditReport
from ledger.service.audit.run import audit
from ledger.service.export.verify import BagReport, verify_bag
from light_node.describe import describe, to_json
from light_node.judgement import judge
from light_node.trust import MAX_BYTES as MAX_TRUST_BYTES
from light_node.trust import Trust, parse_trust

ZIP_START = b"PK"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(
        app,
        "verify",
        "vinculum verify car.evidence.json --trust consortium.trust.json",
        "vinculum verify car.evidence.json --trust consortium.trust.json --asset VCU4EZ7R9K1004176 --json",
        "vinculum verify bag.zip --trust consortium.trust.json",
    )(verify)
    command(app, "audit", "vinculum audit", "vinculum audit --json")(audit_home)


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
    believed = parse_trust(read_limited(trust, MAX_TRUST_BYTES, "trust file"))
    with file.open("rb") as stream:
        is_bag = stream.read(len(ZIP_START)) == ZIP_START
    raise typer.Exit(_verify_bag(output, file, believed) if is_bag else _verify_file(output, file, believed, asset))


def audit_home(context: typer.Context) -> None:
    """Re-read chain and documents, re-hash everything, rebuild the index beside the live one, and compare.

    Each difference is named. Ends with 0 where nothing is wrong, 1 where anything is.
    """
    frame = frame_of(context)
    with frame.workspace() as workspace, frame.output.progress("auditing") as bar:
        report = audit(workspace, lambda what, done: bar.update(bar.task_ids[0], description=what, completed=done))
    value = {
        "block": report.block,
        "clean": report.clean,
        "errors": report.errors,
        "checked": dict(report.checked),
        "differences": [asdict(one) for one in report.differences],
        "omitted": report.omitted,
    }
    frame.output.result(value, "\n".join(_audit_lines(report)))
    raise typer.Exit(EXIT_DONE if report.clean else EXIT_REFUSED)


def _audit_lines(report: AuditReport) -> Iterator[str]:
    yield from (f"{one.severity}: {one.code}: {one.place}: {one.message}" for one in report.differences)
    if report.omitted:
        yield f"and {report.omitted} more differences"
    yield f"checked as of block {report.block}:"
    yield from (f"  {number:>9} {what}" for what, number in report.checked.items())
    yield "nothing differs" if report.clean else f"{report.errors} differences are errors"


def _verify_file(output: Output, file: Path, trust: Trust, asset: str | None) -> int:
    try:
        data = read_limited(file, MAX_BYTES, "evidence")
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


def _verify_bag(output: Output, file: Path, trust: Trust) -> int:
    with output.progress("assets") as bar:
        report = verify_bag(file, trust, int(time.time()), lambda _: bar.advance(bar.task_ids[0]))
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
    output.result(value, "\n".join(_bag_lines(report)))
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
