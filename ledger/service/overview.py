"""How a home stands: chain, contracts, index, outbox, documents and members, each as far as it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import func, select
from sqlmodel import col

from ledger.chain.outbox_questions import counts
from ledger.errors import ConfigurationError, SourceError
from ledger.service.workspace import Workspace
from ledger.store.chain_index import Account, Attestation, Block, Organisation
from ledger.store.document_index import Asset, SourceDocument


@dataclass(frozen=True, slots=True)
class Overview:
    """What ``vinculum status`` shows.

    Attributes:
        chain_url: Where the node answers; None where it does not.
        trouble: Why the chain cannot be asked, or not be followed; empty where it can.
        chain_id: As the node says.
        height: The chain's.
        consortium: Address of the contract, 20 bytes.
        followed: The last block in the index; -1 for none.
        followed_at: Its time, in seconds since 1970.
        counted: Rows by what they are: organisations, assets, attestations, documents.
        outbox: Items by state, over all accounts of this home.
    """

    chain_url: str | None = None
    trouble: str = ""
    chain_id: int | None = None
    height: int | None = None
    consortium: bytes | None = None
    followed: int = -1
    followed_at: int = 0
    counted: Mapping[str, int] = field(default_factory=dict)
    outbox: Mapping[str, int] = field(default_factory=dict)


def overview(workspace: Workspace) -> Overview:
    """Ask everything once; a chain that is away leaves what the index knows."""
    trouble = _follow(workspace)
    tables = {"organisations": Organisation, "assets": Asset, "attestations": Attestation, "documents": SourceDocument}
    with workspace.database.read() as session:
        counted = {
            name: session.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in tables.items()
        }
        block = session.execute(select(Block).order_by(col(Block.number).desc()).limit(1)).scalar()
        states: dict[str, int] = {}
        for (address,) in session.execute(select(col(Account.address))):
            for state, number in counts(session, address).items():
                states[state] = states.get(state, 0) + number
    found = Overview(trouble=trouble, counted=counted, outbox=states)
    if block is not None:
        found = replace(found, followed=block.number, followed_at=block.timestamp)
    return _with_chain(workspace, found)


def _follow(workspace: Workspace) -> str:
    """Bring the index up to the chain, where that answers; say why it cannot be, where it is not the chain's fault."""
    try:
        workspace.projector.sync()
    except ConfigurationError as error:
        return str(error)
    except SourceError:
        pass
    return ""


def _with_chain(workspace: Workspace, found: Overview) -> Overview:
    try:
        client = workspace.client
        asked = replace(found, chain_url=client.rpc.url, chain_id=client.chain_id(), height=client.block_number())
        return replace(asked, consortium=workspace.contracts.consortium)
    except (SourceError, ConfigurationError) as error:
        return replace(found, trouble=str(error))
