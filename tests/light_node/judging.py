"""Short ways to judge in tests, and to make what a forger makes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ledger.credential.base64url import encode_base64url, parse_base64url
from ledger.event import AssetReference
from ledger.proof.evidence import Evidence, OpenEntry, encode_evidence
from ledger.strict_json import canonical_json, parse_json
from light_node.heads import Accepted
from light_node.judgement import judge
from light_node.known import NONE_KEPT, KnownCredentials
from light_node.trust import Trust, TrustedBlock
from light_node.verdict import Outcome, Step, Verdict
from tests.simulator.world import World

REFUTED, MALFORMED, UNDETERMINED = Outcome.REFUTED, Outcome.MALFORMED, Outcome.UNDETERMINED
KNOWN = KnownCredentials()
"""Of all files that were judged in this process, whatever they were made to show."""


def judged(
    world: World,
    evidence: Evidence | bytes,
    *,
    now: int | None = None,
    trust: Trust | None = None,
    accepted: Accepted | TrustedBlock | None = None,
    asset: AssetReference | None = None,
    identity_required: bool = True,
) -> Verdict:
    """Judge a file, and see that whoever knows the credentials of all files before it comes to the same verdict."""
    data = evidence if isinstance(evidence, bytes) else encode_evidence(evidence)
    first, again = (
        judge(
            data,
            trust or world.chain.trust(),
            now=world.chain.time if now is None else now,
            accepted=accepted,
            asset=asset,
            identity_required=identity_required,
            known=known,
        )
        for known in (NONE_KEPT, KNOWN)
    )
    assert again == first
    return first


def assert_verified(verdict: Verdict) -> None:
    assert (verdict.outcome, verdict.reason) == (Outcome.VERIFIED, "")


def assert_refused(verdict: Verdict, outcome: Outcome, step: Step, error: str) -> None:
    assert verdict.outcome is outcome, verdict.reason
    assert (verdict.step, verdict.error) == (step, error), verdict.reason
    assert verdict.reason


def with_credential(evidence: Evidence, number: int, change: Callable[[str], str]) -> Evidence:
    """The evidence with one credential's text changed."""
    history = list(evidence.history)
    entry = history[number - 1]
    assert isinstance(entry, OpenEntry)
    assert entry.credential is not None
    history[number - 1] = replace(entry, credential=change(entry.credential))
    return replace(evidence, history=tuple(history))


def with_disclosure(text: str, name: str, value: object) -> str:
    """The credential with the value of one disclosure changed; its salt stays."""
    jwt, *disclosures, end = text.split("~")
    changed = []
    for item in disclosures:
        array = parse_json(parse_base64url(item, "disclosure"))
        assert isinstance(array, list)
        if array[1] == name:
            array[2] = value  # type: ignore[call-overload]
        changed.append(encode_base64url(canonical_json(array)))
    return "~".join((jwt, *changed, end))


def with_claim(text: str, name: str, value: object) -> str:
    """The credential with one signed claim changed; the signature stays."""
    jwt, rest = text.split("~", 1)
    header, payload, signature = jwt.split(".")
    claims = parse_json(parse_base64url(payload, "payload"))
    assert isinstance(claims, dict)
    claims[name] = value  # type: ignore[assignment]
    return f"{header}.{encode_base64url(canonical_json(claims))}.{signature}~{rest}"


def account_of(verdict: Any) -> Any:
    assert verdict.account is not None
    return verdict.account
