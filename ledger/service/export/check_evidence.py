"""Check 5: every evidence file is judged by the light node, and its rows are compared on the way (check 6)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from ledger.errors import ContentMismatchError, VerificationError
from ledger.proof.evidence import MAX_BYTES as MAX_EVIDENCE_BYTES
from ledger.service.export.archive import Archive
from ledger.service.export.check_files import NumberedFiles
from ledger.service.export.check_tables import ComparedTables
from ledger.service.export.manifest import ExportManifest
from ledger.service.export.report import AssetCheck, BagReport, Problem
from ledger.service.export.state import Namespace, State, namespaces_of
from ledger.service.export.tables import Totals
from light_node.judgement import judge
from light_node.trust import Trust
from light_node.verdict import Account, AsOf, Outcome, Verdict


class EvidenceCheck:
    """Judges the evidence files of one bag; what is wrong with one goes into the report, and the next is judged."""

    def __init__(
        self,
        archive: Archive,
        trust: Trust,
        now: int,
        report: BagReport,
        on_progress: Callable[[AssetCheck], None] | None,
    ) -> None:
        self._archive, self._trust, self._now = archive, trust, now
        self._report, self._on_progress = report, on_progress

    def run(self, files: NumberedFiles, manifest: ExportManifest, state: State) -> None:
        """Judge all of them, then compare what follows from them together.

        Args:
            files: Which.
            manifest: *Verified.*
            state: *Verified.*

        Raises: ContentMismatchError, where a file is of another subject than its name says.
        """
        with ExitStack() as stack:
            tables = ComparedTables(self._archive, stack)
            totals, namespaces, earliest = Totals(), set[Namespace](), state.as_of
            for number, (path, subject) in enumerate(files.evidence.items(), 1):  # 5
                account = self._judge(number, path, subject, tables)
                if account is not None:
                    totals.count(account)
                    namespaces.update(namespaces_of(account))
                    earliest = min(earliest, account.as_of, key=lambda one: one.number)
            if any(asset.asset_type is None for asset in self._report.assets):
                return  # the rows of evidence that is refused cannot be made
            self._report.as_of = earliest
            self._attempt("", lambda: _verify_sums(manifest, self._report, earliest))
            self._attempt("data/state", lambda: _verify_scope(manifest, state, totals, namespaces))
            self._attempt("data/tables", lambda: tables.finish(state, totals))  # 6

    def _judge(self, number: int, path: str, subject: bytes, tables: ComparedTables) -> Account | None:
        data = self._archive.read(path, MAX_EVIDENCE_BYTES)
        verdict = judge(data, self._trust, now=self._now)
        account = verdict.account
        if account is not None and account.subject != subject:
            raise ContentMismatchError(path, subject.hex(), account.subject.hex())
        check = _check_of(path, verdict)
        self._report.assets.append(check)
        if verdict.outcome is not Outcome.VERIFIED:
            self._report.add(Problem(verdict.outcome, path, verdict.error or "", verdict.reason))
        if account is not None:
            tables.add(number, path, data, account)
        if self._on_progress is not None:
            self._on_progress(check)
        return account

    def _attempt(self, path: str, check: Callable[[], None]) -> None:
        try:
            check()
        except VerificationError as error:
            self._report.note(path, error)


def _check_of(path: str, verdict: Verdict) -> AssetCheck:
    account = verdict.account
    if account is None:
        return AssetCheck(path, verdict.outcome, verdict.reason)
    return AssetCheck(
        path,
        verdict.outcome,
        verdict.reason,
        str(account.asset_type),
        None if account.asset is None else account.asset.identifier,
        account.status,
        len(account.events),
    )


def _verify_sums(manifest: ExportManifest, report: BagReport, earliest: AsOf) -> None:
    """Prove that the signed counts and the signed block are those of the evidence."""
    found = (len(report.assets), report.events, earliest)
    if found != (manifest.assets, manifest.events, manifest.as_of):
        signed = f"{manifest.assets} assets, {manifest.events} events, block {manifest.as_of.number}"
        raise ContentMismatchError("signed manifest", signed, f"{found[0]}, {found[1]}, block {earliest.number}")


def _verify_scope(manifest: ExportManifest, state: State, totals: Totals, namespaces: set[Namespace]) -> None:
    """Prove that the state speaks of exactly the organisations and namespaces that the evidence speaks of."""
    organisations = {manifest.exporter, *totals.events, *totals.assets}
    if state.organisations.keys() != organisations or state.namespaces.keys() != namespaces:
        raise ContentMismatchError("state files", "what the evidence speaks of", "more or less")
    if not {number for number, _ in state.keys} <= organisations:
        raise ContentMismatchError("state files", "keys of organisations that the evidence names", "others")
