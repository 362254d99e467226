from __future__ import annotations

from pathlib import Path

import pytest

from ledger.demo.home import make_home
from ledger.demo.main import EXAMPLES
from ledger.demo.story import load_story
from ledger.errors import ConfigurationError

GOOD = """
version = 1
[organisations.a]
name = "A"
roles = ["make"]
namespaces = [{ scheme = "gs1", prefix = "9521000001" }]
[[documents]]
file = "x.json"
organisation = "a"
says = "x"
"""


def story(folder: Path, text: str) -> None:
    (folder / "demo.toml").write_text(text)


def test_examples_are_a_story_of_four_organisations() -> None:
    found = load_story(EXAMPLES)
    assert [one.name for one in found.organisations] == ["cell-maker", "car-maker", "workshop", "recycler"]
    assert len(found.chapters) > 20
    assert all(chapter.path.is_file() for chapter in found.chapters)


def test_story_is_read(tmp_path: Path) -> None:
    story(tmp_path, GOOD)
    found = load_story(tmp_path)
    assert found.organisations[0].namespaces == [(2, "9521000001")]
    assert found.chapters[0].mapping is None


@pytest.mark.parametrize(
    "change",
    [
        ("version = 1", "version = 2"),
        ("version = 1", ""),
        ("version = 1", "version = "),
        ('organisation = "a"', 'organisation = "b"'),
        ('organisation = "a"', ""),
        ('name = "A"', ""),
        ("[organisations.a]", "[organisation.a]"),
        ("[[documents]]", "[documents]"),
    ],
)
def test_unusable_story_is_refused(tmp_path: Path, change: tuple[str, str]) -> None:
    story(tmp_path, GOOD.replace(*change))
    with pytest.raises(ConfigurationError):
        load_story(tmp_path)


def test_missing_story_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        load_story(tmp_path)


def test_no_home_is_made_over_something_else(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(ConfigurationError, match="not empty"):
        make_home(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
