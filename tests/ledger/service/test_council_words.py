"""What administrators are shown: each action in words, and nothing that could pass for something else."""

from __future__ import annotations

import pytest

from ipfs.batch import Batch
from ledger.chain import contracts as calls
from ledger.chain.abi import Function
from ledger.kinds import roles_mask
from ledger.proof.subject import namespace_id
from ledger.service.council_words import describe_action
from ledger.service.members import digest_profile, encode_profile, new_secrets, profile_of
from ledger.service.workspace import Workspace

pytestmark = pytest.mark.integration
ADDRESS = "0x" + "11" * 20
RAW, DIGEST = b"\x11" * 20, b"\x22" * 32
MAKER = "organisation 1 ('Maker AB')"


@pytest.mark.parametrize(
    ("calldata", "says"),
    [
        (calls.SUSPEND_ORGANISATION.encode(1), f"suspend {MAKER}"),
        (calls.RESUME_ORGANISATION.encode(1), f"let {MAKER} write again"),
        (calls.SUSPEND_ORGANISATION.encode(77), "suspend organisation 77, which there is not"),
        (calls.ADD_ACCOUNT.encode(1, RAW), f"let account {ADDRESS} write for {MAKER}"),
        (calls.REMOVE_ACCOUNT.encode(1, RAW), f"let account {ADDRESS} no longer write for {MAKER}"),
        (
            calls.REVOKE_ISSUER_KEY_FROM.encode(1, DIGEST, 1_790_000_000),
            f"revoke key IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI of {MAKER} from 2026-09-21 14:13:20Z on",
        ),
        (
            calls.REVOKE_ISSUER_KEY_FROM.encode(1, DIGEST, 2**48 - 1),
            f"revoke key IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI of {MAKER} from second 281474976710655 on",
        ),
        (
            calls.ASSIGN_NAMESPACE.encode(namespace_id(1, "VCU"), 0),
            "assign wmi:VCU to nobody",
        ),
        (
            calls.ASSIGN_NAMESPACE.encode(DIGEST, 1),
            f"assign a prefix of which the chain has only 0x{'22' * 32} (name it to recognise it) to {MAKER}",
        ),
        (Function("addValidator(address)").encode(RAW), f"make {ADDRESS} a validator"),
        (Function("removeValidator(address)").encode(RAW), f"make {ADDRESS} no longer a validator"),
        (calls.RETIRE_LOG.encode(RAW, b"\x33" * 20), f"close log {ADDRESS}; 0x{'33' * 20} goes on"),
        (Function("addAdministrator(address)").encode(RAW), f"make {ADDRESS} an administrator of the council"),
        (
            Function("removeAdministrator(address)").encode(RAW),
            f"make {ADDRESS} no longer an administrator of the council",
        ),
        (Function("setThreshold(uint256)").encode(2**256 - 1), f"let {2**256 - 1} administrators decide"),
        (
            calls.ADD_ORGANISATION.encode(9, roles_mask(["make", "member"]), DIGEST, RAW),
            f"enrol whoever has profile 0x{'22' * 32} as organisation 9, "
            f"with the roles make, member and the account {ADDRESS}",
        ),
        (
            calls.SET_ORGANISATION.encode(1, roles_mask(["make"]) | 1 << 60, DIGEST),
            f"give {MAKER} the roles make, others that are unknown here (0x1000000000000000), "
            f"and the profile 0x{'22' * 32} of whoever has profile 0x{'22' * 32}",
        ),
    ],
)
def test_each_action_says_all_that_it_does(workspace: Workspace, calldata: bytes, says: str) -> None:
    assert describe_action(workspace, calldata, {namespace_id(1, "VCU"): "wmi:VCU"}) == says


def test_roles_alone_leave_the_profile(workspace: Workspace) -> None:
    digest = digest_profile(encode_profile(workspace.reader().profile(1)))
    told = describe_action(workspace, calls.SET_ORGANISATION.encode(1, 0, digest), {})
    assert told == f"give {MAKER} the roles none, and leave its profile as it is"


def test_a_name_cannot_pass_for_words_of_ours(workspace: Workspace) -> None:
    """Whoever wants to be enrolled writes the name himself."""
    name = "X' as organisation 1\n0x00  executed"
    profile = encode_profile(profile_of("trickster", name, new_secrets()))
    with Batch() as batch:
        batch.add(profile, "profile.json")
        batch.put(workspace.documents)
    calldata = calls.ADD_ORGANISATION.encode(9, 1, digest_profile(profile), RAW)
    told = describe_action(workspace, calldata, {})
    assert told.startswith(f"enrol {name!r} as organisation 9, ")
    assert "\n" not in told


@pytest.mark.parametrize("calldata", [b"", b"\xff" * 4, calls.SUSPEND_ORGANISATION.encode(1) + b"\0"])
def test_what_is_no_action_is_called_so(workspace: Workspace, calldata: bytes) -> None:
    assert describe_action(workspace, calldata, {}).startswith("nothing that can be told: ")
