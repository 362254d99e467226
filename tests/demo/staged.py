"""A home in which the story is recorded, through the demonstration's own steps, with quick blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ledger.cli.output import Output
from ledger.demo.home import make_home, running
from ledger.demo.main import EXAMPLES
from ledger.demo.proving import Proven, newest
from ledger.demo.recording import Taken, members_of
from ledger.demo.report import Report
from ledger.demo.show import Show
from ledger.demo.staging import Scene
from ledger.demo.story import Story, load_story
from ledger.service.members import Member
from ledger.service.workspace import Workspace
from light_node.trust import Trust

QUICK = {"VINCULUM_CHAIN__BLOCK_TIME_SECONDS": "0.2", "VINCULUM_KEYS__SCRYPT_N": "1024"}


@dataclass(frozen=True)
class Recorded:
    story: Story
    show: Show
    workspace: Workspace
    members: dict[str, Member]
    trust: Trust
    taken: list[Taken]

    def scene(self, proven: list[Proven]) -> Scene:
        accepted = newest(proven, self.trust.trusted_block)
        return self.show.scene(self.members, self.trust, accepted, proven)


@contextmanager
def recorded_story(folder: Path) -> Iterator[Recorded]:
    story = load_story(EXAMPLES)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in QUICK.items():
            patch.setenv(name, value)
        make_home(folder)
        with running(folder) as workspace:
            show = Show(Report(Output(as_json=True)), workspace, story)
            trust = show.found()
            members = members_of(workspace, story)
            yield Recorded(story, show, workspace, members, trust, show.record(members))
