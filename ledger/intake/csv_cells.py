"""Cells of a CSV row to values, as the mapping says; what does not fit it is a fault, never a guess."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta

from ledger.event import Json
from ledger.intake.csv_types import Cell
from ledger.intake.faults import Faults, pointer_to
from ledger.intake.measures import to_unit_of_name
from ledger.intake.times import parse_date, parse_timestamp

MAX_DIGITS = 15


def read_cell(cell: Cell, name: str, row: Mapping[str, str], place: str, faults: Faults) -> Json:
    """Read one cell.

    Args:
        cell: What the mapping says.
        name: The field; its unit is what numbers are converted into.
        row: Untrusted cells by heading.
        place: JSON Pointer of the row.
        faults: Receives what is wrong.

    Returns:
        The value, or None: with a fault, or without where the cell may be empty.
    """
    if cell.column is None:
        return cell.constant
    text, at = row[cell.column].strip(), pointer_to(place, cell.column)
    if not text:
        if not cell.optional:
            faults.error(at, "missing", "the cell is empty")
        return None
    try:
        value = _READERS[cell.type](text, cell)
        return value if not isinstance(value, float) else _in_unit(value, cell, name, row)
    except _CellError as error:
        faults.error(at, error.code, error.message)
        return None


class _CellError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def _in_unit(value: float, cell: Cell, name: str, row: Mapping[str, str]) -> Json:
    unit = cell.unit
    if cell.unit_column is not None:
        word = row[cell.unit_column].strip()
        unit = cell.units.get(word)
        if unit is None:
            raise _CellError("unknown-unit", f"the unit {word[:20]!r} is not in the mapping")
    try:
        converted = value if unit is None else to_unit_of_name(value, unit, name)
    except ValueError as error:
        raise _CellError("unknown-unit", str(error)) from None
    return int(converted) if converted.is_integer() else converted


def _number(text: str, cell: Cell) -> Json:
    plain = text.replace(cell.thousands, "") if cell.thousands else text
    if cell.decimal != ".":
        if "." in plain:
            raise _CellError("bad-format", f"a point, but the decimal mark is {cell.decimal!r}")
        plain = plain.replace(cell.decimal, ".")
    body = plain.removeprefix("-")
    whole, point, fraction = body.partition(".")
    digits = whole + fraction
    if not (digits.isascii() and digits.isdigit()) or not whole or (point and not fraction) or len(digits) > MAX_DIGITS:
        raise _CellError("wrong-type", f"a number of at most {MAX_DIGITS} digits is needed")
    return float(plain)


def _integer(text: str, cell: Cell) -> Json:
    value = _number(text, cell)
    if not isinstance(value, float) or not value.is_integer():
        raise _CellError("wrong-type", "a whole number is needed")
    return value


def _boolean(text: str, cell: Cell) -> Json:
    if text not in cell.words:
        raise _CellError("wrong-type", f"{cell.words[0]} or {cell.words[1]} is needed")
    return text == cell.words[0]


def _list(text: str, cell: Cell) -> Json:
    return [item.strip() for item in text.split(cell.separator) if item.strip()]


def _date(text: str, cell: Cell) -> Json:
    day = parse_date(text) if not cell.format else _formatted(text, cell.format).date()
    if not isinstance(day, date):
        raise _CellError("bad-format", "a calendar date such as 2026-07-22 is needed; or give the mapping a format")
    return day.isoformat()


def _time(text: str, cell: Cell) -> Json:
    if not cell.format:
        found = parse_timestamp(text)
        if isinstance(found, datetime):
            return _written(found)
        if found != "no-time-zone" or cell.time_zone is None:
            raise _CellError(found, "an RFC 3339 date-time with a zone is needed, or a format in the mapping")
        local = datetime.fromisoformat(text.upper())
    else:
        local = _formatted(text, cell.format)
    if local.tzinfo is not None:
        return _written(local.astimezone(UTC))
    if cell.time_zone is None:
        raise _CellError("no-time-zone", "this time has no zone: give the mapping a time_zone")
    return _written(_placed(local, cell))


def _written(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _formatted(text: str, form: str) -> datetime:
    try:
        return datetime.strptime(text, form)  # noqa: DTZ007  the zone is the mapping's
    except ValueError:
        raise _CellError("bad-format", f"not in the mapping's format {form!r}") from None


def _placed(local: datetime, cell: Cell) -> datetime:
    """Put a local time into its zone; refuse one that the clock shows twice or never."""
    first, second = (local.replace(tzinfo=cell.time_zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if abs(second - first) > timedelta(0):
        raise _CellError("ambiguous-time", "the clock shows this time twice or never on that day in that zone")
    return first


_READERS: dict[str, Callable[[str, Cell], Json]] = {
    "text": lambda text, _: text,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "list": _list,
    "date": _date,
    "time": _time,
}
