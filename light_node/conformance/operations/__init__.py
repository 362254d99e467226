"""What can be asked: each operation is a function of its name, in the module that the table names.

A module is imported when one of its operations is first asked for: a run over Merkle trees loads no cryptography.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import TypeAlias, cast

from ledger.errors import MalformedError
from light_node.conformance.fields import Fields

Operation: TypeAlias = Callable[[Fields], object]
"""Takes the fields and returns the answer as JSON; it raises errors of ours alone."""

MODULES: Mapping[str, str] = {
    "merkle_inclusion": "trees",
    "merkle_consistency": "trees",
    "trie_proof": "trees",
    "account_proof": "trees",
    "rlp_decode": "encodings",
    "cid": "encodings",
    "fold": "encodings",
    "qbft_header": "blocks",
    "qbft_chain": "blocks",
    "qbft_skip": "blocks",
    "validators_proof": "blocks",
    "signature": "documents",
    "sd_jwt": "documents",
}


@cache
def _operation(name: str) -> Operation:
    return cast(Operation, getattr(import_module(f"{__name__}.{MODULES[name]}"), name))


def operation(name: object) -> Operation:
    """Return the operation of a name.

    Args:
        name: *Untrusted*.

    Raises: MalformedError, where there is none.
    """
    if not isinstance(name, str) or name not in MODULES:
        raise MalformedError("request", "names no operation of the list", "/op")
    return _operation(name)
