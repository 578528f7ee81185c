"""Configuration: `meritorder.toml`, then the environment, then the command line, the later one winning."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from bandit import PRESETS, Objective
from proxy.governance.principal import ALL_SCOPES, CLIENT_SCOPES, Scope
from proxy.secret_values import cleaned, expanded, of_file, of_variable
from proxy.upstream.limits import LEAST_CONNECT_S, LEAST_SILENCE_S

_UsdPerMillion = Annotated[float, Field(ge=0.0, le=1e6, allow_inf_nan=False)]
"""A dollar per token or character is a thousand times what the dearest model costs; more is a slip, and its sums overflow."""

_UsdPerUse = Annotated[float, Field(ge=0.0, le=1e3, allow_inf_nan=False)]
"""Likewise of a whole request, and of a minute."""

_Seconds = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


Capability = Literal[
    "images", "tools", "json_schema", "audio", "reasoning", "embeddings", "transcriptions", "speech"
]
OWN_FIELDS = frozenset(
    {"objective", "task", "models", "provider", "session_id", "route", "require_parameters"}
)
"""Body fields that are for the gateway and don't travel on."""

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


@dataclass(frozen=True, slots=True)
class _File:
    """What a configuration file may refer to, and the body of an API request may not."""

    folder: Path
    environment: Mapping[str, str]


class _OfFile(SecretStr):
    """A secret that a file holds."""


def _own_secret(value: SecretStr, info: ValidationInfo) -> SecretStr:
    text = value.get_secret_value()
    if isinstance(value, _OfFile):  # nothing in a file stands for something else
        return value
    if isinstance(info.context, _File) and "${" in text:
        return SecretStr(cleaned(expanded(text, info.context.environment)))
    return SecretStr(cleaned(text)) if text else value


def _secret_of_file(value: object, info: ValidationInfo) -> SecretStr | None:
    if value is None:
        return None
    file = info.context if isinstance(info.context, _File) else None
    if file is None:
        raise ValueError("a file can only be named in the configuration file")
    path = value if isinstance(value, str) else ""
    if not path:
        raise ValueError("must be the path of a file")
    return _OfFile(of_file(file.folder / path))


Secret = Annotated[SecretStr, AfterValidator(_own_secret)]
"""A secret; in the configuration file it may name variables as `${NAME}`."""

SecretFile = Annotated[SecretStr, BeforeValidator(_secret_of_file)]
"""A secret that is given by the path of its file, from the configuration file's folder on."""


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


class TokenPriceConfig(_Strict):
    """US dollars per million tokens of each kind."""

    input_usd_per_mtok: _UsdPerMillion | None = None
    output_usd_per_mtok: _UsdPerMillion | None = None
    cached_input_usd_per_mtok: _UsdPerMillion | None = None
    cache_write_usd_per_mtok: _UsdPerMillion | None = None
    cache_write_1h_usd_per_mtok: _UsdPerMillion | None = None
    reasoning_usd_per_mtok: _UsdPerMillion | None = None
    input_audio_usd_per_mtok: _UsdPerMillion | None = None
    output_audio_usd_per_mtok: _UsdPerMillion | None = None
    cached_audio_usd_per_mtok: _UsdPerMillion | None = None
    input_image_usd_per_mtok: _UsdPerMillion | None = None
    output_image_usd_per_mtok: _UsdPerMillion | None = None
    cached_image_usd_per_mtok: _UsdPerMillion | None = None
    input_video_usd_per_mtok: _UsdPerMillion | None = None
    output_video_usd_per_mtok: _UsdPerMillion | None = None
    citation_usd_per_mtok: _UsdPerMillion | None = None


class PriceConfig(TokenPriceConfig):
    """A price, field by field; fields left out come from the catalogue. `price_factor` is what
    the catalogue's tokens are multiplied by, `tiers` are prices of service tiers and speeds by the words of answers.
    """

    price_factor: Annotated[float, Field(ge=0.0, le=100.0, allow_inf_nan=False)] | None = None
    request_usd: _UsdPerUse | None = None
    web_search_usd: _UsdPerUse | None = None
    social_search_usd: _UsdPerUse | None = None
    file_search_usd: _UsdPerUse | None = None
    code_execution_usd: _UsdPerUse | None = None
    audio_minute_usd: _UsdPerUse | None = None
    speech_usd_per_mchar: _UsdPerMillion | None = None
    tiers: dict[Annotated[str, Field(min_length=1, max_length=40)], TokenPriceConfig] = {}


def _end_of(value: object) -> object:
    """Returns epoch seconds: a day counts to its end in UTC, a time of day without zone as UTC."""
    if isinstance(value, str):
        try:
            value = (
                date.fromisoformat(value)
                if len(value) == len("2026-12-31")
                else datetime.fromisoformat(value)
            )
        except ValueError:
            raise ValueError(
                'must be a date such as "2026-12-31", or a time such as "2026-12-31T18:00:00Z"'
            ) from None
    if isinstance(value, datetime):
        return (value if value.tzinfo is not None else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp() + 24 * 3600
    return value


Until = Annotated[float, BeforeValidator(_end_of), Field(gt=0.0, allow_inf_nan=False)]
"""A moment as epoch seconds, a time or a day."""


class PriceChange(PriceConfig):
    """A price that the API sets over the configuration's; it holds until it is taken back, or until `until`."""

    until: Until | None = None


class ArmConfig(PriceConfig):
    """One model at one provider, with fixed parameters if any."""

    name: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\s\x00-\x1f]+$")]
    provider: str = "custom"
    model: Annotated[str, Field(min_length=1, max_length=200)]
    base_url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    dialect: str | None = None
    api_key: Secret | None = None
    api_key_env: str | None = None
    api_key_file: SecretFile | None = None
    family: str = ""
    quality: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    context_window: Annotated[int, Field(gt=0)] | None = None
    max_output_tokens: Annotated[int, Field(gt=0)] | None = None
    capabilities: tuple[Capability, ...] | None = None
    parameters: dict[str, object] = {}
    service_tier: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")] | None = None
    catalogue_model: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    price_until: Until | None = None

    @field_validator("name")
    @classmethod
    def _name_is_free(cls, name: str) -> str:
        if name == "auto" or name.endswith(_SUFFIXES):
            raise ValueError(f"the name {name} is taken: auto, :nitro and :floor mean something else")
        return name

    @model_validator(mode="after")
    def _fields_agree(self) -> ArmConfig:
        _one_key(self)
        if self.service_tier is not None and "service_tier" in self.parameters:
            raise ValueError("service_tier stands in parameters too: give it once")
        return self


class ProviderConfig(_Strict):
    """A provider of the table, or any server that speaks one of the dialects, with the models to serve."""

    base_url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    dialect: str | None = None
    api_key: Secret | None = None
    api_key_env: str | None = None
    api_key_file: SecretFile | None = None
    models: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _fields_agree(self) -> ProviderConfig:
        _one_key(self)
        return self


def _one_key(config: ArmConfig | ProviderConfig) -> None:
    given = [name for name in ("api_key", "api_key_env", "api_key_file") if getattr(config, name) is not None]
    if len(given) > 1:
        raise ValueError(f"{given[0]} and {given[1]} can't both be given")


class RouteConfig(_Strict):
    """A named choice: which arms (shell patterns of their names), and what they are chosen for. With `unpriced`, arms
    without a price compete as if they cost as much as the dearest.
    """

    arms: Annotated[tuple[str, ...], Field(min_length=1)] = ("*",)
    objective: ObjectiveConfig = ObjectiveConfig()
    unpriced: bool = False


class TimeoutConfig(_Strict):
    """Seconds: to connect, to the first byte, between two reads, and for all of it."""

    connect: _Seconds = 5.0
    first_byte: _Seconds = 120.0
    idle: _Seconds = 60.0
    total: _Seconds = 900.0

    def doubts(self) -> list[str]:
        """Returns warnings about what is probably a mistake: limits that end good calls."""
        warnings = []
        for name, least in (
            ("connect", LEAST_CONNECT_S),
            ("first_byte", LEAST_SILENCE_S),
            ("idle", LEAST_SILENCE_S),
        ):
            seconds = getattr(self, name)
            if seconds < least:
                warnings.append(
                    f"{name} is {seconds:g} s, which good providers exceed: calls that it ends are not held against their arms; "
                    f"set {least:g} s or more"
                )
        warnings += [
            f"total ({self.total:g} s) ends a call before {name} ({getattr(self, name):g} s) can"
            for name in ("connect", "first_byte", "idle")
            if self.total <= getattr(self, name)
        ]
        return warnings


class ApiKeyConfig(_Strict):
    """A key of clients and what it may do. A name keeps what the key asked its own when the key itself changes."""

    key: Secret
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] | None = None
    team: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] | None = None
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)] = CLIENT_SCOPES

    @model_validator(mode="before")
    @classmethod
    def _a_string_is_a_key(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, str):
            return {"key": value}
        if not isinstance(value, dict | ApiKeyConfig):
            raise ValueError("must be a key as a string, or a table of key, name, team and scopes")  # noqa: TRY004
        if isinstance(value, dict) and "key_file" in value:
            if "key" in value:
                raise ValueError("key and key_file can't both be given")
            rest = {name: field for name, field in value.items() if name != "key_file"}
            return {**rest, "key": _secret_of_file(value["key_file"], info)}
        return value

    @field_validator("key")
    @classmethod
    def _can_be_sent(cls, key: SecretStr) -> SecretStr:
        if not key.get_secret_value():
            raise ValueError("is empty: a key was meant, and without one the gateway would stand open")
        return key


class ServerConfig(_Strict):
    """Where to listen, whom to serve, what to accept. Without `journal` all is kept in memory and lost at the end."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    database: str = "meritorder.db"
    api_keys: tuple[ApiKeyConfig, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[Annotated[str, Field(pattern=r"^https?://[^/\s]+/?$")], ...] = ()
    allowed_addresses: tuple[str, ...] = ()
    arm_key_env: tuple[str, ...] = ()
    max_body_bytes: Annotated[int, Field(ge=1024)] = 64 * 1024 * 1024
    max_buffered_bytes: Annotated[int, Field(ge=1024)] = 512 * 1024 * 1024
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    journal: bool = True
    max_in_flight: Annotated[int, Field(ge=1)] = 2048
    max_journal_backlog: Annotated[int, Field(ge=1)] = 10_000

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
    prices: dict[str, PriceConfig] = {}
    price_missing: Literal["refuse", "warn"] = "warn"
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
            # Editors on Windows put a byte order mark in front.
            document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise ConfigError(f"{path}: can't be read: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: not valid TOML: {error}") from None
    file = _File(Path() if path is None else path.parent, environment)
    try:
        key = of_variable(OPERATOR, environment)
        config = Config.model_validate(document, context=file)
    except ValidationError as error:
        raise ConfigError(f"{path}: {describe(error)}") from None
    except ValueError as error:
        raise ConfigError(str(error)) from None
    if key:
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
    """Returns which fields are wrong and why, without their values: a value may be a secret."""
    complaints = []
    for item in error.errors():
        message = _WORDS.get(item["type"]) or item["msg"].removeprefix("Value error, ")
        where = ".".join(str(part) for part in item["loc"])
        complaints.append(f"{where}: {message}" if where else message)
    return "; ".join(complaints)


_WORDS = {
    "extra_forbidden": "there is no such field; it is not permitted here",
    "missing": "is missing",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
}
"""Kinds of complaints whose own words speak of Python."""


def secret(
    config: ArmConfig, variable: str | None, environment: Mapping[str, str] = os.environ
) -> str | None:
    """Returns the arm's own key, or the environment variable's value, or None. Raises ConfigError."""
    own = config.api_key or config.api_key_file
    if own is not None:
        return own.get_secret_value()
    value = environment.get(variable, "") if variable else ""
    if not value.strip():
        return None
    try:
        return cleaned(value)
    except ValueError as error:
        raise ConfigError(
            f"arm {config.name}: the environment variable {variable} {error}", "api_key_env"
        ) from None
