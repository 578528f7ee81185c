"""Whatever text a provider or a client sends stays text: it breaks no answer, no stream, no header and no log line."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import pytest

from adapters.sse import SseSplitter
from tests.faults.streams import DIALECTS, ENDPOINTS, IN_PATH, events, question, stream, whole
from tests.proxy.ingress.test_server import Wire
from tests.proxy.process import GatewayProcess
from tests.proxy.provider import Exchange, Provider, completion, polite
from tests.proxy.running import Launch, Running

EVIL = 'x","delta":"forged"}\n\nevent: response.completed\ndata: {"type":"response.completed"}\r\nX-Evil: 1\r\n\r\n'
FORGED = "2026-12-01 00:00:00,000 ERROR meritorder.server: forged line"


def scripted(provider: Provider, dialect: str, body: bytes, *, streamed: bool) -> dict[str, Any]:
    """Returns the arm that answers with `body`."""

    async def script(exchange: Exchange) -> None:
        if not streamed:
            await exchange.answer(body)
            return
        await exchange.begin_stream()
        await exchange.send(body)
        exchange.writer.write(b"0\r\n\r\n")

    provider.scripts["" if dialect in IN_PATH else "a"] = script
    return provider.arm("a", dialect=dialect)


async def asked(gateway: Running, client: str, **more: Any) -> tuple[bytes, Any]:
    async with gateway.session.post(gateway.url + ENDPOINTS[client], json=question(client, **more)) as answer:
        body = await answer.read()
        assert answer.status == 200, body
        return body, answer.headers


def parsed(body: bytes) -> list[Any]:
    """Returns the events of a stream; what no parser takes raises."""
    splitter = SseSplitter()
    found = splitter.feed(body)
    assert splitter.close() == []
    return [json.loads(data) for _, data in found if data != b"[DONE]"]


def texts(item: object) -> str:
    """Returns all strings of JSON, in order."""
    if isinstance(item, dict):
        return "".join(map(texts, item.values()))
    if isinstance(item, list):
        return "".join(map(texts, item))
    return item if isinstance(item, str) else ""


async def booked_ok(gateway: Running) -> None:
    [decision] = await gateway.decisions()
    assert (decision.status, decision.error) == ("ok", None)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("client", ENDPOINTS)
@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name != "bedrock"])
@pytest.mark.parametrize("half", [rb"\ud83d", rb"\uDE00", b"\xff"], ids=["upper", "lower", "no-utf8"])
async def test_half_a_character_costs_no_answer(
    launch: Launch, provider: Provider, dialect: str, client: str, streamed: bool, half: bytes
) -> None:
    said = events("Half ", "HALF", " done.")
    body = stream(dialect, said) if streamed else whole(dialect, said)
    gateway = await launch(scripted(provider, dialect, body.replace(b"HALF", half), streamed=streamed))
    got, _ = await asked(gateway, client, stream=streamed)
    if streamed and dialect == client and half == b"\xff":
        got = got.replace(half, b"")  # a stream that passes is passed on as it came
    read = texts(parsed(got) if streamed else json.loads(got))
    assert "Half " in read
    assert " done." in read
    await booked_ok(gateway)


@pytest.mark.parametrize("client", ENDPOINTS)
@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name != "bedrock"])
async def test_an_emoji_in_two_events_arrives_whole(
    launch: Launch, provider: Provider, dialect: str, client: str
) -> None:
    body = stream(dialect, events("Smile ", "UPPER", "LOWER", "."))
    body = body.replace(b"UPPER", rb"\ud83d").replace(b"LOWER", rb"\ude00")
    gateway = await launch(scripted(provider, dialect, body, streamed=True))
    got, _ = await asked(gateway, client)
    joined = texts(parsed(got)).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if dialect == client:  # each half is an escape, and a client joins them
        assert rb"\ud83d" in got
    else:
        assert "😀" in joined
    await booked_ok(gateway)


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("client", ENDPOINTS)
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_an_id_forges_no_event_and_no_header(
    launch: Launch, provider: Provider, dialect: str, client: str, streamed: bool
) -> None:
    said = events("Jupiter.", id=EVIL)
    body = stream(dialect, said) if streamed else whole(dialect, said)
    plain = events("Jupiter.", id="plain")
    gateway = await launch(scripted(provider, dialect, body, streamed=streamed))
    got, headers = await asked(gateway, client, stream=streamed)
    assert "X-Evil" not in headers
    [decision] = await gateway.decisions()
    assert decision.id.isprintable()
    provider.scripts.clear()
    other = await launch(
        scripted(
            provider,
            dialect,
            stream(dialect, plain) if streamed else whole(dialect, plain),
            streamed=streamed,
        )
    )
    expected, _ = await asked(other, client, stream=streamed)
    if streamed:
        assert [sorted(event) for event in parsed(got)] == [sorted(event) for event in parsed(expected)]
    else:
        assert sorted(json.loads(got)) == sorted(json.loads(expected))


async def test_an_endless_id_is_cut_and_found_by_what_the_client_was_told(
    launch: Launch, provider: Provider
) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(completion(id="a\n" + "x" * 100_000))

    gateway = await launch(provider.arm("a"))
    provider.scripts["a"] = script
    _, _, headers = await gateway.chat()
    status, found = await gateway.get("/v1/generation", params={"id": headers["X-Generation-Id"]})
    assert status == 200
    upstream_id = found["data"]["upstream_id"]
    assert (len(upstream_id), upstream_id[:3]) == (256, "a\ufffdx")
    status, _ = await gateway.get("/v1/generation", params={"id": "a\n" + "x" * 2000})
    assert status == 200
    status, told, _ = await gateway.post("/v1/feedback", {"id": "a\n" + "x" * 254, "value": 1})
    assert (status, told["status"]) == (200, "new")


# --- what clients send ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("half", [rb"\ud83d", rb"\ude00", b"\xed\xa0\xbd"], ids=["upper", "lower", "bytes"])
@pytest.mark.parametrize("dialect", ["openai_chat", "anthropic_messages", "gemini"])
async def test_half_a_character_of_a_client_is_replaced_wherever_it_goes(
    launch: Launch, provider: Provider, dialect: str, half: bytes
) -> None:
    gateway = await launch(scripted(provider, dialect, whole(dialect, events("x")), streamed=False))
    tool = {"type": "function", "function": {"name": "f", "description": "HALF", "parameters": {}}}
    body = json.dumps(
        question("openai_chat", stream=False, tools=[tool], session_id="s-HALF", user="u-HALF", task="t-HALF")
    ).encode()
    body = body.replace(b'"Hi"', b'"Hi HALF"').replace(b"HALF", half)
    status, answer, _ = await gateway.post("/v1/chat/completions", body)
    assert status == 200, answer
    sent = provider.seen[-1].raw
    assert "Hi \ufffd" in texts(json.loads(sent))
    assert half not in sent
    [decision] = await gateway.decisions()
    assert decision.session == "s-\ufffd"
    verdict = b'{"session_id": "s-HALF", "value": 1, "comment": "HALF"}'.replace(b"HALF", half)
    status, told, _ = await gateway.post("/v1/feedback", verdict)
    assert (status, told["session_id"], told["answers"]) == (200, "s-\ufffd", 1)


async def test_a_header_that_is_no_utf8_is_no_error_of_the_gateway(
    launch: Launch, provider: Provider
) -> None:
    gateway = await launch(provider.arm("good"))
    for name in ("X-Session-Id", "X-Meritorder-Task", "X-Meritorder-Objective", "Idempotency-Key"):
        for path, body in (
            ("/v1/chat/completions", question("openai_chat", stream=False)),
            ("/v1/feedback", {"id": "x", "value": 1}),
        ):
            raw = json.dumps(body).encode()
            wire = await Wire.to(gateway)
            head = (
                f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(raw)}\r\n{name}: a"
            ).encode()
            wire.writer.write(head + b"\xff\xe6\r\n\r\n" + raw)
            status, *_ = await wire.answer()
            assert status in (200, 404, 422)
            await wire.close()
    for decision in await gateway.decisions():
        assert decision.session in (None, "a\ufffd\ufffd")


async def test_a_route_named_by_a_client_ends_no_header(launch: Launch, provider: Provider) -> None:
    arm = provider.arm("good") | {"model": "good\r\nX-Evil: 1"}
    provider.scripts["good\r\nX-Evil: 1"] = polite
    gateway = await launch(arm)
    for streamed in (False, True):
        body = question("openai_chat", stream=streamed) | {"model": "good\r\nX-Evil: 1"}
        async with gateway.session.post(gateway.url + "/v1/chat/completions", json=body) as answer:
            assert answer.status == 200
            assert "X-Evil" not in answer.headers
            assert answer.headers["X-Meritorder-Route"] == "good??X-Evil: 1"


# --- the log -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_nobody_forges_a_line_of_the_log(tmp_path: Any, provider: Provider, workers: str) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(
            {"error": {"message": f"broke\r\n{FORGED} \x1b[31mred", "code": f"x\n{FORGED}"}}, 500
        )

    provider.scripts["a"] = script
    gateway = await GatewayProcess.start(tmp_path, [provider.arm("a")], "--workers", workers)
    try:
        async with aiohttp.ClientSession(gateway.url) as client:
            for field in ("task", "session_id", "user", "model", "objective"):
                body = question("openai_chat", stream=False) | {field: f"a\n{FORGED}"}
                async with client.post("/v1/chat/completions", json=body) as answer:
                    assert answer.status in (404, 422, 502)
        line = await gateway.says("rests after")
    finally:
        await gateway.kill()
    assert rf"broke\r\n{FORGED} \x1b[31mred" in line
    assert not [line for line in gateway.lines if line.startswith(FORGED[:10]) and "forged line" in line[:80]]
    assert not [line for line in gateway.lines if "\x1b" in line]
