"""Record the story and further folders, through the same ``ingest`` that the command uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ledger.demo.report import many
from ledger.demo.schedule import Task, waves
from ledger.demo.story import Chapter, Story
from ledger.errors import DocumentError
from ledger.event import AssetReference
from ledger.intake.csv_map import parse_mapping
from ledger.intake.csv_rows import parse_csv
from ledger.intake.document import parse_document
from ledger.service.ingest import Choice, ingest
from ledger.service.members import Member
from ledger.service.record import Recipient
from ledger.service.results import Outcome, Result
from ledger.service.sources import Source
from ledger.service.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Taken:
    """A document that was taken in or refused.

    Attributes:
        path: Where it lies.
        organisation: Who submitted it.
        result: What became of it.
    """

    path: str
    organisation: str
    result: Result


def members_of(workspace: Workspace, story: Story) -> dict[str, Member]:
    """Unlock everybody of the story."""
    return {one.name: workspace.member(one.name) for one in story.organisations}


def story_waves(story: Story) -> list[dict[str, list[int]]]:
    """Which documents of the story are recorded side by side."""
    return waves(Task(number, one.organisation, assets_of(one)) for number, one in enumerate(story.chapters))


def record_wave(
    workspace: Workspace, story: Story, members: dict[str, Member], wave: dict[str, list[int]]
) -> list[Taken]:
    """Record documents of several organisations side by side, each with its own account."""
    with ThreadPoolExecutor(len(wave)) as pool:
        tasks = [
            pool.submit(_record, workspace, members, name, [story.chapters[number] for number in numbers])
            for name, numbers in wave.items()
        ]
        return [one for task in tasks for one in task.result()]


def _record(workspace: Workspace, members: dict[str, Member], name: str, chapters: Sequence[Chapter]) -> list[Taken]:
    """Record documents of one organisation; they share blocks and batches but where a table has another mapping."""
    taken: list[Taken] = []
    mappings: list[Path | None] = list(dict.fromkeys(one.mapping for one in chapters if one.mapping)) or [None]
    for mapping in mappings:
        sources = [
            Source(str(one.path), one.path)
            for one in chapters
            if one.mapping == mapping or (one.mapping is None and mapping == mappings[0])
        ]
        choice = Choice(mapping=None if mapping is None else mapping.read_bytes())
        taken += take(workspace, members, name, sources, choice)
    return taken


def take(
    workspace: Workspace, members: Mapping[str, Member], name: str, sources: Sequence[Source], choice: Choice
) -> list[Taken]:
    """Take documents in as one organisation; every member receives the keys. Rows of tables are not listed."""
    taken: list[Taken] = []
    recipients = [Recipient(one.organisation, one.recipient.public) for one in members.values()]
    ingest(
        workspace,
        members[name],
        sources,
        choice,
        recipients=recipients,
        on_result=lambda result: taken.append(Taken(result.source, name, result)) if result.row is None else None,
    )
    return taken


def assets_of(chapter: Chapter) -> AbstractSet[AssetReference]:
    """Whose histories a document adds to.

    Raises: DocumentError, where intake refuses it.
    """
    now = datetime.now(UTC)
    if chapter.mapping is not None:
        with chapter.path.open("rb") as stream:
            rows = list(parse_csv(stream, parse_mapping(chapter.mapping.read_bytes()), as_of=now))
        return {row.event.asset for row in rows if row.event is not None}
    return {event.asset for event in parse_document(chapter.path.read_bytes(), as_of=now).events}


def counted(taken: Sequence[Taken]) -> str:
    """Tell how many documents and events, and how many were refused."""
    refused = sum(one.result.outcome is Outcome.REFUSED for one in taken)
    events = sum(one.result.events for one in taken)
    told = f"{many(len(taken) - refused, 'document')} with {many(events, 'event')}"
    return f"{told}; {refused} refused" if refused else told


def raise_refused(taken: Iterable[Taken]) -> None:
    """The story's documents are all meant to be recorded.

    Raises: DocumentError, with the faults of the first that was refused.
    """
    for one in taken:
        if one.result.outcome is Outcome.REFUSED:
            raise DocumentError(one.result.faults, one.path)
