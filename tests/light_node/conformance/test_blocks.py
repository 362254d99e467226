"""QBFT blocks: those recorded from a real engine, and what must not pass for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.light_node.conformance.asking import bare, ok, refusal

STRANGER = "11" * 20
FAR_PERIOD = 10**6


def recorded(shared_data: Path, name: str) -> dict[str, Any]:
    path = shared_data / "qbft" / f"{name}.json"
    if not path.is_file():
        pytest.skip(f"no recorded blocks at {path}")
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


@pytest.fixture(scope="session")
def voted(shared_data: Path) -> dict[str, Any]:
    """Validators change by votes."""
    return recorded(shared_data, "four-validators")


@pytest.fixture(scope="session")
def governed(shared_data: Path) -> dict[str, Any]:
    """Validators change by a contract."""
    return recorded(shared_data, "contract-validators")


def in_force(data: dict[str, Any], number: int) -> list[str]:
    """The set that seals block ``number``, as it was recorded."""
    sets = [one["validators"] for one in data["validator_changes"] if one["after_block"] < max(number, 1)]
    return [bare(one) for one in sets[-1]]


def rlps(data: dict[str, Any], first: int, last: int) -> list[str]:
    return [bare(header["rlp"]) for header in data["headers"][first : last + 1]]


def trusted(data: dict[str, Any], number: int, **more: object) -> dict[str, Any]:
    hashed = bare(data["headers"][number]["hash"])
    return {"number": number, "hash": hashed, "validators": in_force(data, number + 1), **more}


@pytest.mark.parametrize("name", ["four-validators", "contract-validators"])
def test_every_recorded_block_has_its_seals(shared_data: Path, name: str) -> None:
    data = recorded(shared_data, name)
    for header in data["headers"][1:]:
        validators = in_force(data, header["number"])
        found = ok("qbft_header", rlp=bare(header["rlp"]), validators=validators[::-1])
        assert (found["number"], found["hash"]) == (header["number"], bare(header["hash"]))
        assert found["round"] == header["round"]
        assert len(found["signers"]) == header["seals"]
        assert set(found["signers"]) <= set(validators)
        assert len(found["state_root"]) == 64


def test_a_block_that_its_set_did_not_seal(voted: dict[str, Any]) -> None:
    rlp, validators = bare(voted["headers"][3]["rlp"]), in_force(voted, 3)
    assert refusal("qbft_header", rlp=rlp, validators=[STRANGER]) == "SignatureError"
    assert refusal("qbft_header", rlp=rlp, validators=[*validators[:3], STRANGER]) == "SignatureError"
    many = [*validators, *(f"{number:040x}" for number in range(1, 9))]
    assert refusal("qbft_header", rlp=rlp, validators=many) == "QuorumError"
    unfit: list[list[str]] = [[], [*validators, validators[0]], ["00" * 20], [one[2:] for one in validators]]
    for others in unfit:
        assert refusal("qbft_header", rlp=rlp, validators=others) == "MalformedError"
    for other in ("", "c0", rlp[:-2], rlp + "00", bare(voted["headers"][0]["rlp"])):
        assert refusal("qbft_header", rlp=other, validators=validators) == "MalformedError"


def test_the_whole_recorded_chain_by_its_votes(voted: dict[str, Any]) -> None:
    last = voted["headers"][-1]["number"]
    fields = {"trusted": trusted(voted, 0), "epoch_length": voted["epoch_length"]}
    found = ok("qbft_chain", **fields, headers=rlps(voted, 1, last))
    expected = {"number": last, "hash": bare(voted["headers"][-1]["hash"]), "validators": in_force(voted, last + 1)}
    assert found == expected
    for change in voted["validator_changes"][1:]:
        number = change["after_block"]
        found = ok("qbft_chain", **fields, headers=rlps(voted, 1, number))
        assert found["validators"] == [bare(one) for one in change["validators"]]


def test_a_chain_of_no_blocks_is_where_it_began(voted: dict[str, Any]) -> None:
    start = trusted(voted, 7)
    assert ok("qbft_chain", trusted=start, epoch_length=50, headers=[]) == start
    shuffled = start | {"validators": start["validators"][::-1]}
    assert ok("qbft_chain", trusted=shuffled, epoch_length=50, headers=[]) == start


def test_a_chain_that_is_none(voted: dict[str, Any]) -> None:
    start, good = trusted(voted, 2), rlps(voted, 3, 6)
    fields = {"trusted": start, "epoch_length": 50}
    assert ok("qbft_chain", **fields, headers=good)["number"] == 6
    assert refusal("qbft_chain", **fields, headers=good[1:]) == "ConsistencyError"
    assert refusal("qbft_chain", **fields, headers=good[:1] + good[2:]) == "ConsistencyError"
    assert refusal("qbft_chain", **fields, headers=good[:2] + good[:1]) == "RollbackError"
    assert refusal("qbft_chain", **fields, headers=[*good, ""]) == "MalformedError"
    assert refusal("qbft_chain", **fields | {"trusted": start | {"hash": "11" * 32}}, headers=good) == "ForkError"
    for length in (0, 2**40):
        assert refusal("qbft_chain", **fields | {"epoch_length": length}, headers=good) == "MalformedError"
    others = [[STRANGER], start["validators"][:3]]
    for validators in others:
        changed = start | {"validators": validators}
        assert refusal("qbft_chain", **fields | {"trusted": changed}, headers=good) == "SignatureError"
    assert refusal("qbft_chain", **fields | {"trusted": start | {"validators": []}}, headers=[]) == "MalformedError"


def test_a_false_list_is_not_believed(shared_data: Path) -> None:
    data = recorded(shared_data, "lying-proposer")
    validators = [bare(one) for one in data["true_validators"]]
    start = {"number": 0, "hash": bare(data["headers"][0]["hash"]), "validators": validators}
    assert ok("qbft_chain", trusted=start, epoch_length=50, headers=rlps(data, 1, 10))["number"] == 10
    assert refusal("qbft_chain", trusted=start, epoch_length=50, headers=rlps(data, 1, 11)) == "ConsistencyError"
    assert ok("qbft_header", rlp=rlps(data, 11, 11)[0], validators=validators)["number"] == 11


def time_of(data: dict[str, Any], number: int) -> int:
    """The timestamp: field 11 of a header."""
    return int(ok("rlp_decode", hex=rlps(data, number, number)[0])[11], 16)


def test_a_skip_to_a_far_block(voted: dict[str, Any]) -> None:
    start = trusted(voted, 2, time=time_of(voted, 2))
    now = time_of(voted, 60) + 5
    header = bare(voted["headers"][15]["rlp"])
    fields = {"trusted": start, "now": now, "trusting_period": FAR_PERIOD, "header": header}
    assert ok("qbft_skip", **fields) == {"number": 15, "hash": bare(voted["headers"][15]["hash"])}
    for changed, error in (
        ({"trusting_period": 1}, "StaleError"),
        ({"now": 1}, "StaleError"),
        ({"now": time_of(voted, 2) + 10**7}, "StaleError"),
        ({"trusted": start | {"validators": [STRANGER]}}, "QuorumError"),
        ({"trusted": start | {"number": 16}}, "RollbackError"),
        ({"trusted": start | {"number": 15}}, "ForkError"),
        ({"trusted": start | {"number": 14}}, "ForkError"),
        ({"trusted": start | {"time": now}}, "RollbackError"),
        ({"header": header[:-2]}, "MalformedError"),
        ({"now": -1}, "MalformedError"),
        ({"trusted": start | {"time": None}}, "MalformedError"),
    ):
        assert refusal("qbft_skip", **fields | changed) == error, changed


def proof_fields(governed: dict[str, Any], number: int) -> dict[str, Any]:
    proof = governed["proofs"][number]
    stored = [{"key": bare(one["key"]), "proof": list(map(bare, one["proof"]))} for one in proof["storageProof"]]
    return {
        "state_root": bare(proof["stateRoot"]),
        "address": bare(proof["address"]),
        "account_proof": list(map(bare, proof["accountProof"])),
        "array_slot": 0,
        "proofs": stored,
    }


def test_every_recorded_set_of_a_contract(governed: dict[str, Any]) -> None:
    for proof in governed["proofs"]:
        number = proof["block"]
        assert ok("validators_proof", **proof_fields(governed, number)) == in_force(governed, number + 1)


def test_a_set_of_a_contract_that_is_not_proven(governed: dict[str, Any]) -> None:
    fields, other = proof_fields(governed, 3), proof_fields(governed, 20)
    assert ok("validators_proof", **fields | {"array_slot": "00"}) == in_force(governed, 4)
    proofs = fields["proofs"]
    swapped = [proofs[0], proofs[2], proofs[1], *proofs[3:]]
    relabelled = [proofs[0], proofs[1] | {"proof": proofs[2]["proof"]}, *proofs[2:]]
    for changed, error in (
        ({"state_root": other["state_root"]}, "InclusionError"),
        ({"account_proof": other["account_proof"]}, "InclusionError"),
        ({"account_proof": []}, "InclusionError"),
        ({"address": STRANGER}, "MalformedError"),
        ({"proofs": other["proofs"]}, "InclusionError"),
        ({"proofs": []}, "MalformedError"),
        ({"proofs": proofs[:-1]}, "MalformedError"),
        ({"proofs": proofs[1:]}, "MalformedError"),
        ({"proofs": swapped}, "MalformedError"),
        ({"proofs": [*proofs, proofs[-1]]}, "MalformedError"),
        ({"proofs": [proofs[0] | {"key": "01"}, *proofs[1:]]}, "MalformedError"),
        ({"proofs": [proofs[0] | {"key": "00" * 33}, *proofs[1:]]}, "MalformedError"),
        ({"array_slot": 1}, "MalformedError"),
        ({"array_slot": 2**256}, "MalformedError"),
        ({"array_slot": -1}, "MalformedError"),
    ):
        assert refusal("validators_proof", **fields | changed) == error, changed
    assert refusal("validators_proof", **fields | {"proofs": relabelled}) in ("InclusionError", "MalformedError")


def test_an_address_where_there_is_no_contract(governed: dict[str, Any]) -> None:
    fields = proof_fields(governed, 3)
    branch = fields["account_proof"][:1]
    absent = [f"{number:040x}" for number in range(40)]
    errors = [refusal("validators_proof", **fields | {"address": one, "account_proof": branch}) for one in absent]
    assert set(errors) == {"UntrustedError", "InclusionError"}  # the branch has no child there, or one that is left out
