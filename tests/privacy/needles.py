"""What must not be found: every identifier of the inputs, in every spelling, and every plain hash of it."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ledger.proof.keccak import keccak256

WINDOW = 8
SHORTEST = 6
TYPES = ("vehicle", "battery", "part")
SEPARATORS = ("", "\0", ":", "/", "|", " ", "-")


def texts_of(folder: Path) -> set[str]:
    """Every string that stands as a value in the documents of a folder, whole and cut at its separators."""
    found: set[str] = set()
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".json", ".jsonld"):
            found |= set(strings(json.loads(path.read_text("utf-8"))))
        elif path.suffix == ".csv":
            rows = csv.reader(path.read_text("utf-8").splitlines(), delimiter=";")
            found |= {cell for row in rows for cell in row}
        elif path.suffix in (".txt", ".svg"):
            found |= {line.strip() for line in path.read_text("utf-8").splitlines()}
    return {text for text in found if len(text) >= SHORTEST}


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        yield from value.replace("#", "/").split("/")[1:]
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def spellings(text: str) -> set[bytes]:
    return {form.encode("utf-8") for form in (text, text.upper(), text.lower(), text.replace("-", ""))}


def preimages(identifier: str) -> set[bytes]:
    """What somebody would hash who looks for an identifier: with and without the asset's type before or behind it."""
    plain = spellings(identifier)
    typed = {f"{kind}{mark}".encode() + one for kind in TYPES for mark in SEPARATORS for one in plain}
    return plain | typed | {one + b"\0" for one in plain} | {one + bytes(33) for one in plain}


def hashes(data: bytes) -> tuple[bytes, ...]:
    once = hashlib.sha256(data).digest()
    return (
        once,
        keccak256(data),
        hashlib.sha1(data, usedforsecurity=False).digest(),
        hashlib.md5(data, usedforsecurity=False).digest(),
        hashlib.sha3_256(data).digest(),
        hashlib.sha512(data).digest(),
        hashlib.blake2b(data, digest_size=32).digest(),
        hashlib.sha256(once).digest(),
    )


class Windows:
    """Every run of ``WINDOW`` bytes of everything public; found in constant time."""

    def __init__(self, datas: Iterable[bytes]) -> None:
        self._found = {data[at : at + WINDOW] for data in datas for at in range(len(data) - WINDOW + 1)}

    def __len__(self) -> int:
        return len(self._found)

    def holds(self, needle: bytes) -> bool:
        return needle[:WINDOW] in self._found
