"""Contracts and slots that are proven against one verified state root."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from ledger.errors import MalformedError, UntrustedError
from ledger.proof.evidence import AccountProof, Evidence
from ledger.proof.slots import (
    SUCCESSOR_SLOT,
    IssuerKeyRecord,
    head_slot,
    issuer_key_slot,
    parse_address,
    parse_issuer_key,
    word_of,
)
from ledger.proof.trie import verify_account, verify_storage
from light_node.heads import VerifiedHeader
from light_node.trust import Trust, TrustedContract


class ProvenState:
    """Slots of the trusted contracts at one block; only ``verify_state`` makes it. Keeps note of what was consulted."""

    def __init__(self, consortium: bytes, slots: Mapping[tuple[bytes, bytes], int]) -> None:
        self._consortium, self._slots = consortium, slots
        self._consulted: set[tuple[bytes, bytes]] = set()

    def value(self, contract: bytes, slot: bytes) -> int:
        """Return the proven value of a slot, 0 where it is proven absent.

        Raises: MalformedError, where the file holds no proof of it.
        """
        key = (contract, slot)
        if key not in self._slots:
            raise MalformedError("evidence", f"no proof of slot 0x{slot.hex()} of 0x{contract.hex()}", "/accounts")
        self._consulted.add(key)
        return self._slots[key]

    def head(self, log: bytes, subject: bytes) -> bytes:
        """Return the head of a subject in a log, 32 bytes; zeros where nothing was attested."""
        return self.value(log, head_slot(subject)).to_bytes(32, "big")

    def successor(self, log: bytes) -> bytes | None:
        """Return the log that goes on where ``log`` was closed, 20 bytes; None while it accepts writes."""
        word = self.value(log, word_of(SUCCESSOR_SLOT))
        return parse_address(word) if word else None

    def issuer_key(self, organisation: int, thumbprint: bytes) -> IssuerKeyRecord | None:
        """Return the record of an issuer key, or None where the organisation never added it."""
        return parse_issuer_key(self.consortium_value(issuer_key_slot(organisation, thumbprint)))

    def consortium_value(self, slot: bytes) -> int:
        """Return the proven value of a slot of ``Consortium``; see ``value``."""
        return self.value(self._consortium, slot)

    def verify_consulted(self) -> None:
        """Refuse proofs that nothing asked for: a file has no part that could be changed unnoticed.

        Raises: MalformedError.
        """
        if len(self._consulted) != len(self._slots):
            needless = len(self._slots) - len(self._consulted)
            raise MalformedError("evidence", f"{needless} proofs that nothing asked for", "/accounts")


def verify_contracts(evidence: Evidence, trust: Trust, header: VerifiedHeader) -> dict[bytes, bytes]:
    """Prove that each account in the file is a contract of the trust file, with its code.

    Returns:
        Storage root by address.

    Raises:
        UntrustedError: An account that the trust file does not name, or whose code is another, or that is not there.
        InclusionError: A proof does not lead to the state root.
    """
    trusted = {contract.address: contract for contract in (trust.consortium, *trust.logs[evidence.asset_type])}
    return {
        account.address: _verify_contract(account, trusted.get(account.address), header)
        for account in evidence.accounts
    }


def _verify_contract(proof: AccountProof, contract: TrustedContract | None, header: VerifiedHeader) -> bytes:
    if contract is None:
        raise UntrustedError(f"contract 0x{proof.address.hex()} is not one of the trust file for this asset type")
    account = verify_account(header.state_root, proof.address, proof.nodes)
    if account is None:
        raise UntrustedError(f"no contract at 0x{proof.address.hex()} in block {header.number}")
    if account.code_hash != contract.code_hash:
        raise UntrustedError(f"the code at 0x{proof.address.hex()} is not the one of the trust file")
    return account.storage_root


def verify_state(evidence: Evidence, trust: Trust, storage_roots: Mapping[bytes, bytes]) -> ProvenState:
    """Prove every slot in the file.

    Args:
        evidence: Parsed.
        trust: The trust file.
        storage_roots: *Verified*, by address.

    Raises:
        InclusionError: A proof does not lead to the storage root.
        MalformedError: A node is not in its format.
    """
    slots = {
        (account.address, proof.slot): verify_storage(storage_roots[account.address], proof.slot, proof.nodes)
        for account in evidence.accounts
        for proof in account.storage
    }
    return ProvenState(trust.consortium.address, slots)


def verify_succession(logs: Sequence[bytes], state: ProvenState) -> None:
    """Prove that nothing is attested to this asset type in a log that the trust file does not name.

    Else whoever gives the evidence could show the life up to the change of logs and leave out all that came after.

    Args:
        logs: Addresses of the trusted logs, 20 bytes each, in order of succession.
        state: *Verified*.

    Raises:
        UntrustedError: A log was closed for another than the one that follows it in the trust file.
        MalformedError: The proof of a successor is not in the file.
    """
    for log, following in itertools.zip_longest(logs, logs[1:]):
        successor = state.successor(log)
        if successor not in (None, following):
            raise UntrustedError(
                f"log 0x{log.hex()} was closed for 0x{successor.hex()}, which the trust file does not name after it"
            )
