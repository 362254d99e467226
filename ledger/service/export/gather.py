"""What an export holds besides evidence, gathered from index, node and store: proven state, and the history of keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlmodel import col, select

from ipfs.cid import cid_from_digest
from ledger.credential.jose import parse_jwk
from ledger.errors import MalformedError, MissingError
from ledger.event import Json
from ledger.proof.evidence import IssuerKey as IssuerJwk
from ledger.proof.evidence import issuer_order
from ledger.proof.evidence_fields import encode_hexadecimal
from ledger.proof.evidence_finality import finality_value
from ledger.proof.slots import namespace_element_slot, namespace_slot
from ledger.proof.subject import namespace_id
from ledger.service.export.history import KEY_EVENTS, NAMESPACE_EVENT, ORGANISATION_EVENTS, HistoryEvent
from ledger.service.export.state import Namespace, namespaces_of
from ledger.service.export.state_file import encode_state, wanted_slots
from ledger.service.finality import FinalBlock
from ledger.service.members import encode_profile
from ledger.service.workspace import Workspace
from ledger.store.chain_index import GovernanceEvent, IssuerKey
from ledger.strict_json import parse_json
from light_node.verdict import Account

ITEMS_PER_FILE = 500
"""Each needs one to a few proofs of some kilobytes; a file has at most 4096 of them and 32 MiB."""

_NAMES = (*KEY_EVENTS, *ORGANISATION_EVENTS, NAMESPACE_EVENT)


@dataclass(frozen=True, slots=True)
class _Items:
    keys: list[tuple[int, bytes, dict[str, str]]]
    organisations: list[int]
    namespaces: list[Namespace]

    @property
    def longest(self) -> int:
        return max(len(self.keys), len(self.organisations), len(self.namespaces))

    def part(self, start: int, end: int) -> _Items:
        return _Items(self.keys[start:end], self.organisations[start:end], self.namespaces[start:end])


class Needed:
    """Which organisations, keys and namespaces the evidence of an export speaks of."""

    def __init__(self, exporter: int) -> None:
        self.organisations = {exporter}
        self.namespaces: set[Namespace] = set()

    def add(self, account: Account) -> None:
        """Add one asset."""
        self.organisations.add(account.registered_by)
        self.organisations.update(event.organisation for event in account.events if event.organisation is not None)
        self.namespaces.update(namespaces_of(account))


def state_files(workspace: Workspace, needed: Needed, final: FinalBlock) -> Iterator[bytes]:
    """Prove organisations, keys and namespaces at a final block, some hundred a file.

    Raises: SourceError, where node or store do not deliver.
    """
    everything = _Items(
        list(_keys(workspace, needed.organisations)), sorted(needed.organisations), sorted(needed.namespaces)
    )
    for start in range(0, everything.longest, ITEMS_PER_FILE):
        yield _state_file(workspace, final, everything.part(start, start + ITEMS_PER_FILE))


def _state_file(workspace: Workspace, final: FinalBlock, items: _Items) -> bytes:
    slots = wanted_slots(((number, thumbprint) for number, thumbprint, _ in items.keys), items.organisations)
    slots |= set(_namespace_slots(workspace, items.namespaces, final.number))
    shared: dict[str, Json] = {
        "chain_id": workspace.contracts.chain_id,
        "header": encode_hexadecimal(final.header),
        "finality": finality_value(final.finality),
        "accounts": [_account(workspace, sorted(slots), final.number)],
    }
    issuers = sorted(((number, jwk) for number, _, jwk in items.keys), key=lambda one: issuer_order(IssuerJwk(*one)))
    organisations = [(number, _profile(workspace, number)) for number in items.organisations]
    return encode_state(shared, issuers, organisations, items.namespaces)


def _account(workspace: Workspace, slots: Sequence[bytes], block: int) -> dict[str, Json]:
    proofs = workspace.client.proofs(workspace.contracts.consortium, slots, block)
    storage: list[Json] = [
        {"slot": encode_hexadecimal(slot), "nodes": [encode_hexadecimal(node) for node in nodes]}
        for slot, nodes in zip(slots, proofs.storage, strict=True)
    ]
    nodes: list[Json] = [encode_hexadecimal(node) for node in proofs.account]
    return {"address": encode_hexadecimal(workspace.contracts.consortium), "nodes": nodes, "storage": storage}


def _keys(workspace: Workspace, organisations: Iterable[int]) -> Iterator[tuple[int, bytes, dict[str, str]]]:
    """Every key of the organisations whose document is at hand; one without is in the history alone."""
    for number in sorted(organisations):
        with workspace.database.read() as session:
            question = select(IssuerKey.thumbprint).where(IssuerKey.organisation == number)
            thumbprints = session.exec(question.order_by(col(IssuerKey.thumbprint))).all()
        for thumbprint in thumbprints:
            jwk = _jwk(workspace, thumbprint)
            if jwk is not None:
                yield number, thumbprint, jwk


def _jwk(workspace: Workspace, thumbprint: bytes) -> dict[str, str] | None:
    try:
        return dict(parse_jwk(parse_json(workspace.documents.get(cid_from_digest(thumbprint)), what="JWK")).jwk)
    except (MissingError, MalformedError):
        return None


def _profile(workspace: Workspace, organisation: int) -> str | None:
    try:
        return encode_profile(workspace.reader().profile(organisation)).decode()
    except (MissingError, MalformedError):
        return None


def _namespace_slots(workspace: Workspace, namespaces: Iterable[Namespace], block: int) -> Iterator[bytes]:
    """The slots of every grant there is at that block; their number is asked of the node, as the proof will say it."""
    client, consortium = workspace.client, workspace.contracts.consortium
    for scheme, prefix in namespaces:
        name = namespace_id(scheme, prefix)
        slot = namespace_slot(name)
        yield slot
        count = int(client.rpc.read("eth_getStorageAt", f"0x{consortium.hex()}", f"0x{slot.hex()}", hex(block)), 16)
        yield from (namespace_element_slot(name, position) for position in range(count))


def history_events(workspace: Workspace, needed: Needed, block: int) -> list[HistoryEvent]:
    """The consortium's events about these organisations and namespaces, up to a block."""
    namespaces = {encode_hexadecimal(namespace_id(*name)) for name in needed.namespaces}
    with workspace.database.read() as session:
        question = (
            select(GovernanceEvent)
            .where(
                GovernanceEvent.contract == workspace.contracts.consortium,
                col(GovernanceEvent.name).in_(_NAMES),
                GovernanceEvent.block_number <= block,
            )
            .order_by(col(GovernanceEvent.block_number), col(GovernanceEvent.log_index))
        )
        return [
            HistoryEvent(
                row.block_number, row.log_index, row.at, row.name, row.arguments, f"0x{row.transaction_hash.hex()}"
            )
            for row in session.exec(question)
            if _concerns(row, needed.organisations, namespaces)
        ]


def _concerns(row: GovernanceEvent, organisations: set[int], namespaces: set[str]) -> bool:
    if row.name == NAMESPACE_EVENT:
        return row.arguments["namespace"] in namespaces
    return row.arguments["organisation"] in organisations
