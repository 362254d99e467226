"""Settings as TOML: what holds now, and the file that a new home begins with."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pydantic import BaseModel

from ledger.service.settings import Settings


def effective(settings: Settings) -> str:
    """Every setting that holds now; what has no value stands in a comment."""
    lines = [f"home = {_value(str(settings.home))}"]
    for name, section in _sections(settings):
        lines += ["", f"[{name}]", *(_line(key, value) for key, value in section.model_dump(mode="json").items())]
    return "\n".join(lines) + "\n"


def template(settings: Settings) -> str:
    """A settings file: what differs from the defaults now stands in it, every default in a comment."""
    lines = ["# Settings of this home. Each can be overridden: VINCULUM_<SECTION>__<NAME> in the environment."]
    for name, section in _sections(settings):
        lines += ["", f"[{name}]"]
        usual = type(section)().model_dump(mode="json")
        for key, value in section.model_dump(mode="json").items():
            told = type(section).model_fields[key].description
            line = _line(key, value) if value != usual[key] else f"# {_line(key, value).removeprefix('# ')}"
            lines.append(f"{line}  # {told}" if told else line)
    return "\n".join(lines) + "\n"


def _sections(settings: Settings) -> Iterator[tuple[str, BaseModel]]:
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            yield name, value


def _line(name: str, value: object) -> str:
    return f"# {name} =" if value is None else f"{name} = {_value(value)}"


def _value(value: object) -> str:
    """A JSON text, number or truth value is TOML as well, where text stays ASCII."""
    return json.dumps(value, ensure_ascii=True)
