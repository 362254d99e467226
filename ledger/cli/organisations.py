"""``org``, ``key``, ``namespace``: who is a member, with which keys, and what it may register."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ledger.cli.app import Frame, command, frame_of, group
from ledger.cli.options import read_limited, read_moment
from ledger.cli.output import utc
from ledger.credential.base64url import encode_base64url, parse_base64url
from ledger.credential.jose import parse_jwk
from ledger.errors import ConfigurationError, MalformedError
from ledger.service.council import Decision, assign_namespace, change_roles, revoke_from, suspend
from ledger.service.directory import (
    Listed,
    find_organisation,
    issuer_keys,
    list_organisations,
    namespace_digests,
    namespaces,
)
from ledger.service.enrolment import Enrolment, enrol_all
from ledger.service.issuer_keys import ALGORITHM_NUMBERS, NO_END, add_issuer_key, limit_issuer_key, revoke_issuer_key
from ledger.service.namespaces import parse_namespace
from ledger.store.chain_index import IssuerKey
from ledger.strict_json import parse_json

MAX_JWK_BYTES = 16 * 1024
_ALGORITHMS = {number: algorithm for algorithm, number in ALGORITHM_NUMBERS.items()}
Name = Annotated[str, typer.Argument(help="Organisation, by its number, the name of its keys, or its name.")]
KeyId = Annotated[str, typer.Argument(help="Thumbprint of the key (RFC 7638), hex or base64url.")]
Roles = Annotated[list[str] | None, typer.Option("--role", help="A role; may be repeated.")]

organisation_app = group("Members of the consortium.")
key_app = group("Keys that sign credentials.")
namespace_app = group("Prefixes of identifiers that one organisation may register.")


def register(app: typer.Typer) -> None:
    """Add the three groups."""
    app.add_typer(organisation_app, name="org")
    app.add_typer(key_app, name="key")
    app.add_typer(namespace_app, name="namespace")


@command(
    organisation_app,
    "add",
    "vinculum org add cell-maker --title 'Lindqvist Cells AB' --role make --role member --namespace gs1:9521000001",
)
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of its keys here: letters, digits, - and _.")],
    title: Annotated[str | None, typer.Option("--title", help="Its name for people.")] = None,
    role: Roles = None,
    namespace: Annotated[list[str] | None, typer.Option("--namespace", help="A prefix it may register.")] = None,
) -> None:
    """Make an organisation's keys, publish its profile, and enrol it by the council of this home."""
    frame = frame_of(context)
    prefixes = [parse_namespace(text) for text in namespace or ()]
    with frame.workspace() as workspace, frame.output.progress("enrolling"):
        (enrolled,) = enrol_all(workspace, [Enrolment(name, title or name, role or ["member"], prefixes)])
    value = {"number": enrolled.number, "name": name, "title": title or name, "roles": role or ["member"]}
    frame.output.result(value, f"{title or name} is organisation {enrolled.number}")


@command(organisation_app, "list", "vinculum org list", "vinculum org list --json")
def list_all(context: typer.Context) -> None:
    """List all organisations."""
    frame = frame_of(context)
    with frame.workspace() as workspace:
        everybody = list_organisations(workspace)
    rows = [(one.number, one.keystore or "-", one.title, ", ".join(one.roles), _state(one)) for one in everybody]
    table = frame.output.table(("number", "keys", "name", "roles", ""), rows)
    frame.output.result([_organisation(one) for one in everybody], table)


@command(organisation_app, "show", "vinculum org show cell-maker", "vinculum org show 1 --json")
def show(context: typer.Context, organisation: Name) -> None:
    """Show one organisation with its accounts and keys."""
    frame = frame_of(context)
    with frame.workspace() as workspace:
        one = find_organisation(workspace, organisation)
        keys = [_key(key) for key in issuer_keys(workspace, one.number)]
    rows = [
        ("number", one.number),
        ("name", one.title),
        ("keys here", one.keystore or "none"),
        ("roles", ", ".join(one.roles)),
        ("state", _state(one)),
        ("member since", utc(one.since)),
        *(("account", f"0x{account.hex()}") for account in one.accounts),
        *(("credential key", f"{key['thumbprint']} {key['state']}") for key in keys),
    ]
    frame.output.result(_organisation(one) | {"issuer_keys": keys}, frame.output.table(("", ""), rows))


@command(organisation_app, "suspend", "vinculum org suspend workshop")
def suspend_one(context: typer.Context, organisation: Name) -> None:
    """Refuse an organisation's later writes; its past still verifies. Acts at once."""
    frame = frame_of(context)
    with frame.workspace() as workspace:
        one = find_organisation(workspace, organisation)
        _tell(frame, suspend(workspace, one.number), f"{one.title} is suspended")


@command(organisation_app, "resume", "vinculum org resume workshop")
def resume(context: typer.Context, organisation: Name) -> None:
    """Accept the writes of a suspended organisation again."""
    frame = frame_of(context)
    with frame.workspace() as workspace:
        one = find_organisation(workspace, organisation)
        _tell(frame, suspend(workspace, one.number, resume=True), f"{one.title} may write again")


@command(organisation_app, "roles", "vinculum org roles workshop --role service --role inspect --role member")
def roles(context: typer.Context, organisation: Name, role: Roles = None) -> None:
    """Replace the roles of an organisation."""
    frame = frame_of(context)
    if not role:
        raise ConfigurationError("name the roles that it is to have from now on: --role, once for each")
    with frame.workspace() as workspace:
        one = find_organisation(workspace, organisation)
        _tell(frame, change_roles(workspace, one.number, role), f"roles of {one.title}: {', '.join(role)}")


@command(key_app, "list", "vinculum key list cell-maker")
def list_keys(context: typer.Context, organisation: Name) -> None:
    """List the credential keys of an organisation, oldest first."""
    frame = frame_of(context)
    with frame.workspace() as workspace:
        keys = [_key(key) for key in issuer_keys(workspace, find_organisation(workspace, organisation).number)]
    rows = [[key[name] for name in ("thumbprint", "algorithm", "state")] for key in keys]
    frame.output.result(keys, frame.output.table(("thumbprint", "algorithm", ""), rows))


@command(key_app, "add", "vinculum key add cell-maker device.jwk")
def add_key(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the organisation's keys here.")],
    jwk: Annotated[Path, typer.Argument(help="The public key as a JWK file.", exists=True, dir_okay=False)],
) -> None:
    """Publish another public key of an organisation: a device's or a hardware module's. Valid from now on."""
    frame = frame_of(context)
    key = parse_jwk(parse_json(read_limited(jwk, MAX_JWK_BYTES, "JWK"), what="JWK"))
    with frame.workspace() as workspace:
        add_issuer_key(workspace, name, key)
    frame.output.result({"thumbprint": key.thumbprint}, f"key {key.thumbprint.hex()} is valid from now on")


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
            _tell(frame, revoke_from(workspace, one.number, thumbprint, moment), f"revoked from {utc(moment)}")
            return
        revoke_issuer_key(workspace, _keystore(one), thumbprint)
    frame.output.result({"thumbprint": thumbprint, "revoked": True}, f"key {thumbprint.hex()} is revoked from now on")


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
    frame.output.result(
        {"thumbprint": thumbprint, "valid_until": moment}, f"key {thumbprint.hex()} ends at {utc(moment)}"
    )


@command(
    namespace_app,
    "assign",
    "vinculum namespace assign gs1:9521000001 cell-maker",
    "vinculum namespace assign wmi:VCU nobody",
)
def assign(
    context: typer.Context,
    prefix: Annotated[str, typer.Argument(help="wmi:WVW, gs1:9521234, gbt:001 or bpn:BPNL…", metavar="PREFIX")],
    organisation: Annotated[str, typer.Argument(help="Who may register below it from now on, or nobody.")],
) -> None:
    """Let an organisation register the identifiers of a prefix; earlier registrations stay what they are."""
    frame = frame_of(context)
    scheme, text = parse_namespace(prefix)
    with frame.workspace() as workspace:
        number = 0 if organisation == "nobody" else find_organisation(workspace, organisation).number
        decision = assign_namespace(workspace, scheme, text, number)
    _tell(frame, decision, f"{prefix} belongs to {organisation}")


@command(namespace_app, "list", "vinculum namespace list", "vinculum namespace list gs1:9521000001 wmi:VCU")
def list_namespaces(
    context: typer.Context,
    prefix: Annotated[
        list[str] | None, typer.Argument(help="Prefixes to look up by name.", metavar="[PREFIX]...")
    ] = None,
) -> None:
    """List who holds which prefix. The chain keeps hashes: name prefixes to recognise them."""
    frame = frame_of(context)
    names = namespace_digests([(text, parse_namespace(text)) for text in prefix or ()])
    with frame.workspace() as workspace:
        found = [row for row in namespaces(workspace) if not names or row.namespace in names]
        titles = {one.number: one.keystore or one.title for one in list_organisations(workspace)}
    rows = [
        {
            "namespace": row.namespace,
            "prefix": names.get(row.namespace),
            "organisation": row.organisation,
            "name": titles.get(row.organisation, "nobody"),
            "since": row.since,
        }
        for row in found
    ]
    cells = [
        (names.get(row.namespace, row.namespace.hex()), titles.get(row.organisation, "nobody"), utc(row.since))
        for row in found
    ]
    frame.output.result(rows, frame.output.table(("namespace", "held by", "since"), cells))


def _tell(frame: Frame, decision: Decision, text: str) -> None:
    value = {"proposal": decision.proposal, "salt": decision.salt, "executed": decision.executed}
    proposal = f"proposed as 0x{decision.proposal.hex()} with salt 0x{decision.salt.hex()}"
    waits = f"{proposal}: other administrators have to confirm"
    frame.output.result(value, text if decision.executed else waits)


def _state(one: Listed) -> str:
    return "suspended" if one.suspended else "active"


def _organisation(one: Listed) -> dict[str, object]:
    return {
        "number": one.number,
        "keys": one.keystore,
        "name": one.title,
        "roles": list(one.roles),
        "suspended": one.suspended,
        "accounts": list(one.accounts),
        "since": one.since,
    }


def _key(row: IssuerKey) -> dict[str, object]:
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
