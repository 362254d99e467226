"""Options and arguments that several commands share, and how they are read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ledger.access import Tier
from ledger.errors import ConfigurationError, MalformedError
from ledger.identifiers import parse_identifier
from ledger.intake.times import parse_timestamp
from ledger.service.read import AssetRecord
from ledger.service.workspace import Workspace

READER_TIERS = (Tier.PUBLIC, Tier.LEGITIMATE_INTEREST, Tier.AUTHORITIES, Tier.MEMBERS)

Asset = Annotated[str, typer.Argument(help="Any identifier of the asset, or its subject in hex.", metavar="ASSET")]
As = Annotated[str, typer.Option("--as", help="Organisation whose keys sign, by the name of its keys.", metavar="ORG")]
To = Annotated[
    list[str] | None,
    typer.Option(
        "--to",
        help="Organisation that may open what is recorded; may be repeated. By default those of the settings.",
        metavar="ORG",
    ),
]
OptionalTier = Annotated[
    Tier | None,
    typer.Option("--tier", help="Show what a reader of this tier may see; without it, all that opens here."),
]
ReaderTier = Annotated[Tier, typer.Option("--tier", help="Whom the file is for: decides field by field.")]
TrustFile = Annotated[
    Path, typer.Option("--trust", help="Your own trust file, never the giver's.", exists=True, dir_okay=False)
]


def find_asset(workspace: Workspace, text: str) -> AssetRecord:
    """Find an asset by what a person typed.

    Raises: UnknownAssetError.
    """
    bare = text.lower().removeprefix("0x")
    if len(bare) == 64 and all(character in "0123456789abcdef" for character in bare):
        return workspace.reader().asset(bare)
    return workspace.reader().asset(canonical(text))


def canonical(text: str) -> str:
    """The canonical form of an identifier; a text that is none stays as it is."""
    try:
        return parse_identifier(text.strip()).canonical
    except MalformedError:
        return text


def read_moment(text: str) -> datetime:
    """Read an RFC 3339 time from the command line.

    Raises: ConfigurationError.
    """
    moment = parse_timestamp(text)
    if isinstance(moment, datetime):
        return moment.astimezone(UTC)
    raise ConfigurationError(f"{text!r} is no time with its zone, such as 2026-07-22T06:45:00+02:00")


def read_address(text: str) -> tuple[str, int]:
    """Read ``host:port``, an IPv6 host in brackets.

    Raises: ConfigurationError.
    """
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ConfigurationError(f"{text!r} is no address and port, such as 127.0.0.1:8750")
    return host.removeprefix("[").removesuffix("]"), int(port)
