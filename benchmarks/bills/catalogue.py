"""Every priced model × every kind of usage that its price has: our cost against genai-prices' own calculation."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, TieredPrices
from genai_prices.types import Provider as Lists
from genai_prices.types import Usage as ListedUsage

from adapters.billing.price_additions import CACHE_WRITE_1H, additions_for
from adapters.billing.price_list import FEES, price_of
from adapters.billing.pricing import GROUNDED_PROMPT, WEB_SEARCH
from adapters.canonical import Usage

# What one unit of a list's price counts: (the list's name of the number, ours, a number to try).
_TOKENS: Mapping[str, tuple[tuple[str, ...], str, int]] = {
    "cache_read_mtok": (("cache_read_tokens",), "cached", 1_300),
    "cache_write_mtok": (("cache_write_tokens",), "cache_write", 1_700),
    "cache_write_1h_mtok": (("cache_write_tokens", "cache_write_1h_tokens"), "cache_write_1h", 900),
    "input_audio_mtok": (("input_audio_tokens",), "input_audio", 400),
    "output_audio_mtok": (("output_audio_tokens",), "output_audio", 350),
    "cache_audio_read_mtok": (
        ("cache_read_tokens", "input_audio_tokens", "cache_audio_read_tokens"),
        "cached_audio",
        150,
    ),
    "input_image_mtok": (("input_image_tokens",), "input_image", 250),
    "output_image_mtok": (("output_image_tokens",), "output_image", 1_290),
    "cache_image_read_mtok": (
        ("cache_read_tokens", "input_image_tokens", "cache_image_read_tokens"),
        "cached_image",
        130,
    ),
    "input_video_mtok": (("input_video_tokens",), "input_video", 600),
    "output_video_mtok": (("output_video_tokens",), "output_video", 700),
    "output_reasoning_mtok": (("output_reasoning_tokens",), "reasoning", 800),
    "output_citation_mtok": (("output_citation_tokens",), "citation", 300),
}
_PARENT = {
    "cache_write_1h": ("cache_write",),
    "cached_audio": ("cached", "input_audio"),
    "cached_image": ("cached", "input_image"),
}
_USES = {
    "web_searches_kcount": "web_searches",
    "social_searches_kcount": "social_searches",
    "storage_searches_kcount": "storage_searches",
    "code_executions_kcount": "code_executions",
    "rerank_searches_kcount": "rerank_searches",
    "input_document_kpages": "input_document_pages",
    "input_annotated_document_kpages": "input_annotated_document_pages",
    "input_text_messages_kcount": "input_text_messages",
}
_CONTEXTS: tuple[tuple[dict[str, str], dict[str, str]], ...] = (
    ({}, {}),
    ({"processing": "batch"}, {"tier": "batch"}),
    ({"service_tier": "flex"}, {"tier": "flex"}),
    ({"service_tier": "priority"}, {"tier": "priority"}),
    ({"service_tier": "fast"}, {"tier": "fast"}),
    ({"service_tier": "default"}, {"tier": "default"}),
    ({"speed": "fast"}, {"speed": "fast"}),
)
_NOT_OURS = {("perplexity", "search_type"), ("openrouter", "route")}
"""Variants of a request that no answer names."""


@dataclass
class Result:
    """What was compared, and what differed: `explained` by reason, `unexplained` row by row."""

    models: int = 0
    unpriced: int = 0
    cases: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    explained: Counter[str] = field(default_factory=Counter)
    unexplained: list[str] = field(default_factory=list)


def compare(now: float | None = None) -> Result:
    """Compares all of the catalogue at epoch seconds `now`."""
    now = time.time() if now is None else now
    result = Result()
    for provider in get_snapshot().providers:
        for model in provider.models:
            _model(provider, model, now, result)
    return result


def _model(provider: Lists, model: ModelInfo, now: float, result: Result) -> None:
    at = datetime.fromtimestamp(now, UTC)
    # The list's own way from a name to an entry may lead elsewhere; then there is no name for this one.
    found = provider.find_model(model.id, all_providers=get_snapshot().providers)
    if found is not model:
        result.explained["another entry of the list answers to the name"] += 1
        return
    price = price_of(provider.id, model.id, now)
    usual = _fields(model.get_prices(at))
    if price is None:
        result.unpriced += 1
        if usual.keys() & {"input_mtok", "output_mtok", "requests_kcount", "audio_hours"}:
            result.unexplained.append(f"{provider.id}/{model.id}: not priced")
        return
    result.models += 1
    for context, answered in _CONTEXTS:
        known = any(
            all(context.get(k) == v for k, v in variant.when.items())
            for variant in model.price_variants or ()
        )
        if context and not known:
            continue
        fields = _fields(model.get_prices(at, context))
        for kind, listed, ours in _cases(fields):
            result.cases += 1
            result.kinds[kind] += 1
            try:
                right = float(
                    model.calc_price(
                        ListedUsage(**listed), provider, genai_request_timestamp=at, price_context=context
                    ).total_price
                )
            except ValueError as error:
                result.explained[f"the list refuses the usage: {str(error).split(':')[0]}"] += 1
                continue
            got = price.cost(Usage(**ours, **answered))
            if abs(got - right) <= 1e-9 * max(1.0, right):
                continue
            reason = _reason(provider.id, model, fields, ours, got, right)
            if reason is None:
                where = f"{provider.id}/{model.id} {context or ''} {kind}"
                result.unexplained.append(f"{where}: {got:.9g} here, {right:.9g} in the list")
            else:
                result.explained[reason] += 1


def _reason(
    provider: str,
    model: ModelInfo,
    fields: Mapping[str, Any],
    ours: Mapping[str, Any],
    got: float,
    right: float,
) -> str | None:
    """Returns why the two differ, where the difference is exactly what one of our own rows says."""
    added = additions_for(provider, model.id)
    extra = 0.0
    for key, value in added.items():
        if key not in fields and key in FEES:
            extra += value / 1000 * (ours.get("uses") or {}).get(FEES[key], 0)
    if extra and abs(got - right - extra) < 1e-9:
        return "fees that the list lacks (adapters/billing/price_additions.py)"
    writes = ours.get("cache_write_1h") or 0
    if (
        "claude" in model.id
        and writes
        and "cache_write_mtok" in fields
        and "cache_write_1h_mtok" not in fields
    ):
        base = _at(fields["input_mtok"], ours["input"]) * CACHE_WRITE_1H - _at(
            fields["cache_write_mtok"], ours["input"]
        )
        if abs(got - right - writes * base / 1e6) < 1e-9:
            return "writes for an hour that the list prices as shorter ones"
    sound = sum(
        (ours.get(name) or 0) * (added[key] - _at(fields[plain], ours["input"])) / 1e6
        for key, name, plain in (
            ("input_audio_mtok", "input_audio", "input_mtok"),
            ("output_audio_mtok", "output_audio", "output_mtok"),
        )
        if key in added and key not in fields
    )
    if sound and abs(got - right - sound) < 1e-9:
        return "sound that the list lacks (adapters/billing/price_additions.py)"
    return None


def _at(price: Any, tokens: int) -> float:
    if isinstance(price, TieredPrices):
        return float(next((t.price for t in reversed(price.tiers) if tokens > t.start), price.base))
    return float(price)


def _fields(listed: ModelPrice) -> dict[str, Any]:
    return {name: value for name, value in listed.__dict__.items() if value is not None}


def _cases(fields: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Yields (kind, the list's usage, ours): each kind alone, all together, and beyond every step."""
    kinds = [key for key in _TOKENS if key in fields]
    # Kinds without a price of their own cost what plain tokens do, on both sides.
    plain = [
        key
        for key in ("cache_read_mtok", "output_reasoning_mtok", "input_audio_mtok", "cache_write_1h_mtok")
        if key not in fields
    ]
    starts = {t.start for value in fields.values() if isinstance(value, TieredPrices) for t in value.tiers}
    for extra in (0, *sorted(starts)):
        beyond = f" beyond {extra}" if extra else ""
        yield f"plain{beyond}", *_usage([], extra, fields)
        for key in (*kinds, *plain):
            yield f"{key}{beyond}", *_usage([key], extra, fields)
        if len(kinds) > 1:
            yield f"all{beyond}", *_usage(kinds, extra, fields)
    for key in _USES:
        if key in fields:
            yield key, *_used(key)
    if "code_executions_kcount" not in fields:
        yield "code_executions_kcount", *_used("code_executions_kcount")
    if "audio_hours" in fields or "input_audio_hours" in fields:
        for seconds in (4, 3_600):
            yield (
                "audio_hours",
                {"audio_seconds": seconds, "input_audio_seconds": seconds},
                {"seconds": float(seconds)},
            )
    if "input_mchars" in fields:
        yield "input_mchars", {"input_characters": 12_345}, {"characters": 12_345}


def _used(key: str) -> tuple[dict[str, Any], dict[str, Any]]:
    uses = {FEES[key]: 3}
    if FEES[key] == WEB_SEARCH:  # some are billed by the prompt, of which there are as many here
        uses[GROUNDED_PROMPT] = 3
    listed, ours = {_USES[key]: 3, "input_tokens": 1_000, "output_tokens": 50}, {"uses": uses}
    return listed, {**ours, "input": 1_000, "output": 50}


def _usage(keys: list[str], extra: int, fields: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    total, output = 2_000 + extra, 100
    listed: dict[str, Any] = {}
    ours: dict[str, Any] = {}
    for key in keys:
        names, kind, number = _TOKENS[key]
        for name in names:
            listed[name] = listed.get(name, 0) + number
        for name in (kind, *_PARENT.get(kind, ())):
            ours[name] = ours.get(name, 0) + number
        if kind.startswith("output") or kind in ("reasoning", "citation"):
            output += number
        else:
            total += number
    return {**listed, "input_tokens": total, "output_tokens": output}, {
        **ours,
        "input": total,
        "output": output,
    }
