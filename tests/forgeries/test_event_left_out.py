from __future__ import annotations

from ledger.demo import tampering
from ledger.demo.staging import Scene, Staged
from ledger.proof.evidence import Evidence
from tests.forgeries.refusing import on_a_real_chain, refusal, refused_by

pytestmark = on_a_real_chain


def test_event_left_out_is_refused(scene: Scene, staged: Staged) -> None:
    assert refusal("event-left-out", scene, staged) == ("HistoryError", "fold")


def test_no_event_can_be_left_out(scene: Scene, evidence: Evidence) -> None:
    for number in range(2, len(evidence.history) + 1):
        assert refused_by(scene, tampering.leave_out(evidence, number)) == ("HistoryError", "fold"), number


def test_genesis_cannot_be_left_out(scene: Scene, evidence: Evidence) -> None:
    assert refused_by(scene, tampering.leave_out(evidence, 1)) is not None


def test_end_of_the_history_cannot_be_cut_off(scene: Scene, evidence: Evidence) -> None:
    for length in range(1, len(evidence.history)):
        assert refused_by(scene, tampering.with_history(evidence, evidence.history[:length])) is not None


def test_empty_history_is_refused(scene: Scene, evidence: Evidence) -> None:
    assert refused_by(scene, tampering.with_history(evidence, ())) is not None
