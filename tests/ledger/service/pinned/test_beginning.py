"""Beginning a line of pinned sets: whom it may pin, and when a rotation may follow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.errors import ConfigurationError, QuorumError, SignatureError, VinculumError
from ledger.service.pinned import FOLDER, load_line, publish_rotation
from ledger.service.rotations import adopt_pinned
from light_node.trust_rules import Source
from tests.ledger.service.pinned.line import FIVE, FOUR, STRANGER, begin, propose, signed
from tests.ledger.service.sealed_home import Home
from tests.simulator.chain import Simulator
from tests.simulator.qbft import Validator


def test_without_a_beginning_nothing_is_proven(empty: Home) -> None:
    for ask in (empty.final, empty.trust, lambda: load_line(empty.folder)):
        with pytest.raises(ConfigurationError, match="rotation begin"):
            ask()


@pytest.mark.parametrize(
    ("members", "error"),
    [
        (FOUR[:3], None),
        (FIVE, QuorumError),
        ([STRANGER], SignatureError),
        ([*FOUR[1:], STRANGER], SignatureError),
        ([], ConfigurationError),
        ([FOUR[0], *FOUR], ConfigurationError),
    ],
)
def test_who_does_not_seal_is_not_pinned(
    empty: Home, members: list[Validator], error: type[VinculumError] | None
) -> None:
    """Three of four sealed the newest blocks: that there is a fourth, only the operator knows."""
    if error is None:
        assert begin(empty, members)
        return
    with pytest.raises(error):
        begin(empty, members)
    assert not (empty.folder / FOLDER).exists()


@pytest.mark.parametrize("k", [0, 1, 2, 5])
def test_a_k_with_which_two_rotations_could_be_signed_is_refused(empty: Home, k: int) -> None:
    with pytest.raises(ConfigurationError, match="k is"):
        begin(empty, k=k)


def test_a_thin_copy_of_the_newest_block_does_not_matter(empty: Home) -> None:
    empty.node.copies[3] = empty.chain.seals(3)[:2]
    assert begin(empty).trusted_block.number == 1


def test_another_line_is_not_begun_over_it(home: Home) -> None:
    home.chain.grow(2)
    with pytest.raises(ConfigurationError, match="another line"):
        begin(home, FOUR)
    with home.open() as workspace, pytest.raises(ConfigurationError, match="another line"):
        adopt_pinned(workspace, home.chain.trust_since(1, Source.PINNED))


def test_a_trust_file_that_pins_nobody_is_not_gone_on_from(empty: Home) -> None:
    with empty.open() as workspace:
        for source in (Source.CONTRACT, Source.VOTES):
            with pytest.raises(ConfigurationError, match="pins no validators"):
                adopt_pinned(workspace, empty.chain.trust_since(0, source))
        with pytest.raises(ConfigurationError, match="another chain"):
            adopt_pinned(workspace, replace(empty.chain.trust_since(0, Source.PINNED), chain_id=1))
        with pytest.raises(ConfigurationError, match="another chain"):
            adopt_pinned(workspace, Simulator().trust(chain_id=5))


@pytest.mark.parametrize("effective", [0, 1, 3])
def test_a_rotation_is_of_blocks_to_come(home: Home, effective: int) -> None:
    with pytest.raises(ConfigurationError, match="too early"):
        propose(home, FIVE, effective)


def test_a_rotation_comes_after_the_one_before(home: Home) -> None:
    publish_rotation(home.folder, signed(propose(home, FIVE, 20), FOUR))
    with pytest.raises(ConfigurationError, match="begins with 20"):
        propose(home, FIVE[1:], 20)
