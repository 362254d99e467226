"""The lives told in ``examples/``, through the command: taken in, read, granted, proven, exported, refused twice."""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from ledger.service.read import Reader
from ledger.service.settings import load_settings
from ledger.service.workspace import Workspace
from ledger.store.document_index import Asset
from tests.ledger.cli.conftest import EXAMPLES, Ran, run
from tests.ledger.cli.state import state_of

pytestmark = pytest.mark.integration

CAR = "VCU4EZ7R9K1004176"
PACK = "https://id.gs1.org/01/09521000001206/21/LC-EV-000417"
UNIT = "https://id.gs1.org/01/09521000003309/21/SH-ST-000023"


def take(document: Mapping[str, str], *more: str) -> Ran:
    """Take one document of ``demo.toml`` in."""
    path = EXAMPLES / document["file"]
    table = ("--map", str(path.with_name("map.toml"))) if path.suffix == ".csv" else ()
    return run("ingest", path, "--as", document["organisation"], "--json", *table, *more)


@pytest.fixture(scope="module")
def documents() -> list[dict[str, str]]:
    with (EXAMPLES / "demo.toml").open("rb") as file:
        listed: list[dict[str, str]] = tomllib.load(file)["documents"]
    return listed


@pytest.fixture(scope="module")
def lived(home: Path, documents: list[dict[str, str]]) -> Path:
    """The home with every example in it."""
    for document in documents:
        ran = take(document)
        assert ran.code == 0, (document, ran)
        assert ran.json["documents"]["recorded"] == 1
    return home


@pytest.fixture(scope="module")
def trust(lived: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trust file."""
    path = tmp_path_factory.mktemp("trust") / "trust.json"
    assert run("trust", "export", "-o", path).code == 0
    return path


def test_the_same_documents_again_change_nothing(lived: Path, documents: list[dict[str, str]]) -> None:
    before = state_of(lived)
    for document in documents:
        again = take(document)
        (result,) = again.json["results"]
        assert (again.code, result["outcome"], again.json["events"]) == (0, "repeated", 0), (document, again)
        assert "no new event" in result["notices"][0]["message"]
    assert state_of(lived) == before


def test_the_same_content_in_other_bytes_is_recognised(lived: Path, tmp_path: Path) -> None:
    before = state_of(lived)
    value = json.loads((EXAMPLES / "vehicle" / "accident.json").read_text())
    (tmp_path / "files").mkdir()
    for name in ("damage-sketch.svg", "estimate.txt"):
        shutil.copy(EXAMPLES / "vehicle" / "files" / name, tmp_path / "files")
    (tmp_path / "accident.json").write_text(json.dumps(value, separators=(",", ":")))
    ran = run("ingest", tmp_path / "accident.json", "--as", "workshop", "--json")
    assert (ran.code, ran.json["events"], ran.json["repeated"]) == (0, 0, 2), ran
    after = state_of(lived)
    assert after.pop("source_document") != before.pop("source_document")
    assert after == before


def test_the_same_id_with_other_content_is_a_conflict(lived: Path, tmp_path: Path) -> None:
    before = state_of(lived)
    value = json.loads((EXAMPLES / "vehicle" / "sale.json").read_text())
    first = value[0] if isinstance(value, list) else value
    first["fields"]["odometer_km"] += 1
    (tmp_path / "sale.json").write_text(json.dumps(value))
    ran = run("ingest", tmp_path / "sale.json", "--as", "workshop", "--json")
    assert (ran.code, ran.json["results"][0]["faults"][0]["code"]) == (1, "conflict")
    assert state_of(lived) == before


def test_history_is_a_timeline_with_its_time(lived: Path) -> None:
    ran = run("history", CAR)
    assert ran.code == 0
    assert f"vehicle {CAR}" in ran.out
    assert "events, as registered up to block" in ran.out
    assert "Accident or damage" in ran.out
    assert "odometer: consistent, as far as registered" in ran.out
    assert "what was never registered is not part of this" in ran.out


def test_history_for_machines(lived: Path) -> None:
    told = run("history", PACK, "--json").json
    assert told["status"] == "repurposed"
    assert [event["number"] for event in told["events"]] == list(range(1, len(told["events"]) + 1))
    assert told["as_of"]["block"] >= max(event["block"] for event in told["events"])
    assert told["events"][0]["kind"] == "battery.commissioned"


@pytest.mark.parametrize(
    "name",
    [UNIT, "urn:epc:id:sgtin:9521000003.030.SH-ST-000023", "https://example.com/01/09521000003309/21/SH-ST-000023"],
)
def test_an_asset_is_found_by_any_form_of_its_identifier(lived: Path, name: str) -> None:
    subject = run("history", UNIT, "--json").json["subject"]
    assert run("history", name, "--json").json["subject"] == subject
    assert run("history", subject, "--json").json["identifier"] == UNIT


def test_each_tier_sees_no_less_than_the_one_before(lived: Path) -> None:
    seen = []
    for tier in ("public", "legitimate_interest", "authorities"):
        events = run("show", PACK, "--tier", tier, "--json").json["events"]
        seen.append({(event["number"], name) for event in events for name in event["claims"]})
    everything = {
        (event["number"], name) for event in run("show", PACK, "--json").json["events"] for name in event["claims"]
    }
    assert seen[0] < seen[1] <= everything
    assert seen[2] <= everything


def test_unknown_fields_are_kept_and_never_public(lived: Path) -> None:
    ran = run("record", "vehicle.odometer_reading", CAR, "--as", "workshop", "--field", "odometer_km=100100",
              "--text", "secret_of_ours=blue", "--json")  # fmt: skip
    assert ran.code == 0, ran
    number = str(len(run("history", CAR, "--json").json["events"]))
    for tier in ("public", "legitimate_interest", "authorities", "members"):
        assert "secret_of_ours" not in run("show", CAR, "--event", number, "--tier", tier, "--json").json["claims"]
    assert run("show", CAR, "--event", number, "--json").json["claims"]["secret_of_ours"] == "blue"


def test_show_lists_raw_files_for_whoever_opens_everything(lived: Path) -> None:
    events = run("show", CAR, "--json").json["events"]
    accident = next(event for event in events if event["kind"] == "vehicle.accident")
    assert {file["name"] for file in accident["files"]} == {"source", "damage-sketch.svg"}
    public = run("show", CAR, "--tier", "public", "--json").json["events"]
    assert all(event["files"] == [] for event in public)


def test_evidence_is_verified_by_the_trust_file_alone(lived: Path, trust: Path, tmp_path: Path) -> None:
    evidence = tmp_path / "car.json"
    assert run("evidence", CAR, "-o", evidence, "--tier", "authorities").code == 0
    elsewhere = ("--home", str(tmp_path / "nowhere"))
    told = run(*elsewhere, "verify", evidence, "--trust", trust, "--asset", CAR)
    assert told.code == 0, told
    assert told.out.startswith("VERIFIED")
    verdict = run(*elsewhere, "verify", evidence, "--trust", trust, "--json").json
    assert (verdict["outcome"], verdict["account"]["identifier"]) == ("verified", CAR)
    assert not (tmp_path / "nowhere").exists()


def test_evidence_of_another_asset_is_not_taken(lived: Path, trust: Path, tmp_path: Path) -> None:
    evidence = tmp_path / "pack.json"
    assert run("evidence", PACK, "-o", evidence).code == 0
    assert run("verify", evidence, "--trust", trust, "--asset", UNIT).code == 3


def test_bare_leaves_hide_and_still_verify(lived: Path, trust: Path, tmp_path: Path) -> None:
    evidence = tmp_path / "pack.json"
    assert run("evidence", PACK, "-o", evidence, "--tier", "public", "--bare-leaves").code == 0
    ran = run("verify", evidence, "--trust", trust)
    assert ran.code == 0
    assert "organisation, kind and time are withheld" in ran.out


def test_a_flipped_digit_is_refuted_and_a_cut_file_malformed(lived: Path, trust: Path, tmp_path: Path) -> None:
    evidence = tmp_path / "car.json"
    assert run("evidence", CAR, "-o", evidence).code == 0
    data = evidence.read_bytes()
    value = json.loads(data)
    digest = value["history"][2]["digest"]
    changed = digest[:-1] + ("0" if digest[-1] != "0" else "1")
    evidence.write_bytes(data.replace(digest.encode(), changed.encode()))
    assert run("verify", evidence, "--trust", trust).code == 1
    evidence.write_bytes(data[:-10])
    assert run("verify", evidence, "--trust", trust).code == 2


def test_evidence_of_another_consortium_is_undetermined(lived: Path, trust: Path, tmp_path: Path) -> None:
    evidence, other = tmp_path / "car.json", tmp_path / "trust.json"
    assert run("evidence", CAR, "-o", evidence).code == 0
    value = json.loads(trust.read_text())
    value["chain_id"] += 1
    other.write_text(json.dumps(value))
    assert run("verify", evidence, "--trust", other).code == 3


def test_trust_is_shown_and_its_fingerprint_is_one(trust: Path) -> None:
    fingerprint = run("trust", "fingerprint", trust).out.strip()
    assert len(fingerprint.replace(" ", "")) == 64
    shown = run("trust", "show", trust)
    assert fingerprint in shown.out
    assert "3 of 4 witnesses" in shown.out


def test_a_bag_of_everything_verifies(lived: Path, trust: Path, tmp_path: Path) -> None:
    bag = tmp_path / "bag.zip"
    written = run("export", "--all", "-o", bag, "--json")
    assert written.code == 0, written
    assert written.json["assets"] == 53
    ran = run("verify", bag, "--trust", trust, "--json")
    assert (ran.code, ran.json["outcome"], len(ran.json["assets"])) == (0, "verified", 53)
    assert run("verify", bag, "--trust", trust, "--asset", CAR).code == 0
    other = run("verify", bag, "--trust", trust, "--asset", "1M8GDM9AXKP042788")
    assert (other.code, "asset that was asked for" in other.out) == (3, True)
    bag.write_bytes(bag.read_bytes()[:-50])
    assert run("verify", bag, "--trust", trust).code in (1, 2)


def test_a_grant_opens_what_was_closed(lived: Path) -> None:
    def opened_by(name: str) -> int:
        with Workspace(load_settings(lived)) as workspace:
            member = workspace.member(name)
            reader = Reader(workspace.database, workspace.documents, workspace.contracts, [member.recipient])
            entries = reader.history(reader.asset(CAR))
            return sum(bool(reader.read(entry.digest).claims) for entry in entries)

    before, own = opened_by("recycler"), opened_by("workshop")
    assert before == 0
    one = run("grant", CAR, "--as", "workshop", "--to", "recycler", "--event", "3", "--purpose", "recycling", "--json")
    assert (one.code, one.json["events"]) == (0, 1)
    assert opened_by("recycler") == 1
    everything = run("grant", CAR, "--as", "workshop", "--to", "The recycler", "--json").json
    assert (everything["events"], opened_by("recycler")) == (own, own)
    assert run("grant", CAR, "--as", "recycler", "--to", "cell-maker", "--json").json["events"] == own


def test_a_recipient_opens_what_is_recorded_for_it(lived: Path) -> None:
    ran = run("record", "vehicle.odometer_reading", CAR, "--as", "workshop", "--field", "odometer_km=100200",
              "--to", "cell-maker", "--json")  # fmt: skip
    assert ran.code == 0
    number = len(run("history", CAR, "--json").json["events"])
    again = run("grant", CAR, "--as", "cell-maker", "--to", "recycler", "--event", str(number))
    assert again.code == 0, again


def test_record_reads_event_json_from_standard_input(lived: Path) -> None:
    value: dict[str, Any] = {
        "vinculum_event": 1,
        "kind": "vehicle.odometer_reading",
        "asset": {"type": "vehicle", "identifier": CAR},
        "occurred_at": "2026-11-01T10:00:00Z",
        "id": "reading-1",
        "fields": {"odometer_km": 100300},
    }
    first = run("record", "--as", "workshop", "--json", stdin=json.dumps(value).encode())
    assert (first.code, first.json["events"]) == (0, 1), first
    again = run("record", "--as", "workshop", "--json", stdin=json.dumps(value).encode())
    assert (again.code, again.json["events"], again.json["documents"]["repeated"]) == (0, 0, 1)


def test_record_keeps_files_and_ids(lived: Path, tmp_path: Path) -> None:
    (tmp_path / "sketch.svg").write_text("<svg/>")
    words = ("record", "vehicle.accident", CAR, "--as", "workshop", "--field", "severity=minor", "--id", "acc-9")
    ran = run(*words, "--at", "2026-11-02T10:00:00+01:00", "--attach", tmp_path / "sketch.svg", "--json")
    assert ran.code == 0, ran
    event = run("show", CAR, "--json").json["events"][-1]
    assert {"name": "sketch.svg", "media_type": "image/svg+xml", "size": 6} in event["files"]
    assert event["claims"]["document_id"] == "acc-9"
    assert event["claims"]["occurred_at"] == "2026-11-02T09:00:00+00:00"


def test_a_folder_is_taken_in_the_order_of_what_it_tells(lived: Path, tmp_path: Path) -> None:
    """``a.json`` speaks of what ``z.json`` gives birth to."""
    maker, part = "BPNLVCUDEMOCARS1", "urn:bpn:BPNLVCUDEMOCARS1:FOLDER-1"
    born = {"vinculum_event": 1, "kind": "part.made", "asset": {"type": "part", "identifier": part}}
    later = {"vinculum_event": 1, "kind": "any.observation", "asset": {"type": "part", "identifier": part}}
    (tmp_path / "z.json").write_text(json.dumps(born | {"occurred_at": "2026-01-01T00:00:00Z", "issuer": maker}))
    observed = {"occurred_at": "2025-01-01T00:00:00Z", "fields": {"description": "seen"}}
    (tmp_path / "a.json").write_text(json.dumps(later | observed))
    (tmp_path / ".hidden.json").write_text("nothing")
    (tmp_path / "notes.txt").write_text("nothing")
    ran = run("ingest", tmp_path, "--as", "car-maker", "--json")
    assert ran.code == 0, ran
    assert [Path(result["source"]).name for result in ran.json["results"]] == ["z.json", "a.json"]


def test_keep_going_records_the_good_ones(lived: Path, tmp_path: Path) -> None:
    for number, spoilt in ((1, False), (2, True), (3, False)):
        value = {
            "vinculum_event": 1,
            "kind": "vehicle.odometer_reading",
            "asset": {"type": "vehicle", "identifier": CAR},
            "occurred_at": "no" if spoilt else "2026-11-03T10:00:00Z",
            "id": f"keep-{number}",
            "fields": {"odometer_km": 100400 + number},
        }
        (tmp_path / f"{number}.json").write_text(json.dumps(value))
    paths = [tmp_path / f"{number}.json" for number in (1, 2, 3)]
    stopped = run("ingest", *paths, "--as", "workshop", "--json")
    assert stopped.code == 1
    assert [result["outcome"] for result in stopped.json["results"]] == ["recorded", "refused"]
    target = tmp_path / "results.jsonl"
    went_on = run("ingest", *paths, "--as", "workshop", "--keep-going", "--json", "--result", target)
    assert went_on.code == 1
    assert [result["outcome"] for result in went_on.json["results"]] == ["repeated", "refused", "recorded"]
    lines = [json.loads(line) for line in target.read_text().splitlines()]
    assert [line["outcome"] for line in lines] == ["repeated", "refused", "recorded"]
    assert lines[1]["faults"][0]["pointer"] == "/occurred_at"


def test_keep_going_records_the_good_rows_of_a_table(lived: Path, tmp_path: Path) -> None:
    table = (EXAMPLES / "csv" / "services.csv").read_text().splitlines()
    rows = [table[0], "N-1;VCU4EZ7R9K1004176;01/11/2026 10:00;100500;km;oil;", "N-2;no;01/11/2026 10:00;1;km;oil;"]
    (tmp_path / "more.csv").write_text("\n".join([*rows, table[1]]) + "\n")
    target = tmp_path / "results.csv"
    words = ("--map", EXAMPLES / "csv" / "map.toml", "--as", "workshop", "--keep-going", "--json", "--result", target)
    ran = run("ingest", tmp_path / "more.csv", *words)
    assert ran.code == 1
    assert ran.json["rows"] == {"recorded": 1, "repeated": 1, "valid": 0, "refused": 1}
    lines = [line.split(",") for line in target.read_text().splitlines()]
    assert [line[2] for line in lines[1:4]] == ["recorded", "refused", "repeated"]
    source = run("show", CAR, "--json").json["events"][-1]["files"][0]
    assert source["size"] == len("\n".join(rows[:2]) + "\n")


def test_audit_finds_nothing_wrong_and_then_what_was_changed(lived: Path) -> None:
    clean = run("audit", "--json")
    assert (clean.code, clean.json["clean"]) == (0, True), clean
    with Workspace(load_settings(lived)) as workspace:
        with workspace.database.write() as session:
            row = session.exec(select(Asset).where(Asset.identifier == UNIT)).one()
            subject, row.identifier = row.subject, PACK
        ran = run("audit")
        with workspace.database.write() as session:
            session.exec(select(Asset).where(Asset.subject == subject)).one().identifier = UNIT
    assert ran.code == 1
    assert "differences are errors" in ran.out
