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

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ipfs.files import read_file
from ledger.credential.binding import log_name
from ledger.errors import ConfigurationError, MalformedError
from ledger.event import AssetType
from light_node.edge.attester import EdgeAsset
from light_node.edge.batch import BatchLimits
from light_node.edge.limits import MAX_BYTES as MAX_LIMITS_BYTES
from light_node.edge.limits import MICROSECONDS, Limits, default_limits, parse_limits
from light_node.edge.queue import QueueLimits
from light_node.node import known_trust
from light_node.state import StateFolder
from light_node.trust import MAX_BYTES as MAX_TRUST_BYTES
from light_node.trust import Trust, parse_trust

HOME = ".vinculum-light"
MAX_BYTES = 1024 * 1024
_TOP = frozenset({"queue", "trust", "home", "organisation", "gateway", "key", "assets", "batches", "limits", "can"})
_FILE_KEY = frozenset({"file"})
_HARDWARE_KEY = frozenset({"library", "token", "label", "pin_file"})


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
    try:
        table = tomllib.loads(read_file(path, MAX_BYTES, "settings").decode("utf-8"))
        return _settings(table, path.resolve().parent)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path.name} is not TOML: {error}") from None
    except MalformedError as error:
        raise ConfigurationError(f"{path.name}: {error}") from None


def _settings(table: Mapping[str, object], folder: Path) -> Settings:
    _members(table, _TOP, "")
    home = folder / (_text(table, "home", "") if "home" in table else HOME)
    trust = known_trust(StateFolder(home)) or parse_trust(
        read_file(folder / _text(table, "trust", ""), MAX_TRUST_BYTES, "trust file")
    )
    limits = _members(table.get("limits", {}), frozenset({"table", "queue_readings", "queue_bytes"}), "/limits")
    batches = _members(table.get("batches", {}), frozenset({"readings", "bytes", "age_seconds"}), "/batches")
    usual, most = BatchLimits(), QueueLimits()
    can = _members(table.get("can", {}), frozenset({"dbc", "signals"}), "/can")
    return Settings(
        queue=folder / _text(table, "queue", ""),
        home=home,
        trust=trust,
        organisation=_number(table, "organisation", "", None),
        gateway=_text(table, "gateway", ""),
        key=_key(table.get("key"), folder),
        assets=_assets(table.get("assets"), trust),
        batches=BatchLimits(
            _number(batches, "readings", "/batches", usual.readings),
            _number(batches, "bytes", "/batches", usual.byte_count),
            _number(batches, "age_seconds", "/batches", usual.age_us // MICROSECONDS) * MICROSECONDS,
        ),
        limits=parse_limits(read_file(folder / _text(limits, "table", "/limits"), MAX_LIMITS_BYTES, "limits"))
        if "table" in limits
        else default_limits(),
        queue_limits=QueueLimits(
            _number(limits, "queue_readings", "/limits", most.readings),
            _number(limits, "queue_bytes", "/limits", most.byte_count),
        ),
        can=(folder / _text(can, "dbc", "/can"), folder / _text(can, "signals", "/can")) if can else None,
    )


def _key(row: object, folder: Path) -> Mapping[str, str]:
    fields = _members(row, _FILE_KEY | _HARDWARE_KEY, "/key")
    if fields.keys() not in (_FILE_KEY, _HARDWARE_KEY):
        raise MalformedError("settings", "file, or library, token, label and pin_file, are needed", "/key")
    texts = {name: _text(fields, name, "/key") for name in fields}
    return {name: str(folder / text) if name in ("file", "pin_file") else text for name, text in texts.items()}


def _assets(row: object, trust: Trust) -> Mapping[str, EdgeAsset]:
    if not isinstance(row, dict) or not row:
        raise MalformedError("settings", "at least one asset is needed", "/assets")
    return {name: _asset(fields, trust, f"/assets/{name}") for name, fields in row.items()}


def _asset(row: object, trust: Trust, at: str) -> EdgeAsset:
    fields = _members(row, frozenset({"type", "subject"}), at)
    kind, subject = _text(fields, "type", at), _text(fields, "subject", at).removeprefix("0x").lower()
    if kind not in list(AssetType):
        raise MalformedError("settings", "battery, vehicle or part is needed", f"{at}/type")
    if len(subject) != 64 or not all(character in "0123456789abcdef" for character in subject):
        raise MalformedError("settings", "64 hexadecimal digits are needed", f"{at}/subject")
    address = trust.logs[AssetType(kind)][-1].address
    return EdgeAsset(bytes.fromhex(subject), log_name(trust.chain_id, address))


def _members(row: object, known: frozenset[str], at: str) -> Mapping[str, object]:
    if not isinstance(row, dict):
        raise MalformedError("settings", "a table is needed", at)
    for name in row.keys() - known:
        raise MalformedError("settings", "an unknown name", f"{at}/{name}")
    return row


def _text(fields: Mapping[str, object], name: str, at: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise MalformedError("settings", "a text is needed", f"{at}/{name}")
    return value


def _number(fields: Mapping[str, object], name: str, at: str, default: int | None) -> int:
    value = fields.get(name, default)
    if type(value) is not int or value < 1:
        raise MalformedError("settings", "a whole number above 0 is needed", f"{at}/{name}")
    return value
