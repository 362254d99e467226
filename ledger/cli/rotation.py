"""``rotation``: the set of QBFT validators that readers pin, and the statements by which its members change it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import coincurve
import typer

from ipfs.files import read_file, read_file_or_pipe
from ledger.cli.app import Frame, command, frame_of, group
from ledger.cli.output import counted, short
from ledger.errors import ConfigurationError, VerificationError
from ledger.service.files import write_durably
from ledger.service.pinned import Line, load_line, publish_rotation, statement_of
from ledger.service.rotations import (
    add_signature,
    adopt_pinned,
    begin_pinned,
    combine_rotations,
    missing_signatures,
    propose_rotation,
    sign_here,
)
from light_node.qbft.rotation import MAX_BYTES, Rotation, SetStatement, encode_rotation, parse_rotation, typed_data
from light_node.trust import MAX_BYTES as MAX_TRUST_BYTES
from light_node.trust import Trust, parse_trust

MAX_KEY_BYTES = 256
Addresses = Annotated[
    list[str] | None, typer.Argument(help="Of every validator of the set: 0x and 40 hex digits.", metavar="ADDRESS...")
]
Threshold = Annotated[int | None, typer.Option("--k", help="How many of the set sign the next; its quorum by default.")]
RotationFile = Annotated[Path, typer.Argument(help="A rotation.", exists=True, dir_okay=False, metavar="FILE")]
NewFile = Annotated[Path, typer.Option("-o", "--output", help="File to write.", dir_okay=False)]

rotation_app = group("Validators that readers pin in their trust files, and the signed statements that change them.")


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(rotation_app, name="rotation")


@command(
    rotation_app,
    "begin",
    "vinculum rotation begin 0x59e8eb1d5f0c7c9a3d5b1f6f2b3e8a4c7d9e0f12 0x6a… 0x7b… 0x8c…",
    "vinculum rotation begin --trust consortium.trust.json",
)
def begin(
    context: typer.Context,
    addresses: Addresses = None,
    k: Threshold = None,
    trust: Annotated[
        Path | None,
        typer.Option("--trust", help="Another member's trust file, compared with him.", exists=True, dir_okay=False),
    ] = None,
) -> None:
    """Pin the validators that seal now, or those that another member pinned. Once; all trust files stand on it."""
    frame, validators = frame_of(context), _addresses(addresses)
    if (trust is None) != bool(validators):
        raise ConfigurationError("name the validators, or --trust")
    with frame.workspace() as workspace:
        made = begin_pinned(workspace, validators, k) if trust is None else adopt_pinned(workspace, _trust(trust))
    statement = statement_of(made)
    frame.output.result(_value(statement) | {"fingerprint": made.fingerprint()}, _lines(statement))


@command(
    rotation_app,
    "propose",
    "vinculum rotation propose 0x6a… 0x7b… 0x8c… 0x9d… --effective 120000 -o rotation-1.json",
)
def propose(
    context: typer.Context,
    target: NewFile,
    effective: Annotated[int, typer.Option("--effective", help="First block that the new set seals.", metavar="BLOCK")],
    addresses: Addresses = None,
    k: Threshold = None,
) -> None:
    """Write the statement of the next set, for members of the present one to sign."""
    frame = frame_of(context)
    with frame.workspace() as workspace:
        rotation = propose_rotation(workspace, _addresses(addresses), effective, k)
        line = load_line(workspace.home)
    write_durably(target, encode_rotation(rotation))
    _tell(frame, rotation, line, target)


@command(
    rotation_app,
    "sign",
    "vinculum rotation sign rotation-1.json --key nodekey",
    "vinculum rotation sign rotation-1.json --signature 0x5c1f…1b",
)
def sign(
    context: typer.Context,
    file: RotationFile,
    key: Annotated[
        Path | None,
        typer.Option("--key", help="The validator's key, 64 hex digits, as engines keep it.", exists=True),
    ] = None,
    signature: Annotated[
        str | None, typer.Option("--signature", help="Made elsewhere over the typed data: 65 bytes in hex.")
    ] = None,
) -> None:
    """Add a member's signature to a rotation. A key signs one successor of each statement here, and no other."""
    frame, rotation = frame_of(context), _rotation(file)
    if (key is None) == (signature is None):
        raise ConfigurationError("name --key or --signature")
    with frame.workspace() as workspace:
        home = workspace.home
        signed = (
            sign_here(home, rotation, _key(key)) if key else add_signature(home, rotation, _octets(signature or ""))
        )
        line = load_line(home)
    write_durably(file, encode_rotation(signed))
    _tell(frame, signed, line, file)


@command(rotation_app, "combine", "vinculum rotation combine a.json b.json c.json -o rotation-1.json")
def combine(
    context: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(help="The same rotation, signed by others.", exists=True, metavar="FILE...")
    ],
    target: NewFile,
) -> None:
    """Put the signatures of several members together in one file."""
    frame, combined = frame_of(context), combine_rotations([_rotation(file) for file in files])
    write_durably(target, encode_rotation(combined))
    _tell(frame, combined, None, target)


@command(rotation_app, "publish", "vinculum rotation publish rotation-1.json")
def publish(context: typer.Context, file: RotationFile) -> None:
    """Verify a rotation that enough members signed, and keep it: from now on it stands in evidence.

    Another one of the same number that enough signed too is kept beside it, and nothing is proven any more.
    """
    frame, rotation = frame_of(context), _rotation(file)
    with frame.workspace() as workspace:
        new = publish_rotation(workspace.home, rotation)
    statement = rotation.statement
    done = "published" if new else "was published before"
    text = f"rotation {statement.sequence} {done}: its set seals from block {statement.effective_block} on"
    frame.output.result(_value(statement) | {"new": new}, [text])


@command(rotation_app, "show", "vinculum rotation show", "vinculum rotation show rotation-1.json --json")
def show(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="A rotation; without it, the line.", exists=True)] = None,
) -> None:
    """Show a rotation, with --json also as typed data for a member's own signer; or all sets that are pinned here."""
    frame = frame_of(context)
    with frame.workspace() as workspace:
        line = load_line(workspace.home)
    if file is not None:
        _tell(frame, _rotation(file), line, file)
        return
    sets = line.sets.statements
    frame.output.result([_value(one) for one in sets], [text for one in sets for text in _lines(one)])


def _tell(frame: Frame, rotation: Rotation, line: Line | None, file: Path) -> None:
    """A rotation with who signed it, and what it lacks; without a line, which members those are is not known."""
    statement, signers = rotation.statement, list(rotation.signatures)
    value = _value(statement) | {"file": str(file), "signed_by": signers, "typed_data": typed_data(statement)}
    lines = [*_lines(statement), f"  digest    0x{statement.digest.hex()}"]
    lines += [f"  signed    0x{one.hex()}" for one in signers]
    if line is not None:
        missing, why = _missing(line, rotation)
        value |= {"missing": missing, "refused": why}
        lines.append(f"  {why or _wanting(missing)}")
    frame.output.result(value, lines)


def _missing(line: Line, rotation: Rotation) -> tuple[int | None, str | None]:
    if rotation.statement in line.sets.statements:
        return 0, None
    try:
        return missing_signatures(line, rotation), None
    except VerificationError as error:
        return None, f"it does not follow: {error}"


def _wanting(missing: int | None) -> str:
    return f"{counted(missing, 'more signature')} needed" if missing else "enough members signed"


def _value(statement: SetStatement) -> dict[str, object]:
    return {
        "chain_id": statement.chain_id,
        "sequence": statement.sequence,
        "effective_block": statement.effective_block,
        "k": statement.threshold,
        "previous": statement.previous,
        "digest": statement.digest,
        "validators": list(statement.validators),
    }


def _lines(statement: SetStatement) -> list[str]:
    counted_set = f"{counted(len(statement.validators), 'validator')}, changed by {statement.threshold} of them"
    name = f"set {statement.sequence} ({short(statement.digest)})"
    return [
        f"{name} seals from block {statement.effective_block} on: {counted_set}",
        *(f"  0x{one.hex()}" for one in statement.validators),
    ]


def _addresses(texts: Sequence[str] | None) -> list[bytes]:
    for text in texts or ():
        if not re.fullmatch("0x[0-9a-fA-F]{40}", text):
            raise ConfigurationError(f"{text!r} is no address: 0x and 40 hex digits")
    return [bytes.fromhex(text[2:]) for text in texts or ()]


def _rotation(file: Path) -> Rotation:
    return parse_rotation(read_file_or_pipe(file, MAX_BYTES, "rotation of validators"))


def _trust(file: Path) -> Trust:
    return parse_trust(read_file(file, MAX_TRUST_BYTES, "trust file"))


def _key(file: Path) -> coincurve.PrivateKey:
    """The key as engines keep it; what is in the file is never said."""
    data = read_file_or_pipe(file, MAX_KEY_BYTES, "validator's key")
    text = data.decode("ascii", "replace").strip().removeprefix("0x")
    try:
        if re.fullmatch("[0-9a-fA-F]{64}", text):
            return coincurve.PrivateKey(bytes.fromhex(text))
    except ValueError:
        pass
    raise ConfigurationError(f"{file} is no validator's key: 64 hex digits")


def _octets(text: str) -> bytes:
    bare = text.removeprefix("0x")
    if not re.fullmatch("([0-9a-fA-F]{2})+", bare):
        raise ConfigurationError("a signature is 0x and 130 hex digits")
    return bytes.fromhex(bare)
