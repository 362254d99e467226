"""``org``, ``namespace``: who is a member, and what it may register."""

from __future__ import annotations

from typing import Annotated

import typer

from ledger.cli.app import command, frame_of, group
from ledger.cli.council import decision_value, open_lines, tell
from ledger.cli.keys import Name, key_value
from ledger.cli.output import utc
from ledger.errors import ConfigurationError
from ledger.service.council import assign_namespace, change_roles, suspend
from ledger.service.directory import (
    Listed,
    find_organisation,
    issuer_keys,
    list_organisations,
    namespace_digests,
    namespaces,
)
from ledger.service.enrolment import Enrolled, Enrolment, enrol_all
from ledger.service.namespaces import parse_namespace

Roles = Annotated[list[str] | None, typer.Option("--role", help="A role; may be repeated.")]

organisation_app = group("Members of the consortium.")
namespace_app = group("Prefixes of identifiers that one organisation may register.")


def register(app: typer.Typer) -> None:
    """Add the two groups."""
    app.add_typer(organisation_app, name="org")
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
    """Make an organisation's keys, publish its profile, and enrol it by the council of this home.

    Where other administrators have to confirm it first, the same again afterwards completes it.
    """
    frame = frame_of(context)
    prefixes = [parse_namespace(text) for text in namespace or ()]
    with frame.workspace() as workspace, frame.output.progress("enrolling"):
        (enrolled,) = enrol_all(workspace, [Enrolment(name, title or name, role or ["member"], prefixes)])
    value = {"number": enrolled.number, "name": name, "title": title or name, "roles": list(enrolled.roles)}
    value |= {"admitted": enrolled.admitted, "left_open": [decision_value(one) for one in enrolled.left_open]}
    frame.output.result(value, _enrolled_lines(enrolled, title or name))


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
        keys = [key_value(key) for key in issuer_keys(workspace, one.number)]
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
        tell(frame, suspend(workspace, one.number), f"{one.title} is suspended")


@command(organisation_app, "resume", "vinculum org resume workshop")
def resume(context: typer.Context, organisation: Name) -> None:
    """Accept the writes of a suspended organisation again."""
    frame = frame_of(context)
    with frame.workspace() as workspace:
        one = find_organisation(workspace, organisation)
        tell(frame, suspend(workspace, one.number, resume=True), f"{one.title} may write again")


@command(organisation_app, "roles", "vinculum org roles workshop --role service --role inspect --role member")
def roles(context: typer.Context, organisation: Name, role: Roles = None) -> None:
    """Replace the roles of an organisation."""
    frame = frame_of(context)
    if not role:
        raise ConfigurationError("name the roles that it is to have from now on: --role, once for each")
    with frame.workspace() as workspace:
        one = find_organisation(workspace, organisation)
        tell(frame, change_roles(workspace, one.number, role), f"roles of {one.title}: {', '.join(role)}")


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
    tell(frame, decision, f"{prefix} belongs to {organisation}")


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


def _enrolled_lines(enrolled: Enrolled, title: str) -> list[str]:
    lines = [line for one in enrolled.left_open for line in open_lines(one)]
    if enrolled.admitted:
        return [f"{title} is organisation {enrolled.number}", *lines]
    return [f"{title} is to be organisation {enrolled.number}; once it is, the same again publishes its key", *lines]


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
