"""The witnesses of other homes: where they answer and by which key, and what each said last. Two small files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ledger.errors import ConfigurationError, ConflictError, MalformedError, MissingError
from ledger.event import Json
from ledger.proof.cosignature import parse_vkey
from ledger.proof.note import VerifierKey
from ledger.service.files import write_durably
from ledger.strict_json import canonical_json, parse_json

PEERS, REPORT = "witnesses.json", "collected.json"
VERSION = 1
MAX_PEERS = 64
MAX_BYTES = 256 * 1024
MAX_URL_CHARACTERS = 512


@dataclass(frozen=True, slots=True)
class Peer:
    """A witness of another home; its key was pinned when it was added.

    Attributes:
        url: Prefix of its places, without a slash at the end.
        key: By which its signatures are verified.
    """

    url: str
    key: VerifierKey

    @property
    def name(self) -> str:
        """Of its key."""
        return self.key.name


@dataclass(frozen=True, slots=True)
class Said:
    """What came of asking one witness.

    Attributes:
        name: Of its key.
        word: ``signed``, ``ahead``, ``behind``, ``refused``, ``false``, ``slow``, ``unreachable`` or ``too-large``.
        text: More of it, for people; *untrusted* where it is the witness's.
    """

    name: str
    word: str
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """How the last collecting went.

    Attributes:
        time: When, in seconds since the epoch.
        size: Of the checkpoint.
        signed: How many witnesses signed it, those of this home among them.
        needed: How many had to.
        said: By every witness of another home.
    """

    time: int
    size: int
    signed: int
    needed: int
    said: tuple[Said, ...]


def parse_url(text: str) -> str:
    """Read the address of a witness.

    Raises: ConfigurationError, where it is not ``http(s)://host[:port][/path]``, or bears credentials.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    plain = text.isascii() and text.isprintable() and " " not in text and len(text) <= MAX_URL_CHARACTERS
    whole = parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0
    if not plain or not whole or "@" in parts.netloc or "?" in text or "#" in text:
        raise ConfigurationError(f"not the address of a witness: {text!r}; use http://host:port or https://host/path")
    return text.rstrip("/")


def load_peers(folder: Path) -> tuple[Peer, ...]:
    """Read the list; none where there is no file.

    Raises: ConfigurationError, where it cannot be used.
    """
    path = folder / PEERS
    if not path.exists():
        return ()
    try:
        value = parse_json(path.read_bytes(), what=PEERS, max_bytes=MAX_BYTES, max_depth=4)
        if not isinstance(value, dict) or set(value) != {"version", "witnesses"} or value["version"] != VERSION:
            raise MalformedError(PEERS, "not exactly the members of version 1")
        items = value["witnesses"]
        if not isinstance(items, list) or len(items) > MAX_PEERS:
            raise MalformedError(PEERS, f"not a list of at most {MAX_PEERS} witnesses")
        return tuple(map(_peer, items))
    except (MalformedError, OSError) as error:
        raise ConfigurationError(f"{path} cannot be used: {error}") from None


def add_peer(folder: Path, peer: Peer) -> None:
    """Add a witness to the list.

    Raises:
        ConflictError: Its key or its address is there already.
        ConfigurationError: The list is full, or cannot be used.
    """
    peers = load_peers(folder)
    if any(peer.url == one.url or peer.key.public_key == one.key.public_key for one in peers):
        raise ConflictError(f"{peer.name} at {peer.url}: that key or that address is there already")
    if len(peers) == MAX_PEERS:
        raise ConfigurationError(f"at most {MAX_PEERS} witnesses")
    _save_peers(folder, (*peers, peer))


def remove_peer(folder: Path, text: str) -> Peer:
    """Take the witness of that name or address from the list.

    Raises: MissingError, where there is none.
    """
    peers = load_peers(folder)
    found = next((one for one in peers if text.rstrip("/") in (one.url, one.name)), None)
    if found is None:
        raise MissingError(f"no witness {text!r} is on the list")
    _save_peers(folder, [one for one in peers if one != found])
    return found


def save_report(folder: Path, report: Report) -> None:
    """Keep how the last collecting went."""
    said: list[Json] = [{"name": one.name, "word": one.word, "text": one.text} for one in report.said]
    value: dict[str, Json] = {"time": report.time, "size": report.size, "signed": report.signed}
    folder.mkdir(parents=True, exist_ok=True)
    write_durably(folder / REPORT, canonical_json(value | {"needed": report.needed, "said": said}))


def load_report(folder: Path) -> Report | None:
    """How the last collecting went; None where it is not known."""
    path = folder / REPORT
    if not path.exists():
        return None
    try:
        value = parse_json(path.read_bytes(), what=REPORT, max_bytes=MAX_BYTES, max_depth=4)
        if not isinstance(value, dict) or not isinstance(items := value["said"], list):
            return None
        said = tuple(Said(**{name: str(item[name]) for name in Said.__slots__}) for item in map(_object, items))
        time, size, signed, needed = (int(str(value[name])) for name in ("time", "size", "signed", "needed"))
        return Report(time, size, signed, needed, said)
    except (MalformedError, KeyError, ValueError):
        return None


def _save_peers(folder: Path, peers: Sequence[Peer]) -> None:
    witnesses: list[Json] = [{"url": peer.url, "key": peer.key.vkey} for peer in peers]
    folder.mkdir(parents=True, exist_ok=True)
    write_durably(folder / PEERS, canonical_json({"version": VERSION, "witnesses": witnesses}))


def _peer(item: Json) -> Peer:
    value = _object(item)
    url, key = value.get("url"), value.get("key")
    if set(value) != {"url", "key"} or not isinstance(url, str) or not isinstance(key, str):
        raise MalformedError(PEERS, "a witness is a url and a key")
    return Peer(parse_url(url), parse_vkey(key))


def _object(item: Json) -> dict[str, Json]:
    if not isinstance(item, dict):
        raise MalformedError(PEERS, "not an object")
    return item
