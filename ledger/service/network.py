"""Set a consortium up and govern it: council, contracts, organisations, keys, namespaces.

Every change of the council's goes through ``confirm`` of as many administrators as its threshold asks for. The
administrators whose keys lie in this home confirm here; the others confirm from theirs.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from sqlmodel import func, select

from ipfs.batch import Batch
from ledger.chain import contracts as calls
from ledger.chain.abi import Function
from ledger.chain.node import start_node, stop_node
from ledger.chain.signer import KeySigner
from ledger.credential.jose import Algorithm, PublicKey, parse_private_key
from ledger.errors import ConfigurationError, NotAuthorisedError, RuleError, SourceTimeoutError
from ledger.kinds import roles_mask
from ledger.proof.subject import namespace_id
from ledger.service.contracts import FILE_NAME as CONTRACTS_FILE
from ledger.service.contracts import Contracts, origin_of, save_contracts
from ledger.service.files import write_durably
from ledger.service.members import ISSUER, ISSUER_ALGORITHM, digest_profile, encode_profile, new_secrets, profile_of
from ledger.service.settings import FILE_NAME as SETTINGS_FILE
from ledger.service.workspace import COUNCIL, Workspace
from ledger.store.chain_index import Organisation
from ledger.strict_json import canonical_json

NO_END = 2**48 - 1
ALGORITHM_NUMBERS: Mapping[Algorithm, int] = {Algorithm.ES256: 1, Algorithm.ES256K: 2, Algorithm.EDDSA: 3}
_PREFIXES = {
    "wmi": re.compile(r"[0-9A-HJ-NPR-Z]{2}(?:[0-8A-HJ-NPR-Z]|9[0-9A-HJ-NPR-Z]{3})", re.ASCII),
    "gs1": re.compile(r"[0-9]{4,12}", re.ASCII),
    "gbt": re.compile(r"[0-9A-Z]{3}", re.ASCII),
    "bpn": re.compile(r"BPNL[0-9A-Z]{12}", re.ASCII),
}
_DELAY_POLL_S = 0.2

_THRESHOLD = Function("threshold()", "uint256")
_PROPOSAL_ID = Function("proposalId(bytes,bytes32)", "bytes32")
_PROPOSAL = Function("proposal(bytes32)", "(uint48,uint48,uint48),address[]")


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of a council action here.

    Attributes:
        proposal: Its id, 32 bytes.
        executed: Whether it took effect; otherwise other administrators have to confirm it, or its delay runs.
        salt: Makes the id together with the action; others need both to confirm, 32 bytes.
    """

    proposal: bytes
    executed: bool
    salt: bytes


def initialise(workspace: Workspace, template: str) -> list[str]:
    """Make a home: settings file, and keystores of the council's administrators.

    Args:
        workspace: Of the new home.
        template: Text of the settings file.

    Returns:
        Names of the administrators' keystores.

    Raises: ConfigurationError, where there is a home already.
    """
    if (workspace.home / SETTINGS_FILE).exists() or (workspace.home / CONTRACTS_FILE).exists():
        raise ConfigurationError(f"{workspace.home} is a home already")
    workspace.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    names = [f"{COUNCIL}-{number}" for number in range(1, workspace.settings.council.administrators + 1)]
    for name in names:
        workspace.keyring.create(name, os.urandom(32), {})
    write_durably(workspace.home / SETTINGS_FILE, template.encode("utf-8"))
    return names


def bring_up(workspace: Workspace) -> bool:
    """Start the embedded chain where it is embedded, and deploy the contracts where there are none yet.

    Returns: Whether contracts were deployed just now.
    """
    if workspace.settings.chain.url is None:
        start_node(workspace.node_settings())
    if (workspace.home / CONTRACTS_FILE).exists():
        workspace.projector.sync()
        return False
    save_contracts(workspace.home, _deploy(workspace))
    workspace.projector.sync()
    return True


def bring_down(workspace: Workspace) -> bool:
    """Stop the embedded chain; its state is on disk when this returns. False if none was running."""
    return stop_node(workspace.node_settings().folder)


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


def enrol(workspace: Workspace, name: str, title: str, roles: list[str]) -> int:
    """Make an organisation's keys, publish its profile, enrol it, and add its issuer key.

    Args:
        workspace: The home; its administrators reach the council's threshold.
        name: Of its keystores.
        title: Name for people.
        roles: Names of roles.

    Returns: Its number in ``Consortium``.

    Raises: As ``enrol_all``.
    """
    return enrol_all(workspace, [Enrolment(name, title, roles)])[0]


def enrol_all(workspace: Workspace, enrolments: Sequence[Enrolment]) -> list[int]:
    """Enrol organisations together: one block for them, one for their issuer keys and namespaces.

    Args:
        workspace: The home; its administrators reach the council's threshold.
        enrolments: Who.

    Returns: Their numbers in ``Consortium``, in the same order.

    Raises:
        ConfigurationError: There are keys of one of the names already; nothing was sent.
        RuleError: A role that there is none of, or the contract refuses.
    """
    _check_new(workspace, enrolments)
    first, admissions, assignments, issuers = _next_number(workspace), [], [], []
    for number, one in enumerate(enrolments, start=first):
        admission, issuer = _prepare(workspace, number, one)
        admissions.append(admission)
        issuers.append((one.name, issuer))
        assignments += [calls.ASSIGN_NAMESPACE.encode(namespace_id(*prefix), number) for prefix in one.namespaces]
    decide_all(workspace, admissions)
    with ThreadPoolExecutor(len(issuers) + 1) as pool:
        tasks: list[Future[object]] = [
            pool.submit(_publish_issuer_key, workspace, name, issuer) for name, issuer in issuers
        ]
        if assignments:
            tasks.append(pool.submit(decide_all, workspace, assignments))
        for task in tasks:
            task.result()
    workspace.projector.sync()
    return list(range(first, first + len(enrolments)))


def _check_new(workspace: Workspace, enrolments: Sequence[Enrolment]) -> None:
    """Refuse what cannot be enrolled before any key is made or anything is published."""
    _administrators(workspace)
    names = [one.name for one in enrolments]
    for one in enrolments:
        roles_mask(one.roles)
        if one.name in workspace.keyring.names() or names.count(one.name) > 1:
            raise ConfigurationError(f"there are keys for {one.name!r} already")


def _prepare(workspace: Workspace, number: int, enrolment: Enrolment) -> tuple[bytes, PublicKey]:
    """Make keys and publish the profile; what is left is the council's action, and the issuer key."""
    mask, secrets = roles_mask(enrolment.roles), new_secrets()
    profile = encode_profile(profile_of(enrolment.name, enrolment.title, secrets))
    with Batch() as batch:
        batch.add(profile, "profile.json")
        batch.put(workspace.documents)
    keys = workspace.keyring.create(enrolment.name, os.urandom(32), secrets)
    account = bytes.fromhex(keys.account.address[2:])
    action = calls.ADD_ORGANISATION.encode(number, mask, digest_profile(profile), account)
    return action, parse_private_key(ISSUER_ALGORITHM, secrets[ISSUER]).public


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


def revoke_from(workspace: Workspace, organisation: int, thumbprint: bytes, since: int) -> Decision:
    """Revoke an organisation's key from a time in the past; what was attested since then is disputed."""
    return decide(workspace, calls.REVOKE_ISSUER_KEY_FROM.encode(organisation, thumbprint, since))


def add_issuer_key(workspace: Workspace, name: str, key: PublicKey) -> None:
    """Publish a credential key and add it to the organisation of keystore ``name``, valid from now on, without end.

    The key's document is its canonical JSON, whose SHA-256 is the thumbprint: whoever reads the chain finds it.
    """
    _publish_issuer_key(workspace, name, key)
    workspace.projector.sync()


def _publish_issuer_key(workspace: Workspace, name: str, key: PublicKey) -> None:
    with Batch() as batch:
        batch.add(canonical_json(dict(key.jwk)), "issuer.jwk")
        batch.put(workspace.documents)
    action = calls.ADD_ISSUER_KEY.encode(key.thumbprint, 0, NO_END, ALGORITHM_NUMBERS[key.algorithm], 0)
    signer = KeySigner(bytes(workspace.keyring.unlock(name).account.key))
    workspace.client.transact(signer, workspace.contracts.consortium, action)


def revoke_issuer_key(workspace: Workspace, name: str, thumbprint: bytes) -> None:
    """Revoke an own credential key from now on."""
    _as_organisation(workspace, name, calls.REVOKE_ISSUER_KEY.encode(thumbprint))


def limit_issuer_key(workspace: Workspace, name: str, thumbprint: bytes, until: int) -> None:
    """Let an own credential key end at a time."""
    _as_organisation(workspace, name, calls.LIMIT_ISSUER_KEY.encode(thumbprint, until))


def decide(workspace: Workspace, action: bytes) -> Decision:
    """Confirm an action with the administrators of this home, and wait out its delay.

    Args:
        workspace: The home.
        action: Calldata of one of ``Consortium``'s actions.

    Raises:
        ConfigurationError: No administrator's keys are here.
        RuleError: The contract refuses, in its own words.
        SourceTimeoutError: The delay is longer than this command waits; confirm once more afterwards.
    """
    return decide_all(workspace, [action])[0]


def decide_all(workspace: Workspace, actions: Sequence[bytes]) -> list[Decision]:
    """Confirm actions that do not depend on each other, all in one block where they get there in time.

    Raises: As ``decide``; where one is refused, none was proposed.
    """
    signers = _administrators(workspace)
    consortium, client = workspace.contracts.consortium, workspace.client
    for refusal in client.simulate([(consortium, consortium, action, calls.ACTION_GAS) for action in actions]):
        if refusal is not None:  # what the council decides, the contract does by calling itself
            raise refusal
    needed, salts = int(client.call(consortium, _THRESHOLD)), [os.urandom(32) for _ in actions]
    confirmations = [calls.CONFIRM.encode(action, salt) for action, salt in zip(actions, salts, strict=True)]
    sent = [(consortium, calldata) for calldata in confirmations]
    with ThreadPoolExecutor(needed) as pool:
        list(pool.map(lambda signer: client.transact_many(signer, sent), signers[:needed]))
    decisions = []
    for action, salt, calldata in zip(actions, salts, confirmations, strict=True):
        proposal = bytes(client.call(consortium, _PROPOSAL_ID, action, salt))
        executed = len(signers) >= needed and _wait_for_execution(workspace, signers[0], calldata, proposal)
        decisions.append(Decision(proposal, executed, salt))
    workspace.projector.sync()
    return decisions


def _wait_for_execution(workspace: Workspace, signer: KeySigner, calldata: bytes, proposal: bytes) -> bool:
    """Execute once the delay is over; the last confirmation did it where there is none."""
    consortium, client = workspace.contracts.consortium, workspace.client
    deadline = time.monotonic() + workspace.settings.council.delay_seconds + 60
    while True:
        (_, ready_at, executed_at), _ = client.call(consortium, _PROPOSAL, proposal)
        if executed_at:
            return True
        if client.header().timestamp >= ready_at:
            client.transact(signer, consortium, calldata)
        elif time.monotonic() > deadline:
            raise SourceTimeoutError(
                f"proposal 0x{proposal.hex()} can be executed at {ready_at}: confirm it again then"
            )
        else:
            time.sleep(_DELAY_POLL_S)


def _as_organisation(workspace: Workspace, name: str, calldata: bytes) -> None:
    signer = KeySigner(bytes(workspace.keyring.unlock(name).account.key))
    workspace.client.transact(signer, workspace.contracts.consortium, calldata)
    workspace.projector.sync()


def _administrators(workspace: Workspace) -> list[KeySigner]:
    names = [name for name in workspace.keyring.names() if name.startswith(f"{COUNCIL}-")]
    if not names:
        raise ConfigurationError("no keys of an administrator of the council are in this home")
    return [KeySigner(bytes(workspace.keyring.unlock(name).account.key)) for name in names]


def _next_number(workspace: Workspace) -> int:
    workspace.projector.sync()
    with workspace.database.read() as session:
        highest = session.exec(select(func.max(Organisation.id))).one()
    return (highest or 0) + 1


def _deploy(workspace: Workspace) -> Contracts:
    council, signers = workspace.settings.council, _administrators(workspace)
    addresses = [signer.address for signer in signers]
    deployment = calls.deploy(
        workspace.client,
        signers[0],
        administrators=addresses,
        threshold=council.threshold,
        delay_s=council.delay_seconds,
        validators=addresses[:1],
    )
    return Contracts(deployment, origin_of(deployment))


def parse_namespace(text: str) -> tuple[int, str]:
    """Read ``wmi:WVW``, ``gs1:9521234``, ``gbt:001``, ``bpn:BPNL…`` as scheme and prefix.

    Raises: RuleError, where it is none of them.
    """
    schemes = {"wmi": 1, "gs1": 2, "gbt": 3, "bpn": 4}
    name, _, prefix = text.partition(":")
    if name not in schemes or not _PREFIXES[name].fullmatch(prefix.upper()):
        raise RuleError(f"{text!r} is no namespace: use wmi:WVW (or wmi:WV9123), gs1:9521234, gbt:001 or bpn:BPNL…")
    return schemes[name], prefix.upper()
