"""The command itself: at once, in order, quickly, in little memory, and without what it does not need."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from light_node.conformance.request import MAX_LINE_BYTES
from tests.light_node.conformance.asking import read_answer
from tests.light_node.conformance.requests import REQUESTS

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "light_node.conformance"]
GOOD = b'{"id":1,"op":"rlp_decode","hex":"80"}\n'
MEBIBYTE = 1 << 20


def run(data: bytes, *arguments: str, memory: int | None = None) -> subprocess.CompletedProcess[bytes]:
    def limit() -> None:
        if memory is not None:
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))

    return subprocess.run(
        [*COMMAND, *arguments], cwd=ROOT, input=data, capture_output=True, check=False, timeout=300, preexec_fn=limit
    )


@pytest.fixture
def running() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(COMMAND, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process
        process.kill()


def test_each_line_is_answered_before_the_next_is_written(running: subprocess.Popen[bytes]) -> None:
    assert running.stdin is not None
    assert running.stdout is not None
    for number in range(20):
        running.stdin.write(b"\n" + GOOD if number % 2 else b"no\n")
        running.stdin.flush()
        assert read_answer(running.stdout.readline())["id"] == (1 if number % 2 else None)
    running.stdin.close()
    assert running.wait(30) == 0


def test_the_end_of_the_input_ends_it_well() -> None:
    assert run(b"").stdout == b""
    done = run(GOOD + b"\n" + GOOD[:-1])
    assert (done.returncode, done.stdout, done.stderr) == (0, b'{"id":1,"ok":""}\n' * 2, b"")


def test_nobody_who_reads_the_answers_is_no_reason_to_fail(running: subprocess.Popen[bytes]) -> None:
    assert running.stdin is not None
    assert running.stdout is not None
    running.stdout.close()
    running.stdin.write(GOOD)
    running.stdin.close()
    assert running.wait(30) == 0


def test_it_takes_no_arguments() -> None:
    done = run(GOOD, "--help")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"usage: ")


def test_every_operation_runs_in_one_conversation() -> None:
    lines = [json.dumps({"id": op, "op": op, **fields}).encode() for op, fields in REQUESTS.items()]
    done = run(b"\n".join(lines))
    assert [read_answer(line)["id"] for line in done.stdout.splitlines(keepends=True)] == list(REQUESTS)
    assert (done.returncode, done.stderr) == (0, b"")


def test_lines_without_end_are_read_in_bounded_memory() -> None:
    long = b"x" * (MAX_LINE_BYTES + 1)
    done = run((long + b"\n") * 2 + GOOD, memory=1024 * MEBIBYTE)
    answers = [read_answer(line) for line in done.stdout.splitlines(keepends=True)]
    assert [one.get("error") for one in answers] == ["MalformedError", "MalformedError", None]


@pytest.mark.parametrize("filling", [b"[],", b"1,", b'"",', b"1.5,", b'{"a":1},', b"[[[[", b'"\\u00e4"'])
def test_nothing_that_is_short_as_text_is_made_large(filling: bytes) -> None:
    line = b'{"id":1,"op":"cid","hex":[' + filling * (32 * MEBIBYTE // len(filling)) + b"\n"
    done = run(line + GOOD, memory=1024 * MEBIBYTE)
    first, second = (read_answer(one) for one in done.stdout.splitlines(keepends=True))
    assert (first["error"], second["id"]) == ("MalformedError", 1)


def test_a_hundred_thousand_lines_take_seconds() -> None:
    began = time.monotonic()
    done = run(GOOD * 100_000)
    assert done.stdout == b'{"id":1,"ok":""}\n' * 100_000
    assert time.monotonic() - began < 60


def test_only_what_is_asked_for_is_loaded() -> None:
    program = (
        "import io, sys; from light_node.conformance.__main__ import converse; "
        'converse(io.BytesIO(b\'{"op":"merkle_inclusion"}\'), io.BytesIO()); '
        "print(*sorted(name for name in sys.modules if '.' not in name or name.startswith('ledger')))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "ledger.errors" in loaded
    assert loaded.isdisjoint(
        {"cryptography", "coincurve", "web3", "httpx", "pydantic", "sqlmodel", "ledger.credential"}
    )


def test_it_needs_nothing_of_the_servers() -> None:
    lines = [json.dumps({"id": op, "op": op, **fields}) for op, fields in REQUESTS.items()]
    program = (
        "import io, sys; from light_node.conformance.__main__ import converse; "
        f"converse(io.BytesIO({chr(10).join(lines).encode()!r}), io.BytesIO()); print(*sys.modules)"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert loaded.isdisjoint({"web3", "eth_account", "httpx", "fastapi", "pydantic", "sqlmodel", "typer", "rich"})
