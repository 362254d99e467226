"""What a run answers over HTTP: ``/metrics`` for Prometheus, ``/healthz`` for supervisors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus

from ledger.strict_json import canonical_json
from light_node.run.exposition import CONTENT_TYPE
from light_node.run.follower import Follower
from light_node.run.server import Page


def pages_of(follower: Follower) -> Mapping[str, Callable[[], Page]]:
    """The pages, by path."""
    return {"/metrics": lambda: _metrics(follower), "/healthz": lambda: _health(follower)}


def _metrics(follower: Follower) -> Page:
    return Page(HTTPStatus.OK.value, CONTENT_TYPE, follower.metrics_text().encode())


def _health(follower: Follower) -> Page:
    """503 where it is not well, so that a supervisor needs to read no further."""
    health = follower.health()
    status = HTTPStatus.SERVICE_UNAVAILABLE if health.exit_code else HTTPStatus.OK
    return Page(status.value, "application/json", canonical_json(health.value()) + b"\n")
