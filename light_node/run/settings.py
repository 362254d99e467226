"""The settings of a run: one TOML file; paths in it are relative to its folder.

::

    home = "node"                      # the light node's folder, with its pinned trust file
    interval_s = 30                    # between two rounds
    answer_s = 20                      # for all sources of an asset together
    question_s = 10                    # for one answer of one server
    answer_bytes = 786432              # of one answer; read, it takes up to 20 times as much memory
    remembered_characters = 786432     # of credentials that need no opening again; they take six times as much memory
    lag_s = 60                         # how much older than the newest a source may be
    healthy_s = 150                    # how old the last round may be
    authorities = "ca.pem"             # who may vouch for servers, instead of the system's
    listen = "127.0.0.1:9464"          # metrics and health

    [[assets]]
    name = "pack"
    type = "battery"
    subject = "00000001…"              # or identifier, or both

    [[sources]]
    name = "own node"
    kind = "rpc"                       # file: path; http: url with {name}, {type}, {subject}, {identifier}
    url = "http://127.0.0.1:8545"
    first_block = 12                   # of rpc, optional: no log is older
    rotations = ["rotation-1.json"]    # of rpc, optional: where validators are pinned

    [[witnesses]]
    name = "workshop"
    url = "https://witness.workshop.example"
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ipfs.files import read_file
from ledger.errors import MalformedError, VinculumError
from ledger.event import AssetType
from ledger.identifiers import parse_identifier
from ledger.proof.evidence import MAX_BYTES as MAX_EVIDENCE_BYTES
from light_node.http_source import HttpSource
from light_node.known import MOST_CHARACTERS
from light_node.run.succession_settings import SuccessionSettings, read_successions
from light_node.settings_file import load_settings_file
from light_node.settings_table import MOST_S, Fields, members, tables
from light_node.sources.files import FileSource
from light_node.sources.http_evidence import HttpEvidenceSource
from light_node.sources.panel import Limits
from light_node.sources.port import EvidenceSource, Wanted
from light_node.sources.rpc import JsonRpc
from light_node.sources.rpc_source import RpcSource
from light_node.sources.web import Web
from light_node.trust import Trust

MAX_BYTES = 4 * 1024 * 1024
MAX_ASSETS, MAX_SOURCES, MAX_WITNESSES, MAX_ROTATIONS = 10_000, 32, 64, 64
MAX_ROTATION_BYTES = 1024 * 1024
ANSWER_BYTES = 768 * 1024
MAX_REMEMBERED = 1024 * 1024 * 1024
_TOP = frozenset(
    {"home", "interval_s", "answer_s", "question_s", "answer_bytes", "lag_s", "healthy_s", "authorities", "listen"}
) | {"assets", "sources", "witnesses", "successions", "remembered_characters"}
_ASSET, _WITNESS = frozenset({"name", "type", "subject", "identifier"}), frozenset({"name", "url"})
_KINDS = {
    "file": frozenset({"path"}),
    "http": frozenset({"url"}),
    "rpc": frozenset({"url", "first_block", "rotations"}),
}
_SUBJECT = re.compile(r"(?:0x)?[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """One source, as it stands in the file; paths are absolute."""

    name: str
    kind: str
    place: str
    first_block: int = 0
    rotations: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run was told.

    Attributes:
        home: The light node's folder, or None where the command line says it.
        assets: Whose evidence is followed.
        sources: Who is asked for it.
        witnesses: URL by name.
        interval_s: Between two rounds.
        healthy_s: How old the last round may be.
        limits: What is granted to whoever is asked.
        remembered_characters: Of credentials that verified, together.
        web: How servers are reached.
        listen: Host and port of metrics and health, or None.
        successions: What is done about successors of the trust file.
    """

    home: Path | None
    assets: tuple[Wanted, ...]
    sources: tuple[SourceSettings, ...]
    witnesses: Mapping[str, str]
    interval_s: float
    healthy_s: float
    limits: Limits
    remembered_characters: int
    web: Web
    listen: tuple[str, int] | None
    successions: SuccessionSettings


def load_settings(path: Path) -> Settings:
    """Read the settings.

    Raises: ConfigurationError, with the place.
    """
    return load_settings_file(path, MAX_BYTES, parse_settings)


def parse_settings(table: object, folder: Path) -> Settings:
    """Bring settings into types.

    Args:
        table: As TOML gives it.
        folder: What paths are relative to.

    Raises: MalformedError.
    """
    top = members(table, _TOP, "")
    interval_s, answer_s = top.seconds("interval_s", 30.0), top.seconds("answer_s", 20.0)
    authorities, home = top.text_or_none("authorities"), top.text_or_none("home")
    sources = dict(tables(top, "sources", partial(_source, folder), least=1, most=MAX_SOURCES))
    witnesses = _witnesses(top)
    if sources.keys() & witnesses.keys():
        raise MalformedError("settings", "one name for a source and a witness", "/witnesses")
    return Settings(
        home=None if home is None else folder / home,
        assets=tuple(one for _, one in tables(top, "assets", _asset, least=1, most=MAX_ASSETS)),
        sources=tuple(sources.values()),
        witnesses=witnesses,
        interval_s=interval_s,
        healthy_s=top.seconds("healthy_s", min(3 * (interval_s + answer_s), MOST_S)),
        limits=Limits(answer_s, int(top.seconds("lag_s", 60.0))),
        remembered_characters=top.number("remembered_characters", MOST_CHARACTERS, least=0, most=MAX_REMEMBERED),
        web=Web(
            top.seconds("question_s", 10.0),
            top.number("answer_bytes", ANSWER_BYTES, least=1024, most=MAX_EVIDENCE_BYTES),
            None if authorities is None else folder / authorities,
        ),
        listen=_listen(top.text_or_none("listen")),
        successions=read_successions(top, witnesses),
    )


def open_sources(settings: Settings, trust: Trust) -> list[EvidenceSource]:
    """Make the sources ready; nothing is asked yet.

    Raises: ConfigurationError.
    """
    return [_open(one, settings, trust) for one in settings.sources]


def open_witnesses(settings: Settings) -> dict[str, HttpSource]:
    """Make the witnesses ready; nothing is asked yet.

    Raises: ConfigurationError.
    """
    return {name: settings.web.server(url) for name, url in settings.witnesses.items()}


def _open(source: SourceSettings, settings: Settings, trust: Trust) -> EvidenceSource:
    if source.kind == "file":
        return FileSource(source.name, Path(source.place))
    if source.kind == "http":
        return HttpEvidenceSource(source.name, source.place, settings.web)
    rpc = JsonRpc(settings.web.server(source.place, source.name), settings.limits.answer_s, settings.web.answer_bytes)
    rotations = tuple(read_file(path, MAX_ROTATION_BYTES, "rotation") for path in source.rotations)
    node = RpcSource(rpc, trust, first_block=source.first_block, rotations=rotations)
    node.follow((one.subject, one.asset_type) for one in settings.assets if one.subject is not None)
    return node


def _asset(row: object, at: str) -> tuple[str, Wanted]:
    fields = members(row, _ASSET, at)
    name, kind = fields.name(), fields.text("type")
    if kind not in list(AssetType):
        raise MalformedError("settings", "battery, vehicle or part is needed", f"{at}/type")
    subject, identifier = fields.text_or_none("subject"), fields.text_or_none("identifier")
    if subject is None and identifier is None:
        raise MalformedError("settings", "subject or identifier is needed", at)
    canonical = None if identifier is None else _identifier(identifier, AssetType(kind), f"{at}/identifier")
    return name, Wanted(name, AssetType(kind), _subject(subject, f"{at}/subject"), canonical)


def _identifier(text: str, asset_type: AssetType, at: str) -> str:
    try:
        return parse_identifier(text, asset_type).canonical
    except VinculumError as error:
        raise MalformedError("settings", str(error), at) from None


def _subject(text: str | None, at: str) -> bytes | None:
    if text is None:
        return None
    if not _SUBJECT.fullmatch(text):
        raise MalformedError("settings", "64 hexadecimal digits are needed", at)
    return bytes.fromhex(text.removeprefix("0x"))


def _source(folder: Path, row: object, at: str) -> tuple[str, SourceSettings]:
    kind = row.get("kind") if isinstance(row, dict) else None
    own = _KINDS.get(kind) if isinstance(kind, str) else None
    if own is None or not isinstance(kind, str):
        raise MalformedError("settings", f"one of {', '.join(_KINDS)} is needed", f"{at}/kind")
    fields = members(row, own | {"name", "kind"}, at)
    name, place = fields.name(), fields.text("path" if kind == "file" else "url")
    if kind == "file":
        return name, SourceSettings(name, kind, str(folder / place))
    rotations = tuple(folder / path for path in fields.texts("rotations", MAX_ROTATIONS))
    return name, SourceSettings(name, kind, place, fields.number("first_block", 0), rotations)


def _witnesses(top: Fields) -> dict[str, str]:
    """Two names for one URL would be two sources that are one."""
    found = dict(tables(top, "witnesses", _witness, most=MAX_WITNESSES))
    if len({url.rstrip("/") for url in found.values()}) != len(found):
        raise MalformedError("settings", "one URL twice", "/witnesses")
    return found


def _witness(row: object, at: str) -> tuple[str, str]:
    fields = members(row, _WITNESS, at)
    return fields.name(), fields.text("url")


def _listen(text: str | None) -> tuple[str, int] | None:
    if text is None:
        return None
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise MalformedError("settings", "HOST:PORT is needed", "/listen")
    return host, int(port)
