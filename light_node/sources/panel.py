"""Several sources of one asset's evidence: all are asked at once, each answer is judged, the newest verified counts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path

from ledger.errors import ForkError, MalformedError, SourceTimeoutError, VinculumError
from ledger.event import AssetReference
from ledger.proof.evidence import CheckpointFinality, parse_evidence
from ledger.proof.note import MAX_NOTE_BYTES
from ledger.proof.tlog_text import MAX_PROOF_BYTES, parse_inclusion_proof
from light_node.anchoring import fetch_path
from light_node.heads import TreeHead
from light_node.http_source import HttpSource
from light_node.judgement import judge
from light_node.node import LightNode
from light_node.sources.crew import Crew
from light_node.sources.port import Announced, EvidenceSource, Hint, Wanted
from light_node.sources.standing import Heard, Standing, heard_error, heard_verdict
from light_node.sources.witnesses import Gathered, choose_path, gather_checkpoint
from light_node.trust_rules import WitnessRule
from light_node.verdict import AsOf, Verdict

HashPath = tuple[bytes, ...]


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
        self._witnesses = dict[str, HttpSource]()
        self._late = dict[str, VinculumError]()
        self._files, self._notes = Crew[bytes](stop, tell), Crew[bytes](stop, tell)
        self._paths = Crew[HashPath](stop, tell)
        self._accepted = dict[str, tuple[bytes, Verdict]]()
        self._chosen = dict[tuple[TreeHead, str], HashPath]()

    # ---- witnesses ----------------------------------------------------------------------------------------------

    def announce(self, witnesses: Mapping[str, HttpSource]) -> tuple[Announced | None, dict[str, VinculumError]]:
        """Ask witnesses for the largest checkpoint that enough of them signed, and where its last block stands.

        Args:
            witnesses: By name; asked for consistency paths, too, until the next time.

        Returns: It, or None; and what went wrong, by witness.

        Raises: ForkError, where enough of them signed two of one size; carries both notes.
        """
        self._chosen.clear()
        self._witnesses, self._late = dict(witnesses), {}
        rule = self.node.trust.finality
        if not isinstance(rule, WitnessRule):
            return None, {}
        asked = {name: partial(one.get, "/checkpoint", MAX_NOTE_BYTES) for name, one in self._witnesses.items()}
        answers = self._notes.ask(asked, self._limits.answer_s)
        gathered = gather_checkpoint(rule, {name: one for name, one in answers.items() if isinstance(one, bytes)})
        faults = {name: one for name, one in answers.items() if isinstance(one, VinculumError)}
        announced = self._announced(gathered)
        return announced, {**self._late, **gathered.faults, **faults}

    def _announced(self, gathered: Gathered) -> Announced | None:
        if gathered.signed is None or not gathered.signed.checkpoint.size:
            return None
        size = gathered.signed.checkpoint.size
        paths = self._ask_paths(lambda witness: _inclusion(witness, size - 1, size))
        return Announced(gathered.signed.note, size, paths)

    def _ask_paths(self, question: Callable[[HttpSource], HashPath]) -> tuple[HashPath, ...]:
        """Distinct paths, from whoever gives one; who is late is not asked again in this round."""
        asked = {name: partial(question, one) for name, one in self._witnesses.items()}
        answers = self._paths.ask(asked, self._limits.answer_s)
        late = {name: one for name, one in answers.items() if isinstance(one, SourceTimeoutError)}
        self._late |= late
        self._witnesses = {name: one for name, one in self._witnesses.items() if name not in late}
        return tuple(dict.fromkeys(one for one in answers.values() if not isinstance(one, VinculumError)))

    def _path_for(self, data: bytes) -> HashPath | None:
        """The path between the remembered tree and that of a file, where one is needed and to be had."""
        sizes, memory = self.node.unproven_sizes(data), self.node.memory
        if sizes is None or memory is None or memory.tree is None or not self._witnesses:
            return None
        finality = parse_evidence(data).finality
        note = finality.note if isinstance(finality, CheckpointFinality) else ""
        key = memory.tree, note
        if key not in self._chosen:
            paths = self._ask_paths(lambda witness: fetch_path([witness], *sizes))
            try:
                self._chosen[key] = choose_path(memory.tree, note, paths)
            except VinculumError:
                return None  # the verdict says what is missing
        return self._chosen[key]

    # ---- sources ------------------------------------------------------------------------------------------------

    def hear(self, wanted: Wanted, sources: Iterable[EvidenceSource], hint: Hint) -> Hearing:
        """Ask sources for an asset, judge what they answer, and accept the newest that is verified.

        1. Each answer is judged by itself, against what was accepted before any of them was asked.
        2. The verified one of the highest block is accepted and remembered.
        3. The other verified ones are held against it: two signed heads that contradict each other are kept as a fork.

        Args:
            wanted: Which asset.
            sources: Whom to ask.
            hint: For those that build evidence.
        """
        answers = self._files.ask(
            {one.name: partial(one.fetch, wanted, hint) for one in sources}, self._limits.answer_s
        )
        files = {name: one for name, one in answers.items() if isinstance(one, bytes)}
        heard = {
            name: self._judge(name, one, wanted, hint.now) if isinstance(one, bytes) else heard_error(name, one)
            for name, one in answers.items()
        }  # 1
        best = max((one for one in heard.values() if one.standing is Standing.VERIFIED), key=_height, default=None)
        forks = set[Path]()
        if best is not None and best.verdict is not None:
            forks |= self._accept(files[best.source], best.verdict, wanted, hint.now)  # 2
        for name, one in heard.items():
            if one is not best and _contradicts(one, best):
                forks |= self._remember(files[name], wanted, hint.now)[1]  # 3
        ranked = tuple(one if best is None else self._rank(one, best) for one in heard.values())
        return Hearing(None if best is None else best.verdict, ranked, tuple(sorted(forks)))

    def _judge(self, name: str, data: bytes, wanted: Wanted, now: int) -> Heard:
        before = self._known_verdict(data, wanted, now)
        if before is not None:
            return heard_verdict(name, before)
        other = _other_asset(data, wanted)
        if other:
            return Heard(name, Standing.LYING, other)
        memory = self.node.memory
        verdict = judge(
            data,
            self.node.trust,
            now=now,
            accepted=None if memory is None else memory.accepted(self._path_for(data)),
            asset=_asked(wanted),
            identity_required=wanted.subject is None,
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

    def _accept(self, data: bytes, verdict: Verdict, wanted: Wanted, now: int) -> set[Path]:
        digest = sha256(data).digest()
        if self._accepted.get(wanted.name, (b"",))[0] == digest:
            return set()
        self._accepted[wanted.name] = digest, verdict
        return self._remember(data, wanted, now)[1]

    def _remember(self, data: bytes, wanted: Wanted, now: int) -> tuple[Verdict, set[Path]]:
        judged = self.node.judge(
            data,
            now=now,
            asset=_asked(wanted),
            path=self._path_for(data),
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


def _inclusion(witness: HttpSource, block: int, size: int) -> HashPath:
    proof = parse_inclusion_proof(witness.get(f"/inclusion?block={block}&size={size}", MAX_PROOF_BYTES))
    if (proof.block, proof.size) != (block, size):
        raise MalformedError("inclusion proof", "of another block or size than was asked for")
    return proof.path


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
