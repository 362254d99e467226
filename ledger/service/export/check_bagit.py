"""Check 2: BagIt's own lists, every file against its hash, and what is said beside the signed manifest."""

from __future__ import annotations

from collections.abc import Mapping

from ledger.errors import ContentMismatchError, MalformedError
from ledger.service.export.archive import Archive, FileFact
from ledger.service.export.layout import NOTICE_FILE, TAGS, TRUST_FILE, TRUST_NOTICE
from ledger.service.export.manifest import (
    BAGIT,
    BAGIT_FILE,
    INFO_FILE,
    PAYLOAD_FILE,
    TAG_FILE,
    ExportManifest,
    bag_info,
    parse_checksums,
)
from ledger.service.export.report import BagReport
from light_node.trust import MAX_BYTES as MAX_TRUST_BYTES
from light_node.trust import parse_trust

MAX_TAG_BYTES = 16 * 1024 * 1024


def verify_bagit(archive: Archive, report: BagReport) -> dict[str, FileFact]:
    """Hash every file and compare it with BagIt's lists.

    Returns: Path, size and hash of every payload file.

    Raises:
        MalformedError: It is not BagIt 1.0, or a list is not in its format.
        ContentMismatchError: A file is not listed, or not there, or has another hash.
    """
    if archive.read(BAGIT_FILE, len(BAGIT) * 2) != BAGIT:
        raise MalformedError("bag", "not BagIt 1.0 in UTF-8", BAGIT_FILE)
    payload = {path for path in archive.paths() if path.startswith("data/")}
    facts = _verify_checksums(archive, PAYLOAD_FILE, payload, report)
    _verify_checksums(archive, TAG_FILE, set(TAGS), report)
    return facts


def _verify_checksums(archive: Archive, name: str, expected: set[str], report: BagReport) -> dict[str, FileFact]:
    listed = parse_checksums(archive.read(name, MAX_TAG_BYTES), name)
    if listed.keys() != expected:
        unlisted, absent = sorted(expected - listed.keys()), sorted(listed.keys() - expected)
        found = f"{unlisted[0]} is not listed" if unlisted else f"{absent[0]} is not there"
        raise ContentMismatchError(name, "every file of the bag", found)
    facts = {}
    for path, digest in listed.items():
        facts[path] = archive.fact(path)
        report.files += 1
        if facts[path].sha256 != digest:
            raise ContentMismatchError(path, digest.hex(), facts[path].sha256.hex())
    return facts


def verify_description(archive: Archive, manifest: ExportManifest, facts: Mapping[str, FileFact]) -> None:
    """Prove that what people read in a bag follows from its manifest, whoever signed that.

    Raises:
        ContentMismatchError: The description or the notice is another.
        MalformedError: The exporter's trust file is none.
    """
    expected = bag_info(manifest, sum(fact.size for fact in facts.values()), len(facts))
    if archive.read(INFO_FILE, MAX_TAG_BYTES) != expected:
        raise ContentMismatchError(INFO_FILE, "what follows from the signed manifest", "another text")
    if archive.read(NOTICE_FILE, len(TRUST_NOTICE) * 2) != TRUST_NOTICE:
        raise ContentMismatchError(NOTICE_FILE, "the notice that its trust file is not to be used", "another text")
    parse_trust(archive.read(TRUST_FILE, MAX_TRUST_BYTES))
