"""Tampered copies of three genuine files: whatever a seller might hand over, each refused for another reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ledger.demo import tampering
from ledger.demo.apart import Answer, LightNodeApart
from ledger.demo.forgeries import ODOMETER
from ledger.proof.evidence import CheckpointFinality, Evidence, OpenEntry, encode_evidence, parse_evidence
from ledger.proof.header import parse_header

OTHER_CHAIN = 1


@dataclass(frozen=True, slots=True)
class Goods:
    """What is for sale, as evidence files.

    Attributes:
        battery: Of a battery.
        car: Of a used car.
        part: Of a part.
        older: Of the car, from before most of it happened.
        other_part: Identifier of another part.
    """

    battery: bytes
    car: bytes
    part: bytes
    older: bytes
    other_part: str


@dataclass(frozen=True, slots=True)
class Copy:
    """A tampered copy, and what must become of it.

    Attributes:
        name: For machines and tests.
        told: What was done to it, for people.
        expected: Exit code, error class and step.
        make: The file.
        words: How the buyer asks, beside naming the file.
    """

    name: str
    told: str
    expected: tuple[int, str, str]
    make: Callable[[Goods], Evidence | bytes]
    words: Callable[[Goods], tuple[str, ...]] = lambda _: ()


@dataclass(frozen=True, slots=True)
class Tried:
    """A copy, and what the light node said to it."""

    copy: Copy
    answer: Answer

    @property
    def refused(self) -> bool:
        """Whether it was refused, and for its own reason."""
        return (self.answer.exit_code, *self.answer.refused_with) == self.copy.expected

    def as_json(self) -> dict[str, object]:
        """For machines."""
        error, step = self.answer.refused_with
        return {
            "name": self.copy.name,
            "told": self.copy.told,
            "refused": self.refused,
            "exit_code": self.answer.exit_code,
            "error": error,
            "step": step,
            "reason": self.answer.value["reason"],
        }


def try_copy(node: LightNodeApart, copy: Copy, goods: Goods) -> Tried:
    """Hand a copy to the light node."""
    made, name = copy.make(goods), f"{copy.name}.json"
    node.put(name, made if isinstance(made, bytes) else encode_evidence(made))
    return Tried(copy, node.verify(name, *copy.words(goods)))


def _broken_off(goods: Goods) -> bytes:
    return goods.part[:-1]


def _other_chain(goods: Goods) -> Evidence:
    return replace(parse_evidence(goods.car), chain_id=OTHER_CHAIN)


def _one_witness(goods: Goods) -> Evidence:
    evidence = parse_evidence(goods.car)
    if not isinstance(evidence.finality, CheckpointFinality):
        raise TypeError("no witness signed this file")
    text, _, signatures = evidence.finality.note.rpartition("\n\n")
    note = f"{text}\n\n{signatures.splitlines(keepends=True)[0]}"
    return replace(evidence, finality=replace(evidence.finality, note=note))


def _other_state(goods: Goods) -> Evidence:
    evidence = parse_evidence(goods.battery)
    root = parse_header(evidence.header).state_root
    return replace(evidence, header=evidence.header.replace(root, _one_bit_off(root)))


def _changed_proof(goods: Goods) -> Evidence:
    evidence = parse_evidence(goods.battery)
    account = evidence.accounts[0]
    proof = account.storage[0]
    changed = replace(proof, nodes=(_one_bit_off(proof.nodes[0]), *proof.nodes[1:]))
    accounts = (replace(account, storage=(changed, *account.storage[1:])), *evidence.accounts[1:])
    return replace(evidence, accounts=accounts)


def _end_left_out(goods: Goods) -> Evidence:
    evidence = parse_evidence(goods.battery)
    return tampering.leave_out(evidence, len(evidence.history))


def _turned_back(goods: Goods) -> Evidence:
    evidence = parse_evidence(goods.car)
    number = tampering.numbers_where(evidence, lambda entry: ODOMETER in tampering.disclosed(entry.credential))[-1]
    entry = evidence.history[number - 1]
    if not isinstance(entry, OpenEntry) or entry.credential is None:
        raise ValueError(f"event {number} is not opened")
    return tampering.show(evidence, number, tampering.change_field(entry.credential, ODOMETER, lambda _: 1))


def _one_bit_off(data: bytes) -> bytes:
    return data[:-1] + bytes((data[-1] ^ 1,))


COPIES = (
    Copy("broken-off", "the part's file without its last character", (2, "MalformedError", "parse"), _broken_off),
    Copy(
        "other-chain",
        "the car's file says that it is of another chain",
        (3, "UntrustedError", "identity"),
        _other_chain,
    ),
    Copy(
        "other-part",
        "the part's own file, to a buyer who asks for another part",
        (3, "IdentityError", "identity"),
        lambda goods: goods.part,
        lambda goods: ("--asset", goods.other_part),
    ),
    Copy("one-witness", "the car's file with one of its witnesses left", (3, "QuorumError", "finality"), _one_witness),
    Copy(
        "other-state",
        "one bit of the state root in the header of the battery's file",
        (1, "InclusionError", "finality"),
        _other_state,
    ),
    Copy(
        "from-before",
        "the car's file from before the accident, to a node that knows of later blocks",
        (3, "StaleError", "finality"),
        lambda goods: goods.older,
    ),
    Copy(
        "changed-proof",
        "one bit of a storage proof in the battery's file",
        (1, "InclusionError", "storage"),
        _changed_proof,
    ),
    Copy("end-left-out", "the battery's last event is left out", (1, "HistoryError", "fold"), _end_left_out),
    Copy(
        "turned-back",
        "the car's odometer reads 1 km at its last reading",
        (1, "ContentMismatchError", "disclosures"),
        _turned_back,
    ),
)
