"""What a plan hands to the decision: objective, prices and limits of this request, as `/v1/explain` shows them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.proxy.provider import Exchange, Provider, completion
from tests.proxy.running import Launch, Running


async def explained(gateway: Running, text: str = "Hi", **more: Any) -> dict[str, Any]:
    asked = {"model": "auto", "messages": [{"role": "user", "content": text}], **more}
    status, body, _ = await gateway.post("/v1/explain", asked)
    assert status == 200, body
    body["arms"] = {row["arm"]: row for row in body["candidates"]}
    return body


async def answers(exchange: Exchange) -> None:
    await exchange.answer(completion())


async def test_the_requests_objective_goes_before_the_suffix_and_that_before_the_routes(
    provider: Provider, launch: Launch
) -> None:
    gateway = await launch(
        provider.arm("one"),
        provider.arm("two"),
        routes={"mine": {"arms": ["p/*"], "objective": {"value_usd": 0.7, "second_usd": 0.3}}},
    )
    usual = (await explained(gateway))["objective"]
    route = (await explained(gateway, model="mine"))["objective"]
    assert (route["value_usd"], route["second_usd"]) == (0.7, 0.3)
    assert route != usual
    floor = (await explained(gateway, model="mine:floor"))["objective"]
    own = (await explained(gateway, model="mine:floor", objective={"value_usd": 0.9}))["objective"]
    assert floor["value_usd"] not in (0.7, 0.9)
    assert own["value_usd"] == 0.9
    targets = {"max_usd_per_request": 0.5, "min_quality": 0.25, "max_exploration": 0.125}
    both = (await explained(gateway, model="mine", objective=targets))["objective"]
    assert both == {**route, **targets}


async def test_decision_and_record_have_the_objective_that_is_explained(
    provider: Provider, launch: Launch
) -> None:
    provider.scripts |= {"cheap": answers, "dear": answers}
    gateway = await launch(
        provider.arm("cheap", quality=0.3, input_usd_per_mtok=0.1, output_usd_per_mtok=0.1),
        provider.arm("dear", quality=0.9, input_usd_per_mtok=50.0, output_usd_per_mtok=50.0),
        routes={
            "thrift": {"arms": ["p/*"], "objective": {"value_usd": 0.00001}},
            "luxury": {"arms": ["p/*"], "objective": {"value_usd": 100.0}},
        },
    )
    for route, arm in (("thrift", "p/cheap"), ("luxury", "p/dear")):
        told = await explained(gateway, model=route)
        assert told["arms"][arm]["probability"] > 0.9
        gateway.gateway.random = lambda: 0.5
        status, _, headers = await gateway.chat(model=route)
        assert (status, headers["X-Meritorder-Arm"], headers["X-Meritorder-Route"]) == (200, arm, route)
        record = (await gateway.decisions())[-1]
        assert record.objective == told["objective"]
        assert (record.route, set(record.arms)) == (route, {"p/cheap", "p/dear"})
    await gateway.chat(model="luxury", provider={"ignore": ["p/dear"]})
    record = (await gateway.decisions())[-1]
    assert (list(record.arms), record.probabilities.tolist(), record.propensity) == (["p/cheap"], [1.0], 1.0)


async def test_a_decision_expects_no_more_tokens_than_the_answer_may_have(
    provider: Provider, launch: Launch
) -> None:
    gateway = await launch(provider.arm("one"), provider.arm("two"))
    usual = (await explained(gateway))["arms"]["p/one"]
    short = (await explained(gateway, max_tokens=7))["arms"]["p/one"]
    assert usual["output_tokens"] > 20
    assert short["output_tokens"] <= 7
    assert short["cost_usd"] < usual["cost_usd"]


async def test_an_expected_cost_is_that_of_the_prompt_the_answer_and_the_request(
    provider: Provider, launch: Launch
) -> None:
    prices = {"input_usd_per_mtok": 3.0, "output_usd_per_mtok": 5.0}
    gateway = await launch(provider.arm("plain", **prices), provider.arm("fee", **prices, request_usd=0.25))
    told = await explained(gateway, "A word or two. " * 300)
    for arm, fee in (("p/plain", 0.0), ("p/fee", 0.25)):
        row = told["arms"][arm]
        wanted = fee + told["input_tokens"] * 3e-6 + row["output_tokens"] * 5e-6
        assert row["cost_usd"] == pytest.approx(wanted, rel=1e-6)


async def test_a_prompt_that_just_fills_a_window_still_fits(provider: Provider, launch: Launch) -> None:
    words = "A word or two. " * 300
    tokens = (await explained(await launch(provider.arm("any")), words))["input_tokens"]
    gateway = await launch(
        provider.arm("exact", context_window=tokens), provider.arm("small", context_window=tokens - 1)
    )
    assert set((await explained(gateway, words))["arms"]) == {"p/exact"}


async def test_a_long_prompt_is_expected_to_cost_what_long_prompts_do(
    provider: Provider, launch: Launch
) -> None:
    """Gemini 2.5 Pro costs twice as much, and half as much more for its answers, beyond 200,000 tokens."""
    model = "gemini-2.5-pro"
    arm = {"name": "g", "provider": "google", "model": model, "api_key": "k", "base_url": provider.url}
    gateway = await launch(arm, provider.arm("plain"))

    async def cost(words: int) -> tuple[int, float, float]:
        told = await explained(gateway, "word " * words, model="g")
        return told["input_tokens"], told["arms"]["g"]["cost_usd"], told["arms"]["g"]["output_tokens"]

    price = gateway.gateway.arms.by_name["g"].price
    for words, steps in ((1_000, 0), (180_000, 1)):
        tokens, usd, output = await cost(words)
        assert (tokens > 200_000) is bool(steps)
        wanted = price.fixed_usd(tokens, 0) + output * price.output_usd(tokens)
        assert usd == pytest.approx(wanted, rel=1e-6)
    assert price.output_usd(250_000) > price.output_usd(1_000)


async def test_a_price_is_in_force_at_the_next_decision(provider: Provider, launch: Launch) -> None:
    gateway = await launch(provider.arm("one"), provider.arm("two"))
    before = await explained(gateway)
    price = {"input_usd_per_mtok": 400.0, "output_usd_per_mtok": 0.0}
    async with gateway.session.put(f"{gateway.url}/v1/prices/p%2Ftwo", json=price) as answer:
        assert answer.status == 200
    after = await explained(gateway)
    assert after["arms"]["p/one"]["cost_usd"] == before["arms"]["p/one"]["cost_usd"]
    assert after["arms"]["p/two"]["cost_usd"] == pytest.approx(after["input_tokens"] * 400e-6)


async def test_a_budget_is_held_by_what_its_own_route_spent(provider: Provider, launch: Launch) -> None:
    """Answers that cost more than they may make the next ones cheaper, on that route and no other."""
    usage = {"prompt_tokens": 10, "completion_tokens": 5_000, "total_tokens": 5_010}
    provider.scripts["dear"] = lambda exchange: exchange.answer({**completion(), "usage": usage})
    provider.scripts["cheap"] = answers
    objective = {"value_usd": 1.0, "max_usd_per_request": 0.01}
    route = {"arms": ["p/*"], "objective": objective}
    gateway = await launch(
        provider.arm("cheap", quality=0.5, input_usd_per_mtok=0.1, output_usd_per_mtok=0.1),
        provider.arm("dear", quality=0.8, input_usd_per_mtok=5.0, output_usd_per_mtok=10.0),
        routes={"held": route, "other": route},
    )
    before = (await explained(gateway, model="held"))["arms"]["p/dear"]["probability"]
    for _ in range(40):
        gateway.gateway.random = lambda: 1.0 - 2.0**-40
        _, _, headers = await gateway.chat(model="held", max_tokens=50)
        assert headers["X-Meritorder-Arm"] == "p/dear"
    assert len(await gateway.decisions()) == 40
    held = (await explained(gateway, model="held"))["arms"]["p/dear"]["probability"]
    other = (await explained(gateway, model="other"))["arms"]["p/dear"]["probability"]
    assert held < 0.5 < other
    assert held < before
