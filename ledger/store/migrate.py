"""Brings a database to the newest schema; run at every start, by whoever comes first."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from ledger.errors import ConfigurationError

_ADVISORY_LOCK = 0x76696E63  # any number, the same in every program that migrates this schema


def migrate(engine: Engine) -> None:
    """Apply the missing migrations in one transaction.

    Two programs may start at once: one migrates, the other waits and finds nothing to do.
    A crash leaves the old schema. SQLite and PostgreSQL both roll schema changes back.

    Raises:
        ConfigurationError: The database was written by a newer program.
    """
    with engine.execution_options(vinculum_writes=True).begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        _refuse_unknown(connection)
        command.upgrade(configuration(connection), "head")


def configuration(connection: Connection) -> Config:
    """Return Alembic's settings over an open connection; there is no ini file."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def _refuse_unknown(connection: Connection) -> None:
    if not connection.dialect.has_table(connection, "alembic_version"):
        return
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    known = {script.revision for script in ScriptDirectory.from_config(configuration(connection)).walk_revisions()}
    if found is not None and found not in known:
        raise ConfigurationError(f"the database has schema {found}, which this version does not know: update Vinculum")
