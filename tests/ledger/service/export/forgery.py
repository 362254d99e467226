"""Bags taken apart and packed again by somebody who is not their exporter."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from ledger.credential.signing import SigningKey
from ledger.service.export.archive import FileFact
from ledger.service.export.manifest import (
    INFO_FILE,
    PAYLOAD_FILE,
    SIGNED_FILE,
    TAG_FILE,
    ExportManifest,
    bag_info,
    checksums,
    parse_signed,
    sign_manifest,
)

FOLDER = "bag"
Files = dict[str, bytes]


def unpack(path: Path) -> Files:
    """The files of a bag by their path in it."""
    with zipfile.ZipFile(path) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def pack(path: Path, files: Mapping[str, bytes], folder: str = FOLDER) -> Path:
    """Pack files as they are."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(f"{folder}/{name}", data)
    return path


def with_checksums(files: Files) -> Files:
    """The same with BagIt's manifests as they have to be now."""
    payload = [fact_of(name, data) for name, data in files.items() if name.startswith("data/")]
    files = {**files, PAYLOAD_FILE: checksums(payload)}
    tags = [fact_of(name, data) for name, data in files.items() if not name.startswith("data/") and name != TAG_FILE]
    return {**files, TAG_FILE: checksums(tags)}


def signed_again(
    files: Files, key: SigningKey, change: Callable[[ExportManifest], ExportManifest] = lambda one: one
) -> Files:
    """The same with a manifest that lists everything as it is now, signed by whoever forges."""
    _, manifest = parse_signed(files[SIGNED_FILE])
    listed = [fact_of(name, data) for name, data in files.items() if name.startswith("data/") and name != SIGNED_FILE]
    manifest = change(replace(manifest, files=tuple(sorted(listed))))
    files = {**files, SIGNED_FILE: sign_manifest(manifest, key)}
    payload = [data for name, data in files.items() if name.startswith("data/")]
    files = {**files, INFO_FILE: bag_info(manifest, sum(map(len, payload)), len(payload))}
    return with_checksums(files)


def fact_of(name: str, data: bytes) -> FileFact:
    """What is listed of a file."""
    return FileFact(name, len(data), hashlib.sha256(data).digest())


def edit(files: Files, name: str, old: bytes, new: bytes) -> Files:
    """The same with the first ``old`` in a file made ``new``."""
    assert old in files[name], (name, old)
    return {**files, name: files[name].replace(old, new, 1)}
