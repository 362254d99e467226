"""``verify``: one evidence file, by a trust file alone or by a node that remembers."""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipfs.files import read_file, read_file_or_pipe
from ledger.errors import ConfigurationError, MalformedError, VinculumError
from ledger.event import AssetReference, AssetType, Json
from ledger.identifiers import Identifier, parse_identifier
from ledger.proof.evidence import MAX_BYTES, parse_evidence
from ledger.proof.tlog_text import MAX_PROOF_BYTES, parse_consistency_proof
from light_node.cli.output import Output
from light_node.describe import describe, to_json
from light_node.judgement import judge
from light_node.memory import Memory
from light_node.node import Judged, LightNode
from light_node.progress import Progress
from light_node.state import StateFolder
from light_node.trust import MAX_BYTES as MAX_TRUST_BYTES
from light_node.trust import parse_trust

if TYPE_CHECKING:
    from light_node.http_source import HttpSource

ANCHOR = "anchor"


def register(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the commands."""
    verify = commands.add_parser(
        "verify",
        parents=[common],
        help="verify an evidence file",
        description="Verify an evidence file, offline. Without --trust by the pinned trust file, remembering the head.",
    )
    add_question(verify)
    verify.set_defaults(run=_verify)


def add_question(parser: argparse.ArgumentParser) -> None:
    """Add what is asked about an evidence file, and by what it is judged."""
    parser.add_argument("file", type=Path, help="evidence")
    parser.add_argument("--trust", type=Path, help="judge by this trust file, and remember nothing")
    parser.add_argument("--asset", help="identifier of the asset that it has to be of")
    proof = "proof from a witness that the file's tree and the remembered one are of one chain"
    parser.add_argument("--consistency", type=Path, help=proof, metavar="FILE")
    parser.add_argument("--source", action="append", default=[], help="ask this witness for that proof", metavar="URL")
    since = f"its block must be no older than this: a time (RFC 3339), or `{ANCHOR}`: when witnesses answered last"
    parser.add_argument("--since", help=since, metavar="WHEN")
    parser.add_argument("--public", action="store_true", help="do without being shown which asset it is")


def _verify(chosen: argparse.Namespace, output: Output) -> int:
    judged = judge_file(chosen)
    verdict = judged.verdict
    value: dict[str, Json] = to_json(verdict) | {"fork": None if judged.fork is None else str(judged.fork)}
    kept = "" if judged.fork is None else f"  both signed heads are kept in {judged.fork}\n"
    output.result(value, describe(verdict) + kept)
    return verdict.outcome.exit_code


def judge_file(chosen: argparse.Namespace) -> Judged:
    """Judge the file that is named, by a trust file alone or by the node that remembers."""
    data = read_file_or_pipe(chosen.file, MAX_BYTES, "evidence")
    return _stateless(chosen, data) if chosen.trust is not None else _remembering(chosen, data)


def _stateless(chosen: argparse.Namespace, data: bytes) -> Judged:
    trust = parse_trust(read_file(chosen.trust, MAX_TRUST_BYTES, "trust file"))
    asset, now, progress = _asset(data, chosen.asset), int(time.time()), Progress()
    verdict = judge(
        data,
        trust,
        now=now,
        asset=asset,
        identity_required=not chosen.public,
        since=_moment(chosen.since, None),
        progress=progress,
    )
    return Judged(verdict, None, trust, progress.header)


def _remembering(chosen: argparse.Namespace, data: bytes) -> Judged:
    state = StateFolder(chosen.home)
    sources = _sources(chosen.source)
    given = None if chosen.consistency is None else read_path(chosen.consistency)
    with state.alone():
        node = LightNode(state)
        path = _path_of(node, data, sources) if given is None else given
        return node.judge(
            data,
            now=int(time.time()),
            asset=_asset(data, chosen.asset),
            path=path,
            identity_required=not chosen.public,
            since=_moment(chosen.since, node.memory),
        )


def _moment(text: str | None, memory: Memory | None) -> int:
    """When it was asked, in seconds since the epoch; 0 where that does not matter.

    Raises: ConfigurationError, for what is no time with its zone, or where there is no anchor.
    """
    if text is None:
        return 0
    if text == ANCHOR:
        if memory is None or not memory.anchored_at:
            raise ConfigurationError(f"--since {ANCHOR}: this node was not anchored, or had accepted nothing before")
        return memory.anchored_at
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return math.ceil(moment.timestamp())
    except (ValueError, OverflowError):
        pass
    raise ConfigurationError(
        f"--since {text[:64]!r}: neither `{ANCHOR}` nor a time with its zone (2027-03-01T12:00:00Z)"
    )


def _path_of(node: LightNode, data: bytes, sources: Sequence[HttpSource]) -> tuple[bytes, ...] | None:
    """Ask for the path between the remembered tree and the file's, where there is one to ask for."""
    sizes = node.unproven_sizes(data)
    if sizes is None or not sources:
        return None
    from light_node.anchoring import fetch_path  # noqa: PLC0415 - who asks nobody does without what asks

    return fetch_path(sources, *sizes)


def read_path(path: Path) -> tuple[bytes, ...]:
    """Read a consistency proof as a witness gives it; what it proves, the two roots decide.

    Raises: ConfigurationError, MalformedError, SourceTimeoutError.
    """
    return parse_consistency_proof(read_file_or_pipe(path, MAX_PROOF_BYTES, "consistency proof")).path


def _sources(urls: Sequence[str]) -> list[HttpSource]:
    if not urls:
        return []
    from light_node.http_source import HttpSource  # noqa: PLC0415 - as above

    return [HttpSource(url) for url in urls]


def _asset(data: bytes, identifier: str | None) -> AssetReference | None:
    """The asset that is asked for; whether the file is of it, the verdict says.

    An identifier can name assets of several types: then it is the type of the file that is asked for.

    Returns: None where nobody asks for one, and for a malformed file, of which the verdict says what is wrong.

    Raises: ConfigurationError, where it names no asset: nothing may be called verified that somebody mistyped.
    """
    if identifier is None:
        return None
    named = {
        kind: AssetReference(kind, one.canonical)
        for kind in AssetType
        if (one := _identifier(identifier.strip(), kind)) is not None
    }
    if not named:
        raise ConfigurationError(f"--asset {identifier[:64]!r}: not the identifier of a battery, a vehicle or a part")
    try:
        kind = parse_evidence(data).asset_type
    except VinculumError:
        return None
    return named.get(kind, next(iter(named.values())))


def _identifier(text: str, kind: AssetType) -> Identifier | None:
    try:
        return parse_identifier(text, kind)
    except MalformedError:
        return None
