"""The index in SQL: what one range of blocks changes, and how to take it back. Each in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import delete, func, insert, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from ledger.chain.answers import Log
from ledger.chain.contracts import Deployment
from ledger.chain.events import GovernanceDecoder, attestations_of
from ledger.chain.governance import apply_events, replay
from ledger.errors import ConfigurationError
from ledger.kinds import kind_by_number
from ledger.proof.fold import EMPTY_HEAD, leaf, next_head
from ledger.store.chain_index import Attestation, Block, Cursor, GovernanceEvent, Head
from ledger.store.columns import table_of

BlockFact: TypeAlias = "tuple[int, bytes, bytes, int]"
Life: TypeAlias = "tuple[bytes, bytes]"
LOOK_UP = 400


class Position(NamedTuple):
    """A block; number -1 with an empty hash stands before the first."""

    number: int
    hash: bytes


class State(NamedTuple):
    """Where a history stands: head, status, number of entries."""

    head: bytes
    status: int
    length: int


START = State(EMPTY_HEAD, 0, 0)


def cursor(session: Session, name: str) -> Position:
    """Return how far a follower is."""
    row = session.get(Cursor, name)
    return Position(-1, b"") if row is None else Position(row.block_number, row.block_hash)


def move_cursor(session: Session, name: str, position: Position) -> None:
    """Set how far a follower is."""
    session.merge(Cursor(name=name, block_number=position.number, block_hash=position.hash))


def block_hashes(session: Session, first: int, last: int) -> dict[int, bytes]:
    """Return stored hashes by number."""
    question = select(col(Block.number), col(Block.hash)).where(col(Block.number).between(first, last))
    return {row.number: row.hash for row in session.execute(question)}


def store_blocks(session: Session, blocks: Sequence[BlockFact]) -> None:
    """Add blocks."""
    rows = [{"number": number, "hash": block_hash, "timestamp": time} for number, block_hash, _, time in blocks]
    session.execute(insert(table_of(Block)), rows)


def store_attestations(session: Session, logs: Sequence[Log], deployment: Deployment) -> int:
    """Fold the attestations of new blocks into their histories; return how many there are.

    The head after each is calculated here, as every verifier does, not asked of the node.
    """
    entries = [(log, item, *entry) for log in logs for item, entry in enumerate(attestations_of(log))]
    if not entries:
        return 0
    older = deployment.predecessors
    states = _heads(session, _with_older({(log.address, subject) for log, _, subject, _, _ in entries}, older))
    sequence = (session.scalar(select(func.max(Attestation.sequence))) or 0) + 1
    rows = []
    for number, (log, item, subject, digest, meta) in enumerate(entries, start=sequence):
        life = (log.address, subject)
        before = _state_before(states, life, older)
        kind = int.from_bytes(meta[20:22], "big")
        status = _status_after(before.status, kind)
        after = State(next_head(before.head, leaf(digest, meta), status), status, before.length + 1)
        states[life] = after
        rows.append(_row(log, life, digest, meta, after) | {"sequence": number, "item": item})
    session.execute(insert(table_of(Attestation)), rows)
    changed = {(row["log"], row["subject"]): row["block_number"] for row in rows}
    _store_heads(session, ((life, states[life], block) for life, block in changed.items()))
    return len(rows)


def store_governance(
    session: Session, logs: Iterable[Log], decoder: GovernanceDecoder, times: Mapping[int, int]
) -> None:
    """Keep governance events and bring the tables that are replayed from them up to date."""
    rows = []
    for log in logs:
        fact = decoder.decode(log)
        if fact is not None:
            rows.append(
                GovernanceEvent(
                    block_number=log.block_number,
                    log_index=log.log_index,
                    contract=log.address,
                    name=fact.name,
                    arguments=fact.arguments,
                    at=times[log.block_number],
                    transaction_hash=log.transaction_hash,
                )
            )
    session.add_all(rows)
    apply_events(session, rows)
    session.flush()


def state_of(session: Session, life: Life, deployment: Deployment) -> State:
    """Where a history stands on which a log builds: its own, or else that of the log before it, or nothing yet."""
    return _states(session, {life}, deployment.predecessors)[life]


def check_successors(session: Session, deployment: Deployment) -> None:
    """Ask that every log for which one was closed is followed: else nobody would see what is attested from then on.

    Raises: ConfigurationError.
    """
    question = select(col(GovernanceEvent.contract), col(GovernanceEvent.arguments))
    for log, arguments in session.execute(question.where(col(GovernanceEvent.name) == "SuccessorSet")):
        successor = arguments["successor"]
        if bytes.fromhex(successor[2:]) not in deployment.addresses:
            raise ConfigurationError(
                f"the council has closed log 0x{log.hex()} for {successor}, which this home does not follow yet: "
                "run `vinculum log follow`"
            )


def forget_after(session: Session, number: int) -> None:
    """Take back everything that stands in blocks above ``number``."""
    gone = col(Attestation.block_number) > number
    lives = {
        (log, subject)
        for log, subject in session.execute(
            select(col(Attestation.log), col(Attestation.subject)).where(gone).distinct()
        )
    }
    session.execute(delete(Attestation).where(gone))
    session.execute(delete(Head).where(col(Head.block_number) > number))
    _store_heads(session, _last_states(session, lives))
    session.execute(delete(GovernanceEvent).where(col(GovernanceEvent.block_number) > number))
    session.execute(delete(Block).where(col(Block.number) > number))
    session.flush()
    replay(session)


def _status_after(status: int, kind: int) -> int:
    """Set what the kind sets; whether it was allowed, the contract has decided."""
    to_status = kind_by_number(kind).to_status
    return status if to_status is None else to_status


def _states(session: Session, lives: set[Life], predecessors: Mapping[bytes, bytes]) -> dict[Life, State]:
    """Return where histories stand; one that is new in a log goes on from the log's predecessor."""
    found = _heads(session, _with_older(lives, predecessors))
    return {life: _state_before(found, life, predecessors) for life in lives}


def _with_older(lives: set[Life], predecessors: Mapping[bytes, bytes]) -> set[Life]:
    """The same histories, and those of the logs before theirs."""
    older = {(predecessors[log], subject) for log, subject in lives if log in predecessors}
    return lives | _with_older(older, predecessors) if older else lives


def _state_before(found: Mapping[Life, State], life: Life, predecessors: Mapping[bytes, bytes]) -> State:
    """Where a history stands, of those that are found: in its log, or else in the one before it, or nowhere yet.

    To be asked when its entry comes: the log before may have been written to and closed in the same range of blocks.
    """
    if life in found:
        return found[life]
    log, subject = life
    if log not in predecessors:
        return START
    return _state_before(found, (predecessors[log], subject), predecessors)._replace(length=0)


def _heads(session: Session, lives: set[Life]) -> dict[Life, State]:
    found: dict[Life, State] = {}
    row = Head
    columns = select(col(row.log), col(row.subject), col(row.head), col(row.status), col(row.length))
    for part in _parts(sorted(lives)):
        where = tuple_(col(row.log), col(row.subject)).in_(part)
        found |= {(log, subject): State(*state) for log, subject, *state in session.execute(columns.where(where))}
    return found


def _last_states(session: Session, lives: set[Life]) -> Iterable[tuple[Life, State, int]]:
    row = Attestation
    columns = select(
        col(row.log), col(row.subject), col(row.head), col(row.status), col(row.position), col(row.block_number)
    )
    for part in _parts(sorted(lives)):
        where = tuple_(col(row.log), col(row.subject)).in_(part)
        for log, subject, head, status, position, block in session.execute(
            columns.where(where).order_by(col(row.position))
        ):
            yield (log, subject), State(head, status, position + 1), block


def _store_heads(session: Session, states: Iterable[tuple[Life, State, int]]) -> None:
    rows = [
        {"log": log, "subject": subject, "block_number": block} | state._asdict()
        for (log, subject), state, block in states
    ]
    if not rows:
        return
    new: Any = (postgresql if session.connection().dialect.name == "postgresql" else sqlite).insert(table_of(Head))
    changed = {name: new.excluded[name] for name in ("head", "status", "length", "block_number")}
    session.execute(new.on_conflict_do_update(index_elements=["log", "subject"], set_=changed), rows)


def _row(log: Log, life: Life, digest: bytes, meta: bytes, after: State) -> dict[str, Any]:
    return {
        "log": life[0],
        "subject": life[1],
        "position": after.length - 1,
        "digest": digest,
        "version": meta[19],
        "kind": int.from_bytes(meta[20:22], "big"),
        "organisation": int.from_bytes(meta[22:26], "big"),
        "attested_at": int.from_bytes(meta[26:], "big"),
        "status": after.status,
        "head": after.head,
        "block_number": log.block_number,
        "log_index": log.log_index,
        "transaction_hash": log.transaction_hash,
    }


def _parts(lives: Sequence[Life]) -> Iterable[Sequence[Life]]:
    return (lives[start : start + LOOK_UP] for start in range(0, len(lives), LOOK_UP))
