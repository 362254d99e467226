"""What a home holds, to show that a refusal left nothing behind: index, store and chain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlmodel import select

from ledger.service.settings import load_settings
from ledger.service.workspace import Workspace
from ledger.store.chain_index import Account
from ledger.store.columns import table_of
from ledger.store.tables import CHAIN_TABLES, DOCUMENT_TABLES, WORK_TABLES

_MOVING = {"block", "merkle_node", "cursor"}


def state_of(home: Path) -> dict[str, Any]:
    """Every row but those of empty blocks, every root in the store, every account's nonce, every log on chain."""
    with Workspace(load_settings(home)) as workspace:
        workspace.projector.sync()
        found: dict[str, Any] = {"roots": {str(root) for root in workspace.documents.roots()}}
        with workspace.database.read() as session:
            for table in (*WORK_TABLES, *CHAIN_TABLES, *DOCUMENT_TABLES):
                name = str(table.__tablename__)
                if name not in _MOVING:
                    found[name] = sorted(map(repr, session.execute(table_of(table).select())))
            accounts = session.exec(select(Account.address)).all()
        found["nonces"] = {account.hex(): workspace.client.nonce(account) for account in accounts}
        addresses = workspace.contracts.deployment.addresses
        tip = workspace.client.block_number()
        found["logs"] = sum(1 for _ in workspace.client.logs(addresses, 0, tip))
    return found
