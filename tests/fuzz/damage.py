"""Damage to valid inputs: small, blind, the same for the same seed; and what a parser may make of it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ledger.errors import DocumentError, VerificationError

SPICE = (
    *(b"", b"\x00", b"\x20", b"\x80", b"\x81", b"\xa0", b"\xb7", b"\xb8", b"\xbf", b"\xc0", b"\xc1", b"\xf7", b"\xf8"),
    *(b"\xff", b"\xff" * 9, b"\xf9\xff\xff", b"\n", b"\n\n", b"\r", b"\t", "\u2014 ".encode(), "\u00a0".encode()),
    *(b"+", b"-", b"=", b"/", b"%", b"%2F", b"~", b".", b"0", b"-1", b"1e9", b"1e400", b"9" * 30, b"NaN", b"null"),
    *(
        b'"',
        b"{",
        b"}",
        b"[",
        b"]",
        b"[[[[",
        b",",
        b":",
        b"\\u",
        b"\\ud800",
        b"true",
        b"/21/",
        b"=1+1",
        b"\xef\xbb\xbf",
    ),
)


@dataclass(frozen=True)
class Target:
    """A parser, and bytes that it takes.

    Attributes:
        originals: Valid inputs, or nearly.
        parse: Raises nothing but what its docstring says; may check what it returns.
    """

    originals: Sequence[bytes]
    parse: Callable[[bytes], object]


def damaged(data: bytes, draw: random.Random) -> bytes:
    """The bytes with one to four small changes."""
    for _ in range(draw.randint(1, 4)):
        at, length = draw.randrange(len(data) + 1), draw.choice((0, 0, 1, 1, 2, 40))
        data = data[:at] + draw.choice((*SPICE, draw.randbytes(1), draw.randbytes(32))) + data[at + length :]
    return data


def try_seed(target: Target, seed: int) -> bool:
    """Parse one damaged input; tells whether it was taken. Any error but ours is a finding, which the seed repeats."""
    draw = random.Random(seed)
    data = damaged(draw.choice(target.originals), draw)
    try:
        target.parse(data)
    except (DocumentError, VerificationError):
        return False
    except Exception as error:
        raise AssertionError(f"seed {seed}: {data[:2000]!r}") from error
    return True


def try_for(target: Target, seconds: float) -> int:
    """Try seeds until the time is over; returns how many."""
    until, seed = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        seed += 1
        try_seed(target, seed)
    return seed
