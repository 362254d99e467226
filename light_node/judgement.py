"""From a file to a verdict: the one call that commands, services and pages make."""

from __future__ import annotations

from dataclasses import replace

from ledger.errors import VerificationError
from ledger.event import AssetReference
from light_node.heads import Accepted
from light_node.known import NONE_KEPT, KnownCredentials
from light_node.progress import Progress
from light_node.trust import Trust, TrustedBlock
from light_node.verdict import Outcome, Verdict, outcome_of
from light_node.verify import Question, verify_evidence


def judge(  # noqa: PLR0913 - what a reader may ask
    data: bytes,
    trust: Trust,
    *,
    now: int,
    accepted: Accepted | TrustedBlock | None = None,
    asset: AssetReference | None = None,
    identity_required: bool = True,
    since: int = 0,
    known: KnownCredentials = NONE_KEPT,
    progress: Progress | None = None,
) -> Verdict:
    """Judge an evidence file; never raises for anything that untrusted bytes can cause.

    Args:
        data: *Untrusted.*
        trust: The reader's own trust file, never the giver's.
        now: The local clock, in seconds since the epoch.
        accepted: The last head that was accepted here, alone or with its tree, or None.
        asset: The asset that the file must be of, or None where any will do.
        identity_required: See ``Question``.
        since: See ``Question``.
        known: Credentials that verified here before; those of this file are added where they verify.
        progress: New; afterwards it holds the verified header, where finality was reached.

    Returns:
        The verdict, with the step and the reason where it is not *verified*.
    """
    progress = progress or Progress()
    before = Accepted(accepted) if isinstance(accepted, TrustedBlock) else accepted
    try:
        question = Question(now, before, asset, identity_required, since, known)
        account = verify_evidence(data, trust, question, progress)
    except VerificationError as error:
        return Verdict(
            outcome=outcome_of(error),
            trust_fingerprint=trust.fingerprint(),
            step=progress.step,
            error=type(error).__name__,
            reason=str(error),
            as_of=progress.as_of,
        )
    if account.doubts:
        first = account.doubts[0]
        verdict = Verdict(Outcome.UNDETERMINED, trust.fingerprint(), first.step, first.error, first.reason)
    else:
        verdict = Verdict(Outcome.VERIFIED, trust.fingerprint())
    return replace(verdict, as_of=account.as_of, account=account)
