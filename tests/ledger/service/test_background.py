"""One call beside the caller's own work."""

from __future__ import annotations

from threading import Event

import pytest

from ledger.service.background import Background


def test_error_is_raised_where_the_caller_waits_and_once() -> None:
    def fail() -> None:
        raise ConnectionError("away")

    background = Background()
    background.start(fail)
    with pytest.raises(ConnectionError, match="away"):
        background.wait()
    background.wait()


def test_it_runs_beside_the_caller() -> None:
    background, go, done = Background(), Event(), Event()

    def call() -> None:
        assert go.wait(10)
        done.set()

    background.start(call)
    assert not done.is_set()
    go.set()
    background.wait()
    assert done.is_set()


def test_a_second_call_before_the_first_was_waited_for_is_refused() -> None:
    background, go = Background(), Event()
    background.start(lambda: go.wait(10))
    with pytest.raises(RuntimeError, match="waited"):
        background.start(print)
    go.set()
    background.wait()
    background.start(bool)
    background.wait()


def test_waiting_for_nothing_returns() -> None:
    Background().wait()
