"""Enrol organisations: keys, profile, admission by the council, issuer key, namespaces.

Each step can be the last one of a run: keys that are here already are used, a proposal that is open is confirmed, and
the issuer key is published once the organisation is admitted. The same enrolment again does what is left.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import count

from sqlmodel import select

from ipfs.batch import Batch
from ledger.chain import contracts as calls
from ledger.chain.actions import parse_action
from ledger.credential.jose import PublicKey
from ledger.credential.signing import parse_private_key
from ledger.errors import ConfigurationError, MalformedError
from ledger.kinds import role_bit, role_names, roles_mask
from ledger.proof.subject import namespace_id
from ledger.service.council import Decision, administrators, decide_all
from ledger.service.directory import namespaces
from ledger.service.issuer_keys import publish_issuer_key
from ledger.service.members import ISSUER, ISSUER_ALGORITHM, digest_profile, encode_profile, new_secrets, profile_of
from ledger.service.proposals import alive_proposals
from ledger.service.workspace import COUNCIL, Workspace
from ledger.store.chain_index import Account, IssuerKey, Organisation


@dataclass(frozen=True, slots=True)
class Enrolment:
    """An organisation that is to be enrolled.

    Attributes:
        name: Of its keystores.
        title: Name for people.
        roles: Names of roles.
        namespaces: Scheme and prefix of what it may register.
    """

    name: str
    title: str
    roles: Sequence[str]
    namespaces: Sequence[tuple[int, str]] = ()


@dataclass(frozen=True, slots=True)
class Enrolled:
    """How far an enrolment is.

    Attributes:
        number: In ``Consortium``; proposed only, until it is admitted.
        roles: Names of the roles that it has, or would have.
        admitted: Whether it is a member now; its issuer key is published then.
        left_open: What has yet to be confirmed, or waits out its delay: the admission, or its namespaces.
    """

    number: int
    roles: tuple[str, ...]
    admitted: bool
    left_open: tuple[Decision, ...] = ()


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An organisation whose keys are here."""

    enrolment: Enrolment
    account: bytes
    issuer: PublicKey
    profile: bytes

    def admission(self, number: int) -> bytes:
        """The council's action that makes it organisation ``number``."""
        mask = roles_mask(self.enrolment.roles)
        return calls.ADD_ORGANISATION.encode(number, mask, digest_profile(self.profile), self.account)


def enrol(workspace: Workspace, name: str, title: str, roles: list[str]) -> Enrolled:
    """Enrol one organisation that gets no namespace.

    Args:
        workspace: The home.
        name: Of its keystores.
        title: Name for people.
        roles: Names of roles.

    Raises: As ``enrol_all``.
    """
    return enrol_all(workspace, [Enrolment(name, title, roles)])[0]


def enrol_all(workspace: Workspace, enrolments: Sequence[Enrolment]) -> list[Enrolled]:
    """Enrol organisations together: one block for them, one for their issuer keys and namespaces.

    Args:
        workspace: The home. Where its administrators do not reach the council's threshold, the admissions are left
            open, and the same enrolments again go on once others have confirmed them.
        enrolments: Who.

    Returns: How far each is, in the same order.

    Raises:
        ConfigurationError: One of them is enrolled already, or cannot have keys of that name; nothing was sent.
        RuleError: A role that there is none of, or the contract refuses.
    """
    _check_all(workspace, enrolments)
    candidates = [_prepare(workspace, one) for one in enrolments]
    admissions = _admissions(workspace, candidates)
    decided = decide_all(workspace, list(admissions.values()))
    decisions = dict(zip(admissions, decided, strict=True))
    numbers = _numbers(workspace)
    assigned = _complete(workspace, [one for one in candidates if one.account in numbers], numbers)
    return [
        Enrolled(numbers[one.account], _roles(workspace, numbers[one.account]), True, _open(assigned[one.account]))
        if one.account in numbers
        else _proposed_only(one, decisions[one.account])
        for one in candidates
    ]


def _proposed_only(one: _Candidate, decision: Decision) -> Enrolled:
    number = int(parse_action(decision.action).arguments["id"])
    return Enrolled(number, tuple(one.enrolment.roles), False, (decision,))


def _check_all(workspace: Workspace, enrolments: Sequence[Enrolment]) -> None:
    """Refuse what cannot be enrolled before any key is made or anything is published."""
    administrators(workspace)
    workspace.projector.sync()
    names = [one.name for one in enrolments]
    for one in enrolments:
        roles_mask(one.roles)
        if one.name.startswith(f"{COUNCIL}-"):
            raise ConfigurationError(f"{one.name!r} is a name for keys of an administrator")
        if names.count(one.name) > 1:
            raise ConfigurationError(f"{one.name!r} stands there twice")
        if one.name in workspace.keyring.names():
            _check_unfinished(workspace, one.name)


def _check_unfinished(workspace: Workspace, name: str) -> None:
    """Refuse an organisation whose keys are here, unless it is still to be admitted or lacks its issuer key."""
    with workspace.database.read() as session:
        account = session.get(Account, workspace.keyring.address(name))
        if account is not None and not account.organisation:
            raise ConfigurationError(f"there are keys for {name!r} already, and their account was taken away")
        own = None if account is None else (account.organisation, _issuer(workspace, name).thumbprint)
        if account is not None and session.get(IssuerKey, own) is not None:
            raise ConfigurationError(f"there are keys for {name!r} already: it is organisation {account.organisation}")


def _prepare(workspace: Workspace, enrolment: Enrolment) -> _Candidate:
    """Make keys, where there are none yet, and the profile."""
    keyring, name = workspace.keyring, enrolment.name
    keys = keyring.unlock(name) if name in keyring.names() else keyring.create(name, os.urandom(32), new_secrets())
    profile = encode_profile(profile_of(name, enrolment.title, keys.secrets))
    return _Candidate(enrolment, keyring.address(name), _issuer(workspace, name), profile)


def _issuer(workspace: Workspace, name: str) -> PublicKey:
    return parse_private_key(ISSUER_ALGORITHM, workspace.keyring.unlock(name).secrets[ISSUER]).public


def _admissions(workspace: Workspace, candidates: Sequence[_Candidate]) -> dict[bytes, bytes]:
    """The actions that admit whoever is no member yet, by account; what is proposed already stays as it is.

    Profiles are in the store before anybody sees their digests.
    """
    members, taken = _numbers(workspace), _taken(workspace)
    proposed = _proposed(workspace)
    free = (number for number in count(1 + max(taken, default=0)) if number not in proposed.values())
    found = {}
    for one in candidates:
        if one.account not in members:
            _publish_profile(workspace, one.profile)
            own = (action for action, number in proposed.items() if number not in taken)
            same = (action for action in own if action == one.admission(proposed[action]))
            found[one.account] = next(same, None) or one.admission(next(free))
    return found


def _publish_profile(workspace: Workspace, profile: bytes) -> None:
    with Batch() as batch:
        batch.add(profile, "profile.json")
        batch.put(workspace.documents)


def _proposed(workspace: Workspace) -> dict[bytes, int]:
    """Admissions that can still take effect, with the numbers that they give."""
    found = {}
    for one in alive_proposals(workspace):
        with suppress(MalformedError):
            action = parse_action(one.action)
            if action.name == "addOrganisation":
                found[one.action] = int(action.arguments["id"])
    return found


def _complete(
    workspace: Workspace, admitted: Sequence[_Candidate], numbers: Mapping[bytes, int]
) -> dict[bytes, list[Decision]]:
    """Publish the issuer keys of who is a member now, and decide over the namespaces, by account."""
    actions = [(one.account, action) for one in admitted for action in _assignments(workspace, one, numbers)]
    with ThreadPoolExecutor(len(admitted) + 1) as pool:
        decided = pool.submit(decide_all, workspace, [action for _, action in actions]) if actions else None
        tasks = [pool.submit(publish_issuer_key, workspace, one.enrolment.name, one.issuer) for one in admitted]
        for task in tasks:
            task.result()
        decisions = [] if decided is None else decided.result()
    workspace.projector.sync()
    found: dict[bytes, list[Decision]] = {one.account: [] for one in admitted}
    for (account, _), decision in zip(actions, decisions, strict=True):
        found[account].append(decision)
    return found


def _assignments(workspace: Workspace, one: _Candidate, numbers: Mapping[bytes, int]) -> list[bytes]:
    """The actions that give a member the namespaces that it does not hold yet."""
    number = numbers[one.account]
    wanted = [namespace_id(*prefix) for prefix in one.enrolment.namespaces]
    held = {row.namespace for row in namespaces(workspace) if row.organisation == number}
    return [calls.ASSIGN_NAMESPACE.encode(digest, number) for digest in wanted if digest not in held]


def _numbers(workspace: Workspace) -> dict[bytes, int]:
    """Numbers of the organisations that accounts write for."""
    workspace.projector.sync()
    with workspace.database.read() as session:
        return {row.address: row.organisation for row in session.exec(select(Account)).all() if row.organisation}


def _roles(workspace: Workspace, number: int) -> tuple[str, ...]:
    with workspace.database.read() as session:
        mask = session.get_one(Organisation, number).roles
    return tuple(name for name in role_names() if mask >> role_bit(name) & 1)


def _taken(workspace: Workspace) -> set[int]:
    with workspace.database.read() as session:
        return set(session.exec(select(Organisation.id)).all())


def _open(decisions: Sequence[Decision]) -> tuple[Decision, ...]:
    return tuple(one for one in decisions if not one.executed)
