"""Worked examples from vendors' pages: their own words, where and when they were read, and what follows for one bill.

Where a page states prices alone, the example is a bill of round counts at those prices. A row whose usual price has moved
in the catalogue since is reported as moved, not as wrong.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.billing.price_list import price_of
from adapters.canonical import Usage
from adapters.dialects.openai_shared.usage import decode_usage

_CLAUDE = "https://platform.claude.com/docs/en/about-claude/pricing"
_XAI = "https://docs.x.ai/developers/cost-tracking"
_GENAI = "https://github.com/pydantic/genai-prices (README of 0.2.3)"


@dataclass(frozen=True)
class Example:
    """A bill of `dollars`. `base` is the usual price that the words assume, USD per million tokens in and out."""

    provider: str
    model: str
    words: str
    source: str
    read: str
    usage: Usage
    dollars: float
    base: tuple[float, float] | None = None


def _usage(**counts: Any) -> Usage:
    return Usage(**{"input": 0, "output": 0, **counts})


_M = 100_000  # tokens of each kind, below every step of the models here

EXAMPLES: tuple[Example, ...] = (
    *(
        Example("anthropic", model, words, _CLAUDE, "2026-11", usage, dollars, base)
        for model, words, base, kinds in (
            (
                "claude-opus-4-8",
                "Claude Opus 4.8 | $5 / MTok | $6.25 / MTok | $10 / MTok | $0.50 / MTok | $25 / MTok",
                (5.0, 25.0),
                (5.0, 6.25, 10.0, 0.5, 25.0),
            ),
            (
                "claude-opus-4-6",
                "Claude Opus 4.6 | $5 / MTok | $6.25 / MTok | $10 / MTok | $0.50 / MTok | $25 / MTok",
                (5.0, 25.0),
                (5.0, 6.25, 10.0, 0.5, 25.0),
            ),
            (
                "claude-fable-5",
                "Claude Fable 5 | $10 / MTok | $12.50 / MTok | $20 / MTok | $1 / MTok | $50 / MTok",
                (10.0, 50.0),
                (10.0, 12.5, 20.0, 1.0, 50.0),
            ),
            (
                "claude-fable-5-1",
                "Claude Fable 5.1 | $10 / MTok | $12.50 / MTok | $20 / MTok | $0.25 / MTok | $50 / MTok",
                (10.0, 50.0),
                (10.0, 12.5, 20.0, 0.25, 50.0),
            ),
        )
        for usage, dollars in (
            (_usage(input=_M), 0.1 * kinds[0]),
            (_usage(input=_M, cache_write=_M), 0.1 * kinds[1]),
            (_usage(input=_M, cache_write=_M, cache_write_1h=_M), 0.1 * kinds[2]),
            (_usage(input=_M, cached=_M), 0.1 * kinds[3]),
            (_usage(output=_M), 0.1 * kinds[4]),
        )
    ),
    Example(
        "anthropic",
        "claude-opus-4-6",
        "US: Inference stays within US data centers. A 1.1x pricing multiplier applies.",
        "https://docs.aws.amazon.com/claude-platform/latest/userguide/data-residency.html",
        "2026-12",
        _usage(input=_M, output=_M, geography="us"),
        1.1 * 3.0,
        (5.0, 25.0),
    ),
    Example(
        "anthropic",
        "claude-opus-4-6",
        'Value "global": Default.',
        "https://platform.claude.com/docs/en/manage-claude/data-residency",
        "2026-12",
        _usage(input=_M, output=_M, geography="global"),
        3.0,
        (5.0, 25.0),
    ),
    Example(
        "anthropic",
        "claude-fable-5-2",
        "price_context={'speed': 'fast'} … assert price.total_price == 96",
        _GENAI,
        "2026-12",
        _usage(input=1_000_000, output=1_000_000, speed="fast"),
        96.0,
    ),
    Example(
        "openai",
        "o3",
        "price_context={'service_tier': 'flex'} … assert price.total_price == 5",
        _GENAI,
        "2026-12",
        _usage(input=1_000_000, output=1_000_000, tier="flex"),
        5.0,
    ),
    Example(
        "openai",
        "o3",
        "price_context={'processing': 'batch'} … assert price.total_price == 5",
        _GENAI,
        "2026-12",
        _usage(input=1_000_000, output=1_000_000, tier="batch"),
        5.0,
    ),
    Example(
        "openai",
        "gpt-4o-audio-preview",
        "Audio tokens are priced at $40 per million input and $80 per million output audio tokens.",
        "https://openrouter.ai/openai/gpt-4o-audio-preview, as https://aitoolrank.net repeats it",
        "2026-03",
        _usage(input=_M, input_audio=_M, output=_M, output_audio=_M),
        12.0,
        (2.5, 10.0),
    ),
    Example(
        "openai",
        "gpt-4.1",
        "gpt-4.1 … $2.00 | $8.00",
        "https://www.aipricing.guru/openai-pricing/",
        "2026-05",
        _usage(input=_M, output=_M),
        1.0,
        (2.0, 8.0),
    ),
    Example(
        "openai",
        "gpt-4o-mini",
        "gpt-4o-mini | $0.15 | $0.60",
        "https://www.aipricing.guru/openai-pricing/",
        "2026-05",
        _usage(input=_M, output=_M),
        0.075,
        (0.15, 0.6),
    ),
    Example(
        "google",
        "gemini-3.1-pro-preview",
        "usage is billed at $14 per 1,000 search queries",
        "https://ai.google.dev/gemini-api/docs/pricing, as discuss.ai.google.dev/t/134866 quotes it",
        "2026-05",
        _usage(uses={"web_search": 3, "grounded_prompt": 1}),
        0.042,
    ),
    Example(
        "google",
        "gemini-2.5-flash",
        "Older Gemini 2.5 models are pricier at about $35 per 1,000 (grounded prompts)",
        "https://apiserpent.com/blog/reduce-llm-web-search-grounding-cost",
        "2026-06",
        _usage(uses={"web_search": 3, "grounded_prompt": 1}),
        0.035,
    ),
    Example(
        "google",
        "gemini-3.1-pro-preview",
        "Flex PayGo offers a 50% discount compared to Standard PayGo.",
        "https://docs.cloud.google.com/vertex-ai/generative-ai/docs/flex-paygo",
        "2026-12",
        _usage(input=_M, output=_M, tier="flex"),
        0.5 * 1.4,
        (2.0, 12.0),
    ),
    Example(
        "google",
        "gemini-3.1-pro-preview",
        "$2 input and $12 output for Gemini 3.1 Pro Preview standard usage on prompts up to 200,000 tokens",
        "https://nerova.ai/costs-roi/gemini-api-pricing-explained-2026",
        "2026-06",
        _usage(input=_M, output=_M),
        1.4,
        (2.0, 12.0),
    ),
    Example(
        "x-ai",
        "grok-4",
        'a response with "cost_in_usd_ticks": 37756000 cost $0.0038',
        _XAI,
        "2026-11",
        decode_usage({"prompt_tokens": 1, "completion_tokens": 1, "cost_in_usd_ticks": 37_756_000}),
        0.0037756,
    ),
    Example(
        "x-ai",
        "grok-4",
        "Web Search | Search the internet and browse web pages | $5 (1k calls)",
        "https://docs.x.ai/developers/pricing.md",
        "2026-11",
        _usage(uses={"web_search": 2}),
        0.01,
    ),
    Example(
        "openrouter",
        "anthropic/claude-sonnet-4.5",
        '"cost": 0.95, "cost_details": {"upstream_inference_cost": 19} … cost: The total amount charged to your account',
        "https://openrouter.ai/docs/use-cases/usage-accounting",
        "2026-11",
        decode_usage(
            {
                "prompt_tokens": 194,
                "completion_tokens": 2,
                "cost": 0.95,
                "cost_details": {"upstream_inference_cost": 19},
            }
        ),
        0.95,
    ),
    Example(
        "openrouter",
        "anthropic/claude-sonnet-4.5",
        'the same with a key of one\'s own: "upstream_inference_cost: The actual cost charged by the upstream AI provider"',
        "https://openrouter.ai/docs/use-cases/usage-accounting",
        "2026-11",
        decode_usage(
            {
                "prompt_tokens": 194,
                "completion_tokens": 2,
                "cost": 0.95,
                "is_byok": True,
                "cost_details": {"upstream_inference_cost": 19},
            }
        ),
        19.95,
    ),
    Example(
        "perplexity",
        "sonar-deep-research",
        "citation: 2.00, reasoning: 3.00 … searchQueryFee: 5.00 (1k)",
        "https://app.unpkg.com/noodle-perplexity-mcp@1.4.1, from Perplexity's documentation of 2025-07",
        "2025-07",
        decode_usage(
            {
                "prompt_tokens": 1_000,
                "completion_tokens": 3_000,
                "citation_tokens": 10_000,
                "completion_tokens_details": {"reasoning_tokens": 2_000},
                "num_search_queries": 18,
            }
        ),
        (1_000 * 2 + 1_000 * 8 + 2_000 * 3 + 10_000 * 2) / 1e6 + 18 * 0.005,
    ),
)


def check(now: float | None = None, price: Callable[..., Any] = price_of) -> Mapping[str, list[str]]:
    """Returns the examples that are "right", "wrong", and those whose usual price has "moved"."""
    now = time.time() if now is None else now
    found: dict[str, list[str]] = {"right": [], "wrong": [], "moved": []}
    for example in EXAMPLES:
        listed = price(example.provider, example.model, now)
        name = f"{example.provider}/{example.model}: {example.words} ({example.source}, {example.read})"
        if listed is None:
            found["wrong"].append(f"{name}: not priced")
            continue
        if (
            example.base is not None
            and abs(listed.input * 1e6 - example.base[0]) + abs(listed.output * 1e6 - example.base[1]) > 1e-9
        ):
            found["moved"].append(name)
            continue
        cost = listed.cost(example.usage)
        right = abs(cost - example.dollars) < 1e-9
        found["right" if right else "wrong"].append(
            name if right else f"{name}: {cost} here, ${example.dollars}"
        )
    return found
