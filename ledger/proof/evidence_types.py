"""The parts of an evidence file as types, and the limits of the file; nothing here is verified."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ledger.event import AssetType

MEDIA_TYPE = "application/vnd.vinculum.evidence+json"
VERSION = 1

MAX_BYTES = 32 * 1024 * 1024
MAX_DEPTH = 8
MAX_HEADER_BYTES = 64 * 1024
MAX_NOTE_CHARACTERS = 64 * 1024
MAX_PATH = 64
MAX_ACCOUNTS = 16
MAX_STORAGE_PROOFS = 4096
MAX_PROOF_NODES = 66
MAX_NODE_BYTES = 1024
MAX_SEGMENTS = 8
MAX_EVENTS = 100_000
MAX_STATUS = 255
MAX_CREDENTIAL_CHARACTERS = 4 * 1024 * 1024
MAX_ISSUERS = 4096
MAX_ORGANISATION = 2**32 - 1
MAX_JWK_MEMBERS = 8
MAX_JWK_CHARACTERS = 256
SEAL_BYTES = 65
MAX_SEALS = 256
MAX_ROUND = 2**32 - 1
MAX_STEPS = 4096
MAX_ROTATIONS = 64

Jwk: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CheckpointFinality:
    """Finality by a cosigned checkpoint over the tree whose leaf n is the hash of block n.

    Attributes:
        note: The signed note, with its cosignatures.
        path: Inclusion path of the block hash, each node 32 bytes, leaf side first; index is the block's number.
    """

    note: str
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class SealStep:
    """A block on the way from the reader's trusted block, with who seals the one after it.

    Attributes:
        header: RLP, without round and seals.
        round: In which it was sealed.
        seals: r ‖ s ‖ v, 65 bytes each, ascending.
        account: RLP of the trie's nodes that prove the contract of the validators; empty where votes decide.
        validators: Nodes of the storage proofs of its list: the length, then each element; empty where votes decide.
    """

    header: bytes
    round: int
    seals: tuple[bytes, ...]
    account: tuple[bytes, ...] = ()
    validators: tuple[tuple[bytes, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class SealFinality:
    """Finality by the commit seals of QBFT validators.

    Attributes:
        round: In which the evidence's header was sealed.
        seals: r ‖ s ‖ v, 65 bytes each, ascending.
        account: As in ``SealStep``, at the evidence's header: a far block is final by the set that it leads to, too.
        validators: As in ``SealStep``, at the evidence's header.
        steps: Ascending in height, below the evidence's header.
        rotations: Files of rotations (canonical JSON), where the validators are pinned.
    """

    round: int
    seals: tuple[bytes, ...]
    account: tuple[bytes, ...] = ()
    validators: tuple[tuple[bytes, ...], ...] = ()
    steps: tuple[SealStep, ...] = ()
    rotations: tuple[bytes, ...] = ()


Finality: TypeAlias = CheckpointFinality | SealFinality


@dataclass(frozen=True, slots=True)
class StorageProof:
    """Proof of one slot, present or absent.

    Attributes:
        slot: Slot number as 32 bytes, before hashing.
        nodes: RLP of the trie's nodes from the storage root down.
    """

    slot: bytes
    nodes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class AccountProof:
    """Proof of one contract account and of slots of its storage.

    Attributes:
        address: 20 bytes.
        nodes: RLP of the trie's nodes from the state root down.
        storage: In ascending order of slot, no slot twice.
    """

    address: bytes
    nodes: tuple[bytes, ...]
    storage: tuple[StorageProof, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """The part of the history that was attested in one log.

    Attributes:
        log: Address of the log contract, 20 bytes.
        entries: How many entries it added.
    """

    log: bytes
    entries: int


@dataclass(frozen=True, slots=True)
class OpenEntry:
    """An attestation whose kind, organisation and time are shown.

    Attributes:
        digest: SHA-256 of the issuer-signed JWT, 32 bytes.
        meta: Meta word, 32 bytes.
        status: The asset's status after it.
        credential: SD-JWT with the disclosures that the giver chose, or None where it is withheld.
    """

    digest: bytes
    meta: bytes
    status: int
    credential: str | None


@dataclass(frozen=True, slots=True)
class HiddenEntry:
    """An attestation of which only the leaf and the status after it are shown.

    Attributes:
        leaf: keccak256(digest ‖ meta), 32 bytes.
        status: The asset's status after it.
    """

    leaf: bytes
    status: int


HistoryEntry: TypeAlias = OpenEntry | HiddenEntry


@dataclass(frozen=True, slots=True)
class IssuerKey:
    """A public key that an organisation signed credentials with; believed only with its proven slot.

    Attributes:
        organisation: Number of the organisation in ``Consortium``.
        jwk: Public JSON Web Key.
    """

    organisation: int
    jwk: Jwk


@dataclass(frozen=True, slots=True)
class Evidence:
    """The parsed file; nothing in it is verified.

    Attributes:
        chain_id: EIP-155 chain id.
        asset_type: Which log the history is of.
        subject: 32 bytes.
        header: RLP of the block header that all proofs are of.
        finality: Why that header is final.
        accounts: In ascending order of address.
        segments: The logs in order of succession, the current one last; they cover the history.
        history: Oldest first; empty proves that nothing was attested.
        issuers: In ascending order of (organisation, encoded JWK).
    """

    chain_id: int
    asset_type: AssetType
    subject: bytes
    header: bytes
    finality: Finality
    accounts: tuple[AccountProof, ...]
    segments: tuple[Segment, ...]
    history: tuple[HistoryEntry, ...]
    issuers: tuple[IssuerKey, ...]
