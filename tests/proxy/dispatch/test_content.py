"""What counts as content of an answer that is translated: it goes on at once, binds the answer to its arm, and is counted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from adapters.billing.estimates import bytes_per_token
from adapters.canonical import (
    Event,
    Finish,
    ReasoningDelta,
    RefusalDelta,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageReport,
)
from adapters.dialects import by_name
from tests.faults.streams import ENDPOINTS, IN_PATH, REQUEST, question
from tests.proxy.provider import Exchange, Provider, polite
from tests.proxy.running import Launch, Running

ARMS = ("openai_chat", "openai_responses", "anthropic_messages", "cohere", "bedrock")
"""Dialects that stream a tool call piece by piece."""

CLIENTS = ("openai_chat", "openai_responses", "anthropic_messages")

PAIRS = [(client, arm) for client in CLIENTS for arm in ARMS if client != arm]

CALL = [
    ToolCallStart(0, "call_1", "look_around"),
    ToolCallDelta(0, '{"place":"on the hill behind the river",'),
]
REST = [ToolCallDelta(0, '"in":"Rome"}'), Finish("tool_calls")]


def estimated(size: int) -> int:
    """The tokens of an answer of so many bytes."""
    return round(size / bytes_per_token("a"))


class Halting:
    """A provider that says the first part of an answer, and the second when the client has read of the first."""

    def __init__(self, dialect: str, first: Sequence[Event], second: Sequence[Event] | None) -> None:
        encoder = by_name(dialect).stream_encoder(REQUEST, lambda _: None)
        self.first = encoder.feed([Start("answer-1", "m"), *first])
        self.second = None if second is None else encoder.feed(second) + encoder.close()
        self.read = asyncio.Event()
        self.stays = False

    async def __call__(self, exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.send(self.first)
        await self.read.wait()
        if self.second is None:
            exchange.cut()
            return
        await exchange.send(self.second)
        if self.stays:
            await exchange.left()
        exchange.writer.write(b"0\r\n\r\n")
        await exchange.writer.drain()


async def begun(provider: Provider, launch: Launch, dialect: str, script: Halting) -> Running:
    """A gateway that asks the halting arm first, and could ask another."""
    provider.scripts["" if dialect in IN_PATH else "a"] = script
    gateway = await launch(provider.arm("a", dialect=dialect), provider.arm("good"))
    gateway.gateway.random = lambda: 0.0
    return gateway


async def answer(gateway: Running, client: str, script: Halting) -> tuple[str, str]:
    """Returns what the client got before the provider went on, and after it."""
    async with (
        asyncio.timeout(30),
        gateway.session.post(gateway.url + ENDPOINTS[client], json=question(client)) as response,
    ):
        first = await response.content.readany()
        script.read.set()
        return first.decode(), (await response.read()).decode()


@pytest.mark.parametrize(("client", "dialect"), PAIRS)
async def test_a_tool_call_reaches_the_client_as_it_is_called(
    provider: Provider, launch: Launch, client: str, dialect: str
) -> None:
    script = Halting(dialect, CALL, [*REST, UsageReport(Usage(input=7, output=3))])
    gateway = await begun(provider, launch, dialect, script)
    first, rest = await answer(gateway, client, script)
    assert "look" in first
    assert "Rome" not in first
    assert "Rome" in rest
    [record] = await gateway.decisions()
    assert (record.status, record.finish) == ("ok", "tool_calls")
    assert 0.0 < record.ttft_s < record.finished_at - record.at


@pytest.mark.parametrize(("client", "dialect"), PAIRS)
async def test_an_answer_that_fails_behind_a_tool_call_is_not_begun_anew_by_another_arm(
    provider: Provider, launch: Launch, client: str, dialect: str
) -> None:
    script = Halting(dialect, CALL, None)
    gateway = await begun(provider, launch, dialect, script)
    _, rest = await answer(gateway, client, script)
    assert "error" in rest
    assert len(provider.seen) == 1
    [record] = await gateway.decisions()
    assert (record.status, record.attempts) == ("upstream", [])
    assert record.usage_estimated
    assert record.output_tokens == estimated(11 + 41)


@pytest.mark.parametrize(("client", "dialect"), PAIRS)
async def test_a_translated_answer_ends_with_its_end_mark_though_the_message_goes_on(
    provider: Provider, launch: Launch, monkeypatch: pytest.MonkeyPatch, client: str, dialect: str
) -> None:
    monkeypatch.setattr("proxy.dispatch.relay._END_OF_ANSWER_S", 3600.0)
    script = Halting(dialect, [TextDelta("Hi")], [Finish("stop"), UsageReport(Usage(input=7, output=3))])
    script.stays = True
    gateway = await begun(provider, launch, dialect, script)
    await answer(gateway, client, script)
    [record] = await gateway.decisions()
    assert (record.status, record.output_tokens) == ("ok", 3)


@pytest.mark.parametrize(
    ("said", "size"),
    [
        ([TextDelta("Grüß Gott, sehr geehrte Damen und Herren.")], 43),
        ([ReasoningDelta("Well then, let me see what there is. ")], 37),
        ([RefusalDelta("I'd rather not talk about this any more.")], 40),
        (CALL, 11 + 41),
    ],
    ids=["text", "thoughts", "refusal", "tool"],
)
async def test_what_nobody_counted_is_estimated_by_all_that_was_said(
    provider: Provider, launch: Launch, said: list[Event], size: int
) -> None:
    script = Halting("openai_chat", said, [TextDelta("12345678"), Finish("stop")])
    gateway = await begun(provider, launch, "openai_chat", script)
    await answer(gateway, "anthropic_messages", script)
    [record] = await gateway.decisions()
    assert record.usage_estimated
    assert record.output_tokens == estimated(size + 8)
    assert record.cost_usd == pytest.approx((record.input_tokens + 2 * record.output_tokens) / 1e6)


@pytest.mark.parametrize("dialect", ["anthropic_messages", "cohere", "bedrock"])
async def test_a_translated_answer_keeps_its_id_and_gets_one_where_it_has_none(
    provider: Provider, launch: Launch, dialect: str
) -> None:
    script = Halting(dialect, [TextDelta("Hi")], [Finish("stop")])
    gateway = await begun(provider, launch, dialect, script)
    first, _ = await answer(gateway, "openai_chat", script)
    [record] = await gateway.decisions()
    assert f'"id":"{record.id}"' in first.replace(" ", "")
    assert record.id == "answer-1" if b"answer-1" in script.first else record.id.startswith("gen-")


async def test_a_role_alone_is_no_content(provider: Provider, launch: Launch) -> None:
    provider.scripts["good"] = polite
    script = Halting("openai_chat", [], None)
    gateway = await begun(provider, launch, "openai_chat", script)
    script.read.set()
    await answer(gateway, "anthropic_messages", script)
    [record] = await gateway.decisions()
    assert (record.arm, [attempt["arm"] for attempt in record.attempts]) == ("p/good", ["p/a"])
