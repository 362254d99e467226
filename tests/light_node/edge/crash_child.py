"""Take and deliver readings, and die hard at every step in turn: ``crash_child FOLDER MOST``.

Each round forks a process that kills itself with SIGKILL before the nth statement of SQL (a commit is one), n = 1, 2 …
up to MOST or until one gets through. A round works in a folder of its own and writes down what it promised: a line
to ``acknowledged`` once a call has returned, and every statement that has left the device to ``sent``.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from light_node.edge.outgoing import Outgoing
from light_node.edge.queue import Queue
from tests.light_node.edge.making import ASSET, attester, included, reading

GROUPS, GROUP = 5, 3


def killer(nth: int) -> Callable[[str], None]:
    left = nth

    def count(_: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return count


def note(path: Path, line: str) -> None:
    with path.open("a") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


def work(folder: Path, observe: Callable[[str], None] = lambda _: None) -> None:
    """Take all groups, from where the queue says that we were, and deliver every second one's batches."""
    path = folder / "queue.db"
    with Queue(path) as queue, Outgoing(path) as outgoing:
        for connection in (queue._connection, outgoing._connection):
            connection.set_trace_callback(observe)
        device = attester(queue)
        for group in range(int(queue.position("test") or 0), GROUPS):
            numbers = range(group * GROUP, (group + 1) * GROUP)
            device.take(ASSET, [reading(number) for number in numbers], ("test", str(group + 1)))
            note(folder / "acknowledged", str(group + 1))
            for waiting in outgoing.waiting() if group % 2 else ():
                note(folder / "sent", waiting.statement + " " + outgoing.readings(waiting.number).hex())
                outgoing.delete(included(waiting.digest))


def main(folder: str, most: str) -> None:
    for nth in range(1, int(most) + 1):
        place = Path(folder) / str(nth)
        place.mkdir()
        child = os.fork()
        if not child:
            work(place, killer(nth))
            os._exit(0)
        if os.waitpid(child, 0)[1] == 0:
            return
    raise SystemExit("no round got through")


if __name__ == "__main__":
    main(*sys.argv[1:])
