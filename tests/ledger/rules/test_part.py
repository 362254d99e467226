from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.rules import ClosedEvent, Ruling, circles, doubled_children
from tests.ledger.rules.histories import battery, codes, event, part, ruling


def test_custody_by_offer_and_acceptance_is_consistent() -> None:
    offered = event(1, "part.offered", 0, organisation=1, from_party="A", to_party="B")
    accepted = event(2, "part.accepted", 1, organisation=2, from_party="A")
    assert ruling(part(offered, accepted), "custody").ruling is Ruling.CONSISTENT


@pytest.mark.parametrize(
    ("acceptance", "code"),
    [
        ({"from_party": "A", "to_party": "C"}, "accepted-by-another"),
        ({"from_party": "X", "to_party": "B"}, "accepted-from-another"),
    ],
)
def test_custody_to_or_from_another_is_inconsistent(acceptance: dict[str, str], code: str) -> None:
    offered = event(1, "part.offered", 0, organisation=1, from_party="A", to_party="B")
    assessment = part(offered, event(2, "part.accepted", 1, organisation=2, **acceptance))
    assert ruling(assessment, "custody").ruling is Ruling.INCONSISTENT
    assert codes(assessment) == [code]


def test_one_organisation_on_both_sides_is_a_warning_only() -> None:
    assessment = part(event(1, "part.offered", 0, to_party="B"), event(2, "part.accepted", 1, from_party="A"))
    assert codes(assessment) == ["self-accepted"]
    assert ruling(assessment, "custody").ruling is Ruling.CONSISTENT


def test_an_ended_offer_binds_nobody() -> None:
    first = event(1, "part.offered", 0, organisation=1, to_party="B")
    ended = event(2, "part.offer_ended", 1, organisation=1, reason="withdrawn")
    second = event(3, "part.offered", 2, organisation=1, to_party="C")
    accepted = event(4, "part.accepted", 3, organisation=3, to_party="C", from_party="A")
    assert ruling(part(first, ended, second, accepted), "custody").ruling is Ruling.CONSISTENT


def test_a_withheld_offer_leaves_no_judgement() -> None:
    accepted = event(2, "part.accepted", 3, from_party="A")
    assert ruling(part(accepted, closed=(ClosedEvent(1, "part.offered"),)), "custody").ruling is Ruling.NO_JUDGEMENT


@pytest.mark.parametrize("children", [["own"], [{"identifier": "own"}], "own", ["x", "own"]])
def test_a_part_inside_itself_is_inconsistent(children: object) -> None:
    assessment = part(event(1, "part.as_built", 0, children=children))  # type: ignore[arg-type]
    assert ruling(assessment, "composition").ruling is Ruling.INCONSISTENT
    assert codes(assessment) == ["inside-itself"]


def test_a_part_installed_into_itself_is_inconsistent() -> None:
    assert codes(part(event(1, "part.installed", 0, parent="own"))) == ["inside-itself"]


def test_a_circle_of_two_is_inconsistent_in_either_order() -> None:
    lists, installs = ("part.as_built", {"children": ["P"]}), ("part.installed", {"parent": "P"})
    for first, second in ((lists, installs), (installs, lists)):
        assessment = part(event(1, first[0], 0, **first[1]), event(2, second[0], 1, **second[1]))  # type: ignore[arg-type]
        assert codes(assessment) == ["circle"]


@pytest.mark.parametrize("kinds", [("part.installed", "part.fitted"), ("battery.installed", "battery.installed")])
def test_two_parents_at_once_are_inconsistent(kinds: tuple[str, str]) -> None:
    judge = part if kinds[0].startswith("part") else battery
    assessment = judge(event(1, kinds[0], 0, parent="P"), event(2, kinds[1], 1, parent="Q"))
    assert codes(assessment) == ["two-parents"]
    assert ruling(assessment, "composition").events == (1, 2)


def test_one_after_the_other_is_consistent() -> None:
    events = (event(1, "part.installed", 0, parent="P"), event(2, "part.removed", 1, parent="P"))
    assert ruling(part(*events, event(3, "part.fitted", 2, parent="Q")), "composition").ruling is Ruling.CONSISTENT


def test_removed_from_another_parent_is_inconsistent() -> None:
    assessment = part(event(1, "part.installed", 0, parent="P"), event(2, "part.removed", 1, parent="Q"))
    assert codes(assessment) == ["removed-elsewhere"]


def test_a_restored_part_is_free_again() -> None:
    events = (
        event(1, "part.installed", 0, parent="P"),
        event(2, "part.restored_available", 1, corrects="id-9", reason="false"),
        event(3, "part.fitted", 2, parent="Q"),
    )
    assert ruling(part(*events), "composition").ruling is Ruling.CONSISTENT


def test_children_that_were_taken_out_may_become_the_parent() -> None:
    events = (
        event(1, "any.aggregated", 0, action="ADD", children=["P"]),
        event(2, "any.aggregated", 1, action="DELETE", children=["P"]),
        event(3, "part.installed", 2, parent="P"),
    )
    assert codes(part(*events)) == []


def test_a_hidden_event_leaves_composition_without_judgement() -> None:
    installed = event(1, "part.installed", 0, parent="P")
    assert ruling(part(installed, closed=(ClosedEvent(2, None),)), "composition").ruling is Ruling.NO_JUDGEMENT


def test_doubled_children_are_found_over_several_assets() -> None:
    assert doubled_children([("car1", "ecu"), ("car2", "ecu"), ("car2", "wheel"), ("car2", "wheel")]) == [
        ("ecu", ("car1", "car2"))
    ]


def test_circles_are_found_over_several_assets() -> None:
    assert circles([("a", "b"), ("b", "c"), ("c", "a")]) == [("a", "b", "c")]
    assert circles([("a", "a")]) == [("a",)]
    assert circles([("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]) == []


def test_a_deep_tree_needs_no_recursion() -> None:
    chain = [(str(n), str(n + 1)) for n in range(50_000)]
    assert circles(chain) == []
    assert len(circles([*chain, ("50000", "0")])) == 1


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=14))
def test_a_circle_is_reported_exactly_when_there_is_one(links: list[tuple[int, int]]) -> None:
    named = [(str(parent), str(child)) for parent, child in links]
    reach = {(parent, child) for parent, child in links}
    for middle in range(7):
        reach |= {(a, d) for a, b in reach for c, d in reach if b == c == middle}
    assert bool(circles(named)) == any((node, node) in reach for node in range(7))
    for circle in circles(named):
        assert {*zip(circle, (*circle[1:], circle[0]), strict=True)} <= set(named)
