"""GS1 keys: Digital Link and EPC URN name the same thing by one text."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import MalformedError
from ledger.identifiers.gs1 import parse_gs1, parse_gs1_key
from ledger.identifiers.gs1_epc import epc_urn
from ledger.identifiers.gs1_keys import check_digit, parse_gln, parse_gtin

SERIAL = string.ascii_letters + string.digits + "!\"%&'()*+,-./:;<=>?_"

PAIRS = [
    ("urn:epc:id:sgtin:9520001.012346.10000001001", "https://id.gs1.org/01/09520001123467/21/10000001001"),
    ("urn:epc:id:sgtin:0614141.107346.2018", "https://id.gs1.org/01/10614141073464/21/2018"),
    ("urn:epc:class:lgtin:4012345.012345.998877", "https://id.gs1.org/01/04012345123456/10/998877"),
    ("urn:epc:idpat:sgtin:4012345.066666.*", "https://id.gs1.org/01/04012345666663"),
    ("urn:epc:id:sscc:0614141.1234567890", "https://id.gs1.org/00/106141412345678908"),
    ("urn:epc:id:sgln:4012345.00005.0", "https://id.gs1.org/414/4012345000054"),
    ("urn:epc:id:sgln:0614141.07346.1234", "https://id.gs1.org/414/0614141073467/254/1234"),
    ("urn:epc:id:pgln:4012345.00225", "https://id.gs1.org/417/4012345002256"),
    ("urn:epc:id:grai:4012345.55555.987", "https://id.gs1.org/8003/04012345555554987"),
    ("urn:epc:id:giai:4000001.111", "https://id.gs1.org/8004/4000001111"),
    ("urn:epc:id:gsrn:0614141.0000010253", "https://id.gs1.org/8018/061414100000102534"),
    ("urn:epc:id:gdti:0614141.00001.1618034", "https://id.gs1.org/253/06141410000121618034"),
    ("urn:epc:id:cpi:0614141.5PQ7%2FZ43.12345", "https://id.gs1.org/8010/06141415PQ7%2FZ43/8011/12345"),
    ("urn:epc:id:sgtin:0614141.112345.32a%2Fb", "https://id.gs1.org/01/10614141123459/21/32a%2Fb"),
    ("urn:epc:id:itip:4012345.012345.01.02.987", "https://id.gs1.org/8006/040123451234560102/21/987"),
]


@pytest.mark.parametrize(("urn", "link"), PAIRS)
def test_urn_and_link_name_the_same(urn: str, link: str) -> None:
    key = parse_gs1_key(urn)
    assert key.digital_link() == link
    assert parse_gs1_key(link) == key
    prefix = urn.split(":", 4)[4].split(".", maxsplit=1)[0]
    assert epc_urn(key.ai, key.value, dict(key.qualifiers), len(prefix)) == urn
    assert prefix in key.prefixes


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/shop/01/9521234010012/21/EV-1",
        "http://EXAMPLE.org:8080/01/09521234010012/21/EV-1/",
        "https://id.gs1.org/01/09521234010012/22/2A/10/LOT/21/EV-1",
        "https://id.gs1.org/01/09521234010012/21/EV%2d1?linkType=gs1:pip&17=271231#x",
        "https://id.gs1.org/01/09521234010012/21/%45V-1",
    ],
)
def test_every_spelling_of_a_link_has_one_canonical_text(text: str) -> None:
    assert parse_gs1(text).canonical == "https://id.gs1.org/01/09521234010012/21/EV-1"


def test_what_does_not_identify_is_named_in_a_warning() -> None:
    found = parse_gs1("https://id.gs1.org/01/09521234010012/10/LOT/21/EV-1")
    assert found.warnings == ("application identifier 10 is not part of the identity and was left out",)


@pytest.mark.parametrize(
    "text",
    [
        "https://id.gs1.org/01/09521234010013/21/EV-1",
        "https://id.gs1.org/01/0952123401001/21/EV-1",
        "https://id.gs1.org/01/095212340100122/21/EV-1",
        "https://id.gs1.org/01/0952123401001A/21/EV-1",
        "https://id.gs1.org/01//21/EV-1",
        "https://id.gs1.org/01/09521234010012/21/",
        "https://id.gs1.org/01/09521234010012/21/" + "A" * 21,
        "https://id.gs1.org/01/09521234010012/21/a%",
        "https://id.gs1.org/01/09521234010012/21/a%4",
        "https://id.gs1.org/01/09521234010012/21/a%00",
        "https://id.gs1.org/01/09521234010012/21/a%20b",
        "https://id.gs1.org/01/09521234010012/21/a%C3%A9",
        "https://id.gs1.org/01/09521234010012/21/EV-1/10/LOT",
        "https://id.gs1.org/01/09521234010012/21/A/21/B",
        "https://id.gs1.org/01/09521234010012/99/EV-1",
        "https://id.gs1.org/21/EV-1",
        "https://id.gs1.org/",
        "https:///01/09521234010012/21/EV-1",
        "https://user@id.gs1.org/01/09521234010012/21/EV-1",
        "https://[/01/09521234010012",
        "ftp://id.gs1.org/01/09521234010012/21/EV-1",
        "https://id.gs1.org/" + "a/" * 40 + "01/09521234010012",
        "https://id.gs1.org/8003/030013450007718765",
        "https://id.gs1.org/8003/952012200000001004",
        "https://id.gs1.org/8004/AB12",
        "https://id.gs1.org/8004/9521" + "A" * 27,
        "https://id.gs1.org/8010/9521234ABC/8011/007",
        "https://id.gs1.org/8010/9521234abc/8011/7",
        "https://id.gs1.org/00/106141412345678909",
        "https://id.gs1.org/414/9521234000014",
        "urn:epc:id:sgtin:9520001.012346",
        "urn:epc:id:sgtin:9520001.12346.1",
        "urn:epc:id:sgtin:95200.01012346.1",
        "urn:epc:id:sgtin:9520001.01234A.1",
        "urn:epc:id:sgtin:9520001.012346.",
        "urn:epc:id:sgtin:9520001.012346.%zz",
        "urn:epc:id:sgtin:",
        "urn:epc:id:usdod:2S194.12345",
        "urn:epc:tag:sgtin-96:3.0614141.112345.400",
        "urn:epc:idpat:sgtin:4012345.066666.5",
        "urn:epc:id:itip:4012345.012345.01.02",
        "urn:epc:id:giai:4000001",
        "urn:epc:id:cpi:0614141.5PQ7",
        "urn:epc:id",
    ],
)
def test_a_wrong_value_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_gs1_key(text)


def test_company_prefix_candidates_are_longest_first() -> None:
    prefixes = parse_gs1_key("https://id.gs1.org/01/19521234010019/21/1").prefixes
    assert prefixes[0] == "952123401001"
    assert prefixes[-1] == "9521"
    assert [len(prefix) for prefix in prefixes] == list(range(12, 3, -1))
    assert parse_gs1_key("https://id.gs1.org/8004/95212AB").prefixes == ("95212", "9521")


def test_an_eight_digit_gtin_has_no_company_prefix() -> None:
    found = parse_gs1("https://id.gs1.org/01/95200002/21/7")
    assert found.namespaces == ()
    assert found.warnings == ("a GTIN-8 carries no company prefix",)


@pytest.mark.parametrize(
    "text", ["", "952123400000", "95212340000066", "9521234000007", "952123400000\u0666", "-521234000006"]
)
def test_a_wrong_bare_gln_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_gln(text)


@pytest.mark.parametrize("text", ["", "1234567", "09521234010013", "+9521234010012", "952123401001\u00b2"])
def test_a_wrong_bare_gtin_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_gtin(text)


@pytest.mark.parametrize(
    ("ai", "value", "qualifiers", "digits"),
    [
        ("01", "09521234010012", {"21": "1"}, 5),
        ("01", "09521234010012", {"21": "1"}, 13),
        ("8003", "04012345555554", {}, 7),
        ("8010", "9521234ABC", {}, 7),
        ("8004", "95212ABC", {}, 7),
        ("8006", "040123451234560102", {}, 7),
    ],
)
def test_what_has_no_epc_is_refused(ai: str, value: str, qualifiers: dict[str, str], digits: int) -> None:
    with pytest.raises(MalformedError):
        epc_urn(ai, value, qualifiers, digits)


@given(
    st.text(alphabet=string.digits, min_size=13, max_size=13),
    st.text(alphabet=SERIAL, min_size=1, max_size=20),
    st.integers(6, 12),
)
def test_any_item_round_trips_through_both_forms(body: str, serial: str, digits: int) -> None:
    value = body + check_digit(body)
    urn = epc_urn("01", value, {"21": serial}, digits)
    key = parse_gs1_key(urn)
    assert (key.value, key.qualifiers) == (value, (("21", serial),))
    assert parse_gs1_key(key.digital_link()) == key


@given(st.text(alphabet=string.digits, min_size=13, max_size=13), st.integers(0, 12), st.sampled_from(string.digits))
def test_the_check_digit_finds_every_single_change(body: str, index: int, digit: str) -> None:
    changed = body[:index] + digit + body[index + 1 :]
    assert changed == body or check_digit(changed) != check_digit(body)
