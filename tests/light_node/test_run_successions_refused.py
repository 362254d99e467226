"""What a run is told about successors of its trust file and does not believe, or that stops it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from ledger.strict_json import canonical_json
from light_node.succession.published import MAX_BYTES, Published, encode_published
from light_node.succession.rotating import rotate_by_person, show_succession
from light_node.trust import Trust, TrustedBlock
from tests.light_node.fleet import OF_B, Fleet, published
from tests.light_node.succession.making import NEWCOMERS, note, signed
from tests.light_node.test_run import changes
from tests.simulator.chain import DAY
from tests.simulator.sealed import SealedSimulator
from tests.simulator.witnesses import STRANGER, WITNESSES
from tests.simulator.world import make_world


def _broken(fleet: Fleet) -> bytes:
    data = json.loads(published(fleet.a, fleet.b))
    (text,) = data["notes"]
    at = text.index("—") + 40
    data["notes"] = [text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]]
    return canonical_json(data)


BAD: dict[str, tuple[Callable[[Fleet], bytes], str]] = {
    "of another trust file": (lambda one: published(one.b, one.c, OF_B), "unproven"),
    "of the trust file that follows": (lambda one: published(one.b, one.a, OF_B), "unproven"),
    "with another trust file beside it": (lambda one: published(one.a, one.b, successor=one.c), "unproven"),
    "with the pinned one beside it": (lambda one: published(one.a, one.b, successor=one.a), "unproven"),
    "by one of two": (lambda one: published(one.a, one.b, WITNESSES[:1]), "unproven"),
    "by those whom the new one pins": (lambda one: published(one.a, one.b, NEWCOMERS), "unproven"),
    "by one and strangers": (lambda one: published(one.a, one.b, (WITNESSES[0], STRANGER)), "unproven"),
    "with a broken signature": (_broken, "lying"),
    "nothing": (lambda _: b"", "malformed"),
    "another text": (lambda _: b"<html>welcome</html>", "malformed"),
    "a bare note": (lambda one: note(one.a, one.b), "malformed"),
    "cut off": (lambda one: published(one.a, one.b)[:-1], "malformed"),
    "deep": (lambda _: b"[" * 9000, "malformed"),
    "too long": (lambda one: published(one.a, one.b) + b" " * MAX_BYTES, "malformed"),
    "much too long": (lambda _: b"x" * (8 * MAX_BYTES), "malformed"),
}


class TestRefused:
    """Whoever says it is named, the trust file stays, and the assets are followed on."""

    @pytest.mark.parametrize("what", BAD)
    def test_what_does_not_verify(self, fleet: Fleet, what: str) -> None:
        make, word = BAD[what]
        fleet.publish(fleet.a, make(fleet), "second")
        code, lines = fleet.run()
        assert (code, fleet.told(lines), fleet.blamed(lines)) == (0, [], {"second": word})
        assert changes(lines).count("event") == 5
        assert fleet.state.trust() == fleet.a
        assert fleet.state.forks() == []

    @pytest.mark.parametrize(("status", "word"), [(500, "refused"), (302, "refused"), (200, "malformed")])
    def test_another_answer(self, fleet: Fleet, status: int, word: str) -> None:
        fleet.nodes["first"].change = lambda path, one: (status, b"no") if "succession" in path else one
        code, lines = fleet.run()
        assert (code, fleet.told(lines), fleet.blamed(lines)) == (0, [], {"first": word})

    def test_a_slow_answer(self, fleet: Fleet) -> None:
        def wait(path: str, answer: tuple[int, bytes]) -> tuple[int, bytes]:
            if "succession" in path:
                time.sleep(2)
            return answer

        fleet.nodes["first"].change = wait
        fleet.offer(fleet.a, fleet.b, "second")
        code, lines = fleet.run()
        assert (code, fleet.told(lines), fleet.blamed(lines)) == (0, [("rotated", "b")], {"first": "slow"})

    def test_a_witness_that_does_not_know_yet_is_stale(self, fleet: Fleet) -> None:
        fleet.choose("report")
        fleet.offer(fleet.a, fleet.b, "first")
        assert fleet.blamed(fleet.run()[1]) == {"second": "stale"}

    def test_nobody_who_has_none_is_named(self, fleet: Fleet) -> None:
        assert fleet.blamed(fleet.run()[1]) == {}
        assert fleet.asked(fleet.a) == 2

    @pytest.mark.parametrize("change", ["lower", "other block", "future", "other chain", "other origin"])
    def test_what_enough_signed_and_no_reader_takes(self, fleet: Fleet, change: str) -> None:
        """It is the witnesses' word, and not that of who hands it out."""
        block = fleet.chain.blocks[1]
        start = replace(fleet.a, trusted_block=TrustedBlock(block.number, block.hash, block.time))
        fleet.state.pin(start)
        new = {
            "lower": fleet.a,
            "other block": replace(start, trusted_block=replace(start.trusted_block, hash=b"\1" * 32)),
            "future": replace(start, trusted_block=TrustedBlock(99, b"\1" * 32, fleet.chain.time + DAY)),
            "other chain": replace(start, chain_id=7),
            "other origin": replace(start, finality=replace(start.finality, origin="other")),
        }[change]
        fleet.publish(start, encode_published(Published((signed(start, new, WITNESSES),), new)))
        code, lines = fleet.run()
        assert (code, [to for to, _ in fleet.told(lines)], fleet.blamed(lines)) == (0, ["refused"], {})
        assert fleet.state.trust() == start

    def test_back_to_what_was_given_up(self, fleet: Fleet) -> None:
        fleet.offer(fleet.a, fleet.b)
        fleet.run()
        fleet.offer(fleet.b, fleet.a, witnesses=OF_B)
        code, lines = fleet.run()
        assert (code, fleet.told(lines)) == (0, [("refused", "a")])
        assert fleet.state.trust() == fleet.b

    def test_an_old_succession_once_more(self, fleet: Fleet) -> None:
        fleet.offer(fleet.a, fleet.b)
        fleet.run()
        fleet.publish(fleet.b, published(fleet.a, fleet.b))
        code, lines = fleet.run()
        assert (code, fleet.told(lines), set(fleet.blamed(lines).values())) == (0, [], {"unproven"})

    def test_by_keys_that_were_given_up_beyond_the_trusting_period(self, fleet: Fleet) -> None:
        fleet.pin(trusting_period_seconds=1000 * DAY)
        fleet.run()
        old = fleet.state.trust()
        fleet.chain.time += 1001 * DAY
        fleet.chain.mine()
        fleet.witnesses = {"first": fleet.witnesses["first"]}  # one is not enough to anchor anew
        fleet.offer(old, fleet.b)
        code, lines = fleet.run()
        assert (code, fleet.told(lines)) == (3, [("refused", "b")])
        assert fleet.state.trust() == old

    def test_where_validators_seal_nobody_is_asked(self, fleet: Fleet) -> None:
        fleet.state.pin(make_world(SealedSimulator()).chain.trust())
        fleet.offer(fleet.state.trust(), fleet.b)
        _, lines = fleet.run()
        assert fleet.told(lines) == []
        assert not any("succession" in path for node in fleet.nodes.values() for path in node.asked)


class TestConflict:
    """Evidence is kept, nothing is verified any more, and a person has to compare a fingerprint."""

    def assert_stopped(self, fleet: Fleet, pinned: Trust) -> None:
        assert fleet.state.trust() == pinned
        assert len(fleet.conflicts()) == 1
        fleet.record(description="after it")
        code, lines = fleet.run()
        assert code == 1
        assert not {"event", "head", "succession"} & {*changes(lines)}
        assert fleet.health() == 1

    @pytest.mark.parametrize("follow", ["report", "rotate"])
    @pytest.mark.parametrize("names", [("first", "second"), ("second", "first")])
    def test_from_two_witnesses(self, fleet: Fleet, names: tuple[str, str], follow: str) -> None:
        fleet.choose(follow)
        fleet.offer(fleet.a, fleet.b, names[0])
        fleet.offer(fleet.a, fleet.c, names[1])
        code, lines = fleet.run()
        assert (code, fleet.told(lines), fleet.blamed(lines)) == (1, [], {})
        assert [line["file"] for line in lines if line["change"] == "fork"] == list(map(str, fleet.conflicts()))
        self.assert_stopped(fleet, fleet.a)

    def test_from_one_witness_that_knows_both(self, fleet: Fleet) -> None:
        notes = tuple(signed(fleet.a, new, WITNESSES) for new in (fleet.b, fleet.c))
        fleet.publish(fleet.a, encode_published(Published(notes, fleet.b)), "first")
        fleet.offer(fleet.a, fleet.b, "second")
        assert fleet.run()[0] == 1
        self.assert_stopped(fleet, fleet.a)

    def test_with_what_was_shown_before(self, fleet: Fleet) -> None:
        with fleet.state.alone():
            show_succession(fleet.state, signed(fleet.a, fleet.c))
        fleet.offer(fleet.a, fleet.b)
        assert fleet.run()[0] == 1
        self.assert_stopped(fleet, fleet.a)

    def test_after_the_false_one_was_taken(self, fleet: Fleet) -> None:
        """Who was shown one alone is shown the other by the next witness that he reaches."""
        fleet.offer(fleet.a, fleet.b, "first")
        fleet.run()
        fleet.offer(fleet.a, fleet.c, "second")
        assert fleet.run()[0] == 1
        self.assert_stopped(fleet, fleet.b)

    def test_two_steps_back(self, fleet: Fleet) -> None:
        fleet.offer(fleet.a, fleet.b, "first")
        fleet.offer(fleet.b, fleet.c, "first", witnesses=OF_B)
        fleet.run()
        fleet.offer(fleet.a, fleet.c, "second")
        assert fleet.run()[0] == 1
        self.assert_stopped(fleet, fleet.c)

    def test_by_keys_that_were_given_up_long_ago_stops_nobody(self, fleet: Fleet) -> None:
        """Whoever found k of them could stop every node that came by that way."""
        old, new, other = (replace(one, trusting_period_seconds=1000 * DAY) for one in (fleet.a, fleet.b, fleet.c))
        fleet.state.pin(old)
        fleet.offer(old, new)
        fleet.run()
        assert fleet.state.trust() == new
        asked = fleet.asked(old)
        fleet.chain.time += 1001 * DAY
        fleet.chain.mine()
        fleet.offer(old, other, "second")
        code, lines = fleet.run()
        assert (code, fleet.conflicts(), fleet.asked(old)) == (0, [], asked)
        assert [line["to"] for line in lines if line["change"] == "anchor"] == ["needed", "anchored"]

    def test_one_of_two_that_too_few_signed_stops_nothing(self, fleet: Fleet) -> None:
        fleet.offer(fleet.a, fleet.b, "first")
        fleet.offer(fleet.a, fleet.c, "second", witnesses=WITNESSES[:1])
        code, lines = fleet.run()
        assert (code, fleet.told(lines), fleet.blamed(lines)) == (0, [("rotated", "b")], {"second": "unproven"})
        assert fleet.conflicts() == []

    def test_two_notes_of_which_one_is_false_are_no_evidence(self, fleet: Fleet) -> None:
        notes = (signed(fleet.a, fleet.b, WITNESSES), signed(fleet.a, fleet.c, NEWCOMERS))
        fleet.publish(fleet.a, encode_published(Published(notes, fleet.b)), "first")
        code, lines = fleet.run()
        assert (code, fleet.told(lines), fleet.blamed(lines)) == (0, [], {"first": "unproven"})
        assert fleet.conflicts() == []

    def test_who_is_stopped_calls_nothing_verified(self, fleet: Fleet) -> None:
        """Also where nothing was told before, and every source tells the truth."""
        with fleet.state.alone():
            for new in (fleet.b, fleet.c):
                show_succession(fleet.state, signed(fleet.a, new, WITNESSES))
        code, lines = fleet.run()
        assert code == 1
        assert [(line["to"], line["verified"]) for line in lines if line["change"] == "verdict"] == [
            ("undetermined", False)
        ]
        assert [line["to"] for line in lines if line["change"] == "source"] == ["unproven"]

    def test_a_person_who_compares_goes_on(self, fleet: Fleet) -> None:
        fleet.offer(fleet.a, fleet.b, "first")
        fleet.offer(fleet.a, fleet.c, "second")
        fleet.run()
        with fleet.state.alone():
            rotate_by_person(fleet.state, fleet.b)
        fleet.record(description="after it")
        _, lines = fleet.run()
        assert "event" in changes(lines)
