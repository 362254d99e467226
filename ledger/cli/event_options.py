"""The options of ``record`` as parts of one event: its asset's type, its fields, its raw files."""

from __future__ import annotations

from mimetypes import guess_type
from pathlib import Path

from ledger.errors import ConfigurationError, MalformedError
from ledger.event import Json
from ledger.kinds import ANY, kind_by_name
from ledger.strict_json import parse_json


def asset_type_of(kind: str, said: str | None) -> str:
    """The type of the asset that a kind happens to.

    Args:
        kind: Name of the kind.
        said: What ``--type`` says, or None.

    Raises: ConfigurationError, where neither tells.
    """
    log = kind_by_name(kind).log
    if said is None and log == ANY:
        raise ConfigurationError(f"{kind} happens to any asset: say --type battery, vehicle or part")
    return said or log


def fields_of(values: list[str], texts: list[str]) -> dict[str, Json]:
    """The fields of an event, from NAME=VALUE.

    Args:
        values: JSON where it is, else text.
        texts: Text whatever it looks like.

    Raises: ConfigurationError, for what is no field, or one twice.
    """
    found: dict[str, Json] = {}
    for item, as_text in [*((one, False) for one in values), *((one, True) for one in texts)]:
        name, equals, text = item.partition("=")
        if not name or not equals:
            raise ConfigurationError(f"{item!r} is no field: use NAME=VALUE")
        if name in found:
            raise ConfigurationError(f"the field {name} is given twice")
        found[name] = text if as_text else _value(text)
    return found


def _value(text: str) -> Json:
    """A JSON value where it is one; text otherwise."""
    try:
        return parse_json(text.encode(), what="value")
    except MalformedError:
        return text


def attachment_of(path: Path) -> dict[str, Json]:
    """A raw file as event JSON names it."""
    media_type = guess_type(path.name)[0] or "application/octet-stream"
    return {"name": path.name, "media_type": media_type, "path": path.name}


def folder_of(files: list[Path]) -> Path | None:
    """The folder that attached files lie in; None where there are none.

    Raises: ConfigurationError, where they lie in several.
    """
    folders = {path.parent for path in files}
    if len(folders) > 1:
        raise ConfigurationError("the attached files have to lie in one folder")
    return folders.pop() if folders else None
