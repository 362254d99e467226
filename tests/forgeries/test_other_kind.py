from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.demo import tampering
from ledger.demo.staging import Scene, Staged
from ledger.kinds import kind_by_name
from ledger.proof.evidence import Evidence, OpenEntry
from ledger.proof.fold import parse_meta
from tests.forgeries.refusing import on_a_real_chain, refusal, refused_by

pytestmark = on_a_real_chain


def test_other_kind_is_refused(scene: Scene, staged: Staged) -> None:
    assert refusal("other-kind", scene, staged) == ("BindingError", "binding")


def test_other_kind_in_the_meta_word_is_refused(scene: Scene, evidence: Evidence) -> None:
    numbers = tampering.numbers_where(evidence, lambda entry: "odometer_km" in tampering.disclosed(entry.credential))
    entry = evidence.history[numbers[0] - 1]
    assert isinstance(entry, OpenEntry)
    meta = replace(parse_meta(entry.meta), kind=kind_by_name("vehicle.inspected").number).word
    history = (*evidence.history[: numbers[0] - 1], replace(entry, meta=meta), *evidence.history[numbers[0] :])
    assert refused_by(scene, replace(evidence, history=history)) == ("HistoryError", "fold")


@pytest.mark.parametrize("part", ["organisation", "time"])
def test_other_meta_is_refused(scene: Scene, evidence: Evidence, part: str) -> None:
    entry = evidence.history[-1]
    assert isinstance(entry, OpenEntry)
    meta = parse_meta(entry.meta)
    changed = replace(meta, **{part: getattr(meta, part) - 1}).word
    history = (*evidence.history[:-1], replace(entry, meta=changed))
    assert refused_by(scene, replace(evidence, history=history)) == ("HistoryError", "fold")


def test_honest_file_withholds_the_renamed_event(scene: Scene, staged: Staged) -> None:
    entry = scene.evidence(scene.other.asset).history[staged.renamed[0] - 1]
    assert isinstance(entry, OpenEntry)
    assert entry.credential is None
