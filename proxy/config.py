"""Configuration: `meritorder.toml`, then the environment, then the command line, the later one winning."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from bandit import PRESETS, Objective
from proxy.principal import ALL_SCOPES, CLIENT_SCOPES, Scope

_Usd = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
_Seconds = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


Capability = Literal[
    "images", "tools", "json_schema", "audio", "reasoning", "embeddings", "transcriptions", "speech"
]
_SUFFIXES = (":nitro", ":floor")


OPERATOR = "MERITORDER_API_KEY"
"""Variable of the operator's own key, and the name under which its requests are kept."""


class ConfigError(Exception):
    """The configuration can't be used; the message names the file, the field and what is wrong.

    `field` is the arm's field at fault, where it is one.
    """

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class ObjectiveConfig(_Strict):
    """What a caller pays for; fields left out come from the preset."""

    preset: Literal["best", "balanced", "cheap", "fast"] = "balanced"
    value_usd: Annotated[float, Field(gt=0.0, le=1e6, allow_inf_nan=False)] | None = None
    second_usd: Annotated[float, Field(ge=0.0, le=1e6, allow_inf_nan=False)] | None = None
    whole_answer: bool | None = None
    max_usd_per_request: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] | None = None
    min_quality: Annotated[float, Field(gt=0.0, le=1.0, allow_inf_nan=False)] | None = None
    max_exploration: Annotated[float, Field(gt=0.0, le=1.0, allow_inf_nan=False)] | None = None

    def over(self, base: Objective | None = None) -> Objective:
        """Returns the objective: these fields over `base`, or over the preset where one was named."""
        start = PRESETS[self.preset] if base is None or "preset" in self.model_fields_set else base

        def pick(own: Any, other: Any) -> Any:
            return other if own is None else own

        return Objective(
            value_usd=pick(self.value_usd, start.value_usd),
            second_usd=pick(self.second_usd, start.second_usd),
            whole_answer=pick(self.whole_answer, start.whole_answer),
            max_usd_per_request=pick(self.max_usd_per_request, start.max_usd_per_request),
            min_quality=pick(self.min_quality, start.min_quality),
            max_exploration=pick(self.max_exploration, start.max_exploration),
        )


class PriceConfig(_Strict):
    """US dollars per million tokens, and what audio models are paid by. Left out: the catalogue's price of
    provider and model.
    """

    input_usd_per_mtok: _Usd | None = None
    output_usd_per_mtok: _Usd | None = None
    cached_input_usd_per_mtok: _Usd | None = None
    cache_write_usd_per_mtok: _Usd | None = None
    request_usd: _Usd | None = None
    audio_minute_usd: _Usd | None = None
    speech_usd_per_mchar: _Usd | None = None


class ArmConfig(PriceConfig):
    """One model at one provider, with fixed parameters if any."""

    name: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\s\x00-\x1f]+$")]
    provider: str = "custom"
    model: Annotated[str, Field(min_length=1, max_length=200)]
    base_url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    dialect: str | None = None
    api_key: SecretStr | None = None
    api_key_env: str | None = None
    family: str = ""
    quality: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    context_window: Annotated[int, Field(gt=0)] | None = None
    max_output_tokens: Annotated[int, Field(gt=0)] | None = None
    capabilities: tuple[Capability, ...] | None = None
    parameters: dict[str, object] = {}

    @field_validator("name")
    @classmethod
    def _name_is_free(cls, name: str) -> str:
        if name == "auto" or name.endswith(_SUFFIXES):
            raise ValueError(f"the name {name} is taken: auto, :nitro and :floor mean something else")
        return name

    @model_validator(mode="after")
    def _fields_agree(self) -> ArmConfig:
        if self.api_key is not None and self.api_key_env is not None:
            raise ValueError("api_key and api_key_env can't both be given")
        if (self.input_usd_per_mtok is None) != (self.output_usd_per_mtok is None):
            raise ValueError("input_usd_per_mtok and output_usd_per_mtok must be given together")
        return self


class ProviderConfig(_Strict):
    """A provider of the table, or any server that speaks one of the dialects, with the models to serve."""

    base_url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    dialect: str | None = None
    api_key: SecretStr | None = None
    api_key_env: str | None = None
    models: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_key(self) -> ProviderConfig:
        if self.api_key is not None and self.api_key_env is not None:
            raise ValueError("api_key and api_key_env can't both be given")
        return self


class RouteConfig(_Strict):
    """A named choice: which arms (shell patterns of their names), and what they are chosen for."""

    arms: Annotated[tuple[str, ...], Field(min_length=1)] = ("*",)
    objective: ObjectiveConfig = ObjectiveConfig()


class TimeoutConfig(_Strict):
    """Seconds: to connect, to the first byte, between two reads, and for all of it."""

    connect: _Seconds = 5.0
    first_byte: _Seconds = 120.0
    idle: _Seconds = 60.0
    total: _Seconds = 900.0


class ApiKeyConfig(_Strict):
    """A key of clients and what it may do. A name keeps what the key asked its own when the key itself changes."""

    key: SecretStr
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] | None = None
    team: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] | None = None
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)] = CLIENT_SCOPES

    @model_validator(mode="before")
    @classmethod
    def _a_string_is_a_key(cls, value: object) -> object:
        if isinstance(value, str):
            return {"key": value}
        if not isinstance(value, dict | ApiKeyConfig):
            raise ValueError("must be a key as a string, or a table of key, name, team and scopes")  # noqa: TRY004
        return value

    @field_validator("key")
    @classmethod
    def _can_be_sent(cls, key: SecretStr) -> SecretStr:
        trimmed = key.get_secret_value().strip()
        if not trimmed:
            raise ValueError("is empty: a key was meant, and without one the gateway would stand open")
        if any(not character.isprintable() for character in trimmed):
            raise ValueError("holds a line break or another character that no request can send")
        return SecretStr(trimmed)


class ServerConfig(_Strict):
    """Where to listen, whom to serve, what to accept. Without `journal` all is kept in memory and lost at the end."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    database: str = "meritorder.db"
    api_keys: tuple[ApiKeyConfig, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[Annotated[str, Field(pattern=r"^https?://[^/\s]+/?$")], ...] = ()
    max_body_bytes: Annotated[int, Field(ge=1024)] = 64 * 1024 * 1024
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    journal: bool = True

    @field_validator("api_keys")
    @classmethod
    def _keys_are_apart(cls, entries: tuple[ApiKeyConfig, ...]) -> tuple[ApiKeyConfig, ...]:
        names = [entry.name for entry in entries if entry.name is not None]
        if OPERATOR in names:
            raise ValueError(f"the name {OPERATOR} is that of the key which the environment gives")
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two keys have the same name: {', '.join(twice)}")
        keys = [entry.key.get_secret_value() for entry in entries]
        for number, key in enumerate(keys):
            if key in keys[:number]:
                raise ValueError(f"entries {keys.index(key)} and {number} hold the same key")
        return entries


class Config(_Strict):
    """Everything an operator can set."""

    server: ServerConfig = ServerConfig()
    timeouts: TimeoutConfig = TimeoutConfig()
    arms: tuple[ArmConfig, ...] = ()
    providers: dict[str, ProviderConfig] = {}
    routes: dict[str, RouteConfig] = {}
    _source: Path | None = PrivateAttr(default=None)

    @property
    def source(self) -> Path | None:
        """The file that this was read from."""
        return self._source

    @model_validator(mode="after")
    def _names_are_unique(self) -> Config:
        names = [arm.name for arm in self.arms]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two arms have the same name: {', '.join(twice)}")
        for route in self.routes:
            if route in names:
                raise ValueError(f"routes.{route}: an arm has this name too")
            if not route or route.endswith(_SUFFIXES):
                raise ValueError(f"routes.{route}: such a name means something else")
        return self


def load(path: Path | None, environment: Mapping[str, str] = os.environ) -> Config:
    """Reads `path` (no file: defaults) and the environment. Raises ConfigError."""
    document: dict[str, object] = {}
    if path is not None:
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"{path}: can't be read: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: not valid TOML: {error}") from None
    try:
        config = Config.model_validate(document)
    except ValidationError as error:
        raise ConfigError(f"{path}: {describe(error)}") from None
    if key := environment.get(OPERATOR, ""):  # an empty variable is one that is not set
        entries = (*config.server.api_keys, _operator(key, config.server.api_keys))
        config = config.model_copy(update={"server": config.server.model_copy(update={"api_keys": entries})})
    config._source = path  # noqa: SLF001  its own class's
    return config


def _operator(key: str, clients: tuple[ApiKeyConfig, ...]) -> ApiKeyConfig:
    """Returns the operator's own key, who may do everything. Raises ConfigError."""
    try:
        entry = ApiKeyConfig.model_validate({"key": key, "name": OPERATOR, "scopes": ALL_SCOPES})
    except ValidationError as error:
        raise ConfigError(f"{OPERATOR}: {describe(error).removeprefix('key: ')}") from None
    if any(client.key.get_secret_value() == entry.key.get_secret_value() for client in clients):
        raise ConfigError(
            f"{OPERATOR} is one of server.api_keys too: a client's key must not be the operator's, who may do everything"
        )
    return entry


def describe(error: ValidationError) -> str:
    """Says which fields are wrong and why, without their values: a value may be a secret."""
    found = []
    for item in error.errors():
        message = _WORDS.get(item["type"]) or item["msg"].removeprefix("Value error, ")
        where = ".".join(str(part) for part in item["loc"])
        found.append(f"{where}: {message}" if where else message)
    return "; ".join(found)


_WORDS = {
    "extra_forbidden": "there is no such field; it is not permitted here",
    "missing": "is missing",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
}
"""Kinds of complaints whose own words speak of Python."""


def secret(
    key: SecretStr | None, variable: str | None, environment: Mapping[str, str] = os.environ
) -> str | None:
    """Returns the key itself, or the environment variable's value, or None."""
    if key is not None:
        return key.get_secret_value()
    return environment.get(variable) if variable else None
