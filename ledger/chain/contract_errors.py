"""Every error of the contracts as one of ours, found by its selector. One table; a test holds it to the interfaces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from ledger.errors import (
    ConflictError,
    MalformedError,
    NotAuthorisedError,
    RejectedError,
    RuleError,
    TransitionError,
    UnknownAssetError,
    VinculumError,
)
from ledger.event import AssetType
from ledger.kinds import kind_by_number, status_name
from ledger.proof.keccak import keccak256


def contract_error(data: bytes) -> VinculumError:
    """Read the data of a revert.

    Args:
        data: Untrusted, as the node gives it; empty where the contract gave no reason.

    Returns:
        The error to raise: a RuleError for a refusal, RejectedError for what our contracts do not say.
    """
    signature, make = _BY_SELECTOR.get(data[:4], ("", None))
    if make is None:
        return RejectedError(f"the contract reverts with {f'0x{data[:68].hex()}' if data else 'no reason'}")
    types = [kind for kind in signature[signature.index("(") + 1 : -1].split(",") if kind]
    try:
        return make(*map(_shown, decode(types, data[4:])))
    except DecodingError:
        return RejectedError(f"the contract reverts with a broken {signature}")


def _shown(value: Any) -> Any:
    return f"0x{value.hex()}" if isinstance(value, bytes) else value


def _say(error: type[VinculumError], sentence: str) -> Callable[..., VinculumError]:
    return lambda *values: error(sentence.format(*values))


def _kind_name(number: int) -> str:
    try:
        return kind_by_number(number).name
    except MalformedError:
        return f"kind {number}"


def _transition(_subject: str, number: int, status: int) -> VinculumError:
    try:
        kind = kind_by_number(number)
        asset_type = AssetType(kind.log)
        allowed = [status_name(asset_type, one) for one in kind.from_statuses]
        return TransitionError(kind.name, status_name(asset_type, status), allowed)
    except (MalformedError, ValueError):
        return RuleError(f"kind {number} is not possible while the status is {status}")


def _with_kind(error: type[VinculumError], sentence: str, place: int = 0) -> Callable[..., VinculumError]:
    def make(*values: Any) -> VinculumError:
        named = [_kind_name(value) if at == place else value for at, value in enumerate(values)]
        return error(sentence.format(*named))

    return make


ERRORS: dict[str, Callable[..., VinculumError]] = {
    # attestation logs
    "LogClosed(address)": _say(ConflictError, "this log is closed; {0} goes on"),
    "UnknownAccount(address)": _say(NotAuthorisedError, "account {0} belongs to no organisation"),
    "SuspendedOrganisation(uint32)": _say(NotAuthorisedError, "organisation {0} is suspended"),
    "MissingRole(uint32,uint16)": _with_kind(NotAuthorisedError, "organisation {0} has not the role for {1}", 1),
    "UnknownKind(uint16)": _with_kind(RuleError, "this log does not know {0}"),
    "UnknownSubject(bytes32)": _say(UnknownAssetError, "subject {0} is not registered in this log"),
    "SubjectExists(bytes32)": _say(ConflictError, "subject {0} is registered already"),
    "ForeignSubject(bytes32,uint32)": _say(NotAuthorisedError, "subject {0} is not for organisation {1} to register"),
    "ExpectedHeadRequired(uint16)": _with_kind(RuleError, "{0} changes the status and needs the expected head"),
    "NotATransition(uint16)": _with_kind(RuleError, "{0} does not change the status of a registered subject"),
    "NotAnOrdinaryKind(uint16)": _with_kind(RuleError, "{0} changes the status and cannot be in a series"),
    "HeadMoved(bytes32,bytes32,bytes32)": _say(ConflictError, "the head of {0} moved on from {1} to {2}"),
    "IllegalTransition(bytes32,uint16,uint8)": _transition,
    "EmptyBatch()": _say(RuleError, "an empty batch"),
    "NotConsortium(address)": _say(NotAuthorisedError, "{0} is not the consortium"),
    "NotSuccessor(address)": _say(NotAuthorisedError, "the log is still open, or {0} does not succeed it"),
    "UnsuitableLog(address)": _say(RuleError, "log {0} cannot continue this one"),
    "TooManyGenerations(uint256)": _say(RuleError, "more than {0} logs in a row"),
    # council
    "NotCouncil(address)": _say(NotAuthorisedError, "only the council may do this, not {0}"),
    "NotAdministrator(address)": _say(NotAuthorisedError, "{0} is no administrator"),
    "UnknownAction(bytes4)": _say(RuleError, "{0} is no action of the council"),
    "AlreadyConfirmed(bytes32,address)": _say(ConflictError, "{1} confirmed proposal {0} already"),
    "NotConfirmed(bytes32,address)": _say(RuleError, "{1} has not confirmed proposal {0}"),
    "ProposalExecuted(bytes32,uint48)": _say(ConflictError, "proposal {0} was executed at {1}"),
    "ProposalExpired(bytes32,uint48)": _say(RuleError, "proposal {0} expired at {1}"),
    "ProposalNotReady(bytes32,uint48)": _say(RuleError, "proposal {0} can be executed from {1} on"),
    "AlreadyAdministrator(address)": _say(ConflictError, "{0} is an administrator already"),
    "InvalidAddress(address)": _say(RuleError, "{0} cannot be used here"),
    "UnreachableThreshold(uint256,uint256)": _say(RuleError, "{0} of {1} administrators cannot be asked for"),
    "DelayTooLong(uint48,uint48)": _say(RuleError, "a delay of {0} s; {1} s is the limit"),
    # consortium
    "UnknownOrganisation(uint32)": _say(RuleError, "there is no organisation {0}"),
    "OrganisationExists(uint32)": _say(ConflictError, "organisation {0} exists already, or the number is 0"),
    "NoRoles(uint32)": _say(RuleError, "organisation {0} needs at least one role"),
    "SuspensionUnchanged(uint32,bool)": _say(ConflictError, "organisation {0}: suspended is {1} already"),
    "NotActiveMember(address)": _say(NotAuthorisedError, "account {0} is not of an organisation that may act now"),
    "NotOwnOrganisation(address,uint32)": _say(NotAuthorisedError, "account {0} is not of organisation {1}"),
    "AccountTaken(address,uint32)": _say(ConflictError, "account {0} is of organisation {1} already"),
    "NotAccountOf(address,uint32)": _say(RuleError, "{0} is no account of organisation {1}"),
    "TooManyAccounts(uint32,uint256)": _say(RuleError, "organisation {0} has {1} accounts, the limit"),
    "LastAccount(uint32)": _say(RuleError, "the last account of organisation {0} is for the council to take"),
    "InvalidThumbprint()": _say(RuleError, "a thumbprint of 0"),
    "UnknownAlgorithm(uint8)": _say(RuleError, "there is no key algorithm {0}"),
    "IssuerKeyExists(uint32,bytes32)": _say(ConflictError, "organisation {0} has key {1} already"),
    "UnknownIssuerKey(uint32,bytes32)": _say(RuleError, "organisation {0} has no key {1}"),
    "IssuerKeyIsRevoked(uint32,bytes32,uint48)": _say(ConflictError, "key {1} of organisation {0} is revoked from {2}"),
    "EmptyValidity(uint48,uint48)": _say(RuleError, "a key valid from {0} until {1} is never valid"),
    "ValidityNotShortened(uint48,uint48)": _say(
        RuleError, "a validity until {0} cannot be moved to {1}, only shortened"
    ),
    "RevocationInFuture(uint48)": _say(RuleError, "a revocation from {0}, which is not in the past"),
    "InvalidNamespace()": _say(RuleError, "a namespace of 0"),
    "NamespaceUnchanged(bytes32,uint32)": _say(ConflictError, "namespace {0} is of organisation {1} already"),
    "NamespaceChangedNow(bytes32)": _say(ConflictError, "namespace {0} was assigned in this very second"),
    "TooManyAssignments(bytes32,uint256)": _say(RuleError, "namespace {0} was assigned {1} times, the limit"),
    "AlreadyValidator(address)": _say(ConflictError, "{0} is a validator already"),
    "NotValidator(address)": _say(RuleError, "{0} is no validator"),
    "LastValidator(address)": _say(RuleError, "the last validator cannot be removed"),
    "TooManyValidators(uint256)": _say(RuleError, "{0} validators are the limit"),
    "ValidatorsChangedNow(uint256)": _say(ConflictError, "the validators changed in block {0} already"),
    # the compiler's own
    "Error(string)": _say(RejectedError, "the contract reverts: {0}"),
    "Panic(uint256)": _say(RejectedError, "the contract panics with code {0}"),
}

_BY_SELECTOR = {keccak256(signature.encode())[:4]: (signature, make) for signature, make in ERRORS.items()}
