"""Modules that a start does without are loaded as soon as somebody uses them, and are then what they are anywhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def told(code: str) -> str:
    """What a new interpreter prints, without the modules that installed tools load into this one."""
    words = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert not done.stderr, done.stderr
    return done.stdout.strip()


DEFERRED = "from light_node.cli import lean; import inspect, ipaddress"


def test_nothing_is_loaded_by_importing_alone() -> None:
    names = "'ast', 'dis', 'tokenize', '_opcode'"
    assert told(f"{DEFERRED}; import dataclasses; print({{{names}}} & set(sys.modules))") == "set()"
    assert told(f"{DEFERRED}; print(type(inspect).__name__, type(ipaddress).__name__)") == "Deferred Deferred"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("print(inspect.isclass(int), 'ast' in sys.modules)", "True True"),
        ("from inspect import signature; print(signature(lambda a, *b: 0))", "(a, *b)"),
        ("print(ipaddress.ip_address('::1').is_loopback)", "True"),
        ("inspect.isclass; import inspect as again; print(type(again).__name__)", "module"),
        ("print(hasattr(inspect, 'no_such_name'))", "False"),
        ("print(issubclass(type(inspect), type(sys)), inspect.__name__)", "True inspect"),
        ("import urllib.parse; print(urllib.parse.urlsplit('http://[::1]:80/').hostname)", "::1"),
    ],
)
def test_the_first_use_loads_the_module(code: str, expected: str) -> None:
    assert told(f"{DEFERRED}\n{code}") == expected


def test_a_class_without_a_docstring_still_gets_its_own() -> None:
    code = "from dataclasses import make_dataclass; print(make_dataclass('A', ['b']).__doc__)"
    assert told(f"{DEFERRED}\n{code}") == "A(b: 'typing.Any')"


def test_what_is_loaded_already_stays() -> None:
    assert (
        told("import inspect; before = inspect\nimport light_node.cli\nprint(sys.modules['inspect'] is before)")
        == "True"
    )


def test_many_threads_may_be_the_first() -> None:
    code = (
        "import threading\n"
        "found, start = [], threading.Barrier(8)\n"
        "def use():\n"
        "    start.wait()\n"
        "    found.append(inspect.isclass(int) and ipaddress.ip_address('127.0.0.1').is_loopback)\n"
        "threads = [threading.Thread(target=use) for _ in range(8)]\n"
        "[thread.start() for thread in threads], [thread.join() for thread in threads]\n"
        "print(found == [True] * 8)"
    )
    assert told(f"{DEFERRED}\n{code}") == "True"


def test_a_thread_that_is_held_up_takes_away_nothing_that_another_loaded() -> None:
    """The first stops at each of its lines, until the second is done or waits for it."""
    code = (
        "import threading\n"
        "found, lines, held, done = [], [], threading.Event(), threading.Event()\n"
        "def hold_up(frame, event, _):\n"
        "    if frame.f_code is not lean.Deferred.__getattr__.__code__:\n"
        "        return None\n"
        "    if event == 'line':\n"
        "        lines.append(frame.f_lineno)\n"
        "        if len(lines) == LINE:\n"
        "            held.set()\n"
        "            done.wait(0.5)\n"
        "    return hold_up\n"
        "def first():\n"
        "    sys.settrace(hold_up)\n"
        "    found.append(ipaddress.IPv4Address)\n"
        "    held.set()\n"
        "def second():\n"
        "    held.wait()\n"
        "    found.append(ipaddress.IPv4Address)\n"
        "    done.set()\n"
        "threads = [threading.Thread(target=one) for one in (first, second)]\n"
        "[thread.start() for thread in threads], [thread.join() for thread in threads]\n"
        "print(len(found), len(set(found)))"
    )
    for line in range(1, 6):
        assert told(f"{DEFERRED}\n{code.replace('LINE', str(line))}") == "2 1", line
