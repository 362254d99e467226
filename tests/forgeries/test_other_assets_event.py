from __future__ import annotations

from dataclasses import replace

from ledger.demo import tampering
from ledger.demo.staging import Scene, Staged
from ledger.proof.evidence import Evidence, OpenEntry, parse_evidence
from tests.forgeries.refusing import on_a_real_chain, refusal, refused_by

pytestmark = on_a_real_chain


def test_other_assets_event_is_refused(scene: Scene, staged: Staged) -> None:
    assert refusal("other-assets-event", scene, staged) == ("BindingError", "binding")


def test_other_assets_entry_is_refused(scene: Scene, evidence: Evidence) -> None:
    other = parse_evidence(scene.other.evidence).history[-1]
    history = (*evidence.history[:-1], other)
    assert refused_by(scene, replace(evidence, history=history)) == ("HistoryError", "fold")


def test_other_assets_credential_is_refused(scene: Scene, evidence: Evidence) -> None:
    numbers = tampering.numbers_where(evidence, lambda entry: "odometer_km" in tampering.disclosed(entry.credential))
    first, second = (evidence.history[number - 1] for number in numbers[:2])
    assert isinstance(first, OpenEntry)
    assert isinstance(second, OpenEntry)
    shown = tampering.show(evidence, numbers[0], second.credential)
    assert refused_by(scene, shown) == ("ContentMismatchError", "binding")


def test_other_subject_is_refused(scene: Scene, evidence: Evidence) -> None:
    assert refused_by(scene, replace(evidence, subject=scene.other.asset.subject)) is not None


def test_honest_file_of_that_car_is_verified_with_the_event_withheld(scene: Scene, staged: Staged) -> None:
    """Whoever attests rubbish to somebody's car cannot take its proof away."""
    evidence = scene.evidence(scene.other.asset)
    entry = evidence.history[staged.foreign[0] - 1]
    assert isinstance(entry, OpenEntry)
    assert entry.credential is None
    assert refused_by(scene, evidence) is None
