"""What a model costs, today and for a given usage. List prices come from genai-prices, without a network."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Self

from genai_prices import data_snapshot
from genai_prices.types import ModelPrice, TieredPrices

from adapters.canonical import Usage

_MTOK = 1e6

_FIELDS: Mapping[str, str] = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cached_input": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "input_audio": "input_audio_mtok",
    "output_audio": "output_audio_mtok",
}


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per token; `request` per call. None: billed as plain input or output.

    `tiers` holds (input tokens above which it holds, the price then), ascending; the whole call is billed at
    the tier it falls in, as the large providers do.
    """

    input: float
    output: float
    cached_input: float | None = None
    cache_write: float | None = None
    input_audio: float | None = None
    output_audio: float | None = None
    request: float = 0.0
    tiers: tuple[tuple[int, Price], ...] = ()

    @classmethod
    def per_mtok(
        cls,
        *,
        input: float,
        output: float,
        cached_input: float | None = None,
        cache_write: float | None = None,
        request: float = 0.0,
    ) -> Self:
        """Makes a price of US dollars per million tokens, and per request."""
        return cls(
            input=input / _MTOK,
            output=output / _MTOK,
            cached_input=None if cached_input is None else cached_input / _MTOK,
            cache_write=None if cache_write is None else cache_write / _MTOK,
            request=request,
        )

    @property
    def version(self) -> str:
        """A name that equal prices share, and different ones don't."""
        return hashlib.blake2b(repr(self).encode(), digest_size=6).hexdigest()

    def at(self, input_tokens: int) -> Price:
        """Returns the price of a call with so many input tokens."""
        price = self
        for start, tier in self.tiers:
            if input_tokens > start:
                price = tier
        return price

    def fixed_usd(self, input_tokens: int, cached_tokens: int = 0) -> float:
        """Returns what is due before the first output token, US dollars."""
        price = self.at(input_tokens) if self.tiers else self
        cached = price.input if price.cached_input is None else price.cached_input
        return price.request + price.input * (input_tokens - cached_tokens) + cached * cached_tokens

    def output_usd(self, input_tokens: int) -> float:
        """Returns US dollars per output token of a call with so many input tokens."""
        return self.at(input_tokens).output if self.tiers else self.output

    def cost(self, usage: Usage) -> float:
        """Returns US dollars of a call. What the provider billed itself wins; missing counts are zero."""
        if usage.cost_usd is not None:
            return usage.cost_usd
        total_input, total_output = usage.input or 0, usage.output or 0
        price = self.at(total_input) if self.tiers else self
        cached, written, audio = usage.cached or 0, usage.cache_write or 0, usage.input_audio or 0
        plain = max(0, total_input - cached - written)
        dollars = price.request + price.output * total_output
        if audio and price.input_audio is not None:
            audio = min(audio, plain)
            plain -= audio
            dollars += price.input_audio * audio
        spoken = usage.output_audio or 0
        if spoken and price.output_audio is not None:
            dollars += (price.output_audio - price.output) * min(spoken, total_output)
        dollars += price.input * plain
        dollars += (price.input if price.cached_input is None else price.cached_input) * cached
        dollars += (price.input if price.cache_write is None else price.cache_write) * written
        return dollars


def price_of(provider: str, model: str, at: float) -> Price | None:
    """Returns the list price of `model` at `provider` (genai-prices' ids) at `at`, epoch seconds."""
    # Prices change by the day; a day is what is cached.
    return _price_on(provider, model, int(at // 86400))


@lru_cache(maxsize=8192)
def _price_on(provider: str, model: str, day: int) -> Price | None:
    try:
        _, info = data_snapshot.get_snapshot().find_provider_model(model, None, provider, None)
    except LookupError:
        return None
    return _converted(info.get_prices(datetime.fromtimestamp(day * 86400 + 43200, UTC)))


def _converted(listed: ModelPrice) -> Price | None:
    values = {name: getattr(listed, field, None) for name, field in _FIELDS.items()}
    if values["input"] is None and values["output"] is None:
        return None
    starts = sorted(
        {tier.start for value in values.values() if isinstance(value, TieredPrices) for tier in value.tiers}
    )
    request = getattr(listed, "requests_kcount", None)
    per_call = 0.0 if request is None else float(request) / 1000.0

    def build(above: int | None, tiers: tuple[tuple[int, Price], ...]) -> Price:
        def pick(name: str) -> float | None:
            value = values[name]
            if isinstance(value, TieredPrices):
                chosen = value.base
                for tier in value.tiers:
                    if above is not None and tier.start <= above:
                        chosen = tier.price
                value = chosen
            return None if value is None else float(value) / _MTOK

        return Price(
            input=pick("input") or 0.0,
            output=pick("output") or 0.0,
            cached_input=pick("cached_input"),
            cache_write=pick("cache_write"),
            input_audio=pick("input_audio"),
            output_audio=pick("output_audio"),
            request=per_call,
            tiers=tiers,
        )

    return build(None, tuple((start, build(start, ())) for start in starts))
