"""``python -m light_node.conformance``: answers on standard output, each as soon as its line was read."""

from __future__ import annotations

import os
import sys
from typing import BinaryIO

from light_node.conformance.answers import answer
from light_node.conformance.lines import read_lines
from light_node.conformance.request import MAX_LINE_BYTES

USAGE = "usage: python -m light_node.conformance < requests > answers; one JSON object a line (docs/conformance.md)\n"
EXIT_USAGE, EXIT_INTERRUPTED = 2, 130


def converse(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer every line of ``requests`` that is not blank, in order, until it ends."""
    for line in read_lines(requests, MAX_LINE_BYTES):
        answers.write(answer(line))
        answers.flush()


def main() -> int:
    """Run over the standard streams; returns the exit code, 0 whatever the answers are."""
    if len(sys.argv) > 1:
        sys.stderr.write(USAGE)
        return EXIT_USAGE
    try:
        converse(sys.stdin.buffer, sys.stdout.buffer)
    except BrokenPipeError:  # nobody reads on; Python would complain again when it closes the stream
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
