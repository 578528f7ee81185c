"""What agents ask for beside answers: names of models, limits, counts, and to hear what was left out."""

from __future__ import annotations

from typing import Any

from tests.proxy.conftest import launch, provider
from tests.proxy.provider import Exchange, Provider, completion
from tests.proxy.running import Launch

__all__ = ["launch", "provider"]

HELLO = {"max_tokens": 9, "messages": [{"role": "user", "content": "Hello."}]}


def _arm(server: Provider, name: str, **more: Any) -> dict[str, Any]:
    prices = {"input_usd_per_mtok": 1.0, "output_usd_per_mtok": 2.0}
    return {"name": name, "provider": "custom", "model": "good", "base_url": server.url, **prices, **more}


async def test_what_was_left_out_is_said_in_a_header_and_in_the_record(
    provider: Provider, launch: Launch
) -> None:
    gateway = await launch(_arm(provider, "a"))
    body = {
        **HELLO,
        "model": "a",
        "context_management": {"edits": []},
        "tools": [{"type": "web_search_20250305", "name": "web_search"}],
    }
    status, answer, headers = await gateway.post("/v1/messages?beta=true", body)
    assert status == 200, answer
    assert headers["X-Meritorder-Dropped"] == "context_management, web_search"
    _, record = await gateway.get(f"/v1/generation?id={headers['X-Generation-Id']}")
    assert record["data"]["dropped"] == ["context_management", "web_search"]
    status, _, headers = await gateway.post("/v1/messages", {**HELLO, "model": "a"})
    assert status == 200
    assert "X-Meritorder-Dropped" not in headers


async def test_a_stored_conversation_is_refused_with_what_to_do(provider: Provider, launch: Launch) -> None:
    gateway = await launch(_arm(provider, "a"))
    body = {"model": "a", "input": "Hello.", "previous_response_id": "resp_1"}
    status, answer, _ = await gateway.post("/v1/responses", body)
    assert status == 400
    assert "previous_response_id" in answer["error"]["message"]
    assert "send the whole conversation" in answer["error"]["message"]


async def test_a_loop_of_tools_goes_on_at_another_arm_when_its_own_fails(
    provider: Provider, launch: Launch
) -> None:
    """It stays where it began as long as that arm answers."""

    async def works_once(exchange: Exchange) -> None:
        if any(message["role"] == "tool" for message in exchange.json["messages"]):
            await exchange.answer({"error": {"message": "Out of quota."}}, 429)
        else:
            await exchange.answer(completion())

    provider.scripts["once"] = works_once
    gateway = await launch(_arm(provider, "a", model="once"), _arm(provider, "b"))
    start = {"model": "a", "session_id": "s", "messages": [{"role": "user", "content": "Hello."}]}
    assert (await gateway.post("/v1/chat/completions", start))[0] == 200
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turn = {
        "model": "auto",
        "session_id": "s",
        "messages": [
            *start["messages"],
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "Done."},
        ],
    }
    status, answer, headers = await gateway.post("/v1/chat/completions", turn)
    assert status == 200, answer
    assert headers["X-Meritorder-Arm"] == "b"
    last = (await gateway.decisions())[-1]
    assert (last.arms, last.propensity) == (("b",), 1.0)
    assert [attempt["arm"] for attempt in last.attempts] == ["a"]


async def test_a_route_may_take_names_by_a_pattern(provider: Provider, launch: Launch) -> None:
    arms = _arm(provider, "a"), _arm(provider, "b", model="claude-haiku-4-5")
    provider.scripts["claude-haiku-4-5"] = provider.scripts["good"]
    gateway = await launch(*arms, routes={"claude-*": {"arms": ["a"]}})
    for name, arm, route in (
        ("claude-opus-4-8[1m]", "a", "claude-*"),
        ("claude-haiku-4-5-20251001", "b", "claude-haiku-4-5-20251001"),  # there is such a model
    ):
        status, answer, headers = await gateway.post("/v1/messages", {**HELLO, "model": name})
        assert status == 200, answer
        assert (headers["X-Meritorder-Arm"], headers["X-Meritorder-Route"]) == (arm, route)
    status, _, _ = await gateway.post("/v1/messages", {**HELLO, "model": "gpt-5.5"})
    assert status == 404


async def test_a_name_with_a_window_asks_anthropic_for_it(provider: Provider, launch: Launch) -> None:
    gateway = await launch(_arm(provider, "a", provider="anthropic", model="claude-sonnet-4-5"))
    heads: list[bytes] = []

    async def listens(exchange: Exchange) -> None:
        heads.append(exchange.head)
        usage = {"input_tokens": 1, "output_tokens": 1}
        await exchange.answer(
            {
                "id": "m",
                "type": "message",
                "role": "assistant",
                "model": "m",
                "content": [{"type": "text", "text": "Hi"}],
                "stop_reason": "end_turn",
                "usage": usage,
            }
        )

    provider.scripts["claude-sonnet-4-5"] = listens
    body = {**HELLO, "model": "claude-sonnet-4-5[1m]"}
    for given in ({}, {"anthropic-beta": "other"}, {"anthropic-beta": "context-1m-2025-08-07"}):
        assert (await gateway.post("/v1/messages", body, headers=given))[0] == 200
    told = [line for head in heads for line in head.split(b"\r\n") if line.startswith(b"anthropic-beta")]
    long = b"context-1m-2025-08-07"
    assert told == [b"anthropic-beta: " + long, b"anthropic-beta: other," + long, b"anthropic-beta: " + long]


async def test_a_limit_that_had_to_be_named_excludes_no_arm(provider: Provider, launch: Launch) -> None:
    seen: list[dict[str, Any]] = []

    async def listens(exchange: Exchange) -> None:
        seen.append(exchange.json)
        await exchange.answer(completion())

    provider.scripts["short"] = listens
    gateway = await launch(_arm(provider, "a", model="short", max_output_tokens=5_000))
    body = {**HELLO, "max_tokens": 64_000, "model": "auto"}
    status, answer, headers = await gateway.post("/v1/messages", body)
    assert status == 200, answer
    assert seen[0]["max_tokens"] == 5_000
    assert headers["X-Meritorder-Dropped"] == "max_tokens"
    chat = {"model": "auto", "messages": HELLO["messages"], "max_tokens": 64_000}
    assert (await gateway.post("/v1/chat/completions", chat))[0] == 400


async def test_documents_and_tools_count(provider: Provider, launch: Launch) -> None:
    gateway = await launch(_arm(provider, "a"))

    async def count(**more: Any) -> int:
        status, answer, _ = await gateway.post("/v1/messages/count_tokens", {"model": "a", **HELLO, **more})
        assert status == 200
        return int(answer["input_tokens"])

    def asked(block: dict[str, Any]) -> dict[str, Any]:
        return {"messages": [{"role": "user", "content": [block]}]}

    plain = await count()
    tool = {"name": "f", "description": "word " * 400, "input_schema": {"type": "object"}}
    assert await count(tools=[tool]) > plain + 450
    text = {"type": "text", "media_type": "text/plain", "data": "word " * 400}
    assert await count(**asked({"type": "document", "source": text})) > plain + 450
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "AAAA" * 20_000}
    assert await count(**asked({"type": "document", "source": pdf})) > plain + 3_000
    image = {"type": "base64", "media_type": "image/png", "data": "AAAA"}
    assert await count(**asked({"type": "image", "source": image})) > plain + 500


async def test_models_are_listed_as_both_vendors_do(provider: Provider, launch: Launch) -> None:
    gateway = await launch(_arm(provider, "a"))
    status, listed = await gateway.get("/v1/models")
    assert status == 200
    assert (listed["object"], listed["has_more"], listed["first_id"], listed["last_id"]) == (
        "list",
        False,
        "auto",
        "a",
    )
    assert {"id", "object", "created", "owned_by", "type", "display_name", "created_at"} <= listed["data"][
        0
    ].keys()


async def test_a_document_that_an_arm_cannot_take_goes_to_one_that_can(
    provider: Provider, launch: Launch
) -> None:
    """In the arm's own dialect, too; and a document without a name gets one where the vendor wants it."""
    seen: list[dict[str, Any]] = []

    async def listens(exchange: Exchange) -> None:
        seen.append(exchange.json)
        await exchange.answer(completion())

    provider.scripts["reads"] = listens
    gateway = await launch(
        _arm(provider, "deepseek", provider="deepseek"),
        _arm(provider, "openai", provider="openai", model="reads"),
    )
    file = {"file_data": "data:application/pdf;base64,JVBERi0xLjQ="}
    content = [{"type": "text", "text": "Read it."}, {"type": "file", "file": file}]
    for _ in range(4):
        body = {"model": "auto", "messages": [{"role": "user", "content": content}]}
        status, answer, headers = await gateway.post("/v1/chat/completions", body)
        assert status == 200, answer
        assert headers["X-Meritorder-Arm"] == "openai"
    assert seen[-1]["messages"][0]["content"][1]["file"] == {**file, "filename": "document.pdf"}
    named = [content[0], {"type": "file", "file": {**file, "filename": "tides.pdf"}}]
    body = {"model": "openai", "messages": [{"role": "user", "content": named}], "unknown": 1}
    assert (await gateway.post("/v1/chat/completions", body))[0] == 200
    assert seen[-1]["unknown"] == 1  # it passed as it came
    status, answer, _ = await gateway.post(
        "/v1/chat/completions", {"model": "deepseek", "messages": [{"role": "user", "content": content}]}
    )
    assert status == 400
    assert "application/pdf" in answer["error"]["message"]


async def test_how_hard_and_how_fast_an_agent_wants_it_refuses_no_arm(
    provider: Provider, launch: Launch
) -> None:
    """It says so with every request, whatever the model is."""
    gateway = await launch(
        _arm(provider, "mistral", provider="mistral"),
        _arm(provider, "plain", capabilities=["tools"]),
        _arm(provider, "groq", provider="groq", capabilities=["tools"]),
    )
    adaptive = {**HELLO, "thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}
    reasoning = {"input": "Hello.", "reasoning": {"effort": "high"}, "service_tier": "priority"}
    for arm in ("mistral", "plain", "groq"):
        status, answer, headers = await gateway.post("/v1/messages", {**adaptive, "model": arm})
        assert status == 200, answer
        assert headers["X-Meritorder-Dropped"] == "thinking"
        status, answer, headers = await gateway.post("/v1/responses", {**reasoning, "model": arm})
        assert status == 200, answer
        assert headers["X-Meritorder-Dropped"] == "thinking, service_tier"
    chat = {"model": "mistral", "messages": HELLO["messages"], "reasoning_effort": "high"}
    assert (await gateway.post("/v1/chat/completions", chat))[0] == 400
