"""Pinned sets and votes over what a real engine sealed: recorded blocks, and rotations by its validators' keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import coincurve
import pytest

from ledger.chain.client import ChainClient
from ledger.errors import ConsistencyError, MissingError, QuorumError, SignatureError, VerificationError
from ledger.proof.header import RawHeader, block_hash, parse_header, with_seals
from ledger.proof.keccak import keccak256
from ledger.proof.qbft_extra import parse_qbft_extra
from ledger.service.pinned import begin_line, load_line, prove_pinned, publish_rotation
from ledger.service.rotations import address_of
from ledger.service.seals import Sealed
from ledger.service.settings import ChainSettings, Settings, TrustSettings
from ledger.service.votes import prove_voted
from ledger.service.workspace import Workspace
from light_node.heads import Accepted, ValidatedBlock
from light_node.qbft.rotation import Rotation, SetStatement, sign_rotation
from light_node.qbft.seals import quorum_of
from light_node.seal_finality import verify_sealed
from light_node.trust import Trust, TrustedBlock
from light_node.trust_rules import FinalityRule, Source, ValidatorRule, pinned_rule
from tests.light_node.qbft.recorded import Recorded, recorded
from tests.light_node.sources.servers import FIELDS, NUMBERS, hexadecimal
from tests.simulator.chain import DAY, Simulator

LONG = 100 * 366 * DAY
"""The recorded genesis is of 1970."""


class RecordedRpc:
    """Stands in the place of ``ledger.chain.rpc.Rpc``: the headers as the engine told them."""

    def __init__(self, headers: Sequence[RawHeader]) -> None:
        self.headers = list(headers)

    def close(self) -> None:
        """Nothing is open."""

    def read(self, method: str, *params: Any) -> Any:
        assert method == "eth_getBlockByNumber"
        height = int(params[0], 16)
        return self._block(self.headers[height]) if height < len(self.headers) else None

    def read_many(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        return [self.read(method, *params) for method, params in calls]

    def expect(self, answer: Any) -> Any:
        return answer

    def _block(self, header: RawHeader) -> dict[str, Any]:
        pairs = zip(FIELDS, header.fields, strict=False)
        fields = {name: hex(int.from_bytes(one, "big")) if name in NUMBERS else hexadecimal(one) for name, one in pairs}
        return {**fields, "hash": hexadecimal(block_hash(header, "qbft"))}


@dataclass
class Member:
    """A home over recorded blocks, and its readers."""

    chain: Recorded
    folder: Path
    rpc: RecordedRpc

    def workspace(self, trust: TrustSettings) -> Workspace:
        settings = Settings(
            home=self.folder, chain=ChainSettings(url="http://127.0.0.1:1", block_hash_rule="qbft"), trust=trust
        )
        workspace = Workspace(settings)
        workspace.__dict__["client"] = ChainClient(self.rpc)  # type: ignore[arg-type]
        return workspace

    def trust(self, number: int, rule: FinalityRule) -> Trust:
        known = self.chain.trusted(number)
        return Simulator().trust(
            block_hash_rule="qbft",
            chain_id=self.chain.data["chain_id"],
            trusted_block=TrustedBlock(known.number, known.hash, known.time),
            finality=rule,
            trusting_period_seconds=LONG,
        )

    def judge(self, sealed: Sealed, trust: Trust, accepted: Accepted | None = None) -> ValidatedBlock:
        header, rule = parse_header(sealed.header), trust.finality
        assert isinstance(rule, ValidatorRule)
        return verify_sealed(header, sealed.finality, trust, rule, accepted, header.timestamp + 5)

    @cached_property
    def keys(self) -> dict[bytes, coincurve.PrivateKey]:
        """The recorded network's throw-away keys, by address."""
        names = (f"qbft-vectors/{letter}/{n}" for letter in "ABC" for n in range(12))
        made = [coincurve.PrivateKey(keccak256(name.encode())) for name in names]
        return {address_of(key): key for key in made}

    def rotation(self, before: SetStatement, effective: int, signers: int | None = None) -> Rotation:
        """To the set that the engine had from a block on, signed by as many as are needed."""
        members = self.chain.in_force(effective)
        after = SetStatement(
            before.chain_id, before.sequence + 1, effective, quorum_of(len(members)), before.digest, members
        )
        made = Rotation(after, {})
        for address in before.validators[: before.threshold if signers is None else signers]:
            made = sign_rotation(made, self.keys[address])
        return made


@pytest.fixture(params=["four-validators", "contract-validators"])
def member(request: pytest.FixtureRequest, shared_data: Path, tmp_path: Path) -> Member:
    chain = recorded(shared_data, request.param)
    return Member(chain, tmp_path, RecordedRpc(chain.headers))


@pytest.fixture
def voting(shared_data: Path, tmp_path: Path) -> Member:
    chain = recorded(shared_data, "four-validators")
    return Member(chain, tmp_path, RecordedRpc(chain.headers))


# ---- pinned ------------------------------------------------------------------------------------------------------

PINNED = TrustSettings(finality="validators", validator_source="pinned")


def changes(chain: Recorded) -> list[int]:
    """First blocks of the sets after the first."""
    return sorted(chain.sets)[1:]


def begun(member: Member) -> Trust:
    """The set of the genesis is pinned, and every later one by a rotation of its members."""
    first = member.chain.in_force(1)
    trust = member.trust(0, ValidatorRule(Source.PINNED, first, threshold=quorum_of(len(first))))
    begin_line(member.folder, trust)
    for effective in changes(member.chain):
        assert publish_rotation(member.folder, member.rotation(load_line(member.folder).last, effective))
    return trust


def test_rotations_by_the_validators_own_keys_lead_over_every_change(member: Member) -> None:
    trust = begun(member)
    line, workspace = load_line(member.folder), member.workspace(PINNED)
    newer = [member.trust(at, pinned_rule(line.sets.stated(at + 1), at)) for at in (5, 20, 45, 60)]
    for block in range(1, len(member.chain.headers)):
        sealed = prove_pinned(workspace, block)
        assert len(sealed.finality.rotations) == len(changes(member.chain))
        for one in (trust, *newer):
            if block >= one.trusted_block.number:
                member.judge(sealed, one)


def test_other_nodes_copies_of_the_seals_serve_too(member: Member) -> None:
    trust = begun(member)
    for copy in member.chain.alternatives:
        member.rpc.headers[copy.number] = copy
        member.judge(prove_pinned(member.workspace(PINNED), copy.number), trust)


def test_a_rotation_that_is_a_block_early_or_late_leaves_the_change_unproven(member: Member) -> None:
    """Or proves it by those who are in both sets, and nobody else's seals."""
    effective = changes(member.chain)[0]
    for shift in (-1, 1):
        home = replace(member, folder=member.folder / f"shift{shift}")
        home.folder.mkdir()
        first = member.chain.in_force(1)
        trust = member.trust(0, ValidatorRule(Source.PINNED, first, threshold=quorum_of(len(first))))
        begin_line(home.folder, trust)
        made = member.rotation(load_line(home.folder).first, effective)
        statement = replace(made.statement, effective_block=effective + shift)
        moved = Rotation(statement, {})
        for address in first[: quorum_of(len(first))]:
            moved = sign_rotation(moved, member.keys[address])
        assert publish_rotation(home.folder, moved)
        for block in (effective - 1, effective):
            try:
                home.judge(prove_pinned(home.workspace(PINNED), block), trust)
            except QuorumError:
                assert (block < effective) is (shift < 0)


def test_too_few_of_the_recorded_validators_rotate_nobody(member: Member) -> None:
    first = member.chain.in_force(1)
    begin_line(member.folder, member.trust(0, ValidatorRule(Source.PINNED, first, threshold=quorum_of(len(first)))))
    with pytest.raises(QuorumError):
        publish_rotation(member.folder, member.rotation(load_line(member.folder).first, 30, signers=2))
    assert load_line(member.folder).last.sequence == 0


# ---- votes -------------------------------------------------------------------------------------------------------


def by_votes(member: Member, number: int = 0) -> tuple[Workspace, Trust]:
    epoch_length = member.chain.data["epoch_length"]
    chosen = TrustSettings(
        finality="validators", validator_source="votes", epoch_length=epoch_length, engine_binds_proposer=True
    )
    rule = ValidatorRule(Source.VOTES, member.chain.in_force(number + 1), epoch_length=epoch_length)
    return member.workspace(chosen), member.trust(number, rule)


@pytest.mark.parametrize("block", [1, 18, 19, 41, 49, 50])
def test_recorded_votes_lead_through_an_epoch(voting: Member, block: int) -> None:
    workspace, trust = by_votes(voting)
    validated = voting.judge(prove_voted(workspace, block), trust)
    assert (validated.block.number, validated.validators) == (block, voting.chain.in_force(block + 1))


@pytest.mark.parametrize("seams", [(10, 18, 19, 50), (15, 16, 17, 40, 49), tuple(range(1, 50))])
def test_consecutive_files_lead_there_too(voting: Member, seams: Sequence[int]) -> None:
    workspace, trust = by_votes(voting)
    known, accepted = 0, None
    for seam in seams:
        validated = voting.judge(prove_voted(workspace, seam, known), trust, accepted)
        accepted, known = Accepted(validated.block, validated=validated), seam
    assert validated.validators == voting.chain.in_force(seams[-1] + 1)


def test_this_engine_counts_the_vote_of_an_epochs_first_block_as_no_reader_may(voting: Member) -> None:
    """GoQuorum does; those that bind votes to the proposer do not. It is refused, never taken for another set."""
    assert parse_qbft_extra(voting.chain.headers[50].extra_data).vote is not None
    workspace, trust = by_votes(voting)
    sealed = prove_voted(workspace, 56)
    voting.judge(sealed, trust)
    with pytest.raises((ConsistencyError, SignatureError)):
        prove_voted(workspace, 60)
    later, since_50 = by_votes(voting, 50)
    with pytest.raises(VerificationError):
        prove_voted(later, 60, 50)
    assert since_50.trusted_block.number == 50


def test_a_recorded_copy_with_too_few_seals_is_named(voting: Member) -> None:
    workspace, _ = by_votes(voting)
    thin = voting.chain.headers[7]
    extra = parse_qbft_extra(thin.extra_data)
    voting.rpc.headers[7] = with_seals(thin, extra.round, extra.seals[:2])
    with pytest.raises(MissingError, match="block 7"):
        prove_voted(workspace, 12)


def test_the_lists_of_a_lying_proposer_are_found(shared_data: Path, tmp_path: Path) -> None:
    chain = recorded(shared_data, "lying-proposer")
    member = Member(chain, tmp_path, RecordedRpc(chain.headers))
    workspace, trust = by_votes(member)
    for number in (11, 15, 19):
        assert parse_qbft_extra(chain.headers[number].extra_data).validators != chain.in_force(number)
    member.judge(prove_voted(workspace, 10), trust)
    for block, since in ((11, None), (12, None), (12, 10), (20, 12)):
        with pytest.raises((ConsistencyError, MissingError, SignatureError)):
            prove_voted(workspace, block, since)
