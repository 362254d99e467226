"""The checkpoints of this home: cosigned by its own witnesses, and by those of other homes that it knows.

Each witness cosigns only what its node holds as final and what extends what it signed before. In the embedded default
all members' witnesses are in one home, so this shows the mechanics and not independence; see ``docs/witness.md``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from sqlmodel import func, select

from ledger.chain.blocks import BlockTree
from ledger.errors import ConflictError, MissingError, RejectedError, SourceTimeoutError
from ledger.proof.checkpoint import Checkpoint, SignedCheckpoint, parse_checkpoint
from ledger.proof.cosignature import add_cosignatures
from ledger.proof.merkle_tree import root_of
from ledger.service.files import write_durably
from ledger.service.members import WITNESS, witness_key
from ledger.service.witness_client import Asked
from ledger.service.witness_collect import Question, ask_all, paths_in
from ledger.service.witness_node import follow
from ledger.service.witness_peers import Peer, Report, load_peers, save_report
from ledger.service.witness_promise import Witness
from ledger.service.workspace import Workspace
from ledger.store.chain_index import Organisation
from ledger.store.locks import exclusive

__all__ = ["FOLDER", "LATEST", "Witness", "latest_checkpoint", "new_checkpoint", "witnessed_height", "witnesses_of"]

FOLDER = "witness"
LATEST = "checkpoint.note"
FRESH_BLOCKS = 64
ATTEMPTS = 3
REACH_BLOCKS = 16
"""How far another home's witness may be ahead of this home's node before it is not waited for."""
_POLL_S = 0.1
_TIMEOUT_S = 60.0
_CATCH_UP_S = 15.0


def witnesses_of(workspace: Workspace, names: Sequence[str] = ()) -> list[Witness]:
    """The witnesses whose keys lie in this home, by name: of these organisations, or of all where none is named."""
    folder = workspace.home / FOLDER
    unlocked = workspace.keyring.unlock_all(names or workspace.member_names())
    return [
        Witness(witness_key(keys.name, keys.secrets), folder / f"{keys.name}.note")
        for keys in unlocked
        if WITNESS in keys.secrets
    ]


def latest_checkpoint(workspace: Workspace, at_least: int, clock: Callable[[], float] = time.time) -> SignedCheckpoint:
    """The latest cosigned checkpoint; a new one is made where it does not reach block ``at_least`` or is old.

    Raises:
        SourceTimeoutError: The chain does not get that far in time.
        MissingError: Too few of the witnesses that this home knows signed, each named with what it said.
        ConsistencyError: A witness of this home refuses: the chain is not the one that it signed before.
    """
    stored = _stored(workspace, at_least)
    if stored is not None:
        return stored
    with _turn(workspace):
        stored = _stored(workspace, at_least)  # of whom we waited for
        return stored or _make(workspace, at_least, clock)


def new_checkpoint(workspace: Workspace, clock: Callable[[], float] = time.time) -> SignedCheckpoint:
    """Make a checkpoint of the chain as it is now; raises as ``latest_checkpoint``."""
    with _turn(workspace):
        return _make(workspace, 0, clock)


def witnessed_height(workspace: Workspace, tip: int) -> int:
    """The highest block that witnesses sign when the chain is at ``tip``; -1 for none."""
    chain = workspace.settings.chain
    return max(tip - chain.finality_depth - chain.witness_lag, -1)


def needed_witnesses(workspace: Workspace) -> int:
    """How many have to sign: k of the settings, or the smallest safe one of the organisations that there are."""
    chosen = workspace.settings.trust
    with workspace.database.read() as session:
        organisations = session.exec(select(func.count()).select_from(Organisation)).one()
    return chosen.witness_threshold or (organisations + chosen.tolerated_liars) // 2 + 1


@contextmanager
def _turn(workspace: Workspace) -> Iterator[None]:
    """Wait until nobody else of this home makes a checkpoint."""
    deadline = time.monotonic() + _TIMEOUT_S
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(exclusive(workspace.database, "witness"))
                break
            except ConflictError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_S)
        yield


def _stored(workspace: Workspace, at_least: int) -> SignedCheckpoint | None:
    """What was made before, where it is as good as a new one."""
    path = workspace.home / FOLDER / LATEST
    if not path.exists():
        return None
    stored = parse_checkpoint(path.read_bytes())
    size = stored.checkpoint.size
    recent = size > at_least and size + FRESH_BLOCKS > workspace.client.block_number()
    if not recent or not _has_state(workspace, size - 1) or not _is_of_this_chain(workspace, stored.checkpoint):
        return None
    enough = not load_peers(path.parent) or len(stored.signatures) >= needed_witnesses(workspace)
    return stored if enough else None


def _is_of_this_chain(workspace: Workspace, checkpoint: Checkpoint) -> bool:
    """Whether the index, as far as it is, has the tree that was signed; after a hard kill of the chain it has not."""
    if checkpoint.origin != workspace.contracts.origin:
        return False
    with workspace.database.read() as session:
        try:
            return root_of(BlockTree(session), checkpoint.size) == checkpoint.root
        except MissingError:
            return False


def _has_state(workspace: Workspace, block: int) -> bool:
    """Whether the node can still prove anything at a block: the embedded chain forgets states when it is restarted."""
    try:
        workspace.client.proofs(workspace.contracts.consortium, (), block)
    except RejectedError:
        return False
    return True


def _make(workspace: Workspace, at_least: int, clock: Callable[[], float]) -> SignedCheckpoint:
    folder = workspace.home / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    _wait_for(workspace, at_least, _TIMEOUT_S)
    signed = _collect(workspace, load_peers(folder), clock)
    write_durably(folder / LATEST, signed.note.encode())
    return signed


def _wait_for(workspace: Workspace, at_least: int, limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    while witnessed_height(workspace, follow(workspace)) < at_least:
        if time.monotonic() > deadline:
            raise SourceTimeoutError(
                f"the chain has not got to block {at_least} and the blocks that witnesses wait for"
            )
        time.sleep(_POLL_S)


def _collect(workspace: Workspace, peers: Sequence[Peer], clock: Callable[[], float]) -> SignedCheckpoint:
    """Have the witnesses of this home sign, then those of others; where some are ahead, once more when we are too."""
    own, believed = witnesses_of(workspace), _believed(workspace)
    for _ in range(ATTEMPTS):
        signed = _cosign_here(workspace, own, int(clock()))
        if not peers:
            return signed
        if not own:
            raise MissingError("other homes' witnesses sign what a witness of this home signed: there is none here")
        asked = ask_all(peers, Question(signed, paths_in(workspace.database, signed.checkpoint.size), believed))
        signed = add_cosignatures(signed, [one.cosignature for one in asked if one.cosignature is not None])
        report = _report(workspace, signed, asked, int(clock()))
        if report.signed >= report.needed:
            return signed
        if not _caught_up(workspace, asked):
            break
    raise MissingError(_told(report))


def _cosign_here(workspace: Workspace, witnesses: Sequence[Witness], now: int) -> SignedCheckpoint:
    size = witnessed_height(workspace, follow(workspace)) + 1
    if size == 0:
        raise MissingError("the chain has no block yet that witnesses sign")
    with workspace.database.read() as session:
        tree = BlockTree(session)
        checkpoint = Checkpoint(workspace.contracts.origin, size, root_of(tree, size))
        signatures = [witness.cosign(checkpoint, tree, now) for witness in witnesses]
    return add_cosignatures(SignedCheckpoint(checkpoint, ()), signatures)


def _believed(workspace: Workspace) -> dict[str, int]:
    """What each witness is believed to have signed last: a wrong belief costs one exchange more."""
    path = workspace.home / FOLDER / LATEST
    if not path.exists():
        return {}
    stored = parse_checkpoint(path.read_bytes())
    return {line.name: stored.checkpoint.size for line in stored.signatures}


def _report(workspace: Workspace, signed: SignedCheckpoint, asked: Sequence[Asked], now: int) -> Report:
    said = tuple(one.said for one in asked)
    needed = needed_witnesses(workspace)
    report = Report(now, signed.checkpoint.size, len(signed.signatures), needed, said)
    save_report(workspace.home / FOLDER, report)
    return report


def _caught_up(workspace: Workspace, asked: Sequence[Asked]) -> bool:
    """Whether some witness was ahead by so little that this home's node is there by now too."""
    reach = follow(workspace) + REACH_BLOCKS
    ahead = [one.ahead for one in asked if one.ahead is not None and one.ahead <= reach]
    if not ahead:
        return False
    try:
        _wait_for(workspace, max(ahead) - 1, _CATCH_UP_S)
    except SourceTimeoutError:
        return False
    return True


def _told(report: Report) -> str:
    others = "; ".join(f"{one.name} is {one.word}: {one.text}" for one in report.said if one.word != "signed")
    return (
        f"{report.signed} witnesses signed, {report.needed} are needed ({others or 'every one that is known signed'})"
    )
