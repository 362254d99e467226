"""The set of validators that a contract governs, proven from the state of the block before."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.errors import MalformedError, UntrustedError
from ledger.proof.qbft_extra import MAX_VALIDATORS
from ledger.proof.slots import array_slot, parse_address, word_of
from ledger.proof.trie import verify_account, verify_storage
from light_node.qbft.seals import check_validators


def validators_from_proof(
    state_root: bytes,
    address: bytes,
    code_hash: bytes,
    account_nodes: Sequence[bytes],
    slot: int,
    proofs: Sequence[Sequence[bytes]],
) -> tuple[bytes, ...]:
    """Prove which validators are in force for the block after the one with ``state_root``.

    1. The contract is in that state, with the code that is trusted.
    2. The length of its array ``address[]`` is proven; it is 1 to ``MAX_VALIDATORS``.
    3. There is one proof for each element, and none more; each leads to the storage root.
    4. The elements are distinct addresses, none of them zero.

    The proof of the state two blocks before, or of any other, fails at 1.

    Args:
        state_root: *Verified*, 32 bytes; of block N - 1 for the set of block N.
        address: 20 bytes, from the trust file; it answers ``getValidators()`` with the array.
        code_hash: keccak256 of its code, 32 bytes, from the trust file.
        account_nodes: *Untrusted*; nodes of the account proof.
        slot: Where the array's length stands: ``VALIDATORS_SLOT`` of our ``Consortium``; from the trust file for
            another contract.
        proofs: *Untrusted*; nodes of the storage proofs, of the length first, then of element 0 and on. Which slots
            they are of is calculated, not taken from the source.

    Returns:
        The set in ascending order, whatever the order in the contract, as engines use it.

    Raises:
        InclusionError: A proof does not lead from the root: it is of another state, or was changed.
        UntrustedError: No contract is there, or one with other code.
        MalformedError: A node is not in its format, proofs are missing or too many, or 2 or 4 does not hold.

    Source: Solidity documentation, "Layout of State Variables in Storage", dynamic arrays.
    """
    account = verify_account(state_root, address, account_nodes)  # 1
    if account is None or account.code_hash != code_hash:
        raise UntrustedError(f"no contract at 0x{address.hex()} with the code of the trust file")
    count = _length(account.storage_root, slot, proofs)  # 2
    if len(proofs) != count + 1:  # 3
        raise MalformedError("proof of validators", f"{len(proofs)} proofs for a length and {count} elements")
    validators = [
        parse_address(verify_storage(account.storage_root, array_slot(slot, index), nodes))
        for index, nodes in enumerate(proofs[1:])
    ]
    check_validators(validators)  # 4
    return tuple(sorted(validators))


def _length(storage_root: bytes, slot: int, proofs: Sequence[Sequence[bytes]]) -> int:
    if not proofs:
        raise MalformedError("proof of validators", "no proof of their number")
    count = verify_storage(storage_root, word_of(slot), proofs[0])
    if not 0 < count <= MAX_VALIDATORS:
        raise MalformedError("proof of validators", f"a list that is empty or over {MAX_VALIDATORS}")
    return count
