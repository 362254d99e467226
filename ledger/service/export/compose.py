"""A bag under way: evidence and its rows asset by asset, then everything that follows from them."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from importlib import resources
from typing import IO

from ledger.access import Tier
from ledger.proof.evidence import parse_evidence
from ledger.service.evidence import build_evidence
from ledger.service.export.archive import BagWriter, FileFact
from ledger.service.export.gather import Needed, history_events, state_files
from ledger.service.export.history import encode_history
from ledger.service.export.layout import (
    HISTORY_FILE,
    NOTICE_FILE,
    SCHEMA_FILE,
    TRUST_FILE,
    TRUST_NOTICE,
    evidence_path,
    state_path,
    table_path,
)
from ledger.service.export.manifest import (
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
from ledger.service.finality import final_block
from ledger.service.members import Member
from ledger.service.read import AssetRecord
from ledger.service.trust import make_trust
from ledger.service.workspace import Workspace
from light_node.progress import Progress
from light_node.trust import Trust, encode_trust
from light_node.verdict import Account, AsOf
from light_node.verify import Question, verify_evidence

_SPOOL_BYTES = 8 * 1024 * 1024
_PIECE = 1024 * 1024


class Composition:
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
        final = final_block(self._workspace, self._as_of[0].number)
        states = []
        for number, data in enumerate(state_files(self._workspace, self._needed, final), 1):
            states.append(verify_state_file(data, self._trust, int(time.time())))
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
