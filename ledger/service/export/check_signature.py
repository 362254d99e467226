"""Checks 3 and 4: the consortium's state is proven, and one of its members signed every file of the bag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ledger.credential.jws import RawJws, verify_jws
from ledger.errors import ContentMismatchError, IssuerError, MalformedError
from ledger.key_validity import Standing, is_devices, standing_at
from ledger.proof.evidence import MAX_BYTES as MAX_EVIDENCE_BYTES
from ledger.service.export.archive import Archive, FileFact
from ledger.service.export.history import MAX_BYTES as MAX_HISTORY_BYTES
from ledger.service.export.history import parse_history, verify_key_history
from ledger.service.export.layout import HISTORY_FILE
from ledger.service.export.manifest import JWS_TYPE, SIGNED_FILE, ExportManifest
from ledger.service.export.report import BagReport
from ledger.service.export.state import State, join_states, verify_state_file
from light_node.issuer import ALGORITHMS
from light_node.trust import Trust


def verify_states(archive: Archive, paths: Sequence[str], trust: Trust, now: int) -> State:
    """Prove the state files of a bag, and that the history which it tells leads to that state.

    Raises: VerificationError, as ``verify_state_file``, ``join_states`` and ``verify_key_history`` do.
    """
    state = join_states([verify_state_file(archive.read(path, MAX_EVIDENCE_BYTES), trust, now) for path in paths])
    verify_key_history(parse_history(archive.read(HISTORY_FILE, MAX_HISTORY_BYTES)), state)
    return state


def verify_signed(
    jws: RawJws, manifest: ExportManifest, facts: Mapping[str, FileFact], state: State, trust: Trust, report: BagReport
) -> None:
    """Prove who signed the manifest, and that it lists every file and is of the trusted consortium.

    Args:
        jws: *Untrusted*; ``manifest`` was parsed from it.
        manifest: *Untrusted.*
        facts: Of every payload file, as hashed.
        state: *Verified.*
        trust: The reader's own.
        report: Receives who signed, and what.

    Raises: IssuerError, SignatureError, MalformedError, ContentMismatchError.
    """
    _verify_signature(jws, manifest, state)
    report.exporter = manifest.exporter
    report.exporter_name = state.organisations[manifest.exporter].name
    listed = {fact.path: fact for fact in manifest.files}
    expected = {path: fact for path, fact in facts.items() if path != SIGNED_FILE}
    if listed != expected:
        path = next(iter(sorted(path for path in {*listed, *expected} if listed.get(path) != expected.get(path))))
        raise ContentMismatchError("signed list of files", "every file with size and hash", f"another {path}")
    if (manifest.chain_id, manifest.consortium) != (trust.chain_id, trust.consortium.address):
        raise ContentMismatchError("consortium of the manifest", "the one of the trust file", "another")
    report.statement = manifest.statement


def _verify_signature(jws: RawJws, manifest: ExportManifest, state: State) -> None:
    """Prove that the exporter signed, with a key that was its own, no device's, and valid at the proven block.

    Raises: IssuerError, SignatureError.
    """
    own = {
        key.key_id: (key, record) for (number, _), (key, record) in state.keys.items() if number == manifest.exporter
    }
    found = own.get(jws.header.get("kid", ""))
    record = None if found is None else found[1]
    if found is None or record is None or ALGORITHMS.get(record.algorithm) is not found[0].algorithm:
        raise IssuerError(f"organisation {manifest.exporter} is not proven to have the key that signed the manifest")
    if is_devices(record):
        raise IssuerError(f"organisation {manifest.exporter} added this key for a device: it signs no exports")
    if standing_at(record, state.as_of.time) is not Standing.VALID:  # who exports has a key that is in no doubt
        raise IssuerError(f"the key of organisation {manifest.exporter} was not valid at block {state.as_of.number}")
    if manifest.exporter not in state.organisations:
        raise MalformedError("bag", "the exporter's own record is not in its state files", "data/state")
    verify_jws(jws, found[0], JWS_TYPE)
