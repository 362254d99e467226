"""What an action of the council says, in words: shown before anybody confirms it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from ipfs.cid import cid_from_digest
from ledger.chain.actions import Action, parse_action
from ledger.credential.base64url import encode_base64url
from ledger.errors import MalformedError, MissingError, SourceError, VerificationError
from ledger.kinds import role_bit, role_names
from ledger.service.members import digest_profile, parse_profile
from ledger.service.workspace import Workspace
from ledger.store.chain_index import Organisation

LAST_SECOND = 253_402_300_799
"""The end of the year 9999; later times cannot be written as dates."""
SENTENCES: Mapping[str, str] = {
    "addOrganisation": "enrol {metadata} as organisation {number}, with the roles {roles} and the account {account}",
    "setOrganisation": "give {id} the roles {roles}, and {metadata}",
    "suspendOrganisation": "suspend {id}",
    "resumeOrganisation": "let {id} write again",
    "addAccount": "let account {account} write for {id}",
    "removeAccount": "let account {account} no longer write for {id}",
    "revokeIssuerKeyFrom": "revoke key {thumbprint} of {id} from {revokedFrom} on",
    "assignNamespace": "assign {namespace} to {id}",
    "addValidator": "make {validator} a validator",
    "removeValidator": "make {validator} no longer a validator",
    "retireLog": "close log {log}; {successor} goes on",
    "addAdministrator": "make {administrator} an administrator of the council",
    "removeAdministrator": "make {administrator} no longer an administrator of the council",
    "setThreshold": "let {threshold_} administrators decide",
}
"""One for each action; what stands in braces are its arguments, as ``_told`` writes them."""


def describe_action(workspace: Workspace, calldata: bytes, prefixes: Mapping[bytes, str]) -> str:
    """Say in one sentence all that an action does.

    Args:
        workspace: Gives the names of organisations, as far as their profiles are in its store.
        calldata: *Untrusted*; what is no action is said to be none.
        prefixes: Texts of prefixes by what stands for them on the chain (``namespace_digests``).
    """
    try:
        action = parse_action(calldata)
    except MalformedError as error:
        return f"nothing that can be told: {error}"
    words = {name: _told(workspace, action, name, prefixes) for name in action.arguments}
    return SENTENCES[action.name].format(**words, number=action.arguments.get("id"))


def _told(workspace: Workspace, action: Action, name: str, prefixes: Mapping[bytes, str]) -> str:
    value: Any = action.arguments[name]
    if name == "metadata":
        return _profile(workspace, action)
    if name == "namespace":
        return prefixes.get(value, f"a prefix of which the chain has only 0x{value.hex()} (name it to recognise it)")
    if name == "id":
        return _organisation(workspace, value)
    return _PLAIN.get(name, _hex)(value)


def _hex(value: bytes) -> str:
    return f"0x{value.hex()}"


def _moment(seconds: int) -> str:
    if seconds > LAST_SECOND:
        return f"second {seconds}"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _organisation(workspace: Workspace, number: int) -> str:
    if number == 0:
        return "nobody"
    with workspace.database.read() as session:
        row = session.get(Organisation, number)
    if row is None:
        return f"organisation {number}, which there is not"
    return f"organisation {number} ({_title(workspace, row.metadata_digest)})"


def _profile(workspace: Workspace, action: Action) -> str:
    digest = action.arguments["metadata"]
    if action.name == "addOrganisation":
        return _title(workspace, digest)
    with workspace.database.read() as session:
        row = session.get(Organisation, action.arguments["id"])
    if row is not None and row.metadata_digest == digest:
        return "leave its profile as it is"
    return f"the profile 0x{digest.hex()} of {_title(workspace, digest)}"


def _title(workspace: Workspace, digest: bytes) -> str:
    """The name in a profile, quoted, as others wrote it; its hash where the profile cannot be had."""
    try:
        data = workspace.documents.get(cid_from_digest(digest))
        if digest_profile(data) != digest:
            raise MissingError("another document")
        return repr(parse_profile(data).name)
    except (SourceError, VerificationError):
        return f"whoever has profile 0x{digest.hex()}"


def _roles(mask: int) -> str:
    names = [name for name in role_names() if mask >> role_bit(name) & 1]
    unknown = mask & ~sum(1 << role_bit(name) for name in role_names())
    return ", ".join([*names, *([f"others that are unknown here ({unknown:#x})"] if unknown else [])]) or "none"


_PLAIN: Mapping[str, Callable[[Any], str]] = {
    "roles": _roles,
    "revokedFrom": _moment,
    "thumbprint": encode_base64url,
    "threshold_": str,
}
