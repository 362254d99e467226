from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from ledger.demo.staging import SECOND_BIRTH, Scene, Staged
from ledger.errors import DocumentError
from ledger.event import AssetReference, Document, Event
from ledger.proof.evidence import encode_evidence
from ledger.service.knowledge import Knowledge
from ledger.service.plan import Planner
from light_node.judgement import judge
from light_node.verdict import Outcome
from tests.forgeries.refusing import on_a_real_chain, refusal, refused_by

pytestmark = on_a_real_chain


def test_second_subject_is_refused(scene: Scene, staged: Staged) -> None:
    assert refusal("second-subject", scene, staged) == ("IdentityError", "authority")


def test_second_subject_is_undetermined_and_says_whose_the_namespace_was(scene: Scene, staged: Staged) -> None:
    data = encode_evidence(scene.evidence(staged.second))
    verdict = judge(data, scene.trust, now=int(time.time()), accepted=scene.accepted)
    assert verdict.outcome is Outcome.UNDETERMINED
    assert "VCU" in verdict.reason


def test_first_subject_is_verified_all_the_same(scene: Scene, staged: Staged) -> None:
    assert refused_by(scene, scene.evidence(scene.car.asset)) is None


@pytest.mark.parametrize("kind", [SECOND_BIRTH, "vehicle.built"])
def test_honest_program_refuses_to_write_it(scene: Scene, kind: str) -> None:
    asset = AssetReference(scene.car.asset.asset_type, scene.car.asset.identifier)
    fields = {"identifier": asset.identifier, "asset_type": asset.asset_type.value}
    event = Event(kind, asset, datetime.now(UTC), fields)
    knowledge = Knowledge(scene.workspace.database)
    with pytest.raises(DocumentError) as refused:
        Planner(scene.insider.member.organisation, knowledge).plan(Document("event", bytes(32), (event,)))
    assert refused.value.faults[0].code in ("conflict", "not-authorised")
