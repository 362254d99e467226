"""Build evidence: one self-contained file that proves an asset's whole registered history, for one reader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from sqlmodel import func, select

from ledger.access import Tier
from ledger.identifiers import parse_identifier
from ledger.proof.evidence import (
    AccountProof,
    Evidence,
    HiddenEntry,
    HistoryEntry,
    IssuerKey,
    OpenEntry,
    Segment,
    StorageProof,
    encode_evidence,
    issuer_order,
)
from ledger.proof.evidence_slots import consortium_slots
from ledger.proof.fold import Meta, leaf
from ledger.proof.slots import SUCCESSOR_SLOT, head_slot, word_of
from ledger.service.finality import final_block
from ledger.service.presentable import NOTHING, presentable, read_key
from ledger.service.read import AssetRecord, Entry, ReadCredential, visible_names
from ledger.service.workspace import Workspace
from ledger.store.chain_index import GovernanceEvent


@dataclass(frozen=True, slots=True)
class Shown:
    """One entry, and what this reader is shown of it.

    Attributes:
        entry: From the index.
        credential: As this home can open it.
        names: Claims that this reader sees; none: the credential is withheld.
    """

    entry: Entry
    credential: ReadCredential
    names: frozenset[str]


def build_evidence(
    workspace: Workspace, asset: AssetRecord, tier: Tier, *, bare_leaves: bool = False, since: int | None = None
) -> bytes:
    """Build the evidence file of one asset.

    Args:
        workspace: The home; its keys decide which contents can be shown at all.
        asset: Which.
        tier: Of the reader: decides field by field.
        bare_leaves: Show nothing but the leaf of events of which this reader sees no field: neither who, nor what
            kind, nor when.
        since: The last block that the reader knows, where validators seal; see ``final_block``. What came after the
            block that the file leads to is not in it.

    Returns: The canonical bytes; whoever has a trust file verifies them alone.

    Raises: SourceError, where node, store or witnesses do not deliver; and as ``final_block``.
    """

    def show(entries: Sequence[Entry]) -> list[Shown]:
        found = zip(entries, presentable(workspace, entries), strict=True)
        return [_show(entry, presented.credential, tier) for entry, presented in found]

    return _build(workspace, asset, show, bare=bare_leaves, since=since)


def build_receipt(workspace: Workspace, asset: AssetRecord, digests: Collection[bytes], names: frozenset[str]) -> bytes:
    """Build the evidence that shows nothing but some claims of some ordinary events: that they are attested.

    Args:
        workspace: The home.
        asset: Whose events they are.
        digests: Of their credentials.
        names: Of the claims that are shown of each.

    Returns: The canonical bytes; every other event is withheld.

    Raises: SourceError, where node, store or witnesses do not deliver.
    """

    def show(entries: Sequence[Entry]) -> list[Shown]:
        wanted = [one for one in entries if one.digest in digests and not one.kind.changes_status]
        presented = zip(wanted, presentable(workspace, wanted), strict=True)
        found = {entry.position: one.credential for entry, one in presented}
        credentials = [found.get(entry.position, NOTHING) for entry in entries]
        return [Shown(entry, one, names & one.claims.keys()) for entry, one in zip(entries, credentials, strict=True)]

    return _build(workspace, asset, show, bare=False)


def _build(
    workspace: Workspace,
    asset: AssetRecord,
    show: Callable[[Sequence[Entry]], list[Shown]],
    *,
    bare: bool,
    since: int | None = None,
) -> bytes:
    workspace.projector.sync()
    reader = workspace.reader()
    so_far = reader.history(asset)
    final = final_block(workspace, max(so_far[-1].block_number if so_far else 0, _last_change(workspace)), since)
    block = final.number
    entries = [entry for entry in reader.history(asset) if entry.block_number <= block]  # some came while we waited
    shown = show(entries)
    evidence = Evidence(
        chain_id=workspace.contracts.chain_id,
        asset_type=asset.asset_type,
        subject=asset.subject,
        header=final.header,
        finality=final.finality,
        accounts=_accounts(workspace, asset, shown, block),
        segments=_segments(workspace, asset, shown),
        history=tuple(_history_entry(item, bare=bare) for item in shown),
        issuers=_issuers(workspace, shown),
    )
    return encode_evidence(evidence)


def _last_change(workspace: Workspace) -> int:
    """The last block in which an organisation, key or namespace changed: evidence must not be older than that."""
    with workspace.database.read() as session:
        return session.exec(select(func.max(GovernanceEvent.block_number))).one() or 0


def _show(entry: Entry, credential: ReadCredential, tier: Tier) -> Shown:
    return Shown(entry, credential, visible_names(entry, credential.claims, tier))


def _history_entry(shown: Shown, *, bare: bool) -> HistoryEntry:
    row = shown.entry.row
    meta = Meta(row.kind, row.organisation, row.attested_at, row.version).word
    if bare and not shown.names:
        return HiddenEntry(leaf(row.digest, meta), row.status)
    return OpenEntry(row.digest, meta, row.status, shown.credential.text(shown.names) if shown.names else None)


def _segments(workspace: Workspace, asset: AssetRecord, shown: Sequence[Shown]) -> tuple[Segment, ...]:
    counts = Counter(item.entry.row.log for item in shown)
    return tuple(Segment(log, counts[log]) for log in workspace.contracts.deployment.logs[asset.asset_type])


def _accounts(workspace: Workspace, asset: AssetRecord, shown: Sequence[Shown], block: int) -> tuple[AccountProof, ...]:
    contracts = workspace.contracts
    wanted = {
        log: {head_slot(asset.subject), word_of(SUCCESSOR_SLOT)} for log in contracts.deployment.logs[asset.asset_type]
    }
    consortium = _consortium_slots(workspace, asset, shown, block)
    if consortium:
        wanted[contracts.consortium] = set(consortium)
    return tuple(_account(workspace, address, sorted(slots), block) for address, slots in sorted(wanted.items()))


def _account(workspace: Workspace, address: bytes, slots: Sequence[bytes], block: int) -> AccountProof:
    proofs = workspace.client.proofs(address, slots, block)
    storage = tuple(StorageProof(slot, nodes) for slot, nodes in zip(slots, proofs.storage, strict=True))
    return AccountProof(address, proofs.account, storage)


def _consortium_slots(
    workspace: Workspace, asset: AssetRecord, shown: Sequence[Shown], block: int
) -> tuple[bytes, ...]:
    """Settle who might sign what is shown, and who might register the identifier where it is shown."""
    keys = {(item.entry.organisation, item.credential.key_id) for item in shown if item.names}
    namespaces: tuple[tuple[int, str], ...] = ()
    if shown and "salt" in shown[0].names:
        identifier = str(shown[0].credential.claims["identifier"].value)
        namespaces = parse_identifier(identifier, asset.asset_type).namespaces
    born = shown[0].entry.attested_at if shown else 0
    consortium = workspace.contracts.consortium
    return consortium_slots(keys, namespaces, born, lambda slot: workspace.client.storage(consortium, slot, block))


def _issuers(workspace: Workspace, shown: Sequence[Shown]) -> tuple[IssuerKey, ...]:
    wanted = {(item.entry.organisation, item.credential.key_id) for item in shown if item.names}
    keys = [IssuerKey(organisation, dict(read_key(workspace, thumbprint).jwk)) for organisation, thumbprint in wanted]
    return tuple(sorted(keys, key=issuer_order))
