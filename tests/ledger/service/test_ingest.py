"""Taking documents in: order, repetition, resumption after any source goes away, and what the contract refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import func, select

from ledger.chain.node import start_node, stop_node
from ledger.errors import DocumentError, Fault, SourceError, UnreachableError
from ledger.event import AssetReference, Attachment
from ledger.service.council import suspend
from ledger.service.ingest import Choice, ingest
from ledger.service.knowledge import Knowledge
from ledger.service.known_types import KnownTypes
from ledger.service.results import Outcome, Result, Tally, line_of, open_results
from ledger.service.sources import Source, find_sources, resolve_attachments
from ledger.service.workspace import Workspace
from ledger.store.chain_index import Attestation
from ledger.store.columns import table_of
from ledger.store.document_index import Asset, AssetAlias, Credential, SourceDocument, SourceEvent
from ledger.store.work import OutboxItem
from tests.ledger.service.conftest import birth, document, event

pytestmark = pytest.mark.integration

Write = Callable[..., Source]
PLAIN = Choice()
MAPPING = b"""
version = 1
kind = "any.observation"
asset_type = "battery"
identifier = { column = "Code" }
occurred_at = { column = "When", format = "%Y-%m-%d", time_zone = "UTC" }
[fields.description]
column = "Text"
"""


def told(kind: str, asset: AssetReference, **more: Any) -> dict[str, Any]:
    """Event JSON."""
    identity = {"type": asset.asset_type.value, "identifier": asset.identifier}
    base = {"vinculum_event": 1, "kind": kind, "asset": identity, "occurred_at": "2026-05-01T10:00:00Z"}
    return {**base, **more}


def observed(asset: AssetReference, text: str = "seen", **more: Any) -> dict[str, Any]:
    return told("any.observation", asset, fields={"description": text}, **more)


def born(asset: AssetReference) -> dict[str, Any]:
    return told("battery.commissioned", asset, occurred_at="2026-01-01T10:00:00Z")


def take(
    workspace: Workspace, sources: list[Source], choice: Choice = PLAIN, **more: Any
) -> tuple[Tally, list[Result]]:
    """Ingest as the maker."""
    results: list[Result] = []
    tally = ingest(workspace, workspace.member("maker"), sources, choice, on_result=results.append, **more)
    return tally, results


def rows(workspace: Workspace, *tables: Any) -> list[int]:
    """How many rows each table has."""
    with workspace.database.read() as session:
        return [session.execute(select(func.count()).select_from(table_of(table))).scalar_one() for table in tables]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def lay_down(name: str, value: Any) -> Source:
        path = tmp_path / name
        path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
        return Source(name, path)

    return lay_down


def test_one_document_feeds_the_next(workspace: Workspace, write: Write, asset: AssetReference) -> None:
    tally, results = take(workspace, [write("1.json", born(asset)), write("2.json", observed(asset))])
    assert (tally.events, tally.refused) == (2, 0)
    assert [result.outcome for result in results] == [Outcome.RECORDED] * 2
    assert all(len(result.credentials) == 1 for result in results)


def test_the_same_file_twice_in_one_run_counts_once(workspace: Workspace, write: Write, asset: AssetReference) -> None:
    source = write("1.json", [born(asset), observed(asset)])
    tally, results = take(workspace, [source, Source("copy", source.path)])
    assert (tally.events, [result.outcome for result in results]) == (2, [Outcome.RECORDED, Outcome.REPEATED])
    assert results[1].notices[0].code == "same-content"


def test_an_alias_finds_an_asset_of_the_same_run(workspace: Workspace, write: Write, asset: AssetReference) -> None:
    alias = AssetReference(asset.asset_type, "urn:uuid:5a5d8b3c-8f0e-4f5f-9a39-111111111111")
    first = born(asset)
    first["asset"]["aliases"] = [alias.identifier]
    tally, _ = take(workspace, [write("1.json", [first, observed(alias)])])
    assert tally.events == 2
    known = KnownTypes(workspace.database)
    assert known[alias.identifier] == asset.asset_type
    assert alias.identifier in set(known)
    assert "nothing" not in known


def test_it_stops_at_the_first_refusal_and_what_came_before_stays(
    workspace: Workspace, write: Write, asset: AssetReference
) -> None:
    sources = [write("1.json", born(asset)), write("2.json", {"no": "document"}), write("3.json", observed(asset))]
    tally, results = take(workspace, sources)
    assert [result.outcome for result in results] == [Outcome.RECORDED, Outcome.REFUSED]
    tally, results = take(workspace, sources, Choice(keep_going=True))
    assert [result.outcome for result in results] == [Outcome.REPEATED, Outcome.REFUSED, Outcome.RECORDED]
    assert (tally.events, tally.refused) == (1, 1)


def test_a_document_with_one_bad_event_leaves_no_trace(
    workspace: Workspace, write: Write, asset: AssetReference
) -> None:
    tables = (Credential, Asset, AssetAlias, SourceDocument, SourceEvent, OutboxItem, Attestation)
    before, roots = rows(workspace, *tables), set(workspace.documents.roots())
    spoilt = [born(asset), *(observed(asset, str(number)) for number in range(3)), told("battery.recycled", asset)]
    tally, (result,) = take(workspace, [write("1.json", spoilt)])
    assert (tally.events, result.outcome) == (0, Outcome.REFUSED)
    assert (rows(workspace, *tables), set(workspace.documents.roots())) == (before, roots)


def test_any_order_waits_for_births(workspace: Workspace, write: Write, asset: AssetReference) -> None:
    early = observed(asset, occurred_at="2025-01-01T00:00:00Z")
    sources = [write("a.json", early), write("b.json", born(asset))]
    _, results = take(workspace, sources, Choice(any_order=True))
    assert [(result.source, result.outcome) for result in results] == [
        ("b.json", Outcome.RECORDED),
        ("a.json", Outcome.RECORDED),
    ]


def test_any_order_gives_up_where_nothing_moves(workspace: Workspace, write: Write, asset: AssetReference) -> None:
    _, results = take(workspace, [write("a.json", observed(asset))], Choice(any_order=True))
    assert [fault.code for fault in results[0].faults] == ["unknown-asset"]


def test_a_dry_run_knows_what_it_would_have_recorded(workspace: Workspace, write: Write, asset: AssetReference) -> None:
    sources = [write("1.json", born(asset)), write("2.json", observed(asset))]
    before = rows(workspace, Credential, SourceDocument, OutboxItem)
    tally, results = take(workspace, sources, Choice(dry_run=True))
    assert (tally.events, [result.outcome for result in results]) == (2, [Outcome.VALID] * 2)
    assert rows(workspace, Credential, SourceDocument, OutboxItem) == before


def test_the_chain_goes_away_in_the_middle_and_every_event_counts_once(
    workspace: Workspace, write: Write, asset: AssetReference
) -> None:
    sources = [write("1.json", born(asset)), *(write(f"{n}.json", observed(asset, str(n))) for n in range(2, 6))]

    def stop_at_three(what: str, done: int, total: int) -> None:
        if what == "documents" and done == 3:
            stop_node(workspace.node_settings().folder)

    try:
        with pytest.raises(SourceError):
            take(workspace, sources, watch=stop_at_three)
    finally:
        start_node(workspace.node_settings())
    tally, _ = take(workspace, sources)
    assert tally.refused == 0
    history = workspace.reader().history(workspace.reader().asset(asset.identifier))
    assert [entry.kind.name for entry in history] == ["battery.commissioned", *["any.observation"] * 4]
    assert take(workspace, sources)[0].events == 0


def test_the_store_goes_away_and_nothing_is_queued(
    workspace: Workspace, write: Write, asset: AssetReference, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows(workspace, Credential, Asset, SourceDocument, OutboxItem)

    def away(*_: object) -> None:
        raise UnreachableError("the store")

    with monkeypatch.context() as patch:
        patch.setattr(workspace.documents, "put", away)
        with pytest.raises(UnreachableError):
            take(workspace, [write("1.json", born(asset))])
    assert rows(workspace, Credential, Asset, SourceDocument, OutboxItem) == before
    assert take(workspace, [Source("1.json", write("1.json", born(asset)).path)])[0].events == 1


def table(write: Write, asset: AssetReference, texts: list[str]) -> Source:
    lines = [f"{asset.identifier},2026-05-{number % 28 + 1:02d},{text}" for number, text in enumerate(texts)]
    return write("rows.csv", "\n".join(["Code,When,Text", *lines, ""]).encode())


def test_a_table_goes_row_by_row(workspace: Workspace, write: Write, asset: AssetReference) -> None:
    take(workspace, [write("1.json", born(asset))])
    source = table(write, asset, [f"row {number}" for number in range(450)])
    tally, results = take(workspace, [source], Choice(MAPPING))
    assert (tally.events, tally.rows[Outcome.RECORDED], tally.documents[Outcome.RECORDED]) == (450, 450, 1)
    assert [result.row for result in results] == [*range(1, 451), None]
    again, results = take(workspace, [source], Choice(MAPPING))
    assert (again.events, [result.outcome for result in results]) == (0, [Outcome.REPEATED])
    other = MAPPING + b"# another mapping\n"
    again, results = take(workspace, [source], Choice(other))
    assert (again.events, again.rows[Outcome.REPEATED]) == (0, 450)


def test_the_same_row_twice_in_a_table_counts_once(workspace: Workspace, write: Write, asset: AssetReference) -> None:
    take(workspace, [write("1.json", born(asset))])
    line = f"{asset.identifier},2026-05-01,same\n"
    source = write("rows.csv", b"Code,When,Text\n" + line.encode() * 2)
    tally, _ = take(workspace, [source], Choice(MAPPING))
    assert (tally.events, tally.repeated) == (1, 1)


def test_each_row_carries_its_own_line_and_no_other(workspace: Workspace, write: Write, asset: AssetReference) -> None:
    take(workspace, [write("1.json", born(asset))])
    source = table(write, asset, ['"two\nlines"', "plain"])
    take(workspace, [source], Choice(MAPPING))
    reader = workspace.reader()
    contents = []
    for entry in reader.history(reader.asset(asset.identifier))[1:]:
        contents += [b"".join(pieces).decode() for _, pieces in reader.capsule(entry.digest).files]
    start = f"Code,When,Text\n{asset.identifier}"
    assert contents == [f'{start},2026-05-01,"two\nlines"\n', f"{start},2026-05-02,plain\n"]


def test_what_the_contract_refuses_can_be_recorded_once_it_is_put_right(
    workspace: Workspace, write: Write, asset: AssetReference, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The member is suspended between the check and the block."""
    source = write("1.json", [born(asset), observed(asset)])
    suspend(workspace, 1)
    with monkeypatch.context() as patch:
        patch.setattr(Knowledge, "check_may_write", lambda *_: None)
        tally, (result,) = take(workspace, [source])
    assert (tally.events, result.outcome) == (0, Outcome.REFUSED)
    assert {fault.code for fault in result.faults} == {"refused-by-contract"}
    suspend(workspace, 1, resume=True)
    tally, (result,) = take(workspace, [source])
    assert (tally.events, result.outcome) == (2, Outcome.RECORDED)


def test_attachments_stay_inside_their_folder(tmp_path: Path, asset: AssetReference) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "outside.txt").write_text("x")
    (tmp_path / "inside" / "file.txt").write_text("x")
    (tmp_path / "inside" / "good").symlink_to(tmp_path / "inside" / "file.txt")
    (tmp_path / "inside" / "bad").symlink_to(tmp_path / "outside.txt")
    (tmp_path / "inside" / "loop").symlink_to(tmp_path / "inside" / "loop")

    def resolve(path: str) -> str:
        with_file = replace(event("any.observation", asset), attachments=(Attachment("a", "text/plain", path),))
        return resolve_attachments(document(with_file), tmp_path / "inside").events[0].attachments[0].path

    assert resolve("file.txt") == resolve("good") == str((tmp_path / "inside" / "file.txt").resolve())
    for path, code in (("bad", "outside"), ("../outside.txt", "outside"), ("loop", "unreadable"), ("no", "unreadable")):
        with pytest.raises(DocumentError) as refused:
            resolve(path)
        assert [fault.code for fault in refused.value.faults] == [code], path


def test_folders_list_documents_and_pass_over_the_rest(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / ".git").mkdir()
    for name in ("b.json", "a.JSONLD", "sub/c.ndjson", "t.csv", ".x.json", ".git/y.json", "notes.md"):
        (tmp_path / name).write_text("x")
    (tmp_path / "link.json").symlink_to("/etc/hostname")
    found, open_order = find_sources([str(tmp_path)], tables=False)
    assert [Path(source.name).name for source in found] == ["a.JSONLD", "b.json", "c.ndjson"]
    assert open_order
    assert len(find_sources([str(tmp_path)], tables=True)[0]) == 4
    assert find_sources(["-"], tables=False) == ([Source("standard input", None)], False)


def test_result_files_are_harmless_in_spreadsheets(tmp_path: Path) -> None:
    result = Result("=cmd", 3, Outcome.REFUSED, "x", "@id", faults=(Fault("/3", "code", '+message, with "quotes"'),))
    for name in ("r.csv", "r.jsonl"):
        with open_results(tmp_path / name) as file:
            file.write(result)
    line = (tmp_path / "r.csv").read_text().splitlines()[1]
    assert line.startswith("'=cmd,3,refused,x,'@id,")
    assert json.loads((tmp_path / "r.jsonl").read_text()) == line_of(result)


def test_a_birth_is_not_recorded_by_planning_alone(workspace: Workspace, asset: AssetReference) -> None:
    assert birth(asset).asset.identifier not in set(KnownTypes(workspace.database))
