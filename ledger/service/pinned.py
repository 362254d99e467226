"""Validators that readers pin: the line of statements of this home, and blocks that their sets sealed.

In the folder ``pinned`` of the home::

    first.trust.json       the trust file that the line began with; every other one is of the same line
    rotation-N.json        the rotation of that number, verified and published
    rotation-N.other.json  another one of that number that enough members signed too: they lie, and nothing is believed

Nothing in it is replaced. It is not on the chain: who loses it gets it from another member.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ledger.errors import ConfigurationError, ForkError, MalformedError
from ledger.proof.evidence import SealFinality
from ledger.proof.evidence_types import MAX_ROTATIONS
from ledger.proof.header import parse_header, with_seals
from ledger.proof.qbft_extra import parse_qbft_extra
from ledger.service.files import write_durably
from ledger.service.seals import Sealed, seals_by
from ledger.service.workspace import Workspace
from light_node.qbft.pinned import PinnedSets, verify_rotations
from light_node.qbft.rotation import MAX_BYTES, Rotation, SetStatement, encode_rotation, parse_rotation
from light_node.qbft.seals import verify_seals
from light_node.trust import MAX_BYTES as MAX_TRUST_BYTES
from light_node.trust import Trust, encode_trust, parse_trust
from light_node.trust_rules import Source, ValidatorRule, first_statement

FOLDER = "pinned"
FIRST_NAME = "first.trust.json"


@dataclass(frozen=True)
class Line:
    """The set that a trust file pins, and the rotations that followed.

    Attributes:
        first: Statement of the trust file that it began with.
        rotations: Published here, ascending, each once.
    """

    first: SetStatement
    rotations: tuple[Rotation, ...]

    @cached_property
    def sets(self) -> PinnedSets:
        """All sets; raises as ``verify_rotations``, where a file of the home was changed."""
        return verify_rotations(self.rotations, self.first)

    @property
    def last(self) -> SetStatement:
        """The statement that the next rotation has to follow."""
        return self.sets.statements[-1]


def load_line(home: Path) -> Line:
    """Read the line of a home, and verify it.

    Raises:
        ConfigurationError: None has begun here.
        MalformedError, VerificationError: A file was damaged or changed.
        ForkError: Two rotations of one number are kept; carries both files.
    """
    trust = _first(home)
    if trust is None:
        raise ConfigurationError("no set of validators is pinned here yet: `vinculum rotation begin`")
    line = Line(statement_of(trust), tuple(_rotations(home)))
    for rotation in line.rotations:
        other = _path(home, rotation.statement.sequence, other=True)
        if other.exists():
            raise ForkError(f"rotation {rotation.statement.sequence}", encode_rotation(rotation), _read(other))
    line.sets  # noqa: B018 - verified before anybody goes by it
    return line


def begin_line(home: Path, trust: Trust) -> SetStatement:
    """Begin with the set of a trust file; the same again changes nothing.

    Raises: ConfigurationError, where it pins no validators, or another line has begun here.
    """
    statement, before = statement_of(trust), _first(home)
    if before is not None and statement_of(before) != statement:
        raise ConfigurationError(f"another line has begun in {home / FOLDER}: readers' trust files stand on it")
    if before is None:
        _make(home)
        write_durably(home / FOLDER / FIRST_NAME, encode_trust(trust))
    return statement


def publish_rotation(home: Path, rotation: Rotation) -> bool:
    """Verify a rotation and keep it: from now on it stands in evidence.

    Returns: Whether it is new; the same statement with other signatures is not.

    Raises:
        ForkError: Enough members signed another one of its number too. Both are kept, and nothing is proven by this
            line any more.
        VerificationError: It does not follow, or is not signed by enough members: nothing is kept.
        ConfigurationError: No line has begun here.
    """
    line, number = load_line(home), rotation.statement.sequence
    try:
        verify_rotations([*line.rotations, rotation], line.first)
    except ForkError:
        write_durably(_path(home, number, other=True), encode_rotation(rotation))
        raise
    if any(one.statement == rotation.statement for one in line.rotations):
        return False
    write_durably(_path(home, number), encode_rotation(rotation))
    return True


def prove_pinned(workspace: Workspace, block: int) -> Sealed:
    """Prove that the set pinned for a block sealed it, for readers who pinned any statement of the line.

    Seals of others are left out: around a change of the set engines keep some, and a reader refuses them.

    Raises:
        QuorumError: The node's copy has too few seals of that set.
        SourceError: The node does not answer, or has no such block.
        UntrustedError: The line begins later.
        VerificationError, ConfigurationError: See ``load_line``.
    """
    line = load_line(workspace.home)
    header = parse_header(workspace.client.header(block).rlp)
    members, extra = line.sets.in_force(block), parse_qbft_extra(header.extra_data)
    seals = seals_by(members, header, sorted(set(extra.seals)))
    verify_seals(with_seals(header, extra.round, seals), members)
    rotations = tuple(map(encode_rotation, line.rotations[-MAX_ROTATIONS:]))
    return Sealed(with_seals(header, 0, ()).rlp, SealFinality(extra.round, seals, rotations=rotations))


def statement_of(trust: Trust) -> SetStatement:
    """The statement that a trust file pins.

    Raises: ConfigurationError, where it pins no validators.
    """
    rule = trust.finality
    if not isinstance(rule, ValidatorRule) or rule.source is not Source.PINNED:
        raise ConfigurationError("that trust file pins no validators")
    return first_statement(trust.chain_id, trust.trusted_block.number, rule)


def _first(home: Path) -> Trust | None:
    path = home / FOLDER / FIRST_NAME
    return parse_trust(_read(path, MAX_TRUST_BYTES)) if path.exists() else None


def _rotations(home: Path) -> Iterator[Rotation]:
    number = statement_of(trust).sequence if (trust := _first(home)) is not None else 0
    while (path := _path(home, number := number + 1)).exists():
        rotation = parse_rotation(_read(path))
        if rotation.statement.sequence != number:
            raise MalformedError(path.name, f"rotation {rotation.statement.sequence}")
        yield rotation


def _path(home: Path, number: int, *, other: bool = False) -> Path:
    return home / FOLDER / f"rotation-{number}{'.other' if other else ''}.json"


def _read(path: Path, limit: int = MAX_BYTES) -> bytes:
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise MalformedError(path.name, f"over {limit} bytes")
    return data


def _make(home: Path) -> None:
    (home / FOLDER).mkdir(exist_ok=True)
