"""Several sources of one asset's evidence: all are asked at once, each answer is judged, the newest verified counts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path

from ledger.errors import ForkError, MalformedError, VinculumError
from ledger.event import AssetReference
from ledger.proof.evidence import parse_evidence
from light_node.http_source import HttpSource
from light_node.judgement import judge
from light_node.node import LightNode
from light_node.progress import Progress
from light_node.sources.announcing import Announcing
from light_node.sources.crew import Crew
from light_node.sources.port import Announced, EvidenceSource, Hint, Wanted
from light_node.sources.standing import Heard, Standing, heard_error, heard_verdict
from light_node.verdict import AsOf, Outcome, Verdict


@dataclass(frozen=True, slots=True)
class Limits:
    """What is granted to whoever is asked.

    Attributes:
        answer_s: For all sources together, or all witnesses together.
        lag_s: How much older than the newest a verified block may be before its source is called stale.
    """

    answer_s: float = 20.0
    lag_s: int = 60


@dataclass(frozen=True, slots=True)
class Hearing:
    """What came of asking for one asset.

    Attributes:
        best: The newest verified verdict, accepted by the node; or None.
        heard: What came of each source, in the order asked.
        forks: Files of heads that contradict each other, kept just now.
    """

    best: Verdict | None
    heard: tuple[Heard, ...]
    forks: tuple[Path, ...] = ()


class Panel:
    """Asks, judges, and accepts. A source that lies, stalls or dies is named, and stops no other."""

    def __init__(
        self,
        node: LightNode,
        stop: threading.Event,
        tell: Callable[[str], None],
        limits: Limits | None = None,
    ) -> None:
        """Nothing is asked yet.

        Args:
            node: Judges and remembers; its folder is held.
            stop: Ends every waiting soon.
            tell: Told of faults of ours.
            limits: The usual ones by default.
        """
        self.node, self._limits = node, limits or Limits()
        self._witnesses = Announcing(stop, tell, self._limits.answer_s)
        self._crew = Crew[bytes](stop, tell)
        self._accepted = dict[str, tuple[bytes, Verdict]]()

    def announce(self, witnesses: Mapping[str, HttpSource]) -> tuple[Announced | None, dict[str, VinculumError]]:
        """Ask witnesses what they signed, and for consistency paths from now on; see ``Announcing``.

        Returns: What they announce, or None, also where validators seal; and what went wrong, by witness.

        Raises: ForkError, where enough of them signed two trees of one size; carries both notes.
        """
        return self._witnesses.announce(self.node.trust.finality, witnesses)

    def hear(self, wanted: Wanted, sources: Iterable[EvidenceSource], hint: Hint) -> Hearing:
        """Ask sources for an asset, judge what they answer, and accept the newest that is verified.

        1. Each answer is judged by itself, against what was accepted before any of them was asked.
        2. The verified one of the highest block is accepted and remembered.
        3. The other verified ones are held against it: two signed heads that contradict each other are kept as a fork.
        4. Where none is verified, the highest final one that is only too old is remembered: the next question goes on
           from there. See ``LightNode.judge``.

        Args:
            wanted: Which asset.
            sources: Whom to ask.
            hint: For those that build evidence.
        """
        answers = self._crew.ask({one.name: partial(one.fetch, wanted, hint) for one in sources}, self._limits.answer_s)
        files = {name: one for name, one in answers.items() if isinstance(one, bytes)}
        heard = {
            name: self._judge(name, one, wanted, hint.now) if isinstance(one, bytes) else heard_error(name, one)
            for name, one in answers.items()
        }  # 1
        forks = set[Path]()
        verified = [one for one in heard.values() if one.standing is Standing.VERIFIED]
        accepts = (one for one in sorted(verified, key=_height, reverse=True) if self._accept(one, files, wanted, hint))
        best = next(accepts, None)  # 2
        for name, one in heard.items():
            if one is not best and _contradicts(one, best):
                forks |= self._remember(files[name], wanted, hint.now)[1]  # 3
        if best is None:
            self._walk_on(heard.values(), files, wanted, hint)  # 4
        ranked = tuple(one if best is None else self._rank(one, best) for one in heard.values())
        return Hearing(None if best is None else best.verdict, ranked, tuple(sorted(forks)))

    def _judge(self, name: str, data: bytes, wanted: Wanted, now: int) -> Heard:
        before = self._known_verdict(data, wanted, now)
        if before is not None:
            return heard_verdict(name, before)
        other = _other_asset(data, wanted)
        if other:
            return Heard(name, Standing.LYING, other)
        memory, progress = self.node.memory, Progress()
        if self.node.contradicted is not None:
            progress.doubts.append(self.node.contradicted)
        verdict = judge(
            data,
            self.node.trust,
            now=now,
            accepted=None if memory is None else memory.accepted(self._witnesses.path_for(self.node, data)),
            asset=_asked(wanted),
            identity_required=wanted.subject is None,
            known=self.node.known,
            progress=progress,
        )
        account = verdict.account
        shown = None if account is None or account.asset is None else account.asset.identifier
        if None not in (shown, wanted.identifier) and shown != wanted.identifier:
            return Heard(name, Standing.LYING, "its evidence shows another identifier")
        return heard_verdict(name, verdict)

    def _known_verdict(self, data: bytes, wanted: Wanted, now: int) -> Verdict | None:
        """The verdict on a file that is the one accepted last, while its block can still be judged by."""
        digest, verdict = self._accepted.get(wanted.name, (b"", None))
        if verdict is None or verdict.as_of is None or sha256(data).digest() != digest:
            return None
        trust, age = self.node.trust, now - verdict.as_of.time
        return verdict if 0 <= age <= min(trust.maximum_age_seconds, trust.trusting_period_seconds) else None

    def _accept(self, one: Heard, files: Mapping[str, bytes], wanted: Wanted, hint: Hint) -> bool:
        """Have the node remember it; the same file again is remembered already."""
        data = files[one.source]
        digest = sha256(data).digest()
        if one.verdict is None or self._accepted.get(wanted.name, (b"",))[0] == digest:
            return one.verdict is not None
        accepted = self._remember(data, wanted, hint.now)[0].outcome is Outcome.VERIFIED
        if accepted:
            self._accepted[wanted.name] = digest, one.verdict
        return accepted

    def _walk_on(self, heard: Iterable[Heard], files: Mapping[str, bytes], wanted: Wanted, hint: Hint) -> None:
        final = [one for one in heard if one.standing is Standing.STALE and _as_of(one) is not None]
        for one in sorted(final, key=_height, reverse=True)[:1]:
            self._remember(files[one.source], wanted, hint.now)

    def _remember(self, data: bytes, wanted: Wanted, now: int) -> tuple[Verdict, set[Path]]:
        judged = self.node.judge(
            data,
            now=now,
            asset=_asked(wanted),
            path=self._witnesses.path_for(self.node, data),
            identity_required=wanted.subject is None,
        )
        return judged.verdict, set() if judged.fork is None else {judged.fork}

    def _rank(self, one: Heard, best: Heard) -> Heard:
        """Call a verified source stale whose block is much older than the newest."""
        old, new = _as_of(one), _as_of(best)
        if one.standing is not Standing.VERIFIED or old is None or new is None:
            return one
        if new.time - old.time <= self._limits.lag_s:
            return one
        return replace(one, standing=Standing.STALE, reason=f"block {old.number}; block {new.number} is proven")


def _asked(wanted: Wanted) -> AssetReference | None:
    """The asset that a file has to show; none where the subject itself is known."""
    if wanted.subject is not None or wanted.identifier is None:
        return None
    return AssetReference(wanted.asset_type, wanted.identifier)


def _other_asset(data: bytes, wanted: Wanted) -> str:
    """Say where evidence is of another asset than was asked for; a malformed file is for the verdict."""
    try:
        evidence = parse_evidence(data)
    except MalformedError:
        return ""
    if evidence.asset_type is not wanted.asset_type:
        return f"its evidence is of a {evidence.asset_type}"
    if wanted.subject is not None and evidence.subject != wanted.subject:
        return "its evidence is of another subject"
    return ""


def _as_of(heard: Heard) -> AsOf | None:
    return None if heard.verdict is None else heard.verdict.as_of


def _height(heard: Heard) -> int:
    as_of = _as_of(heard)
    return -1 if as_of is None else as_of.number


def _contradicts(one: Heard, best: Heard | None) -> bool:
    """Whether two signed heads may contradict each other: what was refuted as a fork, or verified at another block."""
    if one.standing is Standing.VERIFIED:
        return best is not None and _as_of(one) != _as_of(best)
    return one.verdict is not None and one.verdict.error == ForkError.__name__
