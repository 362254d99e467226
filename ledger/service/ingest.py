"""Take documents in: read, parse, plan, record; each document as a whole or not at all, and the same one only once.

::

    files, folder, stdin ─ size ─ known bytes? ─ intake ─ attachments ─ plan ─ Recorder ─ … ─ chain ─ one line each
                             │         └─ repeated            │           │
                             └──────────── refused, every fault by its place

A run that is broken off goes on where it stopped when it is started again: what was recorded is recognised.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain, islice

from ledger.errors import DocumentError, Fault, MalformedError, VerificationError
from ledger.event import Document
from ledger.intake.assets import IntakeHint
from ledger.intake.csv_map import parse_mapping
from ledger.intake.csv_types import CsvMapping
from ledger.intake.document import parse_document
from ledger.intake.faults import MAX_FAULTS, refused
from ledger.service.knowledge import Knowledge
from ledger.service.known_types import KnownTypes
from ledger.service.members import Member
from ledger.service.order import in_order
from ledger.service.outlet import Outlet, Watch
from ledger.service.plan import Planner
from ledger.service.record import Recipient, Recorder
from ledger.service.recorders import Rehearsal, Taker, check_issuer_key, open_recorder
from ledger.service.results import Outcome, Result, Tally, document_result
from ledger.service.sources import Source, read_source, resolve_attachments
from ledger.service.tables import DOCUMENT_TYPE, Table, chunk_document, open_table, take_rows
from ledger.service.taken_documents import TakenDocuments, row_of
from ledger.service.workspace import Workspace

_PREMATURE = frozenset({"unknown-asset", "illegal-transition", "wrong-kind"})


@dataclass(frozen=True, slots=True)
class Choice:
    """How documents are taken in.

    Attributes:
        mapping: What the columns of tables mean, as the mapping file's bytes; None refuses tables.
        maker: BPNL of the maker, for parts whose documents name none.
        dry_run: Check everything, record nothing.
        keep_going: Go on after a refused document, and record a table's good rows beside its bad ones.
        any_order: Take documents in the order of what they tell, and try again those that came too early.
    """

    mapping: bytes | None = None
    maker: str | None = None
    dry_run: bool = False
    keep_going: bool = False
    any_order: bool = False


def ingest(  # noqa: PLR0913 - what a caller chooses
    workspace: Workspace,
    member: Member,
    sources: Sequence[Source],
    choice: Choice,
    *,
    recipients: Sequence[Recipient] = (),
    on_result: Callable[[Result], None] = lambda _: None,
    watch: Watch = lambda *_: None,
) -> Tally:
    """Take documents in.

    Args:
        workspace: The home.
        member: Whose documents they are.
        sources: Where they are.
        choice: How.
        recipients: Who receives the keys of what is recorded, besides the member itself.
        on_result: Told every result, once it is final; rows of a table before the table.
        watch: Told how far it is.

    Returns: Counts; what was refused was not recorded, not even in part.

    Raises:
        DocumentError: The mapping file is refused.
        SourceError: Store, database or node did not deliver; start again, and what is missing is recorded.
    """
    mapping = None if choice.mapping is None else parse_mapping(choice.mapping)
    if choice.dry_run:
        check_issuer_key(workspace, member)
        taken = _Ingest(workspace, member, choice, mapping, None, on_result, watch)
        return taken.run(sources)
    with open_recorder(workspace, member, recipients) as recorder:
        return _Ingest(workspace, member, choice, mapping, recorder, on_result, watch).run(sources)


class _Ingest:
    def __init__(  # noqa: PLR0913, PLR0917 - made in one place
        self,
        workspace: Workspace,
        member: Member,
        choice: Choice,
        mapping: CsvMapping | None,
        recorder: Recorder | None,
        on_result: Callable[[Result], None],
        watch: Watch,
    ) -> None:
        self._workspace, self._member, self._choice, self._mapping = workspace, member, choice, mapping
        self._recorder, self._watch = recorder, watch
        self._taker: Taker = self._rehearsal() if recorder is None else recorder
        self._known = KnownTypes(workspace.database)
        self._hint = IntakeHint(self._known, maker=choice.maker)
        self._documents = TakenDocuments(workspace.database)
        self._outlet = Outlet(workspace.database, recorder, on_result, watch)
        self._done = self._total = 0

    def run(self, sources: Sequence[Source]) -> Tally:
        """Take all sources, in their order or in the order of what they tell."""
        self._total = len(sources)
        left = in_order(sources, self._hint) if self._choice.any_order else list(sources)
        while left:
            early = self._pass(left)
            if early is None:
                break
            if len(early) == len(left):
                for source, error in early:
                    self._refuse(source, error)
                    if not self._choice.keep_going:
                        break
                break
            left = [source for source, _ in early]
        self._outlet.settle()
        return self._outlet.tally

    def _pass(self, sources: Sequence[Source]) -> list[tuple[Source, DocumentError]] | None:
        """Take each source once; return those that came too early, or None when a refusal ends it."""
        early: list[tuple[Source, DocumentError]] = []
        for source in sources:
            try:
                self._take(source)
                self._done += 1
            except DocumentError as error:
                if self._choice.any_order and all(fault.code in _PREMATURE for fault in error.faults):
                    early.append((source, error))
                    continue
                self._refuse(source, error)
                if not self._choice.keep_going:
                    return None
            self._watch("documents", self._done, self._total)
        return early

    # ---- one document -------------------------------------------------------------------------------------------

    def _take(self, source: Source) -> None:
        if source.is_table or (self._mapping is not None and source.path is None):
            self._take_table(source)
            return
        data = read_source(source)
        digest = hashlib.sha256(data).digest()
        if self._is_known(source, digest):
            return
        document = self._parse(source, data)
        try:
            row = row_of(source, digest, document.document_type, len(data), len(document.events))
            plan = self._taker.add(document, row)
        except VerificationError as error:
            raise DocumentError([Fault("", "changed", f"{error}")], source.name) from error
        self._documents.add(source, digest)
        self._known.add(plan)
        self._hand_out(document_result(source.name, plan, self._outcome))

    def _parse(self, source: Source, data: bytes) -> Document:
        try:
            document = parse_document(data, as_of=datetime.now(UTC), hint=self._hint)
        except MalformedError as error:
            raise refused(error, source.name) from None
        return resolve_attachments(document, source.place)

    def _is_known(self, source: Source, digest: bytes) -> bool:
        """Say so where these very bytes were taken in before."""
        repetition = self._documents.repetition(source, digest)
        if repetition is not None:
            self._hand_out(repetition)
        return repetition is not None

    # ---- one table ----------------------------------------------------------------------------------------------

    def _take_table(self, source: Source) -> None:
        """Record a table; without ``keep_going`` only when every row of it can be."""
        if self._mapping is None or self._choice.mapping is None:
            fault = Fault("", "no-mapping", "a table needs a mapping file that says what its columns mean")
            raise DocumentError([fault], source.name)
        with open_table(source, self._choice.mapping) as table:
            if self._is_known(source, table.digest):
                return
            if self._recorder is not None and not self._choice.keep_going:
                self._rehearse(source, table)
            self._record_table(source, table)

    def _rehearse(self, source: Source, table: Table) -> None:
        self._outlet.settle()
        found = self._rows(source, table, self._rehearsal(), Outcome.VALID)
        faults = list(islice(chain.from_iterable(result.faults for result in found), MAX_FAULTS))
        if not faults:
            return
        for result in self._rows(source, table, self._rehearsal(), Outcome.VALID):
            self._outlet.tell(replace(result, awaited=()))
        raise DocumentError(faults, source.name)

    def _record_table(self, source: Source, table: Table) -> None:
        events = repeated = bad = 0
        for number, result in enumerate(self._rows(source, table, self._taker, self._outcome), start=1):
            events, repeated = events + result.events, repeated + result.repeated
            bad += result.outcome is Outcome.REFUSED
            self._hand_out(result)
            self._watch("rows", number, 0)
        if not bad:
            row = row_of(source, table.digest, DOCUMENT_TYPE, table.size, events + repeated)
            self._taker.add(chunk_document(table, ()), row)
            self._documents.add(source, table.digest)
        outcome = self._outcome if events else Outcome.REPEATED if repeated and not bad else self._outcome
        faults = (Fault("", "rows-refused", f"{bad} {'row was' if bad == 1 else 'rows were'} refused"),) if bad else ()
        outcome = Outcome.REFUSED if bad and not events and not repeated else outcome
        self._hand_out(Result(source.name, None, outcome, DOCUMENT_TYPE, "", events, repeated, (), faults))

    def _rows(self, source: Source, table: Table, taker: Taker, outcome: Outcome) -> Iterator[Result]:
        if self._mapping is None:
            raise ValueError("a table without a mapping")
        return take_rows(source, table, self._mapping, taker, outcome)

    # ---- results ------------------------------------------------------------------------------------------------

    def _hand_out(self, result: Result) -> None:
        """Hand a result to the outlet; once it holds nothing, everything taken in stands in the index."""
        self._outlet.add(result)
        if self._recorder is not None and self._outlet.is_empty:
            self._documents.forget_recorded()
            self._known.forget_recorded()

    @property
    def _outcome(self) -> Outcome:
        return Outcome.VALID if self._recorder is None else Outcome.RECORDED

    def _rehearsal(self) -> Rehearsal:
        return Rehearsal(Planner(self._member.organisation, Knowledge(self._workspace.database)))

    def _refuse(self, source: Source, error: DocumentError) -> None:
        self._done += 1
        what = "" if error.name in ("document", source.name) else error.name
        self._hand_out(Result(source.name, None, Outcome.REFUSED, what, faults=error.faults))
