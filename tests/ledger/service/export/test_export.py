"""A bag is verified offline as it was written, and in no other way."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.access import Tier
from ledger.credential.jose import Algorithm
from ledger.credential.signing import SigningKey, generate_private_key
from ledger.errors import MissingError, RejectedError, RuleError, UnknownAssetError
from ledger.proof.slots import DEVICE_KEY
from ledger.service.export.bag import BagReport, write_bag
from ledger.service.export.manifest import INFO_FILE, PAYLOAD_FILE, SIGNED_FILE, TAG_FILE
from ledger.service.export.tables import COLUMNS
from ledger.service.export.verify import HISTORY_FILE, SCHEMA_FILE, TRUST_FILE, verify_bag
from ledger.service.issuer_keys import add_issuer_key
from ledger.service.read import AssetRecord
from ledger.service.trust import make_trust
from ledger.service.workspace import Workspace
from ledger.strict_json import canonical_json
from light_node.trust import Trust, TrustedContract
from light_node.verdict import Outcome
from tests.ledger.service.conftest import PREFIX, battery, birth, document, event, record
from tests.ledger.service.export.forgery import Files, edit, pack, signed_again, unpack, with_checksums

pytestmark = pytest.mark.integration

STATE_FILE = "data/state/000001.json"
FORMULA = "=HYPERLINK(0)"


@pytest.fixture(scope="module")
def assets(workspace: Workspace) -> list[AssetRecord]:
    """Two batteries, three events; a document id that a spreadsheet would calculate."""
    first, second = battery(1), battery(2)
    measured = event("battery.state_of_health", first, FORMULA, measured_at="2026-06-01T08:00:00Z", secret="hidden-9")
    record(workspace, "maker", document(birth(first), birth(second), measured))
    return [workspace.reader().asset(one.identifier) for one in (first, second)]


@pytest.fixture(scope="module")
def bag(workspace: Workspace, assets: list[AssetRecord], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bags") / "two batteries.zip"
    write_bag(workspace, assets, path)
    return path


@pytest.fixture(scope="module")
def trust(workspace: Workspace, bag: Path) -> Trust:
    return make_trust(workspace)


@pytest.fixture(scope="module")
def now(workspace: Workspace) -> int:
    return workspace.client.header().timestamp


@pytest.fixture
def files(bag: Path) -> Files:
    return unpack(bag)


@pytest.fixture
def judge(tmp_path: Path, trust: Trust, now: int):  # type: ignore[no-untyped-def]
    """Pack files and verify them."""

    def verify(files: Files) -> BagReport:
        return verify_bag(pack(tmp_path / "forged.zip", files), trust, now)

    return verify


def test_bag_is_verified_with_what_was_signed(bag: Path, trust: Trust, now: int) -> None:
    report = verify_bag(bag, trust, now)
    assert (report.outcome, report.problems) == (Outcome.VERIFIED, [])
    assert (len(report.assets), report.events) == (2, 3)
    assert (report.exporter, report.exporter_name, report.tier) == (1, "Maker AB", "authorities")
    assert report.as_of is not None
    assert report.statement == f"complete as registered up to block {report.as_of.number}"


def test_summary_says_what_was_written(workspace: Workspace, assets: list[AssetRecord], tmp_path: Path) -> None:
    told: list[int] = []
    summary = write_bag(workspace, [*assets, assets[0]], tmp_path / "x.zip", Tier.PUBLIC, on_progress=told.append)
    assert (summary.assets, summary.events, summary.tier, told) == (2, 3, Tier.PUBLIC, [1, 2])
    assert summary.size == (tmp_path / "x.zip").stat().st_size
    assert summary.files == len(zipfile.ZipFile(tmp_path / "x.zip").namelist())
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"]


def test_same_assets_at_the_same_block_give_the_same_bytes(
    workspace: Workspace, assets: list[AssetRecord], tmp_path: Path
) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_bag(workspace, assets if folder == "a" else assets[::-1], tmp_path / folder / "same.zip")
    assert (tmp_path / "a/same.zip").read_bytes() == (tmp_path / "b/same.zip").read_bytes()


def test_bag_is_one_folder_of_plain_files(bag: Path) -> None:
    with zipfile.ZipFile(bag) as archive:
        names = archive.namelist()
        assert {name.split("/")[0] for name in names} == {"two-batteries"}
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert names[0] == "two-batteries/bagit.txt"


def test_bag_that_another_program_packed_again_is_verified(files: Files, judge) -> None:  # type: ignore[no-untyped-def]
    assert judge(dict(sorted(files.items()))).outcome is Outcome.VERIFIED


def test_tables_have_their_columns_in_both_forms(files: Files) -> None:
    for name, columns in COLUMNS.items():
        rows = list(csv.DictReader(io.StringIO(files[f"data/tables/{name}.csv"].decode())))
        table = json.loads(files[f"data/tables/{name}.json"])
        assert table["columns"] == list(columns)
        assert len(rows) == len(table["rows"]) > 0
        assert list(rows[0]) == list(columns)


def test_no_cell_of_a_table_is_a_formula(files: Files) -> None:
    rows = [row for name in COLUMNS for row in csv.reader(io.StringIO(files[f"data/tables/{name}.csv"].decode()))]
    assert not [cell for row in rows for cell in row if cell.strip()[:1] in tuple("=+-@")]


def test_bag_shows_nothing_beyond_the_tier(workspace: Workspace, assets: list[AssetRecord], tmp_path: Path) -> None:
    write_bag(workspace, assets, tmp_path / "public.zip", Tier.PUBLIC)
    content = b"".join(unpack(tmp_path / "public.zip").values())
    assert b"hidden-9" not in content
    assert FORMULA.encode() not in content


def test_names_of_files_and_tags_carry_no_identifier(files: Files) -> None:
    tags = b"".join(data for name, data in files.items() if not name.startswith("data/"))
    assert PREFIX.encode() not in tags
    assert not [name for name in files if PREFIX in name]


def test_schema_and_notice_lie_in_the_bag(files: Files) -> None:
    assert json.loads(files[SCHEMA_FILE])["$schema"]
    assert b"Never verify with it" in files["data/trust/README.txt"]


FORGERIES: dict[str, tuple[object, Outcome, str]] = {
    "a byte of evidence": (
        lambda files, key: edit(files, evidence(files), b'"chain_id"', b'"chain_iD"'),
        Outcome.REFUTED,
        "data/evidence/",
    ),
    "a byte of evidence, checksums made right": (
        lambda files, key: with_checksums(edit(files, evidence(files), b'"chain_id"', b'"chain_iD"')),
        Outcome.REFUTED,
        "signed list of files",
    ),
    "a table, checksums made right": (
        lambda files, key: with_checksums(edit(files, "data/tables/assets.csv", b"original", b"recycled")),
        Outcome.REFUTED,
        "signed list of files",
    ),
    "a file that is not listed": (
        lambda files, key: {**files, HISTORY_FILE + ".bak": b""},
        Outcome.MALFORMED,
        "no export of this version",
    ),
    "a file that is listed and missing": (
        lambda files, key: {name: data for name, data in files.items() if name != evidence(files)},
        Outcome.MALFORMED,
        "not numbered",
    ),
    "a table that is missing": (
        lambda files, key: {name: data for name, data in files.items() if name != "data/tables/events.csv"},
        Outcome.REFUTED,
        "data/tables/events.csv",
    ),
    "the last evidence file left out, checksums made right": (
        lambda files, key: with_checksums({n: d for n, d in files.items() if n != sorted(evidences(files))[-1]}),
        Outcome.REFUTED,
        "bag-info.txt",
    ),
    "a payload file that the manifest leaves out": (
        lambda files, key: {**files, PAYLOAD_FILE: b"\n".join(files[PAYLOAD_FILE].splitlines()[1:]) + b"\n"},
        Outcome.REFUTED,
        "is not listed",
    ),
    "a manifest that lists what is not there": (
        lambda files, key: {**files, PAYLOAD_FILE: files[PAYLOAD_FILE] + b"0" * 64 + b"  data/more\n"},
        Outcome.REFUTED,
        "is not there",
    ),
    "a manifest that lists a file twice": (
        lambda files, key: {**files, PAYLOAD_FILE: files[PAYLOAD_FILE] + files[PAYLOAD_FILE].splitlines()[0] + b"\n"},
        Outcome.MALFORMED,
        "each path once",
    ),
    "a tag manifest of other bytes": (
        lambda files, key: {**files, TAG_FILE: files[TAG_FILE].replace(b"bagit.txt", b"bagIt.txt")},
        Outcome.REFUTED,
        "tagmanifest",
    ),
    "another description": (
        lambda files, key: with_checksums(edit(files, INFO_FILE, b"2 assets", b"3 assets")),
        Outcome.REFUTED,
        "bag-info.txt",
    ),
    "another version of BagIt": (
        lambda files, key: with_checksums(edit(files, "bagit.txt", b"1.0", b"0.97")),
        Outcome.MALFORMED,
        "BagIt",
    ),
    "another notice": (
        lambda files, key: with_checksums(edit(files, "data/trust/README.txt", b"Never verify", b"Always vrify")),
        Outcome.REFUTED,
        "README.txt",
    ),
    "a key history that leaves an event out": (
        lambda files, key: signed_again(without_event(files), key),
        Outcome.REFUTED,
        "key history",
    ),
    "a signature by a stranger": (
        signed_again,
        Outcome.REFUTED,
        "is not proven to have the key",
    ),
    "a signature in another's name": (
        lambda files, key: signed_again(files, key, lambda one: replace(one, exporter=2)),
        Outcome.REFUTED,
        "organisation 2 is not proven",
    ),
    "a signed manifest that is no JWS": (
        lambda files, key: with_checksums({**files, SIGNED_FILE: b"no.jws"}),
        Outcome.MALFORMED,
        "export manifest",
    ),
    "a trust file that is none": (
        lambda files, key: with_checksums({**files, TRUST_FILE: b"{}"}),
        Outcome.REFUTED,
        "bag-info.txt",
    ),
    "a state file of other bytes": (
        lambda files, key: signed_again(edit(files, STATE_FILE, b"Maker AB", b"Baker AB"), key),
        Outcome.REFUTED,
        "profile",
    ),
    "no state file": (
        lambda files, key: signed_again({n: d for n, d in files.items() if n != STATE_FILE}, key),
        Outcome.MALFORMED,
        "no state files",
    ),
}


def evidences(files: Files) -> list[str]:
    return [name for name in files if name.startswith("data/evidence/")]


def evidence(files: Files) -> str:
    return sorted(evidences(files))[0]


def without_event(files: Files) -> Files:
    value = json.loads(files[HISTORY_FILE])
    value["events"] = [one for one in value["events"] if one["name"] != "NamespaceAssigned"]
    data = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    return {**files, HISTORY_FILE: data}


@pytest.mark.parametrize("name", FORGERIES)
def test_forgery_is_refused_with_its_reason(name: str, files: Files, judge) -> None:  # type: ignore[no-untyped-def]
    forge, outcome, reason = FORGERIES[name]
    key = generate_private_key(Algorithm.ES256, lambda size: b"\1" * size)
    report = judge(forge(files, key))  # type: ignore[operator]
    assert (report.outcome, reason in report.reason) == (outcome, True), report.reason


@pytest.mark.parametrize("table", sorted(COLUMNS))
@pytest.mark.parametrize("form", ["csv", "json"])
def test_table_that_says_otherwise_is_refuted_although_the_exporter_signed_it(
    workspace: Workspace,
    files: Files,
    judge,
    table: str,
    form: str,  # type: ignore[no-untyped-def]
) -> None:
    name = f"data/tables/{table}.{form}"
    key = workspace.member("maker").issuer
    for forged in (files[name][:-4] + b"0" + files[name][-3:], files[name] + b"\n", files[name][:-30]):
        report = judge(signed_again({**files, name: forged}, key))
        assert report.outcome is Outcome.REFUTED
        assert name in report.reason


def test_evidence_that_is_false_is_refuted_although_the_exporter_signed_it(
    workspace: Workspace,
    files: Files,
    judge,  # type: ignore[no-untyped-def]
) -> None:
    forged = edit(files, evidence(files), b'"status":1', b'"status":2')
    report = judge(signed_again(forged, workspace.member("maker").issuer))
    assert report.outcome is Outcome.REFUTED
    assert evidence(files) in report.reason
    assert [one.outcome for one in report.assets] == [Outcome.REFUTED, Outcome.VERIFIED]


def test_organisation_with_several_keys_is_exported(
    workspace: Workspace, assets: list[AssetRecord], tmp_path: Path
) -> None:
    """Their order in a file is that of evidence, and not the order of their thumbprints."""
    first, second = two_keys_in_other_order()
    for key in (first, second):
        add_issuer_key(workspace, "maker", key.public)
    write_bag(workspace, assets, tmp_path / "bag.zip")
    report = verify_bag(tmp_path / "bag.zip", make_trust(workspace), workspace.client.header().timestamp)
    assert report.outcome is Outcome.VERIFIED


def two_keys_in_other_order() -> tuple[SigningKey, SigningKey]:
    """Two keys whose thumbprints stand in another order than their JWKs."""
    while True:
        keys = [generate_private_key(Algorithm.ES256, os.urandom) for _ in range(2)]
        first, second = sorted(keys, key=lambda one: one.public.thumbprint)
        if canonical_json(dict(second.public.jwk)) < canonical_json(dict(first.public.jwk)):
            return first, second


def test_bag_signed_with_a_devices_key_of_its_exporter_is_refuted(
    workspace: Workspace, assets: list[AssetRecord], tmp_path: Path
) -> None:
    """A thief of a device's key must not sign for its organisation what it exports."""
    device = generate_private_key(Algorithm.ES256, os.urandom)
    add_issuer_key(workspace, "maker", device.public, DEVICE_KEY)
    write_bag(workspace, assets, tmp_path / "honest.zip")
    trust, now = make_trust(workspace), workspace.client.header().timestamp
    assert verify_bag(tmp_path / "honest.zip", trust, now).outcome is Outcome.VERIFIED
    false = pack(tmp_path / "false.zip", signed_again(unpack(tmp_path / "honest.zip"), device))
    report = verify_bag(false, trust, now)
    assert (report.outcome, "for a device" in str(report.problems)) == (Outcome.REFUTED, True)


def test_counts_that_are_not_those_of_the_evidence_are_refuted(workspace: Workspace, files: Files, judge) -> None:  # type: ignore[no-untyped-def]
    key = workspace.member("maker").issuer
    report = judge(signed_again(files, key, lambda one: replace(one, events=4)))
    assert (report.outcome, "4 events" in report.reason) == (Outcome.REFUTED, True)


def test_later_block_than_the_evidence_reaches_is_refuted(workspace: Workspace, files: Files, judge) -> None:  # type: ignore[no-untyped-def]
    key = workspace.member("maker").issuer
    later = lambda one: replace(one, as_of=replace(one.as_of, number=one.as_of.number + 1))  # noqa: E731
    assert judge(signed_again(files, key, later)).outcome is Outcome.REFUTED


def test_bag_of_an_old_block_is_undetermined(bag: Path, trust: Trust, now: int) -> None:
    report = verify_bag(bag, trust, now + 40 * 86_400)
    assert report.outcome is Outcome.UNDETERMINED
    assert report.exporter == 1


def test_bag_of_another_consortium_is_undetermined(bag: Path, trust: Trust, now: int) -> None:
    other = replace(trust, consortium=TrustedContract(b"\7" * 20, trust.consortium.code_hash))
    assert verify_bag(bag, other, now).outcome is Outcome.UNDETERMINED


def test_bag_of_another_chain_is_not_verified(bag: Path, trust: Trust, now: int) -> None:
    assert verify_bag(bag, replace(trust, chain_id=7), now).outcome is not Outcome.VERIFIED


def test_code_that_the_trust_file_does_not_name_is_undetermined(bag: Path, trust: Trust, now: int) -> None:
    other = replace(trust, consortium=TrustedContract(trust.consortium.address, bytes(32)))
    assert verify_bag(bag, other, now).outcome is Outcome.UNDETERMINED


def test_no_asset_is_no_bag(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="0 assets"):
        write_bag(workspace, [], tmp_path / "x.zip")
    assert list(tmp_path.iterdir()) == []


def test_folder_that_is_not_there_leaves_nothing(
    workspace: Workspace, assets: list[AssetRecord], tmp_path: Path
) -> None:
    with pytest.raises(RejectedError, match="cannot be written"):
        write_bag(workspace, assets, tmp_path / "no" / "x.zip")


def test_existing_file_stays_where_an_export_fails(
    workspace: Workspace, assets: list[AssetRecord], tmp_path: Path
) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(b"before")
    unknown = replace(assets[0], subject=hashlib.sha256(b"x").digest(), identifier="A")

    def broken(_: int) -> None:
        raise UnknownAssetError("stop")

    with pytest.raises(UnknownAssetError):
        write_bag(workspace, [unknown, *assets], path, on_progress=broken)
    assert path.read_bytes() == b"before"
    assert [one.name for one in tmp_path.iterdir()] == ["x.zip"]


def test_bag_that_is_not_there_is_missing(tmp_path: Path, trust: Trust) -> None:
    with pytest.raises(MissingError):
        verify_bag(tmp_path / "none.zip", trust, 0)
