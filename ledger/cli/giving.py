"""``grant``, ``evidence``, ``trust``, ``export``: what is handed to others."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ipfs.files import read_file
from ledger.access import Tier
from ledger.cli.app import Frame, command, frame_of, group
from ledger.cli.options import READER_TIERS, As, Asset, ReaderTier, find_asset, read_moment
from ledger.cli.output import counted
from ledger.credential.grant_format import Policy
from ledger.errors import ConfigurationError
from ledger.service.directory import all_assets, find_organisation
from ledger.service.evidence import build_evidence
from ledger.service.export.bag import write_bag
from ledger.service.files import write_durably
from ledger.service.grants import grant_history
from ledger.service.record import MEMBER_POLICY
from ledger.service.trust import make_trust
from light_node.trust import MAX_BYTES as MAX_TRUST_BYTES
from light_node.trust import Trust, encode_trust, parse_trust
from light_node.trust_words import members_of, trust_value

Target = Annotated[Path, typer.Option("-o", "--output", help="File to write; - is standard output.")]
TrustArgument = Annotated[Path, typer.Argument(help="A trust file.", exists=True, dir_okay=False, metavar="FILE")]
trust_app = group("Trust files: what a verifier believes without proof.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(
        app,
        "grant",
        "vinculum grant VCU4EZ7R9K1004176 --as workshop --to insurer",
        "vinculum grant VCU4EZ7R9K1004176 --as workshop --to insurer --event 3 --event 4 --purpose claim",
    )(grant)
    command(
        app,
        "evidence",
        "vinculum evidence VCU4EZ7R9K1004176 --tier legitimate_interest -o car.evidence.json",
        "vinculum evidence VCU4EZ7R9K1004176 --tier legitimate_interest --bare-leaves -o car.evidence.json",
        "vinculum evidence VCU4EZ7R9K1004176 --from-block 120000 -o car.evidence.json",
    )(evidence)
    command(app, "export", "vinculum export VCU4EZ7R9K1004176 -o bag.zip", "vinculum export --all -o bag.zip")(export)
    app.add_typer(trust_app, name="trust")


def grant(  # noqa: PLR0913 - one parameter an option
    context: typer.Context,
    asset: Asset,
    organisation: As,
    to: Annotated[str, typer.Option("--to", help="Who may open it from now on.", metavar="ORG")],
    *,
    event: Annotated[list[int] | None, typer.Option("--event", help="Only this event; may be repeated.")] = None,
    purpose: Annotated[str, typer.Option("--purpose", help="What for: a term of the policy's profile.")] = (
        MEMBER_POLICY.purpose
    ),
    until: Annotated[str | None, typer.Option("--until", help="When the agreement ends (RFC 3339).")] = None,
) -> None:
    """Give another organisation the keys of an asset's events, as far as you have them.

    A key that was given cannot be taken back: --until is an agreement. Events recorded later need another grant.
    """
    frame = frame_of(context)
    ends = None if until is None else int(read_moment(until).timestamp())
    if ends is not None and ends <= time.time():
        raise ConfigurationError(f"{until} is over: an agreement ends later than now")
    policy = Policy(MEMBER_POLICY.profile, purpose, ends)
    with frame.workspace() as workspace:
        member, other = workspace.member(organisation), find_organisation(workspace, to)
        record = find_asset(workspace, asset)
        granted = grant_history(workspace, member, record, other.number, policy, events=event or ())
    value = {
        "recipient": granted.recipient,
        "events": granted.events,
        "withheld": granted.withheld,
        "grants": list(granted.grants),
    }
    more = f"; {granted.withheld} are not open to {organisation} either" if granted.withheld else ""
    frame.output.result(
        value, [f"{other.title or to} can open {counted(granted.events, 'event')} of {record.identifier}{more}"]
    )


def evidence(
    context: typer.Context,
    asset: Asset,
    target: Target,
    tier: ReaderTier = Tier.PUBLIC,
    bare_leaves: Annotated[
        bool,
        typer.Option("--bare-leaves", help="Hide who, what kind and when, where no field is seen."),
    ] = False,
    from_block: Annotated[
        int | None,
        typer.Option("--from-block", min=0, help="Where validators seal: the last block that the reader remembers."),
    ] = None,
) -> None:
    """Write one file that proves an asset's whole registered history to whoever has a trust file.

    With --from-block it goes on from what its reader remembers; where votes decide, as far as one file leads.
    """
    frame = frame_of(context)
    _check_target(target)
    _check_tier(tier)
    with frame.workspace() as workspace, frame.output.progress("proving"):
        record = find_asset(workspace, asset)
        data = build_evidence(workspace, record, tier, bare_leaves=bare_leaves, since=from_block)
    _write(frame, target, data)
    value = {"file": str(target), "bytes": len(data), "identifier": record.identifier, "tier": str(tier)}
    _say(frame, target, value, f"{target}: {len(data)} bytes of evidence of {record.identifier}, for the tier {tier}")


@command(trust_app, "export", "vinculum trust export -o consortium.trust.json")
def export_trust(context: typer.Context, target: Target) -> None:
    """Write the trust file of this consortium, to be handed on by a way that its readers trust."""
    frame = frame_of(context)
    _check_target(target)
    with frame.workspace() as workspace, frame.output.progress("collecting"):
        trust = make_trust(workspace)
    _write(frame, target, encode_trust(trust))
    value = {"file": str(target), "fingerprint": trust.fingerprint()}
    _say(frame, target, value, f"{target}\nfingerprint {trust.fingerprint()}")


@command(trust_app, "show", "vinculum trust show consortium.trust.json")
def show_trust(context: typer.Context, file: TrustArgument) -> None:
    """Show what a trust file makes its reader believe."""
    trust, output = _read_trust(file), frame_of(context).output
    value = trust_value(trust)
    rows = [(name, str(item)) for name, item in value.items() if not isinstance(item, list)]
    rows += [("signed by", one) for one in members_of(trust.finality)]
    output.result(value, output.table(("", ""), rows))


@command(trust_app, "fingerprint", "vinculum trust fingerprint consortium.trust.json")
def fingerprint(context: typer.Context, file: TrustArgument) -> None:
    """Print the fingerprint of a trust file, for two people to read to each other."""
    trust = _read_trust(file)
    frame_of(context).output.result({"fingerprint": trust.fingerprint()}, trust.fingerprint())


def export(
    context: typer.Context,
    target: Annotated[Path, typer.Option("-o", "--output", help="The ZIP file to write.", dir_okay=False)],
    asset: Annotated[list[str] | None, typer.Argument(help="Assets to export.", metavar="[ASSET]...")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every asset that is known here.")] = False,
    tier: ReaderTier = Tier.AUTHORITIES,
) -> None:
    """Write one bag (BagIt in a ZIP): evidence, tables, key history and a signed manifest.

    `vinculum verify` checks all of it offline.
    """
    frame = frame_of(context)
    _check_target(target)
    _check_tier(tier)
    if bool(asset) == everything:
        raise ConfigurationError("name the assets to export, or --all")
    with frame.workspace() as workspace:
        chosen = all_assets(workspace) if everything else [find_asset(workspace, one) for one in asset or ()]
        if not chosen:
            raise ConfigurationError("no asset is known here: there is nothing to export")
        with frame.output.progress("assets", len(chosen)) as bar:
            told = partial(bar.update, bar.task_ids[0])
            written = write_bag(workspace, chosen, target, tier, on_progress=lambda done: told(completed=done))
    value = {
        "file": str(written.path),
        "bytes": written.size,
        "assets": written.assets,
        "events": written.events,
        "files": written.files,
        "as_of": {"block": written.as_of.number, "time": written.as_of.time},
        "exporter": written.exporter,
        "tier": str(written.tier),
    }
    held = [counted(written.assets, "asset"), counted(written.events, "event"), counted(written.files, "file")]
    text = f"{target}: {', '.join(held)}, {written.size} bytes"
    frame.output.result(value, text)


def _check_tier(tier: Tier) -> None:
    if tier not in READER_TIERS:
        raise ConfigurationError(f"{tier} is no reader: use {', '.join(READER_TIERS)}")


def _check_target(target: Path) -> None:
    """Refuse at once what could not be written to at the end."""
    if target.is_dir():
        raise ConfigurationError(f"{target} is a folder: name a file")
    if not target.parent.is_dir():
        raise ConfigurationError(f"there is no folder {target.parent}")


def _write(frame: Frame, target: Path, data: bytes) -> None:
    """Write to a file, as a whole or not at all, or to standard output."""
    if str(target) != "-":
        write_durably(target, data)
        return
    if frame.output.as_json:
        raise ConfigurationError("--json and a file on standard output do not go together")
    sys.stdout.buffer.write(data)


def _say(frame: Frame, target: Path, value: Mapping[str, object], text: str) -> None:
    if str(target) == "-":
        for line in text.split("\n"):
            frame.output.warn(line)
    else:
        frame.output.result(value, text)


def _read_trust(file: Path) -> Trust:
    return parse_trust(read_file(file, MAX_TRUST_BYTES, "trust file"))
