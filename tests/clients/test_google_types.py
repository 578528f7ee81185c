"""Bodies for Gemini, read by the types of Google's own client."""

from __future__ import annotations

import pytest
from google.genai import types

from tests.clients.drivers import DRIVERS, IMAGE
from tests.clients.upstreams.replay import Replay
from tests.proxy.running import Launch


@pytest.mark.parametrize("client", DRIVERS)
async def test_googles_types_take_what_gemini_is_sent(replay: Replay, launch: Launch, client: str) -> None:
    gateway = await launch(replay.arm("gemini", "text"))
    await DRIVERS[client].ask(
        gateway.url, "auto", stream=False, tools=True, image=True, schema=True, think=True
    )
    body = replay.seen[0].json
    [content] = [types.Content.model_validate(item) for item in body["contents"]]
    assert content.role == "user"
    [blob] = [part.inline_data for part in content.parts or () if part.inline_data]
    assert (blob.mime_type, blob.data is not None) == ("image/png", True)
    assert IMAGE in replay.seen[0].raw.decode()
    system = types.Content.model_validate(body["systemInstruction"])
    assert [part.text for part in system.parts or ()] == ["Be brief."]
    [tool] = [types.Tool.model_validate(item) for item in body["tools"]]
    [function] = tool.function_declarations or ()
    assert function.name == "get_weather"
    config = types.GenerationConfig.model_validate(body["generationConfig"])
    assert config.response_mime_type == "application/json"
    assert config.thinking_config is not None
