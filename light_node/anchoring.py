"""Asking witnesses anew, after a sleep beyond the trusting period."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from urllib.parse import quote

from ledger.errors import ConfigurationError, MissingError, SourceError, VerificationError
from ledger.proof.checkpoint import Checkpoint, SignedCheckpoint, parse_checkpoint
from ledger.proof.evidence import CheckpointFinality
from ledger.proof.note import MAX_NOTE_BYTES
from ledger.proof.tlog_text import MAX_PROOF_BYTES, NONCE_BYTES, nonce_line, parse_consistency_proof
from light_node.heads import TreeHead
from light_node.http_source import HttpSource
from light_node.memory import Memory
from light_node.reanchor import Anchor, Answer, reanchor, wanted_paths
from light_node.trust import Trust
from light_node.trust_rules import WitnessRule

Random = Callable[[int], bytes]


def anchor_anew(
    trust: Trust, memory: Memory | None, sources: Sequence[HttpSource], now: int, random: Random
) -> tuple[Anchor, Memory | None]:
    """Ask witnesses what they hold as the present checkpoint, and what may be gone on from.

    Args:
        trust: The pinned trust file.
        memory: What was accepted last, or None.
        sources: At least two; a dead or lying one does not stop the others, but two that contradict each other do.
        now: The local clock, in seconds since the epoch.
        random: Gives fresh bytes, for the nonce.

    Returns: The anchor, and the memory with its tree and time; None where nothing was accepted before.

    Raises:
        ConfigurationError: Validators seal this chain: no witness can be asked.
        VerificationError: See ``reanchor``.
    """
    rule, nonce = trust.finality, random(NONCE_BYTES)
    if not isinstance(rule, WitnessRule):
        raise ConfigurationError("the validators of this trust file cannot be asked: pin a new trust file instead")
    answers = [answer for source in sources if (answer := _ask(source, nonce)) is not None]
    accepted = None if memory is None else _last_checkpoint(rule.origin, memory)
    paths = {
        pair: path
        for pair in wanted_paths(rule, nonce, answers, now, accepted)
        if (path := _path(sources, *pair)) is not None
    }
    anchor = reanchor(rule, nonce, answers, now, paths=paths, accepted=accepted)
    if memory is None:
        return anchor, None
    return anchor, replace(memory, tree=TreeHead(anchor.size, anchor.root), anchored_at=anchor.time)


def _ask(source: HttpSource, nonce: bytes) -> Answer | None:
    text = nonce_line(nonce).removeprefix("nonce ")
    with suppress(SourceError):
        return Answer(source.name, source.get(f"/fresh?nonce={quote(text, safe='')}", MAX_NOTE_BYTES))
    return None


def _path(sources: Sequence[HttpSource], old: int, new: int) -> tuple[bytes, ...] | None:
    """From the first source that gives one; it proves itself against the two roots."""
    for source in sources:
        with suppress(SourceError, VerificationError):
            proof = parse_consistency_proof(source.get(f"/consistency?old={old}&new={new}", MAX_PROOF_BYTES))
            if (proof.old, proof.new) == (old, new):
                return proof.path
    return None


def fetch_path(sources: Sequence[HttpSource], old: int, new: int) -> tuple[bytes, ...]:
    """Fetch a consistency path, *untrusted*, from whichever source gives one.

    Raises: MissingError, where none does.
    """
    path = _path(sources, old, new)
    if path is None:
        raise MissingError(f"no source shows that the tree of {new} blocks begins with that of {old}")
    return path


def _last_checkpoint(origin: str, memory: Memory) -> SignedCheckpoint | None:
    """The tree that was accepted, with its signatures where they are those of the last head."""
    if memory.tree is None:
        return None
    checkpoint = Checkpoint(origin, memory.tree.size, memory.tree.root)
    if isinstance(memory.signed.finality, CheckpointFinality):
        signed = parse_checkpoint(memory.signed.finality.note)
        if (signed.checkpoint.size, signed.checkpoint.root) == (checkpoint.size, checkpoint.root):
            return signed
    return SignedCheckpoint(checkpoint, ())
