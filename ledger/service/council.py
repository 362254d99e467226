"""Decide as the council: propose an action, confirm it, execute it.

Every change of the council's goes through ``confirm`` of as many administrators as its threshold asks for. The
administrators whose keys lie in this home confirm here, the others from theirs. The same action decided again, here or
elsewhere, confirms the proposal that is open already.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ledger.chain import contracts as calls
from ledger.chain.abi import Function
from ledger.chain.actions import parse_action, proposal_id
from ledger.chain.signer import KeySigner
from ledger.errors import ConfigurationError, ConflictError, NotAuthorisedError, RuleError, SourceTimeoutError
from ledger.kinds import roles_mask
from ledger.proof.subject import namespace_id
from ledger.service.proposals import PROPOSAL, THRESHOLD, Proposal, State, alive_proposals
from ledger.service.workspace import COUNCIL, Workspace
from ledger.store.chain_index import Organisation

PATIENCE_S = 60
"""How long a command waits for a delay to end; what waits longer is left open."""
_GRACE_S = 60
_POLL_S = 0.2
_ADMINISTRATORS = Function("getAdministrators()", "address[]")


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a council action here.

    Attributes:
        proposal: Its id, 32 bytes.
        executed: Whether it took effect.
        action: Calldata.
        salt: Makes the id together with the action, 32 bytes.
        missing: How many further administrators have to confirm it.
        ready_at: When its delay ends, where that is not soon; it is to be confirmed once more then.
    """

    proposal: bytes
    executed: bool
    action: bytes
    salt: bytes
    missing: int = 0
    ready_at: int | None = None


@dataclass(frozen=True, slots=True)
class _Draft:
    """An action with who is to confirm it here, by the names of their keys."""

    action: bytes
    salt: bytes
    confirmers: tuple[str, ...]

    @property
    def calldata(self) -> bytes:
        return calls.CONFIRM.encode(self.action, self.salt)


def change_roles(workspace: Workspace, organisation: int, roles: list[str]) -> Decision:
    """Replace the roles of an organisation; its profile stays."""
    with workspace.database.read() as session:
        row = session.get(Organisation, organisation)
    if row is None:
        raise NotAuthorisedError(f"there is no organisation {organisation}")
    return decide(workspace, calls.SET_ORGANISATION.encode(organisation, roles_mask(roles), row.metadata_digest))


def suspend(workspace: Workspace, organisation: int, *, resume: bool = False) -> Decision:
    """Refuse an organisation's later writes from now on, or accept them again."""
    return decide(workspace, (calls.RESUME_ORGANISATION if resume else calls.SUSPEND_ORGANISATION).encode(organisation))


def assign_namespace(workspace: Workspace, scheme: int, prefix: str, organisation: int) -> Decision:
    """Let an organisation (0: nobody) register the identifiers of a prefix from now on."""
    return decide(workspace, calls.ASSIGN_NAMESPACE.encode(namespace_id(scheme, prefix), organisation))


def change_validator(workspace: Workspace, address: bytes, *, remove: bool = False) -> Decision:
    """Let a node seal blocks, or no longer, by its address (20 bytes). One change a block; best one at a time."""
    return decide(workspace, (calls.REMOVE_VALIDATOR if remove else calls.ADD_VALIDATOR).encode(address))


def validators(workspace: Workspace) -> tuple[bytes, ...]:
    """Addresses that ``Consortium`` names now, ascending; whether the engine asks it is the operator's matter."""
    return tuple(sorted(workspace.client.call(workspace.contracts.consortium, calls.GET_VALIDATORS)))


def revoke_from(workspace: Workspace, organisation: int, thumbprint: bytes, since: int) -> Decision:
    """Revoke an organisation's key from a time in the past; what was attested since then is disputed."""
    return decide(workspace, calls.REVOKE_ISSUER_KEY_FROM.encode(organisation, thumbprint, since))


def decide(workspace: Workspace, action: bytes) -> Decision:
    """Confirm an action with the administrators of this home, and execute it where that is possible soon.

    Args:
        workspace: The home.
        action: Calldata of one of ``Consortium``'s actions.

    Raises:
        ConfigurationError: No administrator's keys are here.
        NotAuthorisedError: Nobody whose keys are here is an administrator now.
        RuleError: The contract refuses, in its own words.
        SourceTimeoutError: The chain does not get to the end of a short delay.
    """
    return decide_all(workspace, [action])[0]


def decide_all(workspace: Workspace, actions: Sequence[bytes]) -> list[Decision]:
    """Decide actions that do not depend on each other, all in one block where they get there in time.

    Raises: As ``decide``; where one is refused, none was proposed.
    """
    if not actions:
        return []
    names, threshold = present_administrators(workspace), _threshold(workspace)
    alive = {one.action: one for one in alive_proposals(workspace)}
    drafts = [
        _continued(alive[action], names)
        if action in alive
        else _Draft(action, os.urandom(32), tuple(names)[:threshold])
        for action in actions
    ]
    return _carry(workspace, drafts, next(iter(names)))


def confirm(workspace: Workspace, proposal: Proposal) -> Decision:
    """Confirm a proposal with the administrators of this home, or execute it once its delay is over.

    Raises:
        MalformedError: Its action is not one that can be told in words.
        ConflictError: It took effect already.
        NotAuthorisedError: Nobody here can confirm it, or whoever can has done so.
        RuleError: It has expired, or the contract refuses.
        SourceTimeoutError: As ``decide``.
    """
    parse_action(proposal.action)
    if proposal.state is State.EXECUTED:
        raise ConflictError(f"proposal 0x{proposal.id.hex()} took effect already")
    if proposal.state is State.EXPIRED:
        raise RuleError(f"proposal 0x{proposal.id.hex()} has expired: decide the same anew")
    names = present_administrators(workspace)
    draft = _continued(proposal, names)
    if not draft.confirmers and proposal.state is State.OPEN:
        raise NotAuthorisedError(f"whoever can confirm it here has done so; {proposal.missing} more have to, elsewhere")
    return _carry(workspace, [draft], next(iter(names)))[0]


def keys_here(workspace: Workspace) -> dict[str, bytes]:
    """Addresses of the administrators' keystores in this home, by their names; whether they are in office or not."""
    names = [name for name in workspace.keyring.names() if name.startswith(f"{COUNCIL}-")]
    return {name: workspace.keyring.address(name) for name in names}


def administrators(workspace: Workspace) -> list[str]:
    """Names of the keystores of administrators in this home.

    Raises: ConfigurationError, where there are none.
    """
    names = list(keys_here(workspace))
    if not names:
        raise ConfigurationError("no keys of an administrator of the council are in this home")
    return names


def present_administrators(workspace: Workspace) -> dict[str, bytes]:
    """Addresses of those whose keys lie here and who are administrators now, by the names of their keystores.

    Raises:
        ConfigurationError: No administrator's keys are here.
        NotAuthorisedError: None of them is one now.
    """
    present = set(workspace.client.call(workspace.contracts.consortium, _ADMINISTRATORS))
    names = administrators(workspace)
    found = {name: address for name, address in keys_here(workspace).items() if address in present}
    if not found:
        raise NotAuthorisedError(f"none of {', '.join(names)} is an administrator of the council now")
    return found


def signer_of(workspace: Workspace, name: str) -> KeySigner:
    """The chain account of a keystore."""
    return KeySigner(bytes(workspace.keyring.unlock(name).account.key))


def _continued(proposal: Proposal, names: dict[str, bytes]) -> _Draft:
    """Go on with a proposal: with those who have not confirmed it, as far as they are needed."""
    others = tuple(name for name, address in names.items() if address not in proposal.confirmed_by)
    needed = proposal.missing or (1 if proposal.ready_at is None else 0)
    return _Draft(proposal.action, proposal.salt, others[:needed])


def _carry(workspace: Workspace, drafts: Sequence[_Draft], executor: str) -> list[Decision]:
    """Try the actions, send all confirmations, each administrator's in one go, and see what became of them."""
    consortium, client = workspace.contracts.consortium, workspace.client
    for refusal in client.simulate([(consortium, consortium, one.action, calls.ACTION_GAS) for one in drafts]):
        if refusal is not None:  # what the council decides, the contract does by calling itself
            raise refusal
    sent: dict[str, list[tuple[bytes | None, bytes]]] = {}
    for draft in drafts:
        for name in draft.confirmers:
            sent.setdefault(name, []).append((consortium, draft.calldata))
    signers = [signer_of(workspace, name) for name in sent]  # unlocked before the threads need them
    with ThreadPoolExecutor(max(len(sent), 1)) as pool:
        list(pool.map(client.transact_many, signers, sent.values()))
    decisions = [_conclude(workspace, draft, executor) for draft in drafts]
    workspace.projector.sync()
    return decisions


def _conclude(workspace: Workspace, draft: _Draft, executor: str) -> Decision:
    """Execute once the delay is over, where that is soon; the last confirmation did it where there is none."""
    consortium, client, threshold = workspace.contracts.consortium, workspace.client, _threshold(workspace)
    proposal, deadline = proposal_id(draft.action, draft.salt), time.monotonic() + PATIENCE_S + _GRACE_S
    while time.monotonic() < deadline:
        (_, ready_at, executed_at), confirmed = client.call(consortium, PROPOSAL, proposal)
        missing, now = max(threshold - len(confirmed), 0), client.header().timestamp
        if executed_at or missing:
            return Decision(proposal, bool(executed_at), draft.action, draft.salt, 0 if executed_at else missing)
        if ready_at - now > PATIENCE_S:
            return Decision(proposal, False, draft.action, draft.salt, 0, ready_at)
        if now >= ready_at:
            client.transact(signer_of(workspace, executor), consortium, draft.calldata)
        else:
            time.sleep(_POLL_S)
    raise SourceTimeoutError(f"the chain does not get to the end of the delay of proposal 0x{proposal.hex()}")


def _threshold(workspace: Workspace) -> int:
    return int(workspace.client.call(workspace.contracts.consortium, THRESHOLD))
