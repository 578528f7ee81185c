"""A conversation's next turn: which arm must go on with it, and what the arm that has it cached would cost."""

from __future__ import annotations

from typing import Any

import pytest

from tests.proxy.provider import Exchange, Provider, completion
from tests.proxy.running import Launch, Running

LAST = 1.0 - 2.0**-40
"""Draws the last arm of a vector."""

TOOL = {"name": "look", "description": "", "parameters": {"type": "object", "properties": {}}}

QUESTIONS: dict[str, dict[str, Any]] = {
    "chat/completions": {
        "messages": [{"role": "user", "content": "Look."}],
        "tools": [{"type": "function", "function": TOOL}],
    },
    "messages": {
        "messages": [{"role": "user", "content": "Look."}],
        "max_tokens": 50,
        "tools": [{"name": "look", "input_schema": TOOL["parameters"]}],
    },
    "responses": {
        "input": [{"role": "user", "content": "Look."}],
        "tools": [{"type": "function", **TOOL}],
    },
}
RESULTS: dict[str, list[dict[str, Any]]] = {
    "chat/completions": [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "a house"},
    ],
    "messages": [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "call_1", "name": "look", "input": {}}]},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": "a house"}],
        },
    ],
    "responses": [
        {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "a house"},
    ],
}


async def answers(exchange: Exchange) -> None:
    await exchange.answer(completion())


def with_result(path: str) -> dict[str, Any]:
    """The question with a tool's result behind it."""
    question = QUESTIONS[path]
    field = "input" if path == "responses" else "messages"
    return {**question, field: [*question[field], *RESULTS[path]]}


async def served(gateway: Running, path: str, body: dict[str, Any], draw: float, **more: Any) -> str:
    """Returns the arm that answered, with `draw` as the random number."""
    gateway.gateway.random = lambda: draw
    status, answer, headers = await gateway.post(f"/v1/{path}", {"model": "auto", **body}, **more)
    assert status == 200, answer
    return str(headers["X-Meritorder-Arm"])


@pytest.mark.parametrize("path", QUESTIONS)
async def test_the_arm_that_called_a_tool_gets_the_result_whatever_is_drawn(
    provider: Provider, launch: Launch, path: str
) -> None:
    provider.scripts |= {"one": answers, "two": answers}
    gateway = await launch(provider.arm("one"), provider.arm("two"))
    question = {**QUESTIONS[path], "session_id": "s"}
    result = {**with_result(path), "session_id": "s"}
    for draw, other, arm in ((LAST, 0.0, "p/two"), (0.0, LAST, "p/one")):
        assert await served(gateway, path, question, draw) == arm  # a new question is drawn for anew
        for _ in range(2):
            assert await served(gateway, path, result, other) == arm
    last = (await gateway.decisions())[-1]
    assert (list(last.arms), last.propensity) == (["p/one"], 1.0)


async def test_a_result_goes_elsewhere_without_a_session_or_its_arm(
    provider: Provider, launch: Launch
) -> None:
    provider.scripts |= {"one": answers, "two": answers}
    gateway = await launch(provider.arm("one"), provider.arm("two"))
    path = "chat/completions"
    assert await served(gateway, path, {**QUESTIONS[path], "session_id": "s"}, LAST) == "p/two"
    result = with_result(path)
    assert await served(gateway, path, result, 0.0) == "p/one"
    assert await served(gateway, path, {**result, "session_id": "another"}, 0.0) == "p/one"
    elsewhere = {**result, "session_id": "s", "provider": {"only": ["p/one"]}}
    assert await served(gateway, path, elsewhere, LAST) == "p/one"


async def test_a_failed_answer_does_not_bind_the_conversation_to_its_arm(
    provider: Provider, launch: Launch
) -> None:
    async def busy(exchange: Exchange) -> None:
        await exchange.answer({"error": {"message": "no"}}, 429, "Retry-After: 0\r\n")

    provider.scripts |= {"busy": busy, "one": answers}
    gateway = await launch(provider.arm("busy"), provider.arm("one"))
    path = "chat/completions"
    assert await served(gateway, path, {**QUESTIONS[path], "session_id": "s"}, 0.0) == "p/one"
    assert await served(gateway, path, {**with_result(path), "session_id": "s"}, 0.0) == "p/one"
    assert [exchange.json["model"] for exchange in provider.seen] == ["busy", "one", "one"]
    only = {**QUESTIONS[path], "session_id": "failed", "model": "p/busy"}
    assert (await gateway.post(f"/v1/{path}", only))[0] == 429
    assert await served(gateway, path, {**with_result(path), "session_id": "failed"}, LAST) == "p/one"
    assert [exchange.json["model"] for exchange in provider.seen][3:] == ["busy", "one"]


async def test_a_conversation_of_another_key_is_another_conversation(
    provider: Provider, launch: Launch
) -> None:
    provider.scripts |= {"one": answers, "two": answers}
    keys = [
        {"key": "key-of-ann", "name": "ann", "team": "a"},
        {"key": "key-of-abe", "name": "abe", "team": "a"},
        {"key": "key-of-bob", "name": "bob", "team": "b"},
    ]
    gateway = await launch(provider.arm("one"), provider.arm("two"), server={"api_keys": keys})
    path = "chat/completions"
    question, result = {**QUESTIONS[path], "session_id": "s"}, {**with_result(path), "session_id": "s"}
    ann, abe, bob = ({"headers": {"Authorization": f"Bearer {entry['key']}"}} for entry in keys)
    assert await served(gateway, path, question, LAST, **ann) == "p/two"
    assert await served(gateway, path, result, 0.0, **bob) == "p/one"
    assert await served(gateway, path, result, 0.0, **ann) == "p/two"
    assert await served(gateway, path, result, 0.0, **abe) == "p/two"


# -- what is cached ----------------------------------------------------------------------------------


def using(prompt: int, completion_tokens: int = 5) -> Any:
    async def script(exchange: Exchange) -> None:
        total = prompt + completion_tokens
        usage = {
            "prompt_tokens": prompt,
            "completion_tokens": completion_tokens,
            "total_tokens": total,
        }
        await exchange.answer({**completion(), "usage": usage})

    return script


PRICES = {"input_usd_per_mtok": 8.0, "cached_input_usd_per_mtok": 2.0, "output_usd_per_mtok": 0.0}


async def costs(gateway: Running, text: str, **more: Any) -> tuple[int, dict[str, float]]:
    """Returns a prompt's estimated tokens, and its expected cost by arm."""
    asked = {"model": "auto", "messages": [{"role": "user", "content": text}], **more}
    status, body, _ = await gateway.post("/v1/explain", asked)
    assert status == 200, body
    return body["input_tokens"], {row["arm"]: row["cost_usd"] for row in body["candidates"]}


@pytest.mark.parametrize("cached", [1024, 50_000])
async def test_of_a_prompt_no_more_is_cached_than_the_conversation_had_and_the_prompt_has(
    provider: Provider, launch: Launch, cached: int
) -> None:
    provider.scripts |= {"one": using(cached - 5), "two": using(cached - 5)}
    gateway = await launch(provider.arm("one", **PRICES), provider.arm("two", **PRICES))
    text = "A word or two, again and again. " * 400
    tokens, plain = await costs(gateway, text)
    assert tokens > 1024
    for arm in plain.values():
        assert arm == pytest.approx(tokens * 8e-6, rel=1e-6)
    assert await served(gateway, "chat/completions", {**QUESTIONS["chat/completions"]}, 0.0) == "p/one"
    assert (await costs(gateway, text, session_id="s"))[1] == plain  # that was no session's
    named = {**QUESTIONS["chat/completions"], "session_id": "s"}
    assert await served(gateway, "chat/completions", named, LAST) == "p/two"
    _, warm = await costs(gateway, text, session_id="s")
    share = min(cached, tokens)
    assert warm["p/one"] == plain["p/one"]
    assert warm["p/two"] == pytest.approx((tokens - share) * 8e-6 + share * 2e-6, rel=1e-6)
    assert (await costs(gateway, text, session_id="another"))[1] == plain
    # The same arm again, from whatever place it has among the candidates.
    alone = {"provider": {"only": ["p/two"]}, "session_id": "s"}
    assert (await costs(gateway, text, **alone))[1]["p/two"] == warm["p/two"]


async def test_a_short_conversation_is_not_cached(provider: Provider, launch: Launch) -> None:
    provider.scripts["one"] = using(1018)
    gateway = await launch(provider.arm("one", **PRICES))
    named = {**QUESTIONS["chat/completions"], "session_id": "s"}
    assert await served(gateway, "chat/completions", named, 0.0) == "p/one"
    tokens, cost = await costs(gateway, "Go on. " * 400, session_id="s")
    assert cost["p/one"] == pytest.approx(tokens * 8e-6, rel=1e-6)
