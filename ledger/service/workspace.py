"""A home folder opened: settings, index, documents, node, contracts and keys, each when it is first needed."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Self

from sqlmodel import col, select

from ipfs.kubo import KuboStore
from ipfs.local import LocalStore
from ipfs.store import DocumentStore
from ledger.chain.client import ChainClient
from ledger.chain.node import NodeSettings, node_status
from ledger.chain.outbox import Outbox
from ledger.chain.projector import Projector
from ledger.chain.settling import OutboxSettings
from ledger.credential.binding import Place
from ledger.errors import ConfigurationError, NotAuthorisedError, UnreachableError
from ledger.service.bounded_cache import BoundedCache
from ledger.service.contracts import Contracts, load_contracts
from ledger.service.keyring import Keyring, passphrase_source
from ledger.service.members import ATTESTED_AFTER_SECONDS, RECIPIENT, Member, issuer_of, member_of, recipient_key
from ledger.service.read import ReadCredential, Reader
from ledger.service.settings import Settings
from ledger.store.chain_index import Account, Block, IssuerKey
from ledger.store.database import Database, open_database

KEYS, CHAIN, DOCUMENTS = "keys", "chain", "documents"
COUNCIL = "council"
MAX_REMEMBERED = 16 * 1024 * 1024
"""Characters of opened credentials that are kept in memory."""


class Workspace:
    """What a command works with; closing it gives everything back."""

    def __init__(self, settings: Settings, prompt: Callable[[], str] | None = None) -> None:
        """Nothing is opened yet; ``prompt`` asks a person for the passphrase, where there is one."""
        self.settings = settings
        self._prompt, self._stack = prompt, ExitStack()
        self._reader: Reader | None = None
        self.verified: BoundedCache[tuple[bytes, Place], ReadCredential] = BoundedCache(
            MAX_REMEMBERED, attrgetter("characters")
        )
        """Opened credentials by digest and the place that they were verified for; see ``presentable``."""

    def __enter__(self) -> Self:
        return self

    def again(self) -> Workspace:
        """Return another workspace on the same home, for another thread; a person is not asked twice."""
        return Workspace(self.settings, self._prompt)

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def home(self) -> Path:
        """The folder that holds everything."""
        return self.settings.home

    @cached_property
    def keyring(self) -> Keyring:
        """Keystores of this home."""
        keys = self.settings.keys
        return Keyring(self.home / KEYS, passphrase_source(keys.passphrase_file, self._prompt), keys.scrypt_n)

    @cached_property
    def database(self) -> Database:
        """Outbox and index."""
        database = open_database(self.settings.index_url)
        self._stack.callback(database.close)
        return database

    @cached_property
    def documents(self) -> DocumentStore:
        """The store of encrypted documents."""
        chosen = self.settings.documents
        if chosen.store == "local":
            local = LocalStore(self.home / DOCUMENTS)
            self._stack.callback(local.close)
            return local
        token = None if chosen.kubo_token_file is None else chosen.kubo_token_file.read_text("utf-8").strip()
        kubo = KuboStore(chosen.kubo_api, token)
        self._stack.callback(kubo.close)
        return kubo

    @cached_property
    def client(self) -> ChainClient:
        """The node.

        Raises: UnreachableError, where the embedded chain is not running.
        """
        client = ChainClient.at(self._node_url())
        self._stack.callback(client.close)
        return client

    @cached_property
    def contracts(self) -> Contracts:
        """The contracts of this home; their chain is the node's.

        Raises: ConfigurationError, where there are none, or the node is of another chain.
        """
        contracts = load_contracts(self.home)
        found = self.client.chain_id()
        if found != contracts.chain_id:
            raise ConfigurationError(f"the node is of chain {found}, the contracts are on {contracts.chain_id}")
        return contracts

    def use(self, contracts: Contracts) -> None:
        """Work with other contracts from now on: those of before, with a log that goes on where one was closed."""
        self.__dict__["contracts"] = contracts
        self.__dict__.pop("projector", None)
        self._reader = None

    @cached_property
    def projector(self) -> Projector:
        """Follows the chain into the index."""
        return Projector(self.database, self.client, self.contracts.deployment)

    def outbox(self, member: Member) -> Outbox:
        """The writer of a member's account; enter it before use."""
        chain = self.settings.chain
        chosen = OutboxSettings(
            self.contracts.chain_id, finality_depth=chain.finality_depth, poll_s=min(0.1, chain.block_time_seconds / 10)
        )
        return Outbox(self.database, self.client, member.signer, chosen)

    def member(self, name: str) -> Member:
        """Unlock an organisation's keys and find its number by its account.

        Raises:
            ConfigurationError: No such keys, or a wrong passphrase.
            NotAuthorisedError: The account writes for no organisation.
        """
        keys = self.keyring.unlock(name)
        organisation = self.organisation_of(self.keyring.address(name))
        if organisation == 0:
            raise NotAuthorisedError(f"the account of {name!r} writes for no organisation")
        with self.database.read() as session:
            last = session.exec(select(Block.timestamp).order_by(col(Block.number).desc()).limit(1)).first()
            now = max(int(time.time()), last or 0)  # the chain decides when a key ended; its clock may be ahead
            soon = now + ATTESTED_AFTER_SECONDS
            issuer = issuer_of(self.keyring, name, lambda key: session.get(IssuerKey, (organisation, key)), soon)
        return member_of(keys, organisation, issuer)

    def member_names(self) -> list[str]:
        """Names of the organisations with keystores here; the council's administrators are none."""
        return [name for name in self.keyring.names() if not name.startswith(f"{COUNCIL}-")]

    def enrolled(self) -> dict[str, int]:
        """Numbers of the organisations whose keystores lie here and whose accounts may write, by name."""
        numbers = {name: self.organisation_of(self.keyring.address(name)) for name in self.member_names()}
        return {name: number for name, number in numbers.items() if number}

    def reader(self) -> Reader:
        """Reads with the recipient keys of every organisation whose keystores lie here."""
        if self._reader is None:
            unlocked = self.keyring.unlock_all(self.member_names())
            keys = [recipient_key(one.secrets) for one in unlocked if RECIPIENT in one.secrets]
            self._reader = Reader(self.database, self.documents, self.contracts, keys)
        return self._reader

    def organisation_of(self, account: bytes) -> int:
        """The number of the organisation that an account writes for, after the index; 0 for none."""
        self.projector.sync()
        with self.database.read() as session:
            found = session.exec(select(Account.organisation).where(col(Account.address) == account)).first()
        return found or 0

    def node_settings(self) -> NodeSettings:
        """How the embedded chain runs."""
        chain = self.settings.chain
        return NodeSettings(
            self.home / CHAIN,
            chain.chain_id,
            port=chain.port,
            block_time_s=chain.block_time_seconds,
            binary=chain.anvil,
        )

    def _node_url(self) -> str:
        if self.settings.chain.url is not None:
            return self.settings.chain.url
        node = node_status(self.home / CHAIN)
        if node is None:
            raise UnreachableError(f"the chain of {self.home} is not running: run `vinculum up`")
        return node.url
