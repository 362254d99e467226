"""Write the next migration from the models: ``python -m ledger.store.migrations.generate NUMBER "what it does"``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import sqlalchemy
from alembic import command

from ledger.store.migrate import configuration


def main(number: str, message: str) -> None:
    """Compare a fresh, migrated SQLite database with the models."""
    with tempfile.TemporaryDirectory() as folder:
        engine = sqlalchemy.create_engine(f"sqlite:///{Path(folder) / 'empty'}")
        with engine.connect() as connection:
            config = configuration(connection)
            config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
            command.upgrade(config, "head")
            command.revision(config, message, autogenerate=True, rev_id=number)


if __name__ == "__main__":
    main(*sys.argv[1:])
