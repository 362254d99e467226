"""Credentials that are known from before: never more than they prove, and never more of them than is allowed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from ledger.credential.base64url import encode_base64url
from ledger.credential.disclosure import parse_disclosure
from ledger.event import Json
from ledger.proof.evidence import Evidence, OpenEntry, encode_evidence
from ledger.strict_json import canonical_json
from light_node import credentials
from light_node.judgement import judge
from light_node.known import (
    CHARACTERS_A_VALUE,
    LONGEST_CHARACTERS,
    MOST_CHARACTERS,
    NONE_KEPT,
    Content,
    KnownCredentials,
)
from light_node.node import LightNode
from light_node.run.follower import Follower
from light_node.run.settings import load_settings
from light_node.state import StateFolder
from light_node.verdict import Outcome, Step, Verdict
from tests.light_node.judging import assert_refused, assert_verified, with_claim, with_credential, with_disclosure
from tests.simulator.chain import DAY, START
from tests.simulator.sealed import SealedSimulator
from tests.simulator.world import MAKER, World, make_world


@pytest.fixture
def world() -> World:
    return make_world()


@pytest.fixture
def known() -> KnownCredentials:
    return KnownCredentials()


def judged(world: World, evidence: Evidence, known: KnownCredentials) -> Verdict:
    return judge(encode_evidence(evidence), world.chain.trust(), now=world.chain.time, known=known)


def texts(evidence: Evidence) -> list[str]:
    entries = (entry for entry in evidence.history if isinstance(entry, OpenEntry))
    return [entry.credential for entry in entries if entry.credential is not None]


def count(evidence: Evidence, known: KnownCredentials) -> int:
    return sum(known.find(text) is not None for text in texts(evidence))


def content(world: World) -> Content:
    evidence, known = world.chain.evidence(world.battery), KnownCredentials()
    judged(world, evidence, known)
    found = known.find(texts(evidence)[0])
    assert found is not None
    return found


# ---- what is kept ------------------------------------------------------------------------------------------------


def test_what_verified_is_known_and_judged_alike(world: World, known: KnownCredentials) -> None:
    for asset in (world.battery, world.vehicle, world.part):
        evidence = world.chain.evidence(asset)
        first = judged(world, evidence, known)
        assert_verified(first)
        assert count(evidence, known) == len(texts(evidence)) > 1
        for _ in range(2):
            assert judged(world, evidence, known) == first == judged(world, evidence, NONE_KEPT)


def test_a_known_credential_is_not_opened_again(
    world: World, known: KnownCredentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged(world, world.chain.evidence(world.battery), known)
    world.chain.time += DAY
    world.chain.record(world.battery, MAKER, "any.observation", description="one more")
    opened: list[object] = []
    verify = credentials.verify_sd_jwt
    monkeypatch.setattr(credentials, "verify_sd_jwt", lambda raw, key: (opened.append(raw), verify(raw, key))[1])
    assert_verified(judged(world, world.chain.evidence(world.battery), known))
    assert len(opened) == 1


def test_a_light_node_knows_what_it_judged(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = StateFolder(tmp_path / "node")
    folder.make()
    folder.pin(world.chain.trust())
    data = encode_evidence(world.chain.evidence(world.battery))
    with folder.alone():
        node = LightNode(folder)
        first = node.judge(data, now=world.chain.time).verdict
        monkeypatch.setattr(credentials, "verify_sd_jwt", lambda raw, key: pytest.fail("opened again"))
        assert node.judge(data, now=world.chain.time).verdict == first
    assert_verified(first)


@pytest.mark.parametrize(("settings", "expected"), [("", (5, 0, 0)), ("remembered_characters = 0", (10, 10, 10))])
def test_a_run_opens_again_only_what_it_may_not_remember(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: str, expected: tuple[int, ...]
) -> None:
    """Each answer is judged by itself, and the best is then accepted: with nothing remembered, it is opened twice."""
    chain, state = SealedSimulator(), StateFolder(tmp_path / "node")
    world = make_world(chain)
    chain.grow(2)
    state.make()
    state.pin(chain.trust())
    assets = f'[[assets]]\nname = "pack"\ntype = "battery"\nsubject = "{world.battery.subject.hex()}"\n'
    sources = '[[sources]]\nname = "folder"\nkind = "file"\npath = "pack.json"\n'
    (tmp_path / "light.toml").write_text(f"{settings}\n{assets}{sources}")
    opened, verify = list[object](), credentials.verify_sd_jwt
    monkeypatch.setattr(credentials, "verify_sd_jwt", lambda raw, key: (opened.append(raw), verify(raw, key))[1])
    monkeypatch.setattr(time, "time", lambda: float(chain.time))
    with state.alone():
        run = Follower(load_settings(tmp_path / "light.toml"), state, Event(), lambda _: None, lambda _: None)
        for count in expected:
            chain.grow(1)
            (tmp_path / "pack.json").write_bytes(encode_evidence(chain.sealed_evidence(world.battery)))
            run.round()
            assert len(opened) == count
            opened.clear()


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize(
    ("change", "step"),
    [
        (lambda text: text.replace("~", "=~", 1), Step.PARSE),
        (lambda text: with_claim(text, "jti", "A" * 22), Step.SIGNATURE),
        (lambda text: with_disclosure(text, "claim_names", []), Step.DISCLOSURES),
    ],
)
def test_nothing_of_a_refused_file_is_kept(
    world: World, known: KnownCredentials, number: int, change: object, step: Step
) -> None:
    evidence = with_credential(world.chain.evidence(world.battery), number, change)  # type: ignore[arg-type]
    verdict = judged(world, evidence, known)
    assert verdict.outcome is not Outcome.VERIFIED
    assert verdict.step is step
    assert count(evidence, known) == 0


def test_a_file_that_verifies_nowhere_leaves_nothing(world: World, known: KnownCredentials) -> None:
    evidence = world.chain.evidence(world.battery)
    swapped = replace(evidence, history=(evidence.history[0], *reversed(evidence.history[1:])))
    assert judged(world, swapped, known).step is Step.FOLD
    assert judged(world, replace(evidence, subject=b"\1" * 32), known).outcome is not Outcome.VERIFIED
    assert count(evidence, known) == 0


# ---- what a known credential does not prove ----------------------------------------------------------------------


@pytest.fixture
def primed(world: World, known: KnownCredentials) -> Iterator[Evidence]:
    """Evidence of a battery whose credentials are all known."""
    evidence = world.chain.evidence(world.battery)
    assert_verified(judged(world, evidence, known))
    yield evidence
    assert count(evidence, known) == len(texts(evidence))


def test_a_known_credential_at_the_place_of_another_is_refused(
    world: World, known: KnownCredentials, primed: Evidence
) -> None:
    first, second, *_ = (n for n, item in enumerate(world.battery.history, 1) if item.meta.organisation == MAKER)
    moved = with_credential(primed, second, lambda _: texts(primed)[first - 1])
    assert_refused(judged(world, moved, known), Outcome.REFUTED, Step.BINDING, "ContentMismatchError")


def test_a_known_credential_of_another_asset_is_refused(
    world: World, known: KnownCredentials, primed: Evidence
) -> None:
    other = world.chain.evidence(world.vehicle)
    stolen = with_credential(other, 2, lambda _: texts(primed)[1])
    assert judged(world, stolen, known) == judged(world, stolen, NONE_KEPT)
    assert judged(world, stolen, known).outcome is not Outcome.VERIFIED


def test_a_key_that_was_revoked_before_refutes_what_is_known(
    world: World, known: KnownCredentials, primed: Evidence
) -> None:
    world.chain.add_key(MAKER, world.chain.keys[MAKER], revoked_from=START + 10, changed_at=START + 20)
    later = world.chain.evidence(world.battery)
    verdict = judged(world, later, known)
    assert verdict == judged(world, later, NONE_KEPT)
    assert_refused(verdict, Outcome.REFUTED, Step.AUTHORITY, "IssuerError")


def test_a_known_text_with_one_character_more_or_other_is_another_text(
    world: World, known: KnownCredentials, primed: Evidence
) -> None:
    for change in (lambda text: text + "~", lambda text: text.replace("~", "~~", 1), lambda text: text[:-2] + "~"):
        verdict = judged(world, with_credential(primed, 1, change), known)
        assert verdict.outcome is not Outcome.VERIFIED


def test_fewer_disclosures_of_a_known_credential_are_another_text(
    world: World, known: KnownCredentials, primed: Evidence
) -> None:
    less = world.chain.evidence(world.battery, shown={2: []})
    verdict = judged(world, less, known)
    assert verdict == judged(world, less, NONE_KEPT)
    assert verdict.account is not None
    assert not verdict.account.events[1].fields


# ---- how much is kept --------------------------------------------------------------------------------------------


def test_those_that_were_not_shown_for_longest_are_forgotten(world: World) -> None:
    one, known = content(world), KnownCredentials(30)
    for text in ("a" * 10, "b" * 10, "c" * 10):
        known.keep(text, one)
    assert known.find("a" * 10) is one
    known.keep("d" * 10, one)
    assert [text for text in "abcd" if known.find(text * 10) is one] == ["a", "c", "d"]


def test_a_text_counts_once_however_often_it_is_kept(world: World) -> None:
    one, known = content(world), KnownCredentials(20)
    for _ in range(5):
        known.keep("a" * 10, one)
    known.keep("b" * 10, one)
    assert known.find("a" * 10) is one
    assert known.find("b" * 10) is one


@pytest.mark.parametrize(("most", "length"), [(0, 1), (10, 11), (MOST_CHARACTERS, LONGEST_CHARACTERS + 1)])
def test_what_is_too_long_is_not_kept_and_displaces_nothing(world: World, most: int, length: int) -> None:
    one, known = content(world), KnownCredentials(most)
    known.keep("b" * min(most, 10), one)
    known.keep("a" * length, one)
    assert known.find("a" * length) is None
    assert most == 0 or known.find("b" * 10) is one


def holding(one: Content, values: list[Json]) -> tuple[str, Content]:
    """A text, and what it says: a field with these values."""
    disclosure = encode_base64url(canonical_json(["A" * 22, "description", values]))
    raw = replace(one.raw, disclosures=(parse_disclosure(disclosure),))
    shown = replace(one.disclosed, disclosed={"description": values})
    return f"{raw.jws.text}~{disclosure}~", replace(one, raw=raw, disclosed=shown)


@pytest.mark.parametrize("value", [{"": 1}, {}, [], [1], 1, "", {"": {"": [1]}}])
def test_small_values_count_for_the_memory_they_take(world: World, value: Json) -> None:
    """A character of nothing else took forty bytes: the characters allowed would be half of a unit's memory."""
    one, known = content(world), KnownCredentials()
    few = [holding(one, [value] * 60 + [number]) for number in range(1000)]
    most = MOST_CHARACTERS // (60 * CHARACTERS_A_VALUE)
    for text, said in few:
        known.keep(text, said)
    assert 0 < sum(known.find(text) is not None for text, _ in few) <= most


def test_one_of_nothing_but_small_values_takes_the_place_of_no_other(world: World, known: KnownCredentials) -> None:
    text, one = holding(content(world), [{"": 1}] * 1000)
    assert len(text) < LONGEST_CHARACTERS
    known.keep(text, one)
    assert known.find(text) is None


def test_values_of_some_length_are_kept(world: World, known: KnownCredentials) -> None:
    text, one = holding(content(world), ["as long as the values of ordinary fields"] * 200)
    known.keep(text, one)
    assert known.find(text) is one


def test_all_together_never_exceed_the_characters_allowed(world: World) -> None:
    one, known = content(world), KnownCredentials(1000)
    kept: list[str] = []
    for number in range(200):
        kept.append(f"{number}".rjust(1 + number * 7 % 400, "x"))
        known.keep(kept[-1], one)
        assert sum(len(text) for text in kept if known.find(text) is not None) <= 1000
