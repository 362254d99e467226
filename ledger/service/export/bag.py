"""Export: evidence, tables, keys and history of some assets as one BagIt bag in a ZIP file, signed by the exporter.

Everything in the tables follows from the evidence and from the proven state, at the tier of the reader that the export
is made for; ``verify_bag`` makes them anew. The same assets at the same block, exported by the same member, give the
same bytes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sqlmodel import col, func, select

from ledger.access import Tier
from ledger.errors import ConfigurationError, RejectedError, RuleError
from ledger.service.export.archive import BagWriter
from ledger.service.export.compose import Composition
from ledger.service.export.layout import MAX_ASSETS
from ledger.service.export.manifest import BAGIT, BAGIT_FILE
from ledger.service.export.verify import BagReport, verify_bag
from ledger.service.finality import final_block
from ledger.service.members import Member
from ledger.service.read import AssetRecord
from ledger.service.workspace import Workspace
from ledger.store.chain_index import Head
from light_node.verdict import AsOf

__all__ = ["BagReport", "BagSummary", "verify_bag", "write_bag"]

_LOOK_UP = 400
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class BagSummary:
    """What was written.

    Attributes:
        path: The ZIP file.
        size: Its bytes.
        assets: How many evidence files.
        events: How many events they hold.
        files: How many files the bag has, BagIt's own included.
        as_of: The earliest block that any of the evidence is of.
        exporter: Number of the organisation that signed.
        tier: Of the reader that it was made for.
        statement: What the exporter signed.
    """

    path: Path
    size: int
    assets: int
    events: int
    files: int
    as_of: AsOf
    exporter: int
    tier: Tier
    statement: str


def write_bag(
    workspace: Workspace,
    assets: Sequence[AssetRecord],
    path: Path,
    tier: Tier = Tier.AUTHORITIES,
    *,
    exporter: Member | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> BagSummary:
    """Write one bag. It is there as a whole or not at all; an existing file of that name is replaced.

    Args:
        workspace: The home; its keys decide which contents can be shown at all.
        assets: Which; each is exported once, in the order of type and identifier.
        path: Of the ZIP file.
        tier: Of the reader that it is for: decides field by field.
        exporter: Who signs. By default the organisation that registered the first asset, where its keys lie here,
            else the first of this home.
        on_progress: Told after each asset how many are done.

    Returns: What was written; every evidence file in it was verified first.

    Raises:
        RuleError: No asset, or more than fit into one bag.
        VerificationError: The evidence of an asset does not verify: run ``audit``.
        SourceError: Node, store, witnesses or disk do not deliver; nothing was written.
    """
    chosen = sorted(set(assets), key=lambda asset: (asset.asset_type, asset.identifier, asset.subject))
    if not 0 < len(chosen) <= MAX_ASSETS:
        raise RuleError(f"{len(chosen)} assets; 1 to {MAX_ASSETS} go into one bag")
    member = exporter or _exporter(workspace, chosen[0])
    with ExitStack() as stack:
        file = stack.enter_context(_replacing(path))
        bag = stack.enter_context(BagWriter(file, _UNSAFE.sub("-", path.stem).strip("-._") or "export"))
        final_block(workspace, _last_block(workspace, chosen))  # one for all, as long as it is fresh
        export = Composition(workspace, bag, tier, member, stack)
        bag.add(BAGIT_FILE, BAGIT)
        for number, asset in enumerate(chosen, 1):
            export.add(number, asset)
            if on_progress is not None:
                on_progress(number)
        manifest = export.finish(len(chosen))
    return BagSummary(
        path=path,
        size=path.stat().st_size,
        assets=manifest.assets,
        events=manifest.events,
        files=len(bag.facts),
        as_of=manifest.as_of,
        exporter=manifest.exporter,
        tier=tier,
        statement=manifest.statement,
    )


def _exporter(workspace: Workspace, asset: AssetRecord) -> Member:
    enrolled = workspace.enrolled()
    if not enrolled:
        raise ConfigurationError("no keys of a member are in this home: an export is signed by one")
    registrar = int.from_bytes(asset.subject[:4], "big")
    return workspace.member(next((name for name, number in enrolled.items() if number == registrar), min(enrolled)))


def _last_block(workspace: Workspace, assets: Sequence[AssetRecord]) -> int:
    workspace.projector.sync()
    last = 0
    with workspace.database.read() as session:
        for start in range(0, len(assets), _LOOK_UP):
            subjects = [asset.subject for asset in assets[start : start + _LOOK_UP]]
            question = select(func.max(Head.block_number)).where(col(Head.subject).in_(subjects))
            last = max(last, session.exec(question).one() or 0)
    return last


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """Write a file beside ``path`` and put it there when everything is on the disk."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise RejectedError(f"{path.name} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
