"""What a device has accepted of the chain: the folder of a light node, one for each device.

::

    receipt ─ judged against the last head ─ head remembered, flushed ─ batch deleted
              └ older, forked, or no path: nothing is deleted            └ a crash before: asked for again, deleted then

The head is on the disk before the queue lets go of anything: after a crash at any point the memory is as high as
everything that was deleted, or higher. ``vinculum-light`` may use the same folder, to anchor anew or to show its forks.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from light_node.node import Judged, LightNode, known_trust
from light_node.state import StateFolder
from light_node.trust import Trust

FetchPath = Callable[[int, int], tuple[bytes, ...] | None]
"""Fetches the consistency path between trees of two sizes, *untrusted*; None where it is not to be had."""


def open_folder(folder: Path, trust: Trust) -> StateFolder:
    """Make the device's folder, with the trust file that it was handed at enrolment.

    Args:
        folder: Of the light node.
        trust: Pinned where nothing is yet; what is pinned already stays, whatever this one says.

    Raises: ConfigurationError, SourceError, MalformedError.
    """
    state = StateFolder(folder)
    state.make()
    with state.alone():
        if known_trust(state) is None:
            state.pin(trust)
    return state


class DeviceMemory:
    """Judges receipts by what the device believes and remembers. Of one thread; other processes may use the folder."""

    def __init__(self, state: StateFolder) -> None:
        """Read how high the last accepted head is.

        Raises: MalformedError, where the memory is damaged: nobody knows what was accepted, and a person has to look.
        """
        self._state = state
        memory = state.memory()
        self.height = 0 if memory is None else memory.block.number
        """From where on a receipt is asked for; what counts is read again for each."""

    def judge(self, receipt: bytes, now: int, fetch_path: FetchPath) -> Judged:
        """Judge a receipt against the last head; a verified one moves it on before this returns, a fork is kept.

        The folder is not held while the path is fetched. Where another process moves the head on meanwhile, the path
        does not fit, and the receipt is asked for again.

        Args:
            receipt: *Untrusted.*
            now: The device's clock, in seconds since 1970.
            fetch_path: Asked where the receipt's tree is of another size than the remembered one.

        Raises: SourceError, ConfigurationError, MalformedError: the folder or the path cannot be had.
        """
        with self._state.alone():
            sizes = LightNode(self._state).unproven_sizes(receipt)
        path = None if sizes is None else fetch_path(*sizes)
        with self._state.alone():
            node = LightNode(self._state)
            judged = node.judge(receipt, now=now, path=path, identity_required=False)
        self.height = self.height if node.memory is None else node.memory.block.number
        return judged
