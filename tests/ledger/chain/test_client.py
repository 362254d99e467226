"""What the client reads of a real node is what web3 reads, and what the pure proof code verifies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from web3 import Web3

from contracts import artefact
from ledger.chain import contracts as calls
from ledger.chain.abi import Function
from ledger.chain.answers import header_of
from ledger.chain.client import ChainClient
from ledger.chain.contracts import HEAD, LATEST_HEAD
from ledger.errors import MissingError, RejectedError, TooLargeError, UnknownAssetError
from ledger.event import AssetType
from ledger.proof.header import block_hash, parse_header
from ledger.proof.keccak import keccak256
from ledger.proof.slots import HEAD_SLOT, mapping_slot
from ledger.proof.trie import verify_account, verify_storage
from tests.ledger.chain.world import STATE_OF_HEALTH, World

pytestmark = pytest.mark.integration


@pytest.fixture
def client(manual_filled: World) -> Iterator[ChainClient]:
    opened = manual_filled.client()
    yield opened
    opened.close()


@pytest.fixture
def web3(manual_filled: World) -> Iterator[Web3]:
    provider = Web3.HTTPProvider(manual_filled.url)
    yield Web3(provider)
    for session in provider._request_session_manager.session_cache._data.values():
        session.close()


def test_headers_hash_to_their_block(client: ChainClient, web3: Web3) -> None:
    genesis = client.header(0)  # anvil gives it two fields of a later fork without those between: no header of ours
    assert keccak256(genesis.rlp) == genesis.hash
    for number in (1, 2, client.block_number()):
        header = client.header(number)
        raw = parse_header(header.rlp)
        assert block_hash(raw, "plain") == header.hash == bytes(web3.eth.get_block(number)["hash"])
        assert (raw.number, raw.timestamp, raw.parent_hash) == (number, header.timestamp, header.parent_hash)
    assert client.header() == client.header(client.block_number())


def test_headers_of_later_forks_have_their_further_fields() -> None:
    fixed = dict.fromkeys(
        ("parentHash", "sha3Uncles", "stateRoot", "transactionsRoot", "receiptsRoot"), "0x" + "00" * 32
    )
    numbers = dict.fromkeys(("difficulty", "number", "gasLimit", "gasUsed", "timestamp"), "0x1")
    rest = {
        "miner": "0x" + "00" * 20,
        "logsBloom": "0x" + "00" * 256,
        "extraData": "0x",
        "mixHash": fixed["parentHash"],
    }
    block = fixed | numbers | rest | {"nonce": "0x" + "00" * 8, "hash": fixed["parentHash"]}
    assert len(parse_header(header_of(block).rlp).fields) == 15
    later = {"baseFeePerGas": "0x7", "withdrawalsRoot": fixed["parentHash"], "blobGasUsed": "0x0"}
    assert len(parse_header(header_of(block | later).rlp).fields) == 18


def test_a_proof_of_a_head_verifies(manual_filled: World, client: ChainClient) -> None:
    subject = manual_filled.subject("filled 2")
    slot = mapping_slot(subject, HEAD_SLOT)
    number = client.block_number()
    header, absent = client.header(number), bytes(31) + b"\x05"
    proofs = client.proofs(manual_filled.log, [slot, absent], number)
    account = verify_account(parse_header(header.rlp).state_root, manual_filled.log, proofs.account)
    assert account is not None
    head = verify_storage(account.storage_root, slot, proofs.storage[0])
    assert (
        head.to_bytes(32, "big") == client.call(manual_filled.log, HEAD, subject) == manual_filled.folded_head(subject)
    )
    assert verify_storage(account.storage_root, absent, proofs.storage[1]) == 0


def test_the_deployed_code_is_the_artefact(manual_filled: World, client: ChainClient) -> None:
    code = client.code(manual_filled.log)
    compiled = artefact("BatteryPassport")
    assert compiled.without_immutables(code) == compiled.deployed_bytecode
    assert client.code(bytes(20)) == b""


def test_logs_are_those_of_web3_however_they_are_cut(
    manual_filled: World, client: ChainClient, web3: Web3, monkeypatch: pytest.MonkeyPatch
) -> None:
    height = client.block_number()
    expected = [
        (log["blockNumber"], log["logIndex"], bytes(log["data"]))
        for log in web3.eth.get_logs(
            {"fromBlock": 0, "toBlock": height, "address": Web3.to_checksum_address(manual_filled.log)}
        )
    ]
    for span in (1, 2, 7, 2_000):
        monkeypatch.setattr("ledger.chain.client.MAX_LOG_SPAN", span)
        found = [(log.block_number, log.log_index, log.data) for log in client.logs([manual_filled.log], 0, height)]
        assert found == expected
    client.rpc._max_answer_bytes = 9_000
    found = [(log.block_number, log.log_index, log.data) for log in client.logs([manual_filled.log], 0, height)]
    assert found == expected
    client.rpc._max_answer_bytes = 500
    with pytest.raises((RejectedError, TooLargeError)):
        list(client.logs([manual_filled.log], 0, height))


def test_views_and_their_refusals(manual_filled: World, client: ChainClient) -> None:
    member = client.call(manual_filled.consortium, calls.MEMBER, manual_filled.signer(2).address)
    assert member == (3, 2047)
    assert client.call(manual_filled.consortium, calls.GET_VALIDATORS) == (manual_filled.signer().address,)
    assert client.call(manual_filled.log, LATEST_HEAD, bytes(32)) == bytes(32)
    unborn = Function("attest(bytes32,uint16,bytes32)")
    (refusal,) = client.simulate(
        [
            (
                manual_filled.signer().address,
                manual_filled.log,
                unborn.encode(bytes(32), STATE_OF_HEALTH, bytes(32)),
                200_000,
            )
        ]
    )
    assert isinstance(refusal, UnknownAssetError)
    with pytest.raises(RejectedError, match="no contract"):
        client.call(b"\x09" * 20, HEAD, bytes(32))
    with pytest.raises(RejectedError):
        client.call(manual_filled.consortium, HEAD, bytes(32))


def test_too_little_gas_is_a_refusal_and_no_fault_of_the_node(manual_filled: World, client: ChainClient) -> None:
    item = manual_filled.item("filled 1", STATE_OF_HEALTH, 99)
    data = Function("attest(bytes32,uint16,bytes32)").encode(item.subject, item.kind, item.digest)
    (refusal,) = client.simulate([(manual_filled.signer().address, manual_filled.log, data, 30_000)])
    assert isinstance(refusal, RejectedError)


def test_what_the_node_has_not_is_missing(client: ChainClient) -> None:
    with pytest.raises(MissingError):
        client.header(10_000)
    with pytest.raises(MissingError):
        client.blocks(0, 10_000)
    assert client.receipts([bytes(32)]) == [None]


def test_a_deployment_knows_its_logs(manual_filled: World) -> None:
    first, second = manual_filled.log, b"\x01" * 20
    deployment = calls.Deployment(1, b"\x02" * 20, {AssetType.BATTERY: (first, second)})
    assert deployment.log_of(AssetType.BATTERY) == second
    assert deployment.asset_type_of(first) == AssetType.BATTERY
    assert deployment.predecessors == {second: first}
    with pytest.raises(MissingError):
        deployment.log_of(AssetType.PART)
    with pytest.raises(MissingError):
        deployment.asset_type_of(bytes(20))
