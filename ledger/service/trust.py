"""Make the trust file of this consortium, for its operator to hand on by a way that readers trust."""

from __future__ import annotations

from sqlmodel import col, select

from ledger.errors import MissingError
from ledger.proof.cosignature import check_threshold
from ledger.proof.evidence import SealFinality
from ledger.proof.keccak import keccak256
from ledger.service.finality import VALIDATORS, FinalBlock, final_block
from ledger.service.pinned import load_line
from ledger.service.seals import validator_contract, validators_after
from ledger.service.votes import voted_set
from ledger.service.workspace import Workspace
from ledger.store.chain_index import Block, Organisation
from light_node.trust import Trust, TrustedBlock, TrustedContract
from light_node.trust_rules import FinalityRule, Source, ValidatorRule, WitnessRule, pinned_rule


def make_trust(workspace: Workspace) -> Trust:
    """Write down what this node holds as true now; whoever pins it believes this operator once.

    Raises:
        MissingError: No organisation has published a witness, or the trusted block is not known here.
        MalformedError: The threshold would let two histories be cosigned.
        SourceError, VerificationError, ConfigurationError: As ``final_block``.
    """
    tip = workspace.projector.sync().block_number
    if workspace.settings.trust.finality == VALIDATORS and workspace.settings.trust.validator_source == Source.VOTES:
        return assemble_trust(workspace, *voted_set(workspace, tip))
    final = final_block(workspace, workspace.contracts.deployment.first_block)
    return assemble_trust(workspace, final.number, _rule(workspace, final))


def assemble_trust(workspace: Workspace, number: int, rule: FinalityRule) -> Trust:
    """Write a trust file of this consortium that pins a block of the index, with a rule of finality.

    Raises: MissingError, where the block is not in the index; SourceError.
    """
    contracts, chosen = workspace.contracts, workspace.settings.trust
    return Trust(
        chain_id=contracts.chain_id,
        block_hash_rule=workspace.settings.chain.block_hash_rule,
        trusted_block=_block(workspace, number),
        finality=rule,
        consortium=_contract(workspace, contracts.consortium),
        logs={
            asset_type: tuple(_contract(workspace, address) for address in logs)
            for asset_type, logs in contracts.deployment.logs.items()
        },
        trusting_period_seconds=chosen.trusting_period_seconds,
        maximum_age_seconds=chosen.maximum_age_seconds,
    )


def _rule(workspace: Workspace, final: FinalBlock) -> FinalityRule:
    if isinstance(final.finality, SealFinality):
        if workspace.settings.trust.validator_source == Source.PINNED:
            return pinned_rule(load_line(workspace.home).sets.stated(final.number + 1), final.number)
        contract = validator_contract(workspace)
        return ValidatorRule(Source.CONTRACT, validators_after(final.header, final.finality, contract), contract)
    chosen, witnesses = workspace.settings.trust, _witnesses(workspace)
    threshold = chosen.witness_threshold or (len(witnesses) + chosen.tolerated_liars) // 2 + 1
    check_threshold(threshold, len(witnesses), chosen.tolerated_liars)
    return WitnessRule(workspace.contracts.origin, threshold, witnesses, chosen.tolerated_liars)


def _block(workspace: Workspace, number: int) -> TrustedBlock:
    with workspace.database.read() as session:
        row = session.get(Block, number)
    if row is None:
        raise MissingError(f"block {number} is not in the index")
    return TrustedBlock(row.number, row.hash, row.timestamp)


def _contract(workspace: Workspace, address: bytes) -> TrustedContract:
    return TrustedContract(address, keccak256(workspace.client.code(address)))


def _witnesses(workspace: Workspace) -> tuple[str, ...]:
    reader = workspace.reader()
    with workspace.database.read() as session:
        numbers = session.exec(select(Organisation.id).order_by(col(Organisation.id))).all()
    found = tuple(reader.profile(number).witness for number in numbers)
    if not found:
        raise MissingError("no organisation has published a witness key: enrol the members first")
    return found
