"""``witness endorse``, ``combine`` and ``publish``: by what its witnesses sign, one trust file follows another."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ipfs.files import read_file, read_file_or_pipe
from ledger.cli.app import EXIT_DONE, EXIT_REFUSED, EXIT_UNDETERMINED, command, frame_of
from ledger.cli.witness import witness_app
from ledger.errors import ConfigurationError
from ledger.service.files import write_durably
from ledger.service.witness import FOLDER
from ledger.service.witness_endorse import check_successor, combine, endorse
from ledger.service.witness_publish import PUBLISHED, publish
from light_node.succession.difference import Difference, differences
from light_node.succession.rules import witnesses_rule
from light_node.succession.statement import MAX_BYTES as MAX_NOTE_BYTES
from light_node.succession.statement import SignedSuccession, encode_succession, parse_succession
from light_node.trust import MAX_BYTES as MAX_TRUST_BYTES
from light_node.trust import Trust, parse_trust

Old = Annotated[
    Path, typer.Option("--trust", help="The trust file that is followed: its witnesses count.", exists=True)
]
New = Annotated[Path, typer.Option("--successor", help="The one that takes its place.", exists=True)]
NoteTarget = Annotated[Path, typer.Option("-o", "--output", help="The note to write.", dir_okay=False)]


def register(_: typer.Typer) -> None:
    """Add the commands to the group of witnesses."""
    command(
        witness_app,
        "endorse",
        "vinculum witness endorse --trust old.trust.json --successor new.trust.json -o mine.note",
        "vinculum witness endorse --trust old.trust.json --successor new.trust.json --as workshop -o mine.note --yes",
    )(endorse_successor)
    command(
        witness_app,
        "combine",
        "vinculum witness combine mine.note theirs.note --trust old.trust.json -o succession.note",
    )(combine_notes)
    command(
        witness_app,
        "publish",
        "vinculum witness publish succession.note --trust old.trust.json --successor new.trust.json",
    )(publish_succession)


def endorse_successor(
    context: typer.Context,
    trust: Old,
    successor: New,
    target: NoteTarget,
    organisation: Annotated[
        list[str] | None,
        typer.Option("--as", help="Whose witness signs; may be repeated. All whose keys are here by default."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask a person first.")] = False,
) -> None:
    """Sign that one trust file follows another, after showing both fingerprints and all that differs.

    Light nodes that pinned the old one take the new one once k of its witnesses signed. A witness signs one successor
    of a trust file, for good: whoever signs a wrong one leaves it to people to compare fingerprints.
    """
    frame, old, new = frame_of(context), _read_trust(trust), _read_trust(successor)
    _check_target(target)
    changed = differences(old, new)
    with frame.workspace() as workspace:
        statement = check_successor(workspace, old, new)
        for line in (f"from {old.fingerprint()}", f"to   {new.fingerprint()}", *(f"  {one.line}" for one in changed)):
            frame.output.say(line)
        _ask(yes)
        found = endorse(workspace, old, statement, organisation or ())
    write_durably(target, encode_succession(found.note))
    value = _value(target, old, found.note) | {"differences": [_difference_value(one) for one in changed]}
    value["refused"] = {name: str(error) for name, error in found.refused.items()}
    lines = [f"{target}: {_signed_by(old, found.note)}"]
    frame.output.result(value, [*lines, *(f"  {name} did not sign: {error}" for name, error in found.refused.items())])
    raise typer.Exit(EXIT_REFUSED if found.refused else EXIT_DONE)


def combine_notes(
    context: typer.Context,
    notes: Annotated[list[Path], typer.Argument(help="Notes that members signed.", exists=True, dir_okay=False)],
    trust: Old,
    target: NoteTarget,
) -> None:
    """Put the signatures of several members' notes about one succession into one note; no home is needed.

    Each is verified; what counts for nothing is named and left out. Ends with 3 while fewer signed than are needed.
    """
    frame, old = frame_of(context), _read_trust(trust)
    _check_target(target)
    found = combine(old, [parse_succession(read_file_or_pipe(one, MAX_NOTE_BYTES, "succession")) for one in notes])
    write_durably(target, encode_succession(found.note))
    left_out = [{"name": name, "reason": reason} for name, reason in found.left_out]
    lines = [f"{target}: {_signed_by(old, found.note)}"]
    lines += [f"  {name} is left out: {reason}" for name, reason in found.left_out]
    frame.output.result(_value(target, old, found.note) | {"left_out": left_out}, lines)
    raise typer.Exit(EXIT_DONE if _enough(old, found.note) else EXIT_UNDETERMINED)


def publish_succession(
    context: typer.Context,
    note: Annotated[Path, typer.Argument(help="The combined succession.", exists=True, dir_okay=False)],
    trust: Old,
    successor: New,
) -> None:
    """Hand a succession and its new trust file out to every reader who asks `witness serve`, from now on and for good.

    Only one that enough witnesses of the old trust file signed, one of them of this home. Another successor of the same
    trust file is kept beside the first, as evidence that readers get too, and ends with 1.
    """
    frame, old, new = frame_of(context), _read_trust(trust), _read_trust(successor)
    signed = parse_succession(read_file_or_pipe(note, MAX_NOTE_BYTES, "succession"))
    with frame.workspace() as workspace:
        added = publish(workspace, workspace.home / FOLDER / PUBLISHED, old, new, signed)
    statement = signed.statement
    word = "published" if added else "was published before"
    value: dict[str, object] = {"old": statement.old, "new": statement.new, "added": added}
    frame.output.result(value, f"{word}: from {old.fingerprint()}\nto {new.fingerprint()}")


def _read_trust(file: Path) -> Trust:
    return parse_trust(read_file(file, MAX_TRUST_BYTES, "trust file"))


def _check_target(target: Path) -> None:
    if target.is_dir() or not target.parent.is_dir():
        raise ConfigurationError(f"{target} is no place for a file")


def _ask(yes: bool) -> None:
    """Let a person say no.

    Raises: ConfigurationError, where he does, or nobody is there to be asked.
    """
    if yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise ConfigurationError("a witness signs one successor for good: say --yes where nobody can be asked")
    if not typer.confirm("Sign it?", err=True):
        raise ConfigurationError("nothing was signed")


def _enough(old: Trust, note: SignedSuccession) -> bool:
    return len(note.signatures) >= witnesses_rule(old).threshold


def _signed_by(old: Trust, note: SignedSuccession) -> str:
    names, needed = [line.name for line in note.signatures], witnesses_rule(old).threshold
    return f"signed by {', '.join(names)}; {len(names)} of the {needed} that are needed"


def _value(target: Path, old: Trust, note: SignedSuccession) -> dict[str, object]:
    signed: dict[str, object] = {"signed": [line.name for line in note.signatures], "enough": _enough(old, note)}
    value: dict[str, object] = {"file": str(target), "old": note.statement.old, "new": note.statement.new}
    return value | signed | {"needed": witnesses_rule(old).threshold}


def _difference_value(one: Difference) -> dict[str, object]:
    return {"place": one.place, "before": one.before, "after": one.after}
