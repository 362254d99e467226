"""What the demonstration records: ``examples/demo.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger.errors import ConfigurationError
from ledger.service.enrolment import Enrolment
from ledger.service.namespaces import parse_namespace

FILE_NAME = "demo.toml"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Chapter:
    """A document of the story.

    Attributes:
        path: Where it lies.
        organisation: Name of who submits it.
        says: What it tells, for people.
        mapping: Mapping file of a table, or None.
    """

    path: Path
    organisation: str
    says: str
    mapping: Path | None


@dataclass(frozen=True, slots=True)
class Story:
    """Who takes part, and what they record in which order."""

    organisations: tuple[Enrolment, ...]
    chapters: tuple[Chapter, ...]


def load_story(folder: Path) -> Story:
    """Read the story of a folder of examples.

    Raises: ConfigurationError, where it is missing, of another version, or incomplete.
    """
    path = folder / FILE_NAME
    try:
        value = tomllib.loads(path.read_text("utf-8"))
        if value["version"] != VERSION:
            raise ConfigurationError(f"{path} is of another version")
        organisations = tuple(_enrolment(name, row) for name, row in value["organisations"].items())
        chapters = tuple(_chapter(folder, row) for row in value["documents"])
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"{path} cannot be used: {error!r}") from None
    unknown = {chapter.organisation for chapter in chapters} - {one.name for one in organisations}
    if unknown:
        raise ConfigurationError(f"{path} names organisations that it does not describe: {', '.join(sorted(unknown))}")
    return Story(organisations, chapters)


def _enrolment(name: str, row: Mapping[str, Any]) -> Enrolment:
    namespaces = [parse_namespace(f"{one['scheme']}:{one['prefix']}") for one in row["namespaces"]]
    return Enrolment(name, row["name"], row["roles"], namespaces)


def _chapter(folder: Path, row: Mapping[str, Any]) -> Chapter:
    mapping = folder / row["map"] if "map" in row else None
    return Chapter(folder / row["file"], row["organisation"], row["says"], mapping)
