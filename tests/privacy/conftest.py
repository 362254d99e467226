from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.demo.staged import Recorded, recorded_story
from tests.privacy.corpus import Item, everything_public
from tests.privacy.needles import Windows


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """All examples, recorded on a real chain."""
    with recorded_story(tmp_path_factory.mktemp("privacy") / "home") as story:
        story.show.verify(story.trust)
        yield story


@pytest.fixture(scope="session")
def public(recorded: Recorded) -> list[Item]:
    """Everything public, before anything is planted."""
    return everything_public(recorded.workspace)


@pytest.fixture(scope="session")
def windows(public: list[Item]) -> Windows:
    return Windows({item.data for item in public})
