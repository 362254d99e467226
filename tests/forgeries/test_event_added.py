from __future__ import annotations

import os
from dataclasses import replace

from ledger.demo import tampering
from ledger.demo.staging import Scene, Staged
from ledger.proof.evidence import Evidence, HiddenEntry, OpenEntry
from tests.forgeries.refusing import on_a_real_chain, refusal, refused_by

pytestmark = on_a_real_chain


def test_event_added_is_refused(scene: Scene, staged: Staged) -> None:
    assert refusal("event-added", scene, staged) == ("HistoryError", "fold")


def test_repeated_event_is_refused_at_every_place(scene: Scene, evidence: Evidence) -> None:
    for number, entry in enumerate(evidence.history, start=1):
        assert refused_by(scene, tampering.insert(evidence, number, entry)) is not None, number


def test_bare_leaf_cannot_be_added(scene: Scene, evidence: Evidence) -> None:
    for number in range(1, len(evidence.history) + 1):
        leaf = HiddenEntry(os.urandom(32), evidence.history[number - 1].status)
        assert refused_by(scene, tampering.insert(evidence, number, leaf)) == ("HistoryError", "fold"), number


def test_withheld_event_cannot_be_added(scene: Scene, evidence: Evidence) -> None:
    last = evidence.history[-1]
    assert isinstance(last, OpenEntry)
    made_up = replace(last, digest=os.urandom(32), credential=None)
    assert refused_by(scene, tampering.insert(evidence, len(evidence.history), made_up)) == ("HistoryError", "fold")
