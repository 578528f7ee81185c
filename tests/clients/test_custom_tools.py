"""Tools that take free text, as OpenAI's own client reads their calls, at arms that know functions only."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from tests.clients.test_agents import ARMS, _arms
from tests.clients.upstreams.looping import Looping
from tests.proxy.running import Launch

TEXT = "*** Begin Patch\n*** Add File: a\n+„é“ 😀\n*** End Patch"
PATCH: Any = {"type": "custom", "name": "apply_patch", "description": "Changes files."}
SPACE: Any = {
    "type": "namespace",
    "name": "mcp__files",
    "description": "Files.",
    "tools": [{"type": "function", "name": "remove", "parameters": {"type": "object", "properties": {}}}],
}


@pytest.mark.parametrize("arm", ARMS)
async def test_responses_streams_a_call_of_free_text(launch: Launch, arm: str) -> None:
    upstream = await Looping(lambda tools, step: ("apply_patch", {"input": TEXT})).start()
    gateway = await launch(*_arms(upstream))
    async with (
        openai.AsyncOpenAI(base_url=gateway.url + "/v1", api_key="k") as client,
        client.responses.stream(model=arm, input="Patch it.", tools=[PATCH]) as stream,
    ):
        told = ""
        async for event in stream:
            if event.type == "response.custom_tool_call_input.delta":
                told += event.delta
        response = await stream.get_final_response()
    await upstream.close()
    (call,) = [item for item in response.output if item.type == "custom_tool_call"]
    assert (call.name, call.input) == ("apply_patch", TEXT)
    assert told == (TEXT if arm != "openai_responses" else "")  # that upstream sends it whole


@pytest.mark.parametrize("arm", ARMS)
async def test_responses_gets_calls_of_a_namespace_back(launch: Launch, arm: str) -> None:
    def call(tools: list[str], step: int) -> tuple[str, dict[str, Any]]:
        return next(name for name in tools if "files" in name), {}

    upstream = await Looping(call).start()
    gateway = await launch(*_arms(upstream))
    async with openai.AsyncOpenAI(base_url=gateway.url + "/v1", api_key="k") as client:
        stream = await client.responses.create(model=arm, input="Remove it.", tools=[SPACE], stream=True)
        calls = [
            event.item
            async for event in stream
            if event.type == "response.output_item.done" and event.item.type == "function_call"
        ]
    await upstream.close()
    if arm != "openai_responses":  # there it passes
        (found,) = calls
        assert found.name == "remove"
        assert found.to_dict()["namespace"] == "mcp__files"


@pytest.mark.parametrize("arm", [arm for arm in ARMS if arm != "openai_chat"])
async def test_chat_streams_a_call_of_free_text(launch: Launch, arm: str) -> None:
    upstream = await Looping(lambda tools, step: ("apply_patch", {"input": TEXT})).start()
    gateway = await launch(*_arms(upstream))
    tool: Any = {"type": "custom", "custom": {"name": "apply_patch"}}
    async with openai.AsyncOpenAI(base_url=gateway.url + "/v1", api_key="k") as client:
        stream = await client.chat.completions.create(
            model=arm, messages=[{"role": "user", "content": "Patch it."}], tools=[tool], stream=True
        )
        deltas = [
            call.to_dict()
            async for chunk in stream
            for choice in chunk.choices
            for call in choice.delta.tool_calls or ()
        ]
    await upstream.close()
    kinds = [delta["type"] for delta in deltas if "type" in delta]
    names = [delta["custom"]["name"] for delta in deltas if "name" in delta["custom"]]  # type: ignore[index]
    assert (kinds, names) == (["custom"], ["apply_patch"])
    assert "".join(delta["custom"].get("input", "") for delta in deltas) == TEXT  # type: ignore[attr-defined]
