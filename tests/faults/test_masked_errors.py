"""A provider that repeats its key, in whatever dialect, shape or place: nobody reads it who isn't the provider."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from tests.faults.recorder import DIALECTS, ENDPOINTS, Answer, Recorder, refusal, request
from tests.proxy.process import GatewayProcess
from tests.proxy.provider import Exchange, Provider, chunk
from tests.proxy.running import Launch

KEY = "p4ssphrase/of+the=upstream"
BASIC = base64.b64encode(f"me:{KEY}".encode()).decode()


def _json(value: Any, status: int = 401) -> Answer:
    return status, "application/json", orjson.dumps(value)


SHAPES: dict[str, Answer] = {
    "openai": refusal(f"Incorrect API key provided: {KEY}.", 401),
    "code": _json({"error": {"message": "no", "code": f"denied {KEY}", "type": KEY}}),
    "param": _json({"error": {"message": "no", "param": KEY}}, 400),
    "anthropic": _json({"type": "error", "error": {"type": "authentication_error", "message": f"bad {KEY}"}}),
    "anthropic type": _json({"type": "error", "error": {"type": KEY, "message": ""}}, 403),
    "google": _json(
        {"error": {"code": 400, "message": f"key {KEY}", "status": "INVALID_ARGUMENT", "details": [KEY]}}, 400
    ),
    "aws": _json({"__type": f"{KEY}Exception", "message": f"token {KEY}", "Message": KEY}, 403),
    "cohere": _json({"message": f"invalid {KEY}"}),
    "detail": _json({"detail": [{"msg": f"no {KEY}", "input": KEY}]}, 422),
    "text": _json(f"no {KEY}", 500),
    "list": _json([{"error": {"message": KEY}}], 500),
    "page": (403, "text/html", f"<html><b>{KEY}</b> {KEY.replace('/', '&#x2F;')} is blocked</html>".encode()),
    "plain": (500, "text/plain", f"panic: token {KEY}".encode()),
    "escaped": (
        500,
        "application/json",
        b'{"error": {"message": "' + KEY.replace("/", "\\/").encode() + b'"}}',
    ),
    "url": refusal("see https://x.example/?key=p4ssphrase%2Fof%2Bthe%3Dupstream", 401),
    "basic": refusal(f"Authorization: {BASIC} is wrong", 401),
    "cut": (500, "text/plain", b"x" * 1985 + KEY.encode() + b"y" * 5000),
    "redirect": (302, "text/html", f"<a href='/{KEY}'>moved</a>".encode()),
    "200": _json({"error": {"message": f"bad {KEY}", "code": KEY}}, 200),
    "200 stream": (200, "text/event-stream", f'data: {{"error": {{"message": "bad {KEY}"}}}}\n\n'.encode()),
    "200 anthropic": (
        200,
        "text/event-stream",
        f'event: error\ndata: {{"type": "error", "error": {{"type": "{KEY}", "message": "{KEY}"}}}}\n\n'.encode(),
    ),
}


def shown(text: str) -> list[str]:
    """Returns which pieces of the key, or of what holds it, a text shows."""
    return [piece for piece in (KEY, "p4ssphrase", "the=upstream", "%2Bthe%3D", BASIC[4:-6]) if piece in text]


@pytest.fixture
async def recorder() -> AsyncIterator[Recorder]:
    server = await Recorder(lambda _: refusal("no")).start()
    yield server
    await server.close()


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_key_that_is_repeated_is_masked_for_every_client_and_in_the_record(
    launch: Launch, recorder: Recorder, shape: str, caplog: pytest.LogCaptureFixture
) -> None:
    recorder.answer = lambda _: SHAPES[shape]
    # Each arm is asked once by each client, and would rest after the first.
    arms = [
        recorder.arm(f"{dialect}{number}", dialect, api_key=KEY)
        for dialect in DIALECTS
        for number in range(len(ENDPOINTS))
    ]
    gateway = await launch(*arms)
    for number, endpoint in enumerate(ENDPOINTS):
        for dialect in DIALECTS:
            for stream in (False, True):
                body, kind = request(endpoint, f"{dialect}{number}", stream=stream)
                async with gateway.session.post(
                    gateway.url + endpoint, data=body, headers={"Content-Type": kind}
                ) as answer:
                    assert shown(await answer.text()) == [], (endpoint, dialect, stream)
                    assert shown(str(answer.headers)) == [], (endpoint, dialect, stream)
    assert len(recorder.heads) > 20
    for decision in await gateway.decisions():
        assert shown(str(decision)) == []
        _, told = await gateway.get(f"/v1/generation?id={decision.request_id}")
        assert shown(str(told)) == []
    _, listing = await gateway.get("/v1/arms")
    assert shown(str(listing)) == []


async def test_an_error_in_the_midst_of_a_stream_is_masked(launch: Launch, provider: Provider) -> None:
    async def breaks(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.event(chunk("Hel"))
        await exchange.event({"error": {"message": f"lost {KEY}", "code": KEY, "type": "server_error"}})
        await exchange.end_stream()

    provider.scripts["breaks"] = breaks
    gateway = await launch(provider.arm("breaks", api_key=KEY))
    _, said = await gateway.stream()
    assert b"lost ***" in said
    assert shown(said.decode()) == []
    [decision] = await gateway.decisions()
    assert "lost ***" in decision.error


async def test_failed_attempts_and_what_they_said_are_masked(launch: Launch, provider: Provider) -> None:
    async def refuses(exchange: Exchange) -> None:
        await exchange.answer({"error": {"message": f"no {KEY}"}}, 500)

    provider.scripts["refuses"] = refuses
    gateway = await launch(
        provider.arm("refuses", api_key=KEY, quality=1.0), provider.arm("good", quality=0.01), routes={}
    )
    for _ in range(5):
        await gateway.chat()
    decisions = await gateway.decisions()
    assert any(decision.attempts for decision in decisions)
    assert all(shown(str(decision.attempts)) == [] for decision in decisions)


def _speech(kind: str, body: bytes) -> Callable[[str], Answer]:
    return lambda _: (200, kind, body)


@pytest.mark.parametrize(
    "answer",
    [
        _speech("application/json", orjson.dumps({"error": {"message": KEY}})),
        _speech(
            "text/event-stream", f'data: {{"type": "error", "error": {{"message": "{KEY}"}}}}\n\n'.encode()
        ),
        _speech(f"audio/mpeg; key={KEY}", b"sound"),
    ],
)
@pytest.mark.parametrize("endpoint", ["/v1/audio/speech", "/v1/audio/transcriptions"])
async def test_sound_that_is_an_error_is_masked(
    launch: Launch, recorder: Recorder, answer: Callable[[str], Answer], endpoint: str
) -> None:
    recorder.answer = answer
    gateway = await launch(recorder.arm("a", "openai_chat", api_key=KEY))
    body, kind = request(endpoint, "a")
    async with gateway.session.post(
        gateway.url + endpoint, data=body, headers={"Content-Type": kind}
    ) as said:
        assert shown(await said.text()) == []
        assert shown(str(said.headers)) == []


async def test_neither_log_nor_database_of_a_process_holds_a_key_that_was_repeated(
    tmp_path: Path, recorder: Recorder
) -> None:
    answers = iter([SHAPES["openai"], SHAPES["plain"], SHAPES["200"], SHAPES["escaped"], SHAPES["basic"]])
    recorder.answer = lambda _: next(answers)
    arms = [recorder.arm(f"a{number}", "openai_chat", api_key=KEY) for number in range(5)]
    gateway = await GatewayProcess.start(tmp_path, arms)
    async with aiohttp.ClientSession() as session:
        for number in range(5):
            body, kind = request("/v1/chat/completions", f"a{number}")
            async with session.post(
                gateway.url + "/v1/chat/completions", data=body, headers={"Content-Type": kind}
            ) as answer:
                assert answer.status >= 400
        async with session.get(gateway.url + "/v1/arms") as answer:
            assert answer.status == 200
    await gateway.says("rests after")
    await gateway.kill()
    assert shown("".join(gateway.lines)) == []
    files = b"".join(file.read_bytes() for file in tmp_path.iterdir() if file.name != "meritorder.toml")
    assert shown(files.decode("latin-1")) == []
