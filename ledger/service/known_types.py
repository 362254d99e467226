"""What the ledger knows of identifiers, for documents that do not say of what type an asset is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlmodel import col, select

from ledger.event import AssetType
from ledger.service.plan import Plan
from ledger.store.database import Database
from ledger.store.document_index import Asset, AssetAlias


class KnownTypes(Mapping[str, AssetType]):
    """Asset types by identifier or alias: asked from the index one by one, with what is about to be there."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._fresh: dict[str, AssetType] = {}

    def add(self, plan: Plan) -> None:
        """Know the assets that a plan registers."""
        for planned in plan.planned:
            if planned.salt is not None:
                asset = planned.event.asset
                self._fresh |= dict.fromkeys((asset.identifier, *planned.event.aliases), asset.asset_type)

    def forget_recorded(self) -> None:
        """Drop what was added: all of it is in the index by now, or the contract refused it."""
        self._fresh = {}

    def __getitem__(self, identifier: str) -> AssetType:
        if identifier in self._fresh:
            return self._fresh[identifier]
        with self._database.read() as session:
            question = (
                select(Asset.asset_type)
                .join(AssetAlias, col(AssetAlias.subject) == col(Asset.subject))
                .where(AssetAlias.identifier == identifier)
            )
            found = session.exec(question).first()
        if found is None:
            raise KeyError(identifier)
        return AssetType(found)

    def __iter__(self) -> Iterator[str]:
        with self._database.read() as session:
            names = set(session.exec(select(AssetAlias.identifier)).all())
        return iter(names | self._fresh.keys())

    def __len__(self) -> int:
        return sum(1 for _ in self)
