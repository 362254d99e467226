"""What a CSV mapping file says, once it is checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo

from ledger.event import AssetType, Json

ENCODINGS = ("utf-8", "utf-8-sig", "iso-8859-1", "iso-8859-15", "windows-1252")
TYPES = ("text", "number", "integer", "boolean", "list", "date", "time")


@dataclass(frozen=True, slots=True)
class Cell:
    """Where one value comes from and how it is read.

    Attributes:
        column: Heading; None for a constant.
        constant: The value where there is no column.
        type: One of `TYPES`.
        unit: Unit of every value, where the field has one and no column says it.
        unit_column: Heading of the column with the unit.
        units: Words of that column to units.
        decimal: Decimal mark.
        thousands: Grouping mark that is taken out, or "".
        optional: Whether an empty cell leaves the field out.
        format: ``strptime`` format of dates and times; "" is ISO 8601 / RFC 3339.
        time_zone: Zone of times that carry none; None if they carry one.
        separator: Between the items of a list.
        words: Texts that mean true and false.
    """

    column: str | None = None
    constant: Json = None
    type: str = "text"
    unit: str | None = None
    unit_column: str | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    decimal: str = "."
    thousands: str = ""
    optional: bool = False
    format: str = ""
    time_zone: tzinfo | None = None
    separator: str = ";"
    words: tuple[str, str] = ("true", "false")


@dataclass(frozen=True, slots=True)
class CsvMapping:
    """A checked mapping file.

    Attributes:
        kind: Of every event.
        asset_type: Of every asset.
        identifier: Of the asset.
        occurred_at: When it happened.
        fields: By name.
        document_id: The row's own id, or None.
        issuer: Who issued it, or None.
        delimiter: Between cells.
        encoding: Of the file.
        quote: Around cells.
    """

    kind: str
    asset_type: AssetType
    identifier: Cell
    occurred_at: Cell
    fields: Mapping[str, Cell]
    document_id: Cell | None = None
    issuer: Cell | None = None
    delimiter: str = ","
    encoding: str = "utf-8"
    quote: str = '"'

    def columns(self) -> set[str]:
        """Headings that the file must have."""
        cells = [self.identifier, self.occurred_at, self.document_id, self.issuer, *self.fields.values()]
        named = [name for cell in cells if cell is not None for name in (cell.column, cell.unit_column)]
        return {name for name in named if name is not None}
