"""Why a header is final, as JSON: in evidence files, and in what a light node keeps of its last head."""

from __future__ import annotations

import itertools

from ledger.errors import MalformedError
from ledger.event import Json
from ledger.proof.evidence_fields import FieldReader, encode_hexadecimal
from ledger.proof.evidence_types import (
    MAX_HEADER_BYTES,
    MAX_NODE_BYTES,
    MAX_NOTE_CHARACTERS,
    MAX_PATH,
    MAX_PROOF_NODES,
    MAX_ROTATIONS,
    MAX_ROUND,
    MAX_SEALS,
    MAX_STEPS,
    SEAL_BYTES,
    CheckpointFinality,
    Finality,
    SealFinality,
    SealStep,
)
from ledger.strict_json import canonical_json, parse_json

_read = FieldReader("evidence")
_CHECKPOINT = frozenset({"type", "note", "path"})
_SEALS = frozenset({"type", "round", "seals", "account", "validators", "steps", "rotations"})
_STEP = frozenset({"header", "round", "seals", "account", "validators"})


def parse_finality(value: Json, at: str) -> Finality:
    """Bring the proof of finality into types.

    Args:
        value: *Untrusted.*
        at: JSON Pointer of ``value``.

    Raises: MalformedError.
    """
    if not isinstance(value, dict):
        raise MalformedError("evidence", "an object is needed", at)
    kind = _read.text(value.get("type"), f"{at}/type", most=64)
    if kind == "checkpoint":
        return _checkpoint(value, at)
    if kind == "seals":
        return _seal_finality(value, at)
    raise MalformedError("evidence", f"{kind!r} is not a way to finality that this version knows", f"{at}/type")


def finality_value(finality: Finality) -> dict[str, Json]:
    """As JSON takes it; ``parse_finality`` returns the same value."""
    if isinstance(finality, CheckpointFinality):
        return {"type": "checkpoint", "note": finality.note, "path": _hexadecimals(finality.path)}
    return {
        "type": "seals",
        **_sealing_value(finality),
        "steps": [{"header": encode_hexadecimal(step.header), **_sealing_value(step)} for step in finality.steps],
        "rotations": [parse_json(rotation, what="rotation") for rotation in finality.rotations],
    }


def _checkpoint(value: Json, at: str) -> CheckpointFinality:
    fields = _read.members(value, _CHECKPOINT, at)
    return CheckpointFinality(
        note=_read.text(fields["note"], f"{at}/note", most=MAX_NOTE_CHARACTERS),
        path=_read.hexadecimals(fields["path"], f"{at}/path", items=MAX_PATH, length=32),
    )


def _seal_finality(value: Json, at: str) -> SealFinality:
    fields = _read.members(value, _SEALS, at)
    steps = _read.items(fields["steps"], f"{at}/steps", most=MAX_STEPS)
    rotations = _read.items(fields["rotations"], f"{at}/rotations", most=MAX_ROTATIONS)
    return SealFinality(
        round=_read.integer(fields["round"], f"{at}/round", most=MAX_ROUND),
        seals=_seals(fields["seals"], f"{at}/seals"),
        account=_nodes(fields["account"], f"{at}/account"),
        validators=_proofs(fields["validators"], f"{at}/validators"),
        steps=tuple(_step(step, f"{at}/steps/{n}") for n, step in enumerate(steps)),
        rotations=tuple(map(canonical_json, rotations)),
    )


def _step(value: Json, at: str) -> SealStep:
    fields = _read.members(value, _STEP, at)
    return SealStep(
        header=_read.hexadecimal(fields["header"], f"{at}/header", most=MAX_HEADER_BYTES),
        round=_read.integer(fields["round"], f"{at}/round", most=MAX_ROUND),
        seals=_seals(fields["seals"], f"{at}/seals"),
        account=_nodes(fields["account"], f"{at}/account"),
        validators=_proofs(fields["validators"], f"{at}/validators"),
    )


def _seals(value: Json, at: str) -> tuple[bytes, ...]:
    seals = _read.hexadecimals(value, at, items=MAX_SEALS, length=SEAL_BYTES)
    if any(one >= other for one, other in itertools.pairwise(seals)):
        raise MalformedError("evidence", "seals that are not in ascending order, each once", at)
    return seals


def _nodes(value: Json, at: str) -> tuple[bytes, ...]:
    return _read.hexadecimals(value, at, items=MAX_PROOF_NODES, most=MAX_NODE_BYTES)


def _proofs(value: Json, at: str) -> tuple[tuple[bytes, ...], ...]:
    proofs = _read.items(value, at, most=1 + MAX_SEALS)
    return tuple(_nodes(proof, f"{at}/{n}") for n, proof in enumerate(proofs))


def _sealing_value(step: SealStep | SealFinality) -> dict[str, Json]:
    return {
        "round": step.round,
        "seals": _hexadecimals(step.seals),
        "account": _hexadecimals(step.account),
        "validators": [_hexadecimals(nodes) for nodes in step.validators],
    }


def _hexadecimals(values: tuple[bytes, ...]) -> list[Json]:
    return [encode_hexadecimal(value) for value in values]
