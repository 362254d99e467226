"""CSV with a mapping file: every column explained, every row answered, nothing held in memory."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator
from typing import BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import DocumentError
from ledger.intake.csv_map import MAX_MAPPING_BYTES, CsvMapping, parse_mapping
from ledger.intake.csv_rows import MAX_LINE_BYTES, RowResult, harmless, parse_csv, write_results
from ledger.intake.measures import to_unit_of_name, unit_of_name
from tests.ledger.intake.conftest import AS_OF, EXAMPLES

VIN = "VCU4EZ7R9K1004176"
MAP = """
version = 1
kind = "vehicle.serviced"
asset_type = "vehicle"
identifier = { column = "VIN" }
id = { column = "Job" }
issuer = { constant = "shop" }
occurred_at = { column = "When", format = "%d/%m/%Y %H:%M", time_zone = "Europe/London" }
[fields.odometer_km]
column = "Miles"
type = "number"
unit = "mi"
thousands = ","
[fields.work]
column = "Work"
type = "list"
[fields.warranty]
column = "Warranty"
type = "boolean"
true = "Y"
false = "N"
optional = true
"""
HEAD = "Job,VIN,When,Miles,Work,Warranty\n"


def mapping(text: str = MAP) -> CsvMapping:
    return parse_mapping(text.encode())


def rows(body: str | bytes, text: str = MAP) -> list[RowResult]:
    data = body if isinstance(body, bytes) else (HEAD + body).encode()
    return list(parse_csv(io.BytesIO(data), mapping(text), as_of=AS_OF))


def codes(result: RowResult) -> dict[str, str]:
    return {fault.pointer: fault.code for fault in result.faults if fault.severity == "error"}


def test_a_row_becomes_an_event() -> None:
    (result,) = rows(f'J1,{VIN},01/07/2022 14:20,"25,700",oil; filter,Y\n')
    event = result.event
    assert event is not None
    assert (event.kind, event.asset.identifier, event.document_id) == ("vehicle.serviced", VIN, "J1")
    assert event.occurred_at.isoformat() == "2022-07-01T13:20:00+00:00"
    assert event.fields == {"odometer_km": 41360.141, "work": ["oil", "filter"], "warranty": True}
    assert (event.issuer_hint, event.source_pointer) == ("shop", "/1")


def test_empty_optional_cells_leave_the_field_out() -> None:
    event = rows(f"J1,{VIN},01/07/2022 14:20,100,oil,\n")[0].event
    assert event is not None
    assert "warranty" not in event.fields


@pytest.mark.parametrize(
    ("row", "pointer", "code"),
    [
        (f"J1,{VIN},01/07/2022 14:20,100,oil", "/1", "wrong-width"),
        ("J1,x,01/07/2022 14:20,100,oil,", "/1/VIN", "bad-identifier"),
        ("J1,,01/07/2022 14:20,100,oil,", "/1/VIN", "missing"),
        (f"J1,{VIN},2022-07-01,100,oil,", "/1/When", "bad-format"),
        (f"J1,{VIN},30/10/2022 01:30,100,oil,", "/1/When", "ambiguous-time"),
        (f"J1,{VIN},27/03/2022 01:30,100,oil,", "/1/When", "ambiguous-time"),
        (f"J1,{VIN},01/07/2027 14:20,100,oil,", "/1", "in-future"),
        (f"J1,{VIN},01/07/2022 14:20,,oil,", "/1/Miles", "missing"),
        (f"J1,{VIN},01/07/2022 14:20,1e3,oil,", "/1/Miles", "wrong-type"),
        (f"J1,{VIN},01/07/2022 14:20,-5,oil,", "/1/odometer_km", "out-of-range"),
        (f"J1,{VIN},01/07/2022 14:20,\u0661,oil,", "/1/Miles", "wrong-type"),
        (f"J1,{VIN},01/07/2022 14:20,9999999999999999,oil,", "/1/Miles", "wrong-type"),
        (f"J1,{VIN},01/07/2022 14:20,100,oil,maybe", "/1/Warranty", "wrong-type"),
    ],
)
def test_faults_point_to_row_and_column(row: str, pointer: str, code: str) -> None:
    (result,) = rows(row + "\n")
    assert result.event is None
    assert codes(result) == {pointer: code}


def test_a_refused_row_does_not_stop_the_next() -> None:
    good = f"J2,{VIN},01/07/2022 14:20,100,oil,\n"
    found = rows("J1,x,y,z,,\n" + good)
    assert [result.event is not None for result in found] == [False, True]
    assert len(found[0].faults) == 4


def test_odometers_across_rows_in_any_order() -> None:
    body = "".join(
        f"J{number},{VIN},{when} 10:00,{miles},oil,\n"
        for number, (when, miles) in enumerate(
            [("01/07/2022", 100), ("01/07/2021", 50), ("01/01/2022", 120), ("01/01/2023", 90)]
        )
    )
    found = rows(body)
    assert [codes(result) for result in found] == [
        {},
        {},
        {"/3": "backwards-odometer"},
        {"/4": "backwards-odometer"},
    ]


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        (HEAD.encode() + b"J1,\xff,x,1,y,\n", "/1"),
        (HEAD.encode() + b'J1,"' + b"x" * MAX_LINE_BYTES + b'",x,1,y,\n', "/1"),
        (HEAD.encode() + b'"J1,unclosed\n', "/1"),
        (HEAD.encode() + b"J1,\x00,x,1,y,\n", "/1"),
        (HEAD.encode() + b'"J1"x,a,b,c,d,e\n', "/1"),
    ],
)
def test_what_cannot_be_cut_into_cells_ends_the_file(data: bytes, pointer: str) -> None:
    found = rows(data + f"J2,{VIN},01/07/2022 14:20,100,oil,\n".encode())
    assert codes(found[-1]) == {pointer: "malformed"}
    assert len(found) == 1


@pytest.mark.parametrize(
    ("heading", "pointer", "code"),
    [
        (b"", "/0", "missing"),
        (b"Job,VIN,When,Miles,Work\n", "/0/Warranty", "missing"),
        (b"Job,VIN,VIN,When,Miles,Work,Warranty\n", "/0/VIN", "duplicate-name"),
        (b"\xff\n", "/0", "malformed"),
    ],
)
def test_the_heading_must_fit_the_mapping(heading: bytes, pointer: str, code: str) -> None:
    with pytest.raises(DocumentError) as caught:
        rows(heading)
    assert {fault.pointer: fault.code for fault in caught.value.faults} == {pointer: code}


def test_a_byte_order_mark_is_no_part_of_the_heading() -> None:
    assert rows(b"\xef\xbb\xbf" + HEAD.encode()) == []


def test_decimal_commas_and_unit_columns() -> None:
    text = MAP.replace(
        'unit = "mi"\nthousands = ","', 'decimal = ","\nthousands = "."\nunit_column = "Work"\nunits = { k = "km" }'
    )
    found = rows(f'J1,{VIN},01/07/2022 14:20,"41.360,5",k,\nJ2,{VIN},01/07/2022 14:20,1,furlong,\n', text)
    assert found[0].event is not None
    assert found[0].event.fields["odometer_km"] == 41360.5
    assert codes(found[1]) == {"/2/Miles": "unknown-unit"}


def test_times_that_carry_their_zone_and_times_that_do_not() -> None:
    bare = MAP.replace(', format = "%d/%m/%Y %H:%M", time_zone = "Europe/London"', "")
    good = rows(f"J1,{VIN},2022-07-01T14:20:00+02:00,100,oil,\n", bare)[0].event
    assert good is not None
    assert good.occurred_at.hour == 12
    assert codes(rows(f"J1,{VIN},2022-07-01T14:20:00,100,oil,\n", bare)[0]) == {"/1/When": "no-time-zone"}
    formed = MAP.replace(', time_zone = "Europe/London"', "")
    assert codes(rows(f"J1,{VIN},01/07/2022 14:20,100,oil,\n", formed)[0]) == {"/1/When": "no-time-zone"}


@pytest.mark.parametrize(
    ("old", "new", "pointer", "code"),
    [
        ("version = 1", "version = 2", "/version", "unknown-version"),
        ("version = 1", "version = 1\nguess = true", "/guess", "unknown-field"),
        ("version = 1", 'version = 1\nencoding = "utf-16"', "/encoding", "bad-value"),
        ("version = 1", 'version = 1\ndelimiter = "\\t\\t"', "/delimiter", "bad-value"),
        ('kind = "vehicle.serviced"', "", "/kind", "missing"),
        ('asset_type = "vehicle"', 'asset_type = "boat"', "/asset_type", "bad-value"),
        ('identifier = { column = "VIN" }', "", "/identifier", "missing"),
        ('identifier = { column = "VIN" }', 'identifier = "VIN"', "/identifier", "wrong-type"),
        ('{ column = "Job" }', '{ column = "Job", constant = "1" }', "/id", "missing"),
        ("Europe/London", "Atlantis", "/occurred_at/time_zone", "bad-value"),
        ("Europe/London", "../../etc/passwd", "/occurred_at/time_zone", "bad-value"),
        ('unit = "mi"\n', "", "/fields/odometer_km", "unknown-unit"),
        ('unit = "mi"', 'unit = "furlong"', "/fields/odometer_km/unit", "unknown-unit"),
        ('unit = "mi"', 'unit_column = "x"\nunits = { a = "b" }', "/fields/odometer_km/units", "unknown-unit"),
        ('type = "number"', 'type = "text"', "/fields/odometer_km/type", "wrong-type"),
        ('type = "list"', 'type = "heap"', "/fields/work/type", "bad-value"),
        ('type = "list"', 'type = "list"\nguess = 1', "/fields/work/guess", "unknown-field"),
        ('column = "Work"', "column = 7", "/fields/work/column", "wrong-type"),
    ],
)
def test_a_mapping_is_checked_before_any_row(old: str, new: str, pointer: str, code: str) -> None:
    with pytest.raises(DocumentError) as caught:
        mapping(MAP.replace(old, new, 1))
    assert {fault.pointer: fault.code for fault in caught.value.faults}[pointer] == code


@pytest.mark.parametrize("data", [b"\xff", b"= 1", b"x" * (MAX_MAPPING_BYTES + 1), b"a = " + b"[" * 5000])
def test_what_is_no_toml_is_refused(data: bytes) -> None:
    with pytest.raises(DocumentError):
        parse_mapping(data)


def test_an_unknown_kind_is_refused_before_any_row() -> None:
    with pytest.raises(DocumentError, match="unknown-kind"):
        rows("", MAP.replace("vehicle.serviced", "vehicle.flown"))


@given(st.binary(max_size=400))
def test_any_bytes_give_results_or_a_refusal(data: bytes) -> None:
    for body in (data, HEAD.encode() + data):
        try:
            for result in parse_csv(io.BytesIO(body), mapping(), as_of=AS_OF):
                assert (result.event is None) == bool(codes(result))
        except DocumentError as error:
            refused = error.faults
            assert refused


def test_the_example() -> None:
    found_map = parse_mapping((EXAMPLES / "csv/map.toml").read_bytes())
    with (EXAMPLES / "csv/services.csv").open("rb") as stream:
        found = list(parse_csv(stream, found_map, as_of=AS_OF))
    assert sum(result.event is not None for result in found) == len(found) == 7


NMVTIS = """
version = 1
kind = "vehicle.title_event"
asset_type = "vehicle"
identifier = { column = "VIN" }
occurred_at = { column = "Title date", format = "%m/%d/%Y", time_zone = "America/Chicago" }
[fields.title_state]
column = "State"
[fields.title_date]
column = "Title date"
type = "date"
format = "%m/%d/%Y"
[fields.odometer_km]
column = "Odometer (mi)"
type = "integer"
unit = "mi"
[fields.brand]
column = "Brand"
optional = true
"""


def test_title_records_in_the_manner_of_nmvtis() -> None:
    body = b"VIN,State,Title date,Odometer (mi),Brand\n1M8GDM9AXKP042788,TX,05/17/2021,80000,Flood\n"
    event = rows(body, NMVTIS)[0].event
    assert event is not None
    assert event.fields == {"title_state": "TX", "title_date": "2021-05-17", "odometer_km": 128747.52, "brand": "Flood"}


def test_results_are_safe_in_a_spreadsheet() -> None:
    sink = io.StringIO()
    found = [*rows(f"J1,{VIN},01/07/2022 14:20,100,oil,\n"), *rows("J1,=1+1,x,100,oil,\n")]
    assert write_results(found, sink) == (1, 1)
    lines = sink.getvalue().splitlines()
    assert lines[0] == "row,outcome,kind,identifier,faults"
    assert lines[1].startswith(f"1,accepted,vehicle.serviced,{VIN},")
    assert lines[2].startswith("1,refused,,,")
    for text in ("=1+1", "+1", "-1", "@x", "\tx", "\rx"):
        assert harmless(text) == f"'{text}"
    assert harmless("1-1") == "1-1"


def test_units_in_names() -> None:
    assert unit_of_name("odometer_km") == "km"
    assert unit_of_name("km") is None
    assert unit_of_name("work") is None
    assert to_unit_of_name(212, "fahrenheit", "temperature_celsius") == 100
    with pytest.raises(ValueError, match="measures"):
        to_unit_of_name(1, "kg", "odometer_km")


class _Endless(io.RawIOBase):
    """Rows as they come from a disk: never all in memory."""

    def __init__(self, count: int) -> None:
        self._lines: Iterator[bytes] = iter([HEAD.encode()] + [f"J,{VIN},01/07/2022 14:20,100,oil,\n".encode()] * count)

    def readline(self, size: int | None = -1, /) -> bytes:
        return next(self._lines, b"")


def test_rows_stream_in_bounded_memory() -> None:
    text = MAP.replace("[fields.odometer_km]", "[fields.distance]").replace('unit = "mi"\n', "")
    text = text.replace('kind = "vehicle.serviced"', 'kind = "any.observation"').replace(
        "[fields.work]", "[fields.description]"
    )
    stream = _Endless(20_000)
    tracemalloc.start()
    source = cast(BinaryIO, stream)
    count = sum(1 for _ in parse_csv(source, mapping(text), as_of=AS_OF))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 20_000
    assert peak < 4 * 1024 * 1024
