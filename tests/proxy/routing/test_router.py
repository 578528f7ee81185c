"""Which arms may answer: by the length of the answer, by the words they have, by what they are for."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.arms.arm import build
from proxy.config import ArmConfig
from tests.proxy.provider import Exchange, Provider, completion
from tests.proxy.running import Launch, Running


def anthropic(provider: Provider, model: str = "claude-sonnet-4-5") -> dict[str, Any]:
    url = provider.url.removesuffix("/v1")
    return provider.arm(model, provider="anthropic", base_url=url)


async def says_claude(exchange: Exchange) -> None:
    await exchange.answer(
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude",
            "content": [{"type": "text", "text": "I am Claude."}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 3, "output_tokens": 4},
        }
    )


async def candidates(gateway: Running, **more: Any) -> set[str]:
    asked = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}], **more}
    status, body, _ = await gateway.post("/v1/explain", asked)
    assert status == 200, body
    return {row["arm"] for row in body["candidates"]}


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
async def test_an_arm_that_cannot_write_so_much_is_not_drawn(
    provider: Provider, launch: Launch, field: str
) -> None:
    gateway = await launch(
        provider.arm("short", max_output_tokens=100),
        provider.arm("long", max_output_tokens=1000),
        provider.arm("unknown"),
    )
    assert await candidates(gateway, **{field: 100}) == {"p/short", "p/long", "p/unknown"}
    assert await candidates(gateway, **{field: 101}) == {"p/long", "p/unknown"}
    assert await candidates(gateway, **{field: 5000}) == {"p/unknown"}


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
async def test_an_answer_too_long_for_every_arm_is_refused_by_name(
    provider: Provider, launch: Launch, field: str
) -> None:
    gateway = await launch(provider.arm("short", max_output_tokens=100))
    status, body, _ = await gateway.chat(**{field: 101})
    assert status == 400
    assert body["error"]["param"] == field
    assert "101" in body["error"]["message"]
    assert "100" in body["error"]["message"]
    assert not provider.seen


def test_the_catalogue_knows_how_much_a_model_can_write() -> None:
    arm = ArmConfig(name="a", provider="openai", model="gpt-4o", api_key="k")
    assert build(arm, 0, {}, 0.0).max_output == 16_384
    own = arm.model_copy(update={"max_output_tokens": 5})
    assert build(own, 0, {}, 0.0).max_output == 5


async def test_the_gateways_own_fields_do_not_keep_an_arm_of_another_dialect_out(
    provider: Provider, launch: Launch
) -> None:
    provider.scripts["claude-sonnet-4-5"] = says_claude
    gateway = await launch(anthropic(provider))
    own = {"objective": "cheap", "task": "qa", "session_id": "s", "models": ["auto"], "provider": {}}
    status, body, _ = await gateway.chat(**own, require_parameters=True)
    assert (status, body["choices"][0]["message"]["content"]) == (200, "I am Claude.")
    assert not set(own) & set(provider.seen[0].json)
    for path in ("messages", "responses"):
        asked: dict[str, Any] = {"model": "auto", "objective": "cheap", "task": "qa"}
        turns = [{"role": "user", "content": "Hi"}]
        asked |= {"input": "Hi"} if path == "responses" else {"messages": turns, "max_tokens": 9}
        status, body, _ = await gateway.post(f"/v1/{path}", asked)
        assert status == 200, body


@pytest.mark.parametrize(
    ("wish", "able"),
    [
        ({}, {"p/openai", "p/claude-sonnet-4-5", "p/plain"}),
        ({"temperature": 0.5, "stop": ["x"]}, {"p/openai", "p/claude-sonnet-4-5", "p/plain"}),
        ({"seed": 3}, {"p/openai", "p/plain"}),
        ({"n": 2}, {"p/openai", "p/plain"}),
        ({"top_k": 3}, {"p/claude-sonnet-4-5", "p/plain"}),
        ({"metadata": {"a": "b"}}, {"p/openai", "p/plain"}),
        ({"service_tier": "flex"}, {"p/openai"}),
        ({"store": True}, {"p/openai"}),
        ({"user": "u"}, {"p/openai", "p/claude-sonnet-4-5", "p/plain"}),
        (
            {"stream": True, "stream_options": {"include_usage": True}},
            {"p/openai", "p/claude-sonnet-4-5", "p/plain"},
        ),
    ],
)
async def test_require_parameters_leaves_the_arms_that_can_say_everything(
    provider: Provider, launch: Launch, wish: dict[str, Any], able: set[str]
) -> None:
    gateway = await launch(
        provider.arm("openai", provider="openai"), anthropic(provider), provider.arm("plain")
    )
    assert await candidates(gateway, **wish) == {"p/openai", "p/claude-sonnet-4-5", "p/plain"}
    assert await candidates(gateway, **wish, provider={"require_parameters": True}) == able
    assert await candidates(gateway, **wish, require_parameters=True) == able


async def test_what_no_arm_can_say_is_told_arm_by_arm(provider: Provider, launch: Launch) -> None:
    gateway = await launch(anthropic(provider))
    status, body, _ = await gateway.chat(seed=3, require_parameters=True)
    assert status == 400
    assert "p/claude-sonnet-4-5: seed" in body["error"]["message"]
    status, body, _ = await gateway.chat(require_parameters="yes")
    assert (status, body["error"]["param"]) == (400, "require_parameters")
    status, body, _ = await gateway.chat(provider={"require_parameters": 1})
    assert (status, body["error"]["param"]) == (400, "provider.require_parameters")


async def test_without_the_demand_an_arm_still_answers_nothing_it_cannot_express(
    provider: Provider, launch: Launch
) -> None:
    provider.scripts["openai"] = lambda exchange: exchange.answer(completion())
    provider.scripts["plain"] = lambda exchange: exchange.answer(completion("Plain."))
    gateway = await launch(provider.arm("openai", provider="openai"), provider.arm("plain"))
    for _ in range(6):
        status, body, _ = await gateway.chat(top_k=3)
        assert (status, body["choices"][0]["message"]["content"]) == (200, "Plain.")
    assert all(exchange.json["top_k"] == 3 for exchange in provider.seen)


async def test_a_route_asks_only_models_that_can_chat(provider: Provider, launch: Launch) -> None:
    gateway = await launch(
        provider.arm("good"),
        provider.arm("text-embedding-3-small"),
        provider.arm("whisper-large-v3"),
        provider.arm("gpt-4o-mini-tts"),
        provider.arm("mine", capabilities=["embeddings"]),
        provider.arm("gpt-4o-audio", capabilities=["audio", "speech"]),
        provider.arm("embed-and-chat", capabilities=["tools"]),
    )
    assert await candidates(gateway) == {"p/good", "p/gpt-4o-audio", "p/embed-and-chat"}
    assert await candidates(gateway, model="whisper-large-v3") == {"p/whisper-large-v3"}


async def test_a_route_without_a_chat_model_says_so(provider: Provider, launch: Launch) -> None:
    gateway = await launch(provider.arm("whisper-large-v3"))
    status, body, _ = await gateway.chat()
    assert status == 404
    assert "can chat" in body["error"]["message"]


async def test_an_embedding_route_asks_no_chat_model(provider: Provider, launch: Launch) -> None:
    async def embed(exchange: Exchange) -> None:
        data = [{"object": "embedding", "index": 0, "embedding": [0.5]}]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        await exchange.answer({"object": "list", "data": data, "model": "e", "usage": usage})

    provider.scripts["text-embedding-3-small"] = embed
    gateway = await launch(provider.arm("good"), provider.arm("text-embedding-3-small"))
    for _ in range(4):
        status, _, _ = await gateway.post("/v1/embeddings", {"model": "auto", "input": "a"})
        assert status == 200
    assert {exchange.json["model"] for exchange in provider.seen} == {"text-embedding-3-small"}


async def test_a_model_that_refuses_a_temperature_leaves_the_request_to_another(
    provider: Provider, launch: Launch
) -> None:
    provider.scripts["gpt-5"] = lambda exchange: exchange.answer(completion())
    gateway = await launch(provider.arm("gpt-5", provider="openai"), provider.arm("good"))
    for _ in range(6):
        assert (await gateway.chat(temperature=0.2))[0] == 200
    assert {exchange.json["model"] for exchange in provider.seen} == {"good"}
    assert (await gateway.chat(model="gpt-5", temperature=1))[0] == 200
    status, body, _ = await gateway.chat(model="gpt-5", temperature=0.2)
    assert status == 400
    assert "temperature at gpt-5" in body["error"]["message"]


async def test_exploration_is_capped_by_the_request(provider: Provider, launch: Launch) -> None:
    gateway = await launch(*(provider.arm(name) for name in ("one", "two", "three")))
    asked = {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]}

    async def explored(**objective: Any) -> float:
        status, body, _ = await gateway.post("/v1/explain", {**asked, "objective": objective})
        assert status == 200, body
        assert body["objective"]["max_exploration"] == objective.get("max_exploration")
        best = max(body["candidates"], key=lambda row: float(row["utility_usd"]))
        return 1.0 - float(best["probability"])

    assert await explored() > 0.2
    assert await explored(max_exploration=0.05) == pytest.approx(0.05)
    status, body, _ = await gateway.post("/v1/explain", {**asked, "objective": {"max_exploration": 1.5}})
    assert (status, body["error"]["param"]) == (422, "objective.max_exploration")
