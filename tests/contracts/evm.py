"""An in-process Berlin chain (py-evm), and the contracts on it: calls by name, refusals by their custom error."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from eth.vm.forks.berlin import BerlinVM
from eth_abi.abi import decode, encode
from eth_tester import EthereumTester, PyEVMBackend
from eth_tester.backends.pyevm.main import (
    GENESIS_DIFFICULTY,
    GENESIS_MIX_HASH,
    GENESIS_NONCE,
    get_default_genesis_params,
)
from eth_tester.exceptions import TransactionFailed

from contracts import ContractName, artefact
from ledger.proof.fold import EMPTY_HEAD, Entry, Meta, next_head
from ledger.proof.keccak import keccak256

NOBODY = "0x" + "00" * 20
NO_END = 2**48 - 1
GAS = 12_000_000
START = 2_000_000_000
BEFORE_THE_MERGE = {"difficulty": GENESIS_DIFFICULTY, "nonce": GENESIS_NONCE, "mix_hash": GENESIS_MIX_HASH}


class RefusedError(Exception):
    """A contract reverted with one of its custom errors."""

    def __init__(self, name: str, arguments: tuple[Any, ...]) -> None:
        self.name, self.arguments = name, arguments
        super().__init__(f"{name}{arguments}")


@dataclass(frozen=True)
class Receipt:
    gas: int
    logs: tuple[dict[str, Any], ...]
    time: int
    block: int
    result: tuple[Any, ...]


class Chain:
    """One chain of one process; every transaction is a block of its own."""

    def __init__(self) -> None:
        # From a start in the future py-evm counts seconds by itself, so that every run has the same times and gas.
        genesis = get_default_genesis_params({**BEFORE_THE_MERGE, "timestamp": START})
        self.tester = EthereumTester(PyEVMBackend(genesis, vm_configuration=((0, BerlinVM),)))
        self.accounts: list[str] = list(self.tester.get_accounts())

    @property
    def time(self) -> int:
        """Of the last block."""
        return int(self.tester.get_block_by_number("latest")["timestamp"])

    def wait(self, seconds: int) -> None:
        """Mine a block that many seconds after the last."""
        self.tester.time_travel(self.time + seconds)
        self.tester.mine_block()

    def deploy(self, name: ContractName, *arguments: Any, by: str | None = None) -> Contract:
        """Deploy, with Python values in the order of the constructor."""
        compiled = artefact(name)
        inputs = next(entry["inputs"] for entry in compiled.abi if entry["type"] == "constructor")
        data = compiled.bytecode + encode([type_of(one) for one in inputs], arguments)
        receipt = self.send(by or self.accounts[0], None, data, name)
        return Contract(self, name, receipt["contract_address"])

    def send(self, sender: str, to: str | None, data: bytes, name: ContractName) -> Any:
        """Try, then send; raise RefusedError where the contract reverts."""
        self.call(sender, to, data, name)
        transaction: dict[str, Any] = {"from": sender, "gas": GAS, "gas_price": 10**9, "data": f"0x{data.hex()}"}
        if to is not None:
            transaction["to"] = to
        receipt = self.tester.get_transaction_receipt(self.tester.send_transaction(transaction))
        assert receipt["status"] == 1, receipt
        return receipt

    def call(self, sender: str, to: str | None, data: bytes, name: ContractName) -> bytes:
        """Call as the pending block would."""
        transaction = {"from": sender, "to": to or "", "gas": GAS, "gas_price": 10**9, "data": f"0x{data.hex()}"}
        try:
            return bytes.fromhex(self.tester.call(transaction)[2:])
        except TransactionFailed as failed:
            raise refusal(str(failed.args[0]), name) from None


@dataclass(frozen=True)
class Contract:
    """A deployed contract."""

    chain: Chain
    name: ContractName
    address: str

    def data(self, function: str, *arguments: Any) -> bytes:
        """Calldata of a function."""
        entry = self._entry(function)
        types = [type_of(one) for one in entry["inputs"]]
        return keccak256(f"{function}({','.join(types)})".encode())[:4] + encode(types, arguments)

    def read(self, function: str, *arguments: Any, by: str | None = None) -> Any:
        """Call a function; one result comes bare, several as a tuple."""
        answer = self.chain.call(by or self.chain.accounts[0], self.address, self.data(function, *arguments), self.name)
        values = decode([type_of(one) for one in self._entry(function)["outputs"]], answer)
        return values[0] if len(values) == 1 else values

    def send(self, by: str, function: str, *arguments: Any) -> Receipt:
        """Send a transaction; raises RefusedError."""
        data = self.data(function, *arguments)
        answer = self.chain.call(by, self.address, data, self.name)
        receipt = self.chain.send(by, self.address, data, self.name)
        block = self.chain.tester.get_block_by_number(receipt["block_number"])
        outputs = [type_of(one) for one in self._entry(function)["outputs"]]
        return Receipt(
            receipt["gas_used"], tuple(receipt["logs"]), block["timestamp"], block["number"], decode(outputs, answer)
        )

    def storage(self, slot: bytes) -> int:
        """Read a slot as a node would prove it."""
        return int(self.chain.tester.get_storage_at(self.address, f"0x{slot.hex()}"), 16)

    def _entry(self, function: str) -> dict[str, Any]:
        abi = artefact(self.name).abi
        return next(entry for entry in abi if entry["type"] == "function" and entry["name"] == function)


def type_of(entry: dict[str, Any]) -> str:
    """ABI type, structs as tuples of their members."""
    if not entry["type"].startswith("tuple"):
        return str(entry["type"])
    return f"({','.join(type_of(one) for one in entry['components'])}){entry['type'][5:]}"


def refusal(message: str, name: ContractName) -> Exception:
    """Translate revert data into the custom error it holds; a log passes on what its neighbours say."""
    if not message.startswith("b"):
        return AssertionError(f"reverted without a custom error: {message}")
    data = ast.literal_eval(message)
    for one in (name, "Consortium", "BatteryPassport"):
        entry = artefact(one).errors.get(data[:4])
        if entry is not None:
            return RefusedError(entry["name"], decode([type_of(item) for item in entry["inputs"]], data[4:]))
    return AssertionError(f"reverted with {data.hex()}")


def refused(contract: Contract, name: str, by: str, function: str, *arguments: object) -> tuple[object, ...]:
    """Send, and return the arguments of the error of that name."""
    with pytest.raises(RefusedError) as caught:
        contract.send(by, function, *arguments)
    assert caught.value.name == name
    return caught.value.arguments


def digest_of(number: int) -> bytes:
    """A digest like those of credentials."""
    return hashlib.sha256(number.to_bytes(8, "big")).digest()


def subject_of(organisation: int, number: int) -> bytes:
    """A subject that an organisation may register."""
    return organisation.to_bytes(4, "big") + keccak256(number.to_bytes(8, "big"))[:28]


class Replay:
    """Folds attestations as readers do, to compare with the contract's head."""

    def __init__(self) -> None:
        self.heads: dict[bytes, bytes] = {}

    def append(self, subject: bytes, digest: bytes, meta: Meta, status: int | None = None) -> bytes:
        """Fold one; ``status`` is kept where it is None."""
        head = self.heads.get(subject, EMPTY_HEAD)
        entry = Entry(digest, meta.word, head[0] if status is None else status)
        self.heads[subject] = next_head(head, entry.leaf, entry.status)
        return self.heads[subject]


class Council:
    """Administrators who agree."""

    def __init__(self, consortium: Contract, administrators: Sequence[str], threshold: int) -> None:
        self.consortium, self.administrators, self.threshold = consortium, administrators, threshold
        self._salt = 0

    def decide(self, function: str, *arguments: Any) -> Receipt:
        """Confirm by as many as are needed, and wait the delay where there is one; the last transaction executes."""
        action = self.consortium.data(function, *arguments)
        salt = self.salt()
        for administrator in self.administrators[: self.threshold]:
            receipt = self.consortium.send(administrator, "confirm", action, salt)
        if not receipt.result[1]:
            self.consortium.chain.wait(self.consortium.read("delay"))
            receipt = self.consortium.send(self.administrators[0], "confirm", action, salt)
        assert receipt.result[1]
        return receipt

    def salt(self) -> bytes:
        """A new one each time."""
        self._salt += 1
        return self._salt.to_bytes(32, "big")
