"""From a sensor to the chain and back: a real chain, a real gateway process, a real device process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ledger.access import Tier
from ledger.credential.jose import Algorithm, parse_jwk
from ledger.credential.signing import generate_private_key
from ledger.demo.insider import Attested, Insider
from ledger.errors import ContentMismatchError, IssuerError, MissingError
from ledger.event import AssetReference
from ledger.kinds import kind_by_name
from ledger.proof.slots import DEVICE_KEY
from ledger.service.council import revoke_from
from ledger.service.evidence import build_evidence
from ledger.service.gateway_inbox import Inbox
from ledger.service.gateway_record import GatewayRecorder
from ledger.service.gateway_serve import inbox_path
from ledger.service.gateway_tables import State
from ledger.service.issuer_keys import add_issuer_key, revoke_issuer_key
from ledger.service.read import AssetRecord
from ledger.service.reading_proof import prove_attested_reading
from ledger.service.trust import make_trust
from ledger.service.workspace import Workspace
from light_node.attested_reading import AttestedReading, Ground, Voucher, verify_attested_reading
from light_node.cli.main import main as light
from light_node.edge.outgoing import Outgoing
from light_node.edge.reading_proof import ReadingProof, encode_proof, parse_proof
from light_node.edge.receipt import KIND, verify_receipt
from light_node.edge.statement import parse_statement, verify_statement
from light_node.judgement import judge
from light_node.progress import Progress
from light_node.state import StateFolder
from light_node.trust import encode_trust, parse_trust
from light_node.verdict import EventState, Outcome
from tests.ledger.service.conftest import battery, birth, document, record

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[3]
LINE = '{"quantity":"odometer","value":%d,"unit":"km","sensor":"cluster"}\n'


@dataclass
class Unit:
    """A device process: its folder, its key and its asset."""

    folder: Path
    thumbprint: bytes
    asset: AssetRecord

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "light_node.edge", "--settings", str(self.folder / "edge.toml"), *arguments]
        return subprocess.run(command, cwd=ROOT, input=stdin, capture_output=True, text=True, check=False, timeout=120)

    def point_to(self, url: str) -> None:
        text = (self.folder / "edge.toml").read_text()
        (self.folder / "edge.toml").write_text(text.replace("http://nowhere.invalid", url))

    def status(self) -> dict[str, object]:
        return dict(json.loads(self.run("status").stdout))


@pytest.fixture
def unit(workspace: Workspace, asset: AssetReference, tmp_path: Path) -> Unit:
    """A device of the maker's on one of its batteries, enrolled on chain."""
    record(workspace, "maker", document(birth(asset)))
    known = workspace.reader().asset(asset.identifier)
    folder = tmp_path / "device"
    folder.mkdir()
    (folder / "trust.json").write_bytes(encode_trust(make_trust(workspace)))
    (folder / "edge.toml").write_text(
        'queue = "queue.db"\ntrust = "trust.json"\norganisation = 1\ngateway = "http://nowhere.invalid"\n'
        f'[key]\nfile = "device.pem"\n[assets.pack]\ntype = "battery"\nsubject = "{known.subject.hex()}"\n'
        "[batches]\nreadings = 4\n"
    )
    made = Unit(folder, b"", known)
    key = parse_jwk(json.loads(made.run("key", "--new").stdout))
    add_issuer_key(workspace, "maker", key, DEVICE_KEY)
    return Unit(folder, key.thumbprint, known)


@contextmanager
def gateway(workspace: Workspace) -> Iterator[str]:
    """`vinculum gateway serve` as a process; yields its URL."""
    command = [sys.executable, "-m", "ledger.cli.main", "--home", str(workspace.home), "gateway", "serve"]
    process = subprocess.Popen(
        [*command, "--as", "maker", "--listen", "127.0.0.1:0", "--json"],
        cwd=ROOT,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process:
        try:
            yield str(json.loads(_value(process.stdout.readline, process))["url"])
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _value(readline: Callable[[], str], process: subprocess.Popen[str]) -> str:
    text = ""
    while True:
        line = readline()
        if not line:
            raise AssertionError(f"the gateway ended with {process.wait()}: {text}")
        text += line
        try:
            json.loads(text)
        except ValueError:
            continue
        return text


def test_readings_of_a_device_are_proven_on_chain_before_they_are_deleted(workspace: Workspace, unit: Unit) -> None:
    taken = unit.run("take", stdin="".join(LINE % km for km in (100, 101, 102, 50, 103, 104)))
    assert "6 readings taken, 1 flagged" in taken.stderr
    with gateway(workspace) as url:
        unit.point_to(url)
        sent = unit.run("send")
    assert (sent.returncode, sent.stderr.count("is on chain")) == (0, 2), sent.stderr
    status = unit.status()
    assert (status["readings"], status["signed_batches"]) == (0, 0)
    (delivered,) = status["delivered"]  # type: ignore[misc]
    assert (delivered["batches"], delivered["readings"]) == (2, 6)
    assert -60 < delivered["lag_seconds"] < 600

    workspace.projector.sync()
    history = [entry for entry in workspace.reader().history(unit.asset) if entry.kind.name == KIND]
    assert len(history) == 2
    manifest_files = workspace.reader().capsule(history[0].digest).manifest.files
    assert [file.name for file in manifest_files] == ["source"]
    verdict = judge(
        build_evidence(workspace, unit.asset, Tier.PRIVATE),
        parse_trust((unit.folder / "trust.json").read_bytes()),
        now=history[-1].attested_at + 5,
    )
    assert (verdict.outcome, verdict.reason) == (Outcome.VERIFIED, "")
    assert verdict.account is not None
    fields = [event.fields for event in verdict.account.events if event.kind == KIND]
    assert [(one["size"], one["sequence"], one["flagged"]) for one in fields] == [(4, 0, 1), (2, 1, 0)]
    assert [one["odometer_km"] for one in fields] == [102, 104]
    assert fields[1]["previous_batch"] == fields[0]["batch_digest"]


def test_a_device_goes_on_from_the_tree_that_it_remembers(workspace: Workspace, unit: Unit) -> None:
    """The gateway proves to it, process after process, that each receipt's tree begins with the one before."""
    sizes = []
    with gateway(workspace) as url:
        unit.point_to(url)
        for km in (200, 201, 202):
            unit.run("take", stdin=LINE % km)
            sent = unit.run("send")
            assert (sent.returncode, "is on chain" in sent.stderr) == (0, True), sent.stderr
            memory = StateFolder(unit.folder / ".vinculum-light").memory()
            assert memory is not None
            assert memory.tree is not None
            sizes.append(memory.tree.size)
    assert sizes[0] < sizes[1] < sizes[2]
    assert unit.status()["accepted_block"] == sizes[2] - 1


def test_a_revoked_device_is_refused_and_keeps_its_readings(workspace: Workspace, unit: Unit) -> None:
    unit.run("take", stdin=LINE % 7)
    revoke_issuer_key(workspace, "maker", unit.thumbprint)
    with gateway(workspace) as url:
        unit.point_to(url)
        sent = unit.run("send")
    assert (sent.returncode, "403" in sent.stderr and "revoked" in sent.stderr) == (1, True), sent.stderr
    assert unit.status()["readings"] == 1


class Dying(Inbox):
    """Ends like a process that is killed after the chain has the batch, before that is written down."""

    def recorded(self, credentials: Sequence[tuple[bytes, bytes]]) -> None:
        raise KeyboardInterrupt


def test_a_batch_is_on_chain_once_though_the_recorder_died_in_between(workspace: Workspace, unit: Unit) -> None:
    unit.run("take", stdin=LINE % 7)
    member, path = workspace.member("maker"), inbox_path(workspace.home)
    with Outgoing(unit.folder / "queue.db") as outgoing, Dying(path) as dying, Inbox(path) as inbox:
        (waiting,) = outgoing.waiting()
        raw = parse_statement(waiting.statement)
        statement = verify_statement(raw, outgoing.key(raw.key_id))
        dying.take(statement, outgoing.readings(waiting.number), 1)
        with pytest.raises(KeyboardInterrupt):
            GatewayRecorder(workspace, member, dying).round()
        assert inbox.counts()["received"] == 1
        assert GatewayRecorder(workspace, member, inbox).round()
        receipt = inbox.receipt(statement.digest)
    assert receipt is not None
    trust = parse_trust((unit.folder / "trust.json").read_bytes())
    verdict = judge(receipt.data, trust, now=int(time.time()), identity_required=False)
    assert verify_receipt(verdict, statement, member.organisation).digest == statement.digest
    assert sum(entry.kind.name == KIND for entry in workspace.reader().history(unit.asset)) == 1


def test_what_a_disk_changed_in_the_inbox_is_not_recorded(workspace: Workspace, unit: Unit) -> None:
    unit.run("take", stdin=LINE % 7)
    member = workspace.member("maker")
    with Outgoing(unit.folder / "queue.db") as outgoing, Inbox(inbox_path(workspace.home)) as inbox:
        (waiting,) = outgoing.waiting()
        raw = parse_statement(waiting.statement)
        readings = outgoing.readings(waiting.number)
        inbox.take(verify_statement(raw, outgoing.key(raw.key_id)), readings.replace(b"7}", b"8}"), 1)
        GatewayRecorder(workspace, member, inbox).round()
        kept = inbox.find(waiting.digest)
    assert kept is not None
    assert (kept.state, "root of the readings" in kept.reason) == (State.REFUSED, True)
    assert not any(entry.kind.name == KIND for entry in workspace.reader().history(unit.asset))


def test_the_key_of_a_device_signs_no_credentials(workspace: Workspace, asset: AssetReference) -> None:
    """A thief of a device's key must not speak for its organisation of anything but readings."""
    record(workspace, "maker", document(birth(asset)))
    key = generate_private_key(Algorithm.ES256, os.urandom)
    add_issuer_key(workspace, "maker", key.public, DEVICE_KEY)
    thief = Insider(workspace, replace(workspace.member("maker"), issuer=key))
    known = workspace.reader().asset(asset.identifier)
    kind = "battery.state_of_health"
    issued = thief.sign(
        thief.plan(asset, known.subject, kind, {"measured_at": "2026-01-01", "state_of_health_percent": 99})
    )
    thief.attest([Attested(asset.asset_type, known.subject, kind_by_name(kind), issued.digest)])
    workspace.projector.sync()
    verdict = judge(build_evidence(workspace, known, Tier.PRIVATE), make_trust(workspace), now=int(time.time()))
    assert verdict.account is not None
    assert [event.state for event in verdict.account.events] == [EventState.OPENED, EventState.WITHHELD]


# ---- one reading, with whose device it was -------------------------------------------------------------------------


def recorded(workspace: Workspace, unit: Unit) -> None:
    """One batch of four readings of the device's, on chain."""
    unit.run("take", stdin="".join(LINE % km for km in (300, 301, 302, 303)))
    with Outgoing(unit.folder / "queue.db") as outgoing, Inbox(inbox_path(workspace.home)) as inbox:
        (waiting,) = outgoing.waiting()
        raw = parse_statement(waiting.statement)
        statement = verify_statement(raw, outgoing.key(raw.key_id))
        inbox.take(statement, outgoing.readings(waiting.number), 1)
        GatewayRecorder(workspace, workspace.member("maker"), inbox).round()


def read_by_anybody(workspace: Workspace, unit: Unit, proof: ReadingProof, evidence: bytes) -> AttestedReading:
    """As whoever has the trust file and the two files alone."""
    trust, progress = make_trust(workspace), Progress()
    account = judge(evidence, trust, now=int(time.time()), progress=progress).account
    assert account is not None
    assert progress.header is not None
    return verify_attested_reading(account, parse_proof(encode_proof(proof)), Ground(trust, progress.header))


def test_one_reading_is_proven_with_the_device_that_its_organisation_enrolled(workspace: Workspace, unit: Unit) -> None:
    recorded(workspace, unit)
    evidence = build_evidence(workspace, unit.asset, Tier.PRIVATE)
    for place in (1, 4):
        proof = prove_attested_reading(workspace, unit.asset, 2, place, evidence)
        found = read_by_anybody(workspace, unit, proof, evidence)
        assert (found.reading.value, found.voucher) == (299 + place, Voucher.PROVEN)
        assert (found.organisation, found.event) == (1, 2)


def test_a_revocation_in_the_past_leaves_the_reading_of_a_device_disputed(workspace: Workspace, unit: Unit) -> None:
    recorded(workspace, unit)
    attested = workspace.reader().history(unit.asset)[1].attested_at
    revoke_from(workspace, 1, unit.thumbprint, attested)
    evidence = build_evidence(workspace, unit.asset, Tier.PRIVATE)
    proof = prove_attested_reading(workspace, unit.asset, 2, 1, evidence)
    assert read_by_anybody(workspace, unit, proof, evidence).voucher is Voucher.DISPUTED


def test_a_batch_that_was_recorded_after_its_device_was_revoked_proves_nothing_by_it(
    workspace: Workspace, unit: Unit
) -> None:
    """No gateway takes it; a careless member may attest it all the same."""
    revoke_issuer_key(workspace, "maker", unit.thumbprint)
    time.sleep(1.5)  # in the second of the revocation itself it would be disputed
    recorded(workspace, unit)
    evidence = build_evidence(workspace, unit.asset, Tier.PRIVATE)
    proof = prove_attested_reading(workspace, unit.asset, 2, 1, evidence)
    with pytest.raises(IssuerError, match="revoked"):
        read_by_anybody(workspace, unit, proof, evidence)


@pytest.mark.parametrize(("event", "place"), [(1, 1), (0, 1), (3, 1), (2, 0), (2, 5)])
def test_there_is_no_proof_of_a_reading_that_is_not_there(
    workspace: Workspace, unit: Unit, event: int, place: int
) -> None:
    recorded(workspace, unit)
    evidence = build_evidence(workspace, unit.asset, Tier.PRIVATE)
    with pytest.raises(MissingError):
        prove_attested_reading(workspace, unit.asset, event, place, evidence)


def test_evidence_of_another_asset_is_not_what_a_reading_goes_with(
    workspace: Workspace, unit: Unit, numbers: Callable[[], int]
) -> None:
    recorded(workspace, unit)
    other = battery(numbers())
    record(workspace, "maker", document(birth(other)))
    evidence = build_evidence(workspace, workspace.reader().asset(other.identifier), Tier.PRIVATE)
    with pytest.raises(ContentMismatchError):
        prove_attested_reading(workspace, unit.asset, 2, 1, evidence)


def test_the_command_writes_what_the_light_node_verifies(
    workspace: Workspace, unit: Unit, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded(workspace, unit)
    evidence, proof = unit.folder / "evidence.json", unit.folder / "reading.json"
    evidence.write_bytes(build_evidence(workspace, unit.asset, Tier.PRIVATE))
    command = [sys.executable, "-m", "ledger.cli.main", "--home", str(workspace.home), "gateway", "reading"]
    words = ["--event", "2", "--reading", "3", "--evidence", str(evidence), "-o", str(proof)]
    done = subprocess.run(
        [*command, unit.asset.subject.hex(), *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    trust = str(unit.folder / "trust.json")
    assert light(["reading", str(evidence), str(proof), "--trust", trust]) == 0
    assert "which organisation 1 had enrolled" in capsys.readouterr().out
