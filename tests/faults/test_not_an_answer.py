"""A 200 that holds no answer is its arm's failure: another arm makes it good, it is booked, and never learnt as good. A
usage that can't be read is estimated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest

from adapters.dialects.bedrock.frames import frame
from tests.faults.streams import DIALECTS, ENDPOINTS, IN_PATH, events, question, stream, whole
from tests.proxy.provider import Exchange, Provider, Script, completion
from tests.proxy.running import Launch, Running

NOTHING: dict[str, bytes] = {
    "an empty object": b"{}",
    "null": b"null",
    "nothing": b"",
    "a page": b"<html><title>502 Bad Gateway</title></html>",
    "detail": b'{"detail":"Not authenticated"}',
    "vllm's": b'{"object":"error","message":"model overloaded","type":"server_error","code":503}',
}
EVENTS: dict[str, bytes] = {
    "detail": b'data: {"detail":"Not authenticated"}\n\n',
    "broken JSON": b"data: {oops\n\n",
    "done": b"data: [DONE]\n\n",
    "a comment": b": wait\n\n",
    "an object": b'{"detail":"Not authenticated"}\n',
}


def answering(body: bytes, *, streamed: bool) -> Script:
    async def script(exchange: Exchange) -> None:
        if not streamed:
            await exchange.answer(body)
            return
        await exchange.begin_stream()
        if body:
            await exchange.send(body)
        exchange.writer.write(b"0\r\n\r\n")

    return script


def arm(provider: Provider, dialect: str, script: Script, **more: Any) -> dict[str, Any]:
    provider.scripts["" if dialect in IN_PATH else "a"] = script
    return provider.arm("a", dialect=dialect, **more)


async def ask(gateway: Running, client: str, *, streamed: bool) -> tuple[int, str]:
    body = question(client, stream=streamed)
    async with gateway.session.post(gateway.url + ENDPOINTS[client], json=body) as answer:
        return answer.status, (await answer.read()).decode()


async def booked_as_failure(gateway: Running) -> None:
    """One decision, which is no good one, an error of the arm, and a step towards its rest."""
    [decision] = await gateway.decisions()
    assert decision.status not in ("ok", "cancelled", "invalid_request")
    assert decision.error
    arms = (await gateway.get("/v1/arms"))[1]["data"]
    assert [row["errors"] for row in arms if row["arm"] == decision.arm] == [1]


@pytest.mark.parametrize("kind", NOTHING)
@pytest.mark.parametrize("client", ENDPOINTS)
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_whole_answer_that_is_none_is_told_and_booked(
    launch: Launch, provider: Provider, dialect: str, client: str, kind: str
) -> None:
    gateway = await launch(arm(provider, dialect, answering(NOTHING[kind], streamed=False)))
    status, text = await ask(gateway, client, streamed=False)
    assert status >= 400
    assert "error" in text
    await booked_as_failure(gateway)


@pytest.mark.parametrize("kind", EVENTS)
@pytest.mark.parametrize("client", ENDPOINTS)
@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name != "bedrock"])
async def test_a_stream_that_says_nothing_is_told_and_booked(
    launch: Launch, provider: Provider, dialect: str, client: str, kind: str
) -> None:
    gateway = await launch(arm(provider, dialect, answering(EVENTS[kind], streamed=True)))
    status, text = await ask(gateway, client, streamed=True)
    assert status >= 400
    assert "error" in text
    await booked_as_failure(gateway)


@pytest.mark.parametrize("client", ENDPOINTS)
@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name != "bedrock"])
async def test_what_breaks_after_the_first_words_is_told_in_the_stream(
    launch: Launch, provider: Provider, dialect: str, client: str
) -> None:
    begun = stream(dialect, events("Jupi", finish=False, usage=None), ended=False)

    async def script(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.send(begun)
        await exchange.send(b"data: {oops\n\n")
        await exchange.end_stream()

    gateway = await launch(arm(provider, dialect, script))
    status, text = await ask(gateway, client, streamed=True)
    assert status == 200
    assert "Jupi" in text
    assert "oops" not in text
    assert "error" in text
    await booked_as_failure(gateway)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("client", ENDPOINTS)
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_another_arm_makes_it_good(
    launch: Launch, provider: Provider, dialect: str, client: str, streamed: bool
) -> None:
    gateway = await launch(
        arm(provider, dialect, answering(b'{"detail":"Not authenticated"}', streamed=streamed)),
        provider.arm("good"),
    )
    gateway.gateway.random = lambda: 0.0  # the first arm of those that are left
    status, text = await ask(gateway, client, streamed=streamed)
    assert status == 200
    assert "Hel" in text
    [decision] = await gateway.decisions()
    assert (decision.arm, decision.status) == ("p/good", "ok")
    assert [(attempt["arm"], attempt["error"]) for attempt in decision.attempts] == [("p/a", "upstream")]
    assert "Not authenticated" in decision.attempts[0]["message"]


async def test_an_arm_that_always_answers_so_is_hardly_asked(launch: Launch, provider: Provider) -> None:
    gateway = await launch(
        arm(
            provider, "openai_chat", answering(b'{"detail":"Not authenticated"}', streamed=False), quality=0.9
        ),
        provider.arm("good", quality=0.5),
    )
    for _ in range(40):
        status, body, _ = await gateway.chat()
        assert (status, body["choices"][0]["message"]["content"]) == (200, "Hello.")
    assert sum(seen.json["model"] == "a" for seen in provider.seen) <= 10


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/audio/speech"])
async def test_apis_that_pass_through_take_no_such_answer_either(
    launch: Launch, provider: Provider, path: str
) -> None:
    provider.scripts["a"] = answering(b'{"detail":"Not authenticated"}', streamed=False)
    gateway = await launch(provider.arm("a", capabilities=["embeddings", "speech"]))
    status, body, _ = await gateway.post(path, {"model": "p/a", "input": "Hi", "voice": "alloy"})
    assert status == 502
    assert "Not authenticated" in body["error"]["message"]
    await booked_as_failure(gateway)


async def test_a_limit_that_is_told_under_200_is_a_limit_with_its_wait(
    launch: Launch, provider: Provider
) -> None:
    async def script(exchange: Exchange) -> None:
        body = {"object": "error", "message": "slow down", "code": 429}
        await exchange.answer(body, headers="Retry-After: 7\r\n")

    gateway = await launch(arm(provider, "openai_chat", script))
    status, _, headers = await gateway.chat()
    assert (status, headers["Retry-After"]) == (429, "7")
    await booked_as_failure(gateway)


# --- usage ------------------------------------------------------------------------------------------

SAID = "Jupiter is the largest planet of them all. " * 40
USAGES = [b"null", b'"10"', b"-10", b"true", b"1e300", b"10.5", b"99999999999", b"[]"]
_COUNT = re.compile(rb'("\w*(?:[tT]okens|TokenCount)"): ?\d+')


def counted(dialect: str, value: bytes, pieces: Sequence[str], *, streamed: bool) -> bytes:
    """Returns an answer each of whose counts is `value`."""
    if dialect == "bedrock" and streamed:
        usage = b'{"usage":{"inputTokens":%b,"outputTokens":%b}}' % (value, value)
        deltas = [{"contentBlockIndex": 0, "delta": {"text": piece}} for piece in pieces]
        return b"".join(
            [
                frame("messageStart", b'{"role":"assistant"}'),
                *(frame("contentBlockDelta", json.dumps(delta).encode()) for delta in deltas),
                frame("messageStop", b'{"stopReason":"end_turn"}'),
                frame("metadata", usage),
            ]
        )
    answer = (stream if streamed else whole)(dialect, events(*pieces))
    counts = _COUNT.sub(lambda found: found[1] + b":" + value, answer)
    assert counts != answer
    return counts


async def billed(gateway: Running) -> None:
    """The only decision costs what its text suggests, and says that it is an estimate."""
    [decision] = await gateway.decisions()
    assert decision.status == "ok"
    assert decision.usage_estimated
    assert 0 < decision.input_tokens < 20
    assert len(SAID) / 5 < decision.output_tokens < len(SAID) / 3
    assert decision.cost_usd == pytest.approx((decision.input_tokens + 2 * decision.output_tokens) / 1e6)


@pytest.mark.parametrize("value", USAGES, ids=bytes.decode)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("client", ["openai_chat", "anthropic_messages", "openai_responses"])
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_counts_that_are_none_are_estimated_from_the_text(
    launch: Launch, provider: Provider, dialect: str, client: str, streamed: bool, value: bytes
) -> None:
    pieces = [SAID[at : at + 43] for at in range(0, len(SAID), 43)]
    body = counted(dialect, value, pieces, streamed=streamed)
    gateway = await launch(arm(provider, dialect, answering(body, streamed=streamed)))
    status, text = await ask(gateway, client, streamed=streamed)
    assert status == 200, text
    await billed(gateway)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("client", ENDPOINTS)
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_an_answer_without_counts_is_estimated_from_its_text(
    launch: Launch, provider: Provider, dialect: str, client: str, streamed: bool
) -> None:
    said = events(*(SAID[at : at + 43] for at in range(0, len(SAID), 43)), usage=None)
    body = stream(dialect, said) if streamed else whole(dialect, said)
    if dialect == "anthropic_messages":
        body = body.replace(b'"usage":', b'"usage_of_nothing":')  # its API always sends one
    gateway = await launch(arm(provider, dialect, answering(body, streamed=streamed)))
    status, text = await ask(gateway, client, streamed=streamed)
    assert status == 200, text
    await billed(gateway)


@pytest.mark.parametrize("name", ["content", "reasoning_content"])
async def test_words_that_pass_one_by_one_are_estimated_as_what_they_are(
    launch: Launch, provider: Provider, name: str
) -> None:
    """Most reads of a stream pass unread; their bytes count without what is around them."""

    async def script(exchange: Exchange) -> None:
        await exchange.begin_stream()
        for at in range(0, len(SAID), 8):
            delta = {"role": "assistant"} if at == 0 else {}
            choice = {"index": 0, "delta": delta | {name: SAID[at : at + 8]}, "finish_reason": None}
            await exchange.event(
                {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}
            )
        await exchange.event(
            {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        )
        await exchange.end_stream()

    gateway = await launch(arm(provider, "openai_chat", script))
    await ask(gateway, "openai_chat", streamed=True)
    await billed(gateway)


async def test_the_client_is_told_the_cost_of_the_estimate_and_the_counts_as_they_came(
    launch: Launch, provider: Provider
) -> None:
    usage = {"prompt_tokens": None, "completion_tokens": "5", "total_tokens": -1}
    body = completion(SAID) | {"usage": usage}
    gateway = await launch(arm(provider, "openai_chat", answering(json.dumps(body).encode(), streamed=False)))
    _, told, _ = await gateway.chat()
    [decision] = await gateway.decisions()
    assert told["usage"].pop("cost") == decision.cost_usd
    assert told["usage"] == usage
    await billed(gateway)


async def test_a_zero_is_believed_of_an_answer_without_words(launch: Launch, provider: Provider) -> None:
    body = completion("") | {"usage": {"prompt_tokens": 9, "completion_tokens": 0}}
    gateway = await launch(arm(provider, "openai_chat", answering(json.dumps(body).encode(), streamed=False)))
    await gateway.chat()
    [decision] = await gateway.decisions()
    assert (decision.status, decision.input_tokens, decision.output_tokens) == ("ok", 9, 0)
    assert not decision.usage_estimated


async def test_no_more_is_cached_than_there_was(launch: Launch, provider: Provider) -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 5000}}
    body = completion() | {"usage": usage}
    gateway = await launch(arm(provider, "openai_chat", answering(json.dumps(body).encode(), streamed=False)))
    await gateway.chat()
    [decision] = await gateway.decisions()
    assert (decision.input_tokens, decision.cached_tokens, decision.usage_estimated) == (100, 100, False)
    assert decision.cost_usd == pytest.approx(120e-6)


async def test_what_passed_of_a_stream_that_broke_off_is_estimated(
    launch: Launch, provider: Provider
) -> None:
    begun = stream("anthropic_messages", events(SAID, finish=False, usage=None), ended=False)

    async def script(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.send(begun)
        exchange.cut()

    gateway = await launch(arm(provider, "anthropic_messages", script))
    await ask(gateway, "anthropic_messages", streamed=True)
    [decision] = await gateway.decisions()
    assert decision.status == "upstream"
    assert decision.usage_estimated
    assert len(SAID) / 5 < decision.output_tokens < len(SAID) / 3
