"""QBFT blocks: seals, votes, skips, and the set of validators that a contract governs."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.errors import MalformedError, UntrustedError
from ledger.proof.header import parse_header
from ledger.proof.keccak import keccak256
from ledger.proof.slots import array_slot, word_of
from ledger.proof.trie import verify_account
from light_node.conformance.fields import Fields
from light_node.conformance.operations.trees import without_repeated
from light_node.qbft.seals import ADDRESS_BYTES, check_validators, verify_seals
from light_node.qbft.skipping import verify_skip
from light_node.qbft.steps import TrustedSet
from light_node.qbft.validator_proof import validators_from_proof
from light_node.qbft.votes import Tally, TrustedTally, VotingRule, verify_chain

_HASH_BYTES = 32
_TIME_UNKNOWN = 0


def qbft_header(fields: Fields) -> dict[str, object]:
    """Prove that a quorum of a set sealed a block."""
    fields.exactly("rlp", "validators")
    sealed = verify_seals(parse_header(fields.octets("rlp")), _validators(fields))
    return {
        "number": sealed.number,
        "hash": sealed.hash.hex(),
        "round": sealed.round,
        "signers": _hex_of(sealed.signers),
        "state_root": sealed.state_root.hex(),
    }


def qbft_chain(fields: Fields) -> dict[str, object]:
    """Prove contiguous blocks by the votes in them, from a block after which no vote is open."""
    fields.exactly("trusted", "epoch_length", "headers")
    given = fields.nested("trusted")
    given.exactly("number", "hash", "validators")
    tally = Tally(_validators(given))
    trusted = TrustedTally(given.integer("number"), given.octets("hash", _HASH_BYTES), _TIME_UNKNOWN, tally)
    rule = VotingRule(fields.integer("epoch_length"))
    after = verify_chain(trusted, rule, map(parse_header, fields.many_octets("headers"))).trusted
    return {"number": after.number, "hash": after.hash.hex(), "validators": _hex_of(after.tally.validators)}


def qbft_skip(fields: Fields) -> dict[str, object]:
    """Prove that a block, far or next, belongs to the chain of a trusted one."""
    fields.exactly("trusted", "now", "trusting_period", "header")
    given = fields.nested("trusted")
    given.exactly("number", "hash", "validators", "time")
    trusted = TrustedSet(
        given.integer("number"), given.octets("hash", _HASH_BYTES), _validators(given), given.integer("time")
    )
    header = parse_header(fields.octets("header"))
    sealed = verify_skip(trusted, header, fields.integer("now"), fields.integer("trusting_period"))
    return {"number": sealed.number, "hash": sealed.hash.hex()}


def validators_proof(fields: Fields) -> list[str]:
    """Prove a set of validators in a contract's storage; whose code that is, is the caller's to judge."""
    fields.exactly("state_root", "address", "account_proof", "array_slot", "proofs")
    root, address = fields.octets("state_root", _HASH_BYTES), fields.octets("address", ADDRESS_BYTES)
    slot = int.from_bytes(fields.word("array_slot"), "big")
    nodes = without_repeated(fields.many_octets("account_proof"))
    proofs = [_storage_proof(one, slot, place) for place, one in enumerate(fields.many("proofs"))]
    account = verify_account(root, address, nodes)
    if account is None:
        raise UntrustedError(f"no contract at 0x{address.hex()}")
    return _hex_of(validators_from_proof(root, address, account.code_hash, nodes, slot, proofs))


def _storage_proof(fields: Fields, slot: int, place: int) -> list[bytes]:
    """Read one proof, whose key is the slot or its hash: of the length first, then of element 0 and on."""
    fields.exactly("key", "proof")
    expected = array_slot(slot, place - 1) if place else word_of(slot)
    if fields.word("key") not in (expected, keccak256(expected)):
        raise MalformedError("field", f"not slot {expected.hex()}, whose turn it is", f"/proofs/{place}/key")
    return without_repeated(fields.many_octets("proof"))


def _validators(fields: Fields) -> tuple[bytes, ...]:
    """Read a set of validators, which may stand in any order."""
    validators = fields.many_octets("validators", ADDRESS_BYTES)
    check_validators(validators)
    return tuple(sorted(validators))


def _hex_of(addresses: Sequence[bytes]) -> list[str]:
    return [address.hex() for address in addresses]
