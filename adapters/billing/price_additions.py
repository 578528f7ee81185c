"""What genai-prices doesn't hold: each row with the page that says so, and the day on which it was read.

A field that genai-prices holds goes before the same field here, so that a row becomes idle when the list learns of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple


class Addition(NamedTuple):
    """Fields of the models of `provider` whose listed or asked name fits `model`, in genai-prices' units."""

    provider: str
    model: re.Pattern[str]
    fields: Mapping[str, float]
    source: str


def _row(provider: str, model: str, source: str, **fields: float) -> Addition:
    return Addition(provider, re.compile(model), fields, source)


_CONTAINERS = "OpenAI's pricing page of 2025, $0.03 a container; not read since"
_TUNED = "LiteLLM's model_prices_and_context_window.json, which quotes OpenAI's page; read 2026-12"
_OPENAI_AUDIO = (
    "https://openrouter.ai/openai/gpt-4o-audio-preview, read 2026-03: $40 and $80 per million audio tokens"
)

ADDITIONS: Final = (
    # The list has their text alone.
    _row("openai", r"^gpt-4o-audio-preview", _OPENAI_AUDIO, input_audio_mtok=40.0, output_audio_mtok=80.0),
    # A container of code interpreter costs three cents, whatever runs in it.
    _row("openai", r"^(?:gpt-|o\d|chatgpt-|ft:)", _CONTAINERS, code_executions_kcount=30.0),
    # Fine-tuned models of a generation that the list has only as base models.
    _row("openai", r"^ft:gpt-4\.1-mini", _TUNED, input_mtok=0.8, cache_read_mtok=0.2, output_mtok=3.2),
    _row("openai", r"^ft:gpt-4\.1-nano", _TUNED, input_mtok=0.2, cache_read_mtok=0.05, output_mtok=0.8),
    _row(
        "openai",
        r"^ft:gpt-4\.1(?!-)|^ft:gpt-4\.1-20",
        _TUNED,
        input_mtok=3.0,
        cache_read_mtok=0.75,
        output_mtok=12.0,
    ),
    # https://docs.x.ai/developers/pricing.md: tools by the thousand calls.
    _row(
        "x-ai",
        r"^grok",
        "https://docs.x.ai/developers/pricing.md, read 2026-11",
        web_searches_kcount=5.0,
        social_searches_kcount=5.0,
        code_executions_kcount=5.0,
        storage_searches_kcount=2.5,
    ),
)

TIER_FACTORS: Final[Mapping[str, Mapping[str, float]]] = {
    # "Pay half the price of the Standard API" (flex); priority costs 75 to 100 % more, 1.8 times on every model
    # whose price for it is listed.
    "google": {"flex": 0.5, "priority": 1.8},
}
"""How much of the usual price tokens cost in a service tier, where the list of a model has no price for it.
Google's announcement of the tiers of 2026-04; "Flex PayGo offers a 50% discount compared to Standard PayGo":
https://docs.cloud.google.com/vertex-ai/generative-ai/docs/flex-paygo, read 2026-12"""

GEOGRAPHY: Final[Mapping[str, Mapping[str, float]]] = {"anthropic": {"us": 1.1}}
"""What tokens cost where inference stays within one country: "US data centers. A 1.1x pricing multiplier applies."
https://docs.aws.amazon.com/claude-platform/latest/userguide/data-residency.html, and
https://platform.claude.com/docs/en/manage-claude/data-residency; read 2026-12"""

CACHE_WRITE_1H: Final = 2.0
"""Times the input price, for Anthropic's models wherever they are served; some lists hold that of shorter ones alone.
https://platform.claude.com/docs/en/build-with-claude/prompt-caching#pricing"""


def additions_for(provider: str, *names: str) -> dict[str, float]:
    """Returns the fields that a list of `provider` (a genai-prices id) lacks of a model, by any of its names."""
    additions: dict[str, float] = {}
    for row in ADDITIONS:
        if row.provider == provider and any(row.model.search(name) for name in names):
            for name, value in row.fields.items():
                additions.setdefault(name, value)
    return additions
