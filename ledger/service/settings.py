"""Settings: one TOML file in the home folder, overridden by the environment."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from ledger.errors import ConfigurationError
from light_node.trust_rules import Source

FILE_NAME = "vinculum.toml"
_PREFIX = "VINCULUM_"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ChainSettings(_Section):
    """The chain: an embedded anvil that `vinculum up` starts, or any node by URL."""

    embedded: bool = True
    host: str = "127.0.0.1"
    port: int = Field(8745, ge=1, le=65535)
    url: str | None = Field(None, description="an existing node; with it, nothing is embedded")
    chain_id: int = Field(84_600, ge=1, lt=2**63)
    block_time_seconds: float = Field(1.0, gt=0, le=60)
    finality_depth: int = Field(0, ge=0, description="blocks behind the tip that count as final; 0 where blocks are")
    witness_lag: int = Field(2, ge=0, description="blocks behind the tip that witnesses sign")
    block_hash_rule: Literal["plain", "qbft"] = Field("plain", description="how the engine hashes its blocks")
    anvil: Path | None = Field(None, description="the anvil binary; found in the toolchain or on the path by default")


class DocumentSettings(_Section):
    """Where encrypted documents are kept: a folder, or a Kubo node by its RPC address."""

    store: Literal["local", "kubo"] = "local"
    kubo_api: str = "/ip4/127.0.0.1/tcp/5001"
    kubo_token_file: Path | None = None


class IndexSettings(_Section):
    """The disposable index and the outbox: SQLite in the home folder, or PostgreSQL by URL."""

    url: str | None = Field(None, description="postgresql+psycopg://...; SQLite in the home folder by default")


class KeySettings(_Section):
    """Keystores; the passphrase comes from a file, the environment or a prompt."""

    scrypt_n: int = Field(262_144, ge=1024, le=2**22, description="work factor of new keystores")
    passphrase_file: Path | None = None


class CouncilSettings(_Section):
    """The council that `vinculum init` sets up."""

    administrators: int = Field(3, ge=1, le=16)
    threshold: int = Field(2, ge=1, le=16)
    delay_seconds: int = Field(0, ge=0, description="wait before changes of council, validators and namespaces")
    validators: tuple[Annotated[str, Field(pattern="^0x[0-9a-fA-F]{40}$")], ...] = Field(
        (), max_length=64, description="addresses that Consortium names first; an administrator's where there are none"
    )


class SharingSettings(_Section):
    """Who receives the keys of what is recorded here, besides the organisation that records it."""

    recipients: tuple[str, ...] = Field((), description="names or numbers of organisations; --to takes their place")


class TrustSettings(_Section):
    """What makes a block final for readers, and what `vinculum trust export` writes besides addresses and keys."""

    finality: Literal["witnesses", "validators"] = Field(
        "witnesses", description="cosigned checkpoints, over any engine; or the seals of QBFT validators"
    )
    validator_source: Source = Field(Source.CONTRACT, description="where readers know the validators from")
    validators_from_block: int = Field(
        0, ge=0, description="the engine asks Consortium for the validators of this block and later ones; 0: of all"
    )
    epoch_length: int | None = Field(
        None, ge=1, le=2**32, description="votes: blocks after which the engine forgets open ones"
    )
    engine_binds_proposer: bool = Field(
        False, description="votes: the engine refuses a coinbase or a list that is not the proposer's; Besu does"
    )
    witness_threshold: int | None = Field(None, ge=1, description="k; the smallest safe one by default")
    tolerated_liars: int = Field(1, ge=0)
    trusting_period_seconds: int = Field(14 * 86_400, ge=1)
    maximum_age_seconds: int = Field(86_400, ge=1)


class Settings(BaseSettings):
    """All settings; each can be overridden as ``VINCULUM_<SECTION>__<NAME>``."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    home: Path = Path(".vinculum")
    chain: ChainSettings = ChainSettings()
    documents: DocumentSettings = DocumentSettings()
    index: IndexSettings = IndexSettings()
    keys: KeySettings = KeySettings()
    council: CouncilSettings = CouncilSettings()
    sharing: SharingSettings = SharingSettings()
    trust: TrustSettings = TrustSettings()

    @model_validator(mode="after")
    def _sealed_blocks_are_of_qbft(self) -> Self:
        if self.trust.finality == "validators" and self.chain.block_hash_rule != "qbft":
            raise ValueError("trust.finality = validators needs chain.block_hash_rule = qbft")
        return self

    @model_validator(mode="after")
    def _votes_are_counted_where_the_engine_binds_them(self) -> Self:
        chosen = self.trust
        if chosen.validator_source is Source.VOTES and not (chosen.epoch_length and chosen.engine_binds_proposer):
            raise ValueError(
                "trust.validator_source = votes needs trust.epoch_length and trust.engine_binds_proposer = true: "
                "where an engine does not bind votes to the proposer, one validator alone can vote for all"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file, which is handed in as initial values."""
        return env_settings, init_settings

    @property
    def chain_url(self) -> str:
        """HTTP address of the node's JSON-RPC."""
        return self.chain.url or f"http://{self.chain.host}:{self.chain.port}"

    @property
    def index_url(self) -> str:
        """SQLAlchemy URL of outbox and index."""
        return self.index.url or f"sqlite:///{self.home / 'index.db'}"


def load_settings(home: Path) -> Settings:
    """Read ``vinculum.toml`` in ``home``; a missing file means the defaults.

    Raises: ConfigurationError, naming each setting that is wrong, and the variable or file that it comes from.
    """
    path = home / FILE_NAME
    try:
        values = tomllib.loads(path.read_text("utf-8")) if path.exists() else {}
        return Settings(**{**values, "home": home}).model_copy(update={"home": home})
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path} is not TOML: {error}") from None
    except SettingsError as error:
        raise ConfigurationError(_without_json() or f"{_PREFIX}… in the environment: {error}") from None
    except ValidationError as error:
        wrong = (f"{_place(item['loc'], path)}: {item['msg']}" for item in error.errors())
        raise ConfigurationError("; ".join(wrong)) from None


def _place(setting: tuple[int | str, ...], path: Path) -> str:
    """The variable that a setting comes from, where one is set, as it wins; else the file, and its name there."""
    for length in range(len(setting), 0, -1):
        variable = _variable("__".join(map(str, setting[:length])))
        if variable is not None:
            return ": ".join([variable, *filter(None, [".".join(map(str, setting[length:]))])])
    return f"{path}: {'.'.join(map(str, setting))}"


def _variable(name: str) -> str | None:
    """The variable of a setting as it is written in the environment, in whatever case."""
    return next((one for one in os.environ if one.casefold() == f"{_PREFIX}{name}".casefold()), None)


def _without_json() -> str:
    """Name a variable that has to be JSON and is not: that of a list, or of a section as a whole."""
    for name in _written_as_json():
        variable = _variable(name)
        if variable is not None and not _is_json(os.environ[variable]):
            return f"{variable}: not JSON, as a list, or a section as a whole, has to be here"
    return ""


def _written_as_json() -> Iterator[str]:
    for section, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield section
            inner = field.annotation.model_fields.items()
            yield from (f"{section}__{name}" for name, one in inner if get_origin(one.annotation) is tuple)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
