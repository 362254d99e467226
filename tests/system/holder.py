"""What the holder of an evidence file can put into it that an honest writer leaves out."""

from __future__ import annotations

from dataclasses import replace

from ledger.credential.jose import PublicKey
from ledger.demo import tampering
from ledger.proof.evidence import AccountProof, Evidence, IssuerKey, OpenEntry, StorageProof
from ledger.proof.fold import parse_meta
from ledger.proof.header import parse_header
from ledger.proof.slots import issuer_key_slot
from ledger.service.issue import IssuedEvent
from ledger.service.read import AssetRecord
from light_node.verdict import EventState, Verdict
from tests.system.house import House, assert_verified, parsed


def insist(house: House, asset: AssetRecord, number: int, issued: IssuedEvent, key: PublicKey) -> Verdict:
    """Show a credential at an event where an honest file withholds it, with the proof of the key that it names."""
    honest = house.judge(house.evidence(asset))
    assert_verified(honest)
    assert honest.account is not None
    assert honest.account.events[number - 1].state is EventState.WITHHELD
    evidence = parsed(house.evidence(asset))
    entry = evidence.history[number - 1]
    assert isinstance(entry, OpenEntry)
    organisation = parse_meta(entry.meta).organisation
    if not any((one.organisation, dict(one.jwk)) == (organisation, dict(key.jwk)) for one in evidence.issuers):
        evidence = with_key(house, evidence, organisation, key)
    return house.judge(tampering.show(evidence, number, house.workspace.reader().credential(issued.digest).text))


def with_key(house: House, evidence: Evidence, organisation: int, key: PublicKey) -> Evidence:
    slot, consortium = issuer_key_slot(organisation, key.thumbprint), house.workspace.contracts.consortium
    proofs = house.workspace.client.proofs(consortium, [slot], parse_header(evidence.header).number)
    issuer = IssuerKey(organisation, dict(key.jwk))
    if all(one.address != consortium for one in evidence.accounts):
        accounts = sorted(
            (*evidence.accounts, AccountProof(consortium, proofs.account, ())), key=lambda one: one.address
        )
        evidence = replace(evidence, accounts=tuple(accounts))
    return tampering.add_issuer(evidence, issuer, consortium, StorageProof(slot, proofs.storage[0]))
