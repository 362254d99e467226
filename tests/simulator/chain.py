"""An in-memory chain with real state tries, headers, checkpoints, keys and credentials; it enforces nothing.

It does what it is told, so that tests can make every chain that a liar could make.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

import rlp

from ipfs.cid import cid_of_raw
from ledger.credential.base64url import encode_base64url
from ledger.credential.binding import Binding, claims_of, coarse_time, log_name, schema_of
from ledger.credential.capsule_format import CapsuleReference
from ledger.credential.jose import Algorithm
from ledger.credential.salting import make_disclosures
from ledger.credential.sd_jwt import CLAIM_NAMES, SdJwt, issue, parse_sd_jwt, present
from ledger.credential.signing import SigningKey, generate_private_key
from ledger.event import AssetReference, AssetType, Json
from ledger.identifiers import parse_identifier
from ledger.kinds import kind_by_name
from ledger.proof.evidence import (
    AccountProof,
    CheckpointFinality,
    Evidence,
    HiddenEntry,
    HistoryEntry,
    IssuerKey,
    OpenEntry,
    Segment,
    StorageProof,
    encode_evidence,
    issuer_order,
)
from ledger.proof.evidence_slots import consortium_slots
from ledger.proof.fold import EMPTY_HEAD, Meta, leaf, next_head
from ledger.proof.keccak import keccak256
from ledger.proof.merkle import leaf_hash, node_hash
from ledger.proof.subject import namespace_id, subject
from light_node.trust import Trust, TrustedBlock, TrustedContract
from light_node.trust_rules import WitnessRule
from tests.simulator import layout
from tests.simulator.tries import SecureTrie, account_value, storage_trie
from tests.simulator.witnesses import WITNESSES, Witness, checkpoint_body, cosigned

CHAIN_ID = 31337
ORIGIN = "simulator.example/blocks"
START = 1_790_000_000 - 1_790_000_000 % 3600
DAY = 86400
ALGORITHMS = {Algorithm.ES256: 1, Algorithm.ES256K: 2, Algorithm.EDDSA: 3}
CONSORTIUM = b"\xc0" * 20
LOG_ADDRESSES = {AssetType.BATTERY: b"\xb1" * 20, AssetType.VEHICLE: b"\xb2" * 20, AssetType.PART: b"\xb3" * 20}


class Noise:
    """Bytes that look random and are the same in every run."""

    def __init__(self, seed: str) -> None:
        self._seed, self._count = seed, 0

    def __call__(self, size: int) -> bytes:
        self._count += 1
        blocks = (sha256(f"{self._seed}/{self._count}/{n}".encode()).digest() for n in range(-(-size // 32)))
        return b"".join(blocks)[:size]


@dataclass(frozen=True)
class Attested:
    """One attestation as the chain keeps it, with the credential that was attested."""

    log: bytes
    digest: bytes
    meta: Meta
    status: int
    credential: SdJwt | None


@dataclass(frozen=True)
class Block:
    """A block and the state that its header commits to."""

    number: int
    time: int
    header: bytes
    hash: bytes
    state: SecureTrie
    storage: Mapping[bytes, SecureTrie]
    slots: Mapping[bytes, Mapping[bytes, int]]


@dataclass
class Asset:
    """An asset with its secret salt and its history."""

    reference: AssetReference
    subject: bytes
    salt: bytes
    history: list[Attested] = field(default_factory=list)


class Simulator:
    """Organisations 1 to 4 with a key each; a consortium, three logs, and blocks that are made on demand."""

    def __init__(self, seed: str = "simulator") -> None:
        self.random = Noise(seed)
        self.time = START
        self.slots: dict[bytes, dict[bytes, int]] = {CONSORTIUM: {}}
        self.logs = {kind: [address] for kind, address in LOG_ADDRESSES.items()}
        for address in LOG_ADDRESSES.values():
            self.slots[address] = {self.random(32): int.from_bytes(self.random(32), "big") for _ in range(20)}
        self.assignments: dict[bytes, list[tuple[int, int]]] = {}
        self.blocks: list[Block] = []
        self.keys: dict[int, SigningKey] = {}
        for organisation, algorithm in ((1, "ES256"), (2, "ES256"), (3, "ES256K"), (4, "EdDSA")):
            self.keys[organisation] = generate_private_key(Algorithm(algorithm), self.random)
            self.add_key(organisation, self.keys[organisation])
        self.mine()

    # ---- consortium ---------------------------------------------------------------------------------------------

    def add_key(
        self,
        organisation: int,
        key: SigningKey,
        *,
        valid_from: int = START,
        valid_until: int = layout.NO_END,
        revoked_from: int = 0,
        changed_at: int = START,
        algorithm: int | None = None,
        flags: int = 0,
    ) -> None:
        number = ALGORITHMS[key.public.algorithm] if algorithm is None else algorithm
        word = layout.issuer_key_word(valid_from, valid_until, revoked_from, changed_at, number, flags)
        self.slots[CONSORTIUM][layout.issuer_key_at(organisation, key.public.thumbprint)] = word

    def assign(self, scheme: int, prefix: str, organisation: int, since: int | None = None) -> None:
        identifier = namespace_id(scheme, prefix)
        assigned = self.assignments.setdefault(identifier, [])
        assigned.append((organisation, self.time if since is None else since))
        slots = self.slots[CONSORTIUM]
        slots[layout.namespace_at(identifier)] = len(assigned)
        place = layout.assignment_at(identifier, len(assigned) - 1)
        slots[place] = layout.assignment_word(*assigned[-1])

    # ---- assets and attestations --------------------------------------------------------------------------------

    def asset(self, asset_type: AssetType, identifier: str, organisation: int) -> Asset:
        salt = self.random(32)
        own = subject(organisation, str(asset_type), identifier, salt)
        return Asset(AssetReference(asset_type, identifier), own, salt)

    def opening(self, asset: Asset, *aliases: str) -> dict[str, Json]:
        return {
            "identifier": asset.reference.identifier,
            "asset_type": str(asset.reference.asset_type),
            "aliases": list(aliases),
            "salt": encode_base64url(asset.salt),
        }

    def issue(
        self,
        asset: Asset,
        issuer: int,
        kind: str,
        fields: Mapping[str, Json],
        *,
        key: SigningKey | None = None,
        more: Sequence[str] = (),
        **claims: object,
    ) -> SdJwt:
        row, log = kind_by_name(kind), self.logs[asset.reference.asset_type][-1]
        sealed = self.random(32)
        binding = Binding(
            subject=asset.subject,
            kind=row.number,
            schema=schema_of(kind),
            log=log_name(CHAIN_ID, log),
            organisation=issuer,
            jti=encode_base64url(self.random(16)),
            issued_at=coarse_time(self.time),
            capsule=CapsuleReference(str(cid_of_raw(sealed)), sealed),
            previous_head=self.head(asset) if row.from_statuses else None,
        )
        visible = claims_of(replace(binding, **claims))  # type: ignore[arg-type]
        listed: dict[str, Json] = {CLAIM_NAMES: sorted(fields)} | dict(fields)
        disclosures = (*make_disclosures(listed, self.random), *more)
        return issue(visible, disclosures, key or self.keys[issuer], self.random)

    def attest(
        self,
        asset: Asset,
        organisation: int,
        kind: str,
        credential: SdJwt | None,
        *,
        digest: bytes | None = None,
        status: int | None = None,
    ) -> Attested:
        row, log = kind_by_name(kind), self.logs[asset.reference.asset_type][-1]
        if digest is None:
            digest = self.random(32) if credential is None else credential.digest
        before = asset.history[-1].status if asset.history else 0
        after = (row.to_status or before) if status is None else status
        attested = Attested(log, digest, Meta(row.number, organisation, self.time), after, credential)
        asset.history.append(attested)
        self.slots[log][layout.head_at(asset.subject)] = int.from_bytes(self.head(asset), "big")
        self.time += 60
        return attested

    def record(self, asset: Asset, organisation: int, kind: str, **fields: Json) -> Attested:
        """Issue a credential and attest it, as an honest member does."""
        return self.attest(asset, organisation, kind, self.issue(asset, organisation, kind, fields))

    def head(self, asset: Asset) -> bytes:
        head = EMPTY_HEAD
        for item in asset.history:
            head = next_head(head, leaf(item.digest, item.meta.word), item.status)
        return head

    def succeed(self, asset_type: AssetType, address: bytes) -> None:
        """Replace the log of an asset type by a new one."""
        self.slots[self.logs[asset_type][-1]][layout.successor_at()] = int.from_bytes(address, "big")
        self.logs[asset_type].append(address)
        self.slots[address] = {}

    # ---- blocks -------------------------------------------------------------------------------------------------

    def mine(self, *, time: int | None = None, extra: bytes = b"") -> Block:
        storage = {address: storage_trie(slots) for address, slots in self.slots.items()}
        accounts = {address: account_value(trie.root, code_hash(address)) for address, trie in storage.items()}
        accounts |= {bytes((n,)) * 20: account_value(b"\x11" * 32, b"\x22" * 32) for n in range(8)}
        state = SecureTrie(accounts)
        number, when = len(self.blocks), self.time if time is None else time
        header = encode_header(self.blocks[-1].hash if self.blocks else bytes(32), state.root, number, when, extra)
        slots = {address: dict(values) for address, values in self.slots.items()}
        block = Block(number, when, header, keccak256(header), state, storage, slots)
        self.blocks.append(block)
        self.time += 60
        return block

    def trust(self, **changes: object) -> Trust:
        first = self.blocks[0]
        trust = Trust(
            chain_id=CHAIN_ID,
            block_hash_rule="plain",
            trusted_block=TrustedBlock(first.number, first.hash, first.time),
            finality=WitnessRule(ORIGIN, 2, tuple(witness.vkey for witness in WITNESSES), 0),
            consortium=TrustedContract(CONSORTIUM, code_hash(CONSORTIUM)),
            logs={
                kind: tuple(TrustedContract(address, code_hash(address)) for address in addresses)
                for kind, addresses in self.logs.items()
            },
            trusting_period_seconds=3650 * DAY,
            maximum_age_seconds=7 * DAY,
        )
        return replace(trust, **changes)  # type: ignore[arg-type]

    # ---- evidence -----------------------------------------------------------------------------------------------

    def finality(self, block: Block, witnesses: Sequence[Witness] = WITNESSES[:2]) -> CheckpointFinality:
        leaves = [leaf_hash(item.hash) for item in self.blocks]
        body = checkpoint_body(ORIGIN, len(leaves), tree_root(leaves))
        note = cosigned(body, self.blocks[-1].time + 5, witnesses)
        return CheckpointFinality(note, tuple(tree_path(leaves, block.number)))

    def evidence(
        self,
        asset: Asset,
        *,
        block: Block | None = None,
        withheld: Iterable[int] = (),
        hidden: Iterable[int] = (),
        shown: Mapping[int, Sequence[str]] | None = None,
    ) -> Evidence:
        """Build honest evidence at a block (a new one by default).

        Args:
            asset: Whose history.
            block: The block that every proof is of.
            withheld: Numbers of events whose credential is not shown.
            hidden: Numbers of events of which only the leaf is shown.
            shown: Names of the fields disclosed, by number of the event; all of them where it is not listed.
        """
        at = self.mine() if block is None else block
        history = [
            _entry(item, number in hidden, number in withheld, (shown or {}).get(number))
            for number, item in enumerate(asset.history, 1)
        ]
        return self.assemble(asset, at, history)

    def assemble(
        self, asset: Asset, at: Block, history: Sequence[HistoryEntry], *, namespaces: bool = True
    ) -> Evidence:
        """Put proofs around a history, true or false."""
        kind = asset.reference.asset_type
        issuers = {issuer_order(key): key for key in self._issuers(history)}
        ordered = tuple(issuers[order] for order in sorted(issuers))
        opened = history and isinstance(history[0], OpenEntry) and history[0].credential
        shown = parse_sd_jwt(opened).disclosures if opened else ()
        names = {item.name for item in shown}
        opens = namespaces and {"identifier", "asset_type", "salt"} <= names
        candidates = parse_identifier(asset.reference.identifier, kind).namespaces if opens else ()
        genesis_time = asset.history[0].meta.time if asset.history else 0
        used = [(key.organisation, self._thumbprint(key)) for key in ordered]
        wanted = {address: [layout.head_at(asset.subject), layout.successor_at()] for address in self.logs[kind]}
        consortium = consortium_slots(used, candidates, genesis_time, lambda slot: at.slots[CONSORTIUM].get(slot, 0))
        wanted |= {CONSORTIUM: list(consortium)} if consortium else {}
        counts = dict.fromkeys(self.logs[kind], 0)
        for item in asset.history[: len(history)]:
            counts[item.log] += 1
        return Evidence(
            chain_id=CHAIN_ID,
            asset_type=kind,
            subject=asset.subject,
            header=at.header,
            finality=self.finality(at),
            accounts=tuple(account_proof(at, address, slots) for address, slots in sorted(wanted.items())),
            segments=tuple(Segment(address, count) for address, count in counts.items()),
            history=tuple(history),
            issuers=ordered,
        )

    def _issuers(self, history: Sequence[HistoryEntry]) -> Iterator[IssuerKey]:
        by_id = {key.public.key_id: key for key in self.keys.values()}
        for entry in history:
            if isinstance(entry, OpenEntry) and entry.credential:
                kid = parse_sd_jwt(entry.credential).jws.header["kid"]
                organisation = int.from_bytes(entry.meta, "big") >> 48 & 0xFFFFFFFF
                yield IssuerKey(organisation, by_id[kid].public.jwk)

    def _thumbprint(self, issuer: IssuerKey) -> bytes:
        return next(key.public.thumbprint for key in self.keys.values() if key.public.jwk == issuer.jwk)

    def file(self, asset: Asset, **choices: object) -> bytes:
        return encode_evidence(self.evidence(asset, **choices))  # type: ignore[arg-type]


def _entry(item: Attested, hidden: bool, withheld: bool, names: Sequence[str] | None) -> HistoryEntry:
    if hidden:
        return HiddenEntry(leaf(item.digest, item.meta.word), item.status)
    credential = item.credential if names is None or item.credential is None else present(item.credential, names)
    text = None if withheld or credential is None else credential.text
    return OpenEntry(item.digest, item.meta.word, item.status, text)


def code_hash(address: bytes) -> bytes:
    return keccak256(b"code of " + address)


def account_proof(block: Block, address: bytes, slots: Iterable[bytes]) -> AccountProof:
    trie = block.storage[address]
    storage = tuple(StorageProof(slot, trie.proof(slot)) for slot in sorted(slots))
    return AccountProof(address, block.state.proof(address), storage)


def encode_header(parent: bytes, state_root: bytes, number: int, time: int, extra: bytes = b"") -> bytes:
    """A header of 16 fields, as after London."""
    root = keccak256(rlp.encode(b""))
    ommers = keccak256(rlp.encode([]))
    fields = [parent, ommers, b"\xfe" * 20, state_root, root, root, bytes(256), 1, number, 30_000_000, 21_000, time]
    return bytes(rlp.encode([*fields, extra, bytes(32), bytes(8), 7]))


def tree_root(leaves: Sequence[bytes]) -> bytes:
    """The root after RFC 9162, 2.1.1, as it stands there."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(tree_root(leaves[:split]), tree_root(leaves[split:]))


def tree_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The inclusion path after RFC 9162, 2.1.3.1, as it stands there."""
    if len(leaves) == 1:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if index < split:
        return [*tree_path(leaves[:split], index), tree_root(leaves[split:])]
    return [*tree_path(leaves[split:], index - split), tree_root(leaves[:split])]
