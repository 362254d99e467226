from __future__ import annotations

from collections.abc import Iterator

import pytest

from ledger.demo.staging import Scene, Staged, stage
from ledger.proof.evidence import Evidence, parse_evidence
from tests.demo.staged import recorded_story


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The story recorded on a real chain, and every asset verified."""
    with recorded_story(tmp_path_factory.mktemp("forgeries") / "home") as recorded:
        proven = recorded.show.verify(recorded.trust)
        assert [one.describe() for one in proven if not one.complete] == []
        yield recorded.scene(proven)


@pytest.fixture(scope="session")
def staged(scene: Scene) -> Staged:
    """What the forgers have attested: really on the chain."""
    return stage(scene)


@pytest.fixture
def evidence(scene: Scene) -> Evidence:
    """The genuine evidence of the car with the long history."""
    return parse_evidence(scene.car.evidence)
