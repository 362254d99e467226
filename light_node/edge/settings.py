"""The settings of a device: one TOML file; paths in it are relative to its folder.

::

    queue = "queue.db"
    trust = "trust.json"           # handed over at enrolment; needed until it is pinned in the folder
    home = ".vinculum-light"       # optional: the light node's folder
    organisation = 1
    gateway = "https://edge.example"

    [key]
    file = "device.pem"            # or library, token, label and pin_file, for hardware

    [assets.pack]
    type = "battery"
    subject = "00000001…"

    [batches]                      # optional, as are the two after it
    readings = 1024
    bytes = 1048576
    age_seconds = 60

    [limits]
    table = "limits.toml"
    queue_readings = 5000000
    queue_bytes = 1073741824

    [can]
    dbc = "pack.dbc"
    signals = "signals.toml"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ipfs.files import read_file
from ledger.credential.binding import log_name
from ledger.errors import MalformedError
from ledger.event import AssetType
from light_node.edge.attester import EdgeAsset
from light_node.edge.batch import BatchLimits
from light_node.edge.limits import MAX_BYTES as MAX_LIMITS_BYTES
from light_node.edge.limits import MICROSECONDS, Limits, default_limits, parse_limits
from light_node.edge.queue import QueueLimits
from light_node.node import known_trust
from light_node.settings_file import load_settings_file
from light_node.settings_table import Fields, members, table
from light_node.state import StateFolder
from light_node.trust import MAX_BYTES as MAX_TRUST_BYTES
from light_node.trust import Trust, parse_trust

HOME = ".vinculum-light"
MAX_BYTES = 1024 * 1024
_TOP = frozenset({"queue", "trust", "home", "organisation", "gateway", "key", "assets", "batches", "limits", "can"})
_FILE_KEY = frozenset({"file"})
_HARDWARE_KEY = frozenset({"library", "token", "label", "pin_file"})
_ASSET, _CAN = frozenset({"type", "subject"}), frozenset({"dbc", "signals"})
_BATCHES = frozenset({"readings", "bytes", "age_seconds"})
_LIMITS = frozenset({"table", "queue_readings", "queue_bytes"})


@dataclass(frozen=True, slots=True)
class Settings:
    """What a device was told.

    Attributes:
        queue: Path of its queue.
        home: The light node's folder: what it accepted of the chain, and the trust file that is pinned.
        trust: Its own trust file, read: the pinned one, or else the one that was handed over.
        organisation: Number of the member that enrolled it.
        gateway: URL of the receiver.
        key: ``file``, or ``library``, ``token``, ``label`` and ``pin_file``; paths are absolute.
        assets: By the name that sources use.
        batches: When a batch is closed.
        limits: What is plausible.
        queue_limits: What the queue holds at most.
        can: Paths of DBC and table of signals, or None.
    """

    queue: Path
    home: Path
    trust: Trust
    organisation: int
    gateway: str
    key: Mapping[str, str]
    assets: Mapping[str, EdgeAsset]
    batches: BatchLimits
    limits: Limits
    queue_limits: QueueLimits
    can: tuple[Path, Path] | None


def load_settings(path: Path) -> Settings:
    """Read the settings, and the files that they name but for key, DBC and signals.

    Raises: ConfigurationError, with the place.
    """
    return load_settings_file(path, MAX_BYTES, _settings)


def _settings(row: Mapping[str, object], folder: Path) -> Settings:
    top = members(row, _TOP, "")
    home = folder / (top.text_or_none("home") or HOME)
    trust = known_trust(StateFolder(home)) or _handed_over(folder / top.text("trust"))
    limits = table(top, "limits", _LIMITS)
    most = QueueLimits()
    return Settings(
        queue=folder / top.text("queue"),
        home=home,
        trust=trust,
        organisation=top.number("organisation", None, least=1),
        gateway=top.text("gateway"),
        key=_key(table(top, "key", _FILE_KEY | _HARDWARE_KEY), folder),
        assets=_assets(top.row.get("assets"), trust),
        batches=_batches(table(top, "batches", _BATCHES)),
        limits=_limits(folder, limits.text_or_none("table")),
        queue_limits=QueueLimits(
            limits.number("queue_readings", most.readings, least=1),
            limits.number("queue_bytes", most.byte_count, least=1),
        ),
        can=_can(table(top, "can", _CAN), folder),
    )


def _handed_over(path: Path) -> Trust:
    return parse_trust(read_file(path, MAX_TRUST_BYTES, "trust file"))


def _key(fields: Fields, folder: Path) -> Mapping[str, str]:
    if fields.row.keys() not in (_FILE_KEY, _HARDWARE_KEY):
        raise MalformedError("settings", "file, or library, token, label and pin_file, are needed", fields.at)
    texts = {name: fields.text(name) for name in fields.row}
    return {name: str(folder / text) if name in ("file", "pin_file") else text for name, text in texts.items()}


def _batches(fields: Fields) -> BatchLimits:
    usual = BatchLimits()
    return BatchLimits(
        fields.number("readings", usual.readings, least=1),
        fields.number("bytes", usual.byte_count, least=1),
        fields.number("age_seconds", usual.age_us // MICROSECONDS, least=1) * MICROSECONDS,
    )


def _limits(folder: Path, name: str | None) -> Limits:
    return default_limits() if name is None else parse_limits(read_file(folder / name, MAX_LIMITS_BYTES, "limits"))


def _can(fields: Fields, folder: Path) -> tuple[Path, Path] | None:
    return (folder / fields.text("dbc"), folder / fields.text("signals")) if fields.row else None


def _assets(row: object, trust: Trust) -> Mapping[str, EdgeAsset]:
    if not isinstance(row, dict) or not row:
        raise MalformedError("settings", "at least one asset is needed", "/assets")
    return {name: _asset(members(fields, _ASSET, f"/assets/{name}"), trust) for name, fields in row.items()}


def _asset(fields: Fields, trust: Trust) -> EdgeAsset:
    kind, subject = fields.text("type"), fields.text("subject").removeprefix("0x").lower()
    if kind not in list(AssetType):
        raise MalformedError("settings", "battery, vehicle or part is needed", f"{fields.at}/type")
    if len(subject) != 64 or not all(character in "0123456789abcdef" for character in subject):
        raise MalformedError("settings", "64 hexadecimal digits are needed", f"{fields.at}/subject")
    address = trust.logs[AssetType(kind)][-1].address
    return EdgeAsset(bytes.fromhex(subject), log_name(trust.chain_id, address))
