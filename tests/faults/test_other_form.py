"""A whole answer in place of a stream, and a stream in place of a whole answer, are answers: between all dialects."""

from __future__ import annotations

import pytest

from tests.faults.streams import DIALECTS, ENDPOINTS, IN_PATH, events, question, stream, whole
from tests.proxy.provider import Exchange, Provider
from tests.proxy.running import Launch

SAID = "High tide."
SERVERS = [dialect for dialect in DIALECTS if dialect != "bedrock"]


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("client", ENDPOINTS)
@pytest.mark.parametrize("streamed", [True, False])
async def test_the_other_form_is_an_answer(
    provider: Provider, launch: Launch, server: str, client: str, streamed: bool
) -> None:
    async def script(exchange: Exchange) -> None:
        if streamed:
            await exchange.answer(whole(server, events(SAID)))
            return
        await exchange.begin_stream()
        await exchange.send(stream(server, events(SAID)))
        exchange.writer.write(b"0\r\n\r\n")

    provider.scripts["" if server in IN_PATH else "a"] = script
    gateway = await launch(provider.arm("a", dialect=server))
    async with gateway.session.post(
        gateway.url + ENDPOINTS[client], json=question(client, stream=streamed)
    ) as answer:
        body = (await answer.read()).decode()
    assert answer.status == 200, body
    assert ("text/event-stream" in answer.headers["Content-Type"]) is streamed
    assert SAID in body
    [decision] = await gateway.decisions()
    assert (decision.status, decision.attempts) == ("ok", [])
    assert decision.output_tokens
