"""GB/T 34014 battery codes: 24 characters, or 19 for second use."""

from __future__ import annotations

import pytest

from ledger.errors import MalformedError
from ledger.identifiers.gbt34014 import parse_battery_code, split_code

CODE = "001PE01AB12345B3N0000017"


def test_the_parts_are_read() -> None:
    code = split_code(CODE.lower())
    assert (code.maker, code.product_type, code.chemistry, code.specification) == ("001", "pack", "E", "01")
    assert (code.traceability, code.made, code.serial, code.second_use) == ("AB12345", "B3N", "0000017", None)
    assert parse_battery_code(CODE).namespaces == ((3, "001"),)


def test_a_second_use_code_drops_traceability_and_names_its_form() -> None:
    code = split_code("001PE01B3N0000017RM")
    assert (code.traceability, code.second_use, code.serial) == (None, "module", "0000017")


@pytest.mark.parametrize(
    "text",
    [
        "",
        CODE[:-1],
        CODE + "0",
        "001XE01AB12345B3N0000017",
        "001P101AB12345B3N0000017",
        "001PE01AB12345BDN0000017",
        "001PE01AB12345B0N0000017",
        "001PE01AB12345B3N000001-",
        "00IPE01AB12345B3N0000017",
        "001PE01B3N0000017",
        "001PE01B3N0000017RX",
        "001PE01B3N0000017PP",
        "001PE01AB12345B3N0000017RP",
        "\uff10\uff101PE01AB12345B3N000001",
    ],
)
def test_another_shape_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_battery_code(text)
