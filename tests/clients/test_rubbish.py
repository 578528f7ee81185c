"""Upstreams that answer with values of the wrong type somewhere, and clients that ask with such: nothing is the
gateway's own failure.
"""

from __future__ import annotations

import copy
import logging
import random
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import orjson
import pytest

from tests.clients.upstreams.replay import PROVIDERS, WIRES, Replay
from tests.proxy.provider import Exchange
from tests.proxy.running import Launch, Running

RUBBISH: list[Any] = [
    None, True, 0, -1, 7, 2**63, -(2**63), 1.5, 1e300, "", "x", "é\u2028\ud7ff", [], [None], [[1]], ["x"], {}, {"x": None},
    {"type": 5}, [{}], [{"type": "text"}], [{"type": "text", "text": 3}],
]  # fmt: skip
PLOTS = ("text", "tool", "think")
ROUNDS = 40
SOON = aiohttp.ClientTimeout(10.0)

_EVENT = re.compile(rb"(?m)^data: (\{.*\})\r?$")
_TOOL = {"type": "object", "properties": {"city": {"type": "string"}}}

ASKED: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Rain?"}]},
            {"role": "assistant", "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "rain", "arguments": '{"city":"x"}'}}
            ]},
            {"role": "tool", "tool_call_id": "c1", "content": "rain over x"},
            {"role": "user", "content": "And now?"},
        ],
        "tools": [{"type": "function", "function": {"name": "rain", "parameters": _TOOL}}],
        "tool_choice": "auto", "max_tokens": 50, "temperature": 0.5, "stop": ["x"], "response_format": {"type": "text"},
        "stream_options": {"include_usage": True}, "user": "u", "n": 1, "seed": 3, "logit_bias": {"5": 1},
        "task": "rain", "session_id": "s", "objective": {"value_usd": 0.01}, "provider": {"order": ["x"]},
    },
    "/v1/messages": {
        "max_tokens": 50, "system": [{"type": "text", "text": "Be brief."}], "temperature": 0.5, "stop_sequences": ["x"],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Rain?"}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "rain", "input": {"city": "x"}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "rain over x"}]},
        ],
        "tools": [{"name": "rain", "input_schema": _TOOL}], "tool_choice": {"type": "auto"}, "metadata": {"user_id": "u"},
    },
    "/v1/responses": {
        "instructions": "Be brief.", "max_output_tokens": 50, "temperature": 0.5, "text": {"format": {"type": "text"}},
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "Rain?"}]},
            {"type": "function_call", "call_id": "c1", "name": "rain", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "rain over x"},
        ],
        "tools": [{"type": "function", "name": "rain", "parameters": _TOOL}], "reasoning": {"effort": "low"},
    },
}  # fmt: skip
"""By path, a request that says much."""

PLAIN = {
    "/v1/chat/completions": ("messages",),
    "/v1/messages": ("messages", "max_tokens"),
    "/v1/responses": ("input",),
}
"""The fields that every provider understands."""


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if above:
        yield above
    if isinstance(value, dict | list):
        for key, below in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(below, (*above, key))


def spoilt(value: Any, rng: random.Random) -> Any:
    """A copy of a JSON value with rubbish, or nothing, in one place."""
    value = copy.deepcopy(value)
    *path, last = rng.choice(list(places(value)))
    part = value
    for key in path:
        part = part[key]
    if rng.random() < 0.2:
        del part[last]
    else:
        part[last] = rng.choice(RUBBISH)
    return value


class Spoiler(Replay):
    """Answers as `Replay` does, but for one place of the answer."""

    def __init__(self) -> None:
        super().__init__()
        self.rng: random.Random | None = None
        self.refuses = False

    async def _answer(self, exchange: Exchange) -> None:
        rng = self.rng
        if rng is None:
            await super()._answer(exchange)
            return
        path = exchange.head.split(b" ", 2)[1].decode()
        dialect = next(name for name in WIRES if name in path)
        if self.refuses:
            await exchange.answer(spoilt(WIRES[dialect].limited(), rng), rng.choice((400, 429, 500)))
            return
        plot = rng.choice(PLOTS)
        if not exchange.json.get("stream") and "alt=sse" not in path:
            await exchange.answer(spoilt(WIRES[dialect].whole(plot), rng))
            return
        events = WIRES[dialect].stream(plot)
        at = rng.choice([n for n, event in enumerate(events) if _EVENT.search(event)])
        found = _EVENT.search(events[at])
        wrong = orjson.dumps(spoilt(orjson.loads(found[1]), rng))
        await exchange.begin_stream()
        for event in [*events[:at], events[at].replace(found[1], wrong), *events[at + 1 :]]:
            await exchange.send(event)
        exchange.writer.write(b"0\r\n\r\n")
        await exchange.writer.drain()


DIALECTS = [name for name in WIRES if name != "bedrock"]


@pytest.fixture
async def upstream() -> AsyncIterator[Spoiler]:
    server = Spoiler()
    await server.start()
    yield server
    await server.close()


@pytest.fixture
async def gateway(upstream: Spoiler, launch: Launch) -> Running:
    arms = [
        {**upstream.arm(name, "text", provider=PROVIDERS[name]), "base_url": f"{upstream.url}/{name}"}
        for name in DIALECTS
    ]
    return await launch(*arms)


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("path", ASKED)
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_an_upstream_s_rubbish_is_its_own_failure(
    upstream: Spoiler,
    gateway: Running,
    caplog: pytest.LogCaptureFixture,
    dialect: str,
    path: str,
    stream: bool,
) -> None:
    asked = {name: ASKED[path][name] for name in PLAIN[path]}
    asked |= {"model": f"{dialect}/text", "stream": stream}
    for seed in range(ROUNDS):
        upstream.rng = random.Random(seed)
        async with gateway.session.post(gateway.url + path, json=asked, timeout=SOON) as answer:
            body = await answer.read()  # that it ends is part of the promise
            assert answer.status != 500, (seed, body)
    assert len(await gateway.decisions()) == ROUNDS
    await gateway.gateway.learner.save(gateway.gateway.store)
    assert complaints(caplog) == []


@pytest.mark.parametrize("path", ASKED)
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_rubbish_that_tells_of_an_error_is_an_error_of_the_upstream(
    upstream: Spoiler, gateway: Running, caplog: pytest.LogCaptureFixture, dialect: str, path: str
) -> None:
    asked = {name: ASKED[path][name] for name in PLAIN[path]} | {"model": f"{dialect}/text"}
    upstream.refuses = True
    for seed in range(ROUNDS):
        upstream.rng = random.Random(seed)
        async with gateway.session.post(gateway.url + path, json=asked, timeout=SOON) as answer:
            body = await answer.read()
            assert answer.status in (400, 401, 402, 403, 404, 413, 429, 502, 503, 504), (seed, body)
            assert b"error" in body
    assert len(await gateway.decisions()) == ROUNDS
    assert complaints(caplog) == []


@pytest.mark.parametrize("path", ASKED)
@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_client_s_rubbish_is_refused_or_passed_on(
    gateway: Running, caplog: pytest.LogCaptureFixture, dialect: str, path: str
) -> None:
    rng = random.Random(1)
    for seed in range(2 * ROUNDS):
        asked = spoilt({**ASKED[path], "stream": bool(seed % 2)}, rng)
        asked.setdefault("model", f"{dialect}/text")
        async with gateway.session.post(gateway.url + path, json=asked, timeout=SOON) as answer:
            body = await answer.read()
            assert answer.status in (200, 400, 404, 422), (asked, body)
    assert complaints(caplog) == []
