from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from genai_prices import Usage as ListedUsage
from genai_prices import calc_price
from hypothesis import given
from hypothesis import strategies as st

from adapters.billing.price_list import price_of
from adapters.billing.pricing import Price
from adapters.canonical import Usage

DAY = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_cached_written_and_spoken_tokens_have_their_own_rates():
    price = Price(
        {"input": 1.0, "output": 10.0, "cached_input": 0.1, "cache_write": 2.0, "output_audio": 20.0},
        request=5.0,
    )
    usage = Usage(input=100, output=10, cached=50, cache_write=20, output_audio=4)
    assert price.cost(usage) == pytest.approx(5 + 30 + 5 + 40 + 60 + 80)


def test_a_cost_has_no_noise_of_binary_fractions():
    price = Price.per_mtok(input=2.5, output=10.0)
    assert 10 * price.input + 20 * price.output != 0.000225
    assert price.cost(Usage(input=10, output=20)) == 0.000225


def test_what_is_not_given_costs_as_much_as_plain_tokens():
    assert (
        Price({"input": 1.0, "output": 2.0}).cost(Usage(input=10, output=5, cached=10, reasoning=5)) == 20.0
    )


def test_a_tier_prices_the_whole_request_once_its_bound_is_passed():
    price = Price({"input": 1.0, "output": 1.0}, steps=[(100, {"input": 2.0, "output": 3.0})])
    assert price.cost(Usage(input=100)) == 100.0
    assert price.cost(Usage(input=101)) == 202.0
    assert price.output_usd(100) == 1.0
    assert price.output_usd(101) == 3.0


def test_a_cost_that_the_provider_reports_is_what_it_bills():
    assert Price({"input": 1.0, "output": 1.0}).cost(Usage(input=5, cost_usd=0.25)) == 0.25


def test_nothing_reported_costs_the_request_only():
    assert Price({"input": 1.0, "output": 1.0}, request=0.5).cost(Usage()) == 0.5


@given(st.integers(0, 10**6), st.integers(0, 10**5), st.floats(0, 1))
def test_the_linear_parts_add_up_to_the_cost(tokens, output, share):
    price = price_of("google", "gemini-3.1-pro-preview", DAY.timestamp())
    assert price is not None
    cached = int(tokens * share)
    parts = price.fixed_usd(tokens, cached) + output * price.output_usd(tokens)
    assert parts == pytest.approx(price.cost(Usage(input=tokens, output=output, cached=cached)))


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "gpt-5.4"),
        ("openai", "gpt-4o-2024-08-06"),
        ("anthropic", "claude-sonnet-4-5-20250929"),
        ("anthropic", "claude-opus-4-8"),
        ("google", "gemini-2.5-pro"),
        ("x-ai", "grok-4.3"),
        ("deepseek", "deepseek-chat"),
        ("mistral", "mistral-large-2512"),
        ("azure", "gpt-4o"),
    ],
)
@pytest.mark.parametrize("tokens", [1_000, 500_000])
def test_costs_equal_those_of_the_price_data(provider, model, tokens):
    price = price_of(provider, model, DAY.timestamp())
    assert price is not None
    listed = calc_price(
        ListedUsage(input_tokens=tokens, output_tokens=700, cache_read_tokens=300),
        model,
        provider_id=provider,
        genai_request_timestamp=DAY,
    )
    ours = price.cost(Usage(input=tokens, output=700, cached=300))
    assert ours == pytest.approx(float(listed.total_price), rel=1e-9)


def test_a_price_depends_on_the_time_of_day_where_the_list_says_so():
    night = price_of("deepseek", "deepseek-chat", DAY.replace(hour=20).timestamp())
    day = price_of("deepseek", "deepseek-chat", DAY.timestamp())
    assert night is not None
    assert day is not None
    assert night.input < day.input
    assert night.version != day.version


def test_unknown_models_and_providers_without_a_list_have_no_price():
    assert price_of("openai", "no-such-model-anywhere", 0.0) is None
    assert price_of("no-such-provider", "gpt-4o", 0.0) is None
    assert price_of(None, "gpt-4o", 0.0) is None


def test_sound_is_billed_by_the_hour_and_speech_by_the_character():
    heard = price_of("groq", "whisper-large-v3", 0.0)
    assert heard.cost(Usage(seconds=3600.0)) == 0.111
    assert heard.cost(Usage(input=5, output=5)) == 0.0
    spoken = price_of("openai", "tts-1", 0.0)
    assert spoken.cost(Usage(characters=1_000_000)) == 15.0
    assert heard.version != spoken.version != Price({"input": 0.0, "output": 0.0}).version


def test_equal_prices_have_equal_versions():
    assert (
        Price({"input": 1.0, "output": 2.0}).version
        == Price({"input": 1.0, "output": 2.0, "cached_input": 1.0}).version
    )
    assert (
        Price({"input": 1.0, "output": 2.0}).version
        != Price({"input": 1.0, "output": 2.0}, request=0.1).version
    )


def test_a_price_per_million_tokens_is_divided():
    price = Price.per_mtok(input=2.0, output=8.0, cached_input=0.5)
    assert price.cost(Usage(input=10**6, output=10**6, cached=0)) == pytest.approx(10.0)
    assert Decimal(str(price.rates.cached_input)) == Decimal("5e-7")


def test_tools_are_billed_by_how_often_they_were_used():
    price = Price({"input": 1.0, "output": 1.0}, fees={"web_search": 0.5, "file_search": 0.25})
    usage = Usage(input=5, output=5, uses={"web_search": 3, "file_search": 2, "unheard_of": 9})
    assert price.cost(usage) == pytest.approx(10 + 1.5 + 0.5)


def test_each_token_of_sound_pictures_and_films_is_paid_once_cached_or_not():
    rates = {"input": 1.0, "cached_input": 0.5, "output": 2.0, "input_audio": 10.0, "cached_audio": 3.0}
    rates |= {"input_image": 20.0, "cached_image": 7.0, "input_video": 40.0}
    price = Price(rates)
    text_and_sound = Usage(input=100, cached=30, input_audio=40, cached_audio=20)
    assert price.cost(text_and_sound) == pytest.approx(50 * 1.0 + 10 * 0.5 + 20 * 10.0 + 20 * 3.0)
    pictures = Usage(input=100, cached=30, input_image=40, cached_image=20)
    assert price.cost(pictures) == pytest.approx(50 * 1.0 + 10 * 0.5 + 20 * 20.0 + 20 * 7.0)
    assert price.cost(Usage(input=100, input_video=60)) == pytest.approx(40 * 1.0 + 60 * 40.0)


def test_each_token_of_an_answer_is_paid_once_whatever_it_is():
    price = Price(
        {
            "input": 0.0,
            "output": 1.0,
            "output_audio": 3.0,
            "output_image": 5.0,
            "output_video": 7.0,
            "reasoning": 11.0,
            "citation": 13.0,
        }
    )
    parts = {"output_audio": 1, "output_image": 2, "output_video": 3, "reasoning": 4, "citation": 5}
    usage = Usage(output=20, **parts)
    assert price.cost(usage) == pytest.approx(5 * 1.0 + 3.0 + 10.0 + 21.0 + 44.0 + 65.0)


def test_a_country_multiplies_what_tokens_cost_and_nothing_else():
    price = Price({"input": 1.0, "output": 1.0}, request=5.0, fees={"web_search": 2.0}, geography={"us": 1.1})
    usage = {"input": 10, "output": 10, "uses": {"web_search": 1}}
    assert price.cost(Usage(**usage, geography="us")) == pytest.approx(22.0 + 7.0)
    assert price.cost(Usage(**usage, geography="global")) == pytest.approx(20.0 + 7.0)


def test_an_answer_is_paid_by_its_speed_before_its_tier_and_else_as_usual():
    fast, flex = Price({"input": 4.0, "output": 4.0}), Price({"input": 0.5, "output": 0.5})
    price = Price({"input": 1.0, "output": 1.0}, tiers={"fast": fast, "flex": flex})
    paid = {
        (None, None): 1.0,
        ("flex", None): 0.5,
        ("default", None): 1.0,
        (None, "fast"): 4.0,
        ("flex", "fast"): 4.0,
        ("flex", "standard"): 0.5,
    }
    for (tier, speed), rate in paid.items():
        assert price.cost(Usage(input=10, output=0, tier=tier, speed=speed)) == 10 * rate, (tier, speed)
