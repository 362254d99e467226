"""A QBFT chain for benchmarks: real keys, real tries, blocks made when they are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256

import coincurve
import rlp
from trie import HexaryTrie

from ledger.proof.evidence import AccountProof, Evidence, SealFinality, StorageProof
from ledger.proof.header import QBFT, parse_header
from ledger.proof.keccak import keccak256
from ledger.proof.slots import VALIDATORS_SLOT, array_slot, word_of
from ledger.proof.trie import verify_account, verify_storage
from light_node.trust import Trust, TrustedBlock
from light_node.trust_rules import Source, ValidatorContract, ValidatorRule

EXTRA, SEALED_FAR = 12, 1000
OTHERS = 2000
"""Slots and accounts beside those that matter, so that proofs are as deep as those of a used chain."""
PERIOD = 2
STEPS_ABOUT_A_ROTATION = 3


class Validator:
    """A validator with its key."""

    def __init__(self, name: str) -> None:
        self.key = coincurve.PrivateKey(keccak256(name.encode()))
        self.address = keccak256(self.key.public_key.format(compressed=False)[1:])[12:]

    def seal(self, message: bytes) -> bytes:
        """The commit seal r ‖ s ‖ v over a hash."""
        return self.key.sign_recoverable(message, hasher=None)


def validators(count: int, name: str = "validator") -> list[Validator]:
    return [Validator(f"{name}/{n}") for n in range(count)]


def addresses(members: Iterable[Validator]) -> tuple[bytes, ...]:
    return tuple(sorted(one.address for one in members))


class Secure:
    """A trie whose keys are hashed, with ``others`` entries more than those given."""

    def __init__(self, content: Mapping[bytes, bytes], others: int = OTHERS) -> None:
        self._trie = HexaryTrie({}, prune=True)
        filling = {sha256(b"%d" % n).digest(): rlp.encode(sha256(b"v%d" % n).digest()) for n in range(others)}
        with self._trie.squash_changes() as batch:
            for key, value in (filling | dict(content)).items():
                batch[keccak256(key)] = value

    @property
    def root(self) -> bytes:
        """The root, 32 bytes."""
        return bytes(self._trie.root_hash)

    def proof(self, key: bytes) -> tuple[bytes, ...]:
        """Nodes from the root down, those left out that stand within their parents."""
        nodes = [rlp.encode(node) for node in self._trie.get_proof(keccak256(key))]
        return tuple(node for place, node in enumerate(nodes) if place == 0 or len(node) >= 32)


class State:
    """Accounts with their storage; ``consortium`` has the list of validators in it."""

    def __init__(self, slots: Mapping[bytes, Mapping[bytes, int]], code: Mapping[bytes, bytes], others: int) -> None:
        self.storage = {
            address: Secure({slot: rlp.encode(value) for slot, value in values.items() if value}, others)
            for address, values in slots.items()
        }
        values = {a: rlp.encode([1, 0, trie.root, code[a]]) for a, trie in self.storage.items()}
        self.accounts = Secure(values, others)

    def set_proof(self, address: bytes, count: int) -> tuple[tuple[bytes, ...], tuple[tuple[bytes, ...], ...]]:
        """Nodes of the contract's account; those of the length of its list and of each element."""
        slots = [word_of(VALIDATORS_SLOT), *(array_slot(VALIDATORS_SLOT, n) for n in range(count))]
        return self.accounts.proof(address), tuple(self.storage[address].proof(slot) for slot in slots)


def set_slots(members: Sequence[Validator]) -> dict[bytes, int]:
    """The list of validators as it stands in storage."""
    listed = {array_slot(VALIDATORS_SLOT, n): int.from_bytes(one.address, "big") for n, one in enumerate(members)}
    return {word_of(VALIDATORS_SLOT): len(members)} | listed


def header(parent: bytes, state_root: bytes, number: int, time: int, seals: Sequence[bytes] = ()) -> bytes:
    """A header of 15 fields with these seals, in round 0."""
    empty, ommers = keccak256(rlp.encode(b"")), keccak256(rlp.encode([]))
    extra = rlp.encode([bytes(32), [], [], 0, list(seals)])
    first = (parent, ommers, b"\xfe" * 20, state_root, empty, empty, bytes(256))
    return bytes(rlp.encode([*first, 1, number, 30_000_000, 21_000, time, extra, keccak256(b"qbft"), bytes(8)]))


def sealed(members: Sequence[Validator], *fields: object) -> bytes:
    """The header of ``fields``, sealed by a quorum of the members, as nodes store it."""
    message = keccak256(header(*fields))  # type: ignore[arg-type]
    return header(*fields, sorted(one.seal(message) for one in members[: -(-2 * len(members) // 3)]))  # type: ignore[arg-type]


def contiguous(count: int, members: Sequence[Validator], time: int) -> list[bytes]:
    """Headers one after the other, from the genesis on."""
    made, parent = [header(bytes(32), bytes(32), 0, time)], b""
    for number in range(1, count + 1):
        parent = keccak256(_unsealed(made[-1]))
        made.append(sealed(members, parent, bytes(32), number, time + PERIOD * number))
    return made


def _unsealed(data: bytes) -> bytes:
    fields = rlp.decode(data)
    return bytes(rlp.encode([*fields[:EXTRA], rlp.encode([bytes(32), [], [], 0, []]), *fields[EXTRA + 1 :]]))


class LongChain:
    """Blocks of a chain too long to be made whole, by the sets that begin to seal after each height of ``sets``.

    Parents are true about these heights, where no block can be skipped; elsewhere nobody sees them.
    """

    def __init__(self, sets: Mapping[int, Sequence[Validator]], address: bytes, code_hash: bytes, time: int) -> None:
        self.address, self.code_hash, self._time = address, code_hash, time
        self._sets = dict(sorted(sets.items()))
        self._states = {
            number: State({address: set_slots(members)}, {address: code_hash}, others=200)
            for number, members in self._sets.items()
        }
        self._made: dict[int, tuple[bytes, tuple[bytes, ...], tuple[tuple[bytes, ...], ...]]] = {}

    def block(self, number: int) -> tuple[bytes, tuple[bytes, ...], tuple[tuple[bytes, ...], ...]]:
        """The header, and the proof of who seals the next block; made once."""
        if number not in self._made:
            since, sealing = self._since(number), self._sets[self._since(number - 1)]
            state, turn = self._states[since], number % len(sealing)
            members = [*sealing[turn:], *sealing[:turn]]
            made = sealed(members, *self._fields(number))
            self._made[number] = (made, *state.set_proof(self.address, len(self._sets[since])))
        return self._made[number]

    def _fields(self, number: int) -> tuple[bytes, bytes, int, int]:
        near = any(abs(number - height) <= STEPS_ABOUT_A_ROTATION for height in self._sets if height)
        parent = keccak256(header(*self._fields(number - 1))) if near else bytes(32)
        return parent, self._states[self._since(number)].accounts.root, number, self._time + number

    def _since(self, number: int) -> int:
        return max((since for since in self._sets if since <= number), default=min(self._sets))


def seal_evidence(
    files: Sequence[Evidence], trust: Trust, members: Sequence[Validator]
) -> tuple[list[Evidence], Trust]:
    """The same histories over a chain of the same state that these validators seal, as their contract says.

    Every slot that the files prove is put into tries of this module's making, with many others beside it.

    Args:
        files: Of assets of one type, of one chain; nothing was written between them.
        trust: That they verify by.
        members: In force.
    """
    raw = max((parse_header(evidence.header) for evidence in files), key=lambda header: header.number)
    slots: dict[bytes, dict[bytes, int]] = {trust.consortium.address: set_slots(members)}
    for evidence in files:
        for address, proven in _slots_of(evidence):
            slots.setdefault(address, {}).update(proven)
    code = {one.address: one.code_hash for one in (trust.consortium, *trust.logs[files[0].asset_type])}
    state = State(slots, code, OTHERS)
    fields = (bytes(32), state.accounts.root, raw.number + SEALED_FAR, raw.timestamp)
    block, account_nodes, listed = header(*fields), *state.set_proof(trust.consortium.address, len(members))
    quorum = members[: -(-2 * len(members) // 3)]
    seals = tuple(sorted(one.seal(keccak256(block)) for one in quorum))
    contract = ValidatorContract(trust.consortium.address, trust.consortium.code_hash, VALIDATORS_SLOT)
    pinned = replace(
        trust,
        block_hash_rule=QBFT,
        trusted_block=TrustedBlock(raw.number, bytes(32), trust.trusted_block.time),
        finality=ValidatorRule(Source.CONTRACT, addresses(members), contract),
    )
    finality = SealFinality(0, seals, account_nodes, listed)
    resealed = [
        replace(
            evidence,
            header=block,
            finality=finality,
            accounts=tuple(_proven_anew(one, state) for one in evidence.accounts),
        )
        for evidence in files
    ]
    return resealed, pinned


def _slots_of(evidence: Evidence) -> Iterator[tuple[bytes, dict[bytes, int]]]:
    """What a file proves of each contract."""
    root = parse_header(evidence.header).state_root
    for one in evidence.accounts:
        account = verify_account(root, one.address, one.nodes)
        if account is None:
            raise ValueError("the evidence proves no such contract")
        yield (
            one.address,
            {proof.slot: verify_storage(account.storage_root, proof.slot, proof.nodes) for proof in one.storage},
        )


def _proven_anew(account: AccountProof, state: State) -> AccountProof:
    storage = state.storage[account.address]
    proofs = tuple(StorageProof(one.slot, storage.proof(one.slot)) for one in account.storage)
    return AccountProof(account.address, state.accounts.proof(account.address), proofs)
