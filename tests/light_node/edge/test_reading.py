"""The leaf: one encoding, everything else refused; the value is kept, or said to be unreadable."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import MalformedError
from ledger.strict_json import MAX_INTEGER, canonical_json, parse_json
from light_node.edge.reading import GOOD, MAX_LEAF_BYTES, Flag, Reading, encode_reading, parse_reading, readable

NOW_US = 1_790_000_000_000_000
ODOMETER = Reading("odometer", 15021, "km", NOW_US, "can0/cluster")
LEAF = (
    b'{"quality":[],"quantity":"odometer","sensor":"can0/cluster","taken_at_us":1790000000000000,'
    b'"unit":"km","value":15021}'
)

values = st.one_of(st.integers(-MAX_INTEGER, MAX_INTEGER), st.floats(), st.text(max_size=300), st.none(), st.integers())
readings = st.builds(
    Reading,
    st.from_regex(r"[a-z][a-z0-9_]{0,63}", fullmatch=True),
    values,
    st.from_regex(r"[a-z][a-z0-9_]{0,63}", fullmatch=True),
    st.integers(0, MAX_INTEGER),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp", "Cn")), min_size=1, max_size=128),
)
qualities = st.sets(st.sampled_from(Flag)).map(lambda flags: tuple(sorted(flags)))


def test_the_leaf_is_as_documented() -> None:
    assert encode_reading(ODOMETER, GOOD) == LEAF
    assert parse_reading(LEAF) == (ODOMETER, GOOD)


@given(readings, qualities)
def test_every_leaf_is_canonical_and_read_again(reading: Reading, quality: tuple[Flag, ...]) -> None:
    leaf = encode_reading(reading, quality)
    assert canonical_json(parse_json(leaf)) == leaf
    assert len(leaf) <= MAX_LEAF_BYTES
    assert b"\n" not in leaf
    again, flags = parse_reading(leaf)
    assert flags == quality
    assert again == reading if readable(reading.value) else again == reading._replace(value=None)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None, 2**53, -(2**60), 1e17, "", "x" * 257, "a\nb"])
def test_a_value_that_cannot_be_written_is_null(value: float | str | None) -> None:
    assert not readable(value)
    assert encode_reading(ODOMETER._replace(value=value), GOOD).endswith(b'"value":null}')


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("quantity", "Odometer"),
        ("quantity", ""),
        ("quantity", "a" * 65),
        ("quantity", "odo meter"),
        ("unit", "KM"),
        ("unit", 'km"'),
        ("sensor", ""),
        ("sensor", "a" * 129),
        ("sensor", "a\x00b"),
        ("sensor", "\ud800"),
        ("taken_at_us", -1),
        ("taken_at_us", 2**53),
        ("taken_at_us", 1.5),
        ("taken_at_us", True),
    ],
)
def test_a_name_or_time_out_of_its_form_is_refused(name: str, value: object) -> None:
    with pytest.raises(MalformedError):
        encode_reading(ODOMETER._replace(**{name: value}), GOOD)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"15021", b"15021.0"),
        (b"15021", b"015021"),
        (b"15021", b"true"),
        (b"15021", b"[15021]"),
        (b"15021", b"NaN"),
        (b'"value":', b'"value": '),
        (b"[]", b'["stuck","backwards"]'),
        (b"[]", b'["stuck","stuck"]'),
        (b"[]", b'["tired"]'),
        (b"[]", b"{}"),
        (b"[]", b"[1]"),
        (b'"km"', b"7"),
        (b'"km"', b'"KM"'),
        (b"1790000000000000", b"1790000000000000.5"),
        (b"1790000000000000", b"-1"),
        (b"1790000000000000", b'"1790000000000000"'),
        (b',"value":15021', b""),
        (b"}", b',"zone":1}'),
        (b"can0", b"x" * MAX_LEAF_BYTES),
        (b"can0", b"\xff"),
    ],
)
def test_another_encoding_is_refused(old: bytes, new: bytes) -> None:
    assert old in LEAF
    with pytest.raises(MalformedError):
        parse_reading(LEAF.replace(old, new))
