"""Column types that mean the same in SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Integer, LargeBinary, MetaData, Table
from sqlmodel import Field, SQLModel

BIG_KEY = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only in an INTEGER key
METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)


class Row(SQLModel):
    """Base of every table; one set of names for all constraints, so that migrations can name them."""

    metadata = METADATA


def octets(length: int | None = None, **options: Any) -> Any:
    """Bytes kept as they are; ``length`` is for the reader, where it is fixed."""
    return Field(sa_type=LargeBinary(length), **options)


def big(**options: Any) -> Any:
    """An integer of up to 63 bits: seconds since the epoch, block numbers, organisations."""
    return Field(sa_type=BigInteger, **options)


def table_of(model: type[Row]) -> Table:
    """Return the plain table of a model: bulk statements over it keep the order of rows, and are quick."""
    return METADATA.tables[str(model.__tablename__)]
