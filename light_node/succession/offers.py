"""What witnesses answered about successors: each answer judged by itself, and what is worth keeping kept.

Nothing is pinned here. Whoever answers is believed nothing: a succession counts by the signatures of witnesses that a
pinned trust file names, and two that contradict each other are kept as evidence; see ``rotating.show_succession``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise, takewhile
from pathlib import Path

from ledger.errors import MalformedError, StaleError, VinculumError
from light_node.state import StateFolder
from light_node.succession.kept_lineage import KeptLineage
from light_node.succession.published import Published, check_published, parse_published
from light_node.succession.rotating import show_succession
from light_node.succession.rules import digest_of
from light_node.succession.statement import encode_succession, verify_signatures
from light_node.trust import Trust, encode_trust

WATCHED = 4
"""How many trust files are asked about: the pinned one and those that it came after. Who was shown a false successor
learns of the right one only so."""
SUCCESSOR, NOTE = "successor.trust.json", "successor.note"
Answer = Published | VinculumError | None
"""A succession with enough signatures, why there is none that counts, or that there is none."""


@dataclass(slots=True)
class Offers:
    """What came of some witnesses' answers.

    Attributes:
        found: Successions of the pinned trust file with enough signatures, by witness; all say the same.
        faults: Why an answer did not count, by witness.
        conflict: Where two successions that contradict each other are kept; None where none do.
    """

    found: dict[str, Published] = field(default_factory=dict)
    faults: dict[str, VinculumError] = field(default_factory=dict)
    conflict: Path | None = None


def watched(state: StateFolder, now: int) -> Mapping[bytes, Trust]:
    """The trust files to ask about, by fingerprint: the pinned one, and those before it of which the keys still count.

    A trust file that was followed is asked about for its trusting period after the block of its successor: later,
    whoever found keys that were given up could stop every node with them.

    Args:
        state: The light node's folder.
        now: The local clock, in seconds since the epoch.

    Raises: MalformedError, where the folder is damaged.
    """
    lineage, pinned = KeptLineage(state).load(), state.trust()
    ways = [one.trust for digest in lineage.ancestry(digest_of(pinned)) if (one := lineage.find(digest)) is not None]
    pairs = takewhile(lambda pair: _counts(*pair, now), pairwise(ways[:WATCHED]))
    return {digest_of(one): one for one in (pinned, *(old for _, old in pairs))}


def verify_answer(old: Trust, data: bytes) -> Published:
    """Prove that an answer is a succession of a trust file with enough signatures under each of its notes.

    Whether its successor may be taken is for ``rotating.check_succession``.

    Args:
        old: That was asked about.
        data: *Untrusted.*

    Raises:
        MalformedError: Not in its format.
        UntrustedError: Of another trust file, or not with the successor that its note names.
        SignatureError, QuorumError: See ``verify_signatures``.
    """
    published = parse_published(data)
    check_published(published, digest_of(old))
    for signed in published.notes:
        verify_signatures(old, signed)
    return published


def take_note(state: StateFolder, answers: Mapping[str, Mapping[bytes, Answer]]) -> Offers:
    """Remember what witnesses answered about the successors of trust files; a bad answer spoils no other.

    1. What has enough signatures is remembered; what contradicts it is kept as evidence.
    2. Who has none of the pinned trust file, where others have, is stale.

    Use it while ``StateFolder.alone`` is held.

    Args:
        state: The light node's folder.
        answers: By witness, and by fingerprint of the trust file that was asked about.

    Raises: MalformedError, where the folder is damaged; RejectedError, where it cannot be written.
    """
    offers, pinned = Offers(), digest_of(state.trust())
    for name, answer in answers.items():
        for digest, found in answer.items():
            if isinstance(found, VinculumError):
                offers.faults[name] = found
            elif found is not None:
                offers.conflict = _remember(state, found) or offers.conflict  # 1
                if digest == pinned:
                    offers.found[name] = found
    if offers.found:
        late = StaleError(f"has no successor of the trust file {pinned.hex()[:16]}…, which others have")
        offers.faults |= dict.fromkeys(answers.keys() - offers.found.keys() - offers.faults.keys(), late)  # 2
    return offers


def keep_offer(state: StateFolder, published: Published) -> None:
    """Keep a successor, *verified*, where a person finds it who is to take it: the trust file, and what was signed."""
    files = {
        SUCCESSOR: encode_trust(published.successor),
        NOTE: encode_succession(published.notes[0]),
    }
    for name, data in files.items():
        if _kept(state, name, len(data)) != data:
            state.replace(state.folder / name, data)


def forget_offer(state: StateFolder) -> None:
    """Take away what ``keep_offer`` kept, once another trust file is pinned; where it cannot be, it does no harm."""
    for name in (SUCCESSOR, NOTE):
        try:
            (state.folder / name).unlink(missing_ok=True)
        except OSError:
            return


def _counts(new: Trust, old: Trust, now: int) -> bool:
    return now - new.trusted_block.time <= old.trusting_period_seconds


def _remember(state: StateFolder, published: Published) -> Path | None:
    """Show the folder each note; returns where a conflict is kept."""
    shown = [show_succession(state, signed) for signed in published.notes]
    return shown[-1].conflict


def _kept(state: StateFolder, name: str, most: int) -> bytes | None:
    try:
        return state.read(name, most)
    except MalformedError:
        return None
