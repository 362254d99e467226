"""Write why a block is final by the seals of its validators, from what a node holds.

What is written is what the light node's own functions verified, step by step. It serves trust files of any time: for
each change of the set that ``Consortium`` names there are two steps at most, the block whose state has the new set and
the one before it, so that between two steps the set is always the same. Steps that no reader needs are left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from ledger.errors import ConfigurationError, QuorumError, SourceError, VerificationError
from ledger.proof.evidence import SealFinality, SealStep
from ledger.proof.header import RawHeader, commit_seal_hash, parse_header, with_seals
from ledger.proof.keccak import keccak256
from ledger.proof.qbft_extra import MAX_VALIDATORS, parse_qbft_extra
from ledger.proof.slots import VALIDATORS_SLOT, array_slot, word_of
from ledger.service.seal_steps import Stop, needed_stops, stranded_spans
from ledger.service.validator_changes import changes_of_set, contract_beginning, spans_between
from ledger.service.workspace import Workspace
from light_node.qbft.seals import recover_signer
from light_node.qbft.skipping import bisect
from light_node.qbft.steps import TrustedSet
from light_node.qbft.validator_proof import validators_from_proof
from light_node.seal_steps import step_header, verify_contract_step
from light_node.trust_rules import ValidatorContract

_NO_PERIOD = 2**40
"""Readers say how long they believe validators; a file is written for all of them."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A block with why it is final, from the beginning of the contract's validators on.

    Attributes:
        header: RLP, without round and seals.
        finality: Verified here.
    """

    header: bytes
    finality: SealFinality


@dataclass(slots=True)
class _Walk:
    """How far it was verified, and by which steps."""

    workspace: Workspace
    contract: ValidatorContract
    known: Mapping[int, SealStep]
    trusted: TrustedSet
    steps: list[SealStep] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)

    def reach(self, goal: int) -> None:
        """Go on to a height, by nearer ones where too few seals overlap.

        Raises: QuorumError, where the node's copies of the blocks do not lead there; the walk stays where it was.
        """
        way, trusted, made = bisect(self.trusted.number, goal), self.trusted, list[tuple[SealStep, Stop]]()
        while (height := way.next_height) is not None:
            try:
                trusted, step = self._advance(trusted, height)
            except QuorumError as error:
                way = way.retreat(error)
            else:
                way = way.reach()
                made.append((step, _stop(step, trusted)))
        self.trusted = trusted
        self.steps += [step for step, _ in made]
        self.stops += [stop for _, stop in made]

    def _advance(self, trusted: TrustedSet, height: int) -> tuple[TrustedSet, SealStep]:
        step = self._without_strangers(trusted, self.known.get(height) or fetch_step(self.workspace, height))
        header = step_header(step)
        return verify_contract_step(trusted, step, header, self.contract, header.timestamp, _NO_PERIOD), step

    def _without_strangers(self, trusted: TrustedSet, step: SealStep) -> SealStep:
        """Leave seals out that are by neither set: they count for nothing, and a verifier refuses them."""
        header, allowed = step_header(step), set(trusted.validators)
        if header.number > trusted.number + 1:
            allowed.update(_named(header, step, self.contract))
        return replace(step, seals=seals_by(allowed, header, step.seals))


def seals_by(members: Collection[bytes], header: RawHeader, seals: Iterable[bytes]) -> tuple[bytes, ...]:
    """Those of the seals over a header, in their order, that members made; raises as ``recover_signer``."""
    message = commit_seal_hash(header)
    return tuple(seal for seal in seals if recover_signer(seal, message) in members)


def prove_sealed(workspace: Workspace, block: int, known: Mapping[int, SealStep] | None = None) -> Sealed:
    """Prove by seals that a block is final, for readers who pinned any block since the contract names the validators.

    Args:
        workspace: The home; its index has the block.
        block: Height.
        known: Steps that were written before, by height. Those of old blocks need states that many nodes forget.

    Raises:
        QuorumError: The node's copy of a block has too few seals; around a change, another block or node may do.
        VerificationError: The seals are not by the validators that the contract names.
        ConfigurationError: The contract names none yet, or not at that height.
        SourceError: The node does not have that state any more, or does not answer.
    """
    steps, last = _lead(workspace, block, known or {})
    finality = SealFinality(last.round, last.seals, last.account, last.validators, steps)
    return Sealed(last.header, finality)


def _lead(workspace: Workspace, block: int, known: Mapping[int, SealStep]) -> tuple[tuple[SealStep, ...], SealStep]:
    """The steps that readers need, and the block itself.

    Where steps were written before, they are gone on from; only what they leave some reader without is asked for.
    """
    beginning, changes = contract_beginning(workspace, block), changes_of_set(workspace)
    spans = spans_between(beginning, changes, block)
    latest = max((height for height in known if height < block), default=beginning.number)
    walk = _walk(
        workspace, beginning, known, block, [*known, *_around(span.first for span in spans if span.first > latest)]
    )
    if known and stranded_spans(walk.stops, spans):
        with suppress(SourceError, QuorumError):  # states that the node forgot; then the file serves as many as it can
            walk = _walk(workspace, beginning, known, block, [*known, *_around(span.first for span in spans)])
    needed = {stop.number for stop in needed_stops(walk.stops, spans)}
    *steps, last = (step for step, stop in zip(walk.steps, walk.stops, strict=True) if stop.number in needed)
    return _verified(walk, beginning, (*steps, last))


def _walk(
    workspace: Workspace, beginning: TrustedSet, known: Mapping[int, SealStep], block: int, goals: Iterable[int]
) -> _Walk:
    walk = _Walk(workspace, validator_contract(workspace), known, beginning)
    for goal in sorted(set(goals)):
        if walk.trusted.number < goal < block:
            with suppress(QuorumError):  # another copy would do; a later one may
                walk.reach(goal)
    walk.reach(block)
    if not walk.steps:
        raise ConfigurationError(f"block {block} is where the validators of the contract begin: wait for the next one")
    return walk


def _verified(walk: _Walk, beginning: TrustedSet, steps: Sequence[SealStep]) -> tuple[tuple[SealStep, ...], SealStep]:
    """Prove that what is left leads from the beginning; else nothing is left out."""
    trusted = beginning
    try:
        for step in steps:
            header = step_header(step)
            trusted = verify_contract_step(trusted, step, header, walk.contract, header.timestamp, _NO_PERIOD)
    except VerificationError:
        steps = walk.steps
    return tuple(steps[:-1]), steps[-1]


def _stop(step: SealStep, trusted: TrustedSet) -> Stop:
    message = commit_seal_hash(step_header(step))
    signers = frozenset(recover_signer(seal, message) for seal in step.seals)
    return Stop(trusted.number, signers, frozenset(trusted.validators))


def _around(changes: Iterable[int]) -> list[int]:
    return [near for number in changes for near in (number - 1, number)]


def validator_contract(workspace: Workspace) -> ValidatorContract:
    """``Consortium``, as the contract that names the validators."""
    address = workspace.contracts.consortium
    return ValidatorContract(address, keccak256(workspace.client.code(address)), VALIDATORS_SLOT)


def validators_after(header: bytes, finality: SealFinality, contract: ValidatorContract) -> tuple[bytes, ...]:
    """Prove who seals the block after that of a finality; raises as ``validators_from_proof``."""
    step = SealStep(header, finality.round, finality.seals, finality.account, finality.validators)
    return _named(parse_header(header), step, contract)


def fetch_step(workspace: Workspace, height: int) -> SealStep:
    """Ask the node for a block's header, its seals, and the proof of the validators in its state.

    Raises: SourceError; MalformedError, where the engine's headers are none of QBFT.
    """
    client, consortium = workspace.client, workspace.contracts.consortium
    header = parse_header(client.header(height).rlp)
    extra = parse_qbft_extra(header.extra_data)
    count = min(client.storage(consortium, word_of(VALIDATORS_SLOT), height), MAX_VALIDATORS)
    slots = [word_of(VALIDATORS_SLOT), *(array_slot(VALIDATORS_SLOT, place) for place in range(count))]
    proofs = client.proofs(consortium, slots, height)
    seals = tuple(sorted(set(extra.seals)))
    return SealStep(with_seals(header, 0, ()).rlp, extra.round, seals, proofs.account, proofs.storage)


def _named(header: RawHeader, step: SealStep, contract: ValidatorContract) -> tuple[bytes, ...]:
    return validators_from_proof(
        header.state_root, contract.address, contract.code_hash, step.account, contract.slot, step.validators
    )
