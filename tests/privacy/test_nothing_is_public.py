"""No identifier, no name and no plain hash of one stands on the chain or in public blocks."""

from __future__ import annotations

import random
from collections.abc import Iterator
from hashlib import md5, sha1, sha256

import pytest

from ledger.demo.main import EXAMPLES
from ledger.event import AssetType
from ledger.identifiers import parse_identifier
from ledger.kinds import all_kinds
from ledger.proof.keccak import keccak256
from tests.demo.staged import Recorded
from tests.privacy.corpus import Item
from tests.privacy.needles import Windows, hashes, preimages, spellings, texts_of

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("privacy")]

SYNTHETIC = 1_000_000
WMIS = ("VCU", "WVW", "WBA", "VF1", "5YJ", "1HG", "JTD", "LRW", "ZFA", "YV1", "KMH", "SAL")
_CHARACTERS = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_VALUES = {
    character: int(value) for character, value in zip("ABCDEFGHJKLMNPRSTUVWXYZ", "12345678123457923456789", strict=True)
}
_VALUES |= {digit: int(digit) for digit in "0123456789"}


def by_design(recorded: Recorded) -> dict[str, str]:
    """Texts of the inputs that are public on purpose, and why; docs/privacy.md lists them."""
    titles = {one.title: "an organisation's name stands in its profile" for one in recorded.story.organisations}
    kinds = {kind.name: "the kind of an event is always visible" for kind in all_kinds()}
    parts = {part: "part of a kind's name" for name in kinds for part in name.replace("_", ".").split(".")}
    types = {kind.value: "the type of an asset is its log" for kind in AssetType}
    return {**titles, **kinds, **parts, **types, "receipt": "the word of Ethereum's own block header: receiptsRoot"}


def identifiers(recorded: Recorded) -> set[str]:
    """Every identifier of an asset, whole and in its parts, and every text of the inputs with a digit in it."""
    names = {asset.identifier for asset in recorded.show.assets()}
    texts = {text for text in texts_of(EXAMPLES) if any(character.isdigit() for character in text)}
    return names | {part for name in names for part in name.split("/") if len(part) > 5} | texts


def test_inputs_hold_what_is_looked_for(recorded: Recorded) -> None:
    texts = texts_of(EXAMPLES)
    for expected in ("VCU4EZ7R9K1004176", "LC-EV-000417", "Fennel Street Garage", "FSG-ACC-2026-031"):
        assert expected in texts, expected
    assert len(texts) > 500


def test_no_text_of_the_inputs_is_public(recorded: Recorded, public: list[Item]) -> None:
    allowed, titles = by_design(recorded), [one.title for one in recorded.story.organisations]
    everything = b"\xff".join({item.data for item in public})
    found = {
        text: [item.name for item in public if spelling in item.data][:3]
        for text in texts_of(EXAMPLES)
        if text not in allowed and not any(text in title for title in titles)
        for spelling in spellings(text)
        if spelling in everything and spelling.decode() not in allowed
    }
    assert found == {}


def test_no_plain_hash_of_an_identifier_is_public(recorded: Recorded, windows: Windows) -> None:
    tried = 0
    for identifier in identifiers(recorded):
        for preimage in preimages(identifier):
            for found in hashes(preimage):
                assert not windows.holds(found), (identifier, preimage)
                tried += 1
    assert tried > 100_000


def test_no_hash_without_its_salt_gives_a_subject(recorded: Recorded, windows: Windows) -> None:
    """The subject's 28 bytes are of an identifier with 256 random bits; without them there is nothing to search for."""
    for asset in recorded.show.assets():
        for salt in (b"", bytes(32), asset.identifier.encode()):
            guess = keccak256(b"\0".join((asset.asset_type.value.encode(), asset.identifier.encode(), salt)))
            assert guess[:28] != asset.subject[4:]
            assert not windows.holds(guess)


def test_a_million_synthetic_vins_are_not_public(public: list[Item], windows: Windows) -> None:
    texts = {item.data for item in public}
    codes = {text[at : at + 17] for text in texts for at in range(len(text) - 16) if text[at : at + 3] in _PREFIXES}
    for vin in vins(SYNTHETIC):
        assert vin not in codes
        for preimage in (vin, b"vehicle\0" + vin):
            for digest in (sha256(preimage).digest(), keccak256(preimage)):
                assert not windows.holds(digest), vin
        for weak in (sha1(vin, usedforsecurity=False), md5(vin, usedforsecurity=False)):
            assert not windows.holds(weak.digest()), vin


_PREFIXES = {wmi.encode() for wmi in WMIS}


def vins(count: int) -> Iterator[bytes]:
    """VINs of many makers with valid check digits; those of the demonstration's own maker run through its serials."""
    source = random.Random(20261121)
    for number in range(count):
        wmi = WMIS[number % len(WMIS)]
        body = "4EZ7R0" if wmi == "VCU" else "".join(source.choices(_CHARACTERS, k=5)) + "0"
        tail = source.choice("KLMNPRST") + source.choice(_CHARACTERS[:23]) + f"{source.randrange(10**6):06d}"
        if wmi == "VCU":
            tail = source.choice("KLMNPRST") + f"{source.randrange(10**7):07d}"
        characters = [*wmi, *body, *tail]
        rest = sum(_VALUES[one] * weight for one, weight in zip(characters, _WEIGHTS, strict=True)) % 11
        characters[8] = "X" if rest == 10 else str(rest)
        yield "".join(characters).encode("ascii")


def test_synthetic_vins_are_vins_of_the_pattern_of_the_real_ones() -> None:
    found = [vin.decode() for vin in vins(240)]
    assert len(set(found)) == 240
    for vin in found:
        assert parse_identifier(vin, AssetType.VEHICLE).canonical == vin
