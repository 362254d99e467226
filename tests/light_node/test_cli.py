"""`vinculum-light` as a person uses it: exit codes, words, JSON, and no traceback."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ledger.proof.evidence import encode_evidence
from ledger.proof.tlog_text import ConsistencyProof, encode_consistency_proof
from ledger.strict_json import canonical_json
from light_node.cli.main import MODULES, main
from light_node.edge.reading_proof import encode_proof, prove_reading
from light_node.edge.receipt import KIND, batch_fields
from light_node.trust import Trust, encode_trust
from tests.light_node.edge.making import KEY, leaves_of, signed, stated
from tests.light_node.test_device_key import Case
from tests.light_node.test_log_growth import KEY as LOG_KEY
from tests.light_node.test_log_growth import at, path
from tests.simulator.world import MAKER, VIN, World, make_world


class Bench:
    """A folder with a node, a trust file and evidence."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._capsys, self._patch, self.out, self.err = folder, capsys, monkeypatch, "", ""
        self.world: World = make_world()
        self.car = self.write("car.json", encode_evidence(self.world.chain.evidence(self.world.vehicle)))
        self.trust: Trust = self.world.chain.trust()
        self.trust_file = self.write("trust.json", encode_trust(self.trust))
        self.at(self.world.chain.time)

    def at(self, now: int) -> None:
        self._patch.setattr(time, "time", lambda: float(now))

    def write(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path

    def run(self, *arguments: object) -> int:
        words = [*map(str, arguments), "--home", str(self.folder / "node")]
        code = main(words)
        self.out, self.err = self._capsys.readouterr()
        return code

    def json(self, *arguments: object) -> dict[str, object]:
        self.run(*arguments, "--json")
        found: dict[str, object] = json.loads(self.out)
        return found

    def pin(self) -> int:
        return self.run("trust", "pin", self.trust_file, "--fingerprint", self.trust.fingerprint())


@pytest.fixture
def bench(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, capsys, monkeypatch)


def test_pinned_node_verifies_and_remembers(bench: Bench) -> None:
    assert bench.pin() == 0
    assert bench.trust.fingerprint() in bench.out
    assert bench.run("verify", bench.car) == 0
    assert bench.out.startswith("VERIFIED\n")
    assert bench.run("state") == 0
    assert "block 1 of chain 31337" in bench.out


def test_file_alone_is_judged_by_a_trust_file_and_nothing_is_remembered(bench: Bench) -> None:
    assert bench.run("verify", bench.car, "--trust", bench.trust_file) == 0
    assert not (bench.folder / "node").exists()


def test_asset_that_is_asked_for_is_shown(bench: Bench) -> None:
    assert bench.run("verify", bench.car, "--trust", bench.trust_file, "--asset", VIN) == 0


def test_refuted_ends_with_1(bench: Bench) -> None:
    data = bench.car.read_bytes().replace(b'"status":1', b'"status":2', 1)
    assert bench.run("verify", bench.write("bad.json", data), "--trust", bench.trust_file) == 1
    assert bench.out.startswith("REFUTED at step 6 (fold)")


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff" * 10, b"[" * 10_000])
def test_malformed_ends_with_2(bench: Bench, data: bytes) -> None:
    assert bench.run("verify", bench.write("bad.json", data), "--trust", bench.trust_file) == 2
    assert bench.out.startswith("MALFORMED at step 1 (parse)")


def test_too_old_ends_with_3(bench: Bench) -> None:
    bench.at(bench.world.chain.time + 30 * 86400)
    assert bench.run("verify", bench.car, "--trust", bench.trust_file) == 3
    assert bench.out.startswith("UNDETERMINED at step 12 (freshness)")


def test_clock_before_the_last_head_is_undetermined(bench: Bench) -> None:
    bench.pin()
    bench.run("verify", bench.car)
    bench.at(bench.trust.trusted_block.time - 3600)
    assert bench.run("verify", bench.car) == 3
    assert "clock" in bench.out


def test_json_is_one_value(bench: Bench) -> None:
    value = bench.json("verify", bench.car, "--trust", bench.trust_file)
    assert value["outcome"] == "verified"
    assert value["fork"] is None


@pytest.mark.parametrize(
    "words",
    [
        ("verify", "nowhere.json"),
        ("verify", "nowhere.json", "--trust", "nowhere.json"),
        ("trust", "show"),
        ("trust", "fingerprint"),
        ("trust", "pin", "nowhere.json", "--fingerprint", "00"),
    ],
)
def test_what_is_missing_is_named_and_ends_with_2(bench: Bench, words: Sequence[str]) -> None:
    assert bench.run(*words) == 2
    assert bench.err.startswith("ConfigurationError: ")
    assert "Traceback" not in bench.err


def test_verify_without_a_node_says_what_to_do(bench: Bench) -> None:
    assert bench.run("verify", bench.car) == 2
    assert "pin a trust file first" in bench.err


def test_trust_file_of_another_fingerprint_is_not_pinned(bench: Bench) -> None:
    wrong = bench.trust.fingerprint()[:-1] + "0"
    wrong = wrong if wrong != bench.trust.fingerprint() else wrong[:-1] + "1"
    assert bench.run("trust", "pin", bench.trust_file, "--fingerprint", wrong) == 3
    assert not (bench.folder / "node").exists()


def test_fingerprint_may_be_typed_without_blanks_or_in_capitals(bench: Bench) -> None:
    typed = bench.trust.fingerprint().replace(" ", "").upper()
    assert bench.run("trust", "pin", bench.trust_file, "--fingerprint", typed) == 0


def test_second_trust_file_is_not_pinned_over_the_first(bench: Bench) -> None:
    bench.pin()
    other = bench.world.chain.trust(maximum_age_seconds=1)
    file = bench.write("other.json", encode_trust(other))
    assert bench.run("trust", "pin", file, "--fingerprint", other.fingerprint()) == 2
    assert bench.json("trust", "fingerprint")["fingerprint"] == bench.trust.fingerprint()


def test_rotation_puts_another_trust_file_in_place(bench: Bench) -> None:
    bench.pin()
    other = bench.world.chain.trust(maximum_age_seconds=1)
    file = bench.write("other.json", encode_trust(other))
    assert bench.run("trust", "rotate", file, "--fingerprint", other.fingerprint()) == 0
    assert bench.json("trust", "fingerprint")["fingerprint"] == other.fingerprint()


@pytest.mark.parametrize("changes", [{"chain_id": 7}, {"consortium": None}])
def test_rotation_to_another_chain_or_consortium_is_refused(bench: Bench, changes: dict[str, object]) -> None:
    bench.pin()
    if "consortium" in changes:
        changes = {"consortium": type(bench.trust.consortium)(b"\x01" * 20, bytes(32))}
    other = bench.world.chain.trust(**changes)
    file = bench.write("other.json", encode_trust(other))
    assert bench.run("trust", "rotate", file, "--fingerprint", other.fingerprint()) == 3
    assert bench.json("trust", "fingerprint")["fingerprint"] == bench.trust.fingerprint()


def test_rotation_does_not_begin_before_the_pinned_one(bench: Bench) -> None:
    block = bench.world.chain.blocks[1]
    later = bench.world.chain.trust(trusted_block=type(bench.trust.trusted_block)(block.number, block.hash, block.time))
    file = bench.write("later.json", encode_trust(later))
    assert bench.run("trust", "pin", file, "--fingerprint", later.fingerprint()) == 0
    assert bench.run("trust", "rotate", bench.trust_file, "--fingerprint", bench.trust.fingerprint()) == 3


def test_show_tells_who_makes_a_head_final(bench: Bench) -> None:
    assert bench.run("trust", "show", bench.trust_file) == 0
    assert "2 of 3 witnesses" in bench.out
    assert bench.out.count("signed by") == 3


def test_fork_is_named_and_the_state_says_so(bench: Bench) -> None:
    bench.pin()
    bench.run("verify", bench.car)
    other = make_world()
    other.chain.time += 1
    forked = bench.write("fork.json", encode_evidence(other.chain.evidence(other.vehicle)))
    assert bench.run("verify", forked) == 1
    assert "both signed heads are kept in" in bench.out
    assert bench.run("state") == 1
    assert "contradict" in bench.out


@pytest.mark.parametrize("lines", ["x\n", "old 1\nnew 2\nAAAA\n", "old 2\nnew 1\n", "old 1\nnew 2", "A" * 100_000])
def test_consistency_path_out_of_its_form_ends_with_2(bench: Bench, lines: str) -> None:
    bench.pin()
    path = bench.write("path", lines.encode())
    assert bench.run("verify", bench.car, "--consistency", path) == 2


def test_wrong_words_end_with_2(bench: Bench) -> None:
    assert main(["certify"]) == 2


WRONG_WORDS = [
    [],
    ["certify"],
    ["verify"],
    ["verify", "a", "b"],
    ["verify", "a", "--never"],
    ["verify", "a", "--trust"],
    ["trust"],
    ["trust", "pin", "a"],
    ["state", "contrast"],
    ["state", "compare"],
    ["grew", "a", "b", "c"],
    ["anchor"],
    ["run"],
    ["health", "--config"],
]


@pytest.mark.parametrize("words", WRONG_WORDS, ids=" ".join)
def test_wrong_words_are_told_to_machines_as_one_json_value(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--json"]) == 2
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert (told["error"], sorted(told)) == ("ConfigurationError", ["error", "message"])
    assert err.startswith("usage: vinculum-light")
    assert main(words) == 2
    assert capsys.readouterr().out == ""


def test_device_is_reached_by_the_same_command(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["attest", "--help"])
    assert ended.value.code == 0
    assert "usage: vinculum-light attest" in capsys.readouterr().out


def test_device_without_settings_says_so(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["attest", "--settings", str(bench.folder / "none.toml"), "status"]) == 2
    assert "none.toml" in capsys.readouterr().err


def test_reading_of_an_attested_batch_is_told(bench: Bench) -> None:
    statement = signed(stated((0, 1, 2), 0, None, bench.world.battery.subject))
    bench.world.chain.record(bench.world.battery, MAKER, KIND, **batch_fields(statement))
    pack = bench.write("pack.json", encode_evidence(bench.world.chain.evidence(bench.world.battery)))
    proof = bench.write("proof.json", encode_proof(prove_reading(statement.text, leaves_of(0, 1, 2), 1)))
    key = bench.write("device.jwk", canonical_json(dict(KEY.public.jwk)))
    bench.at(bench.world.chain.time)
    assert bench.run("reading", pack, proof, "--trust", bench.trust_file) == 0
    assert bench.out.startswith("VERIFIED\n  voltage 380.1 volt from 'can0/BMS'\n")
    assert "no key of the device was given" in bench.out
    value = bench.json("reading", pack, proof, "--trust", bench.trust_file, "--device-key", key)
    assert (value["value"], value["device_signature_verified"]) == (380.1, True)
    assert bench.run("reading", bench.car, proof, "--trust", bench.trust_file) == 1
    assert "InclusionError" in bench.err
    assert bench.run("reading", bench.write("bad.json", b"{}"), proof, "--trust", bench.trust_file) == 2


def read(bench: Bench, case: Case, *, proven: bool = True) -> int:
    """Judge a reading by evidence at a new block, with the proof of the device's key at that block, or without."""
    pack = bench.write("pack.json", encode_evidence(bench.world.chain.evidence(bench.world.battery)))
    proof = bench.write("proof.json", encode_proof(case.reading_proof(case.key_proof() if proven else None)))
    bench.at(bench.world.chain.time)
    return bench.run("reading", pack, proof, "--trust", bench.trust_file)


def test_reading_of_an_enrolled_device_says_so_and_no_more(bench: Bench) -> None:
    case = Case(bench.world)
    assert read(bench, case) == 0
    assert f"signed by device key {KEY.public.key_id}, which organisation {MAKER} had enrolled" in bench.out
    assert read(bench, case, proven=False) == 0
    assert "by that organisation's word" in bench.out
    assert "enrolled" not in bench.out


def test_reading_with_a_key_that_was_only_given_says_that_nothing_proves_it(bench: Bench) -> None:
    case = Case(bench.world)
    read(bench, case, proven=False)
    key = bench.write("device.jwk", canonical_json(dict(KEY.public.jwk)))
    words = ("reading", bench.folder / "pack.json", bench.folder / "proof.json", "--trust", bench.trust_file)
    assert bench.run(*words, "--device-key", key) == 0
    assert "nothing here proves that organisation 1 enrolled it" in bench.out
    value = bench.json(*words, "--device-key", key)
    assert (value["outcome"], value["device_key_standing"]) == ("verified", "given")


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"flags": 0}, 1, "not for a device"),
        ({"revoked_from": -60, "changed_at": -60}, 1, "revoked"),
        ({"valid_until": -60}, 1, "outside its validity"),
        ({"revoked_from": -60, "changed_at": 60}, 3, "DISPUTED"),
    ],
)
def test_reading_of_a_device_that_was_not_trusted_then(
    bench: Bench, changes: dict[str, int], code: int, said: str
) -> None:
    case = Case(bench.world)
    case.enrol(**{name: value and value + case.attested_at for name, value in changes.items()})
    assert read(bench, case) == code
    assert said in bench.out + bench.err
    assert not bench.out.startswith("VERIFIED")


def test_reading_by_the_node_that_remembers(bench: Bench) -> None:
    """The header that its own memory accepted is what the device's key is held to."""
    case = Case(bench.world)
    assert bench.pin() == 0
    read(bench, case)
    words = ("reading", bench.folder / "pack.json", bench.folder / "proof.json")
    value = bench.json(*words)
    assert (value["outcome"], value["device_key_standing"]) == ("verified", "proven")
    assert bench.run("state") == 0


def test_proof_of_another_block_than_the_evidence_is_undetermined(bench: Bench) -> None:
    case = Case(bench.world)
    read(bench, case)
    later = bench.write("later.json", encode_evidence(bench.world.chain.evidence(bench.world.battery)))
    bench.at(bench.world.chain.time)
    assert bench.run("reading", later, bench.folder / "proof.json", "--trust", bench.trust_file) == 3
    assert "do not go together" in bench.err


def test_log_that_grew_and_one_that_shrank(bench: Bench) -> None:
    before, after = bench.write("before", at(7).note.encode()), bench.write("after", at(20).note.encode())
    proof = bench.write("proof", encode_consistency_proof(ConsistencyProof(7, 20, tuple(path(7, 20)))))
    key = LOG_KEY.vkey
    assert bench.run("grew", before, after, proof, "--key", key) == 0
    assert "grew from 7 to 20 entries" in bench.out
    assert bench.run("grew", after, before, proof, "--key", key) == 3
    assert bench.run("grew", before, after, bench.write("junk", b"x"), "--key", key) == 2
    assert bench.run("grew", before, after, proof, "--key", "junk") == 2


@pytest.mark.parametrize("command", MODULES)
def test_each_command_is_in_the_module_that_is_imported_for_it(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: vinculum-light {command} ")


@pytest.mark.parametrize("words", [["--help"], ["nonsense"], []])
def test_all_commands_are_listed_where_none_is_asked_for(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main(words)
    except SystemExit as ended:
        code = int(ended.code or 0)
    out, err = capsys.readouterr()
    assert (code == 0) == (words == ["--help"])
    if words:
        assert all(command in out + err for command in MODULES)


def test_only_the_command_that_is_asked_for_is_imported(bench: Bench) -> None:
    probe = (
        "import sys, light_node.cli.main as node\n"
        f"node.main(['verify', {str(bench.car)!r}, '--trust', {str(bench.trust_file)!r}])\n"
        f"print([name for name in {sorted(set(MODULES.values()))!r} if f'light_node.cli.{{name}}' in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['verifying']"


# ---- what nobody may take for a verdict ----------------------------------------------------------------------------

OTHER_BATTERY = "https://id.gs1.org/01/09521000001206/21/LC-EV-999999"


@pytest.mark.parametrize(
    "identifier",
    [
        VIN[:-1] + "O",
        VIN[:-1] + ("9" if VIN[-1] != "9" else "8"),
        VIN[:-1],
        VIN + "0",
        "",
        " ",
        "\udcff",
        "é",
        "A" * 5000,
    ],
)
def test_what_names_no_asset_is_misuse_and_nothing_is_called_verified(bench: Bench, identifier: str) -> None:
    code = bench.run("verify", bench.car, "--trust", bench.trust_file, "--asset", identifier)
    assert (code, "VERIFIED" in bench.out) == (2, False)


@pytest.mark.parametrize("identifier", [OTHER_BATTERY, "1HGCM82633A004352"])
def test_an_identifier_of_another_asset_is_not_verified_whatever_type_it_is_of(bench: Bench, identifier: str) -> None:
    code = bench.run("verify", bench.car, "--trust", bench.trust_file, "--asset", identifier)
    assert (code, bench.out.startswith("UNDETERMINED at step 2 (identity)")) == (3, True), bench.out


def _command(folder: Path, *words: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "light_node.cli.main", *words]
    environment = {"PYTHONPATH": str(Path(__file__).parents[2]), **options.pop("env", {})}
    return subprocess.run(command, cwd=folder, env=environment, check=False, timeout=60, **options)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "utf-16"])
@pytest.mark.parametrize("name", ["n\u00e9.json", "\u202e.json", "\udcff.json", "\U0001f600"])
def test_json_is_json_in_any_encoding_and_of_any_name(tmp_path: Path, encoding: str, name: str) -> None:
    for words in (["verify", name, "--trust", name], ["verify", name], ["state", "--home", name], [name], ["run"]):
        done = _command(tmp_path, *words, "--json", env={"PYTHONIOENCODING": encoding}, capture_output=True)
        assert b"Traceback" not in done.stderr
        value = json.loads(done.stdout.decode(encoding))
        assert all(one.encode("utf-8") for one in value.values() if isinstance(one, str))
        assert done.returncode == (0 if words[0] == "state" else 2)


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="a full disk is simulated by /dev/full")
@pytest.mark.parametrize("words", [[], ["--json"]])
@pytest.mark.parametrize("name", ["car.json", "trust.json"])
def test_a_full_disk_under_the_output_is_no_verdict(bench: Bench, name: str, words: list[str]) -> None:
    with FULL.open("wb") as full:
        done = _command(
            bench.folder, "verify", name, "--trust", "trust.json", *words, stdout=full, stderr=subprocess.PIPE
        )
    assert (done.returncode, b"Traceback" in done.stderr) == (3, False)
    assert b"No space left on device" in done.stderr


def test_an_output_that_is_closed_leaves_the_exit_code(bench: Bench) -> None:
    command = [sys.executable, "-m", "light_node.cli.main", "verify", "none.json", "--trust", "trust.json"]
    for closed in ("1", "2"):
        done = subprocess.run(
            ["/bin/sh", "-c", f'exec "$@" {closed}>&-', "sh", *command],
            cwd=bench.folder,
            env={"PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            check=False,
        )
        assert (done.returncode, b"Traceback" in done.stderr) == (2, False)


def test_runs_without_docstrings_and_assertions(bench: Bench) -> None:
    command = [sys.executable, "-OO", "-m", "light_node.cli.main", "trust", "fingerprint", "trust.json"]
    bare = {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, cwd=bench.folder, env=bare, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"{bench.trust.fingerprint()}\n")


@pytest.mark.parametrize(
    "fault", [RuntimeError("bug"), MemoryError(), RecursionError(), OSError(5, "Input/output error")]
)
def test_a_fault_of_ours_decides_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    def fail(*_: object) -> None:
        raise fault

    monkeypatch.setattr("light_node.cli.verifying.judge_file", fail)
    monkeypatch.setattr("light_node.cli.main._let_go", lambda _: None)
    assert bench.run("verify", bench.car, "--trust", bench.trust_file) == 3
    assert bench.out == ""


def test_a_fault_of_ours_in_the_devices_command_refuses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> int:
        raise RuntimeError("bug")

    monkeypatch.setattr("light_node.edge.command.main", fail)
    monkeypatch.setattr("light_node.cli.main._let_go", lambda _: None)
    assert main(["attest", "status"]) == 3
