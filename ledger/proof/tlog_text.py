"""What logs, witnesses and readers send each other as text: requests for a cosignature, proofs, nonces.

Source: C2SP tlog-witness, "add-checkpoint", and tlog-checkpoint v1.0.0, extension lines. The text of a proof that
stands alone, and the nonce line, are our own.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.errors import MalformedError
from ledger.proof.checkpoint import SignedCheckpoint, parse_checkpoint, parse_size
from ledger.proof.merkle import HASH_BYTES
from ledger.proof.note import MAX_NOTE_BYTES, parse_base64

NONCE_BYTES = 32
MAX_LINES = 63
MAX_PROOF_BYTES = 4096
MAX_REQUEST_BYTES = MAX_PROOF_BYTES + MAX_NOTE_BYTES
_REQUEST, _PROOF, _INCLUSION = "add-checkpoint request", "consistency proof", "inclusion proof"


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request for a cosignature, not verified.

    Attributes:
        old: Size that the witness signed last, as the sender believes; 0 for nothing yet.
        path: Consistency path from ``old`` to the checkpoint, 32 bytes each.
        signed: What is to be cosigned.
    """

    old: int
    path: tuple[bytes, ...]
    signed: SignedCheckpoint


@dataclass(frozen=True, slots=True)
class ConsistencyProof:
    """A consistency path with its two sizes, not verified: see ``verify_consistency``."""

    old: int
    new: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """The path of a block's hash in the tree of the first ``size`` blocks, not verified: see ``verify_inclusion``."""

    block: int
    size: int
    path: tuple[bytes, ...]


def encode_add_checkpoint(request: AddCheckpoint) -> bytes:
    """Write a request; ``parse_add_checkpoint`` returns the same value."""
    return f"old {request.old}\n{_path_text(request.path)}\n{request.signed.note}".encode()


def parse_add_checkpoint(data: bytes) -> AddCheckpoint:
    """Parse the body of a request for a cosignature.

    Args:
        data: *Untrusted*; a line with the old size, at most ``MAX_LINES`` lines of the proof, an empty line, and a
            checkpoint.

    Raises:
        MalformedError: Anything else.
    """
    head, separator, note = data.partition(b"\n\n")
    if not separator:
        raise MalformedError(_REQUEST, "not an old size, a proof, an empty line and a checkpoint")
    old, *lines = _lines(head, _REQUEST)
    path = _parse_path(lines, _REQUEST)
    return AddCheckpoint(_parse_named("old", old, _REQUEST), path, parse_checkpoint(note))


def encode_consistency_proof(proof: ConsistencyProof) -> bytes:
    """Write a proof; ``parse_consistency_proof`` returns the same value."""
    return f"old {proof.old}\nnew {proof.new}\n{_path_text(proof.path)}".encode()


def parse_consistency_proof(data: bytes) -> ConsistencyProof:
    """Parse a consistency proof.

    Args:
        data: *Untrusted*; the lines ``old SIZE`` and ``new SIZE`` and at most ``MAX_LINES`` hashes in Base 64.

    Raises:
        MalformedError: Anything else, or a newer tree that is smaller.
    """
    old, new, path = _two_sizes(data, "old", "new", _PROOF)
    if old > new:
        raise MalformedError(_PROOF, f"from {old} to {new} entries")
    return ConsistencyProof(old, new, path)


def encode_inclusion_proof(proof: InclusionProof) -> bytes:
    """Write a proof; ``parse_inclusion_proof`` returns the same value."""
    return f"block {proof.block}\nsize {proof.size}\n{_path_text(proof.path)}".encode()


def parse_inclusion_proof(data: bytes) -> InclusionProof:
    """Parse an inclusion proof.

    Args:
        data: *Untrusted*; the lines ``block NUMBER`` and ``size SIZE`` and at most ``MAX_LINES`` hashes in Base 64.

    Raises:
        MalformedError: Anything else, or a block that is not below the size.
    """
    block, size, path = _two_sizes(data, "block", "size", _INCLUSION)
    if block >= size:
        raise MalformedError(_INCLUSION, f"block {block} among {size}")
    return InclusionProof(block, size, path)


def nonce_line(nonce: bytes) -> str:
    """The extension line that binds a checkpoint to a reader's nonce of 32 bytes."""
    return f"nonce {base64.b64encode(nonce).decode()}"


def parse_nonce(text: str) -> bytes:
    """Read a reader's nonce.

    Args:
        text: *Untrusted*; 32 bytes in Base 64.

    Raises: MalformedError.
    """
    nonce = parse_base64(text, "nonce")
    if len(nonce) != NONCE_BYTES:
        raise MalformedError("nonce", f"{len(nonce)} bytes, not {NONCE_BYTES}")
    return nonce


def _path_text(path: Sequence[bytes]) -> str:
    return "".join(f"{base64.b64encode(node).decode()}\n" for node in path)


def _two_sizes(data: bytes, first: str, second: str, what: str) -> tuple[int, int, tuple[bytes, ...]]:
    """Read a proof that stands alone: two named sizes, a line each, and the path."""
    if not data.endswith(b"\n"):
        raise MalformedError(what, "the last line does not end")
    lines = _lines(data[:-1], what)
    if len(lines) < 2:
        raise MalformedError(what, "not two sizes and a path")
    return _parse_named(first, lines[0], what), _parse_named(second, lines[1], what), _parse_path(lines[2:], what)


def _lines(data: bytes, what: str) -> list[str]:
    if len(data) > MAX_PROOF_BYTES or not data.isascii():
        raise MalformedError(what, f"over {MAX_PROOF_BYTES} bytes before the note, or not ASCII")
    return data.decode("ascii").split("\n")


def _parse_named(name: str, line: str, what: str) -> int:
    if not line.startswith(f"{name} "):
        raise MalformedError(what, f"no line `{name} SIZE`")
    return parse_size(line.removeprefix(f"{name} "), what)


def _parse_path(lines: Sequence[str], what: str) -> tuple[bytes, ...]:
    if len(lines) > MAX_LINES:
        raise MalformedError(what, f"over {MAX_LINES} hashes")
    path = tuple(parse_base64(line, what) for line in lines)
    if any(len(node) != HASH_BYTES for node in path):
        raise MalformedError(what, f"a hash that has not {HASH_BYTES} bytes")
    return path
