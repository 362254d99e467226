"""Asking witnesses: what they signed last, where a block stands in it, and how trees follow from one another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial

from ledger.errors import MalformedError, SourceTimeoutError, VinculumError
from ledger.proof.evidence import CheckpointFinality, parse_evidence
from ledger.proof.note import MAX_NOTE_BYTES
from ledger.proof.tlog_text import MAX_PROOF_BYTES, parse_inclusion_proof
from light_node.anchoring import fetch_path
from light_node.heads import TreeHead
from light_node.http_source import HttpSource
from light_node.node import LightNode
from light_node.sources.crew import Crew
from light_node.sources.port import Announced
from light_node.sources.witnesses import choose_path, gather_checkpoint
from light_node.trust_rules import FinalityRule, WitnessRule

HashPath = tuple[bytes, ...]


class Announcing:
    """Asks all witnesses at once; who is late with a path is not asked again until the next announcement."""

    def __init__(self, stop: threading.Event, tell: Callable[[str], None], answer_s: float) -> None:
        """Nothing is asked yet.

        Args:
            stop: Ends every waiting soon.
            tell: Told of faults of ours.
            answer_s: For all witnesses together.
        """
        self._answer_s = answer_s
        self._notes, self._paths = Crew[bytes](stop, tell), Crew[HashPath](stop, tell)
        self._witnesses = dict[str, HttpSource]()
        self._late = dict[str, VinculumError]()
        self._chosen = dict[tuple[TreeHead, str], HashPath]()

    def announce(
        self, rule: FinalityRule, witnesses: Mapping[str, HttpSource]
    ) -> tuple[Announced | None, dict[str, VinculumError]]:
        """Ask for the largest checkpoint that enough of them signed, and where its last block stands.

        Args:
            rule: Of the trust file; where validators seal, nobody is asked.
            witnesses: By name; asked for consistency paths, too, until the next time.

        Returns: It, or None; and what went wrong, by witness.

        Raises: ForkError, where enough of them signed two of one size; carries both notes.
        """
        self._chosen.clear()
        self._witnesses, self._late = dict(witnesses), {}
        if not isinstance(rule, WitnessRule):
            return None, {}
        asked = {name: partial(one.get, "/checkpoint", MAX_NOTE_BYTES) for name, one in self._witnesses.items()}
        answers = self._notes.ask(asked, self._answer_s)
        gathered = gather_checkpoint(rule, {name: one for name, one in answers.items() if isinstance(one, bytes)})
        faults = {name: one for name, one in answers.items() if isinstance(one, VinculumError)}
        announced = None
        if gathered.signed is not None and gathered.signed.checkpoint.size:
            size = gathered.signed.checkpoint.size
            paths = self._ask_paths(lambda witness: _inclusion(witness, size - 1, size))
            announced = Announced(gathered.signed.note, size, paths)
        return announced, {**self._late, **gathered.faults, **faults}

    def path_for(self, node: LightNode, data: bytes) -> HashPath | None:
        """The path between the remembered tree and that of a file, where one is needed and to be had.

        Args:
            node: Remembers the tree.
            data: Of the file, *untrusted*.
        """
        sizes, memory = node.unproven_sizes(data), node.memory
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

    def _ask_paths(self, question: Callable[[HttpSource], HashPath]) -> tuple[HashPath, ...]:
        """Distinct paths, from whoever gives one."""
        asked = {name: partial(question, one) for name, one in self._witnesses.items()}
        answers = self._paths.ask(asked, self._answer_s)
        late = {name: one for name, one in answers.items() if isinstance(one, SourceTimeoutError)}
        self._late |= late
        self._witnesses = {name: one for name, one in self._witnesses.items() if name not in late}
        return tuple(dict.fromkeys(one for one in answers.values() if not isinstance(one, VinculumError)))


def _inclusion(witness: HttpSource, block: int, size: int) -> HashPath:
    proof = parse_inclusion_proof(witness.get(f"/inclusion?block={block}&size={size}", MAX_PROOF_BYTES))
    if (proof.block, proof.size) != (block, size):
        raise MalformedError("inclusion proof", "of another block or size than was asked for")
    return proof.path
