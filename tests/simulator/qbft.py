"""An in-memory QBFT chain that signs with real keys and enforces nothing.

It can fork, roll back, withhold seals, rotate validators by votes or in a contract's storage, change rounds, and lie in
the lists of its headers. Headers are written with the ``rlp`` library, apart from the code under test.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import coincurve
import rlp  # type: ignore[import-untyped]
from coincurve._libsecp256k1 import ffi

from ledger.proof.keccak import keccak256
from tests.simulator.chain import CONSORTIUM, START, code_hash
from tests.simulator.tries import SecureTrie, account_value, storage_trie

MIX_HASH = bytes.fromhex("63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365")
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
SLOT = 10
PERIOD = 2
EXTRA = 12
NO_VOTE: list[bytes] = []


class Validator:
    """A validator with its key."""

    def __init__(self, name: str) -> None:
        self.key = coincurve.PrivateKey(keccak256(name.encode()))
        self.address = keccak256(self.key.public_key.format(compressed=False)[1:])[12:]

    def sign(self, message: bytes) -> bytes:
        return self.key.sign_recoverable(message, hasher=None)

    def sign_again(self, message: bytes) -> bytes:
        """Another signature over the same, with another nonce."""
        nonce = ffi.new("unsigned char[32]", b"another nonce".ljust(32))
        return self.key.sign_recoverable(message, hasher=None, custom_nonce=(ffi.NULL, nonce))


def validators(count: int, name: str = "validator") -> list[Validator]:
    return [Validator(f"{name}/{n}") for n in range(count)]


def addresses(members: Iterable[Validator]) -> tuple[bytes, ...]:
    return tuple(sorted(member.address for member in members))


def enough(members: Sequence[Validator]) -> list[Validator]:
    """The first of them that are a quorum: the least c with 3c >= 2N."""
    return list(members[: next(c for c in range(len(members) + 1) if 3 * c >= 2 * len(members))])


@dataclass(frozen=True)
class State:
    """What a block's header commits to: the contract with its list, and some other accounts."""

    trie: SecureTrie
    storage: SecureTrie
    count: int

    @cached_property
    def account_nodes(self) -> tuple[bytes, ...]:
        return self.trie.proof(CONSORTIUM)

    @cached_property
    def proofs(self) -> list[tuple[bytes, ...]]:
        """Of the length, then of each element."""
        return [self.storage.proof(slot) for slot in list_slots(self.count)]


def list_slots(count: int) -> list[bytes]:
    length = SLOT.to_bytes(32, "big")
    start = int.from_bytes(keccak256(length), "big")
    return [length, *((start + n).to_bytes(32, "big") for n in range(count))]


def state_of(listed: Sequence[bytes], length: int | None = None) -> State:
    count = len(listed) if length is None else length
    words = [count, *(int.from_bytes(one, "big") for one in listed)]
    storage = storage_trie(dict(zip(list_slots(len(listed)), words, strict=True)) | {(3).to_bytes(32, "big"): 5})
    accounts = {CONSORTIUM: account_value(storage.root, code_hash(CONSORTIUM))}
    accounts |= {bytes((n,)) * 20: account_value(b"\x11" * 32, b"\x22" * 32) for n in range(8)}
    return State(SecureTrie(accounts), storage, count)


@dataclass(frozen=True)
class Block:
    """A block in the parts from which its header is made, with the validators who may seal it."""

    fields: tuple[object, ...]
    listed: tuple[bytes, ...]
    vote: Sequence[bytes]
    round: int
    seals: tuple[bytes, ...]
    state: State
    members: tuple[Validator, ...]

    def with_extra(self, number: int, seals: Sequence[bytes]) -> bytes:
        """The header with a round and seals."""
        extra = rlp.encode([bytes(32), list(self.listed), list(self.vote), number, list(seals)])
        return bytes(rlp.encode([*self.fields[:EXTRA], extra, *self.fields[EXTRA + 1 :]]))

    @property
    def rlp(self) -> bytes:
        return self.with_extra(self.round, self.seals)

    @property
    def hash(self) -> bytes:
        return keccak256(self.with_extra(0, ()))

    @property
    def seal_hash(self) -> bytes:
        return keccak256(self.with_extra(self.round, ()))

    @property
    def number(self) -> int:
        return int(self.fields[8])  # type: ignore[call-overload, no-any-return]

    @property
    def time(self) -> int:
        return int(self.fields[11])  # type: ignore[call-overload, no-any-return]

    def sealed_by(self, signers: Iterable[Validator]) -> Block:
        return self.with_seals([signer.sign(self.seal_hash) for signer in signers])

    def with_seals(self, seals: Sequence[bytes]) -> Block:
        return Block(self.fields, self.listed, self.vote, self.round, tuple(seals), self.state, self.members)


def header_fields(parent: bytes, coinbase: bytes, state_root: bytes, number: int, time: int) -> tuple[object, ...]:
    """The 15 fields of Berlin; the extra data is put in later."""
    empty, ommers = keccak256(rlp.encode(b"")), keccak256(rlp.encode([]))
    first = (parent, ommers, coinbase, state_root, empty, empty, bytes(256))
    return (*first, 1, number, 30_000_000, 21_000, time, b"", MIX_HASH, bytes(8))


class QbftChain:
    """Blocks on demand. ``members`` seal the next block, and stand in the contract in their order."""

    def __init__(self, members: Sequence[Validator] | None = None, *, lists: bool = False) -> None:
        """Begin with a genesis; ``lists`` says whether headers bear the list of validators, as with votes."""
        self.members = list(validators(4) if members is None else members)
        self.lists = lists
        self.blocks: list[Block] = []
        self._states: dict[tuple[bytes, ...], State] = {}
        self.mine(signers=())

    @property
    def head(self) -> Block:
        return self.blocks[-1]

    def mine(
        self,
        *,
        signers: Sequence[Validator] | None = None,
        number: int = 0,
        vote: tuple[bytes, bool] | None = None,
        coinbase: bytes | None = None,
        listed: Sequence[bytes] | None = None,
        time: int | None = None,
        parent: bytes | None = None,
        successors: Sequence[Validator] | None = None,
    ) -> Block:
        """Add a block.

        Args:
            signers: Who seal it; by default as many of the members as are a quorum.
            number: Round.
            vote: Candidate, and whether to add.
            coinbase: By default a member, in turn.
            listed: The list in the header; by default the true one, or none.
            time: By default ``PERIOD`` after the parent.
            parent: By default the head's hash.
            successors: Who seal the next block; the contract names them in this block's state.
        """
        members, height = tuple(self.members), len(self.blocks)
        self.members = list(members if successors is None else successors)
        state = self._state()
        own = members[height % len(members)].address if coinbase is None else coinbase
        when = START + PERIOD * height if time is None else time
        before = (self.head.hash if self.blocks else bytes(32)) if parent is None else parent
        true = addresses(members) if self.lists else ()
        block = Block(
            header_fields(before, own, state.trie.root, height, when),
            true if listed is None else tuple(listed),
            NO_VOTE if vote is None else [vote[0], b"\xff" if vote[1] else b""],
            number,
            (),
            state,
            members,
        )
        self.blocks.append(block.sealed_by(enough(members) if signers is None else signers))
        return self.head

    def grow(self, count: int) -> None:
        for _ in range(count):
            self.mine()

    def fork(self, height: int) -> QbftChain:
        """Another chain that shares the blocks up to ``height``; its next block is another even if it says the same."""
        other = copy.copy(self)
        other.blocks = self.blocks[: height + 1]
        other.members = list(self.blocks[height + 1].members if height + 1 < len(self.blocks) else self.members)
        other.mine(time=other.head.time + PERIOD + 1)
        return other

    def roll_back(self, height: int) -> None:
        """Forget the blocks above ``height``."""
        self.members = list(self.blocks[height + 1].members)
        del self.blocks[height + 1 :]

    def withhold(self, height: int, left: int) -> Block:
        """The block as a node stores it that kept only the first ``left`` seals."""
        return self.blocks[height].with_seals(self.blocks[height].seals[:left])

    def _state(self) -> State:
        listed = tuple(member.address for member in self.members)
        if listed not in self._states:
            self._states[listed] = state_of(listed)
        return self._states[listed]


class LongChain:
    """Blocks of a chain too long to be made whole: each is made when it is asked for, the same each time.

    Parents are true within windows of ``WINDOW`` blocks; at the start of a window they are made up, which only the step
    onto that block would show.
    """

    WINDOW = 64

    def __init__(self, sets: Mapping[int, Sequence[Validator]]) -> None:
        """Take the sets by the block in whose state each first stands; it seals from the next block on."""
        self._sets = dict(sorted(sets.items()))
        self._states = {number: state_of([one.address for one in members]) for number, members in self._sets.items()}

    def block(self, number: int) -> Block:
        start = number - number % self.WINDOW
        parent = keccak256(start.to_bytes(8, "big"))
        for height in range(start, number):
            parent = self._unsealed(height, parent).hash
        block = self._unsealed(number, parent)
        # Who seals changes from block to block, as in life.
        turn = number % len(block.members)
        return block.sealed_by(enough(block.members[turn:] + block.members[:turn]))

    def _unsealed(self, number: int, parent: bytes) -> Block:
        members, state = tuple(self._sets[self._since(number - 1)]), self._states[self._since(number)]
        coinbase = members[number % len(members)].address
        fields = header_fields(parent, coinbase, state.trie.root, number, START + PERIOD * number)
        return Block(fields, (), NO_VOTE, 0, (), state, members)

    def _since(self, number: int) -> int:
        return max((since for since in self._sets if since <= number), default=min(self._sets))


def high_s(seal: bytes) -> bytes:
    """The other signature by the same key over the same message."""
    s = ORDER - int.from_bytes(seal[32:64], "big")
    return seal[:32] + s.to_bytes(32, "big") + bytes((seal[64] ^ 1,))
