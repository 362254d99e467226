"""The table of units, and conversions within one quantity."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from ledger.intake.epcis import units
from ledger.intake.epcis.units import convert, field_by_type, unit_by_code
from ledger.intake.epcis.vocabulary import bare_word, business_step

TABLE = tomllib.loads((Path(units.__file__).parent / "units.toml").read_text("utf-8"))


@pytest.mark.parametrize("word", TABLE["fields"])
def test_every_field_has_a_unit_of_its_quantity(word: str) -> None:
    field = field_by_type(f"eubat:{word}")
    assert field is not None
    unit = unit_by_code(field.unit)
    assert unit is not None
    assert unit.quantity == field.quantity


@pytest.mark.parametrize("code", TABLE["codes"])
def test_every_unit_converts_there_and_back(code: str) -> None:
    unit = unit_by_code(code)
    assert unit is not None
    for other in filter(None, map(unit_by_code, TABLE["codes"])):
        if other.quantity == unit.quantity:
            assert convert(convert(7.25, unit, other), other, unit) == pytest.approx(7.25)
        else:
            with pytest.raises(ValueError, match="measures"):
                convert(7.25, unit, other)


@pytest.mark.parametrize(
    ("value", "source", "target", "expected"),
    [
        (1, "SMI", "KMT", 1.609344),
        (13500, "WHR", "KWH", 13.5),
        (3.6, "3B", "KWH", 1),
        (2.4, "E45", "OHM", 0.0024),
        (212, "FAH", "CEL", 100),
        (0, "KEL", "CEL", -273.15),
        (0.1, "KWH", "KWH", 0.1),
    ],
)
def test_conversions(value: float, source: str, target: str, expected: float) -> None:
    left, right = unit_by_code(source), unit_by_code(target)
    assert left is not None
    assert right is not None
    assert convert(value, left, right) == expected


def test_below_absolute_zero_is_no_temperature() -> None:
    kelvin, celsius = unit_by_code("KEL"), unit_by_code("CEL")
    assert kelvin is not None
    assert celsius is not None
    with pytest.raises(ValueError, match="absolute zero"):
        convert(-0.1, kelvin, celsius)


def test_every_unit_of_the_published_documents_is_known(shared_data: Path) -> None:
    def codes(value: object) -> set[str]:
        if isinstance(value, dict):
            own = {value["uom"]} if isinstance(value.get("uom"), str) else set()
            return own.union(*map(codes, value.values()))
        return set().union(*map(codes, value)) if isinstance(value, list) else set()

    for path in [*(shared_data / "epcis/documents").iterdir(), *(shared_data / "battery/epcis").iterdir()]:
        for code in codes(json.loads(path.read_text("utf-8"))):
            assert unit_by_code(code) is not None, (path.name, code)


@pytest.mark.parametrize("name", ["hasStateOfHealth", "x:hasStateOfHealth", "https://e.example/v#hasStateOfHealth"])
def test_fields_by_the_last_word(name: str) -> None:
    field = field_by_type(name)
    assert field is not None
    assert field.name == "state_of_health_percent"


def test_words() -> None:
    assert bare_word("https://ref.gs1.org/cbv/Disp-active") == "active"
    assert business_step("https://evil.example/BizStep-shipping") is None
    assert business_step("cbv:BizStep-shipping") == "shipping"
    assert business_step("cbv:BizStep-dancing") is None
    assert business_step(7) is None
