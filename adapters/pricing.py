"""What a call costs: prices of known models by date, prices from plain numbers, dollars of a usage."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices

from adapters.canonical import Usage

_MTOK = Decimal(1_000_000)


class Rates(NamedTuple):
    """USD per token. `cached_input` and `cache_write` replace `input` for those tokens, `reasoning` and
    `output_audio` replace `output`.
    """

    input: float
    output: float
    cached_input: float
    cache_write: float
    input_audio: float
    output_audio: float
    reasoning: float


class Tier(NamedTuple):
    """The rates of a whole request with more than `above` input tokens."""

    above: int
    rates: Rates


@dataclass(frozen=True, slots=True)
class Price:
    """USD per token, per request, per `second` of sound heard, per `character` spoken. What isn't given costs as much as plain input or output. `tiers` stand
    in ascending order; the last that a request passes prices all of it. Equal prices have equal `version`s.
    """

    input: float
    output: float
    cached_input: float | None = None
    cache_write: float | None = None
    input_audio: float | None = None
    output_audio: float | None = None
    reasoning: float | None = None
    request: float = 0.0
    tiers: tuple[Tier, ...] = ()
    second: float = 0.0
    character: float = 0.0
    rates: Rates = field(init=False, repr=False, compare=False)
    version: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rates = _rates(
            self.input,
            self.output,
            self.cached_input,
            self.cache_write,
            self.input_audio,
            self.output_audio,
            self.reasoning,
        )
        object.__setattr__(self, "rates", rates)
        said = repr((tuple(rates), self.request, [(tier.above, tuple(tier.rates)) for tier in self.tiers]))
        if self.second or self.character:
            said += repr((self.second, self.character))
        object.__setattr__(self, "version", blake2b(said.encode(), digest_size=6).hexdigest())

    @classmethod
    def per_mtok(
        cls,
        *,
        input: float,
        output: float,
        cached_input: float | None = None,
        cache_write: float | None = None,
        request: float = 0.0,
    ) -> Price:
        """Makes a price of USD per million tokens (`request`: USD per call)."""
        return cls(
            input=input / 1e6,
            output=output / 1e6,
            cached_input=None if cached_input is None else cached_input / 1e6,
            cache_write=None if cache_write is None else cache_write / 1e6,
            request=request,
        )

    def cost(self, usage: Usage) -> float:
        """Returns the USD of a usage ≥ 0, to 12 significant digits, so that clients read 0.000225 and not the noise
        of binary fractions. A cost that the provider itself reported is what it will bill.
        """
        if usage.cost_usd is not None:
            return usage.cost_usd
        total = usage.input or 0
        rates = self._rates_for(total)
        cached, written, heard = usage.cached or 0, usage.cache_write or 0, usage.input_audio or 0
        spoken, thought = usage.output_audio or 0, usage.reasoning or 0
        plain_input = max(total - cached - written - heard, 0)
        plain_output = max((usage.output or 0) - spoken - thought, 0)
        exact = self.request + plain_input * rates.input + plain_output * rates.output
        if cached or written or heard:
            exact += cached * rates.cached_input + written * rates.cache_write + heard * rates.input_audio
        if spoken or thought:
            exact += spoken * rates.output_audio + thought * rates.reasoning
        if self.second or self.character:
            exact += (usage.seconds or 0.0) * self.second + (usage.characters or 0) * self.character
        return float(f"{exact:.12g}")

    def fixed_usd(self, input_tokens: int, cached_tokens: int = 0) -> float:
        """Returns the USD that a request costs before its first output token; 0 ≤ cached ≤ input tokens."""
        rates = self._rates_for(input_tokens)
        return (
            self.request + (input_tokens - cached_tokens) * rates.input + cached_tokens * rates.cached_input
        )

    def output_usd(self, input_tokens: int) -> float:
        """Returns the USD per output token of a request with that much input."""
        return self._rates_for(input_tokens).output

    def _rates_for(self, input_tokens: int) -> Rates:
        rates = self.rates
        for tier in self.tiers:
            if input_tokens <= tier.above:
                break
            rates = tier.rates
        return rates


def _rates(
    input: float,
    output: float,
    cached_input: float | None,
    cache_write: float | None,
    input_audio: float | None,
    output_audio: float | None,
    reasoning: float | None,
) -> Rates:
    return Rates(
        input,
        output,
        input if cached_input is None else cached_input,
        input if cache_write is None else cache_write,
        input if input_audio is None else input_audio,
        output if output_audio is None else output_audio,
        output if reasoning is None else reasoning,
    )


# --- known models -------------------------------------------------------------------------------------

# Alibaba isn't listed by itself: the price of its models at OpenRouter is the nearest that is, and the
# configuration can state the exact one.
_LISTED_ELSEWHERE = {"alibaba": ("openrouter", "qwen/")}


def price_of(provider: str | None, model: str, at: float) -> Price | None:
    """Returns the price of `model` at `provider` (a genai-prices id) at epoch seconds `at`, None where it is
    not known. Uses the data shipped with the package: no network.
    """
    if provider is None:
        return None
    found = find_model(provider, model)
    if found is None:
        return None
    if isinstance(found.prices, ModelPrice):
        return _fixed_price(provider, model)
    # Some prices depend on the time of day, by the minute.
    return _dated_price(provider, model, int(at // 60))


@lru_cache(maxsize=4096)
def find_model(provider: str, model: str) -> ModelInfo | None:
    """Returns genai-prices' entry of a model."""
    provider, prefix = _LISTED_ELSEWHERE.get(provider, (provider, ""))
    try:
        return get_snapshot().find_provider_model(prefix + model, None, provider, None)[1]
    except LookupError:
        return None


@lru_cache(maxsize=4096)
def _fixed_price(provider: str, model: str) -> Price | None:
    found = find_model(provider, model)
    return None if found is None or not isinstance(found.prices, ModelPrice) else price_from(found.prices)


@lru_cache(maxsize=4096)
def _dated_price(provider: str, model: str, minute: int) -> Price | None:
    found = find_model(provider, model)
    if found is None:
        return None
    return price_from(found.get_prices(datetime.fromtimestamp(minute * 60, UTC)))


def price_from(listed: ModelPrice) -> Price | None:
    """Converts a genai-prices price, None for models that are billed by something else than tokens, calls,
    hours of sound and characters.
    """
    raw: dict[str, Any] = {name: value for name, value in listed.__dict__.items() if value is not None}
    hour = raw.get("input_audio_hours", raw.get("audio_hours"))
    if not raw.keys() & {"input_mtok", "output_mtok", "requests_kcount", "input_mchars"} and hour is None:
        return None
    starts = sorted(
        {tier.start for value in raw.values() if isinstance(value, TieredPrices) for tier in value.tiers}
    )
    base = _rates_at(raw, 0)
    return Price(
        input=base.input,
        output=base.output,
        cached_input=base.cached_input,
        cache_write=base.cache_write,
        input_audio=base.input_audio,
        output_audio=base.output_audio,
        reasoning=base.reasoning,
        request=float(raw["requests_kcount"] / 1000) if "requests_kcount" in raw else 0.0,
        tiers=tuple(Tier(start, _rates_at(raw, start + 1)) for start in starts),
        second=0.0 if hour is None else float(hour / 3600),
        character=float(raw["input_mchars"] / _MTOK) if "input_mchars" in raw else 0.0,
    )


def _rates_at(raw: dict[str, Any], input_tokens: int) -> Rates:
    def usd(name: str) -> float | None:
        value = raw.get(name)
        if isinstance(value, TieredPrices):
            price = value.base
            for tier in value.tiers:
                if input_tokens > tier.start:
                    price = tier.price
            value = price
        return None if value is None else float(value / _MTOK)

    return _rates(
        usd("input_mtok") or 0.0,
        usd("output_mtok") or 0.0,
        usd("cache_read_mtok"),
        usd("cache_write_mtok"),
        usd("input_audio_mtok"),
        usd("output_audio_mtok"),
        usd("output_reasoning_mtok"),
    )
