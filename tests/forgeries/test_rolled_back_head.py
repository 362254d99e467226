from __future__ import annotations

import time
from dataclasses import replace

from ledger.demo.staging import Scene, Staged
from ledger.proof.evidence import Evidence, parse_evidence
from light_node.judgement import judge
from light_node.trust import TrustedBlock
from light_node.verdict import Outcome
from tests.forgeries.refusing import on_a_real_chain, refusal, refused_by

pytestmark = on_a_real_chain


def test_rolled_back_head_is_refused(scene: Scene, staged: Staged) -> None:
    assert refusal("rolled-back-head", scene, staged) == ("RollbackError", "finality")


def test_older_file_says_of_what_time_it_is_to_one_who_has_seen_nothing_newer(scene: Scene) -> None:
    """It was true then: only memory, or a demand for freshness, tells that it is not the last word."""
    verdict = judge(scene.older, scene.trust, now=int(time.time()))
    assert verdict.outcome is Outcome.VERIFIED
    assert verdict.account is not None
    assert verdict.as_of is not None
    assert verdict.as_of.number < scene.accepted.number
    assert len(verdict.account.events) < scene.car.registered


def test_other_block_of_the_same_height_is_refused(scene: Scene, evidence: Evidence) -> None:
    other = TrustedBlock(scene.accepted.number, bytes(32), scene.accepted.time)
    assert refused_by(replace(scene, accepted=other), evidence) == ("ForkError", "finality")


def test_newer_header_with_older_proofs_is_refused(scene: Scene, evidence: Evidence) -> None:
    older = parse_evidence(scene.older)
    mixed = replace(older, header=evidence.header, finality=evidence.finality)
    assert refused_by(scene, mixed) == ("InclusionError", "contracts")


def test_newer_head_with_the_older_history_is_refused(scene: Scene, evidence: Evidence) -> None:
    older = parse_evidence(scene.older)
    mixed = replace(evidence, history=older.history, segments=older.segments)
    assert refused_by(scene, mixed) == ("HistoryError", "fold")


def test_older_header_under_the_newer_checkpoint_is_refused(scene: Scene, evidence: Evidence) -> None:
    older = parse_evidence(scene.older)
    _, step = refused_by(scene, replace(older, finality=evidence.finality)) or ("", "")
    assert step == "finality"
