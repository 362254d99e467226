"""Verify a bag offline, with a trust file of one's own: nothing in it is believed because it stands in it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from ledger.credential.jws import RawJws, verify_jws
from ledger.errors import ContentMismatchError, IssuerError, MalformedError, VerificationError
from ledger.proof.evidence import MAX_BYTES as MAX_EVIDENCE_BYTES
from ledger.proof.evidence import parse_evidence
from ledger.service.export.archive import Archive, FileFact
from ledger.service.export.history import MAX_BYTES as MAX_HISTORY_BYTES
from ledger.service.export.history import parse_history, verify_key_history
from ledger.service.export.manifest import (
    BAGIT,
    BAGIT_FILE,
    INFO_FILE,
    JWS_TYPE,
    MAX_JWS_CHARACTERS,
    PAYLOAD_FILE,
    SIGNED_FILE,
    TAG_FILE,
    ExportManifest,
    bag_info,
    parse_checksums,
    parse_signed,
)
from ledger.service.export.rows import small_tables
from ledger.service.export.state import Namespace, State, join_states, namespaces_of, verify_state_file
from ledger.service.export.tables import COLUMNS, Table, Totals, asset_row, event_rows
from light_node.issuer import ALGORITHMS
from light_node.judgement import judge
from light_node.trust import MAX_BYTES as MAX_TRUST_BYTES
from light_node.trust import Trust, parse_trust
from light_node.verdict import Account, AsOf, Outcome, Verdict, outcome_of

MAX_ASSETS = 50_000
MAX_STATE_FILES = 1000
MAX_PROBLEMS = 1000
MAX_TAG_BYTES = 16 * 1024 * 1024
MAX_SCHEMA_BYTES = 1024 * 1024

HISTORY_FILE = "data/key-history/events.json"
TRUST_FILE = "data/trust/exporters-trust.json"
NOTICE_FILE = "data/trust/README.txt"
SCHEMA_FILE = "data/schema/evidence.schema.json"
TRUST_NOTICE = (
    b"exporters-trust.json is the trust file of whoever made this export, for comparison only.\n"
    b"Never verify with it: a trust file comes from somebody whom you trust, by another way than what it judges.\n"
)
_EVIDENCE = re.compile(r"data/evidence/([0-9]{6})-([0-9a-f]{64})\.json")
_STATE = re.compile(r"data/state/([0-9]{6})\.json")
_TAGS = (BAGIT_FILE, INFO_FILE, PAYLOAD_FILE)


@dataclass(frozen=True, slots=True)
class AssetCheck:
    """What one evidence file deserves.

    Attributes:
        path: In the bag.
        outcome: Of ``light_node.judge``.
        reason: One sentence; empty where verified.
        asset_type: Battery, vehicle or part; None where it was refused.
        identifier: Where it is shown.
        status: Name of the status.
        events: How many.
    """

    path: str
    outcome: Outcome
    reason: str
    asset_type: str | None = None
    identifier: str | None = None
    status: str | None = None
    events: int = 0


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that keeps a bag from being verified.

    Attributes:
        outcome: What it makes of the bag by itself.
        path: Where, in the bag; empty for the bag as a whole.
        error: Name of the error's class.
        reason: One sentence.
    """

    outcome: Outcome
    path: str
    error: str
    reason: str


@dataclass(slots=True)
class BagReport:
    """The verdict about a bag.

    Attributes:
        trust_fingerprint: Of the trust file that it was judged by.
        statement: What the exporter signed; empty where that was not reached. Its proof is in the evidence files.
        as_of: The earliest block that any evidence is of, where that was reached.
        exporter: Number of the organisation that signed, where the signature verified.
        exporter_name: From its proven profile; for people.
        tier: Of the reader that it was made for.
        files: How many files were hashed.
        assets: One for each evidence file, in their order.
        problems: Why it is not verified; at most ``MAX_PROBLEMS``.
    """

    trust_fingerprint: str
    statement: str = ""
    as_of: AsOf | None = None
    exporter: int | None = None
    exporter_name: str | None = None
    tier: str | None = None
    files: int = 0
    assets: list[AssetCheck] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome:
        """Verified without problems; else the gravest: refuted before malformed before undetermined."""
        found = {problem.outcome for problem in self.problems}
        order = (Outcome.REFUTED, Outcome.MALFORMED, Outcome.UNDETERMINED)
        return next((outcome for outcome in order if outcome in found), Outcome.VERIFIED)

    @property
    def events(self) -> int:
        """How many events all evidence files hold."""
        return sum(asset.events for asset in self.assets)

    @property
    def reason(self) -> str:
        """The first problem of the bag's outcome; empty where verified."""
        outcome = self.outcome
        first = next((problem for problem in self.problems if problem.outcome is outcome), None)
        return "" if first is None else f"{first.path}: {first.reason}".removeprefix(": ")


def evidence_path(number: int, subject: bytes) -> str:
    """Where the evidence of an asset lies."""
    return f"data/evidence/{number:06}-{subject.hex()}.json"


def state_path(number: int) -> str:
    """Where a state file lies."""
    return f"data/state/{number:06}.json"


def table_path(name: str, form: str) -> str:
    """Where a table lies, in ``csv`` or ``json``."""
    return f"data/tables/{name}.{form}"


def verify_bag(
    path: Path, trust: Trust, now: int, on_progress: Callable[[AssetCheck], None] | None = None
) -> BagReport:
    """Verify a bag, offline.

    1. The archive keeps within limits, unpacks to nowhere else, and holds what an export holds and nothing else.
    2. BagIt: every file is listed and every listed file is there, each with its hash; the description is the one that
       follows from the signed manifest.
    3. The state files are proven; keys, organisations and namespaces have the history that the bag tells.
    4. The manifest lists every file, and was signed by a key of the exporter that was valid at the proven block.
    5. Every evidence file is verified by ``light_node.judge``.
    6. Every table is made anew from the evidence and the state, and is the same to the byte.

    Args:
        path: *Untrusted.*
        trust: The reader's own trust file, never the one in the bag.
        now: The local clock, in seconds since the epoch.
        on_progress: Told after each evidence file.

    Returns:
        The report; nothing that untrusted bytes can cause is raised.

    Raises: MissingError, where the file cannot be read.
    """
    report = BagReport(trust.fingerprint())
    try:
        with Archive(path) as archive:
            _Verification(archive, trust, now, report).run(on_progress)
    except VerificationError as error:
        _note(report, "", error)
    return report


def _note(report: BagReport, path: str, error: VerificationError) -> None:
    if len(report.problems) < MAX_PROBLEMS:
        report.problems.append(Problem(outcome_of(error), path, type(error).__name__, str(error)))


class _Verification:
    def __init__(self, archive: Archive, trust: Trust, now: int, report: BagReport) -> None:
        self._archive, self._trust, self._now, self._report = archive, trust, now, report
        self._evidence: dict[str, bytes] = {}
        self._states: list[str] = []

    def run(self, on_progress: Callable[[AssetCheck], None] | None) -> None:
        """Do the numbered list; what is refused before 5 ends it."""
        self._sort_paths()  # 1
        facts = self._verify_bagit()  # 2
        jws, manifest = parse_signed(self._archive.read(SIGNED_FILE, MAX_JWS_CHARACTERS))
        self._verify_description(manifest, facts)
        self._report.tier = str(manifest.tier)
        state = self._verify_state()  # 3
        self._verify_signed(jws, manifest, facts, state)  # 4
        self._verify_contents(manifest, state, on_progress)  # 5, 6

    def _sort_paths(self) -> None:
        for path in self._archive.paths():
            found = _EVIDENCE.fullmatch(path)
            if found is not None:
                self._evidence[path] = bytes.fromhex(found[2])
            elif _STATE.fullmatch(path):
                self._states.append(path)
            elif path not in _KNOWN:
                raise MalformedError("bag", "a file that no export of this version has", path)
        missing = sorted(path for path in _KNOWN - {SCHEMA_FILE} if path not in self._archive)
        if missing:
            raise ContentMismatchError("files of the bag", missing[0], "nothing")
        numbered = all(path == evidence_path(n, subject) for n, (path, subject) in enumerate(self._evidence.items(), 1))
        distinct = len(set(self._evidence.values())) == len(self._evidence)
        if not numbered or not distinct or not 0 < len(self._evidence) <= MAX_ASSETS:
            raise MalformedError("bag", "evidence files not numbered from 1, or two of one asset", "data/evidence")
        if self._states != [state_path(number) for number in range(1, len(self._states) + 1)]:
            raise MalformedError("bag", "state files not numbered from 1", "data/state")
        if len(self._states) > MAX_STATE_FILES:
            raise MalformedError("bag", f"more than {MAX_STATE_FILES} state files", "data/state")

    def _verify_bagit(self) -> dict[str, FileFact]:
        if self._archive.read(BAGIT_FILE, len(BAGIT) * 2) != BAGIT:
            raise MalformedError("bag", "not BagIt 1.0 in UTF-8", BAGIT_FILE)
        payload = {path for path in self._archive.paths() if path.startswith("data/")}
        facts = self._verify_checksums(PAYLOAD_FILE, payload)
        self._verify_checksums(TAG_FILE, set(_TAGS))
        return facts

    def _verify_checksums(self, name: str, expected: set[str]) -> dict[str, FileFact]:
        listed = parse_checksums(self._archive.read(name, MAX_TAG_BYTES), name)
        if listed.keys() != expected:
            unlisted, absent = sorted(expected - listed.keys()), sorted(listed.keys() - expected)
            found = f"{unlisted[0]} is not listed" if unlisted else f"{absent[0]} is not there"
            raise ContentMismatchError(name, "every file of the bag", found)
        facts = {}
        for path, digest in listed.items():
            facts[path] = self._archive.fact(path)
            self._report.files += 1
            if facts[path].sha256 != digest:
                raise ContentMismatchError(path, digest.hex(), facts[path].sha256.hex())
        return facts

    def _verify_description(self, manifest: ExportManifest, facts: Mapping[str, FileFact]) -> None:
        expected = bag_info(manifest, sum(fact.size for fact in facts.values()), len(facts))
        if self._archive.read(INFO_FILE, MAX_TAG_BYTES) != expected:
            raise ContentMismatchError(INFO_FILE, "what follows from the signed manifest", "another text")
        if self._archive.read(NOTICE_FILE, len(TRUST_NOTICE) * 2) != TRUST_NOTICE:
            raise ContentMismatchError(NOTICE_FILE, "the notice that its trust file is not to be used", "another text")
        parse_trust(self._archive.read(TRUST_FILE, MAX_TRUST_BYTES))

    def _verify_state(self) -> State:
        state = join_states(
            [verify_state_file(self._archive.read(path, MAX_EVIDENCE_BYTES), self._trust) for path in self._states]
        )
        verify_key_history(parse_history(self._archive.read(HISTORY_FILE, MAX_HISTORY_BYTES)), state)
        return state

    def _verify_signed(
        self, jws: RawJws, manifest: ExportManifest, facts: Mapping[str, FileFact], state: State
    ) -> None:
        _verify_signature(jws, manifest, state)
        self._report.exporter = manifest.exporter
        self._report.exporter_name = state.organisations[manifest.exporter].name
        listed = {fact.path: fact for fact in manifest.files}
        expected = {path: fact for path, fact in facts.items() if path != SIGNED_FILE}
        if listed != expected:
            path = next(iter(sorted(path for path in {*listed, *expected} if listed.get(path) != expected.get(path))))
            raise ContentMismatchError("signed list of files", "every file with size and hash", f"another {path}")
        if (manifest.chain_id, manifest.consortium) != (self._trust.chain_id, self._trust.consortium.address):
            raise ContentMismatchError("consortium of the manifest", "the one of the trust file", "another")
        self._report.statement = manifest.statement

    def _verify_contents(
        self, manifest: ExportManifest, state: State, on_progress: Callable[[AssetCheck], None] | None
    ) -> None:
        with ExitStack() as stack:
            tables = _Tables(self._archive, stack)
            totals, namespaces, earliest = Totals(), set[Namespace](), state.as_of
            for number, (path, subject) in enumerate(self._evidence.items(), 1):  # 5
                account = self._verify_evidence(number, path, subject, tables, on_progress)
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

    def _verify_evidence(
        self,
        number: int,
        path: str,
        subject: bytes,
        tables: _Tables,
        on_progress: Callable[[AssetCheck], None] | None,
    ) -> Account | None:
        data = self._archive.read(path, MAX_EVIDENCE_BYTES)
        verdict = judge(data, self._trust, now=self._now)
        account = verdict.account
        if account is not None and account.subject != subject:
            raise ContentMismatchError(path, subject.hex(), account.subject.hex())
        check = _check_of(path, verdict)
        self._report.assets.append(check)
        if verdict.outcome is not Outcome.VERIFIED and len(self._report.problems) < MAX_PROBLEMS:
            self._report.problems.append(Problem(verdict.outcome, path, verdict.error or "", verdict.reason))
        if account is not None:
            tables.add(number, path, data, account)
        if on_progress is not None:
            on_progress(check)
        return account

    def _attempt(self, path: str, check: Callable[[], None]) -> None:
        try:
            check()
        except VerificationError as error:
            _note(self._report, path, error)


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


def _verify_signature(jws: RawJws, manifest: ExportManifest, state: State) -> None:
    """Prove that the exporter signed, with a key that was its own and valid at the proven block.

    Raises: IssuerError, SignatureError.
    """
    own = {
        key.key_id: (key, record) for (number, _), (key, record) in state.keys.items() if number == manifest.exporter
    }
    found = own.get(jws.header.get("kid", ""))
    record = None if found is None else found[1]
    if found is None or record is None or ALGORITHMS.get(record.algorithm) is not found[0].algorithm:
        raise IssuerError(f"organisation {manifest.exporter} is not proven to have the key that signed the manifest")
    at = state.as_of.time
    if not record.valid_from <= at < record.valid_until or (record.revoked_from and at >= record.revoked_from):
        raise IssuerError(f"the key of organisation {manifest.exporter} was not valid at block {state.as_of.number}")
    if manifest.exporter not in state.organisations:
        raise MalformedError("bag", "the exporter's own record is not in its state files", "data/state")
    verify_jws(jws, found[0], JWS_TYPE)


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


class _Comparison:
    """A sink that compares what a table should be with what lies in the bag."""

    def __init__(self, path: str, pieces: Generator[bytes, None, None]) -> None:
        self.path, self._pieces = path, pieces
        self._piece, self._at = b"", 0
        self._lines = 0
        self._difference: int | None = None

    def write(self, data: bytes) -> None:
        """Compare the next line."""
        self._lines += 1
        if self._difference is None and self._take(len(data)) != data:
            self._difference = self._lines

    def finish(self) -> None:
        """Ask that there was no difference, and that nothing follows.

        Raises: ContentMismatchError, with the first line that differs.
        """
        if self._difference is None and self._take(1):
            self._difference = self._lines + 1
        if self._difference is not None:
            raise ContentMismatchError(self.path, "what the evidence says", f"another line {self._difference}")

    def close(self) -> None:
        """Let the file go."""
        self._pieces.close()

    def _take(self, size: int) -> bytes:
        taken = self._piece[self._at : self._at + size]
        self._at += len(taken)
        while len(taken) < size and (piece := next(self._pieces, b"")):
            self._piece, self._at = piece, size - len(taken)
            taken += piece[: self._at]
        return taken


class _Tables:
    """All tables of a bag, compared while the evidence is verified."""

    def __init__(self, archive: Archive, stack: ExitStack) -> None:
        self._archive = archive
        self._sinks = {
            (name, form): _Comparison(table_path(name, form), archive.pieces(table_path(name, form)))
            for name, form in itertools.product(COLUMNS, ("csv", "json"))
        }
        self._tables = {name: Table(name, self._sinks[name, "csv"], self._sinks[name, "json"]) for name in COLUMNS}
        for sink in self._sinks.values():
            stack.callback(sink.close)

    def add(self, number: int, path: str, data: bytes, account: Account) -> None:
        """Compare the rows of one asset."""
        self._tables["assets"].add(asset_row(number, path, account))
        for row in event_rows(number, parse_evidence(data), account):
            self._tables["events"].add(row)

    def finish(self, state: State, totals: Totals) -> None:
        """Compare the rest.

        Raises: ContentMismatchError, with the first table that differs.
        """
        for name, rows in small_tables(state, totals).items():
            for row in rows:
                self._tables[name].add(row)
        for table in self._tables.values():
            table.end()
        for sink in self._sinks.values():
            sink.finish()


_KNOWN = {
    *_TAGS,
    TAG_FILE,
    SIGNED_FILE,
    HISTORY_FILE,
    TRUST_FILE,
    NOTICE_FILE,
    SCHEMA_FILE,
    *(table_path(name, form) for name in COLUMNS for form in ("csv", "json")),
}
