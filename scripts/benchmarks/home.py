"""A fresh home with an embedded chain and enrolled members, for one benchmark."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.workload import COMPANY_PREFIX
from ledger.chain.process import find_free_port
from ledger.service.council import assign_namespace
from ledger.service.enrolment import enrol
from ledger.service.members import Member
from ledger.service.network import bring_down, bring_up, initialise
from ledger.service.record import Recipient, Recorder
from ledger.service.settings import load_settings
from ledger.service.workspace import Workspace

MEMBERS = ("maker", "operator", "authority")


@contextmanager
def fresh_home(block_time_seconds: float = 1.0) -> Iterator[Workspace]:
    """A running home with three members, the first of which may register the workload's batteries."""
    os.environ["VINCULUM_PASSPHRASE"] = "benchmark"  # noqa: S105
    os.environ["VINCULUM_KEYS__SCRYPT_N"] = "1024"
    os.environ["VINCULUM_CHAIN__PORT"] = str(find_free_port())
    os.environ["VINCULUM_CHAIN__BLOCK_TIME_SECONDS"] = str(block_time_seconds)
    with tempfile.TemporaryDirectory(prefix="vinculum-bench-") as folder:
        settings = load_settings(Path(folder) / "home")
        with Workspace(settings) as workspace:
            initialise(workspace, "")
            bring_up(workspace)
        with Workspace(settings) as workspace:
            try:
                for name in MEMBERS:
                    enrol(workspace, name, name.title(), ["make", "measure", "member"])
                assign_namespace(workspace, 2, COMPANY_PREFIX, 1)
                yield workspace
            finally:
                bring_down(workspace)


def recipients_of(workspace: Workspace) -> list[Recipient]:
    """All three members, to grant to."""
    members: list[Member] = [workspace.member(name) for name in MEMBERS]
    return [Recipient(member.organisation, member.recipient.public) for member in members]


@contextmanager
def recorder_of(workspace: Workspace) -> Iterator[Recorder]:
    """A recorder of the first member that grants to all three."""
    member = workspace.member(MEMBERS[0])
    with workspace.outbox(member) as outbox:
        yield Recorder(
            member,
            recipients_of(workspace),
            contracts=workspace.contracts,
            database=workspace.database,
            documents=workspace.documents,
            outbox=outbox,
            projector=workspace.projector,
        )
