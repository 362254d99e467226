"""What the tests of every forgery share."""

from __future__ import annotations

import pytest

from ledger.demo.forgeries import FORGERIES
from ledger.demo.forgery import judged, try_one
from ledger.demo.staging import Scene, Staged
from ledger.proof.evidence import Evidence

on_a_real_chain = [pytest.mark.integration, pytest.mark.xdist_group("forgeries")]


def refusal(name: str, scene: Scene, staged: Staged) -> tuple[str, str] | None:
    """Try the forgery of the demonstration; return error class and step."""
    found = try_one(next(one for one in FORGERIES if one.name == name), scene, staged)
    assert found.refused, found.describe()
    return found.found


def refused_by(scene: Scene, evidence: Evidence | bytes) -> tuple[str, str] | None:
    """Judge a variant; None where it is verified."""
    found = judged(scene, evidence)
    return None if found is None else (found.error, found.step)
