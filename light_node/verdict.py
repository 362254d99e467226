"""The verdict on one evidence file: what was proven, what was not, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum, StrEnum

from ledger.errors import (
    IdentityError,
    MalformedError,
    QuorumError,
    RollbackError,
    StaleError,
    UntrustedError,
    VinculumError,
)
from ledger.event import AssetReference, AssetType, Json
from ledger.rules import Finding, Judgement


class Outcome(StrEnum):
    """What the file deserves."""

    VERIFIED = "verified"
    REFUTED = "refuted"
    MALFORMED = "malformed"
    UNDETERMINED = "undetermined"

    @property
    def exit_code(self) -> int:
        """The exit code of the commands that verify: 0, 1, 2, 3."""
        return list(Outcome).index(self)


class Step(IntEnum):
    """The steps of ``light_node.verify``, in their order."""

    PARSE = 1
    IDENTITY = 2
    FINALITY = 3
    CONTRACTS = 4
    STORAGE = 5
    FOLD = 6
    AUTHORITY = 7
    SIGNATURE = 8
    BINDING = 9
    DISCLOSURES = 10
    RULES = 11
    FRESHNESS = 12


class EventState(StrEnum):
    """How much of an event the giver shows."""

    OPENED = "opened"
    WITHHELD = "withheld"
    HIDDEN = "hidden"


class Mark(StrEnum):
    """What is to be known about an event; every mark but ``repetition`` leaves it without judgement."""

    DISPUTED = "disputed"
    REPETITION = "repetition"
    EQUIVOCATION = "equivocation"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class EventReport:
    """One entry of the proven history.

    Attributes:
        number: Place in the history, from 1.
        state: Opened, withheld (organisation, kind and time are shown), or hidden (a bare leaf).
        status: Name of the asset's status after it.
        kind: Name of its kind, or None where hidden.
        organisation: Who attested it, or None where hidden.
        attested_at: When, in seconds since the epoch, or None where hidden.
        marks: Disputed, repetition, equivocation, incomplete.
        missing: Required fields that are not disclosed.
        fields: Disclosed fields, verified as the issuer's statement; its truth is the issuer's matter.
    """

    number: int
    state: EventState
    status: str
    kind: str | None = None
    organisation: int | None = None
    attested_at: int | None = None
    marks: frozenset[Mark] = frozenset()
    missing: tuple[str, ...] = ()
    fields: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AsOf:
    """The block that everything was proven at.

    Attributes:
        number: Height.
        time: Timestamp, in seconds since the epoch.
        hash: 32 bytes.
    """

    number: int
    time: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Doubt:
    """What leaves a file undetermined although nothing in it is wrong.

    Attributes:
        step: Where it arose.
        error: Name of the error's class.
        reason: One sentence.
    """

    step: Step
    error: str
    reason: str


@dataclass(frozen=True, slots=True)
class Account:
    """What a file proved; everything in it is verified but for the truth of what issuers state.

    Attributes:
        asset_type: Which log.
        subject: 32 bytes.
        as_of: The block.
        status: Name of the status, or None where nothing was attested.
        events: Every attestation up to the block, in order.
        asset: The identifier, where the genesis is opened.
        aliases: Further identifiers that the genesis discloses.
        registered_by: Organisation in the subject.
        by_registrar: Registered by a named registrar, because the maker had not registered its namespace.
        findings: Of the rules.
        judgements: Of the rules, one a topic.
        doubts: Why the file is undetermined; empty where it is verified.
    """

    asset_type: AssetType
    subject: bytes
    as_of: AsOf
    status: str | None
    events: tuple[EventReport, ...]
    asset: AssetReference | None
    aliases: tuple[str, ...]
    registered_by: int
    by_registrar: bool
    findings: tuple[Finding, ...]
    judgements: tuple[Judgement, ...]
    doubts: tuple[Doubt, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict.

    Attributes:
        outcome: Verified, refuted, malformed or undetermined.
        step: Where it was refused or left open; None where verified.
        error: Name of the error's class; None where verified.
        reason: One sentence; empty where verified.
        as_of: The block, where finality was reached.
        account: What was proven; None where refused.
        trust_fingerprint: Of the trust file that it was judged by.
    """

    outcome: Outcome
    trust_fingerprint: str
    step: Step | None = None
    error: str | None = None
    reason: str = ""
    as_of: AsOf | None = None
    account: Account | None = None


_UNDETERMINED = (IdentityError, QuorumError, RollbackError, StaleError, UntrustedError)


def outcome_of(error: VinculumError) -> Outcome:
    """Return what an error makes of a file.

    Bytes out of format are *malformed*. What says nothing against the file, but leaves it unproven here and now
    (another chain, too few cosignatures, too old, older than what was accepted, identity not shown), is
    *undetermined*. Everything else contradicts a proof: *refuted*.
    """
    if isinstance(error, MalformedError):
        return Outcome.MALFORMED
    return Outcome.UNDETERMINED if isinstance(error, _UNDETERMINED) else Outcome.REFUTED


def time_text(seconds: int) -> str:
    """Return a time as RFC 3339 in UTC; whole seconds since the epoch beyond year 9999 as the number."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError, ValueError):
        return f"{seconds} s after 1970"
