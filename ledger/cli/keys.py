"""``key``: the keys with which an organisation signs its credentials."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ipfs.files import read_file_or_pipe
from ledger.cli.app import command, frame_of, group
from ledger.cli.council import tell
from ledger.cli.options import read_moment
from ledger.cli.output import utc
from ledger.credential.base64url import encode_base64url, parse_base64url
from ledger.credential.jose import parse_jwk
from ledger.errors import ConfigurationError, MalformedError
from ledger.proof.slots import DEVICE_KEY
from ledger.service.council import revoke_from
from ledger.service.directory import Listed, find_organisation, issuer_keys
from ledger.service.issuer_keys import (
    ALGORITHM_NUMBERS,
    NO_END,
    add_issuer_key,
    limit_issuer_key,
    revoke_issuer_key,
    rotate_issuer_key,
)
from ledger.store.chain_index import IssuerKey
from ledger.strict_json import parse_json

MAX_JWK_BYTES = 16 * 1024
_ALGORITHMS = {number: algorithm for algorithm, number in ALGORITHM_NUMBERS.items()}
Name = Annotated[str, typer.Argument(help="Organisation, by its number, the name of its keys, or its name.")]
KeyId = Annotated[str, typer.Argument(help="Thumbprint of the key (RFC 7638), hex or base64url.")]

key_app = group("Keys that sign credentials.")


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(key_app, name="key")


@command(key_app, "list", "vinculum key list cell-maker")
def list_keys(context: typer.Context, organisation: Name) -> None:
    """List the credential keys of an organisation, oldest first."""
    frame = frame_of(context)
    with frame.workspace() as workspace:
        keys = [key_value(key) for key in issuer_keys(workspace, find_organisation(workspace, organisation).number)]
    rows = [[key[name] for name in ("thumbprint", "algorithm", "state")] for key in keys]
    frame.output.result(keys, frame.output.table(("thumbprint", "algorithm", ""), rows))


@command(key_app, "add", "vinculum key add cell-maker hardware.jwk", "vinculum key add cell-maker device.jwk --device")
def add_key(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the organisation's keys here.")],
    jwk: Annotated[Path, typer.Argument(help="The public key as a JWK file.", exists=True, dir_okay=False)],
    *,
    device: Annotated[
        bool, typer.Option("--device", help="The key of a device: it signs batches of readings, and no credentials.")
    ] = False,
) -> None:
    """Publish another public key of an organisation: a hardware module's, or a device's. Valid from now on."""
    frame = frame_of(context)
    key = parse_jwk(parse_json(read_file_or_pipe(jwk, MAX_JWK_BYTES, "JWK"), what="JWK"))
    with frame.workspace() as workspace:
        add_issuer_key(workspace, name, key, DEVICE_KEY if device else 0)
    frame.output.result({"thumbprint": key.key_id}, f"key {key.key_id} is valid from now on")


@command(
    key_app, "revoke", "vinculum key revoke cell-maker 3f9c…", "vinculum key revoke 1 3f9c… --from 2026-11-01T00:00:00Z"
)
def revoke(
    context: typer.Context,
    organisation: Name,
    key: KeyId,
    since: Annotated[
        str | None, typer.Option("--from", help="By the council, from this time in the past; later uses are disputed.")
    ] = None,
) -> None:
    """Revoke a credential key: from now on by its organisation, or from a past time by the council."""
    frame = frame_of(context)
    thumbprint = _thumbprint(key)
    with frame.workspace() as workspace:
        one = find_organisation(workspace, organisation)
        if since is not None:
            moment = int(read_moment(since).timestamp())
            tell(frame, revoke_from(workspace, one.number, thumbprint, moment), f"revoked from {utc(moment)}")
            return
        name = _keystore(one)
        revoke_issuer_key(workspace, name, thumbprint)
        lacks = workspace.member(name).issuer.public.thumbprint == thumbprint
    hint = f"; nothing can be signed until `vinculum key rotate {name}`" if lacks else ""
    name_of_key = encode_base64url(thumbprint)
    text = f"key {name_of_key} is revoked from now on{hint}"
    frame.output.result({"thumbprint": name_of_key, "revoked": True}, text)


@command(key_app, "rotate", "vinculum key rotate cell-maker")
def rotate(context: typer.Context, organisation: Name) -> None:
    """Sign with a new key from now on; the old one ends, and what it signed still verifies.

    Nothing else may write for the organisation meanwhile. After a crash, start it again.
    """
    frame = frame_of(context)
    with frame.workspace() as workspace, frame.output.progress("rotating"):
        name = _keystore(find_organisation(workspace, organisation))
        done = rotate_issuer_key(workspace, name)
    new, ended = encode_base64url(done.thumbprint), [encode_base64url(one) for one in done.ended]
    text = "\n".join((f"{name} signs with key {new} from now on", *(f"key {one} ends" for one in ended)))
    frame.output.result({"thumbprint": new, "ended": ended, "continued": done.continued}, text)


@command(key_app, "limit", "vinculum key limit cell-maker 3f9c… --until 2027-01-01T00:00:00Z")
def limit(
    context: typer.Context,
    organisation: Name,
    key: KeyId,
    until: Annotated[str, typer.Option("--until", help="When it ends (RFC 3339); only ever earlier than before.")],
) -> None:
    """Let a credential key end at a time."""
    frame = frame_of(context)
    thumbprint, moment = _thumbprint(key), int(read_moment(until).timestamp())
    with frame.workspace() as workspace:
        limit_issuer_key(workspace, _keystore(find_organisation(workspace, organisation)), thumbprint, moment)
    name_of_key = encode_base64url(thumbprint)
    frame.output.result({"thumbprint": name_of_key, "valid_until": moment}, f"key {name_of_key} ends at {utc(moment)}")


def key_value(row: IssuerKey) -> dict[str, object]:
    """A credential key for machines, with its state in words."""
    end = "without end" if row.valid_until == NO_END else f"until {utc(row.valid_until)}"
    state = f"revoked from {utc(row.revoked_from)}" if row.revoked_from else f"valid from {utc(row.valid_from)} {end}"
    return {
        "thumbprint": encode_base64url(row.thumbprint),
        "algorithm": str(_ALGORITHMS.get(row.algorithm, row.algorithm)),
        "valid_from": row.valid_from,
        "valid_until": None if row.valid_until == NO_END else row.valid_until,
        "revoked_from": row.revoked_from or None,
        "state": state,
    }


def _thumbprint(text: str) -> bytes:
    try:
        if len(text.removeprefix("0x")) == 64:
            return bytes.fromhex(text.removeprefix("0x"))
        return parse_base64url(text, "thumbprint", size=32)
    except (ValueError, MalformedError):
        raise ConfigurationError(f"{text!r} is no thumbprint: 64 hex digits or 43 characters of base64url") from None


def _keystore(one: Listed) -> str:
    if one.keystore is None:
        raise ConfigurationError(f"the keys of organisation {one.number} are not in this home")
    return one.keystore
