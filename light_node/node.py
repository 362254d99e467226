"""A light node that remembers: each file is judged against what was accepted before, and moves it on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ledger.errors import ForkError, MalformedError, UntrustedError
from ledger.event import AssetReference
from ledger.proof.checkpoint import parse_checkpoint
from ledger.proof.evidence import CheckpointFinality, parse_evidence
from light_node.heads import VerifiedHeader
from light_node.judgement import judge
from light_node.known import KnownCredentials
from light_node.memory import Memory, remember
from light_node.progress import Progress
from light_node.state import StateFolder, is_conflict
from light_node.trust import Trust
from light_node.verdict import Doubt, Outcome, Step, Verdict


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict, and what it left behind.

    Attributes:
        verdict: On the file.
        fork: Where two heads that contradict each other were kept, or None.
        trust: The trust file that it was judged by; None where that is not said.
        header: *Verified*, where finality was reached: what further proofs at that block can be held to.
    """

    verdict: Verdict
    fork: Path | None = None
    trust: Trust | None = None
    header: VerifiedHeader | None = None


class LightNode:
    """Judges files by one pinned trust file; use it while ``StateFolder.alone`` is held."""

    def __init__(self, state: StateFolder, known: KnownCredentials | None = None) -> None:
        """Read the trust file and the memory, and whether the witnesses contradicted themselves.

        ``contradicted`` says so, or is None. Then no file is verified, and no anchor counts: see
        ``succession.rotating.refuse_contradicted``.

        Args:
            state: The folder.
            known: Credentials that verified before, by whichever trust file: what a credential says is no matter of
                trust.

        Raises:
            ConfigurationError: No trust file is pinned.
            MalformedError: One of them is damaged.
            UntrustedError: What is remembered is of another chain.
        """
        self._state, self.trust, self.memory = state, state.trust(), state.memory()
        self.known = KnownCredentials() if known is None else known
        self.contradicted = _contradicted(state)
        if self.memory is not None and self.memory.chain_id != self.trust.chain_id:
            raise UntrustedError(f"what is remembered is of chain {self.memory.chain_id}, not {self.trust.chain_id}")

    def judge(
        self,
        data: bytes,
        *,
        now: int,
        asset: AssetReference | None = None,
        path: tuple[bytes, ...] | None = None,
        identity_required: bool = True,
        since: int = 0,
    ) -> Judged:
        """Judge a file. A verified one is remembered before this returns; a fork is kept.

        So is the head of one that validators sealed and that lacks nothing but being recent: by such files whoever
        slept walks on to the present.

        Args:
            data: *Untrusted.*
            now: The local clock, in seconds since the epoch.
            asset: The asset that the file must be of, or None where any will do.
            path: Consistency path between the remembered tree and the file's, *untrusted*; None where none is at hand.
            identity_required: See ``Question``.
            since: See ``Question``.
        """
        before, progress = self.memory, Progress()
        if self.contradicted is not None:
            progress.doubts.append(self.contradicted)
        accepted = None if before is None else before.accepted(path)
        verdict = judge(
            data,
            self.trust,
            now=now,
            accepted=accepted,
            asset=asset,
            identity_required=identity_required,
            since=since,
            known=self.known,
            progress=progress,
        )
        header, signed = progress.header, progress.signed
        if header is not None and signed is not None and (_is_verified(verdict) or _is_on_the_way(verdict, header)):
            self._accept(remember(before, self.trust.chain_id, header, signed))
        fork = None
        if _is_fork(verdict) and before is not None and signed is not None:
            fork = self._state.keep_fork(self.trust.chain_id, before.signed, signed)
        return Judged(verdict, fork, self.trust, header)

    def unproven_sizes(self, data: bytes) -> tuple[int, int] | None:
        """The two sizes between which a consistency path is needed to judge a file; None where none is."""
        if self.memory is None or self.memory.tree is None:
            return None
        try:
            finality = parse_evidence(data).finality
            if not isinstance(finality, CheckpointFinality):
                return None
            size = parse_checkpoint(finality.note).checkpoint.size
        except MalformedError:
            return None  # the verdict says so
        old, new = sorted((self.memory.tree.size, size))
        return None if old == new else (old, new)

    def _accept(self, memory: Memory) -> None:
        if memory != self.memory:
            self._state.remember(memory)
            self.memory = memory


def _contradicted(state: StateFolder) -> Doubt | None:
    if not any(map(is_conflict, state.forks())):
        return None
    from light_node.succession.rotating import refuse_contradicted  # noqa: PLC0415 - who saw no conflict does without

    try:
        refuse_contradicted(state)
    except UntrustedError as error:
        return Doubt(Step.FINALITY, type(error).__name__, str(error))
    return None


def _is_verified(verdict: Verdict) -> bool:
    return verdict.outcome is Outcome.VERIFIED


def _is_on_the_way(verdict: Verdict, header: VerifiedHeader) -> bool:
    """Whether a sealed block is final and its file beyond doubt, but for the block's age.

    By seals no header is final that is of the future, or that the clock or the trusting period forbids: see
    ``verify_sealed``. What is left at the step of freshness is the age.
    """
    if header.validated is None or verdict.outcome is not Outcome.UNDETERMINED or verdict.account is None:
        return False
    return {doubt.step for doubt in verdict.account.doubts} == {Step.FRESHNESS}


def _is_fork(verdict: Verdict) -> bool:
    return verdict.step is Step.FINALITY and verdict.error == ForkError.__name__


def known_trust(state: StateFolder) -> Trust | None:
    """The pinned trust file, or None where there is none yet."""
    return state.trust() if state.is_pinned() else None
