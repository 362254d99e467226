"""``trust`` and ``state``: what this node believes, and what it has accepted."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ipfs.files import read_file, read_file_or_pipe
from ledger.errors import ConfigurationError, UntrustedError
from ledger.event import Json
from ledger.proof.evidence_fields import encode_hexadecimal
from light_node.anchoring import anchor_anew
from light_node.cli import comparing
from light_node.cli.output import Output
from light_node.http_source import HttpSource
from light_node.memory import Memory
from light_node.node import known_trust
from light_node.state import StateFolder, is_conflict
from light_node.succession.rotating import refuse_contradicted, rotate_by_person, rotate_by_succession, show_succession
from light_node.succession.statement import MAX_BYTES as MAX_NOTE_BYTES
from light_node.succession.statement import SignedSuccession, parse_succession
from light_node.trust import MAX_BYTES, Trust, grouped, parse_trust
from light_node.trust_words import trust_value
from light_node.verdict import time_text

_FORK = "two heads that contradict each other"
_CONFLICT = "two successions of one trust file that contradict each other"
_FINGERPRINT = "read out by somebody you trust, not by whoever gave you the file"


def register(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the commands."""
    trust = commands.add_parser("trust", help="the trust file").add_subparsers(required=True, metavar="COMMAND")
    pin = trust.add_parser("pin", parents=[common], help="pin a trust file in a new node")
    pin.add_argument("file", type=Path, help="trust file")
    pin.add_argument("--fingerprint", required=True, help=f"its fingerprint, {_FINGERPRINT}")
    pin.set_defaults(run=_pin)
    rotate = trust.add_parser("rotate", parents=[common], help="put another trust file in place of the pinned one")
    rotate.add_argument("file", type=Path, help="trust file")
    word = rotate.add_mutually_exclusive_group(required=True)
    word.add_argument("--fingerprint", help=f"its fingerprint, {_FINGERPRINT}")
    word.add_argument("--succession", type=Path, help="what witnesses of the pinned one signed", metavar="NOTE")
    rotate.set_defaults(run=_rotate)
    shown = trust.add_parser("succession", parents=[common], help="remember a succession, and what contradicts it")
    shown.add_argument("note", type=Path, help="what witnesses signed")
    shown.set_defaults(run=_succession)
    for name, run, text in (("show", _show, "what it says"), ("fingerprint", _fingerprint, "what members compare")):
        parser = trust.add_parser(name, parents=[common], help=text)
        parser.add_argument("file", type=Path, nargs="?", help="trust file; the pinned one by default")
        parser.set_defaults(run=run)
    state = commands.add_parser("state", parents=[common], help="what was accepted last, and forks that were seen")
    state.set_defaults(run=_state)
    comparing.register(state.add_subparsers(metavar="COMMAND"))
    anchor = commands.add_parser("anchor", parents=[common], help="ask witnesses anew after a sleep beyond the period")
    anchor.add_argument("--source", action="append", required=True, help="a witness; at least two", metavar="URL")
    anchor.set_defaults(run=_anchor)


def _pin(chosen: argparse.Namespace, output: Output) -> int:
    trust, state = _compared(chosen), StateFolder(chosen.home)
    state.make()
    with state.alone():
        before = known_trust(state)
        if before is not None and before != trust:
            raise ConfigurationError(
                f"another trust file is pinned in {state.folder}: use `vinculum-light trust rotate`"
            )
        return _by_person(output, state, trust)


def _rotate(chosen: argparse.Namespace, output: Output) -> int:
    """By a fingerprint that a person compared, or by a succession that witnesses of the pinned one signed."""
    state = StateFolder(chosen.home)
    if chosen.succession is None:
        trust = _compared(chosen)
        with state.alone():
            state.trust()  # there is one to be replaced
            return _by_person(output, state, trust)
    trust, signed = _named(chosen), _read_succession(chosen.succession)
    with state.alone():
        verified = rotate_by_succession(state, trust, signed, int(time.time()))
    return _say_pinned(output, state, trust, verified.witnesses)


def _by_person(output: Output, state: StateFolder, trust: Trust) -> int:
    if not rotate_by_person(state, trust):
        output.warn("which trust files and successions were there before could not be read, and is forgotten")
    return _say_pinned(output, state, trust)


def _succession(chosen: argparse.Namespace, output: Output) -> int:
    state, signed = StateFolder(chosen.home), _read_succession(chosen.note)
    with state.alone():
        shown = show_succession(state, signed)
    statement, conflict = shown.verified.statement, None if shown.conflict is None else str(shown.conflict)
    signers = ", ".join(shown.verified.witnesses)
    lines = [f"from {grouped(statement.old)}", f"to   {grouped(statement.new)}", f"signed by {signers}"]
    lines.append("this node took it" if shown.taken else "this node did not take it")
    if conflict is not None:
        lines.append(f"{_CONFLICT}: {conflict}")
    value: dict[str, Json] = {"old": grouped(statement.old), "new": grouped(statement.new), "conflict": conflict}
    value |= {"witnesses": [*shown.verified.witnesses], "taken": shown.taken}
    output.result(value, "\n".join(lines))
    return 0 if conflict is None else 1


def _read_succession(path: Path) -> SignedSuccession:
    return parse_succession(read_file_or_pipe(path, MAX_NOTE_BYTES, "succession"))


def _compared(chosen: argparse.Namespace) -> Trust:
    trust = parse_trust(read_file(chosen.file, MAX_BYTES, "trust file"))
    if "".join(chosen.fingerprint.lower().split()) != trust.fingerprint().replace(" ", ""):
        raise UntrustedError(f"its fingerprint is {trust.fingerprint()}, not the one that you were told")
    return trust


def _say_pinned(output: Output, state: StateFolder, trust: Trust, witnesses: Sequence[str] = ()) -> int:
    value: dict[str, Json] = {"home": str(state.folder), "fingerprint": trust.fingerprint(), "by": [*witnesses]}
    lines = [f"pinned in {state.folder}", f"fingerprint {trust.fingerprint()}"]
    if witnesses:
        lines.append(f"by a succession that {', '.join(witnesses)} signed")
    output.result(value, "\n".join(lines))
    return 0


def _named(chosen: argparse.Namespace) -> Trust:
    if chosen.file is None:
        return StateFolder(chosen.home).trust()
    return parse_trust(read_file(chosen.file, MAX_BYTES, "trust file"))


def _show(chosen: argparse.Namespace, output: Output) -> int:
    value = trust_value(_named(chosen))
    lines = [f"{name:26} {item}" for name, item in value.items() if not isinstance(item, list)]
    listed = [item for item in value.values() if isinstance(item, list)]
    output.result(value, "\n".join([*lines, *(f"{'signed by':26} {one}" for items in listed for one in items)]))
    return 0


def _fingerprint(chosen: argparse.Namespace, output: Output) -> int:
    fingerprint = _named(chosen).fingerprint()
    output.result({"fingerprint": fingerprint}, fingerprint)
    return 0


def _state(chosen: argparse.Namespace, output: Output) -> int:
    state = StateFolder(chosen.home)
    memory, forks = state.memory(), state.forks()
    text = "nothing was accepted yet" if memory is None else _memory_text(memory)
    lines = [text, *(f"{_CONFLICT if is_conflict(path) else _FORK}: {path}" for path in forks)]
    output.result(
        {"head": None if memory is None else _memory_value(memory), "forks": [str(path) for path in forks]},
        "\n".join(lines),
    )
    return 1 if forks else 0


def _anchor(chosen: argparse.Namespace, output: Output) -> int:
    state, sources = StateFolder(chosen.home), [HttpSource(url) for url in chosen.source]
    with state.alone():
        refuse_contradicted(state)
        anchor, memory = anchor_anew(state.trust(), state.memory(), sources, int(time.time()), os.urandom)
        if memory is not None:
            state.remember(memory)
    for source, error in anchor.refused.items():
        output.warn(f"{source} did not count: {error}")
    value: dict[str, Json] = {"size": anchor.size, "root": encode_hexadecimal(anchor.root), "time": anchor.time}
    text = f"{anchor.size} blocks, as {', '.join(anchor.witnesses)} hold now, {time_text(anchor.time)}"
    output.result(value | {"witnesses": [*anchor.witnesses]}, text)
    return 0


def _memory_text(memory: Memory) -> str:
    block = memory.block
    tree = "" if memory.tree is None else f", in a tree of {memory.tree.size} blocks"
    return f"block {block.number} of chain {memory.chain_id} at {time_text(block.time)}{tree}"


def _memory_value(memory: Memory) -> dict[str, Json]:
    block, tree = memory.block, memory.tree
    return {
        "chain_id": memory.chain_id,
        "number": block.number,
        "hash": encode_hexadecimal(block.hash),
        "time": block.time,
        "tree": None if tree is None else {"size": tree.size, "root": encode_hexadecimal(tree.root)},
    }
