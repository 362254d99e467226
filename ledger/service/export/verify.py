"""Verify a bag offline, with a trust file of one's own: nothing in it is believed because it stands in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ledger.errors import VerificationError
from ledger.service.export.archive import Archive
from ledger.service.export.check_bagit import verify_bagit, verify_description
from ledger.service.export.check_evidence import EvidenceCheck
from ledger.service.export.check_files import sort_files
from ledger.service.export.check_signature import verify_signed, verify_states
from ledger.service.export.layout import HISTORY_FILE, SCHEMA_FILE, TRUST_FILE
from ledger.service.export.manifest import MAX_JWS_CHARACTERS, SIGNED_FILE, parse_signed
from ledger.service.export.report import AssetCheck, BagReport
from light_node.trust import Trust

__all__ = ["HISTORY_FILE", "SCHEMA_FILE", "TRUST_FILE", "BagReport", "verify_bag"]


def verify_bag(
    path: Path, trust: Trust, now: int, on_progress: Callable[[AssetCheck], None] | None = None
) -> BagReport:
    """Verify a bag, offline.

    1. The archive keeps within limits, unpacks to nowhere else, and holds what an export holds and nothing else.
    2. BagIt: every file is listed and every listed file is there, each with its hash; the description is the one that
       follows from the signed manifest.
    3. The state files are proven; keys, organisations and namespaces have the history that the bag tells.
    4. The manifest lists every file, and was signed by a key of the exporter that was valid at the proven block.
    5. Every evidence file is verified by ``light_node.judge``.
    6. Every table is made anew from the evidence and the state, and is the same to the byte.

    Args:
        path: *Untrusted.*
        trust: The reader's own trust file, never the one in the bag.
        now: The local clock, in seconds since the epoch.
        on_progress: Told after each evidence file.

    Returns:
        The report; nothing that untrusted bytes can cause is raised.

    Raises: MissingError, where the file cannot be read.
    """
    report = BagReport(trust.fingerprint())
    try:
        with Archive(path) as archive:
            _verify(archive, trust, now, report, EvidenceCheck(archive, trust, now, report, on_progress))
    except VerificationError as error:
        report.note("", error)
    return report


def _verify(archive: Archive, trust: Trust, now: int, report: BagReport, evidence: EvidenceCheck) -> None:
    """Do the numbered list; what is refused before 5 ends it."""
    files = sort_files(archive)  # 1
    facts = verify_bagit(archive, report)  # 2
    jws, manifest = parse_signed(archive.read(SIGNED_FILE, MAX_JWS_CHARACTERS))
    verify_description(archive, manifest, facts)
    report.tier = str(manifest.tier)
    state = verify_states(archive, files.states, trust, now)  # 3
    verify_signed(jws, manifest, facts, state, trust, report)  # 4
    evidence.run(files, manifest, state)  # 5, 6
