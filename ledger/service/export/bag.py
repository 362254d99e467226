"""Export: evidence, tables, keys and history of some assets as one BagIt bag in a ZIP file, signed by the exporter.

Everything in the tables follows from the evidence and from the proven state, at the tier of the reader that the export
is made for; ``verify_bag`` makes them anew. The same assets at the same block, exported by the same member, give the
same bytes.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import IO

from sqlmodel import col, func, select

from ledger.access import Tier
from ledger.errors import ConfigurationError, RejectedError, RuleError
from ledger.proof.evidence import parse_evidence
from ledger.service.evidence import build_evidence
from ledger.service.export.archive import BagWriter, FileFact
from ledger.service.export.gather import Needed, history_events, state_files
from ledger.service.export.history import encode_history
from ledger.service.export.manifest import (
    BAGIT,
    BAGIT_FILE,
    INFO_FILE,
    PAYLOAD_FILE,
    SIGNED_FILE,
    TAG_FILE,
    ExportManifest,
    bag_info,
    checksums,
    sign_manifest,
)
from ledger.service.export.rows import small_tables
from ledger.service.export.state import State, join_states, verify_state_file
from ledger.service.export.tables import STREAMED, Table, Totals, asset_row, event_rows
from ledger.service.export.verify import (
    HISTORY_FILE,
    MAX_ASSETS,
    NOTICE_FILE,
    SCHEMA_FILE,
    TRUST_FILE,
    TRUST_NOTICE,
    BagReport,
    evidence_path,
    state_path,
    table_path,
    verify_bag,
)
from ledger.service.members import Member
from ledger.service.read import AssetRecord
from ledger.service.trust import make_trust
from ledger.service.witness import latest_checkpoint
from ledger.service.workspace import Workspace
from ledger.store.chain_index import Head
from light_node.progress import Progress
from light_node.trust import Trust, encode_trust
from light_node.verdict import Account, AsOf
from light_node.verify import Question, verify_evidence

__all__ = ["BagReport", "BagSummary", "verify_bag", "write_bag"]

_SPOOL_BYTES = 8 * 1024 * 1024
_PIECE = 1024 * 1024
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
        latest_checkpoint(workspace, _last_block(workspace, chosen))  # one for all, as long as it is fresh
        export = _Export(workspace, bag, tier, member, stack)
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


class _Export:
    """One bag under way."""

    def __init__(self, workspace: Workspace, bag: BagWriter, tier: Tier, member: Member, stack: ExitStack) -> None:
        self._workspace, self._bag, self._tier, self._member = workspace, bag, tier, member
        self._trust: Trust = make_trust(workspace)
        self._needed, self._totals = Needed(member.organisation), Totals()
        self._events = 0
        self._as_of: list[AsOf] = []
        self._spools: dict[str, IO[bytes]] = {
            table_path(name, form): stack.enter_context(_spool()) for name in STREAMED for form in ("csv", "json")
        }
        self._tables = {
            name: Table(name, self._spools[table_path(name, "csv")], self._spools[table_path(name, "json")])
            for name in STREAMED
        }

    def add(self, number: int, asset: AssetRecord) -> None:
        """Add an asset's evidence, and its rows."""
        data = build_evidence(self._workspace, asset, self._tier)
        account = verify_evidence(data, self._trust, Question(int(time.time())), Progress())
        where = evidence_path(number, asset.subject)
        self._bag.add(where, data)
        self._needed.add(account)
        self._totals.count(account)
        self._as_of.append(account.as_of)
        self._rows(number, where, data, account)

    def _rows(self, number: int, where: str, data: bytes, account: Account) -> None:
        self._events += len(account.events)
        self._tables["assets"].add(asset_row(number, where, account))
        for row in event_rows(number, parse_evidence(data), account):
            self._tables["events"].add(row)
        self._as_of = [min(self._as_of, key=lambda one: one.number)]

    def finish(self, assets: int) -> ExportManifest:
        """Add everything else; the signed manifest and BagIt's own come last."""
        state = self._add_state()
        history = history_events(self._workspace, self._needed, state.as_of.number)
        self._bag.add(HISTORY_FILE, encode_history(history))
        self._add_tables(state)
        self._bag.add(TRUST_FILE, encode_trust(self._trust))
        self._bag.add(NOTICE_FILE, TRUST_NOTICE)
        self._bag.add(SCHEMA_FILE, resources.files("ledger.proof").joinpath("evidence.schema.json").read_bytes())
        manifest = ExportManifest(
            chain_id=self._workspace.contracts.chain_id,
            consortium=self._workspace.contracts.consortium,
            exporter=self._member.organisation,
            tier=self._tier,
            as_of=self._as_of[0],
            assets=assets,
            events=self._events,
            files=tuple(sorted(self._payload())),
        )
        self._bag.add(SIGNED_FILE, sign_manifest(manifest, self._member.issuer))
        self._add_tags(manifest)
        return manifest

    def _add_state(self) -> State:
        note = latest_checkpoint(self._workspace, self._as_of[0].number)
        states = []
        for number, data in enumerate(state_files(self._workspace, self._needed, note), 1):
            states.append(verify_state_file(data, self._trust))
            self._bag.add(state_path(number), data)
        state = join_states(states)
        self._as_of = [min(*self._as_of, state.as_of, key=lambda one: one.number)]
        return state

    def _add_tables(self, state: State) -> None:
        for table in self._tables.values():
            table.end()
        for name, rows in small_tables(state, self._totals).items():
            with (
                tempfile.SpooledTemporaryFile(_SPOOL_BYTES) as as_csv,
                tempfile.SpooledTemporaryFile(_SPOOL_BYTES) as as_json,
            ):
                table = Table(name, as_csv, as_json)
                for row in rows:
                    table.add(row)
                table.end()
                self._add_spool(table_path(name, "csv"), as_csv)
                self._add_spool(table_path(name, "json"), as_json)
        for where, spool in self._spools.items():
            self._add_spool(where, spool)

    def _add_spool(self, where: str, spool: IO[bytes]) -> None:
        size = spool.tell()
        spool.seek(0)
        self._bag.add_pieces(where, iter(lambda: spool.read(_PIECE), b""), size)

    def _payload(self) -> Iterator[FileFact]:
        return (fact for fact in self._bag.facts if fact.path.startswith("data/"))

    def _add_tags(self, manifest: ExportManifest) -> None:
        payload = list(self._payload())
        self._bag.add(INFO_FILE, bag_info(manifest, sum(fact.size for fact in payload), len(payload)))
        self._bag.add(PAYLOAD_FILE, checksums(payload))
        self._bag.add(TAG_FILE, checksums(fact for fact in self._bag.facts if not fact.path.startswith("data/")))


def _spool() -> IO[bytes]:
    return tempfile.SpooledTemporaryFile(_SPOOL_BYTES)


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
