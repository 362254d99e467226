"""What a head that validators sealed shows of the blocks below it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ledger.errors import ForkError, StaleError
from ledger.proof.evidence import SealFinality
from ledger.proof.header import QBFT, RawHeader, block_hash, parse_header
from light_node.memory import SignedHead


def number_of(signed: SignedHead) -> int:
    """Height of a head.

    Raises: MalformedError.
    """
    return parse_header(signed.header).number


def heads_near(signed: SignedHead, number: int) -> Iterator[SignedHead]:
    """The blocks of a sealed head that stand beside or right above a height, each as a head of its own.

    Args:
        signed: *Untrusted*, parsed.
        number: Height.
    """
    if isinstance(signed.finality, SealFinality):
        steps = signed.finality.steps
        for place, step in enumerate(steps):
            if parse_header(step.header).number - number in {0, 1}:
                own = SealFinality(step.round, step.seals, step.account, step.validators, steps[:place])
                yield SignedHead(step.header, own)
    if number_of(signed) - number in {0, 1}:
        yield signed


def verify_link(upper: SignedHead, number: int, hashed: bytes) -> None:
    """Prove that headers lead down from a final head to the block ``number`` with this hash.

    Args:
        upper: *Final.* What its steps say of seals is not looked at: hashes lead from one header to the next.
        number: Not above it.
        hashed: 32 bytes.

    Raises:
        StaleError: One between them is missing.
        ForkError: They lead to another block; what a final block names as its parent is final too.
    """
    steps = upper.finality.steps if isinstance(upper.finality, SealFinality) else ()
    known = {block_hash(raw, QBFT): raw for raw in (parse_header(step.header) for step in steps)}
    raw: RawHeader | None = parse_header(upper.header)
    while raw is not None and raw.number > number + 1:
        raw = known.get(raw.parent_hash)
    if raw is None:
        raise StaleError(f"seals alone do not show that block {number} is behind the higher one: headers are missing")
    if raw.number == number + 1 and raw.parent_hash != hashed:
        raise ForkError(f"block {number}, by its child", hashed, raw.parent_hash)
