"""Put a successor in the place of a log, and go on with it: one life, one writable log.

1. The successor is deployed. It takes nothing before 3.
2. Its code and what it was made with are verified: it has to be the log of this version.
3. The council closes the old log for it, once and for ever, after the council's delay.
4. Every home follows: ``contracts.json`` names both logs. Until then its index stands before the block of 3, for it
   could not see what is attested from there on.

What was queued for the old log at 3 is refused by it; its documents, taken in again, are signed anew for the successor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlmodel import col, select

from contracts import LOGS, artefact
from ledger.chain import contracts as calls
from ledger.chain.abi import Function
from ledger.chain.deploying import deploy_contract
from ledger.errors import ConflictError, UntrustedError
from ledger.event import AssetType
from ledger.proof.slots import SUCCESSOR_SLOT, parse_address, word_of
from ledger.service.contracts import extend_contracts, with_successor
from ledger.service.council import Decision, decide, present_administrators, signer_of
from ledger.service.proposals import alive_proposals
from ledger.service.workspace import Workspace
from ledger.store.chain_index import Attestation
from ledger.store.document_index import Credential, SourceDocument, SourceEvent
from ledger.store.work import OutboxItem

_CONSORTIUM = Function("consortium()", "address")
_PREDECESSOR = Function("predecessor()", "address")


@dataclass(frozen=True, slots=True)
class LogState:
    """One log as the chain has it.

    Attributes:
        asset_type: Whose histories it keeps.
        generation: 0 for the first.
        address: 20 bytes.
        successor: The log that goes on, 20 bytes; None while this one takes attestations.
    """

    asset_type: AssetType
    generation: int
    address: bytes
    successor: bytes | None


@dataclass(frozen=True, slots=True)
class Succession:
    """What became of a log that is to be replaced.

    Attributes:
        log: The old one, 20 bytes.
        successor: The new one, 20 bytes.
        decision: Of the council; where it is executed, this home goes on with the successor.
    """

    log: bytes
    successor: bytes
    decision: Decision


def logs(workspace: Workspace) -> list[LogState]:
    """Every log that this home follows, by asset type, oldest first."""
    return [
        LogState(asset_type, generation, log, successor_of(workspace, log))
        for asset_type, chosen in workspace.contracts.deployment.logs.items()
        for generation, log in enumerate(chosen)
    ]


def succeed(workspace: Workspace, asset_type: AssetType) -> Succession:
    """Close the log of an asset type for a successor; where one is proposed already, for that one.

    The administrators whose keys lie here confirm. Called again, here or in another home, it goes on where it stands:
    with further confirmations, and once the delay is over with the execution.

    Raises:
        ConfigurationError: No administrator's keys are here.
        ConflictError: The log is closed already, or several successors are proposed.
        UntrustedError: The proposed successor is not the log of this version.
        RuleError: The contract refuses, in its own words.
    """
    before = workspace.contracts
    log = before.log(asset_type)
    if successor_of(workspace, log) is not None:
        raise ConflictError(f"the {asset_type} log 0x{log.hex()} is closed already: run `vinculum log follow`")
    successor = _proposed(workspace, log) or _deploy(workspace, asset_type, log)
    verify_successor(workspace, asset_type, log, successor)
    after, executed = with_successor(before, asset_type, successor), False
    workspace.use(after)  # so that the index may go past the block in which the old log is closed
    try:
        decision = decide(workspace, calls.RETIRE_LOG.encode(log, successor))
        executed = decision.executed
        if executed:
            extend_contracts(workspace.home, after)
    finally:
        if not executed:
            workspace.use(before)
    return Succession(log, successor, decision)


def follow(workspace: Workspace) -> list[LogState]:
    """Go on with every log for which the council has closed one of this home's.

    Returns: The logs that were added; none where everything was followed.

    Raises: UntrustedError, where a successor is not the log of this version: nothing is changed.
    """
    contracts, added = workspace.contracts, list[LogState]()
    for asset_type in AssetType:
        while (successor := successor_of(workspace, log := contracts.log(asset_type))) is not None:
            verify_successor(workspace, asset_type, log, successor)
            contracts = with_successor(contracts, asset_type, successor)
            generation = len(contracts.deployment.logs[asset_type]) - 1
            added.append(LogState(asset_type, generation, successor, successor_of(workspace, successor)))
    if added:
        extend_contracts(workspace.home, contracts)
        workspace.use(contracts)
    workspace.projector.sync()
    return added


def successor_of(workspace: Workspace, log: bytes) -> bytes | None:
    """The log for which one was closed, 20 bytes, in the last final block; None while it takes attestations."""
    client = workspace.client
    block = max(client.block_number() - workspace.settings.chain.finality_depth, 0)
    word = client.storage(log, word_of(SUCCESSOR_SLOT), block)
    return parse_address(word) if word else None


def verify_successor(workspace: Workspace, asset_type: AssetType, log: bytes, successor: bytes) -> None:
    """Ask that a contract is the log of this version, and continues ``log``.

    1. Its code is what ``contracts/`` compiles to. Only then what it says of itself is worth anything.
    2. It is of this consortium.
    3. It was deployed with ``log`` as its predecessor.

    Raises: UntrustedError.
    """
    client, expected = workspace.client, artefact(LOGS[asset_type])
    name = f"0x{successor.hex()}, which is to go on with the {asset_type} log 0x{log.hex()},"
    if expected.without_immutables(client.code(successor)) != expected.deployed_bytecode:  # 1
        raise UntrustedError(f"{name} is not the {expected.name} of this version: never follow it by its name alone")
    if client.call(successor, _CONSORTIUM) != workspace.contracts.consortium:  # 2
        raise UntrustedError(f"{name} is of another consortium")
    if client.call(successor, _PREDECESSOR) != log:  # 3
        raise UntrustedError(f"{name} continues another log")


def left_behind(workspace: Workspace) -> Mapping[str, int]:
    """What was queued for a log that is closed, and will never be on the chain.

    Returns: How many events, by the name of the document that is to be taken in again; by an empty name where it is
        not known.
    """
    closed = [log for chosen in workspace.contracts.deployment.logs.values() for log in chosen[:-1]]
    question = (
        select(OutboxItem.digest, SourceDocument.name)
        .join(SourceEvent, col(SourceEvent.digest) == col(OutboxItem.digest))
        .outerjoin(Credential, col(Credential.digest) == col(OutboxItem.digest))
        .outerjoin(SourceDocument, col(SourceDocument.digest) == col(Credential.source_digest))
        .where(col(OutboxItem.log).in_(closed), col(OutboxItem.digest).not_in(select(Attestation.digest)))
    )
    with workspace.database.read() as session:
        found = {digest: name or "" for digest, name in session.exec(question)}
    return dict(sorted(Counter(found.values()).items()))


def _proposed(workspace: Workspace, log: bytes) -> bytes | None:
    """The successor that a proposal of the council names, which can still take effect."""
    beginning = calls.RETIRE_LOG.encode(log, bytes(20))[:-32]
    found = {one.action[-20:] for one in alive_proposals(workspace) if one.action.startswith(beginning)}
    if len(found) > 1:
        named = ", ".join(f"0x{one.hex()}" for one in sorted(found))
        raise ConflictError(f"several successors are proposed: {named}; confirm one of them with `vinculum council`")
    return next(iter(found), None)


def _deploy(workspace: Workspace, asset_type: AssetType, log: bytes) -> bytes:
    name = next(iter(present_administrators(workspace)))
    signer = signer_of(workspace, name)
    return deploy_contract(workspace.client, artefact(LOGS[asset_type]), signer, workspace.contracts.consortium, log)
