"""Check 1: a bag holds what an export holds, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledger.errors import ContentMismatchError, MalformedError
from ledger.service.export.archive import Archive
from ledger.service.export.layout import KNOWN_FILES, MAX_ASSETS, SCHEMA_FILE, evidence_path, state_path

MAX_STATE_FILES = 1000
_EVIDENCE = re.compile(r"data/evidence/([0-9]{6})-([0-9a-f]{64})\.json")
_STATE = re.compile(r"data/state/([0-9]{6})\.json")


@dataclass(frozen=True, slots=True)
class NumberedFiles:
    """The files of a bag of which there may be many; only ``sort_files`` makes it.

    Attributes:
        evidence: Subject (32 bytes) by path, in the order of their numbers.
        states: Paths, in the order of their numbers.
    """

    evidence: Mapping[str, bytes]
    states: Sequence[str]


def sort_files(archive: Archive) -> NumberedFiles:
    """Tell the files of a bag apart by their paths.

    Returns: Evidence and state files, numbered without a gap, at least one evidence file and none of one asset twice.

    Raises:
        MalformedError: There is another file, or the numbers are not such.
        ContentMismatchError: A file is missing that every export has.
    """
    evidence, states = dict[str, bytes](), list[str]()
    for path in archive.paths():
        found = _EVIDENCE.fullmatch(path)
        if found is not None:
            evidence[path] = bytes.fromhex(found[2])
        elif _STATE.fullmatch(path):
            states.append(path)
        elif path not in KNOWN_FILES:
            raise MalformedError("bag", "a file that no export of this version has", path)
    missing = sorted(path for path in KNOWN_FILES - {SCHEMA_FILE} if path not in archive)
    if missing:
        raise ContentMismatchError("files of the bag", missing[0], "nothing")
    _check_numbers(evidence, states)
    return NumberedFiles(evidence, states)


def _check_numbers(evidence: Mapping[str, bytes], states: Sequence[str]) -> None:
    numbered = all(path == evidence_path(n, subject) for n, (path, subject) in enumerate(evidence.items(), 1))
    distinct = len(set(evidence.values())) == len(evidence)
    if not numbered or not distinct or not 0 < len(evidence) <= MAX_ASSETS:
        raise MalformedError("bag", "evidence files not numbered from 1, or two of one asset", "data/evidence")
    if states != [state_path(number) for number in range(1, len(states) + 1)]:
        raise MalformedError("bag", "state files not numbered from 1", "data/state")
    if len(states) > MAX_STATE_FILES:
        raise MalformedError("bag", f"more than {MAX_STATE_FILES} state files", "data/state")
