"""``reading`` and ``grew``: a single reading in a batch of an asset, and a log that took nothing back."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipfs.files import read_file, read_file_or_pipe
from ledger.credential.jose import PublicKey, parse_jwk
from ledger.event import Json
from ledger.proof.checkpoint import SignedCheckpoint, parse_checkpoint
from ledger.proof.note import MAX_NOTE_BYTES
from ledger.strict_json import parse_json
from light_node.cli.output import Output
from light_node.cli.verifying import add_question, judge_file, read_path
from light_node.describe import describe, to_json
from light_node.log_growth import parse_log_key, verify_growth
from light_node.verdict import Outcome, time_text

if TYPE_CHECKING:
    from light_node.attested_reading import AttestedReading

MAX_JWK_BYTES = 4096
_GROWN = (("before", "checkpoint seen earlier"), ("after", "checkpoint of now"), ("proof", "between the two"))


def register(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the commands."""
    reading = commands.add_parser(
        "reading", parents=[common], help="verify that a reading is in a batch that was attested to an asset"
    )
    add_question(reading)
    reading.add_argument("proof", type=Path, help="proof of the reading, with or without that of the device's key")
    reading.add_argument("--device-key", type=Path, help="the device's public key (JWK), if it is at hand")
    reading.set_defaults(run=_reading)
    grew = commands.add_parser("grew", parents=[common], help="verify that a log took nothing back")
    for name, text in _GROWN:
        grew.add_argument(name, type=Path, help=text)
    grew.add_argument("--key", required=True, help="verifier key of the log: name+id+key")
    grew.set_defaults(run=_grew)


def _reading(chosen: argparse.Namespace, output: Output) -> int:
    from light_node.attested_reading import Ground, verify_attested_reading  # noqa: PLC0415 - who verifies needs no edge
    from light_node.edge.reading_proof import MAX_BYTES, parse_proof  # noqa: PLC0415

    proof = parse_proof(read_file_or_pipe(chosen.proof, MAX_BYTES, "proof of a reading"))
    key = _device_key(chosen.device_key)
    judged = judge_file(chosen)
    verdict = judged.verdict
    if verdict.account is None or verdict.outcome.exit_code or judged.trust is None or judged.header is None:
        output.result(to_json(verdict), describe(verdict))
        return verdict.outcome.exit_code
    found = verify_attested_reading(verdict.account, proof, Ground(judged.trust, judged.header), key)
    output.result(_reading_value(found), _reading_text(found))
    return _outcome(found).exit_code


def _outcome(found: AttestedReading) -> Outcome:
    """A device's key in doubt leaves it open who stated the reading; without any, it is the organisation's word."""
    from light_node.attested_reading import Voucher  # noqa: PLC0415 - as above

    return Outcome.UNDETERMINED if found.voucher is Voucher.DISPUTED else Outcome.VERIFIED


def _reading_value(found: AttestedReading) -> dict[str, Json]:
    return {
        "outcome": str(_outcome(found)),
        "quantity": found.reading.quantity,
        "value": found.reading.value,
        "unit": found.reading.unit,
        "sensor": found.reading.sensor,
        "taken_at_us": found.reading.taken_at_us,
        "quality": [*sorted(map(str, found.quality))],
        "event": found.event,
        "organisation": found.organisation,
        "attested_at": found.attested_at,
        "device_key": found.device_key,
        "device_key_standing": str(found.voucher),
        "device_signature_verified": str(found.voucher) != "unproven",
    }


def _reading_text(found: AttestedReading) -> str:
    reading, flags = found.reading, ", ".join(sorted(map(str, found.quality)))
    attested = f"attested by organisation {found.organisation} at {time_text(found.attested_at)}"
    return "\n".join(
        [
            str(_outcome(found)).upper(),
            f"  {reading.quantity} {reading.value} {reading.unit} from {reading.sensor!r}",
            f"  taken at {time_text(reading.taken_at_us // 1_000_000)} by the device's clock",
            *([f"  flagged by the device: {flags}"] if flags else []),
            f"  in event {found.event}, {attested}",
            f"  {_voucher_text(found)}",
        ]
    )


def _voucher_text(found: AttestedReading) -> str:
    """Who says that the device stated it; never more than is proven."""
    by = f"signed by device key {found.device_key}"
    return {
        "unproven": "by that organisation's word: no key of the device was given or proven",
        "given": f"{by}, as it was given: nothing here proves that organisation {found.organisation} enrolled it",
        "proven": f"{by}, which organisation {found.organisation} had enrolled, and which was valid then",
        "disputed": f"{by}, DISPUTED: attested after the time from which that key is revoked, before it was revoked",
    }[str(found.voucher)]


def _device_key(path: Path | None) -> PublicKey | None:
    return None if path is None else parse_jwk(parse_json(read_file(path, MAX_JWK_BYTES, "JWK"), what="JWK"))


def _grew(chosen: argparse.Namespace, output: Output) -> int:
    growth = verify_growth(
        _checkpoint(chosen.before), _checkpoint(chosen.after), read_path(chosen.proof), parse_log_key(chosen.key)
    )
    value: dict[str, Json] = {"origin": growth.origin, "before": growth.before, "after": growth.after}
    output.result(value, f"VERIFIED\n  {growth.origin} grew from {growth.before} to {growth.after} entries")
    return 0


def _checkpoint(path: Path) -> SignedCheckpoint:
    return parse_checkpoint(read_file_or_pipe(path, MAX_NOTE_BYTES, "checkpoint"))
