"""The verification of one evidence file. Pure: bytes, a trust file and the time in; what is proven out.

The numbered list, here, in ``docs/evidence.md`` and as ``light_node.verdict.Step``:

1.  Parse, within limits: one canonical encoding, every credential and key in its format.
2.  Identity: the evidence is of this chain and of the logs of the trust file, and the genesis opens the subject.
3.  Finality: the header is final by the trust file's rule, and not behind what was accepted before.
4.  Account proof and code hash: the contracts are the trusted ones, with the trusted code.
5.  Storage proof: every slot that the file speaks of, present or absent; no log goes on in one that is not trusted.
6.  Fold: the history folds to the proven head; every status follows from the one before.
7.  Namespace and issuer key at that time: who might register the identifier, who might sign.
8.  Signature of every credential that is shown.
9.  Binding: each credential is the attested one, signed for this subject, kind, log, organisation and head.
10. Disclosures and required fields: what is shown was signed; what lacks a required field is not judged.
11. Rules: what the opened events say together, and what gets no judgement.
12. Freshness: the block is neither from the future nor too old, nor older than the reader asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger.errors import IdentityError, StaleError, UntrustedError
from ledger.event import AssetReference
from ledger.kinds import status_name
from ledger.proof.evidence import Evidence, parse_evidence
from ledger.proof.fold import Meta
from ledger.rules import Assessment, assess
from light_node.credentials import (
    Opened,
    RawCredential,
    keep_credentials,
    open_credentials,
    parse_credentials,
    place_credentials,
    verify_bindings,
    verify_issuers,
    verify_signatures,
)
from light_node.finality import verify_finality
from light_node.freshness import verify_freshness
from light_node.heads import Accepted, VerifiedHeader
from light_node.history import ProvenEntry, verify_history
from light_node.identity import Opening, open_subject, verify_authority
from light_node.issuer import Issuers, parse_issuers
from light_node.known import NONE_KEPT, KnownCredentials
from light_node.memory import SignedHead
from light_node.progress import Progress
from light_node.proofs import ProvenState, verify_contracts, verify_state, verify_succession
from light_node.story import aliases_of, history_for_rules, report_events
from light_node.trust import Trust
from light_node.verdict import Account, AsOf, EventReport, Step

REGISTRAR_ROLE = "register"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about a file.

    Attributes:
        now: The local clock, in seconds since the epoch.
        accepted: What was accepted here before, or None.
        asset: The asset that the file must be of, or None where any will do.
        identity_required: Whether a file that does not show which asset it is of is undetermined. A reader of public
            evidence, who was given the subject itself by one he trusts, may do without.
        since: When he asked, in seconds since the epoch: the block must not be older; 0 where any recent one will do.
        known: Credentials that verified here before; those that verify now are added. By default nothing is kept.
    """

    now: int
    accepted: Accepted | None = None
    asset: AssetReference | None = None
    identity_required: bool = True
    since: int = 0
    known: KnownCredentials = NONE_KEPT


def verify_evidence(data: bytes, trust: Trust, question: Question, progress: Progress) -> Account:
    """Verify an evidence file by the numbered list of this module.

    Args:
        data: *Untrusted.*
        trust: The reader's own trust file.
        question: What is asked.
        progress: New; afterwards it says which step was reached, and holds the doubts.

    Returns:
        What is proven: the history is complete as registered up to the block. With doubts, it is undetermined
        whether this may be relied on.

    Raises:
        VerificationError: The class says what is wrong, ``progress`` at which step.
    """
    evidence = parse_evidence(data)  # 1
    progress.signed = SignedHead(evidence.header, evidence.finality)
    credentials, issuers = parse_credentials(evidence, question.known), parse_issuers(evidence.issuers)
    progress.step = Step.IDENTITY  # 2
    opening = _identify(evidence, trust, question, credentials, progress)
    progress.step = Step.FINALITY  # 3
    header = verify_finality(evidence, trust, question.now, question.accepted)
    progress.header = header
    progress.step = Step.CONTRACTS  # 4
    storage_roots = verify_contracts(evidence, trust, header)
    progress.step = Step.STORAGE  # 5
    state = verify_state(evidence, trust, storage_roots)
    verify_succession([segment.log for segment in evidence.segments], state)
    progress.step = Step.FOLD  # 6
    entries = verify_history(evidence, state, header.time)
    opened, by_registrar = _verify_credentials(_Part(evidence, entries, credentials, issuers, opening), state, progress)
    keep_credentials(opened.values(), question.known)
    progress.step = Step.RULES  # 11
    reports = report_events(evidence, entries, opened)
    assessment = _assess(evidence, reports, opened, opening)
    progress.step = Step.FRESHNESS  # 12
    _verify_freshness(header, trust, question, progress)
    return Account(
        asset_type=evidence.asset_type,
        subject=evidence.subject,
        as_of=AsOf(header.number, header.time, header.hash),
        status=status_name(evidence.asset_type, evidence.history[-1].status) if evidence.history else None,
        events=reports,
        asset=None if opening is None else opening.asset,
        aliases=() if opening is None else aliases_of(opened),
        registered_by=int.from_bytes(evidence.subject[:4], "big"),
        by_registrar=by_registrar,
        findings=assessment.findings,
        judgements=assessment.judgements,
        doubts=tuple(progress.doubts),
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """What the steps on credentials work on."""

    evidence: Evidence
    entries: tuple[ProvenEntry, ...]
    shown: dict[int, RawCredential]
    issuers: Issuers
    opening: Opening | None


def _identify(
    evidence: Evidence, trust: Trust, question: Question, credentials: dict[int, RawCredential], progress: Progress
) -> Opening | None:
    if evidence.chain_id != trust.chain_id:
        raise UntrustedError(f"the evidence is of chain {evidence.chain_id}, the trust file of {trust.chain_id}")
    logs = tuple(contract.address for contract in trust.logs[evidence.asset_type])
    if tuple(segment.log for segment in evidence.segments) != logs:
        raise UntrustedError(f"the evidence is not of the {evidence.asset_type} logs of the trust file")
    opening = None
    if 1 in credentials:
        try:
            opening = open_subject(evidence.subject, evidence.asset_type, credentials[1].raw)
        except IdentityError as error:
            _doubt_identity(error, question, progress)
    elif evidence.history:
        _doubt_identity(
            IdentityError("the genesis is not opened: which asset this is is not shown"), question, progress
        )
    if question.asset is not None and (opening is None or opening.asset != question.asset):
        raise IdentityError("the evidence does not show that it is of the asset that was asked for")
    return opening


def _doubt_identity(error: IdentityError, question: Question, progress: Progress) -> None:
    if question.identity_required:
        progress.doubt(error)


def _verify_credentials(part: _Part, state: ProvenState, progress: Progress) -> tuple[dict[int, Opened], bool]:
    placed = place_credentials(part.entries, part.shown)
    progress.step = Step.AUTHORITY  # 7
    keys = verify_issuers(placed, part.issuers, state)
    by_registrar = _verify_registration(part, state, progress)
    state.verify_consulted()
    progress.step = Step.SIGNATURE  # 8
    disclosed = verify_signatures(placed, keys, progress)
    progress.step = Step.BINDING  # 9
    bindings = verify_bindings(placed, disclosed, part.evidence)
    progress.step = Step.DISCLOSURES  # 10
    return open_credentials(placed, disclosed, bindings, keys), by_registrar


def _verify_registration(part: _Part, state: ProvenState, progress: Progress) -> bool:
    """Return whether a registrar stands in for the maker; whoever had no authority leaves the identity in doubt."""
    if not part.entries or part.entries[0].meta is None:
        return False
    genesis, meta = part.entries[0], part.entries[0].meta
    if meta.organisation != int.from_bytes(part.evidence.subject[:4], "big"):
        progress.doubt(IdentityError(f"the genesis is of organisation {meta.organisation}, the subject of another"))
    if part.opening is None:
        return False
    return _verify_authority(
        part.opening, state, meta, progress, registrar=genesis.kind is not None and genesis.kind.role == REGISTRAR_ROLE
    )


def _verify_authority(opening: Opening, state: ProvenState, meta: Meta, progress: Progress, *, registrar: bool) -> bool:
    try:
        return verify_authority(opening, state, meta.organisation, meta.time, registrar=registrar)
    except IdentityError as error:
        progress.doubt(error)
        return False


def _assess(
    evidence: Evidence, reports: tuple[EventReport, ...], opened: dict[int, Opened], opening: Opening | None
) -> Assessment:
    if not evidence.history:
        return Assessment("")
    return assess(history_for_rules(evidence, reports, opened, opening))


def _verify_freshness(header: VerifiedHeader, trust: Trust, question: Question, progress: Progress) -> None:
    try:
        verify_freshness(header, trust, question.accepted, question.now, question.since)
    except StaleError as error:
        progress.doubt(error)
