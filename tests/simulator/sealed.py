"""A world's chain whose blocks QBFT validators seal, and whose set of validators stands in ``Consortium``'s storage.

Like all simulators it enforces nothing: who seals what, and what a file says of it, is the test's choice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import rlp  # type: ignore[import-untyped]

from ledger.proof.evidence import Evidence, SealFinality, SealStep
from ledger.proof.keccak import keccak256
from ledger.proof.slots import VALIDATORS_SLOT
from light_node.qbft.rotation import Rotation, SetStatement, encode_rotation, sign_rotation
from light_node.trust import Trust, TrustedBlock
from light_node.trust_rules import Source, ValidatorContract, ValidatorRule
from tests.simulator.chain import CHAIN_ID, CONSORTIUM, Asset, Block, Simulator, code_hash
from tests.simulator.qbft import EXTRA, NO_VOTE, Validator, addresses, enough, list_slots, validators

COINBASE = 2
EPOCH = 4


@dataclass(frozen=True)
class Sealing:
    """What is not covered by a block's hash.

    Attributes:
        round: In which it was sealed.
        members: In force for this block.
        successors: In force for the next one, as the contract names them in this block's state.
        signers: Who sealed it.
    """

    round: int
    members: tuple[Validator, ...]
    successors: tuple[Validator, ...]
    signers: tuple[Validator, ...]


class SealedSimulator(Simulator):
    """``members`` seal the next block, and stand in the contract in their order."""

    def __init__(self, members: Sequence[Validator] | None = None, *, lists: bool = False) -> None:
        """Begin with a genesis; ``lists`` says whether headers bear the list of validators, as with votes."""
        self.members, self.lists = list(validators(4) if members is None else members), lists
        self.sealings: list[Sealing] = []
        super().__init__("sealed")

    def mine(
        self,
        *,
        time: int | None = None,
        extra: bytes = b"",
        signers: Sequence[Validator] | None = None,
        number: int = 0,
        successors: Sequence[Validator] | None = None,
        vote: tuple[bytes, bool] | None = None,
        listed: Sequence[bytes] | None = None,
    ) -> Block:
        """Add a block; see ``QbftChain.mine``. By default as many of the members seal it as are a quorum."""
        members = tuple(self.members)
        self.members = list(members if successors is None else successors)
        self._list_members()
        signed = enough(members) if signers is None else signers
        self.sealings.append(Sealing(number, members, tuple(self.members), tuple(signed)))
        true = addresses(members) if self.lists else ()
        said = NO_VOTE if vote is None else [vote[0], b"\xff" if vote[1] else b""]
        data = rlp.encode([bytes(32), list(true if listed is None else listed), said, 0, []])
        made = super().mine(time=time, extra=extra or data)
        header = _with_field(made.header, COINBASE, members[made.number % len(members)].address)
        self.blocks[-1] = replace(made, header=header, hash=keccak256(header))
        return self.blocks[-1]

    def grow(self, count: int) -> None:
        for _ in range(count):
            self.mine()

    def _list_members(self) -> None:
        slots = self.slots[CONSORTIUM]
        before = slots.get(list_slots(0)[0], 0)
        slots.update(dict.fromkeys(list_slots(before), 0))
        words = [len(self.members), *(int.from_bytes(member.address, "big") for member in self.members)]
        slots.update(zip(list_slots(len(self.members)), words, strict=True))

    # ---- trust --------------------------------------------------------------------------------------------------

    def trust(self, **changes: object) -> Trust:
        """By default of the genesis, and the contract."""
        return super().trust(**({"block_hash_rule": "qbft", "finality": self.rule(0)} | changes))

    def trust_since(self, number: int, source: Source = Source.CONTRACT) -> Trust:
        """The trust file of whoever pinned block ``number``."""
        block = self.blocks[number]
        return self.trust(
            trusted_block=TrustedBlock(number, block.hash, block.time), finality=self.rule(number, source)
        )

    def rule(self, number: int, source: Source = Source.CONTRACT) -> ValidatorRule:
        """The validators in force after block ``number``, and how they change."""
        members = addresses(self.sealings[number].successors)
        if source is Source.CONTRACT:
            contract = ValidatorContract(CONSORTIUM, code_hash(CONSORTIUM), VALIDATORS_SLOT)
            return ValidatorRule(source, members, contract=contract)
        if source is Source.PINNED:
            return ValidatorRule(source, members, threshold=-(-2 * len(members) // 3))
        return ValidatorRule(source, members, epoch_length=EPOCH)

    # ---- finality -----------------------------------------------------------------------------------------------

    def seals(
        self, number: int, signers: Iterable[Validator] | None = None, at_round: int | None = None
    ) -> list[bytes]:
        """Seals of a block, by those who sealed it or by others, in the round of it or in another."""
        sealing, header = self.sealings[number], self.blocks[number].header
        message = seal_hash(header, sealing.round if at_round is None else at_round)
        return sorted(signer.sign(message) for signer in (sealing.signers if signers is None else signers))

    def step(self, number: int, *, proven: bool = True) -> SealStep:
        """An honest step; ``proven``: with the set in the contract."""
        account, validators_ = self.set_proof(number) if proven else ((), ())
        block, sealing = self.blocks[number], self.sealings[number]
        return SealStep(block.header, sealing.round, tuple(self.seals(number)), account, validators_)

    def sealed(
        self, number: int, steps: Iterable[int] = (), *, proven: bool = True, rotations: Iterable[Rotation] = ()
    ) -> SealFinality:
        """An honest finality of a block."""
        own = self.step(number, proven=proven)
        return SealFinality(
            own.round,
            own.seals,
            own.account,
            own.validators,
            tuple(self.step(step, proven=proven) for step in steps),
            tuple(map(encode_rotation, rotations)),
        )

    def set_proof(self, number: int) -> tuple[tuple[bytes, ...], tuple[tuple[bytes, ...], ...]]:
        """Nodes of the account, and of the length and the elements of the list after block ``number``."""
        block = self.blocks[number]
        storage, count = block.storage[CONSORTIUM], len(self.sealings[number].successors)
        return block.state.proof(CONSORTIUM), tuple(storage.proof(slot) for slot in list_slots(count))

    def sealed_evidence(self, asset: Asset, finality: SealFinality | None = None, *, number: int = -1) -> Evidence:
        """Evidence at a block, the last by default, with this finality: by default an honest one without steps."""
        block = self.blocks[number]
        made = self.evidence(asset, block=block)
        return replace(made, finality=self.sealed(block.number) if finality is None else finality)


def first_statement(chain: SealedSimulator, number: int = 0) -> SetStatement:
    """That of a trust file that pins block ``number``, as docs/light-node-qbft.md says it."""
    rule = chain.rule(number, Source.PINNED)
    return SetStatement(CHAIN_ID, 0, number + 1, rule.threshold, bytes(32), rule.validators)


def rotation(
    before: SetStatement, effective: int, members: Sequence[Validator], signers: Iterable[Validator]
) -> Rotation:
    """The next set, signed."""
    listed = addresses(members)
    threshold = -(-2 * len(listed) // 3)
    made = Rotation(SetStatement(CHAIN_ID, before.sequence + 1, effective, threshold, before.digest, listed), {})
    for signer in signers:
        made = sign_rotation(made, signer.key)
    return made


def seal_hash(header: bytes, at_round: int) -> bytes:
    """The commit-seal hash of a header without round and seals, for a round."""
    return keccak256(with_extra(header, at_round, ()))


def with_extra(header: bytes, at_round: int, seals: Sequence[bytes]) -> bytes:
    """The header as nodes store it, with round and seals."""
    vanity, listed, vote, _, _ = rlp.decode(rlp.decode(header)[EXTRA])
    return _with_field(header, EXTRA, rlp.encode([vanity, listed, vote, at_round, list(seals)]))


def _with_field(header: bytes, place: int, value: bytes) -> bytes:
    fields = rlp.decode(header)
    return bytes(rlp.encode([*fields[:place], value, *fields[place + 1 :]]))
