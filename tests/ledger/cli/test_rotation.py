"""``vinculum rotation``: members put another pinned set in the place of theirs, over a chain that nobody seals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from light_node.qbft.rotation import encode_rotation, parse_rotation, sign_rotation
from light_node.trust import encode_trust, parse_trust
from light_node.trust_rules import Source, ValidatorRule
from tests.ledger.cli.conftest import Ran, run
from tests.simulator.qbft import Validator, addresses, validators

pytestmark = pytest.mark.integration

FOUR = validators(4)
FIVE = [*FOUR, Validator("fifth")]
FAR = 1_000_000
"""A block that is still to come when these tests end."""


def texts(members: list[Validator]) -> list[str]:
    return [f"0x{one.hex()}" for one in addresses(members)]


@pytest.fixture(scope="module")
def pinned(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home, which goes on from a trust file that another member made; returns a folder for files."""
    folder = tmp_path_factory.mktemp("rotation")
    refused = run("rotation", "show")
    assert (refused.code, "rotation begin" in refused.err) == (2, True)
    exported = folder / "witnessed.trust.json"
    assert run("trust", "export", "-o", exported).code == 0
    rule = ValidatorRule(Source.PINNED, addresses(FOUR), threshold=3)
    trust = replace(parse_trust(exported.read_bytes()), finality=rule, block_hash_rule="qbft")
    (folder / "pinned.trust.json").write_bytes(encode_trust(trust))
    begun = run("rotation", "begin", "--trust", folder / "pinned.trust.json")
    assert begun.code == 0, begun
    assert begun.out.splitlines()[1:] == [f"  {one}" for one in texts(FOUR)]
    return folder


def proposed(folder: Path, name: str, members: list[Validator], *more: str) -> Path:
    target = folder / name
    ran = run("rotation", "propose", *texts(members), "--effective", str(FAR), "-o", target, *more)
    assert ran.code == 0, ran
    return target


def key_of(folder: Path, one: Validator, before: str = "") -> Path:
    path = folder / f"key-{one.address.hex()}"
    path.write_text(before + one.key.secret.hex() + "\n")
    return path


def sign(file: Path, folder: Path, one: Validator, before: str = "") -> Ran:
    return run("rotation", "sign", file, "--key", key_of(folder, one, before))


@pytest.fixture(scope="module")
def both(pinned: Path) -> Path:
    """A rotation that enough members signed here."""
    file = proposed(pinned, "both.json", FIVE)
    for one in FOUR[:3]:
        assert sign(file, pinned, one).code == 0
    return file


@pytest.fixture(scope="module")
def other(pinned: Path) -> Path:
    """Another of the same sequence."""
    return proposed(pinned, "other.json", FIVE[1:])


@pytest.fixture(scope="module")
def published(both: Path, other: Path) -> Ran:
    """The first of the two published, after both were proposed; how that ended."""
    assert other != both
    return run("rotation", "publish", both)


@pytest.mark.usefixtures("home")
def test_1_what_nobody_seals_is_not_pinned() -> None:
    refused = run("rotation", "begin", *texts(FOUR))
    assert refused.code == 2
    assert run("rotation", "begin").code == 2
    assert run("rotation", "begin", "0x12").code == 2


def test_2_the_line_is_shown(pinned: Path) -> None:
    (first,) = run("rotation", "show", "--json").json
    assert (first["sequence"], first["k"], first["validators"]) == (0, 3, texts(FOUR))
    assert "changed by 3 of them" in run("rotation", "show").out
    again = run("rotation", "begin", "--trust", pinned / "pinned.trust.json")
    assert again.code == 0
    assert run("rotation", "begin", "--trust", pinned / "witnessed.trust.json").code == 2
    assert run("rotation", "begin", "--trust", pinned / "pinned.trust.json", *texts(FOUR)).code == 2


def test_3_what_is_no_next_set_is_not_proposed(pinned: Path) -> None:
    def refused(*words: str) -> Ran:
        ran = run("rotation", "propose", *words, "-o", pinned / "never.json")
        assert not (pinned / "never.json").exists()
        return ran

    assert refused(*texts(FIVE), "--effective", "0").code == 2
    assert "too early" in refused(*texts(FIVE), "--effective", "1").err
    assert refused("--effective", str(FAR)).code == 2
    assert refused("0x12", "--effective", str(FAR)).code == 2
    assert refused(*texts(FIVE), texts(FIVE)[0], "--effective", str(FAR)).code == 2
    for k in ("0", "3", "6"):
        assert refused(*texts(FIVE), "--effective", str(FAR), "--k", k).code == 2


def test_4_members_sign_here_and_elsewhere(pinned: Path) -> None:
    mine, theirs = proposed(pinned, "mine.json", FIVE), proposed(pinned, "theirs.json", FIVE)
    assert mine.read_bytes() == theirs.read_bytes()
    assert "3 more signatures needed" in run("rotation", "show", mine).out
    assert "2 more signatures needed" in sign(mine, pinned, FOUR[0]).out
    assert sign(mine, pinned, FOUR[1], "0x").code == 0
    shown: dict[str, Any] = run("rotation", "show", theirs, "--json").json
    elsewhere = Account.sign_message(encode_typed_data(full_message=shown["typed_data"]), FOUR[2].key.secret)
    signed = run("rotation", "sign", theirs, "--signature", f"0x{bytes(elsewhere.signature).hex()}", "--json")
    assert (signed.json["signed_by"], signed.json["missing"]) == (texts(FOUR[2:3]), 2)
    early = run("rotation", "publish", mine)
    assert (early.code, "2 valid signatures under rotation 1, 3 required" in early.err) == (1, True)
    combined = run("rotation", "combine", mine, theirs, "-o", pinned / "combined.json")
    assert (combined.code, combined.out.count("  signed    ")) == (0, 3)
    assert "enough members signed" in run("rotation", "show", pinned / "combined.json").out


def test_5_a_wrong_key_or_signature_changes_no_file(pinned: Path) -> None:
    file = proposed(pinned, "wrong.json", FIVE)
    before = file.read_bytes()
    stranger = Validator("stranger")
    assert "not in the set before" in sign(file, pinned, stranger).err
    (pinned / "no-key").write_text("secret words")
    refused = run("rotation", "sign", file, "--key", pinned / "no-key")
    assert (refused.code, "secret" in refused.err) == (2, False)
    (pinned / "no-key").write_text("00" * 32)
    assert run("rotation", "sign", file, "--key", pinned / "no-key").code == 2
    for text in ("", "0x", "0x12", "zz", "0x" + "00" * 65, "0x" + "11" * 65):
        assert run("rotation", "sign", file, "--signature", text).code in (1, 2)
    assert run("rotation", "sign", file).code == 2
    assert run("rotation", "sign", file, "--signature", "0x12", "--key", pinned / "no-key").code == 2
    assert file.read_bytes() == before


def test_6_a_key_signs_no_second_successor(pinned: Path, both: Path, other: Path) -> None:
    refused = sign(other, pinned, FOUR[0])
    assert (refused.code, "shown as a liar" in refused.err) == (1, True)
    assert run("rotation", "combine", other, both, "-o", pinned / "never.json").code == 1
    assert not (pinned / "never.json").exists()


def test_7_it_is_published_once(both: Path, other: Path, published: Ran) -> None:
    assert (published.code, published.out) == (0, f"rotation 1 published: its set seals from block {FAR} on\n")
    again = run("rotation", "publish", both, "--json")
    assert (again.code, again.json["new"]) == (0, False)
    assert [one["sequence"] for one in run("rotation", "show", "--json").json] == [0, 1]
    late = run("rotation", "show", other)
    assert "it does not follow" in late.out


@pytest.mark.usefixtures("published")
def test_8_two_that_enough_signed_are_kept_and_end_the_line(pinned: Path, home: Path, both: Path, other: Path) -> None:
    liars = parse_rotation(other.read_bytes())
    for one in FOUR[:3]:
        liars = sign_rotation(liars, one.key)
    (pinned / "liars.json").write_bytes(encode_rotation(liars))
    refused = run("rotation", "publish", pinned / "liars.json", "--json")
    assert (refused.code, refused.json["error"]) == (1, "ForkError")
    kept = sorted(path.name for path in (home / "pinned").glob("rotation-*"))
    assert kept == ["rotation-1.json", "rotation-1.other.json"]
    for words in (
        ["show"],
        ["publish", both],
        ["propose", *texts(FOUR), "--effective", "9", "-o", "x"],
    ):
        assert run("rotation", *words).code == 1
    assert json.loads((home / "pinned" / "rotation-1.other.json").read_bytes())["validators"] == texts(FIVE[1:])
