"""What the index knows of the assets that documents speak of, and what was planned but is not in the index yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import sqlalchemy
from sqlmodel import Session, col, select

from ledger.errors import ConflictError, MalformedError, NotAuthorisedError, RuleError
from ledger.event import AssetReference, AssetType, Event
from ledger.identifiers import parse_identifier
from ledger.kinds import Kind, kind_by_name
from ledger.proof.subject import namespace_id
from ledger.store.chain_index import GovernanceEvent, Head, Namespace, Organisation
from ledger.store.database import Database
from ledger.store.document_index import Asset, AssetAlias, SourceEvent

_LOOK_UP = 400
ANY_DOCUMENT = "*"
"""In place of a document's type: a rebuilt index knows the events, but not in which type of document they came."""


@dataclass(frozen=True, slots=True)
class KnownAsset:
    """An asset's subject (32 bytes) and whatever salt is known here (32 bytes)."""

    subject: bytes
    salt: bytes | None


@dataclass(slots=True)
class Draft:
    """What one document adds while it is planned; ``Knowledge.keep`` makes it known to the next."""

    assets: dict[AssetReference, KnownAsset] = field(default_factory=dict)
    statuses: dict[bytes, int] = field(default_factory=dict)
    events: dict[tuple[str, str], bytes] = field(default_factory=dict)

    def update(self, other: Draft) -> None:
        """Take over all of ``other``."""
        self.assets.update(other.assets)
        self.statuses.update(other.statuses)
        self.events.update(other.events)


class Knowledge:
    """The index as far as the documents at hand need it, with what was planned since on top."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._loaded, self._pending = Draft(), Draft()
        self._namespaces: dict[bytes, int] = {}
        self._roles: dict[int, int] = {}

    def load(self, scope: str, keys: Mapping[str, Event]) -> None:
        """Read what the index has about these events; ``keys`` are their names within ``scope``."""
        self._loaded, self._namespaces = Draft(), {}
        references = {event.asset for event in keys.values()} | {
            AssetReference(event.asset.asset_type, alias) for event in keys.values() for alias in event.aliases
        }
        with self._database.read() as session:
            rows = session.exec(select(Organisation)).all()
            self._roles = {row.id: 0 if row.suspended else row.roles for row in rows}
            self._load_assets(session, references)
            self._load_events(session, scope, list(keys))
        self._load_namespaces([key for event in keys.values() for key in _namespaces_to_ask(event)])

    def forget_pending(self, *, projected: bool) -> None:
        """Drop what SQL has by now: assets and events, and statuses too once the index followed the chain."""
        statuses = {} if projected else self._pending.statuses
        self._pending = Draft(statuses=statuses)

    def keep(self, draft: Draft) -> None:
        """Make what a document added known to the documents after it."""
        self._pending.update(draft)

    def asset(self, reference: AssetReference, draft: Draft) -> KnownAsset | None:
        """The asset of this identifier, if it is registered or about to be."""
        for layer in (draft, self._pending, self._loaded):
            if reference in layer.assets:
                return layer.assets[reference]
        return None

    def status(self, subject: bytes, draft: Draft) -> int:
        """The status as it will be once everything planned is recorded; 0 where nothing is registered."""
        for layer in (draft, self._pending, self._loaded):
            if subject in layer.statuses:
                return layer.statuses[subject]
        return 0

    def is_repeated(self, scope: str, key: str, content: bytes, draft: Draft) -> bool:
        """Whether this event is recorded already.

        Raises: ConflictError, where it is, with other content.
        """
        for layer in (draft, self._pending, self._loaded):
            recorded = layer.events.get((scope, key))
            if recorded is not None and recorded != content:
                raise ConflictError("an event with this id is recorded already, with other content")
            if recorded is not None:
                return True
        return False

    def check_may_write(self, organisation: int, kind: Kind) -> None:
        """Ask that the organisation has the role of a kind, and is not suspended.

        Raises: NotAuthorisedError.
        """
        roles = self._roles.get(organisation, 0)
        if roles == 0:
            raise NotAuthorisedError(f"organisation {organisation} is unknown or suspended")
        if not roles >> kind.role_bit & 1:
            raise NotAuthorisedError(f"organisation {organisation} lacks the role {kind.role!r} of {kind.name}")

    def holder(self, namespaces: Sequence[bytes]) -> int | None:
        """Who holds the longest registered of these prefixes (longest first); None where nobody does."""
        self._load_namespaces([key for key in namespaces if key not in self._namespaces])
        for key in namespaces:
            if self._namespaces.get(key):
                return self._namespaces[key]
        return None

    def _load_assets(self, session: Session, references: Iterable[AssetReference]) -> None:
        wanted = set(references)
        names = list({reference.identifier for reference in wanted})
        retired = select(GovernanceEvent.contract).where(GovernanceEvent.name == "SuccessorSet")
        closed = set(session.exec(retired))
        for start in range(0, len(names), _LOOK_UP):
            part = names[start : start + _LOOK_UP]
            question = (
                sqlalchemy.select(
                    col(AssetAlias.identifier),
                    col(Asset.subject),
                    col(Asset.asset_type),
                    col(Asset.salt),
                    col(Head.status),
                    col(Head.log),
                    col(Head.block_number),
                )
                .join(Asset, col(Asset.subject) == col(AssetAlias.subject))
                .outerjoin(Head, col(Head.subject) == col(Asset.subject))
                .where(col(AssetAlias.identifier).in_(part))
            )
            # of several heads of a subject the last counts: the log before was closed when it was written
            rows = sorted(session.execute(question), key=lambda row: (row.block_number or 0, row.log not in closed))
            for name, subject, asset_type, salt, status, _, _ in rows:
                reference = AssetReference(AssetType(asset_type), name)
                if reference in wanted:
                    self._loaded.assets[reference] = KnownAsset(subject, salt)
                    self._loaded.statuses[subject] = status or 0

    def _load_events(self, session: Session, scope: str, keys: Sequence[str]) -> None:
        scopes = (scope, f"{scope.partition(':')[0]}:{ANY_DOCUMENT}")
        for start in range(0, len(keys), _LOOK_UP):
            question = select(SourceEvent.document_id, SourceEvent.content_hash).where(
                col(SourceEvent.scope).in_(scopes), col(SourceEvent.document_id).in_(keys[start : start + _LOOK_UP])
            )
            for key, content in session.exec(question):
                self._loaded.events[scope, key] = content

    def _load_namespaces(self, keys: Sequence[bytes]) -> None:
        wanted = list(dict.fromkeys(keys))
        self._namespaces.update(dict.fromkeys(wanted, 0))
        for start in range(0, len(wanted), _LOOK_UP):
            part = wanted[start : start + _LOOK_UP]
            with self._database.read() as session:
                question = select(Namespace).where(col(Namespace.namespace).in_(part)).order_by(col(Namespace.position))
                for row in session.exec(question):
                    self._namespaces[row.namespace] = row.organisation


def _namespaces_to_ask(event: Event) -> list[bytes]:
    """Namespaces that decide over a genesis; what is wrong with it is said where it is planned."""
    with suppress(RuleError, MalformedError):
        if kind_by_name(event.kind).genesis:
            return namespace_ids(event.asset)
    return []


def namespace_ids(asset: AssetReference) -> list[bytes]:
    """Namespaces that an asset's identifier may belong to, longest prefix first, 32 bytes each.

    Raises: MalformedError, where the identifier names no such asset.
    """
    identifier = parse_identifier(asset.identifier, asset.asset_type)
    return [namespace_id(scheme, prefix) for scheme, prefix in identifier.namespaces]
