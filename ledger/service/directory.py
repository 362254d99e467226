"""Who is who: organisations, their keys and namespaces as the index has them, found by number, keystore or name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import col, select

from ledger.errors import NotAuthorisedError, SourceError, VerificationError
from ledger.event import AssetType
from ledger.kinds import role_bit, role_names
from ledger.proof.subject import namespace_id
from ledger.service.read import AssetRecord
from ledger.service.record import Recipient
from ledger.service.workspace import Workspace
from ledger.store.chain_index import Account, IssuerKey, Namespace, Organisation
from ledger.store.document_index import Asset


@dataclass(frozen=True, slots=True)
class Listed:
    """An organisation as it is listed.

    Attributes:
        number: In ``Consortium``.
        title: Name for people, from its published profile; empty where that cannot be had.
        keystore: Name of its keys in this home, or None.
        roles: Names of its roles.
        suspended: Whether its writes are refused.
        accounts: Its chain accounts, 20 bytes each.
        since: When it was enrolled, in seconds since 1970.
    """

    number: int
    title: str
    keystore: str | None
    roles: tuple[str, ...]
    suspended: bool
    accounts: tuple[bytes, ...]
    since: int


def list_organisations(workspace: Workspace) -> list[Listed]:
    """Every organisation of the consortium, by number."""
    workspace.projector.sync()
    with workspace.database.read() as session:
        rows = session.exec(select(Organisation).order_by(col(Organisation.id))).all()
        accounts: dict[int, list[bytes]] = {}
        for account in session.exec(select(Account)).all():
            accounts.setdefault(account.organisation, []).append(account.address)
    stores = _keystores(workspace)
    return [
        Listed(
            row.id,
            title_of(workspace, row.id),
            next((stores[address] for address in accounts.get(row.id, ()) if address in stores), None),
            tuple(name for name in role_names() if row.roles >> role_bit(name) & 1),
            row.suspended,
            tuple(accounts.get(row.id, ())),
            row.since,
        )
        for row in rows
    ]


def title_of(workspace: Workspace, organisation: int) -> str:
    """Name of an organisation for people; empty where its profile cannot be had."""
    try:
        return workspace.reader().profile(organisation).name
    except (SourceError, VerificationError):
        return ""


def find_organisation(workspace: Workspace, text: str) -> Listed:
    """Find an organisation by its number, the name of its keys here, or its name.

    Raises: NotAuthorisedError, where there is none, or more than one of that name.
    """
    everybody = list_organisations(workspace)
    found = [one for one in everybody if text in (str(one.number), one.keystore)]
    found = found or [one for one in everybody if one.title == text]
    if len(found) != 1:
        many = "no organisation" if not found else "more than one organisation"
        known = ", ".join(one.keystore or str(one.number) for one in everybody) or "none"
        raise NotAuthorisedError(f"{many} {text!r} (organisations: {known})")
    return found[0]


def recipients_of(workspace: Workspace, organisation: int, others: Sequence[str] = ()) -> list[Recipient]:
    """Who receives the keys of what an organisation records: itself, and the others that it names.

    Args:
        workspace: The home.
        organisation: Who records.
        others: Names or numbers; where none are given, those of the settings.

    Raises:
        NotAuthorisedError: One of them is unknown.
        SourceError: A profile cannot be had.
    """
    named = others or workspace.settings.sharing.recipients
    numbers = dict.fromkeys([organisation, *(find_organisation(workspace, name).number for name in named)])
    reader = workspace.reader()
    return [Recipient(number, reader.profile(number).recipient) for number in numbers]


def issuer_keys(workspace: Workspace, organisation: int) -> list[IssuerKey]:
    """The credential keys of an organisation, oldest first."""
    workspace.projector.sync()
    with workspace.database.read() as session:
        question = select(IssuerKey).where(IssuerKey.organisation == organisation)
        return list(session.exec(question.order_by(col(IssuerKey.valid_from), col(IssuerKey.thumbprint))).all())


def namespaces(workspace: Workspace) -> list[Namespace]:
    """The assignments that hold now. The chain has hashes of prefixes, not the prefixes."""
    workspace.projector.sync()
    with workspace.database.read() as session:
        rows = session.exec(select(Namespace).order_by(col(Namespace.namespace), col(Namespace.position))).all()
    last = {row.namespace: row for row in rows}
    return sorted(last.values(), key=lambda row: (row.organisation, row.since, row.namespace))


def namespace_digests(prefixes: Sequence[tuple[str, tuple[int, str]]]) -> dict[bytes, str]:
    """Texts of prefixes by what stands for them on the chain."""
    return {namespace_id(*prefix): text for text, prefix in prefixes}


def all_assets(workspace: Workspace) -> list[AssetRecord]:
    """Every asset that is known here, in the order of type and identifier."""
    workspace.projector.sync()
    with workspace.database.read() as session:
        rows = session.exec(select(Asset).order_by(col(Asset.asset_type), col(Asset.identifier))).all()
    return [AssetRecord(AssetType(row.asset_type), row.subject, row.identifier) for row in rows]


def _keystores(workspace: Workspace) -> dict[bytes, str]:
    return {workspace.keyring.address(name): name for name in workspace.member_names()}
