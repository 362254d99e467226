"""A device's key is proven to be an enrolled one, at the block of the evidence; what proves less is refused or said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ledger.errors import (
    InclusionError,
    IssuerError,
    MalformedError,
    SignatureError,
    UntrustedError,
    VerificationError,
)
from ledger.proof.slots import DEVICE_KEY
from ledger.strict_json import canonical_json, parse_json
from light_node.attested_reading import AttestedReading, Ground, Voucher, verify_attested_reading
from light_node.device_key import DeviceKeyProof
from light_node.edge.reading_proof import MAX_BYTES, ReadingProof, encode_proof, parse_proof, prove_reading
from light_node.edge.statement import VerifiedStatement
from light_node.trust import TrustedContract
from light_node.verdict import Account
from tests.light_node.edge.making import KEY, OTHER_KEY, leaves_of
from tests.light_node.test_attested_reading import LEAVES, attest, batch, judged
from tests.simulator.chain import CONSORTIUM, START, Block, account_proof
from tests.simulator.layout import issuer_key_at
from tests.simulator.world import MAKER, WORKSHOP, World


class Case:
    """A battery whose last event attests a batch, at ``attested_at``; its device's key is enrolled as a test says."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.statement: VerifiedStatement = batch(world)
        self.attested_at = world.chain.time
        attest(world, self.statement)
        self.enrol()

    def enrol(self, organisation: int = MAKER, **changes: int) -> None:
        self.world.chain.add_key(organisation, KEY, **{"flags": DEVICE_KEY, **changes})  # type: ignore[arg-type]

    def judged(self) -> tuple[Account, Ground]:
        return judged(self.world)

    def key_proof(self, block: Block | None = None, organisation: int = MAKER) -> DeviceKeyProof:
        at = self.world.chain.blocks[-1] if block is None else block
        proof = account_proof(at, CONSORTIUM, [issuer_key_at(organisation, KEY.public.thumbprint)])
        return DeviceKeyProof(at.number, KEY.public, proof.nodes, proof.storage[0].nodes)

    def reading_proof(self, device_key: DeviceKeyProof | None) -> ReadingProof:
        return replace(prove_reading(self.statement.text, LEAVES, 2), device_key=device_key)

    def verify(self, change: Callable[[DeviceKeyProof], DeviceKeyProof] = lambda one: one) -> AttestedReading:
        account, ground = self.judged()
        proof = parse_proof(encode_proof(self.reading_proof(change(self.key_proof()))))
        return verify_attested_reading(account, proof, ground)


@pytest.fixture
def case(world: World) -> Case:
    return Case(world)


def test_the_key_of_an_enrolled_device_is_proven(case: Case) -> None:
    found = case.verify()
    assert (found.voucher, found.device_key, found.organisation) == (Voucher.PROVEN, KEY.public.key_id, MAKER)


def test_without_a_proof_nothing_is_claimed(case: Case) -> None:
    account, ground = case.judged()
    assert verify_attested_reading(account, case.reading_proof(None), ground).voucher is Voucher.UNPROVEN
    assert verify_attested_reading(account, case.reading_proof(None), ground, KEY.public).voucher is Voucher.GIVEN


def test_a_key_at_hand_and_a_proven_one_are_the_same_or_refused(case: Case) -> None:
    account, ground = case.judged()
    proof = case.reading_proof(case.key_proof())
    assert verify_attested_reading(account, proof, ground, KEY.public).voucher is Voucher.PROVEN
    with pytest.raises(SignatureError):
        verify_attested_reading(account, proof, ground, OTHER_KEY.public)


# ---- the record ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"flags": 0}, "as its own, and not for a device"),
        ({"flags": 2}, "as its own, and not for a device"),
        ({"algorithm": 2}, "never added this ES256 key"),
        ({"algorithm": 9}, "never added this ES256 key"),
        ({"valid_from": 1}, "outside its validity"),
        ({"valid_from": 60}, "outside its validity"),
        ({"valid_until": 0}, "outside its validity"),
        ({"valid_until": -60}, "outside its validity"),
        ({"revoked_from": -60, "changed_at": -1}, "revoked"),
        ({"revoked_from": -1, "changed_at": -1}, "revoked"),
        ({"revoked_from": -3600, "changed_at": -60}, "revoked"),
    ],
)
def test_a_key_that_was_no_valid_key_of_a_device_then_is_refused(
    case: Case, changes: dict[str, int], reason: str
) -> None:
    """Times are counted from the attestation."""
    times = {"valid_from", "valid_until", "revoked_from", "changed_at"}
    case.enrol(**{name: value + (case.attested_at if name in times else 0) for name, value in changes.items()})
    with pytest.raises(IssuerError, match=reason):
        case.verify()


@pytest.mark.parametrize(
    ("changes", "voucher"),
    [
        ({"valid_from": 0}, Voucher.PROVEN),
        ({"valid_until": 1}, Voucher.PROVEN),
        ({"revoked_from": 1, "changed_at": 1}, Voucher.PROVEN),
        ({"revoked_from": 0, "changed_at": 0}, Voucher.DISPUTED),
        ({"revoked_from": -3600, "changed_at": 0}, Voucher.DISPUTED),
        ({"revoked_from": -3600, "changed_at": 60}, Voucher.DISPUTED),
    ],
)
def test_each_edge_of_validity_and_of_the_span_in_doubt(case: Case, changes: dict[str, int], voucher: Voucher) -> None:
    case.enrol(**{name: value + case.attested_at for name, value in changes.items()})
    assert case.verify().voucher is voucher


def test_a_device_that_claims_to_have_signed_before_it_was_revoked_is_not_believed(case: Case) -> None:
    """Its clock says when the batch was closed; the chain's says when it was attested, and that counts."""
    case.enrol(revoked_from=case.attested_at - 1, changed_at=case.attested_at - 1)
    assert case.statement.statement.closed_at_us // 1_000_000 < START + 10**9
    with pytest.raises(IssuerError, match="revoked"):
        case.verify()


def test_a_key_that_nobody_enrolled_is_proven_absent_and_refused(world: World) -> None:
    statement = batch(world)
    attest(world, statement)
    case = Case.__new__(Case)
    case.world, case.statement = world, statement
    with pytest.raises(IssuerError, match="never added"):
        case.verify()


def test_a_device_of_another_member_does_not_speak_for_whoever_attested(world: World) -> None:
    """The workshop attests a batch of the maker's device: the maker's record does not make it the workshop's."""
    case = Case.__new__(Case)
    case.world, case.statement = world, batch(world)
    attest(world, case.statement, WORKSHOP)
    case.enrol(MAKER)
    account, ground = case.judged()
    for organisation, error in ((MAKER, VerificationError), (WORKSHOP, IssuerError)):
        proof = case.reading_proof(case.key_proof(organisation=organisation))
        with pytest.raises(error):
            verify_attested_reading(account, proof, ground)


# ---- the proof ----------------------------------------------------------------------------------------------------


def test_a_proof_at_another_block_does_not_go_with_the_evidence(case: Case) -> None:
    early = case.world.chain.mine()
    account, ground = case.judged()
    case.world.chain.mine()
    for block in (early, case.world.chain.blocks[-1]):
        with pytest.raises(UntrustedError, match="do not go together"):
            verify_attested_reading(account, case.reading_proof(case.key_proof(block)), ground)


def test_a_proof_from_before_the_revocation_under_the_number_of_the_evidence_is_refused(case: Case) -> None:
    """The thief shows the record as it was: it does not lead from the state of the evidence's block."""
    before = case.key_proof(case.world.chain.mine())
    case.enrol(revoked_from=case.attested_at - 1, changed_at=case.attested_at - 1)
    account, ground = case.judged()
    proof = case.reading_proof(replace(before, block=ground.header.number))
    with pytest.raises(InclusionError):
        verify_attested_reading(account, proof, ground)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda one: replace(one, key=OTHER_KEY.public), SignatureError),
        (lambda one: replace(one, account=()), VerificationError),
        (lambda one: replace(one, storage=()), VerificationError),
        (lambda one: replace(one, account=one.account[:-1]), VerificationError),
        (lambda one: replace(one, storage=one.storage[:-1]), VerificationError),
        (lambda one: replace(one, account=one.account[::-1]), VerificationError),
        (lambda one: replace(one, account=(*one.account, one.account[-1])), VerificationError),
        (lambda one: replace(one, storage=(*one.storage, one.storage[-1])), VerificationError),
        (lambda one: replace(one, account=one.storage, storage=one.account), VerificationError),
        (lambda one: replace(one, block=one.block + 1), UntrustedError),
        (lambda one: replace(one, block=0), UntrustedError),
    ],
)
def test_a_changed_proof_is_refused(
    case: Case, change: Callable[[DeviceKeyProof], DeviceKeyProof], error: type[VerificationError]
) -> None:
    with pytest.raises(error):
        case.verify(change)


def test_each_bit_of_the_proofs_nodes_matters(case: Case) -> None:
    account, ground = case.judged()
    honest = case.key_proof()
    for name in ("account", "storage"):
        nodes = getattr(honest, name)
        for place, node in enumerate(nodes):
            for at in range(0, len(node), 41):
                changed = node[:at] + bytes((node[at] ^ 1 << at % 8,)) + node[at + 1 :]
                listed = (*nodes[:place], changed, *nodes[place + 1 :])
                false = case.reading_proof(replace(honest, **{name: listed}))
                with pytest.raises(VerificationError):
                    verify_attested_reading(account, false, ground)


def test_other_code_than_the_trust_files_proves_nothing(case: Case) -> None:
    account, ground = case.judged()
    other = replace(ground, trust=replace(ground.trust, consortium=TrustedContract(CONSORTIUM, bytes(32))))
    with pytest.raises(UntrustedError, match="with the code of the trust file"):
        verify_attested_reading(account, case.reading_proof(case.key_proof()), other)


@pytest.mark.parametrize("address", [b"\xc1" * 20, b"\xb1" * 20, bytes(20)])
def test_another_contract_than_the_trust_files_proves_nothing(case: Case, address: bytes) -> None:
    account, ground = case.judged()
    consortium = replace(ground.trust.consortium, address=address)
    other = replace(ground, trust=replace(ground.trust, consortium=consortium))
    with pytest.raises(VerificationError):
        verify_attested_reading(account, case.reading_proof(case.key_proof()), other)


def test_a_proven_key_does_not_help_a_reading_that_is_not_in_the_batch(case: Case) -> None:
    account, ground = case.judged()
    proof = case.reading_proof(case.key_proof())
    with pytest.raises(InclusionError):
        verify_attested_reading(account, replace(proof, leaf=leaves_of(9)[0]), ground)


# ---- the file -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda key: None,
        lambda key: [],
        lambda key: {},
        lambda key: {**key, "more": 1},
        lambda key: {name: value for name, value in key.items() if name != "block"},
        lambda key: {**key, "block": -1},
        lambda key: {**key, "block": "7"},
        lambda key: {**key, "block": 7.5},
        lambda key: {**key, "jwk": {}},
        lambda key: {**key, "jwk": {**key["jwk"], "d": "AA"}},
        lambda key: {**key, "jwk": {**key["jwk"], "x": "A" * 43}},
        lambda key: {**key, "account": "0x00"},
        lambda key: {**key, "account": ["0x"]},
        lambda key: {**key, "account": ["00"]},
        lambda key: {**key, "storage": ["0x" + "00" * 1025]},
        lambda key: {**key, "storage": ["0x00"] * 67},
        lambda key: {**key, "storage": [["0x00"]]},
    ],
)
def test_a_key_out_of_its_form_is_refused(case: Case, change: Callable[[object], object]) -> None:
    case.judged()
    value = parse_json(encode_proof(case.reading_proof(case.key_proof())), what="proof")
    assert isinstance(value, dict)
    value["device_key"] = change(value["device_key"])  # type: ignore[assignment]
    with pytest.raises(MalformedError):
        parse_proof(canonical_json(value))


def test_a_proof_is_bounded(case: Case) -> None:
    case.judged()
    data = encode_proof(case.reading_proof(case.key_proof()))
    assert parse_proof(data) == case.reading_proof(case.key_proof())
    with pytest.raises(MalformedError):
        parse_proof(data[:-1] + b" " * MAX_BYTES + b"}")
    with pytest.raises(MalformedError):
        parse_proof(data.replace(b'"device_key":{', b'"device_key":{"block":1,', 1))
