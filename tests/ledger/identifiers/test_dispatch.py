"""Any identifier text: one canonical form, or refused."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.errors import MalformedError
from ledger.event import AssetType
from ledger.identifiers import Scheme, parse_identifier, scoped_serial
from ledger.identifiers.types import MAX_CHARACTERS

BATTERY = "https://id.gs1.org/01/09521234010012/21/EV-2025-000142"
MAKER = "BPNL00000003B2OM"


@pytest.mark.parametrize(
    ("text", "scheme", "canonical"),
    [
        ("5gzcz43d13s812715", Scheme.VIN, "5GZCZ43D13S812715"),
        ("HTTP://Example.org/a/b/01/9521234010012/21/EV-2025-000142?17=271231", Scheme.GS1, BATTERY),
        ("urn:epc:id:sgtin:9521234.001001.EV-2025-000142", Scheme.GS1, BATTERY),
        ("001pe0100000000b3n0000017", Scheme.GBT34014, None),
        ("001PE01AB12345B3N0000017", Scheme.GBT34014, "001PE01AB12345B3N0000017"),
        ("001PE01B3N0000017RP", Scheme.GBT34014, "001PE01B3N0000017RP"),
        ("URN:UUID:A81576C1-D1D6-4D0E-BE18-AA77DA87E11E", Scheme.UUID, "urn:uuid:a81576c1-d1d6-4d0e-be18-aa77da87e11e"),
        ("bpnl00000003b2om", Scheme.BPN, MAKER),
        ("urn:bpn:BPNL00000003B2OM", Scheme.BPN, MAKER),
        ("urn:bpn:bpnl00000003b2om:NO-1%2f2 3", Scheme.SCOPED, f"urn:bpn:{MAKER}:NO-1%2F2%203"),
    ],
)
def test_every_form_has_one_canonical_text(text: str, scheme: Scheme, canonical: str | None) -> None:
    if canonical is None:
        with pytest.raises(MalformedError):
            parse_identifier(text)
        return
    found = parse_identifier(text)
    assert (found.scheme, found.canonical) == (scheme, canonical)
    assert parse_identifier(found.canonical).canonical == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "x",
        f" {BATTERY}",
        f"{BATTERY}\n",
        "\uff15GZCZ43D13S812715",
        "5GZCZ43D13S81271\u200b5",
        "urn:uuid:a81576c1-d1d6-4d0e-be18",
        "urn:uuid:a81576c1d1d64d0ebe18aa77da87e11e",
        "urn:bpn:BPNS00000003B2OM:1",
        "urn:bpn:BPNL00000003B2OM:",
        "urn:bpn:BPNL00000003B2OM:%zz",
        "urn:bpn:BPNL00000003B2OM:%C3%A9",
        "urn:bpn:BPNL00000003B2OM:%20x",
        "urn:bpn:BPNL00000003B2OM:" + "a" * 129,
        "BPNX00000003B2OM",
        "9521234000006",
        "https://id.gs1.org/01/09521234010012/21/" + "A" * MAX_CHARACTERS,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_identifier(text)


@pytest.mark.parametrize(
    ("text", "asset_type"),
    [
        ("5GZCZ43D13S812715", AssetType.BATTERY),
        ("5GZCZ43D13S812715", AssetType.PART),
        ("001PE01AB12345B3N0000017", AssetType.VEHICLE),
        (MAKER, AssetType.PART),
        ("https://id.gs1.org/01/09521234010012", AssetType.BATTERY),
        ("https://id.gs1.org/01/09521234010012/10/LOT7", AssetType.BATTERY),
        ("https://id.gs1.org/417/9521234000006", AssetType.BATTERY),
        ("https://id.gs1.org/414/9521234000013", AssetType.PART),
        ("https://id.gs1.org/00/106141412345678908", AssetType.PART),
        ("https://id.gs1.org/8003/04012345555554", AssetType.PART),
        ("https://id.gs1.org/8010/9521234ABC", AssetType.PART),
    ],
)
def test_what_does_not_name_such_an_asset_is_refused(text: str, asset_type: AssetType) -> None:
    parse_identifier(text)
    with pytest.raises(MalformedError):
        parse_identifier(text, asset_type)


@pytest.mark.parametrize(
    ("text", "asset_type"),
    [
        ("5GZCZ43D13S812715", AssetType.VEHICLE),
        (BATTERY, AssetType.BATTERY),
        ("https://id.gs1.org/01/09521234010012/10/LOT7", AssetType.PART),
        ("https://id.gs1.org/8004/9521234EOL", AssetType.PART),
        ("https://id.gs1.org/8003/040123455555549", AssetType.PART),
        ("https://id.gs1.org/8010/9521234ABC/8011/17", AssetType.PART),
        (f"urn:bpn:{MAKER}:7", AssetType.VEHICLE),
    ],
)
def test_what_names_an_asset_is_accepted(text: str, asset_type: AssetType) -> None:
    assert parse_identifier(text, asset_type).canonical == text


def test_a_uuid_carries_no_namespace_and_a_scoped_serial_that_of_its_maker() -> None:
    assert parse_identifier("urn:uuid:a81576c1-d1d6-4d0e-be18-aa77da87e11e").namespaces == ()
    assert parse_identifier(scoped_serial(MAKER, "a:b/c d")).namespaces == ((4, MAKER),)


@given(st.text(alphabet=string.printable + "\u00e9\u200b\uff05", max_size=60))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    try:
        found = parse_identifier(text)
    except MalformedError:
        return
    assert parse_identifier(found.canonical).canonical == found.canonical


@given(st.text(alphabet=string.ascii_letters + string.digits + string.punctuation + " ", min_size=1, max_size=128))
def test_a_scoped_serial_comes_back(local_id: str) -> None:
    if local_id != local_id.strip():
        with pytest.raises(MalformedError):
            scoped_serial(MAKER, local_id)
        return
    text = scoped_serial(MAKER, local_id)
    assert parse_identifier(text).canonical == text
