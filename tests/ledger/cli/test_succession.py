"""``vinculum witness endorse`` and ``combine`` in a real home, up to a light node that takes what was signed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from light_node.cli.main import main as light
from light_node.succession.published import parse_published
from light_node.succession.statement import parse_succession, verify_succession
from light_node.trust import Trust, TrustedContract, encode_trust, parse_trust
from tests.ledger.cli.conftest import ORGANISATIONS, Ran, run
from tests.light_node.succession.making import A, note

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def files(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trust file before a fifth member came, and the one after."""
    folder = tmp_path_factory.mktemp("trust")
    assert run("trust", "export", "-o", folder / "old.json").code == 0
    assert run("org", "add", "insurer", "--title", "The insurer", "--role", "insure", "--role", "member").code == 0
    assert run("trust", "export", "-o", folder / "new.json").code == 0
    return folder


def trust(files: Path, name: str) -> Trust:
    return parse_trust((files / f"{name}.json").read_bytes())


def write(files: Path, name: str, changed: Trust) -> Path:
    path = files / f"{name}.json"
    path.write_bytes(encode_trust(changed))
    return path


def endorse(files: Path, *more: object, old: str = "old", new: str = "new", yes: bool = True) -> Ran:
    words = ["--trust", files / f"{old}.json", "--successor", files / f"{new}.json", "-o", files / "out.note"]
    return run("witness", "endorse", *words, *map(str, more), *(["--yes"] if yes else []))


@pytest.fixture(scope="module")
def both(files: Path) -> Ran:
    """Two that signed alone, put together in ``both.note``."""
    two = [files / f"{name}.note" for name in ("workshop", "recycler")]
    for path in two:
        ran = endorse(files, "--as", path.stem, "--json", "-o", path)
        assert (ran.code, ran.json["signed"], ran.json["enough"]) == (0, [f"{path.stem}.witness.vinculum"], False)
    return run("witness", "combine", *two, "--trust", files / "old.json", "-o", files / "both.note")


@pytest.fixture(scope="module")
def whole(files: Path) -> Ran:
    """All that are unlocked signed ``whole.note``."""
    return endorse(files, "--json", "-o", files / "whole.note")


def test_1_nobody_is_asked_and_nothing_is_signed_without_a_person(files: Path) -> None:
    ran = endorse(files, yes=False)
    assert (ran.code, "--yes" in ran.err) == (2, True)
    assert not (files / "out.note").exists()
    for line in (f"from {trust(files, 'old').fingerprint()}", "/finality/witnesses: nothing -> ", "insurer.witness"):
        assert line in ran.out


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda one: replace(one, chain_id=7), 1),
        (lambda one: replace(one, trusted_block=replace(one.trusted_block, hash=b"\1" * 32)), 1),
        (lambda one: replace(one, trusted_block=replace(one.trusted_block, time=one.trusted_block.time + 1)), 1),
        (lambda one: replace(one, trusted_block=replace(one.trusted_block, number=10**6)), 3),
        (lambda one: replace(one, consortium=TrustedContract(b"\1" * 20, bytes(32))), 1),
        (
            lambda one: replace(
                one, logs={kind: (replace(logs[0], code_hash=bytes(32)),) for kind, logs in one.logs.items()}
            ),
            1,
        ),
        (lambda one: replace(one, finality=replace(one.finality, origin="other")), 1),
    ],
)
def test_2_what_this_home_does_not_hold_is_not_signed(files: Path, change: Callable[[Trust], Trust], code: int) -> None:
    write(files, "bad", change(trust(files, "new")))
    ran = endorse(files, new="bad")
    assert ran.code == code, ran
    assert not (files / "out.note").exists()


def test_3_trust_files_of_another_chain_are_none_of_this_home(files: Path) -> None:
    write(files, "simulated", A)
    write(files, "simulated-too", replace(A, maximum_age_seconds=1))
    ran = endorse(files, old="simulated", new="simulated-too")
    assert (ran.code, "this home is of" in ran.err) == (1, True)


def test_4_no_trust_file_follows_itself(files: Path) -> None:
    assert endorse(files, new="old").code == 2


def test_5_a_witness_that_the_old_one_does_not_pin_signs_nothing(files: Path) -> None:
    ran = endorse(files, "--as", "insurer")
    assert (ran.code, "no signature would count" in ran.err) == (2, True)
    assert endorse(files, "--as", "nobody").code == 2


def test_6_one_signs_and_two_notes_are_one(files: Path, both: Ran) -> None:
    assert (both.code, "2 of the 3 that are needed" in both.out) == (3, True)
    assert len(parse_succession((files / "both.note").read_bytes()).signatures) == 2
    two = [files / f"{name}.note" for name in ("workshop", "recycler")]
    assert run("witness", "combine", *two, "--trust", files / "new.json", "-o", files / "no.note").code == 1
    (files / "junk.note").write_bytes(b"junk")
    words = ["--trust", files / "old.json", "-o", files / "no.note"]
    assert run("witness", "combine", *two, files / "junk.note", *words).code == 2
    assert not (files / "no.note").exists()


@pytest.mark.usefixtures("both")
def test_7_all_that_are_unlocked_sign_and_a_light_node_goes_on(files: Path, whole: Ran) -> None:
    assert whole.code == 0
    assert {name.partition(".")[0] for name in whole.json["signed"]} == set(ORGANISATIONS)
    assert (whole.json["enough"], whole.json["needed"], whole.json["refused"]) == (True, 3, {})
    note = parse_succession((files / "whole.note").read_bytes())
    verify_succession(trust(files, "old"), trust(files, "new"), note)
    node = ["--home", str(files / "node")]
    told = trust(files, "old").fingerprint()
    assert light(["trust", "pin", str(files / "old.json"), "--fingerprint", told, *node]) == 0
    rotate = ["trust", "rotate", str(files / "new.json"), "--succession"]
    assert light([*rotate, str(files / "both.note"), *node]) == 3
    assert light([*rotate, str(files / "whole.note"), *node]) == 0
    assert light(["state", *node]) == 0


def publish(files: Path, note: str, new: str = "new", old: str = "old") -> Ran:
    words = ["--trust", files / f"{old}.json", "--successor", files / f"{new}.json"]
    return run("witness", "publish", files / f"{note}.note", *words, "--json")


@pytest.mark.usefixtures("both", "whole")
def test_8_what_enough_signed_is_published_once_and_nothing_else(files: Path, home: Path) -> None:
    folder = home / "witness" / "published"
    assert publish(files, "both").code == 1
    assert publish(files, "whole", new="old").code == 1
    assert publish(files, "whole", old="new").code == 1
    (files / "junk.note").write_bytes(b"junk")
    assert publish(files, "junk").code == 2
    assert not folder.exists()
    assert (publish(files, "whole").json["added"], publish(files, "whole").json["added"]) == (True, False)
    (path,) = folder.glob("*.json")
    assert path.stem == trust(files, "old").fingerprint().replace(" ", "")
    assert parse_published(path.read_bytes()).successor == trust(files, "new")


def test_8_of_another_chain_it_publishes_nothing(files: Path) -> None:
    later = replace(A, maximum_age_seconds=1)
    write(files, "simulated", A)
    write(files, "simulated-too", later)
    (files / "simulated.note").write_bytes(note(A, later))
    ran = publish(files, "simulated", "simulated-too", "simulated")
    assert (ran.code, "this home is of" in ran.out) == (1, True)


@pytest.mark.usefixtures("whole")
def test_8_no_witness_signs_another_successor(files: Path) -> None:
    write(files, "other", replace(trust(files, "new"), maximum_age_seconds=1))
    ran = endorse(files, new="other")
    assert (ran.code, "signs no other" in ran.err) == (1, True)
    assert endorse(files, "--as", "workshop", old="new", new="old").code == 1
    assert not (files / "out.note").exists()
    assert endorse(files).code == 0


def test_9_one_that_promised_something_else_is_named_beside_those_who_sign(files: Path, home: Path) -> None:
    """As when it was asked alone before; the home is given a trust file that follows the second."""
    third = write(files, "third", replace(trust(files, "new"), maximum_age_seconds=2))
    write(files, "fourth", replace(trust(files, "new"), maximum_age_seconds=3))
    assert endorse(files, "--as", "workshop", old="new", new="third").code == 0
    ran = endorse(files, old="new", new="fourth")
    assert ran.code == 1
    assert "workshop.witness.vinculum did not sign" in ran.out
    assert len(parse_succession((files / "out.note").read_bytes()).signatures) == 4
    third.unlink()
    assert run("audit").code == 0


def test_places_that_cannot_be_written_to_are_refused_at_once(files: Path) -> None:
    for target in (files, files / "nowhere" / "note"):
        assert endorse(files, "-o", target).code == 2
