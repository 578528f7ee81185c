"""aimock, through the gateway: chat, Responses, Messages, Gemini, Cohere, Bedrock, embeddings; and its chaos.

`npm ci --prefix tests/clients/node` installs it; without it, or without node, these tests are skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from tests.clients.drivers import DRIVERS
from tests.clients.mocks import AIMOCK, HERE, node, serving
from tests.proxy.running import Launch

NODE = node()

pytestmark = pytest.mark.skipif(
    NODE is None or not AIMOCK.exists(), reason="needs node and `npm ci --prefix tests/clients/node`"
)

TEXT = "Bonjour, monde. This answer is longer than one chunk."
PROVIDERS = {
    "openai_chat": ("openai", "/v1", "gpt-4o-mini"),
    "openai_responses": ("openai", "/v1", "gpt-4o-mini"),
    "anthropic_messages": ("anthropic", "", "claude-sonnet-4-6"),
    "gemini": ("google", "/v1beta", "gemini-2.5-flash"),
    "cohere": ("cohere", "", "command-a-03-2025"),
    "bedrock": ("bedrock", "", "anthropic.claude-3-5-sonnet-20241022-v2:0"),
}
CHAOS = ("drop", "malformed", "disconnect", "ratelimit")

clients = pytest.mark.parametrize("client", DRIVERS)
dialects = pytest.mark.parametrize("dialect", PROVIDERS)
modes = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def command(*options: str) -> tuple[str, ...]:
    return (
        str(NODE),
        str(AIMOCK),
        "-f",
        str(HERE / "fixtures.json"),
        "--log-level",
        "silent",
        *options,
        "-p",
    )


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving(*command()) as url:
        yield url


@pytest.fixture(scope="module", params=CHAOS)
def chaos(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    with serving(*command(f"--chaos-{request.param}", "1")) as url:
        yield request.param, url


def arm(server: str, dialect: str, **more: Any) -> dict[str, Any]:
    provider, path, model = PROVIDERS[dialect]
    return {
        "name": f"m/{dialect}",
        "provider": provider,
        "dialect": dialect,
        "model": model,
        "base_url": server + path,
        "api_key": "anything",
        "capabilities": ["tools", "images", "json_schema", "reasoning"],
        "input_usd_per_mtok": 1.0,
        "output_usd_per_mtok": 2.0,
        **more,
    }


@clients
@dialects
@modes
async def test_text_arrives(server: str, launch: Launch, client: str, dialect: str, stream: bool) -> None:
    gateway = await launch(arm(server, dialect))
    answer = await DRIVERS[client].ask(gateway.url, "auto", stream=stream)
    assert (answer.text, answer.finish) == (TEXT, "stop")


@clients
@dialects
@modes
async def test_tool_calls_arrive(
    server: str, launch: Launch, client: str, dialect: str, stream: bool
) -> None:
    gateway = await launch(arm(server, dialect))
    answer = await DRIVERS[client].ask(gateway.url, "auto", stream=stream, tools=True)
    assert answer.calls == [("get_weather", {"city": "Oslo", "days": 2})]
    assert answer.finish == "tool_calls"


async def test_embeddings_arrive(server: str, launch: Launch) -> None:
    gateway = await launch(arm(server, "openai_chat", model="text-embedding-3-small"))
    async with openai.AsyncOpenAI(base_url=gateway.url + "/v1", api_key="k", max_retries=0) as client:
        answer = await client.embeddings.create(model="auto", input="a", encoding_format="float")
    assert answer.data[0].embedding == [0.5, -0.25]


@dialects
@modes
async def test_chaos_is_made_good_by_another_arm(
    chaos: tuple[str, str], server: str, launch: Launch, dialect: str, stream: bool
) -> None:
    kind, broken = chaos
    gateway = await launch(
        arm(broken, dialect, name="broken", input_usd_per_mtok=0.0, output_usd_per_mtok=0.0),
        arm(server, "openai_chat"),
    )
    answer = await DRIVERS["openai_chat"].ask(gateway.url, "auto", stream=stream)
    assert answer.text == TEXT, kind


@clients
@dialects
async def test_chaos_with_nobody_to_help_is_an_exception(
    chaos: tuple[str, str], launch: Launch, client: str, dialect: str
) -> None:
    kind, broken = chaos
    gateway = await launch(arm(broken, dialect))
    raised = DRIVERS[client].limited if kind == "ratelimit" else DRIVERS[client].broken
    with pytest.raises(raised):
        await DRIVERS[client].ask(gateway.url, "auto", stream=True)
