"""Which steps a file needs: whatever is left out, whoever trusts any block still gets on."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.service.seal_steps import Span, Stop, needed_stops, stranded_spans


def those(names: str) -> frozenset[bytes]:
    return frozenset(name.encode() * 20 for name in names)


def stop(number: int, signers: str, successors: str) -> Stop:
    return Stop(number, those(signers), those(successors))


def numbers(stops: Sequence[Stop]) -> list[int]:
    return [one.number for one in stops]


SWAP = [Span(0, 9, those("abcd")), Span(10, 19, those("abcde")), Span(20, 28, those("bcde"))]
"""E comes with the state of block 10, A goes with that of 20; the file is of block 29."""
PAIRS = [
    stop(9, "abc", "abcd"), stop(10, "abc", "abcde"), stop(19, "abce", "abcde"), stop(20, "abce", "bcde"),
    stop(29, "cde", "bcde"),
]  # fmt: skip


def test_one_for_one_is_led_over_by_the_block_that_lets_the_old_one_go() -> None:
    assert stranded_spans(PAIRS, SWAP) == frozenset()
    assert numbers(needed_stops(PAIRS, SWAP)) == [20, 29]


def test_where_too_few_of_the_old_ones_sealed_it_more_steps_are_kept() -> None:
    """Of the four that were there at first, only two are among those who sealed block 20."""
    grown = [Span(0, 9, those("abcd")), Span(10, 19, those("abcdefg")), Span(20, 28, those("cdefg"))]
    stops = [
        stop(9, "abc", "abcd"), stop(10, "abc", "abcdefg"), stop(19, "abcde", "abcdefg"), stop(20, "cdefg", "cdefg"),
        stop(29, "cdef", "cdefg"),
    ]  # fmt: skip
    kept = needed_stops(stops, grown)
    assert stranded_spans(kept, grown) == frozenset()
    assert numbers(kept) == [19, 20, 29]


def test_a_seal_of_neither_set_keeps_the_step_before() -> None:
    """The verifier refuses a far block with a stranger's seal; E is one to whoever knows A to D alone."""
    spans = [Span(0, 9, those("abcd")), Span(10, 18, those("abce")), Span(19, 28, those("abcd"))]
    stops = [stop(9, "abc", "abcd"), stop(10, "abc", "abce"), stop(19, "abce", "abcd"), stop(29, "abcd", "abcd")]
    assert 10 in numbers(needed_stops(stops, spans)) or 19 not in numbers(needed_stops(stops, spans))
    assert stranded_spans(needed_stops(stops, spans), spans) == frozenset()


def test_the_very_next_block_needs_the_set_of_before_alone() -> None:
    spans = [Span(4, 4, those("abcd")), Span(5, 8, those("efgh"))]
    stops = [stop(5, "abc", "efgh"), stop(9, "efg", "efgh")]
    assert numbers(needed_stops(stops, spans)) == [5, 9]
    assert stranded_spans(stops, [Span(3, 4, those("abcd")), spans[1]]) == {Span(3, 4, those("abcd"))}


def test_whom_no_step_serves_is_not_served_worse() -> None:
    lost = [Span(0, 5, those("wxyz")), *SWAP[1:]]
    assert stranded_spans(PAIRS, lost) == {lost[0]}
    assert stranded_spans(needed_stops(PAIRS, lost), lost) == {lost[0]}


@pytest.mark.parametrize("stops", [PAIRS[-1:], []])
def test_the_block_itself_stays(stops: list[Stop]) -> None:
    assert needed_stops(stops, []) == stops


def reaches(stops: Sequence[Stop], pin: int, members: frozenset[bytes]) -> bool:
    """What the verifier does, told apart from the code under test."""
    for one in stops:
        if one.number <= pin:
            continue
        quorum = 3 * len(one.signers & members) >= 2 * len(members)
        if one.number == pin + 1:
            fits = one.signers <= members
        else:
            fits = one.signers <= members | one.successors
            fits &= 3 * len(one.signers & one.successors) >= 2 * len(one.successors)
        if not (quorum and fits):
            return False
        pin, members = one.number, one.successors
    return True


@st.composite
def chains(draw: st.DrawFn) -> tuple[list[Stop], list[Span], dict[int, frozenset[bytes]]]:
    """A short chain, every block of it a possible step."""
    members, sets, stops, spans = those("abcd"), dict[int, frozenset[bytes]](), list[Stop](), list[Span]()
    first, length = 0, draw(st.integers(3, 12))
    sets[0] = members
    for number in range(1, length):
        size = -(-2 * len(members) // 3)
        signers = draw(st.permutations(sorted(members)))[: draw(st.integers(size, len(members)))]
        successors = members
        if draw(st.booleans()):
            successors = members ^ those(draw(st.sampled_from("abcdefg"))) or members
        stops.append(Stop(number, frozenset(signers), successors))
        if successors != members:
            spans.append(Span(first, number - 1, members))
            first, members = number, successors
        sets[number] = members
    return stops, [*spans, Span(first, length - 2, members)] if first <= length - 2 else spans, sets


@given(chains())
def test_nobody_is_worse_off_whatever_comes_and_goes(
    chain: tuple[list[Stop], list[Span], dict[int, frozenset[bytes]]],
) -> None:
    stops, spans, sets = chain
    kept = needed_stops(stops, spans)
    assert kept[-1] == stops[-1]
    stranded = stranded_spans(stops, spans)
    for span in spans:
        for pin in range(span.first, span.last + 1):
            if span not in stranded:
                assert reaches(kept, pin, sets[pin])
