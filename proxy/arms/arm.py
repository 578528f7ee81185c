"""The arms: what each one is, where it is, what it costs today."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from adapters.billing.pricing import Price
from adapters.billing.service_tiers import UNSENT, asking
from adapters.catalogue import find as find_model
from adapters.dialect import Dialect
from adapters.dialects import DIALECTS, by_name
from adapters.families import REASONING, chats
from adapters.history import Rules, rules_for
from adapters.limits import watched
from adapters.portable import ModelTarget
from adapters.providers import PROVIDERS, Provider, provider_named
from bandit import ArmPrior, FloatArray, IntArray
from proxy.arms.credentials import Signer, aws_signer, google_signer
from proxy.arms.prices import Priced, Tariff, lacking, tariff_of
from proxy.config import OWN_FIELDS, ArmConfig, Config, ConfigError, PriceConfig, secret
from proxy.upstream import Endpoint, head_prefix

_ALIASES = {"openai": "openai_chat", "responses": "openai_responses", "anthropic": "anthropic_messages"}

_OTHER_APIS = frozenset({"embeddings", "transcriptions", "speech"})
"""Capabilities of arms that offer another API than chat; see `proxy.dispatch.wires.passthrough`."""


@dataclass(slots=True)
class Arm:
    """One model at one provider. `index` is the bandit's; `capabilities` None: unknown; `query` stands behind every path;
    `chats` False: for embeddings or audio alone; `watched` are the body fields that can't pass to this provider as they are, `limited` those that may exceed the model's limits.
    `priced` False: the price is unknown, and decisions count the arm as the dearest. `doubted`: a request alone described
    the arm; `claimed`: `price` too stands on that request alone, and decisions count it as `least` or more, which is by the
    catalogue's price, `listed`, or else by those of the other arms.
    """

    index: int
    name: str
    provider: str
    model: str
    dialect: Dialect
    row: Provider
    endpoint: Endpoint
    headers: tuple[tuple[bytes, bytes], ...]
    price: Price
    priced: bool
    tariff: Tariff
    family: str = ""
    context_window: int | None = None
    max_output: int | None = None
    chats: bool = True
    capabilities: frozenset[str] | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)
    quality: float | None = None
    watched: frozenset[str] = frozenset()
    limited: frozenset[str] = frozenset()
    signer: Signer | None = None
    query: str = ""
    claimed: bool = False
    doubted: bool = False
    price_source: str = "unknown"
    price_until: float | None = None
    listed: Price | None = None
    least: Price | None = None
    _heads: dict[str, bytes] = field(default_factory=dict)

    @property
    def rules(self) -> Rules:
        """The rules of this arm for a conversation's history."""
        return rules_for(self.provider, self.dialect.name, self.model)

    def path(self, *, stream: bool) -> str:
        """Returns what follows the base URL's path."""
        path = self.dialect.path(self.model, stream=stream)
        if not self.query:
            return path
        return f"{path}{'&' if '?' in path else '?'}{self.query}"

    def head(self, *, stream: bool) -> bytes:
        """Returns the request head without the length, made once per path."""
        path = self.path(stream=stream)
        prefix = self._heads.get(path)
        if prefix is None:
            prefix = self._heads[path] = head_prefix("POST", self.endpoint, path, self.headers)
        return prefix

    def signature(self, body: bytes, now: float, *, stream: bool) -> bytes:
        """Returns the header lines that authorise a call with `body`; nothing where the head has the key."""
        if self.signer is None:
            return b""
        return self.signer.headers(self.endpoint.base_path + self.path(stream=stream), body, now)

    @property
    def target(self) -> ModelTarget:
        """The traits of the arm that a request is translated for."""
        able = None if self.capabilities is None else REASONING in self.capabilities
        return ModelTarget(
            self.row.name, self.dialect.name, False if self.row.thinking == "none" else able, self.max_output
        )

    @property
    def quoted(self) -> Price:
        """The price that decisions count with."""
        return self.price if self.least is None else self.least

    @property
    def prior(self) -> ArmPrior:
        """The belief in the arm before any feedback."""
        price = self.price
        mixed = 0.25 * price.output + 0.75 * price.input
        return ArmPrior(
            quality=self.quality,
            model=self.model,
            family=self.family,
            provider=self.provider,
            usd_per_mtok=mixed * 1e6 if self.priced and not (price.second or price.character) else None,
        )


class CandidateSet:
    """Arms that may be drawn together, with their prices as vectors: shape (k,), US dollars per token."""

    __slots__ = (
        "arms",
        "indices",
        "input_usd",
        "names",
        "output_usd",
        "per_request",
        "request_usd",
        "smallest_output",
        "smallest_window",
        "tiered",
        "unpriced",
    )

    def __init__(self, arms: Sequence[Arm]) -> None:
        self.arms = tuple(arms)
        self.names = tuple(arm.name for arm in arms)
        self.indices: IntArray = np.array([arm.index for arm in arms], dtype=np.intp)
        self.input_usd: FloatArray = np.array(
            [arm.quoted.fixed_usd(1, 0) - arm.quoted.fixed_usd(0, 0) for arm in arms]
        )
        self.output_usd: FloatArray = np.array([arm.quoted.output_usd(1) for arm in arms])
        self.request_usd: FloatArray = np.array([arm.quoted.fixed_usd(0, 0) for arm in arms])
        self.per_request = bool(self.request_usd.any())
        self.tiered = any(arm.quoted.steps for arm in arms)
        self.unpriced = not all(arm.priced for arm in arms)
        windows = [arm.context_window for arm in arms if arm.context_window is not None]
        self.smallest_window = min(windows, default=1 << 60)
        limits = [arm.max_output for arm in arms if arm.max_output is not None]
        self.smallest_output = min(limits, default=1 << 60)


class ArmTable:
    """All arms by index. `version` changes with arms and prices; whatever is cached of either depends on it."""

    def __init__(self) -> None:
        self.by_index: dict[int, Arm] = {}
        self.by_name: dict[str, Arm] = {}
        self.version = 0
        self._signers: dict[str, Signer] = {}

    def __iter__(self) -> Iterator[Arm]:
        # A copy: a loop over them may wait, and arms come and go meanwhile.
        return iter([*self.by_name.values()])

    def __len__(self) -> int:
        return len(self.by_name)

    def put(self, arm: Arm) -> None:
        """Adds an arm, or replaces the one of its name; arms of one account get the same signer."""
        if arm.signer is not None:
            arm.signer = self._signers.setdefault(arm.signer.account, arm.signer)
        self.by_index[arm.index] = arm
        self.by_name[arm.name] = arm
        self._changed()

    def drop(self, name: str) -> None:
        """Removes an arm, if it is there; calls under way go on."""
        arm = self.by_name.pop(name, None)
        if arm is not None:
            del self.by_index[arm.index]
            self._changed()

    def reprice(self, name: str, priced: Priced, *, vouched: bool) -> None:
        """Sets an arm's price from the very next decision on; `vouched`: not only the request that added the arm states it.
        Raises KeyError.
        """
        arm = self.by_name[name]
        claimed = arm.doubted and not vouched
        arm.price_source, arm.price_until = priced.source, priced.until
        if (arm.price.version, arm.priced, arm.claimed) == (priced.price.version, priced.known, claimed):
            return
        arm.price, arm.priced, arm.claimed = priced.price, priced.known, claimed
        self._changed()

    def _changed(self) -> None:
        self.version += 1
        unsure = [arm for arm in self.by_name.values() if arm.claimed or not arm.priced]
        sure = [arm.price for arm in self.by_name.values() if arm.priced and arm.chats and not arm.claimed]
        for arm in self.by_name.values():
            arm.least = None
        for arm in unsure:
            arm.least = _at_least(arm.price, arm.listed, sure) if arm.priced else _dearest(sure)

    def matching(self, patterns: Sequence[str]) -> list[Arm]:
        """Returns the arms whose name fits one of the shell patterns."""
        return [
            arm for arm in self.by_name.values() if any(fnmatch.fnmatchcase(arm.name, p) for p in patterns)
        ]

    def of_model(self, model: str) -> list[Arm]:
        """Returns the arms that serve `model`, at whatever provider."""
        return [arm for arm in self.by_name.values() if arm.model == model]


def _at_least(price: Price, listed: Price | None, sure: Sequence[Price]) -> Price:
    """Returns the least that a price on a request's word alone may count as: what is `listed`, or else the least of others."""
    others = sure if listed is None else (listed,)
    if not others or price.second or price.character:
        return price
    return price.at_least(min(other.input for other in others), min(other.output for other in others))


def _dearest(sure: Sequence[Price]) -> Price | None:
    """Returns the price that an arm of unknown price counts with, so that it doesn't win by being unknown."""
    if not sure:
        return None
    return Price({"input": max(p.input for p in sure), "output": max(p.output for p in sure)})


def configured(config: Config, environment: Mapping[str, str]) -> list[ArmConfig]:
    """Returns the arms that configuration and environment name: `[[arms]]`, `[providers]`, then provider keys."""
    arms = list(config.arms)
    for name, entry in config.providers.items():
        row = provider_named(name)
        models = entry.models or (row.default_models if row is not None else ())
        if not models:
            raise ConfigError(f'providers.{name}: name its models: models = ["…"]')
        if row is None and entry.base_url is None:
            raise ConfigError(f"providers.{name}: is not in the table of providers; give it a base_url")
        arms += [
            ArmConfig(
                name=f"{name}/{model}",
                provider=name,
                model=model,
                base_url=entry.base_url,
                dialect=entry.dialect,
                api_key=entry.api_key or entry.api_key_file,
                api_key_env=entry.api_key_env,
            )
            for model in models
        ]
    named = {arm.provider for arm in arms} | set(config.providers)
    for row in PROVIDERS.values():
        if row.name in named or not row.key_env or not environment.get(row.key_env, "").strip():
            continue
        arms += [
            ArmConfig(name=f"{row.name}/{model}", provider=row.name, model=model, api_key_env=row.key_env)
            for model in row.default_models
        ]
    return arms


def build(
    config: ArmConfig,
    index: int,
    environment: Mapping[str, str],
    now: float,
    prices: PriceConfig | None = None,
) -> Arm:
    """Makes an arm of its configuration; `prices` is what is configured for its provider. Raises ConfigError."""
    row = provider_named(config.provider) or provider_named("openai-compatible")
    assert row is not None
    base_url = config.base_url or row.base_url
    if not base_url:
        raise ConfigError(f"arm {config.name}: provider {config.provider!r} needs a base_url")
    key = secret(config, config.api_key_env or row.key_env, environment)
    if key is None and config.api_key_env:
        raise ConfigError(
            f"arm {config.name}: the environment variable {config.api_key_env} is not set", "api_key_env"
        )
    try:
        # Azure's deployments want the version of the API in the query.
        base_url, _, query = base_url.partition("?")
        endpoint = Endpoint.from_url(base_url)
        dialect = by_name(_ALIASES.get(config.dialect or "", config.dialect) or row.dialect)
    except ValueError as error:
        raise ConfigError(f"arm {config.name}: {error}") from None
    except KeyError as error:
        raise ConfigError(
            f"arm {config.name}: the dialect {error} is not one of {', '.join(DIALECTS)}", "dialect"
        ) from None
    signer = _signer(config.name, row, endpoint, environment) if key is None else None
    if config.service_tier is not None and row.base_url is None:
        row = replace(
            row, rejects=row.rejects - {"service_tier"}
        )  # a server that nobody knows but the operator
    if dialect.name != row.dialect:
        row = replace(row, dialect=dialect.name)  # what the row adapts are bodies of its own dialect
    tariff = tariff_of(config, row, prices)
    listed = find_model(tariff.catalogue, tariff.model)
    priced = tariff.at(now)
    if not priced.known and (field := lacking(tariff.layers)) is not None:
        raise ConfigError(
            f"arm {config.name}: {field} is missing: input_usd_per_mtok and output_usd_per_mtok must be given together "
            f"where the catalogue has no price of {tariff.model}",
            field,
        )
    capabilities = (
        config.capabilities if config.capabilities is not None else (listed.capabilities if listed else None)
    )
    return Arm(
        index=index,
        name=config.name,
        provider=config.provider,
        model=config.model,
        dialect=dialect,
        row=row,
        endpoint=endpoint,
        headers=(
            (b"content-type", b"application/json"),
            (b"user-agent", b"meritorder"),
            *row.headers(key),
            *_tier_header(config, row),
        ),
        price=priced.price,
        priced=priced.known,
        tariff=tariff,
        price_source=priced.source,
        price_until=priced.until,
        family=config.family or (listed.family if listed else ""),
        context_window=config.context_window or (listed.context_window if listed else None),
        max_output=config.max_output_tokens or (listed.max_output if listed else None),
        chats=_chats(config),
        capabilities=frozenset(capabilities) if capabilities is not None else None,
        parameters=_parameters(config, dialect, row),
        quality=config.quality,
        watched=OWN_FIELDS
        | row.rejects
        | row.refuses
        | frozenset(row.renames)
        | ({"reasoning_effort"} if row.thinking != "effort" else set()),
        limited=watched(row.name, dialect.name, config.model),
        signer=signer,
        query=query,
    )


def _parameters(config: ArmConfig, dialect: Dialect, row: Provider) -> Mapping[str, object]:
    """Returns the fields of every body to the arm: its service tier, and what configuration adds."""
    if config.service_tier is None:
        return config.parameters
    if row.tier_request_header is not None:
        return config.parameters  # a header asks for it
    asked = asking(dialect.name, config.service_tier)
    if asked is None or "service_tier" in row.rejects:
        raise ConfigError(
            f"arm {config.name}: service_tier: {config.provider} has no way to ask for {config.service_tier}",
            "service_tier",
        )
    return {**asked, **config.parameters}


def _tier_header(config: ArmConfig, row: Provider) -> list[tuple[bytes, bytes]]:
    if config.service_tier is None or config.service_tier in UNSENT or row.tier_request_header is None:
        return []
    return [(row.tier_request_header, config.service_tier.encode())]


def _chats(config: ArmConfig) -> bool:
    """Returns whether an arm is for chat: by its capabilities where they are configured, else by its model's name."""
    if config.capabilities:
        return not _OTHER_APIS.issuperset(config.capabilities)
    return chats(config.model)


def _signer(name: str, row: Provider, endpoint: Endpoint, environment: Mapping[str, str]) -> Signer | None:
    try:
        if row.auth == "aws":
            return aws_signer(endpoint, environment)
        return google_signer() if row.auth == "google" else None
    except ConfigError as error:
        raise ConfigError(f"arm {name}: {row.name} {error}") from None
