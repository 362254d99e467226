"""All tables in one place: importing this module fills the metadata."""

from __future__ import annotations

from ledger.store.chain_index import CHAIN_TABLES
from ledger.store.columns import METADATA, Row
from ledger.store.document_index import DOCUMENT_TABLES
from ledger.store.work import WORK_TABLES

ALL_TABLES: tuple[type[Row], ...] = (*WORK_TABLES, *CHAIN_TABLES, *DOCUMENT_TABLES)

__all__ = ["ALL_TABLES", "CHAIN_TABLES", "DOCUMENT_TABLES", "METADATA", "WORK_TABLES"]
