"""A stated price over a listed one, field by field."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.billing.price_list import list_named, price_of
from adapters.billing.price_override import Stated, over
from adapters.billing.pricing import Price
from adapters.canonical import Usage

AT = 1_795_000_000.0  # November 2026


def listed(provider: str = "openai", model: str = "gpt-5") -> Price:
    price = price_of(provider, model, AT)
    assert price is not None
    return price


def test_one_stated_field_leaves_the_others_as_they_are_listed():
    price = over(listed(), Stated({"output": 5e-6}))
    assert price is not None
    assert (price.input, price.output, price.rates.cached_input) == (1.25e-6, 5e-6, 1.25e-7)
    assert price.fees == listed().fees


def test_a_stated_rate_keeps_its_ratio_in_tiers_and_for_long_prompts():
    price = over(listed("openai", "gpt-5.4"), Stated({"input": 2.25e-6}))  # nine tenths of 2.50
    assert price is not None
    assert price.cost(Usage(input=1_000_000, output=0)) == pytest.approx(4.5)
    assert price.cost(Usage(input=1000, output=0, tier="flex")) == pytest.approx(1000 * 1.125e-6)
    assert price.cost(Usage(input=0, output=1000, tier="flex")) == pytest.approx(1000 * 7.5e-6)


def test_a_factor_multiplies_tokens_but_no_fees():
    price = over(listed(), Stated(factor=0.5))
    assert price is not None
    usage = Usage(input=1000, output=1000, cached=500, uses={"web_search": 1})
    tokens = listed().cost(Usage(input=1000, output=1000, cached=500))
    assert price.cost(usage) == pytest.approx(0.5 * tokens + 0.01)


def test_a_tier_can_be_stated():
    price = over(Price({"input": 1.0, "output": 2.0}), Stated(tiers={"flex": {"input": 0.3}}))
    assert price is not None
    assert price.cost(Usage(input=10, output=10, tier="flex")) == pytest.approx(23.0)
    assert price.cost(Usage(input=10, output=10, tier="default")) == pytest.approx(30.0)


@pytest.mark.parametrize("rates", [{}, {"input": 1.0}, {"cached_input": 1.0}])
def test_without_a_list_a_price_must_be_whole(rates: dict[str, Any]):
    assert over(None, Stated(rates)) is None


def test_an_arm_that_is_a_tier_costs_what_the_answer_says():
    price = listed().at("flex")
    usage = {"input": 1000, "output": 1000}
    assert price.cost(Usage(**usage)) == pytest.approx(0.005625)
    assert price.cost(Usage(**usage, tier="default")) == pytest.approx(0.01125)
    assert price.cost(Usage(**usage, tier="priority")) == pytest.approx(0.0225)
    assert price.output_usd(1) == 5e-6


@pytest.mark.parametrize(
    ("provider", "model", "like"),
    [
        ("openai", "openai/gpt-5", "gpt-5"),
        ("openai", "gpt-5-2025-08-07", "gpt-5"),
        ("azure", "azure/gpt-4o", "gpt-4o"),
        ("anthropic", "anthropic/claude-sonnet-4-5", "claude-sonnet-4-5"),
        ("google", "models/gemini-2.5-flash", "gemini-2.5-flash"),
        ("google", "publishers/google/models/gemini-2.5-flash", "gemini-2.5-flash"),
        ("openrouter", "openai/gpt-5:online", "openai/gpt-5"),
        (
            "aws",
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        ("aws", "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0"),
        ("x-ai", "xai/grok-4-latest", "grok-4"),
    ],
)
def test_names_lead_to_the_entry_of_their_model(provider: str, model: str, like: str):
    assert listed(provider, model).version == listed(provider, like).version


@pytest.mark.parametrize(
    ("tuned", "base"),
    [
        ("ft:gpt-4o-mini-2024-07-18:acme::abc", "gpt-4o-mini"),
        ("ft:gpt-4.1-2025-04-14:acme::abc", "gpt-4.1"),
        ("ft:gpt-4.1-mini-2025-04-14:acme::abc", "gpt-4.1-mini"),
    ],
)
def test_a_fine_tuned_model_costs_more_than_its_base(tuned: str, base: str):
    assert listed("openai", tuned).input > listed("openai", base).input > 0


def test_a_fine_tuned_model_that_no_list_has_is_not_priced_as_its_base():
    assert price_of("openai", "ft:gpt-9-2031-01-01:acme::abc", AT) is None


def test_what_a_router_gives_away_is_known_to_cost_nothing():
    assert listed("openrouter", "qwen/qwen3-32b:free").cost(Usage(input=1000, output=1000)) == 0.0


def test_a_provider_without_a_row_is_found_by_its_listed_id_or_its_address():
    assert list_named("moonshotai", None) == "moonshotai"
    assert list_named("mine", "https://api.perplexity.ai") == "perplexity"
    assert list_named("mine", "http://127.0.0.1:9/v1") is None
