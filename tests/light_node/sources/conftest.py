from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.light_node.sources.bench import Bench
from tests.light_node.sources.servers import Serve, served, silent
from tests.simulator.world import make_world


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:
        yield lambda respond: stack.enter_context(served(respond))


@pytest.fixture
def stalling() -> Iterator[str]:
    with silent() as url:
        yield url


@pytest.fixture
def bench(serve: Serve) -> Bench:
    return Bench(make_world(), serve)
