"""VIN: ISO 3779 alphabet and length, check digit where it is required."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import MalformedError
from ledger.identifiers.vin import check_digit, manufacturer_prefix, parse_vin

ALPHABET = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"


@pytest.mark.parametrize("vin", ["1M8GDM9AXKP042788", "5GZCZ43D13S812715", "11111111111111111"])
def test_a_right_check_digit_is_silent(vin: str) -> None:
    assert parse_vin(vin).warnings == ()


def test_a_wrong_check_digit_warns_outside_north_america() -> None:
    (warning,) = parse_vin("SGZCZ43D13S812715").warnings
    assert "position 9" in warning


@pytest.mark.parametrize("vin", ["1M8GDM9A1KP042788", "5GZCZ43D23S812715", "1M8GDM9AXKP042798"])
def test_a_wrong_check_digit_is_refused_in_north_america(vin: str) -> None:
    with pytest.raises(MalformedError, match="check digit"):
        parse_vin(vin)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1M8GDM9AXKP04278",
        "1M8GDM9AXKP0427888",
        "IM8GDM9AXKP042788",
        "1M8GDM9AXKPO42788",
        "1M8GDM9AXKQ042788",
        "1M8GDM9AXKP04278-",
        "1M8GDM9AXKP04278\n",
        "\u017fM8GDM9AXKP042788",
        "1M8GDM9AXKP04278\uff18",
        "\u00df1M8GDM9AXKP04278",
    ],
)
def test_another_length_or_alphabet_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_vin(text)


def test_a_small_maker_is_known_by_six_characters() -> None:
    assert manufacturer_prefix("SA9ABCDE0FG123456") == "SA9123"
    assert parse_vin("SA9ABCDE0FG123456").namespaces == ((1, "SA9123"),)
    assert parse_vin("WBA12345678901234").namespaces == ((1, "WBA"),)


def test_letters_at_the_end_warn() -> None:
    vin = "WBA12345X7890123A"
    assert any("last four" in warning for warning in parse_vin(vin).warnings)


@given(st.text(alphabet=ALPHABET, min_size=17, max_size=17), st.integers(0, 16), st.sampled_from(ALPHABET))
def test_the_check_digit_finds_most_single_changes(vin: str, index: int, other: str) -> None:
    right = vin[:8] + check_digit(vin) + vin[9:]
    assert check_digit(right) == right[8]
    changed = right[:index] + other + right[index + 1 :]
    if changed.isdigit() and right.isdigit() and changed != right and index != 8:
        assert check_digit(changed) != check_digit(right)
