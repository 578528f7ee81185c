"""Prices of known models by date: genai-prices' list, with what it lacks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from genai_prices.data_snapshot import find_provider_by_id, get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices, TimeOfDateConstraint

from adapters.billing.price_additions import CACHE_WRITE_1H, GEOGRAPHY, TIER_FACTORS, additions_for
from adapters.billing.pricing import GROUNDED_PROMPT, WEB_SEARCH, Price
from adapters.model_names import FREE_SUFFIX, spellings

_TOKENS: Final[Mapping[str, str]] = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cached_input",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "input_audio_mtok": "input_audio",
    "output_audio_mtok": "output_audio",
    "cache_audio_read_mtok": "cached_audio",
    "input_image_mtok": "input_image",
    "output_image_mtok": "output_image",
    "cache_image_read_mtok": "cached_image",
    "input_video_mtok": "input_video",
    "output_video_mtok": "output_video",
    "output_reasoning_mtok": "reasoning",
    "output_citation_mtok": "citation",
}
"""A list's USD per million tokens → the name of a rate."""

FEES: Final[Mapping[str, str]] = {
    "web_searches_kcount": WEB_SEARCH,
    "social_searches_kcount": "social_search",
    "storage_searches_kcount": "file_search",
    "code_executions_kcount": "code_execution",
    "rerank_searches_kcount": "rerank",
    "input_document_kpages": "page",
    "input_annotated_document_kpages": "annotated_page",
    "input_text_messages_kcount": "message",
}
"""A list's USD per thousand → the name of what is used."""

_BILLED: Final = frozenset(
    {"input_mtok", "output_mtok", "requests_kcount", "input_mchars", *FEES} - {"web_searches_kcount"}
)
"""A price without any of these, and without hours of sound, is none of ours."""

LEAST_SECONDS: Final = 10.0
"""Groq bills no less of a recording: https://groq.com/pricing, "minimum of 10s per request"."""

_BILLED_BY_PROMPT: Final = re.compile(r"gemini-[12]\b")
"""Google bills older models by the prompt that was grounded ($35 per 1,000), newer ones by the search ($14 per 1,000
"search queries"): https://ai.google.dev/gemini-api/docs/pricing, read 2026-10."""

_TIERS: Final = (
    ({"processing": "batch"}, "batch"),
    ({"service_tier": "flex"}, "flex"),
    ({"service_tier": "priority"}, "priority"),
    ({"service_tier": "fast"}, "fast"),
    ({"speed": "fast"}, "fast"),
)
"""What a list's variants depend on → what an answer calls it."""

_MINUTES_A_DAY = 24 * 60

# Alibaba isn't listed by itself: the price of its models at OpenRouter is the nearest that is, and the
# configuration can state the exact one.
_LISTED_ELSEWHERE = {"alibaba": ("openrouter", "qwen/")}


def price_of(provider: str | None, model: str, at: float) -> Price | None:
    """Returns the price of `model` at `provider` (a genai-prices id) at epoch seconds `at`, None where it is
    not known. Uses the data shipped with the package: no network.
    """
    if provider is None:
        return None
    entry = find_model(provider, model)
    if entry is None or (isinstance(entry.prices, ModelPrice) and not entry.price_variants):
        return _price(provider, model, 0)
    # Some prices depend on the time of day, by the minute.
    daily = isinstance(entry.prices, list) and any(
        isinstance(price.constraint, TimeOfDateConstraint) for price in entry.prices
    )
    minute = int(at // 60)
    return _price(provider, model, minute if daily else minute - minute % _MINUTES_A_DAY)


@lru_cache(maxsize=4096)
def find_model(provider: str, model: str) -> ModelInfo | None:
    """Returns genai-prices' entry of a model under any of its spellings."""
    provider, prefix = _LISTED_ELSEWHERE.get(provider, (provider, ""))
    for name in spellings(provider, prefix + model):
        try:
            return get_snapshot().find_provider_model(name, None, provider, None)[1]
        except LookupError:
            continue
    return None


def list_named(provider: str, base_url: str | None) -> str | None:
    """Returns the genai-prices id of a provider that is none of ours, by that very id or by its address."""
    snapshot = get_snapshot()
    if any(listed.id == provider for listed in snapshot.providers):
        return provider
    if base_url is not None:
        try:
            return snapshot.find_provider(None, None, base_url).id
        except LookupError:
            return None
    return None


@lru_cache(maxsize=4096)
def _price(provider: str, model: str, minute: int) -> Price | None:
    if provider == "openrouter" and model.endswith(FREE_SUFFIX):
        return Price({"input": 0.0, "output": 0.0})
    entry = find_model(provider, model)
    added = additions_for(provider, model, *(() if entry is None else (entry.id,)))
    if entry is None:
        return price_from(added) if "input_mtok" in added else None
    at = datetime.fromtimestamp(minute * 60, UTC)
    claude = "claude" in entry.id
    by_prompt = GROUNDED_PROMPT if provider == "google" and _BILLED_BY_PROMPT.match(entry.id) else ""
    least = LEAST_SECONDS if provider == "groq" else 0.0
    usual = {**added, **_fields(entry.get_prices(at))}
    tiers: dict[str, Price] = {}
    # A list that is borrowed from another provider prices the usual tier alone.
    if _is_of(provider, entry):
        for context, name in _TIERS:
            fields = {**added, **_fields(entry.get_prices(at, context))}
            if fields == usual or name in tiers:
                continue
            price = price_from(fields, claude=claude, by_prompt=by_prompt, least_seconds=least)
            if price is not None:
                tiers[name] = price
        for name, factor in TIER_FACTORS.get(provider, {}).items():
            price = price_from(usual, factor=factor, claude=claude, by_prompt=by_prompt)
            if price is not None:
                tiers.setdefault(name, price)
    return price_from(
        usual,
        claude=claude,
        by_prompt=by_prompt,
        tiers=tiers,
        geography=GEOGRAPHY.get(provider),
        least_seconds=least,
    )


def _is_of(provider: str, entry: ModelInfo) -> bool:
    lists = find_provider_by_id(get_snapshot().providers, provider)
    return lists is not None and any(model is entry for model in lists.models)


def _fields(listed: ModelPrice) -> dict[str, Any]:
    return {name: value for name, value in listed.__dict__.items() if value is not None}


def price_from(
    fields: Mapping[str, Any],
    *,
    factor: float = 1.0,
    claude: bool = False,
    by_prompt: str = "",
    tiers: Mapping[str, Price] | None = None,
    geography: Mapping[str, float] | None = None,
    least_seconds: float = 0.0,
) -> Price | None:
    """Converts fields of a genai-prices price, the tokens' times `factor`; None for models that are billed by nothing
    that passes through here. Of `claude` the price of lasting cache writes is known where a list lacks it; `by_prompt` is what
    searches are called that are billed once a prompt.
    """
    hour = fields.get("input_audio_hours", fields.get("audio_hours"))
    if not fields.keys() & _BILLED and hour is None:
        return None
    starts = sorted(
        {tier.start for value in fields.values() if isinstance(value, TieredPrices) for tier in value.tiers}
    )
    base = _rates_at(fields, 0, factor, claude)
    return Price(
        base,
        request=float(fields.get("requests_kcount", 0)) / 1000,
        steps=[(start, _rates_at(fields, start + 1, factor, claude)) for start in starts],
        second=0.0 if hour is None else float(hour) / 3600,
        character=float(fields.get("input_mchars", 0)) / 1e6,
        fees={
            by_prompt if name == WEB_SEARCH and by_prompt else name: float(fields[key]) / 1000
            for key, name in FEES.items()
            if key in fields
        },
        tiers=tiers,
        geography=geography,
        least_seconds=least_seconds,
    )


def _rates_at(fields: Mapping[str, Any], input_tokens: int, factor: float, claude: bool) -> dict[str, float]:
    """Returns USD per token by the names of rates."""
    rates: dict[str, float] = {}
    for key, name in _TOKENS.items():
        value = fields.get(key)
        if isinstance(value, TieredPrices):
            value = next(
                (tier.price for tier in reversed(value.tiers) if input_tokens > tier.start), value.base
            )
        if value is not None:
            rates[name] = float(value) / 1e6 * factor
    if claude and "cache_write" in rates and "cache_write_1h" not in rates:
        rates["cache_write_1h"] = rates["input"] * CACHE_WRITE_1H
    return rates
