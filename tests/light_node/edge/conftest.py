from __future__ import annotations

from pathlib import Path

import pytest

from light_node.trust import encode_trust
from tests.light_node.edge.bus import DBC, SIGNALS
from tests.light_node.edge.device_home import settings
from tests.simulator.world import World


@pytest.fixture
def folder(tmp_path: Path, honest: World) -> Path:
    """A device that was told all it needs."""
    (tmp_path / "trust.json").write_bytes(encode_trust(honest.chain.trust()))
    (tmp_path / "pack.dbc").write_bytes(DBC)
    (tmp_path / "signals.toml").write_bytes(SIGNALS)
    (tmp_path / "edge.toml").write_text(settings(honest))
    return tmp_path
