"""When a key may be believed: each edge of its validity and of its revocation, for rows and proven records alike."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.key_validity import Standing, is_devices, standing_at, was_valid
from ledger.proof.slots import DEVICE_KEY, IssuerKeyRecord
from ledger.store.chain_index import IssuerKey

FROM, UNTIL, REVOKED, CHANGED = 1000, 5000, 2000, 3000
PLAIN = IssuerKeyRecord(FROM, UNTIL, 0, FROM, 1, 0)
ENDED = replace(PLAIN, revoked_from=REVOKED, changed_at=CHANGED)
SKEW = 300


@pytest.mark.parametrize(
    ("record", "time", "skew", "expected"),
    [
        (PLAIN, FROM - 1, 0, Standing.OUTSIDE),
        (PLAIN, FROM, 0, Standing.VALID),
        (PLAIN, UNTIL - 1, 0, Standing.VALID),
        (PLAIN, UNTIL, 0, Standing.OUTSIDE),
        (PLAIN, FROM - SKEW - 1, SKEW, Standing.OUTSIDE),
        (PLAIN, FROM - SKEW, SKEW, Standing.VALID),
        (PLAIN, UNTIL + SKEW - 1, SKEW, Standing.VALID),
        (PLAIN, UNTIL + SKEW, SKEW, Standing.OUTSIDE),
        (ENDED, REVOKED - 1, 0, Standing.VALID),
        (ENDED, REVOKED, 0, Standing.DISPUTED),
        (ENDED, CHANGED, 0, Standing.DISPUTED),
        (ENDED, CHANGED + 1, 0, Standing.REVOKED),
        (ENDED, CHANGED + SKEW, SKEW, Standing.DISPUTED),
        (ENDED, CHANGED + SKEW + 1, SKEW, Standing.REVOKED),
        (ENDED, UNTIL, 0, Standing.OUTSIDE),
        (replace(ENDED, revoked_from=FROM), FROM, 0, Standing.DISPUTED),
        (replace(ENDED, revoked_from=CHANGED), CHANGED, 0, Standing.DISPUTED),
    ],
)
def test_standing_at_each_edge(record: IssuerKeyRecord, time: int, skew: int, expected: Standing) -> None:
    assert standing_at(record, time, skew) is expected
    assert was_valid(record, time, skew) is (expected in (Standing.VALID, Standing.DISPUTED))


@pytest.mark.parametrize("flags", [DEVICE_KEY, DEVICE_KEY | 2, 0xFF])
def test_the_key_of_a_device_never_speaks_for_its_organisation(flags: int) -> None:
    assert is_devices(replace(PLAIN, flags=flags))
    assert not was_valid(replace(PLAIN, flags=flags), FROM)


def test_another_flag_is_no_devices() -> None:
    assert was_valid(replace(PLAIN, flags=2), FROM)


def test_a_key_that_was_never_added_was_never_valid() -> None:
    assert not was_valid(None, FROM)


def test_a_row_of_the_index_is_judged_as_the_proven_record() -> None:
    row = IssuerKey(
        organisation=1,
        thumbprint=b"\1" * 32,
        valid_from=FROM,
        valid_until=UNTIL,
        revoked_from=REVOKED,
        changed_at=CHANGED,
        algorithm=1,
        flags=0,
    )
    for time in (FROM - 1, FROM, REVOKED, CHANGED, CHANGED + 1, UNTIL):
        assert standing_at(row, time) is standing_at(ENDED, time)
        assert was_valid(row, time) is was_valid(ENDED, time)
