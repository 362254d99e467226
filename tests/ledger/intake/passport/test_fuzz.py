"""Ten minutes a parser: damaged bytes are refused with an error of ours, never with anything else."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from ledger.errors import DocumentError, MalformedError
from ledger.identifiers import parse_identifier
from ledger.intake.passport import parse_passport
from ledger.strict_json import canonical_json, parse_json

EXAMPLES = Path(__file__).resolve().parents[4] / "examples" / "battery"
SECONDS = float(os.environ.get("VINCULUM_FUZZ_SECONDS", "600"))
IDENTIFIERS = (
    b"1M8GDM9AXKP042788",
    b"https://id.gs1.org/01/09521000001206/21/LC-EV-000417",
    b"urn:epc:id:itip:4012345.012345.01.02.987",
    b"urn:epc:id:cpi:0614141.5PQ7%2FZ43.12345",
    b"001PE01AB12345B3N0000017",
    b"urn:bpn:BPNL00000003B2OM:NO-1%2F2",
)
SPICE = (
    b"%",
    b"%2F",
    b"\x00",
    b"\xff",
    b'"',
    b"{",
    b"]",
    b"-",
    b"9" * 30,
    b"1e400",
    b"null",
    b"[[[[",
    b"\\ud800",
    b"/21/",
)


def damaged(data: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.randint(1, 4)):
        at, length = rng.randrange(len(data) + 1), rng.choice((0, 0, 1, 2, 40))
        data = data[:at] + rng.choice((b"", rng.choice(SPICE), rng.randbytes(1))) + data[at + length :]
    return data


def fuzz(samples: tuple[bytes, ...], parse: Callable[[bytes], object]) -> None:
    until, seed, accepted = time.monotonic() + SECONDS, 0, 0
    while time.monotonic() < until:
        seed += 1
        rng = random.Random(seed)
        data = damaged(rng.choice(samples), rng)
        try:
            parse(data)
            accepted += 1
        except (DocumentError, MalformedError):
            continue
        except Exception as error:
            raise AssertionError(f"seed {seed}: {data!r}") from error
    assert 0 < accepted < seed


@pytest.mark.fuzz
def test_damaged_passports() -> None:
    samples = tuple((EXAMPLES / f"passport-{name}.json").read_bytes() for name in ("ev", "stationary"))
    fuzz(samples, lambda data: parse_passport(data, as_of=date(2026, 11, 21)))


@pytest.mark.fuzz
def test_damaged_json() -> None:
    samples = (b'{"a":[1,2.5e-3,"\\u00e9\\ud83d\\ude00",null,true],"b":{"c":{}}}', b'[-0,"x",9007199254740991]')
    fuzz(samples, lambda data: parse_json(canonical_json(parse_json(data))))


@pytest.mark.fuzz
def test_damaged_identifiers() -> None:
    fuzz(IDENTIFIERS, lambda data: parse_identifier(parse_identifier(data.decode("latin-1")).canonical))
