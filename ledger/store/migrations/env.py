"""What Alembic runs: always over a connection that ``ledger.store.migrate`` opened."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlmodel.sql.sqltypes import AutoString

from ledger.store.tables import METADATA


def _plain_strings(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    return "sa.String()" if kind == "type" and isinstance(item, AutoString) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    compare_type=True,
    render_as_batch=True,
    render_item=_plain_strings,
)
with context.begin_transaction():
    context.run_migrations()
