from __future__ import annotations

from ledger.demo import tampering
from ledger.demo.staging import Scene, Staged
from ledger.proof.evidence import Evidence
from tests.forgeries.refusing import on_a_real_chain, refusal, refused_by

pytestmark = on_a_real_chain


def test_events_swapped_are_refused(scene: Scene, staged: Staged) -> None:
    assert refusal("events-swapped", scene, staged) == ("HistoryError", "fold")


def test_no_two_neighbours_can_be_swapped(scene: Scene, evidence: Evidence) -> None:
    for number in range(1, len(evidence.history)):
        assert refused_by(scene, tampering.swap(evidence, number)) is not None, number


def test_reversed_history_is_refused(scene: Scene, evidence: Evidence) -> None:
    assert refused_by(scene, tampering.with_history(evidence, reversed(evidence.history))) is not None
