"""Every error that Vinculum raises on purpose.

::

    VinculumError
    ├── VerificationError            what untrusted bytes can cause
    │   ├── MalformedError           not in the format, or over a written limit
    │   ├── SignatureError           a signature or its encoding is wrong
    │   ├── QuorumError              too few distinct valid signers
    │   ├── InclusionError           a root, path or proof does not close
    │   │   └── HistoryError         the fold of a history is not the proven head
    │   ├── ConsistencyError         a newer tree does not extend an older one
    │   │   └── ForkError            two signed headers or checkpoints contradict
    │   ├── RollbackError            older than what was already accepted
    │   ├── StaleError               too old to judge by
    │   ├── ContentMismatchError     bytes are not what their digest, CID or commitment says
    │   ├── BindingError             a credential is not bound to this place
    │   ├── UntrustedError           of another chain, contract or code than the trust file speaks about
    │   ├── IssuerError              the issuer's key was not valid for this, then
    │   └── IdentityError            the namespace's authority did not register this identifier
    ├── RuleError                    well formed, but not allowed
    │   ├── DocumentError            a document with its list of faults
    │   ├── UnknownAssetError        no such asset here
    │   ├── NotAuthorisedError       the organisation, role, account or key may not do this
    │   ├── TransitionError          the status does not allow this kind
    │   ├── ConflictError            the same identifier with other content
    │   └── ConfigurationError       settings, keystore or passphrase are unusable
    └── SourceError                  a node, store or database did not deliver
        ├── UnreachableError         nobody answers
        ├── SourceTimeoutError       no answer in the time given
        ├── MissingError             it answers, but does not have it
        ├── TooLargeError            the answer is over the limit
        ├── RejectedError            it answers that it will not (with its own words)
        └── QueueFullError           a bounded queue takes no more until something is delivered

Errors carry values and build their own message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class VinculumError(Exception):
    """Root of the hierarchy."""


class VerificationError(VinculumError):
    """Untrusted bytes failed a check; the message says which."""


class MalformedError(VerificationError):
    """Bytes are not in the format, or exceed a written limit.

    Args:
        what: The thing being parsed, e.g. ``"RLP item"``.
        why: What is wrong, without echoing untrusted bytes at length.
        at: Byte offset or JSON Pointer, where known.
    """

    def __init__(self, what: str, why: str, at: int | str | None = None) -> None:
        self.what, self.why, self.at = what, why, at
        place = "" if at is None else f" at {at!r}"
        super().__init__(f"malformed {what}{place}: {why}")


class SignatureError(VerificationError):
    """A signature does not verify, or is not in its one canonical encoding."""


class QuorumError(VerificationError):
    """Fewer distinct valid signers than required."""

    def __init__(self, valid: int, required: int, what: str = "signatures") -> None:
        self.valid, self.required = valid, required
        super().__init__(f"{valid} valid {what}, {required} required")


class InclusionError(VerificationError):
    """A proof does not lead from the entry to the trusted root."""

    def __init__(self, what: str, expected: bytes, calculated: bytes | None) -> None:
        self.what, self.expected, self.calculated = what, expected, calculated
        found = "nothing" if calculated is None else calculated.hex()
        super().__init__(f"{what}: expected {expected.hex()}, calculated {found}")


class HistoryError(InclusionError):
    """The history does not fold to the proven head: something was left out, added, moved or changed."""


class ConsistencyError(VerificationError):
    """A newer tree does not extend the older one."""


class ForkError(ConsistencyError):
    """Two signed statements contradict each other; both are carried as evidence."""

    def __init__(self, what: str, first: bytes, second: bytes) -> None:
        self.what, self.first, self.second = what, first, second
        super().__init__(f"two signed versions of {what}")


class RollbackError(VerificationError):
    """Older, in height or time, than what was already accepted."""

    def __init__(self, what: str, accepted: int, offered: int) -> None:
        self.accepted, self.offered = accepted, offered
        super().__init__(f"{what} went back: {accepted} was accepted, {offered} is offered")


class StaleError(VerificationError):
    """Too old, or outside the trusting period: no judgement."""


class ContentMismatchError(VerificationError):
    """Bytes are not what their digest, CID or commitment says."""

    def __init__(self, what: str, expected: str, found: str) -> None:
        self.what, self.expected, self.found = what, expected, found
        super().__init__(f"{what} does not match: expected {expected}, found {found}")


class BindingError(VerificationError):
    """A credential names another subject, kind, log, organisation, schema or previous head."""

    def __init__(self, claim: str, expected: object, found: object) -> None:
        self.claim, self.expected, self.found = claim, expected, found
        super().__init__(f"credential is bound to another {claim}: {found!r}, here {expected!r}")


class UntrustedError(VerificationError):
    """Of another chain, contract or code than the trust file speaks about: it proves nothing here."""


class IssuerError(VerificationError):
    """The issuer's key is unknown, not yet or no longer valid, or revoked at that time."""


class IdentityError(VerificationError):
    """The identifier was not registered by its namespace's authority at that time."""


class RuleError(VinculumError):
    """Well formed, but the rules do not allow it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a document.

    Attributes:
        pointer: JSON Pointer (RFC 6901) into the document; ``""`` is the whole of it. For CSV ``/row/column``.
        code: Stable word for machines, e.g. ``missing``, ``not-yet-required``, ``not-applicable``,
            ``wrong-type``, ``out-of-range``, ``unknown-unit``, ``no-time-zone``, ``duplicate-name``.
        message: One sentence for people: what is wrong and what would be right.
        severity: ``error`` refuses the document, ``notice`` does not.
    """

    pointer: str
    code: str
    message: str
    severity: str = "error"


class DocumentError(RuleError):
    """A document is refused as a whole; every fault is listed by place and cause."""

    def __init__(self, faults: Sequence[Fault], name: str = "document") -> None:
        self.faults, self.name = tuple(faults), name
        lines = "; ".join(f"{fault.pointer or '/'} {fault.code}: {fault.message}" for fault in self.faults[:5])
        more = "" if len(self.faults) <= 5 else f"; and {len(self.faults) - 5} more"
        super().__init__(f"{name} is refused with {len(self.faults)} fault(s): {lines}{more}")


class UnknownAssetError(RuleError):
    """No asset of that identifier or subject is known here."""


class NotAuthorisedError(RuleError):
    """The organisation, role, account or key may not do this."""


class TransitionError(RuleError):
    """The asset's status does not allow this kind."""

    def __init__(self, kind: str, status: str, allowed: Sequence[str]) -> None:
        self.kind, self.status, self.allowed = kind, status, tuple(allowed)
        super().__init__(f"{kind} is not possible while the status is {status}; it needs {' or '.join(allowed)}")


class ConflictError(RuleError):
    """The same identifier was already recorded with other content."""


class ConfigurationError(RuleError):
    """Settings, a keystore or a passphrase cannot be used; the message says what to do."""


class SourceError(VinculumError):
    """A node, store or database did not deliver; says nothing about the truth of anything."""


class UnreachableError(SourceError):
    """Nobody answers at the address."""


class SourceTimeoutError(SourceError):
    """No answer within the time given."""


class MissingError(SourceError):
    """The source answers, but does not have it."""


class TooLargeError(SourceError):
    """The answer exceeds the limit given."""


class RejectedError(SourceError):
    """The source answers that it will not, in its own words."""


class QueueFullError(SourceError):
    """A bounded queue takes no more until something is delivered; what was offered is not in it."""
