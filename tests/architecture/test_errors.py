"""The hierarchy of errors: drawn in its docstring as it is, and every class with an exit code."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest

import ipfs
import ledger
import ledger.errors
import light_node
from ledger.cli.app import EXIT_MALFORMED, EXIT_REFUSED, EXIT_UNDETERMINED, exit_code_of
from ledger.errors import (
    ConfigurationError,
    MalformedError,
    RuleError,
    SourceError,
    StaleError,
    VerificationError,
    VinculumError,
)

LINE = re.compile(r"^    (?P<branch>(?:[│ ]   )*)(?:[├└]── )(?P<name>\w+)\b", re.MULTILINE)
FAMILIES: tuple[tuple[tuple[type[VinculumError], ...], int], ...] = (
    ((MalformedError, ConfigurationError), EXIT_MALFORMED),
    ((SourceError, StaleError), EXIT_UNDETERMINED),
    ((RuleError, VerificationError), EXIT_REFUSED),
)
"""First that fits, in this order; documented in ``ledger.cli.app``."""


def _below(error: type[VinculumError]) -> Iterator[type[VinculumError]]:
    for one in error.__subclasses__():
        yield one
        yield from _below(one)


def _import_everything() -> None:
    for package in (ledger, ipfs, light_node):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations." not in module.name:
                importlib.import_module(module.name)


_import_everything()
ERRORS = sorted(set(_below(VinculumError)), key=lambda error: error.__name__)


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_has_the_exit_code_of_its_family(error: type[VinculumError]) -> None:
    expected = next(code for family, code in FAMILIES if issubclass(error, family))
    assert exit_code_of(error.__new__(error)) == expected


def test_the_drawing_is_the_hierarchy() -> None:
    drawn, path = {}, ["VinculumError"]
    for match in LINE.finditer(ledger.errors.__doc__ or ""):
        depth = len(match["branch"]) // 4
        path[depth + 1 :] = [match["name"]]
        drawn[match["name"]] = path[depth]
    public = [error for error in ERRORS if not error.__name__.startswith("_")]
    assert drawn == {error.__name__: error.__base__.__name__ for error in public if error.__base__ is not None}


def test_every_public_error_stands_in_one_file() -> None:
    assert {error.__module__ for error in ERRORS if not error.__name__.startswith("_")} == {"ledger.errors"}


def test_every_error_says_what_it_is() -> None:
    assert [error.__name__ for error in ERRORS if not error.__doc__] == []
