"""The life of an asset as a reader of one tier sees it here: events in order, what the rules find in them, as of when.

This is what the index of this home says, contents checked against their hashes and their signer's key. It is no
proof: ``evidence`` makes one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ledger.access import Tier
from ledger.credential.sd_jwt import CLAIM_NAMES
from ledger.event import Json
from ledger.rules import Assessment, ClosedEvent, History, OpenedEvent, assess
from ledger.service.presentable import Presented, presentable
from ledger.service.read import IDENTITY, AssetRecord, Entry, visible_names
from ledger.service.workspace import Workspace
from ledger.store.chain_index import Block


@dataclass(frozen=True, slots=True)
class Told:
    """One event with what this reader sees of it.

    Attributes:
        entry: As the index has it.
        opened: Whether this reader sees any of its content.
        claims: What he sees, by name; checked against the signed credential.
        withheld: Names of the claims that this home can open and this reader does not see.
        refused: Why a verifier would refuse what stands here; empty where he would not.
    """

    entry: Entry
    opened: bool
    claims: Mapping[str, Json] = field(default_factory=dict)
    withheld: tuple[str, ...] = ()
    refused: str = ""

    @property
    def occurred_at(self) -> datetime | None:
        """When it is said to have happened."""
        return _moment(self.claims.get("occurred_at"))

    @property
    def fields(self) -> dict[str, Json]:
        """The domain's fields: without time, ids and what opens the subject."""
        return {name: value for name, value in self.claims.items() if name not in _FRAME}


@dataclass(frozen=True, slots=True)
class Timeline:
    """A life.

    Attributes:
        asset: Whose.
        aliases: Further identifiers, as far as they are seen.
        events: Oldest first.
        block_number: The last block that the index has followed.
        block_time: Its time, in seconds since 1970.
        assessment: Status, findings and judgements, from what this reader sees.
    """

    asset: AssetRecord
    aliases: tuple[str, ...]
    events: tuple[Told, ...]
    block_number: int
    block_time: int
    assessment: Assessment


_FRAME = IDENTITY | {"occurred_at", "document_id", CLAIM_NAMES}


def tell(workspace: Workspace, asset: AssetRecord, tier: Tier | None = None) -> Timeline:
    """Tell the life of an asset.

    Args:
        workspace: The home; its keys decide which contents can be opened at all.
        asset: Whose.
        tier: Of the reader; None shows everything that opens here.

    Raises: SourceError, where node, store or index did not deliver.
    """
    block_number = workspace.projector.sync().block_number
    entries = workspace.reader().history(asset)
    events = tuple(
        _told(entry, shown, tier) for entry, shown in zip(entries, presentable(workspace, entries), strict=True)
    )
    with workspace.database.read() as session:
        block = session.get(Block, block_number)
    aliases = _aliases(events)
    number, at = (-1, 0) if block is None else (block.number, block.timestamp)
    return Timeline(asset, aliases, events, number, at, _assess(asset, aliases, events))


def _told(entry: Entry, presented: Presented, tier: Tier | None) -> Told:
    claims = presented.credential.claims
    seen = set(claims) if tier is None else visible_names(entry, claims, tier)
    shown = {name: claims[name].value for name in sorted(seen)}
    return Told(entry, bool(shown), shown, tuple(sorted(set(claims) - seen)), presented.refused)


def _assess(asset: AssetRecord, aliases: tuple[str, ...], events: tuple[Told, ...]) -> Assessment:
    if not events:
        return Assessment("not registered")
    opened = tuple(_opened(told) for told in events if _complete(told))
    closed = tuple(ClosedEvent(told.entry.position, told.entry.kind.name) for told in events if not _complete(told))
    names = (asset.identifier, *aliases)
    return assess(History(asset.asset_type, names, events[-1].entry.status, opened, closed))


def _complete(told: Told) -> bool:
    return told.opened and all(told.claims.get(name) is not None for name in told.entry.kind.required)


def _opened(told: Told) -> OpenedEvent:
    entry, own_id = told.entry, told.claims.get("document_id")
    names = {entry.digest.hex(), "0x" + entry.digest.hex()} | ({own_id} if isinstance(own_id, str) else set())
    return OpenedEvent(
        number=entry.position,
        kind=entry.kind.name,
        organisation=entry.organisation,
        attested_at=datetime.fromtimestamp(entry.attested_at, UTC),
        occurred_at=told.occurred_at,
        fields=told.claims,
        references=frozenset(names),
        withheld=frozenset(told.withheld),
    )


def _moment(value: Json) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return None if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _aliases(events: tuple[Told, ...]) -> tuple[str, ...]:
    found = events[0].claims.get("aliases") if events else None
    return tuple(name for name in found if isinstance(name, str)) if isinstance(found, list) else ()
