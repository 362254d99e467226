"""What every identifier parser returns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

MAX_CHARACTERS = 512


class Scheme(StrEnum):
    """How an identifier is built."""

    VIN = "vin"
    GS1 = "gs1"
    GBT34014 = "gbt34014"
    BPN = "bpn"
    SCOPED = "scoped"
    UUID = "uuid"


class NamespaceScheme(IntEnum):
    """The number that stands before the prefix in a namespace id on chain."""

    WMI = 1
    GS1_COMPANY_PREFIX = 2
    GBT34014_MAKER = 3
    BPN = 4


@dataclass(frozen=True, slots=True)
class Identifier:
    """An identifier in its one canonical text.

    Attributes:
        canonical: Two texts that name the same thing have the same canonical text.
        scheme: How it is built.
        namespaces: Candidates (scheme number, prefix) for who may register it, longest first; empty where
            the identifier carries none.
        warnings: What is odd but does not refuse it, one sentence each.
    """

    canonical: str
    scheme: Scheme
    namespaces: tuple[tuple[int, str], ...] = ()
    warnings: tuple[str, ...] = ()
