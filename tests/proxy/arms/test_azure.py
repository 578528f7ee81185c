"""Azure OpenAI: its header, its two kinds of URL, its filter's chunks and its refusals."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.proxy.provider import Exchange, Provider, chunk, completion, usage_chunk
from tests.proxy.running import Launch

SAFE = {"hate": {"filtered": False, "severity": "safe"}, "violence": {"filtered": False, "severity": "safe"}}
PROMPT = {"prompt_index": 0, "content_filter_results": SAFE}
# What Azure sends before the answer, and, with its asynchronous filter, behind pieces of it.
FILTER_FIRST = {
    "choices": [],
    "created": 0,
    "id": "",
    "model": "",
    "object": "",
    "prompt_filter_results": [PROMPT],
}
FILTER_LATER = {
    "id": "",
    "object": "",
    "created": 0,
    "model": "",
    "choices": [
        {
            "index": 0,
            "finish_reason": None,
            "content_filter_results": SAFE,
            "content_filter_offsets": {"check_offset": 0, "start_offset": 0, "end_offset": 5},
        }
    ],
}
REFUSED = {
    "error": {
        "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": SAFE},
    }
}


async def deployed(exchange: Exchange) -> None:
    if not exchange.json.get("stream"):
        await exchange.answer({**completion(), "prompt_filter_results": [PROMPT]})
        return
    await exchange.begin_stream()
    await exchange.event(FILTER_FIRST)
    await exchange.event(chunk(role="assistant", content=""))
    await exchange.event(chunk("Hel"))
    await exchange.event(FILTER_LATER)
    await exchange.event(chunk("lo."))
    await exchange.event(chunk(finish="stop"))
    await exchange.event(usage_chunk())
    await exchange.end_stream()


async def refused(exchange: Exchange) -> None:
    await exchange.answer(REFUSED, 400)


def arm(provider: Provider, path: str = "openai/v1", model: str = "deployment-1") -> dict[str, Any]:
    provider.scripts.setdefault(model, deployed)
    url = provider.url.removesuffix("v1") + path
    return {
        "name": f"azure/{model}",
        "provider": "azure",
        "model": model,
        "base_url": url,
        "api_key": "az-key",
    }


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("openai/v1", b"POST /openai/v1/chat/completions HTTP/1.1"),
        (
            "openai/deployments/deployment-1?api-version=2024-10-21",
            b"POST /openai/deployments/deployment-1/chat/completions?api-version=2024-10-21 HTTP/1.1",
        ),
    ],
)
async def test_a_deployment_is_called_by_its_path_with_its_own_header(
    provider: Provider, launch: Launch, path: str, target: bytes, stream: bool
) -> None:
    gateway = await launch(arm(provider, path))
    if stream:
        status, raw = await gateway.stream()
        assert (status, b"Hel" in raw, raw.endswith(b"data: [DONE]\n\n")) == (200, True, True)
    else:
        status, body, _ = await gateway.chat()
        assert (status, body["choices"][0]["message"]["content"]) == (200, "Hello.")
    [exchange] = provider.seen
    lines = exchange.head.split(b"\r\n")
    assert lines[0] == target
    assert b"api-key: az-key" in lines
    assert not any(line.lower().startswith(b"authorization") for line in lines)
    [decision] = await gateway.decisions()
    assert (decision.input_tokens, decision.output_tokens, decision.finish) == (10, 5, "stop")
    assert not decision.usage_estimated


async def test_the_filters_chunks_are_no_content_and_reach_a_client_of_the_same_dialect(
    provider: Provider, launch: Launch
) -> None:
    gateway = await launch(arm(provider))
    _, raw = await gateway.stream()
    events = [orjson.loads(line[6:]) for line in raw.split(b"\n\n") if line.startswith(b"data: {")]
    assert events[0]["prompt_filter_results"] == [PROMPT]
    said = [
        choice["delta"].get("content") or "" for e in events for choice in e["choices"] if "delta" in choice
    ]
    assert "".join(said) == "Hello."
    [decision] = await gateway.decisions()
    assert decision.id == "chatcmpl-1"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_of_another_dialect_reads_only_the_answer(
    provider: Provider, launch: Launch, stream: bool
) -> None:
    gateway = await launch(arm(provider))
    asked = {
        "model": "auto",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": stream,
    }
    async with gateway.session.post(gateway.url + "/v1/messages", json=asked) as answer:
        raw = await answer.read()
    assert answer.status == 200
    if not stream:
        assert orjson.loads(raw)["content"] == [{"type": "text", "text": "Hello."}]
        return
    events = [orjson.loads(line[6:]) for line in raw.split(b"\n") if line.startswith(b"data: ")]
    said = [event["delta"]["text"] for event in events if event["type"] == "content_block_delta"]
    assert "".join(said) == "Hello."
    assert events[-1]["type"] == "message_stop"


async def test_a_prompt_that_the_filter_refuses_is_told_as_that(provider: Provider, launch: Launch) -> None:
    provider.scripts["strict"] = refused
    gateway = await launch(arm(provider, model="strict"))
    status, body, _ = await gateway.chat()
    assert status == 400
    assert "content management policy" in body["error"]["message"]
    [decision] = await gateway.decisions()
    assert decision.status == "content_filter"
    assert gateway.gateway.cooldowns.all_well
