"""What is kept of trust files that were pinned, and of successions; and what is not read back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ledger.errors import MalformedError
from ledger.strict_json import canonical_json, parse_json
from light_node.succession.difference import differences
from light_node.succession.lineage import (
    MAX_PINNED,
    Conflict,
    Lineage,
    Pinned,
    encode_conflict,
    encode_lineage,
    parse_conflict,
    parse_lineage,
    with_pinned,
    with_succession,
)
from light_node.succession.rules import digest_of
from tests.light_node.succession.making import A, B, C, D, by, signed
from tests.simulator.witnesses import WITNESSES

AB, AC, BC = signed(A, B), signed(A, C), signed(B, C, WITNESSES[1:])
LINEAGE = Lineage((Pinned(A), Pinned(B, digest_of(A))), (AB, BC))
CONFLICT = Conflict(A, AB, AC)
Change = Callable[[dict[str, Any]], object]


def changed(data: bytes, change: Change) -> bytes:
    value: Any = parse_json(data)
    change(value)
    return canonical_json(value)


class TestLineage:
    def test_it_is_read_as_it_was_written(self) -> None:
        assert parse_lineage(encode_lineage(LINEAGE)) == LINEAGE

    def test_ancestry_ends_with_what_a_person_compared(self) -> None:
        three = with_pinned(LINEAGE, C, digest_of(B))
        assert three.ancestry(digest_of(C)) == (digest_of(C), digest_of(B), digest_of(A))
        assert with_pinned(three, B).ancestry(digest_of(B)) == (digest_of(B),)
        assert with_pinned(three, B).ancestry(digest_of(C)) == (digest_of(C), digest_of(B))

    def test_ancestry_of_what_was_never_pinned_is_itself(self) -> None:
        assert LINEAGE.ancestry(digest_of(D)) == (digest_of(D),)

    def test_ancestry_in_a_circle_ends(self) -> None:
        circle = Lineage((Pinned(A, digest_of(B)), Pinned(B, digest_of(A))))
        assert len(circle.ancestry(digest_of(A))) == 2

    def test_the_first_succession_of_a_trust_file_is_kept(self) -> None:
        assert with_succession(LINEAGE, AC) == LINEAGE

    def test_the_oldest_of_too_many_is_forgotten_with_its_succession(self) -> None:
        lineage = LINEAGE
        for seconds in range(2, MAX_PINNED + 2):
            lineage = with_pinned(lineage, replace(A, maximum_age_seconds=seconds))
        assert len(lineage.pinned) == MAX_PINNED
        assert (lineage.find(digest_of(A)), lineage.successions) == (None, ())
        assert parse_lineage(encode_lineage(lineage)) == lineage

    @pytest.mark.parametrize(
        "change",
        [
            lambda value: value.update(type="x"),
            lambda value: value.update(version=2),
            lambda value: value.update(more=1),
            lambda value: value.pop("successions"),
            lambda value: value.update(pinned=[]),
            lambda value: value.update(pinned={}),
            lambda value: value.update(pinned=value["pinned"] * 20),
            lambda value: value["pinned"].append(value["pinned"][0]),
            lambda value: value["pinned"].pop(0),
            lambda value: value["pinned"][0].update(follows="0x00"),
            lambda value: value["pinned"][0].update(follows=""),
            lambda value: value["pinned"][0].update(trust={}),
            lambda value: value["pinned"][0].update(trust=None),
            lambda value: value["pinned"][0]["trust"].update(chain_id=7),
            lambda value: value["successions"].append(value["successions"][0]),
            lambda value: value["successions"].append("note"),
            lambda value: value["successions"].append(None),
        ],
    )
    def test_what_is_damaged_is_not_read(self, change: Change) -> None:
        with pytest.raises(MalformedError):
            parse_lineage(changed(encode_lineage(LINEAGE), change))

    @pytest.mark.parametrize("data", [b"", b"{}", b"\0", encode_lineage(LINEAGE)[:-1], encode_lineage(LINEAGE) + b"\n"])
    def test_what_is_cut_is_not_read(self, data: bytes) -> None:
        with pytest.raises(MalformedError):
            parse_lineage(data)


class TestConflict:
    def test_it_is_read_as_it_was_written(self) -> None:
        assert parse_conflict(encode_conflict(CONFLICT)) == CONFLICT

    @pytest.mark.parametrize(
        "conflict", [Conflict(A, AB, AB), Conflict(B, AB, AC), Conflict(A, AB, BC), Conflict(A, BC, AB)]
    )
    def test_what_does_not_contradict_is_none(self, conflict: Conflict) -> None:
        with pytest.raises(MalformedError):
            parse_conflict(encode_conflict(conflict))

    @pytest.mark.parametrize("name", ["type", "version", "trust", "first", "second"])
    def test_what_is_damaged_is_not_read(self, name: str) -> None:
        for change in (lambda value: value.pop(name), lambda value: value.update({name: None})):
            with pytest.raises(MalformedError):
                parse_conflict(changed(encode_conflict(CONFLICT), change))


class TestDifferences:
    def test_nothing_differs_from_itself(self) -> None:
        assert differences(A, A) == ()

    def test_who_came_and_who_went(self) -> None:
        (gone, came) = sorted(differences(A, B), key=lambda one: one.after is not None)
        assert gone.place == came.place == "/finality/witnesses"
        assert (gone.before, gone.after) == (f'"{WITNESSES[0].vkey}"', None)
        assert "newcomer-0" in came.line

    def test_every_value_is_told(self) -> None:
        (one,) = differences(A, D)
        assert one.line == f"/maximum_age_seconds: {A.maximum_age_seconds} -> 1"
        later = replace(A, trusted_block=replace(A.trusted_block, hash=b"\1" * 32))
        assert [one.place for one in differences(A, later)] == ["/trusted_block/hash"]

    def test_another_order_of_the_same_witnesses_is_told(self) -> None:
        assert [one.after for one in differences(A, by(A, WITNESSES[::-1]))] == ["in another order"]
