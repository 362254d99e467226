"""A file of settings, read by whoever knows what stands in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from ipfs.files import read_file
from ledger.errors import ConfigurationError, MalformedError
from light_node.settings_table import parse_toml

_T = TypeVar("_T")


def load_settings_file(path: Path, most: int, read: Callable[[Mapping[str, object], Path], _T]) -> _T:
    """Load settings.

    Args:
        path: Of a file in TOML.
        most: Bytes that are read.
        read: Brings a table into types; is given the folder that paths in it are relative to.

    Raises: ConfigurationError, with the file's name and the place in it.
    """
    try:
        return read(parse_toml(read_file(path, most, "settings"), "settings"), path.resolve().parent)
    except MalformedError as error:
        raise ConfigurationError(f"{path.name}: {error}") from None
