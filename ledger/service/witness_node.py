"""What a witness sees of the chain: its own member's node, followed into its own member's index."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Protocol

from ledger.chain.blocks import BlockTree
from ledger.errors import ConflictError
from ledger.proof.merkle_tree import NodeReader
from ledger.service.workspace import Workspace

FOLLOW_ATTEMPTS = 5
_PAUSE_S = 0.1


class OwnNode(Protocol):
    """A node of the witness's own member; nothing of it is durable here, and whoever calls retries."""

    def final_size(self) -> int:
        """Ask the node how many blocks it holds as final, and follow it that far.

        Raises: SourceError.
        """
        ...

    def signing_size(self) -> int:
        """How many of them its witness signs by itself, a few blocks behind; raises as ``final_size``."""
        ...

    def tree(self) -> AbstractContextManager[NodeReader]:
        """Open the tree of the blocks that were followed; it raises MissingError beyond them."""
        ...


def follow(workspace: Workspace) -> int:
    """Bring the index up to the node's height, and return it.

    Another program of this home may be doing the same; what one of them has stored the other finds.

    Raises: SourceError; ConflictError, where it stays so.
    """
    for _ in range(FOLLOW_ATTEMPTS - 1):
        with suppress(ConflictError):
            return workspace.projector.sync().block_number
        time.sleep(_PAUSE_S)
    return workspace.projector.sync().block_number


class FollowedNode:
    """The node of a home, with the home's index."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def final_size(self) -> int:
        """As the port says."""
        return max(follow(self._workspace) - self._workspace.settings.chain.finality_depth + 1, 0)

    def signing_size(self) -> int:
        """As the port says."""
        return max(self.final_size() - self._workspace.settings.chain.witness_lag, 0)

    @contextmanager
    def tree(self) -> Iterator[NodeReader]:
        """As the port says."""
        with self._workspace.database.read() as session:
            yield BlockTree(session)
