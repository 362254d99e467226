"""Lines of a stream that anybody wrote, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

_SKIP_BYTES = 64 * 1024
_BLANK = b" \t\r\n"
"""White space of JSON: a line of nothing else asks nothing."""


def read_lines(stream: BinaryIO, max_bytes: int) -> Iterator[bytes | None]:
    r"""Yield each line that is not blank, as soon as it is there; only ``\n`` ends a line, and the last may lack it.

    Args:
        stream: *Untrusted*; binary and buffered.
        max_bytes: Longest line that is held, without its end.

    Yields:
        The line without its end, or None for one that is longer: it was skipped, and the next line is the next.
    """
    while line := stream.readline(max_bytes + 1):
        content = line.removesuffix(b"\n")
        if len(content) > max_bytes:
            _skip_rest(stream)
            yield None
        elif content.strip(_BLANK):
            yield content


def _skip_rest(stream: BinaryIO) -> None:
    while (piece := stream.readline(_SKIP_BYTES)) and not piece.endswith(b"\n"):
        pass
