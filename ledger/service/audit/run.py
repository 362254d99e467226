"""Audit: everything read again, hashed again, opened again, and compared with what the index says.

1. The live index follows the chain to its end; everything is compared as of that block.
2. A second index is made beside it, from the chain alone; the chain's heads are compared with what its events fold to.
3. Every block in the store is hashed again; every credential is verified at its place: signature, key at that time,
   binding, capsule, attached files, and for a birth the subject and the namespace.
4. Both indexes are compared, table by table and row by row.
5. Two subjects of one identifier, and two contents under one id, are searched for.
6. What witnesses signed, and what the outbox holds as final, must be in this chain.

Bounded memory: rows and documents are streamed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text
from sqlmodel import Session

from ledger.chain import projection
from ledger.chain.projector import CURSOR
from ledger.service.audit.chain import check_heads, check_outbox, check_witnesses
from ledger.service.audit.identity import find_equivocations, find_second_subjects
from ledger.service.audit.rebuild import follow_chain, restore_documents, second_index
from ledger.service.audit.report import AuditReport, Difference, Findings, OnProgress, Severity
from ledger.service.audit.tables import compare_tables
from ledger.service.witness import FOLDER
from ledger.service.workspace import Workspace
from ledger.store.database import Database

__all__ = ["AuditReport", "Difference", "Severity", "audit"]


def audit(workspace: Workspace, on_progress: OnProgress | None = None) -> AuditReport:
    """Audit a home; nothing in it is changed, but that its index follows the chain.

    Args:
        workspace: The home. Recording may go on meanwhile: what comes after the block of the audit is left out.
        on_progress: Told what is being checked, and how much of it is done.

    Returns: Every difference by name.

    Raises:
        ConflictError: The index was made from another chain.
        SourceError: Node or database did not deliver. What the store does not deliver is a difference.
    """
    findings = Findings(on_progress)
    workspace.projector.sync()  # 1
    with second_index(workspace) as beside, _snapshot(workspace.database) as live:
        block = projection.cursor(live, CURSOR).number
        follow_chain(workspace, beside, block)  # 2
        with beside.read() as session:
            check_heads(session, workspace.client, findings)
        restore_documents(workspace, beside, findings)  # 3
        with beside.read() as session:
            compare_tables(live, session, findings)  # 4
            find_second_subjects(session, findings)  # 5
            find_equivocations(session, findings)
            check_witnesses(session, workspace.home / FOLDER, workspace.contracts, block, findings)  # 6
            check_outbox(live, session, block, findings)
    return findings.report(block)


@contextmanager
def _snapshot(database: Database) -> Iterator[Session]:
    """One view of the live index for the whole audit, whatever others write meanwhile."""
    with database.read() as session:
        if database.name == "postgresql":
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        session.execute(text("SELECT count(*) FROM cursor"))
        yield session
