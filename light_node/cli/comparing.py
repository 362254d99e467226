"""``state compare``: another node's head against the own one, which stays where it is."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from ipfs.files import read_file_or_pipe
from ledger.errors import StaleError, UntrustedError
from ledger.event import Json
from ledger.proof.evidence_fields import encode_hexadecimal
from light_node.cli.output import Output
from light_node.cli.verifying import read_path
from light_node.comparing import Comparison, Relation, compare_heads
from light_node.heads import TreeHead
from light_node.memory import MAX_BYTES, Memory
from light_node.node import LightNode
from light_node.state import StateFolder
from light_node.verdict import time_text

_SAID = {
    Relation.SAME: "THE SAME HEAD",
    Relation.OWN_HIGHER: "ONE CHAIN: the own head is the higher one",
    Relation.OTHER_HIGHER: "ONE CHAIN: the other head is the higher one",
}


def register(commands: Any) -> None:
    """Add the command to those of ``state``; options that are not given here stay as they stand before it."""
    compare = commands.add_parser(
        "compare",
        help="hold another node's head against the own one",
        description="Hold another node's head.json against the own head, by the pinned trust file. Neither one moves.",
    )
    compare.add_argument("head", type=Path, help="head.json of another node")
    proof = "proof from a witness that the two heads' trees are of one chain"
    compare.add_argument("--consistency", type=Path, help=proof, metavar="FILE")
    compare.add_argument("--source", action="append", default=[], help="ask this witness for that proof", metavar="URL")
    kept = argparse.SUPPRESS
    compare.add_argument("--json", action="store_true", default=kept, help="print one JSON value")
    compare.add_argument("--home", type=Path, default=kept, help="the light node's folder", metavar="FOLDER")
    compare.set_defaults(run=_compare)


def _compare(chosen: argparse.Namespace, output: Output) -> int:
    data = read_file_or_pipe(chosen.head, MAX_BYTES, "head of another node")
    path = None if chosen.consistency is None else read_path(chosen.consistency)
    state = StateFolder(chosen.home)
    with state.alone():
        own, fork = LightNode(state), None
        memory = _memory_of(own)
        found = _found(data, own, memory, path, chosen.source)
        if found.contradicting is not None:
            fork = state.keep_fork(own.trust.chain_id, memory.signed, found.contradicting)
    value = _value(found, memory) | {"fork": None if fork is None else str(fork)}
    kept = [] if fork is None else [f"  both signed heads are kept in {fork}"]
    output.result(value, "\n".join([*_lines(found, memory), *kept]))
    return found.outcome.exit_code


def _memory_of(node: LightNode) -> Memory:
    if node.contradicted is not None:
        raise UntrustedError(node.contradicted.reason)
    if node.memory is None:
        raise StaleError("nothing was accepted here yet that another head could be held against")
    return node.memory


def _found(data: bytes, node: LightNode, memory: Memory, path: tuple[bytes, ...] | None, urls: list[str]) -> Comparison:
    """Nobody is asked for a path who is not needed: not where the heads contradict each other, or are of one tree."""
    now = int(time.time())
    found = compare_heads(data, memory, node.trust, now=now, path=path)
    if found.unproven is None or not urls:
        return found
    from light_node.anchoring import fetch_path  # noqa: PLC0415 - who asks nobody does without what asks
    from light_node.http_source import HttpSource  # noqa: PLC0415 - as above

    path = fetch_path([HttpSource(url) for url in urls], *found.unproven)
    return compare_heads(data, memory, node.trust, now=now, path=path)


def _lines(found: Comparison, own: Memory) -> list[str]:
    said = f"{found.outcome.upper()}: {found.reason}" if found.relation is None else _SAID[found.relation]
    lines = [said, f"  own    {_block_text(own.block.number, own.block.time, own.tree)}"]
    if found.other is not None:
        other = found.other
        lines.append(f"  other  {_block_text(other.number, other.time, other.tree)}")
    return lines


def _block_text(number: int, block_time: int, tree: TreeHead | None) -> str:
    return f"block {number} ({time_text(block_time)})" + ("" if tree is None else f", in a tree of {tree.size} blocks")


def _value(found: Comparison, own: Memory) -> dict[str, Json]:
    block, other = own.block, found.other
    return {
        "outcome": str(found.outcome),
        "relation": None if found.relation is None else str(found.relation),
        "error": found.error,
        "reason": found.reason,
        "own": _head_value(block.number, block.hash, block.time, own.tree),
        "other": None if other is None else _head_value(other.number, other.hash, other.time, other.tree),
    }


def _head_value(number: int, hashed: bytes, block_time: int, tree: TreeHead | None) -> dict[str, Json]:
    listed: Json = None if tree is None else {"size": tree.size, "root": encode_hexadecimal(tree.root)}
    return {"number": number, "hash": encode_hexadecimal(hashed), "time": block_time, "tree": listed}
