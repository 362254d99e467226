"""Write why a block is final where validators vote each other in and out: every header since the first of an epoch.

Only for engines that bind coinbase and list to the proposer, as Besu does; the settings have to say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.chain.answers import header_of
from ledger.errors import ConfigurationError, ConsistencyError, MissingError
from ledger.proof.evidence import SealFinality, SealStep
from ledger.proof.evidence_types import MAX_STEPS
from ledger.proof.header import QBFT, RawHeader, block_hash, parse_header, with_seals
from ledger.proof.qbft_extra import parse_qbft_extra
from ledger.service.seals import Sealed
from ledger.service.workspace import Workspace
from light_node.qbft.seals import quorum_of, verify_seals
from light_node.qbft.votes import Tally, TrustedTally, VotingRule, verify_chain
from light_node.trust_rules import Source, ValidatorRule

REACH = MAX_STEPS + 1
"""Blocks in one file at most: the steps and the header that they lead to."""
MAX_STEPS_BYTES = 24 * 1024 * 1024
"""Of a file, for headers and seals as they are written; the rest is left to credentials."""
_STEP_BYTES = 128
_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class VotedSet:
    """The first block of an epoch, and who seals the next one.

    Attributes:
        number: Height.
        validators: Ascending, as its header lists them.
    """

    number: int
    validators: tuple[bytes, ...]


def prove_voted(workspace: Workspace, block: int, since: int | None = None) -> Sealed:
    """Prove by votes that a block is final.

    Args:
        workspace: The home.
        block: Height.
        since: The last block that the reader knows; by default, the earliest first block of an epoch that one file
            reaches back to, so that it serves the trust files of as many epochs as may be. Where there is none, the
            file begins as early as it can, and serves those who remember.

    Raises:
        MissingError: The node's copy of a block has too few seals, and no file leads over it: another node's may do.
        VerificationError: The blocks do not follow each other, or votes do not make their lists.
        ConfigurationError: Nothing lies between ``since`` and ``block``, or more than a file holds.
        SourceError: The node does not answer.
    """
    epoch_length, reach = _epoch_length(workspace), reach_at(workspace, block)
    start = _earliest(block, epoch_length, reach) if since is None else since
    if not 0 < block - start <= reach:
        raise ConfigurationError(f"{block - start} blocks from {start} to {block}: a file holds 1 to {reach}")
    known, *headers = fetch_headers(workspace, start, block)
    _check_copies(headers)
    if start % epoch_length:
        _check_linked(known, headers)
    else:
        verify_chain(_tallied(known), VotingRule(epoch_length, epoch_vote_counts=False), headers)
    *steps, last = map(_step, headers)
    return Sealed(last.header, SealFinality(last.round, last.seals, steps=tuple(steps)))


def voted_set(workspace: Workspace, tip: int) -> tuple[int, ValidatorRule]:
    """The first block of the epoch of the newest one with a child, and the rule of a trust file that pins it.

    Raises: As ``prove_voted``; the child's seals show whom the list names.
    """
    if tip < 1:
        raise ConfigurationError("no block is sealed yet: wait for the first one")
    epoch_length = _epoch_length(workspace)
    number = (tip - 1) - (tip - 1) % epoch_length
    known, child = fetch_headers(workspace, number, number + 1)
    start = _tallied(known)
    verify_chain(start, VotingRule(epoch_length, epoch_vote_counts=False), [child])
    return number, ValidatorRule(Source.VOTES, start.tally.validators, epoch_length=epoch_length)


def fetch_headers(workspace: Workspace, first: int, last: int) -> list[RawHeader]:
    """Ask the node for the headers ``first`` to ``last``, with their seals.

    Raises: MissingError, where one of them is not there; SourceError; MalformedError.
    """
    rpc, headers = workspace.client.rpc, list[RawHeader]()
    for start in range(first, last + 1, _AT_ONCE):
        heights = range(start, min(start + _AT_ONCE, last + 1))
        answers = rpc.read_many([("eth_getBlockByNumber", (hex(height), False)) for height in heights])
        for height, answer in zip(heights, map(rpc.expect, answers), strict=True):
            if answer is None:
                raise MissingError(f"the node has no block {height}")
            headers.append(parse_header(header_of(answer).rlp))
    return headers


def _epoch_length(workspace: Workspace) -> int:
    chosen = workspace.settings.trust.epoch_length
    if chosen is None:
        raise ConfigurationError("votes need trust.epoch_length")
    return chosen


def reach_at(workspace: Workspace, block: int) -> int:
    """How many blocks up to this one a file holds; fewer than ``REACH`` where many validators seal.

    Raises: SourceError; MalformedError, where the engine's headers are none of QBFT.
    """
    header = parse_header(workspace.client.header(block).rlp)
    return max(1, min(REACH, MAX_STEPS_BYTES // (_STEP_BYTES + 2 * len(header.rlp))))


def _earliest(block: int, epoch_length: int, reach: int) -> int:
    """The first block of the earliest epoch from which one file leads to ``block``; else the earliest block."""
    least = max(0, block - reach)
    start = -(-least // epoch_length) * epoch_length
    return start if start < block else least


def _tallied(known: RawHeader) -> TrustedTally:
    """The first block of an epoch: no vote is open after it, and its list goes on sealing."""
    listed = parse_qbft_extra(known.extra_data).validators
    return TrustedTally(known.number, block_hash(known, QBFT), known.timestamp, Tally(listed))


def _check_linked(known: RawHeader, headers: Sequence[RawHeader]) -> None:
    """Prove as much as can be without the votes before: each block follows, and was sealed by those whom it lists."""
    parent = block_hash(known, QBFT)
    for header in headers:
        if header.parent_hash != parent:
            raise ConsistencyError(f"block {header.number} does not follow the one before it")
        parent = verify_seals(header, parse_qbft_extra(header.extra_data).validators).hash


def _check_copies(headers: Sequence[RawHeader]) -> None:
    """Name the first block of which the node kept too few seals."""
    for header in headers:
        extra = parse_qbft_extra(header.extra_data)
        least = quorum_of(len(extra.validators))
        if len(extra.seals) < least:
            raise MissingError(f"block {header.number}, as the node has it, bears {len(extra.seals)} seals of {least}")


def _step(header: RawHeader) -> SealStep:
    extra = parse_qbft_extra(header.extra_data)
    return SealStep(with_seals(header, 0, ()).rlp, extra.round, tuple(sorted(extra.seals)))
