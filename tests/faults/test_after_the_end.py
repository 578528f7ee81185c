"""After the end of an answer nothing can spoil it: what the provider's connection does then is no failure."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from adapters.dialects.bedrock.frames import frame
from tests.faults.streams import (
    DIALECTS,
    ENDPOINTS,
    IN_PATH,
    WITHOUT_END_MARK,
    events,
    question,
    stream,
    whole,
)
from tests.proxy.provider import Exchange, Provider
from tests.proxy.running import Launch, Running

MARKS = {
    "openai_chat": "data: [DONE]",
    "openai_completions": "data: [DONE]",
    "openai_responses": '"status":"completed"',
    "anthropic_messages": 'data: {"type":"message_stop"}',
}


class Ending:
    """What a provider does with its connection after its answer."""

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect
        self.answered = asyncio.Event()  # the client has its answer

    async def reset(self, exchange: Exchange) -> None:
        exchange.cut()

    async def stall(self, exchange: Exchange) -> None:
        await self.answered.wait()

    async def comment(self, exchange: Exchange) -> None:
        await exchange.send(b": bye\n\n")
        await self.answered.wait()

    async def words(self, exchange: Exchange) -> None:
        if self.dialect == "bedrock":
            await exchange.send(
                frame("contentBlockDelta", b'{"contentBlockIndex":0,"delta":{"text":"MORE"}}')
            )
        else:
            await exchange.send(stream(self.dialect, events("MORE"), ended=False))
        await self.answered.wait()

    async def error(self, exchange: Exchange) -> None:
        if self.dialect == "bedrock":
            await exchange.send(frame("throttlingException", b'{"message":"MORE"}', kind="exception"))
        else:
            await exchange.send(b'event: error\ndata: {"type":"error","error":{"message":"MORE"}}\n\n')
        exchange.cut()

    async def rubbish(self, exchange: Exchange) -> None:
        exchange.writer.write(b"MORE\r\n\x00\xff\r\n")
        await self.answered.wait()

    async def flood(self, exchange: Exchange) -> None:
        for _ in range(200):
            await exchange.send(b": MORE\n" * 100)
        await self.answered.wait()


ENDS = ["reset", "stall", "comment", "words", "error", "rubbish", "flood"]


async def asked(gateway: Running, client: str, ending: Ending | None = None, **more: Any) -> str:
    async with asyncio.timeout(30):
        async with gateway.session.post(
            gateway.url + ENDPOINTS[client], json=question(client, **more)
        ) as answer:
            text = (await answer.read()).decode()
        if ending is not None:
            ending.answered.set()
        assert answer.status == 200, text
        return text


async def done_well(gateway: Running) -> None:
    [decision] = await gateway.decisions()
    assert (decision.status, decision.error, decision.finish) == ("ok", None, "stop")
    assert (decision.input_tokens, decision.output_tokens, decision.usage_estimated) == (7, 3, False)
    assert gateway.gateway.cooldowns.state(0, gateway.gateway.loop.time()) is None


def scripted(provider: Provider, dialect: str, script: Any) -> dict[str, Any]:
    """Returns the arm that answers with `script`."""
    provider.scripts["" if dialect in IN_PATH else "a"] = script
    return provider.arm("a", dialect=dialect)


@pytest.mark.parametrize("in_one_read", [True, False], ids=["one-read", "reads"])
@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("client", ENDPOINTS)
@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name not in WITHOUT_END_MARK])
async def test_an_answer_with_its_end_mark_is_whole_and_ends_at_once(
    launch: Launch, provider: Provider, dialect: str, client: str, end: str, in_one_read: bool
) -> None:
    ending = Ending(dialect)

    async def script(exchange: Exchange) -> None:
        await exchange.begin_stream()
        data = stream(dialect, events("Jupi", "ter."))
        if in_one_read:
            await exchange.send(data)
        else:
            blank = data.index(b"\n\n") + 2 if dialect != "bedrock" else len(data) // 2
            await exchange.send(data[:blank])
            await exchange.send(data[blank:])
        await getattr(ending, end)(exchange)

    gateway = await launch(scripted(provider, dialect, script))
    text = await asked(gateway, client, ending)
    assert MARKS[client] in text
    assert "error" not in text.replace('"error":null', "")
    assert "MORE" not in text
    await done_well(gateway)


@pytest.mark.parametrize("end", ["reset", "rubbish"])
@pytest.mark.parametrize("client", ENDPOINTS)
@pytest.mark.parametrize("dialect", ["gemini", "openai_chat", "openai_completions", "anthropic_messages"])
async def test_an_answer_that_told_how_it_ended_is_whole_without_its_end_mark(
    launch: Launch, provider: Provider, dialect: str, client: str, end: str
) -> None:
    ending = Ending(dialect)
    data = stream(dialect, events("Jupi", "ter."))
    for mark in (b"data: [DONE]\n\n", b'event: message_stop\ndata: {"type":"message_stop"}\n\n'):
        data = data.removesuffix(mark)

    async def script(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.send(data)
        await getattr(ending, end)(exchange)

    gateway = await launch(scripted(provider, dialect, script))
    text = await asked(gateway, client, ending)
    assert MARKS[client] in text
    assert "MORE" not in text
    await done_well(gateway)


@pytest.mark.parametrize("client", ENDPOINTS)
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_before_its_end_an_answer_that_breaks_off_is_told_and_booked(
    launch: Launch, provider: Provider, dialect: str, client: str
) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.send(stream(dialect, events("Jupi", finish=False, usage=None), ended=False))
        exchange.cut()

    gateway = await launch(scripted(provider, dialect, script))
    text = await asked(gateway, client)
    assert "error" in text
    assert MARKS[client] not in text
    [decision] = await gateway.decisions()
    assert decision.status == "upstream"


async def test_of_several_choices_each_must_have_ended(launch: Launch, provider: Provider) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.begin_stream()
        for number, reason in ((0, None), (1, None), (0, "stop")):
            choice = {"index": number, "delta": {"content": "x"}, "finish_reason": reason}
            await exchange.event({"id": "i", "model": "m", "choices": [choice]})
        exchange.cut()

    gateway = await launch(scripted(provider, "openai_chat", script))
    assert "error" in await asked(gateway, "openai_chat", n=2)


@pytest.mark.parametrize("client", ENDPOINTS)
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_whole_answer_is_whole_whatever_follows_its_last_byte(
    launch: Launch, provider: Provider, dialect: str, client: str
) -> None:
    body = whole(dialect, events("Jupiter."))

    async def script(exchange: Exchange) -> None:
        if len(provider.seen) == 1:
            await exchange.answer(body)
            exchange.writer.write(b"MORE\r\n\r\n")
        else:  # it is all there, but for the end of its message
            exchange.writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            await exchange.send(body)
        exchange.cut()

    gateway = await launch(scripted(provider, dialect, script))
    for _ in range(2):
        assert "Jupiter." in await asked(gateway, client, stream=False)
    for decision in await gateway.decisions():
        assert (decision.status, decision.output_tokens) == ("ok", 3)


async def test_a_connection_serves_again_after_a_clean_end_only(launch: Launch, provider: Provider) -> None:
    connections: list[object] = []
    ending = Ending("openai_chat")

    async def script(exchange: Exchange) -> None:
        connections.append(exchange.writer)
        await exchange.begin_stream()
        await exchange.send(stream("openai_chat", events("Jupiter.")))
        if len(connections) < 3:
            exchange.writer.write(b"0\r\n\r\n")
        else:
            await ending.rubbish(exchange)

    gateway = await launch(scripted(provider, "openai_chat", script))
    for _ in range(4):
        await asked(gateway, "openai_chat", ending)
    assert connections[0] is connections[1] is connections[2]
    assert connections[3] is not connections[2]
