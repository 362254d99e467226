"""The steps of sealed evidence: their headers, and the set that one leads to where a contract governs validators."""

from __future__ import annotations

from ledger.errors import MalformedError, UntrustedError
from ledger.proof.evidence import SealStep
from ledger.proof.header import QBFT, RawHeader, block_hash, parse_header, with_seals
from ledger.proof.keccak import keccak256
from light_node.qbft.seals import SealedHeader
from light_node.qbft.skipping import verify_advance, verify_skip
from light_node.qbft.steps import TrustedSet
from light_node.qbft.validator_proof import validators_from_proof
from light_node.trust_rules import ValidatorContract


def step_header(step: SealStep) -> RawHeader:
    """Return the header of a step as it was sealed.

    Raises: MalformedError, where it is none, or bears a round or seals itself.
    """
    raw = parse_header(step.header)
    if block_hash(raw, QBFT) != keccak256(step.header):
        raise MalformedError("evidence", "a step's header with a round or seals beside those of the file", "/finality")
    return with_seals(raw, step.round, step.seals)


def verify_contract_step(
    trusted: TrustedSet,
    step: SealStep,
    header: RawHeader,
    contract: ValidatorContract,
    now: int,
    trusting_period_seconds: int,
) -> TrustedSet:
    """Advance the trusted set to a block above it; whoever writes files calls this too, so that they verify.

    Args:
        trusted: *Verified.*
        step: *Untrusted.*
        header: Of the step, with its round and seals: ``step_header``.
        contract: From the trust file.
        now: The local clock, in seconds since the epoch.
        trusting_period_seconds: See ``verify_skip``.

    Raises: As ``verify_skip``, ``validators_from_proof`` and ``verify_advance``.
        UntrustedError: Also where a seal is by neither of the two sets.
    """
    sealed = verify_skip(trusted, header, now, trusting_period_seconds)
    validators = validators_from_proof(
        sealed.state_root, contract.address, contract.code_hash, step.account, contract.slot, step.validators
    )
    advanced = verify_advance(trusted, sealed, validators)
    _check_strangers(sealed, trusted, advanced)
    return advanced


def _check_strangers(sealed: SealedHeader, trusted: TrustedSet, advanced: TrustedSet) -> None:
    """Refuse seals that count for nothing: one could be put in the place of another."""
    strangers = {*sealed.signers} - {*trusted.validators, *advanced.validators}
    if strangers:
        raise UntrustedError(
            f"a seal of block {sealed.number} is by 0x{min(strangers).hex()}, who is in neither of the two sets"
        )
