"""Bad documents: refused as a whole with every fault by place and cause, and nothing is left behind anywhere."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.ledger.cli.conftest import EXAMPLES, run
from tests.ledger.cli.state import state_of

pytestmark = pytest.mark.integration

CAR = "VCU4EZ7R9K1004176"


def event(kind: str, identifier: str = CAR, asset_type: str = "vehicle", **more: Any) -> dict[str, Any]:
    """Event JSON that would be accepted, but for what ``more`` spoils."""
    value = {
        "vinculum_event": 1,
        "kind": kind,
        "asset": {"type": asset_type, "identifier": identifier},
        "occurred_at": "2026-05-01T10:00:00Z",
        "fields": {},
    }
    return {**value, **more}


def serviced(**more: Any) -> dict[str, Any]:
    return event("vehicle.serviced", **{"fields": {"odometer_km": 15000, "work": ["oil"]}, **more})


def dump(value: Any) -> bytes:
    return json.dumps(value).encode()


@dataclass(frozen=True)
class Case:
    """A document that is refused.

    Attributes:
        name: Of the test.
        data: Its bytes.
        code: Of a fault that is listed.
        place: Pointer of that fault.
        by: Who submits it.
    """

    name: str
    data: bytes
    code: str
    place: str | None = None
    by: str = "workshop"


BORN = {"production_date": "2019-01-01"}
REGISTERED = {"registration_date": "2026-05-01", "country": "GBR"}
NOBODYS, OTHERS = "WVWZZZ1JZXW000001", "https://id.gs1.org/01/09521000003309/21/X-1"


def attached(path: str) -> bytes:
    """An event with one attachment."""
    return dump(serviced(attachments=[{"name": "a", "media_type": "text/plain", "path": path}]))


CASES = [
    Case("wrong type", dump(serviced(fields={"odometer_km": "x", "work": []})), "wrong-type", "/fields/odometer_km"),
    Case("missing field", dump(serviced(fields={"work": ["oil"]})), "missing"),
    Case("duplicate keys", dump(serviced()).replace(b'"kind"', b'"kind": "vehicle.sold", "kind"'), "malformed"),
    Case("NaN", dump(serviced()).replace(b"15000", b"NaN"), "malformed"),
    Case("infinity", dump(serviced()).replace(b"15000", b"-Infinity"), "malformed"),
    Case("huge number", dump(serviced()).replace(b"15000", b"1" * 5000), "malformed"),
    Case("huge exponent", dump(serviced()).replace(b"15000", b"1e999"), "malformed"),
    Case("deep nesting", b"[" * 100_000 + b"]" * 100_000, "malformed"),
    Case("broken UTF-8", dump(serviced()).replace(b"oil", b"o\xff\xfel"), "malformed"),
    Case("cut off", dump(serviced())[:-3], "malformed"),
    Case("empty", b"", "malformed"),
    Case("no document", b'{"hello": "world"}', "unknown-document"),
    Case("not JSON at all", zlib.compress(b"x" * 1000), "malformed"),
    Case("no time zone", dump(serviced(occurred_at="2026-05-01T10:00:00")), "no-time-zone", "/occurred_at"),
    Case("bad time", dump(serviced(occurred_at="yesterday")), "bad-format", "/occurred_at"),
    Case("in the future", dump(serviced(occurred_at="2099-01-01T00:00:00Z")), "in-future"),
    Case("unknown kind", dump(event("vehicle.painted")), "unknown-kind"),
    Case("kind of another log", dump(event("battery.recycled", fields={"recycled_at": "2026-05-01"})), "wrong-kind"),
    Case("bad identifier", dump(serviced(asset={"type": "vehicle", "identifier": CAR[:-1]})), "bad-identifier"),
    Case("unknown asset", dump(event("vehicle.accident", NOBODYS, fields={"severity": "minor"})), "unknown-asset"),
    Case(
        "backwards odometer",
        dump([serviced(), serviced(occurred_at="2026-06-01T10:00:00Z", fields={"odometer_km": 1, "work": ["oil"]})]),
        "backwards-odometer",
        "/1",
    ),
    Case("a good event and a bad one", dump([serviced(), serviced(occurred_at="no")]), "bad-format", "/1/occurred_at"),
    Case(
        "status that skips a step",
        dump([event("vehicle.first_registered", id=number, fields=REGISTERED) for number in "12"]),
        "illegal-transition",
        "/1",
    ),
    Case("second birth", dump(event("vehicle.built", fields=BORN)), "conflict", by="car-maker"),
    Case("nobody's namespace", dump(event("vehicle.built", NOBODYS, fields=BORN)), "not-authorised", by="car-maker"),
    Case(
        "another's namespace",
        dump(event("battery.commissioned", OTHERS, "battery")),
        "not-authorised",
        by="cell-maker",
    ),
    Case("role that is lacking", dump(serviced()), "not-authorised", by="car-maker"),
    Case("another organisation's document", dump(serviced(issuer="BPNLVCUDEMOCARS1")), "wrong-issuer"),
    Case("attachment outside", attached("../a"), "outside"),
    Case("attachment at the root", attached("/etc/hostname"), "outside"),
    Case("attachment missing", attached("no.txt"), "unreadable"),
    Case("attachment through a link", attached("link"), "outside"),
    Case("attachment is a folder", attached("folder"), "unreadable"),
]


@pytest.fixture(scope="module")
def built(home: Path) -> Path:
    """The home with one car in it."""
    born = run("ingest", EXAMPLES / "vehicle" / "built.json", "--as", "car-maker")
    assert born.code == 0, born
    return home


@pytest.fixture(scope="module")
def held(built: Path) -> dict[str, Any]:
    """What the home holds before the first test, and so before each."""
    return state_of(built)


@pytest.fixture
def untouched(built: Path, held: dict[str, Any]) -> Iterator[Path]:
    """Whatever the test does: the home holds afterwards what it held before."""
    yield built
    assert state_of(built) == held


@pytest.fixture
def write(tmp_path: Path) -> Callable[[bytes], Path]:
    """Lay a document down beside a link out of its folder."""
    (tmp_path / "documents" / "folder").mkdir(parents=True)
    (tmp_path / "documents" / "link").symlink_to(EXAMPLES / "README.md")

    def lay_down(data: bytes) -> Path:
        path = tmp_path / "documents" / "document.json"
        path.write_bytes(data)
        return path

    return lay_down


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_refused_and_nothing_left_behind(case: Case, untouched: Path, write: Callable[[bytes], Path]) -> None:
    ran = run("ingest", write(case.data), "--as", case.by, "--json")
    assert ran.code == 1, ran
    (result,) = ran.json["results"]
    assert result["outcome"] == "refused"
    assert case.code in {fault["code"] for fault in result["faults"]}, result
    assert case.place is None or case.place in {fault["pointer"] for fault in result["faults"]}, result
    assert "Traceback" not in ran.err


def test_every_fault_is_listed(untouched: Path, write: Callable[[bytes], Path]) -> None:
    spoilt = [serviced(occurred_at="no", id=str(number)) for number in range(30)]
    ran = run("ingest", write(dump(spoilt)), "--as", "workshop", "--json")
    assert [fault["pointer"] for fault in ran.json["results"][0]["faults"]] == [f"/{n}/occurred_at" for n in range(30)]


def test_people_read_place_and_cause(untouched: Path, write: Callable[[bytes], Path]) -> None:
    ran = run("ingest", write(dump(serviced(occurred_at="2026-05-01T10:00:00"))), "--as", "workshop")
    assert "/occurred_at  no-time-zone: this time has no zone" in ran.out
    assert "documents: 1 refused; no new event" in ran.out


def test_a_fault_behind_more_events_than_a_batch_holds(untouched: Path, write: Callable[[bytes], Path]) -> None:
    events = [serviced(id=f"job-{number}") for number in range(450)]
    events[-1]["fields"]["note"] = {"_sd": []}
    ran = run("ingest", write(dump(events)), "--as", "workshop", "--json")
    assert ran.code == 1, ran
    assert [fault["pointer"] for fault in ran.json["results"][0]["faults"]] == ["/449"]


def test_a_file_of_100_mb_is_not_read(untouched: Path, tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    ran = run("ingest", path, "--as", "workshop", "--json")
    assert (ran.code, ran.json["results"][0]["faults"][0]["code"]) == (1, "too-large")


def test_100_mb_on_standard_input_are_not_read_to_their_end(untouched: Path) -> None:
    ran = run("ingest", "-", "--as", "workshop", "--json", stdin=b" " * (20 * 1024 * 1024))
    assert (ran.code, ran.json["results"][0]["faults"][0]["code"]) == (1, "too-large")


def test_what_is_no_file_is_refused(untouched: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    ran = run("ingest", tmp_path / "pipe.json", "--as", "workshop", "--json")
    assert (ran.code, ran.json["results"][0]["faults"][0]["code"]) == (1, "not-a-file")


def test_what_is_not_there_is_refused(untouched: Path, tmp_path: Path) -> None:
    ran = run("ingest", tmp_path / "nothing.json", "--as", "workshop")
    assert ran.code == 1
    assert "there is no file or folder" in ran.err


def test_attachments_need_a_folder(untouched: Path) -> None:
    files = [{"name": "a", "media_type": "text/plain", "path": "README.md"}]
    ran = run("ingest", "-", "--as", "workshop", "--json", stdin=dump(serviced(attachments=files)), folder=EXAMPLES)
    assert (ran.code, ran.json["results"][0]["faults"][0]["code"]) == (1, "outside")


def test_a_part_inside_itself(untouched: Path, write: Callable[[bytes], Path]) -> None:
    twins = json.loads((EXAMPLES / "parts" / "as-built-twins.json").read_text())
    text = json.dumps(twins)
    boms = [body for body in _boms(twins) if body["childItems"]]
    text = text.replace(boms[0]["childItems"][0]["globalAssetId"], boms[0]["globalAssetId"])
    ran = run("ingest", write(text.encode()), "--as", "car-maker", "--json")
    assert ran.code == 1
    assert ran.json["results"][0]["faults"]


def _boms(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "childItems" in value:
            yield value
        for item in value.values():
            yield from _boms(item)
    elif isinstance(value, list):
        for item in value:
            yield from _boms(item)


def test_shared_invalid_epcis(untouched: Path, shared_data: Path) -> None:
    paths = sorted((shared_data / "epcis" / "invalid").glob("*.json"))
    ran = run("ingest", *paths, "--as", "workshop", "--keep-going", "--json")
    assert ran.code == 1
    assert [result["outcome"] for result in ran.json["results"]] == ["refused"] * len(paths) != []
    assert all(fault["pointer"] for result in ran.json["results"] for fault in result["faults"])


def test_a_table_with_one_bad_row_is_refused_as_a_whole(untouched: Path, tmp_path: Path) -> None:
    table = (EXAMPLES / "csv" / "services.csv").read_text().splitlines()
    table[3] = table[3].replace(";km;", ";furlong;")
    table[4] = table[4].replace("VCU4EZ7R9K1004176", "VCU4EZ7R2K1004178")
    (tmp_path / "services.csv").write_text("\n".join(table))
    mapping = EXAMPLES / "csv" / "map.toml"
    target = tmp_path / "results.csv"
    ran = run("ingest", tmp_path / "services.csv", "--map", mapping, "--as", "workshop", "--json", "--result", target)
    assert ran.code == 1
    codes = {(fault["pointer"], fault["code"]) for fault in ran.json["results"][-1]["faults"]}
    assert {("/3/Mileage", "unknown-unit"), ("/4", "unknown-asset")} <= codes, codes
    lines = target.read_text().splitlines()
    assert [line.split(",")[2] for line in lines[1:4]] == ["valid", "valid", "refused"]


def test_a_table_needs_a_mapping(untouched: Path) -> None:
    ran = run("ingest", EXAMPLES / "csv" / "services.csv", "--as", "workshop", "--json")
    assert (ran.code, ran.json["results"][0]["faults"][0]["code"]) == (1, "no-mapping")


@pytest.mark.parametrize("spoilt", [b"version = 2", b"version = ", b"\xff", b"x = 1\n" * 100_000])
def test_a_bad_mapping_is_refused(untouched: Path, tmp_path: Path, spoilt: bytes) -> None:
    (tmp_path / "map.toml").write_bytes(spoilt)
    services = EXAMPLES / "csv" / "services.csv"
    ran = run("ingest", services, "--map", tmp_path / "map.toml", "--as", "workshop", "--json")
    assert ran.code in (1, 2)
    assert ran.json["error"] in ("DocumentError", "MalformedError")


def test_a_dry_run_records_nothing(untouched: Path) -> None:
    services, mapping = EXAMPLES / "csv" / "services.csv", EXAMPLES / "csv" / "map.toml"
    ran = run("ingest", services, "--map", mapping, "--as", "workshop", "--dry-run", "--json")
    assert ran.code == 0, ran
    assert ran.json["rows"]["valid"] == 7


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("ingest", "x.json"), 2),
        (("ingest", "--as", "workshop"), 2),
        (("ingest", EXAMPLES / "vehicle" / "sale.json", "--as", "nobody"), 2),
        (("ingest", EXAMPLES / "vehicle" / "sale.json", "--as", "../keys"), 2),
        (("ingest", EXAMPLES / "vehicle" / "sale.json", "--as", "workshop", "--to", "nobody"), 1),
        (("history", "VCU4EZ7R2K1004178"), 1),
        (("history", "no identifier at all"), 1),
        (("history", CAR, "--tier", "gods"), 2),
        (("show", CAR, "--event", "99"), 1),
        (("evidence", CAR), 2),
        (("evidence", CAR, "-o", "x", "--tier", "private"), 2),
        (("export", "-o", "x.zip"), 2),
        (("export", CAR, "--all", "-o", "x.zip"), 2),
        (("grant", CAR, "--as", "cell-maker", "--to", "recycler"), 1),
        (("grant", CAR, "--as", "car-maker", "--to", "recycler", "--event", "1", "--event", "99"), 1),
        (("grant", CAR, "--as", "car-maker", "--to", "recycler", "--until", "2020-01-01T00:00:00Z"), 2),
        (("evidence", CAR, "-o", "no-folder/x"), 2),
        (("evidence", CAR, "-o", "."), 2),
        (("trust", "export", "-o", "no-folder/x"), 2),
        (("export", CAR, "-o", "no-folder/x"), 2),
        (("ingest", EXAMPLES / "vehicle" / "sale.json", "--as", "workshop", "--result", "no-folder/x"), 2),
        (("record", "vehicle.sold", CAR, "--as", "workshop", "--field", "novalue"), 2),
        (("record", "any.observation", CAR, "--as", "workshop"), 2),
        (("record", "vehicle.sold", CAR, "--as", "workshop", "--field", "a=1", "--text", "a=2"), 2),
        (("record", "vehicle.painted", CAR, "--as", "workshop"), 1),
        (("org", "add", "workshop"), 2),
        (("org", "add", "x", "--role", "king"), 1),
        (("org", "add", "x", "--namespace", "gs1:"), 1),
        (("org", "show", "nobody"), 1),
        (("org", "roles", "workshop"), 2),
        (("key", "revoke", "workshop", "abc"), 2),
        (("key", "limit", "workshop", "00" * 32, "--until", "tomorrow"), 2),
        (("namespace", "assign", "vin:X", "workshop"), 1),
        (("init",), 2),
        (("trust", "show", EXAMPLES / "README.md"), 2),
        (("verify", EXAMPLES / "README.md", "--trust", EXAMPLES / "README.md"), 2),
        (("no-such-command",), 2),
    ],
    ids=lambda value: " ".join(map(str, value))[-50:] if isinstance(value, tuple) else str(value),
)  # fmt: skip
def test_wrong_use(words: tuple[str | Path, ...], code: int, untouched: Path, tmp_path: Path) -> None:
    ran = run(*words, folder=tmp_path)
    assert ran.code == code, ran
    assert "Traceback" not in ran.err
    assert list(tmp_path.iterdir()) == []
