"""The live index compared with the second one, table by table, in the order of their keys; both are streamed."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from sqlalchemy import Column, String, Table, collate
from sqlalchemy import select as select_core
from sqlmodel import Session, select

from ledger.service.audit.report import Findings
from ledger.store.chain_index import (
    Account,
    Attestation,
    Block,
    Cursor,
    GovernanceEvent,
    Head,
    IssuerKey,
    MerkleNode,
    Namespace,
    Organisation,
)
from ledger.store.columns import Row, table_of
from ledger.store.document_index import Asset, AssetAlias, Credential, Grant, GrantedCapsule, SourceEvent
from ledger.store.work import ItemState, OutboxItem

PART = 500
_SHOWN = 3
_COMPARED: Mapping[type[Row], Collection[str]] = {
    Block: (),
    MerkleNode: (),
    Attestation: (),
    Head: (),
    GovernanceEvent: (),
    Organisation: (),
    Account: (),
    IssuerKey: (),
    Namespace: (),
    Cursor: (),
    Credential: ("source_digest",),
    Asset: (),
    AssetAlias: (),
    Grant: (),
    GrantedCapsule: (),
}
"""Tables, and the columns that no document tells."""
_BIRTHS: tuple[type[Row], ...] = (Asset, AssetAlias)


def compare_tables(live: Session, beside: Session, findings: Findings) -> None:
    """Name every row that is missing, added or changed in the live index.

    Args:
        live: One snapshot of the live index.
        beside: Of the second index, at the same block.
        findings: Receives the differences.
    """
    for model, ignored in _COMPARED.items():
        _compare(live, beside, model, frozenset(ignored), findings)
    _compare_events(live, beside, findings)


def _compare(live: Session, beside: Session, model: type[Row], ignored: frozenset[str], findings: Findings) -> None:
    table = table_of(model)
    names = [column.name for column in table.columns if column.name not in ignored]
    ours, theirs = _rows(live, table, names), _rows(beside, table, names)
    found, expected = next(ours, None), next(theirs, None)
    while found is not None or expected is not None:
        findings.count(f"rows of {table.name}")
        if expected is None or (found is not None and _key(table, found) < _key(table, expected)):
            _note_added(live, model, found or {}, findings)
            found = next(ours, None)
        elif found is None or _key(table, expected) < _key(table, found):
            message = "the live index lacks this row, which chain and documents give"
            findings.add("row-missing", _place(table, expected), message)
            expected = next(theirs, None)
        else:
            _note_changes(table, found, expected, findings)
            found, expected = next(ours, None), next(theirs, None)


def _rows(session: Session, table: Table, names: list[str]) -> Iterator[dict[str, Any]]:
    columns = [table.columns[name] for name in names]
    order = [_ordered(session, column) for column in table.primary_key]
    question = select_core(*columns).order_by(*order).execution_options(yield_per=PART)
    for row in session.connection().execute(question):
        yield dict(zip(names, row, strict=True))


def _ordered(session: Session, column: Column[Any]) -> Any:
    """Texts in the order of their bytes, whatever the database's language."""
    is_server = session.connection().dialect.name == "postgresql"
    return collate(column, "C") if is_server and isinstance(column.type, String) else column


def _key(table: Table, row: Mapping[str, Any]) -> tuple[Any, ...]:
    values = (row[column.name] for column in table.primary_key)
    return tuple(value.encode() if isinstance(value, str) else value for value in values)


def _note_added(live: Session, model: type[Row], row: Mapping[str, Any], findings: Findings) -> None:
    table = table_of(model)
    if model in _BIRTHS and _was_refused(live, row["subject"]):
        findings.notice("refused", _place(table, row), "a birth that the contract refused is still in the index")
        return
    findings.add("row-added", _place(table, row), "the live index has this row, which neither chain nor documents give")


def _was_refused(live: Session, subject: bytes) -> bool:
    question = select(OutboxItem.state).where(OutboxItem.subject == subject)
    states = set(live.exec(question))
    return states == {ItemState.REFUSED}


def _note_changes(table: Table, found: Mapping[str, Any], expected: Mapping[str, Any], findings: Findings) -> None:
    changed = [name for name, value in expected.items() if found[name] != value]
    if changed:
        told = "; ".join(f"{name} is {_text(found[name])}, not {_text(expected[name])}" for name in changed[:_SHOWN])
        findings.add("row-changed", _place(table, expected), f"the live index says otherwise: {told}")


def _place(table: Table, row: Mapping[str, Any]) -> str:
    return f"{table.name} " + "/".join(_text(row[column.name]) for column in table.primary_key)


def _text(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex() if len(value) <= 32 else f"{value[:16].hex()}… ({len(value)} bytes)"
    return str(value)[:120]


def _compare_events(live: Session, beside: Session, findings: Findings) -> None:
    """Compare by what events are recognised when a document comes again.

    The live index names them by the type of their document, the second one for all types; so they are compared by
    the credential that they belong to.
    """
    table = table_of(SourceEvent)
    ours, theirs = _events_by_digest(live), _events_by_digest(beside)
    found, expected = next(ours, None), next(theirs, None)
    while found is not None or expected is not None:
        if expected is None or (found is not None and found[0] < expected[0]):
            _check_untold(beside, found or (b"", []), findings)
            found = next(ours, None)
        elif found is None or expected[0] < found[0]:
            message = "the live index would not recognise this event: its document would be recorded again"
            findings.add("row-missing", f"{table.name} of {expected[0].hex()}", message)
            expected = next(theirs, None)
        else:
            for row in (row for row in found[1] if row[1:] not in {one[1:] for one in expected[1]}):
                message = "the live index would recognise an event by other content than it has"
                findings.add("row-changed", f"{table.name} {row[0]} of {found[0].hex()}", message)
            found, expected = next(ours, None), next(theirs, None)
        findings.count(f"rows of {table.name}")


def _events_by_digest(session: Session) -> Iterator[tuple[bytes, list[tuple[str, str, bytes]]]]:
    table = table_of(SourceEvent).columns
    question = select_core(table.digest, table.scope, table.document_id, table.content_hash).order_by(table.digest)
    found = session.connection().execute(question.execution_options(yield_per=PART))
    rows = ((digest or b"", scope, name, content) for digest, scope, name, content in found)
    for digest, same in itertools.groupby(rows, key=lambda row: row[0]):
        yield digest, [row[1:] for row in same]


def _check_untold(beside: Session, found: tuple[bytes, list[tuple[str, str, bytes]]], findings: Findings) -> None:
    """Events of the live index that the second one does not tell: no key opens their credential, or there is none."""
    if beside.get(Credential, found[0]) is None:
        place = f"{table_of(SourceEvent).name} {found[1][0][0]} of {found[0].hex()}"
        findings.add("row-added", place, "the live index would recognise an event of which there is no credential")
