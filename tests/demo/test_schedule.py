from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ledger.demo.main import EXAMPLES
from ledger.demo.recording import story_waves
from ledger.demo.schedule import Task, waves
from ledger.demo.story import load_story
from ledger.event import AssetReference, AssetType

ASSETS = [AssetReference(AssetType.PART, f"part {number}") for number in range(4)]
task_lists = st.lists(
    st.tuples(st.sampled_from("abc"), st.frozensets(st.sampled_from(ASSETS), min_size=1)), max_size=12
)


@given(task_lists)
def test_each_document_is_taken_once(drawn: list[tuple[str, frozenset[AssetReference]]]) -> None:
    found = waves(Task(number, name, assets) for number, (name, assets) in enumerate(drawn))
    assert sorted(number for wave in found for numbers in wave.values() for number in numbers) == list(
        range(len(drawn))
    )
    assert all(wave for wave in found)


@given(task_lists)
def test_the_history_of_each_asset_keeps_its_order(drawn: list[tuple[str, frozenset[AssetReference]]]) -> None:
    tasks = [Task(number, name, assets) for number, (name, assets) in enumerate(drawn)]
    place = {
        number: (level, position)
        for level, wave in enumerate(waves(tasks))
        for numbers in wave.values()
        for position, number in enumerate(numbers)
    }
    for first in tasks:
        for second in tasks[first.number + 1 :]:
            if not first.assets & second.assets:
                continue
            if first.organisation == second.organisation:
                assert place[first.number] < place[second.number]
            else:
                assert place[first.number][0] < place[second.number][0]


def test_the_story_takes_three_waves() -> None:
    assert len(story_waves(load_story(EXAMPLES))) == 3
