from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.light_node.sources.servers import Respond, served, silent

Serve = Callable[[Respond], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:
        yield lambda respond: stack.enter_context(served(respond))


@pytest.fixture
def stalling() -> Iterator[str]:
    with silent() as url:
        yield url
