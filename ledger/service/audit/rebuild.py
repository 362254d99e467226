"""Make the index anew from the chain, the store and this home's keys: SQL is disposable.

The outbox is not part of it: it is work under way, and is never thrown away. The new index is made beside the live
one, and takes its place in one transaction: a crash leaves the old one or the new one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import delete, insert, select
from sqlmodel import Session

from ledger.chain import projection
from ledger.chain.blocks import cut_blocks
from ledger.chain.outbox import account_lock
from ledger.chain.projector import CURSOR, Projector
from ledger.errors import ConflictError
from ledger.service.audit.batches import BatchWalk
from ledger.service.audit.contents import ContentWalk, Home
from ledger.service.audit.keys import CapsuleKeys, IssuerKeys
from ledger.service.audit.report import Findings, OnProgress
from ledger.service.members import RECIPIENT, recipient_key
from ledger.service.workspace import Workspace
from ledger.store.chain_index import (
    Account,
    Attestation,
    Block,
    Cursor,
    GovernanceEvent,
    Head,
    IssuerKey,
    MerkleNode,
    Namespace,
    Organisation,
)
from ledger.store.columns import Row, table_of
from ledger.store.database import Database, open_database
from ledger.store.document_index import (
    Asset,
    AssetAlias,
    Credential,
    Grant,
    GrantedCapsule,
    SourceDocument,
    SourceEvent,
)
from ledger.store.locks import exclusive

_PART = 1000
_ORDER: tuple[type[Row], ...] = (
    Block,
    MerkleNode,
    Cursor,
    Attestation,
    Head,
    GovernanceEvent,
    Organisation,
    Account,
    IssuerKey,
    Namespace,
    Credential,
    Asset,
    AssetAlias,
    Grant,
    GrantedCapsule,
    SourceDocument,
    SourceEvent,
)
"""What an index consists of, in the order in which rows refer to each other."""
_LOST = frozenset({"batch-damaged", "block-damaged", "grant-damaged", "document-missing", "capsule", "key-false"})
"""Differences by which a document of this home does not tell any more what it told."""


def rebuild(
    workspace: Workspace, on_progress: OnProgress | None = None, *, despite_damage: bool = False
) -> Mapping[str, int]:
    """Replace the index by one that is made anew.

    What no document tells is empty afterwards: the list of documents taken in (the same bytes are read again once,
    and their events are recognised), and events whose capsules no key of this home opens.

    Args:
        workspace: The home; its members' accounts are locked meanwhile, so that nobody records in it.
        on_progress: Told what is being read, and how much of it is done.
        despite_damage: Go on where documents are missing from the store or damaged, and do without what they told.

    Returns: How many rows each table has now.

    Raises:
        ConflictError: Another rebuild or a recorder is at work, or the store is damaged: what it lost, such as the
            salt of a subject, may stand in the live index alone. The index is as it was.
        SourceError: Node, store or database did not deliver; the index is as it was.
    """
    findings = Findings(on_progress)
    with ExitStack() as stack:
        for name in ("rebuild", *_account_locks(workspace)):
            stack.enter_context(exclusive(workspace.database, name))
        beside = stack.enter_context(second_index(workspace))
        follow_chain(workspace, beside)
        restore_documents(workspace, beside, findings)
        if not despite_damage:
            _check_store(findings)
        with workspace.database.write() as session, beside.read() as source:
            for model in reversed(_ORDER):
                session.execute(delete(table_of(model)))
            return {str(model.__tablename__): _copy(source, session, model) for model in _ORDER}


def _account_locks(workspace: Workspace) -> list[str]:
    return [account_lock(workspace.keyring.address(name)) for name in workspace.member_names()]


def _check_store(findings: Findings) -> None:
    """Refuse to throw away the index where the store lost what it was made from.

    Raises: ConflictError.
    """
    lost = findings.first(_LOST)
    if lost is not None:
        raise ConflictError(
            f"the store is damaged, and only the index as it is may know what was lost: {lost.place}: {lost.message}"
        )


@contextmanager
def second_index(workspace: Workspace) -> Iterator[Database]:
    """An empty index in a folder of its own inside the home, which is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="audit-", dir=workspace.home) as folder:
        beside = open_database(f"sqlite:///{Path(folder) / 'index.db'}")
        try:
            yield beside
        finally:
            beside.close()


def follow_chain(workspace: Workspace, beside: Database, block: int | None = None) -> None:
    """Fill the second index from the chain, up to a block that the live index has reached, or to the chain's end.

    Raises: ConflictError, where the chain does not reach that block (any more).
    """
    Projector(beside, workspace.client, workspace.contracts.deployment).sync()
    if block is None:
        return
    with beside.write() as session:
        position = projection.block_hashes(session, block, block).get(block)
        if position is None:
            raise ConflictError(f"the chain ends before block {block}, which the index has: blocks were lost")
        projection.forget_after(session, block)
        cut_blocks(session, block + 1)
        projection.move_cursor(session, CURSOR, projection.Position(block, position))


def restore_documents(workspace: Workspace, beside: Database, findings: Findings) -> None:
    """Fill the rest of the second index from the store, as far as this home's keys open it; check all of it."""
    home = Home(workspace.database, beside, workspace.documents, workspace.contracts, _organisations(workspace))
    BatchWalk(workspace.documents, workspace.database, beside, findings).run()
    unlocked = workspace.keyring.unlock_all(workspace.member_names())
    private = [recipient_key(one.secrets) for one in unlocked if RECIPIENT in one.secrets]
    issuers = IssuerKeys(workspace.documents)
    ContentWalk(home, issuers, CapsuleKeys(issuers, private), findings).run()


def _organisations(workspace: Workspace) -> frozenset[int]:
    """Numbers of the organisations whose keys lie in this home."""
    return frozenset(workspace.enrolled().values())


def _copy(source: Session, target: Session, model: type[Row]) -> int:
    table, copied = table_of(model), 0
    rows = source.connection().execute(select(table).execution_options(yield_per=_PART))
    for part in rows.mappings().partitions():
        values: list[dict[str, Any]] = [dict(row) for row in part]
        target.execute(insert(table), values)
        copied += len(values)
    return copied
